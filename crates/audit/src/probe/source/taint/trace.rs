//! From a sink back to what a client sent: the way, and the guards on it.

use std::collections::{BTreeMap, BTreeSet};

use crate::evidence::Place;
use crate::evidence::source::{FactKind, Flow, Guard, GuardKind, Sink, Step};

use super::super::ir::{At, Word};
use super::super::sinks::Asked;
use super::World;
use super::value::{Id, Known, Node, Op};

/// How many nodes are looked at for one sink.
pub(super) const MOST: u32 = 6_000;
pub(super) const DEEP: u32 = 70;
const STEPS: usize = 24;
/// How many flows are kept of one tree.
const FLOWS: usize = 5_000;

pub(super) type Guards = BTreeMap<GuardKind, At>;

/// One parameter that arrives.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) guards: Guards,
    pub(super) whole: bool,
    steps: Vec<At>,
}

pub(super) type Arrived = BTreeMap<(u32, Word), Found>;

impl World<'_> {
    /// What arrives at a sink becomes a flow, or makes one that is known weaker.
    pub(in super::super) fn arrives(&mut self, sink: Sink, asked: &Asked<'_>, arriving: &[Id]) {
        self.note_unclear(sink, asked, arriving);
        let mut arrived = Arrived::new();
        if matches!(sink, Sink::Process | Sink::Shell) {
            arrived = self.words(asked, arriving);
        } else {
            for id in arriving.iter().filter(|it| self.values.tainted(**it)) {
                let mut left = MOST;
                let one = match sink {
                    Sink::Url => self.address(*id, &mut left),
                    _ => self.trace(*id, &BTreeSet::new(), DEEP, &mut left),
                };
                meet_all(&mut arrived, one);
            }
        }
        let extra = self.guards_of_call(sink, asked);
        for ((handler, param), mut found) in arrived {
            found.guards.extend(extra.iter().map(|(kind, at)| (*kind, *at)));
            self.record(sink, asked, handler, &param, found);
        }
    }

    /// What a function that is not known made of a client's value arrives here: it is no flow, and nobody can say that
    /// there is none.
    fn note_unclear(&mut self, sink: Sink, asked: &Asked<'_>, arriving: &[Id]) {
        let run = self.fills_database && matches!(sink, Sink::Shell | Sink::Code);
        let lost = |it: &&Id| {
            !self.values.tainted(**it)
                && (self.is_made_of_clients(**it, false) || run && self.is_of_database(**it))
        };
        let harmless = matches!(sink, Sink::Log | Sink::Pattern | Sink::Sent | Sink::Kept);
        if harmless || !arriving.iter().any(|it| lost(&it)) {
            return;
        }
        let fact = (FactKind::Unclear(sink), asked.at);
        let text = self.call_text(asked.at);
        let _new = self.noted.entry(fact).or_insert(text);
    }

    /// A guard that the call itself is.
    fn guards_of_call(&self, sink: Sink, asked: &Asked<'_>) -> Guards {
        let mut guards = Guards::new();
        match sink {
            Sink::FileRead | Sink::FileWrite => {
                let beneath = asked.args.iter().any(|(name, _)| name.as_deref() == Some("dir_fd"));
                let no_follow = asked.args.iter().any(|(_, it)| self.holds(*it, "O_NOFOLLOW", 6));
                if beneath && no_follow {
                    let _new = guards.insert(GuardKind::Beneath, asked.at);
                }
            }
            Sink::Sql => {
                if let Some((kind, at)) = asked.recv.and_then(|it| self.read_only(it, 10)) {
                    let _new = guards.insert(kind, at);
                }
            }
            _ => {}
        }
        guards
    }

    /// Whether a word is somewhere in a value.
    pub(in super::super) fn holds(&self, id: Id, word: &str, left: u32) -> bool {
        let Some(left) = left.checked_sub(1) else { return false };
        match self.values.get(id) {
            Node::Text(text) | Node::Global(text) => text.contains(word),
            Node::Member(of, name) => name.contains(word) || self.holds(*of, word, left),
            Node::Call(_, _, args) => args.iter().any(|(_, it)| self.holds(*it, word, left)),
            node => super::value::parts(node).iter().any(|it| self.holds(*it, word, left)),
        }
    }

    /// Where a connection was made read-only, and whether its callers can undo it.
    fn read_only(&self, id: Id, left: u32) -> Option<(GuardKind, At)> {
        let left = left.checked_sub(1)?;
        let mut known: Vec<(GuardKind, At)> = self.known_here(id);
        known.retain(|it| matches!(it.0, GuardKind::ReadOnly | GuardKind::ReadOnlySaid));
        known.sort();
        if let Some(known) = known.first() {
            return Some(*known);
        }
        match self.values.get(id) {
            Node::Call(_, recv, args) => {
                let says =
                    |it: Id| self.holds(it, "mode=ro", 6) || self.holds(it, "OPEN_READ_ONLY", 6);
                let begins = |it: Id| self.holds(it, "default_transaction_read_only", 6);
                let option = |it: Id| match self.values.get(it) {
                    Node::Map(entries) => entries.iter().any(|(key, value)| {
                        let key = key.and_then(|it| self.values.text(it));
                        key.is_some_and(|it| {
                            matches!(it.to_ascii_lowercase().as_str(), "readonly" | "read_only")
                        }) && *self.values.get(*value) == Node::Bool(true)
                    }),
                    _ => false,
                };
                let named = args.iter().any(|(name, it)| {
                    matches!(name.as_deref(), Some("read_only" | "readonly"))
                        && *self.values.get(*it) == Node::Bool(true)
                });
                if named || args.iter().any(|(_, it)| says(*it) || option(*it)) {
                    return Some((GuardKind::ReadOnly, self.values.place(id)));
                }
                if args.iter().any(|(_, it)| begins(*it)) {
                    return Some((GuardKind::ReadOnlySaid, self.values.place(id)));
                }
                recv.and_then(|it| self.read_only(it, left))
            }
            Node::Member(base, _) | Node::Elem(base) => self.read_only(*base, left),
            Node::Phi(alts) => alts.iter().find_map(|alt| self.read_only(alt.value, left)),
            _ => None,
        }
    }

    /// Only what may say where a request goes: behind a fixed host, a value is a path.
    fn address(&self, id: Id, left: &mut u32) -> Arrived {
        let nothing = BTreeSet::new();
        match self.values.get(id) {
            Node::Parts(parts) => {
                let parts: Vec<Id> = parts
                    .iter()
                    .copied()
                    .filter(|it| self.values.text(*it).is_none_or(|it| !it.is_empty()))
                    .collect();
                let Some(first) = parts.first() else { return Arrived::new() };
                let fixed = match self.values.text(*first) {
                    Some(text) => {
                        text.split_once("://").is_some_and(|(_, rest)| rest.contains(['/', '?']))
                    }
                    None => !self.values.tainted(*first),
                };
                if fixed {
                    return Arrived::new();
                }
                if self.values.tainted(*first) {
                    return self.address(*first, left);
                }
                let mut arrived = self.trace(id, &nothing, DEEP, left);
                // Behind `https://`, or a part of a name, whoever goes on writes the host.
                let begun = self.values.text(*first).is_some_and(|it| it.contains("://"));
                let host = parts.get(1).filter(|it| begun && self.values.tainted(**it));
                for (key, mut found) in
                    host.map(|it| self.trace(*it, &nothing, DEEP, left)).unwrap_or_default()
                {
                    if found.guards.contains_key(&GuardKind::Word) {
                        continue;
                    }
                    found.whole |= arrived.contains_key(&key);
                    let _old = arrived.insert(key, found);
                }
                arrived
            }
            Node::Phi(alts) => {
                let mut arrived = Arrived::new();
                for alt in alts {
                    meet_all(&mut arrived, self.address(alt.value, left));
                }
                arrived
            }
            Node::Through(Op::Same | Op::Part, inner) => self.address(*inner, left),
            _ => self.trace(id, &nothing, DEEP, left),
        }
    }

    fn known_on(&self, id: Id, more: &BTreeSet<Known>) -> Guards {
        let mut guards: Guards = self.known_here(id).into_iter().collect();
        guards.extend(more.iter().filter(|it| it.on == id).map(|it| (it.kind, it.at)));
        guards
    }

    pub(super) fn trace(
        &self,
        id: Id,
        more: &BTreeSet<Known>,
        deep: u32,
        left: &mut u32,
    ) -> Arrived {
        let mut arrived = Arrived::new();
        let (Some(deep), true) = (deep.checked_sub(1), self.values.tainted(id)) else {
            return arrived;
        };
        if *left == 0 {
            return arrived;
        }
        *left -= 1;
        match self.values.get(id) {
            Node::Param(handler, name) => {
                let guards = self.guards_of_type(*handler, name);
                let found = Found { guards, whole: true, steps: Vec::new() };
                let _first = arrived.insert((*handler, name.clone()), found);
            }
            Node::Sent(handler) => {
                let found = Found { guards: Guards::new(), whole: true, steps: Vec::new() };
                let _first = arrived.insert((*handler, "*".into()), found);
            }
            Node::Phi(alts) => {
                for alt in alts {
                    let mut with = more.clone();
                    with.extend(alt.known.iter().copied());
                    meet_all(&mut arrived, self.trace(alt.value, &with, deep, left));
                }
            }
            Node::Each(alt) => {
                let mut with = more.clone();
                with.extend(alt.known.iter().copied());
                arrived = self.trace(alt.value, &with, deep, left);
            }
            Node::Compare(..) | Node::Test(..) | Node::Not(_) | Node::And(_) | Node::Asked(_) => {}
            Node::Through(
                Op::Host | Op::Sign | Op::Find | Op::CommonPath | Op::CommonPrefix | Op::Parents,
                inner,
            ) => {
                arrived = self.trace(*inner, more, deep, left);
                for found in arrived.values_mut() {
                    found.whole = false;
                }
            }
            node => {
                let parts = super::value::parts(node);
                let between = matches!(node, Node::Parts(_) if parts.len() > 1)
                    || matches!(node, Node::Path(_, false) if parts.len() > 1);
                for part in parts {
                    meet_all(&mut arrived, self.trace(part, more, deep, left));
                }
                for found in arrived.values_mut() {
                    found.whole &= !between;
                }
            }
        }
        self.pass(id, more, &mut arrived);
        arrived
    }

    /// What passing a node adds to each of what passes it.
    pub(super) fn pass(&self, id: Id, more: &BTreeSet<Known>, arrived: &mut Arrived) {
        let at = self.values.place(id);
        let mut guards = self.known_on(id, more);
        if let Node::Through(op, _) = self.values.get(id) {
            guards.extend(guard_of(*op).map(|kind| (kind, at)));
        }
        for found in arrived.values_mut() {
            for (kind, at) in &guards {
                let _at = found.guards.entry(*kind).or_insert(*at);
            }
            let last = found.steps.last();
            if found.steps.len() < STEPS
                && last.is_none_or(|it| (it.file, it.line) != (at.file, at.line))
                && at.line > 0
            {
                found.steps.push(at);
            }
        }
    }

    pub(in super::super) fn place_of(&self, at: At) -> Place {
        let file = self.modules.get(at.file as usize).map(|it| it.name.clone());
        Place { file: file.unwrap_or_default(), line: at.line, column: at.column }
    }

    fn step(&self, at: At) -> Step {
        Step { place: self.place_of(at), text: self.line(at) }
    }

    fn guard(&self, kind: GuardKind, at: At) -> Guard {
        Guard { kind, place: self.place_of(at), text: self.line(at) }
    }

    fn record(&mut self, sink: Sink, asked: &Asked<'_>, handler: u32, param: &Word, found: Found) {
        let name = self.handler_name(handler);
        let key = (name.clone(), param.to_string(), sink, asked.at);
        let guards: Vec<Guard> =
            found.guards.iter().map(|(kind, at)| self.guard(*kind, *at)).collect();
        if let Some(known) = self.flows.get_mut(&key) {
            let here: BTreeSet<GuardKind> = found.guards.keys().copied().collect();
            if !harmless(&here) {
                let there: BTreeSet<GuardKind> = known.guards.iter().map(|it| it.kind).collect();
                if harmless(&there) {
                    known.guards = guards;
                } else {
                    known.guards.retain(|it| here.contains(&it.kind));
                }
            }
            known.whole |= found.whole;
            return;
        }
        if self.flows.len() >= FLOWS {
            let why = "more of what a client sends arrives in it than is kept".to_owned();
            let _new = self.unfollowed.insert((asked.at.file, why));
            return;
        }
        let steps = self.steps_to(asked.at, handler, &found.steps);
        let flow = Flow {
            handler: name,
            parameter: param.to_string(),
            sink,
            place: self.place_of(asked.at),
            call: self.call_text(asked.at),
            steps,
            guards,
            whole: found.whole,
            unheard: matches!(sink, Sink::Sent | Sink::Kept) && self.aside.is_unheard(asked.at),
        };
        let _new = self.flows.insert(key, flow);
    }

    /// The handler, each line on which the value became another, the calls around, the sink.
    fn steps_to(&self, sink: At, handler: u32, between: &[At]) -> Vec<Step> {
        let mut places: Vec<At> = self.handler_place(handler).into_iter().collect();
        places.extend(between);
        places.extend(self.frames.iter().map(|it| it.called_from).filter(|it| it.line > 0));
        places.push(sink);
        let mut seen = BTreeSet::new();
        // The last line is the sink's own, wherever else it stands.
        let last = (sink.file, sink.line);
        let mut steps: Vec<Step> = places
            .into_iter()
            .filter(|it| (it.file, it.line) != last && seen.insert((it.file, it.line)))
            .map(|it| self.step(it))
            .collect();
        steps.push(self.step(sink));
        steps
    }

    /// The call from where it begins on its line.
    pub(in super::super) fn call_text(&self, at: At) -> String {
        let lines = self.lines.get(at.file as usize);
        let line = lines.and_then(|it| it.get((at.line as usize).saturating_sub(1)));
        let column = (at.column as usize).saturating_sub(1);
        let from = line.and_then(|it| it.get(it.char_indices().nth(column)?.0..));
        let from = super::shown(from.unwrap_or_default());
        let mut open = 0_i32;
        let mut out = String::new();
        for c in from.chars().take(super::SHOWN) {
            out.push(c);
            match c {
                '(' => open += 1,
                ')' if open <= 1 => break,
                ')' => open -= 1,
                _ => {}
            }
        }
        out.trim().to_owned()
    }
}

fn guard_of(op: Op) -> Option<GuardKind> {
    Some(match op {
        Op::Resolved => GuardKind::Resolved,
        Op::Absolute => GuardKind::Absolute,
        Op::Name => GuardKind::Name,
        Op::Number => GuardKind::Number,
        Op::Quoted => GuardKind::Quoted,
        _ => return None,
    })
}

/// Whether a client chooses among what is harmless: whatever else is missing, nothing is.
fn harmless(guards: &BTreeSet<GuardKind>) -> bool {
    [GuardKind::AllowList, GuardKind::Number].iter().any(|it| guards.contains(it))
}

/// Two ways of one parameter to one sink: what holds on both.
pub(super) fn meet_all(into: &mut Arrived, more: Arrived) {
    for (key, found) in more {
        match into.get_mut(&key) {
            Some(known) => meet(known, found),
            None => {
                let _new = into.insert(key, found);
            }
        }
    }
}

fn meet(known: &mut Found, other: Found) {
    known.whole |= other.whole;
    let (here, there) = (kinds(&known.guards), kinds(&other.guards));
    match (harmless(&here), harmless(&there)) {
        (true, false) => *known = Found { whole: known.whole, ..other },
        (false, true) => {}
        _ => {
            let has = |guards: &Guards, kind: GuardKind| {
                guards.contains_key(&kind)
                    || kind == GuardKind::Absolute && guards.contains_key(&GuardKind::Resolved)
                    || kind == GuardKind::Prefix && guards.contains_key(&GuardKind::Component)
            };
            let mut guards = known.guards.clone();
            guards.retain(|kind, _| has(&other.guards, *kind));
            let mut more = other.guards.clone();
            more.retain(|kind, _| has(&known.guards, *kind));
            guards.extend(more);
            if there.len() < here.len() {
                known.steps = other.steps;
            }
            known.guards = guards;
        }
    }
}

fn kinds(guards: &Guards) -> BTreeSet<GuardKind> {
    guards.keys().copied().collect()
}
