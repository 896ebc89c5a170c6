//! The words that a program is started with: which of them a client chose, and which can be options.

use std::collections::BTreeSet;

use crate::evidence::source::GuardKind;

use super::super::ir::At;
use super::super::options::{holds_what_follows, may_take_a_value, takes_a_value};
use super::super::sinks::Asked;
use super::World;
use super::trace::{Arrived, DEEP, MOST, meet_all};
use super::value::{Alt, Id, Known, Node, Op};

/// What is known of a command while its words are looked at, from the first on.
#[derive(Debug, Clone, Default)]
struct Line {
    program: String,
    /// `commit` of `git commit`.
    command: String,
    /// Whether the next word is the program, or all there is.
    first: bool,
    /// The fixed word before this one.
    last: Option<String>,
    /// Where options are over.
    over: Option<At>,
}

impl World<'_> {
    /// What arrives in the words of a command.
    pub(super) fn words(&self, asked: &Asked<'_>, arriving: &[Id]) -> Arrived {
        let mut line = Line { first: true, ..Line::default() };
        // `repo.git.commit(...)`
        if asked.path.contains(".git.") {
            line.program = "git".to_owned();
            line.command = asked.method.replace('_', "-");
            line.first = false;
        }
        let mut left = MOST;
        let mut arrived = self.each_word(arriving, &mut line, &BTreeSet::new(), &mut left);
        for found in arrived.values_mut() {
            if let Some(at) = found.guards.get(&GuardKind::AllowList).copied() {
                let _at = found.guards.entry(GuardKind::NoOption).or_insert(at);
            }
        }
        arrived
    }

    fn each_word(
        &self,
        ids: &[Id],
        line: &mut Line,
        known: &BTreeSet<Known>,
        left: &mut u32,
    ) -> Arrived {
        let mut arrived = Arrived::new();
        for id in ids {
            // A list of itself has words without end.
            let Some(less) = left.checked_sub(1) else { break };
            *left = less;
            match self.values.get(*id) {
                Node::List(items) => {
                    let items: Vec<Id> = items.iter().map(|(_, it)| *it).collect();
                    meet_all(&mut arrived, self.each_word(&items, line, known, left));
                }
                Node::Phi(alts) if alts.iter().any(|it| self.is_list(it.value)) => {
                    let mut any = self.each_alternative(alts, line, known, left);
                    self.pass(*id, known, &mut any);
                    meet_all(&mut arrived, any);
                }
                _ => meet_all(&mut arrived, self.word(*id, line, known, left)),
            }
        }
        arrived
    }

    fn is_list(&self, id: Id) -> bool {
        matches!(self.values.get(id), Node::List(_))
    }

    /// One of several lists of words; behind them, options are over when all of them say so.
    fn each_alternative(
        &self,
        alts: &[Alt],
        line: &mut Line,
        known: &BTreeSet<Known>,
        left: &mut u32,
    ) -> Arrived {
        let mut arrived = Arrived::new();
        let mut over: Option<Option<At>> = None;
        for alt in alts {
            let mut with = known.clone();
            with.extend(alt.known.iter().copied());
            let mut mine = line.clone();
            meet_all(&mut arrived, self.each_word(&[alt.value], &mut mine, &with, left));
            over = Some(over.map_or(mine.over, |it| it.and(mine.over)));
        }
        line.over = line.over.or(over.flatten());
        (line.first, line.last) = (false, None);
        arrived
    }

    fn word(&self, id: Id, line: &mut Line, known: &BTreeSet<Known>, left: &mut u32) -> Arrived {
        let mut arrived = self.trace(id, known, DEEP, left);
        let at = self.values.place(id);
        let value =
            line.last.as_ref().is_some_and(|it| takes_a_value(&line.program, &line.command, it));
        let perhaps = line.last.as_ref().is_some_and(|it| may_take_a_value(&line.program, it));
        let held = line.over.or((value || self.begins_fixed(id, 8)).then_some(at));
        for found in arrived.values_mut() {
            found.whole &= line.first;
            if let Some(at) = held {
                let _at = found.guards.entry(GuardKind::NoOption).or_insert(at);
            } else if perhaps {
                let _at = found.guards.entry(GuardKind::BehindOption).or_insert(at);
            }
        }
        let text = self.values.text(id).map(ToString::to_string);
        if let Some(text) = &text {
            if line.first && line.program.is_empty() {
                let name = text.rsplit(['/', '\\']).next().unwrap_or_default();
                name.trim_end_matches(".exe").clone_into(&mut line.program);
            } else if text == "--" {
                line.over = line.over.or(Some(at));
            } else if line.command.is_empty() && !text.starts_with('-') {
                line.command.clone_from(text);
            }
        }
        // The value of an option is not the option before the next word.
        (line.first, line.last) = (false, text.filter(|_| !value));
        arrived
    }

    /// Whether a word begins with something that a client has no hand in, and that makes it no option.
    fn begins_fixed(&self, id: Id, left: u32) -> bool {
        let Some(left) = left.checked_sub(1) else { return false };
        match self.values.get(id) {
            Node::Through(Op::Resolved, _) => true,
            Node::Through(Op::Absolute, inner) => self.begins_fixed(*inner, left),
            Node::Path(parts, _) => parts.first().is_some_and(|it| match self.values.text(*it) {
                Some(text) => holds_what_follows(text),
                None => !self.values.tainted(*it) || self.begins_fixed(*it, left),
            }),
            Node::Parts(parts) => {
                let fixed: Vec<Id> =
                    parts.iter().copied().take_while(|it| !self.values.tainted(*it)).collect();
                match fixed.first().map(|it| self.values.text(*it)) {
                    None => parts.first().is_some_and(|it| self.begins_fixed(*it, left)),
                    Some(Some(text)) => holds_what_follows(text),
                    // Something from elsewhere, such as a configured directory, and a text behind it.
                    Some(None) => fixed.iter().any(|it| self.values.text(*it).is_some()),
                }
            }
            Node::Phi(alts) => alts.iter().all(|it| {
                self.values.text(it.value).is_some() || self.begins_fixed(it.value, left)
            }),
            _ => false,
        }
    }
}
