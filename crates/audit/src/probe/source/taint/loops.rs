//! Loops: each is gone through once, and again where a round leaves something for the next one.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::evidence::source::GuardKind;

use super::super::ir::{Expr, Pattern, Stmt, Word};
use super::value::{Id, Known, Node};
use super::{Ends, State, World};

/// How deep loops may be for which more than one round is run: each doubles what those in it take.
const NESTED_LOOPS: usize = 3;
/// How many rounds more are run: each is for one more name through which a value is handed on.
const ROUNDS: u32 = 6;

impl World<'_> {
    pub(super) fn for_each(
        &mut self,
        pattern: &Pattern,
        iter: &Expr,
        body: &[Stmt],
        otherwise: &[Stmt],
    ) -> bool {
        let at = iter.at;
        let over = self.expr(iter);
        let element = self.element(over, at);
        let before = self.state();
        self.bind(pattern, element, at);
        let (mut ends, breaks) = self.rounds(body, |it| {
            it.bind(pattern, element, at);
            true
        });
        // Nothing was in it: whatever is known of each of its elements holds then, too.
        let mut none = before.clone();
        if let Some(known) = ends.iter().map(|it| it.facts.clone()).reduce(|a, b| a.meet(&b)) {
            let of_elements: Vec<_> =
                known.set.iter().filter(|it| self.is_of(it.on, over, element)).copied().collect();
            none.facts.add(&of_elements);
            let up = of_elements.iter().map(|it| super::value::Known { on: over, ..*it });
            let whole = self.tells_of_all(element, &of_elements);
            let up: Vec<_> = up.filter(|_| whole).collect();
            none.facts.add(&up);
            for end in &mut ends {
                end.facts.add(&up);
            }
        }
        ends.push(none);
        let mut alive = self.join(ends);
        if alive && !otherwise.is_empty() {
            alive = self.block(otherwise);
        }
        let here = alive.then(|| self.state());
        let ends = here.into_iter().chain(breaks).collect();
        self.join(ends)
    }

    fn tells_of_all(&self, element: Id, known: &[super::value::Known]) -> bool {
        known.iter().any(|it| it.on == element)
    }

    /// Through a loop, and again as long as a round leaves a client's in what held nothing of one before.
    fn rounds(
        &mut self,
        body: &[Stmt],
        mut begin: impl FnMut(&mut Self) -> bool,
    ) -> (Vec<State>, Vec<State>) {
        let before = self.state();
        let (mut ends, mut breaks) = self.round(body);
        let mut last = ends.clone();
        let mut carried: BTreeSet<Word> = BTreeSet::new();
        for round in 0.. {
            let left = self.left_for_next(&before, &last);
            if left.is_subset(&carried) {
                break;
            }
            carried.extend(left);
            let nested = self.frames.last().map_or(0, |it| it.loops.len());
            if nested >= NESTED_LOOPS || round >= ROUNDS {
                self.note_unfinished(body);
                break;
            }
            if !self.join(ends.clone()) || !begin(self) {
                break;
            }
            let known = self.facts.clone();
            let (again, mut out) = self.round(body);
            // The last of them was nothing, or one of a list: what was put together of those before it is neither.
            for end in &mut out {
                let new = |it: &Known| it.kind == GuardKind::AllowList && !known.set.contains(it);
                if end.facts.set.iter().any(new) {
                    let set = end.facts.set.iter().filter(|it| !new(it)).copied().collect();
                    end.facts.set = Rc::new(set);
                }
            }
            last.clone_from(&again);
            ends.extend(again);
            breaks.extend(out);
        }
        (ends, breaks)
    }

    /// What holds something of a client's at the end of a round, and was another one before the loop.
    fn left_for_next(&self, before: &State, ends: &[State]) -> BTreeSet<Word> {
        let others = ends.iter().flat_map(|end| &end.vars);
        let others = others.filter(|(name, it)| before.vars.get(*name) != Some(it));
        let sent = |it: Id| self.values.tainted(it) || self.is_made_of_clients(it, false);
        others.filter(|(_, it)| sent(**it)).map(|(name, _)| Rc::clone(name)).collect()
    }

    fn note_unfinished(&mut self, body: &[Stmt]) {
        if let Some(first) = body.first().filter(|_| self.handling) {
            let why = "what a client sends goes through more rounds of loops than are followed";
            let _new = self.unfollowed.insert((first.at.file, why.to_owned()));
        }
    }

    /// Once through a loop: where it may go on, and where it was left.
    fn round(&mut self, body: &[Stmt]) -> (Vec<State>, Vec<State>) {
        if let Some(frame) = self.frames.last_mut() {
            frame.loops.push(Ends::default());
        }
        let alive = self.block(body);
        let here = alive.then(|| self.state());
        let ends = self.frames.last_mut().and_then(|it| it.loops.pop()).unwrap_or_default();
        (here.into_iter().chain(ends.continues).collect(), ends.breaks)
    }

    pub(super) fn repeat(&mut self, condition: &Expr, body: &[Stmt]) -> bool {
        let condition_id = self.expr(condition);
        let before = self.state();
        let possible = self.assume(condition_id, true);
        let again = |it: &mut Self| {
            let condition = it.expr(condition);
            it.assume(condition, true)
        };
        let (mut ends, breaks) =
            if possible { self.rounds(body, again) } else { Default::default() };
        // A loop without end is left by `break` only.
        if !matches!(self.values.get(condition_id), Node::Bool(true)) {
            ends.push(before);
        } else {
            ends.clear();
        }
        let mut alive = self.join(ends);
        if alive {
            alive = self.assume(condition_id, false);
        }
        let here = alive.then(|| self.state());
        let all = here.into_iter().chain(breaks).collect();
        self.join(all)
    }
}
