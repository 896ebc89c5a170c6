//! Looks that a function of the server's own takes, and that could not be followed.

use std::collections::BTreeSet;

use crate::evidence::source::GuardKind;

use super::super::World;
use super::super::trace::{DEEP, MOST};
use super::super::value::{self, Id, Known, Node};

impl World<'_> {
    /// What a function of the server's own was asked about, when its answer is the condition.
    pub(super) fn unclear(&self, condition: Id) -> BTreeSet<Known> {
        let mut known = BTreeSet::new();
        let mut answer = condition;
        while let Node::Not(inner) = self.values.get(answer) {
            answer = *inner;
        }
        let at = self.values.place(condition);
        for of in self.looked.get(&answer).into_iter().flatten() {
            self.vouch(*of, GuardKind::Unclear, at, &mut known);
            let sent = self.sent_in(*of).into_iter();
            known.extend(sent.map(|on| Known { on, kind: GuardKind::Unclear, at }));
        }
        known
    }

    /// Whether what callers put into a collection is one of a fixed list each time.
    pub(super) fn is_filled_with_chosen(&self, container: Id) -> bool {
        let mut left = MOST;
        let filled = self.trace(container, &BTreeSet::new(), DEEP, &mut left);
        let chosen = [GuardKind::AllowList, GuardKind::Number];
        let collection = !matches!(self.values.get(container), Node::Param(..) | Node::Sent(_));
        collection
            && left > 0
            && filled.values().all(|it| chosen.iter().any(|kind| it.guards.contains_key(kind)))
    }

    /// What a client sent of which a value was made, however it was made.
    fn sent_in(&self, of: Id) -> BTreeSet<Id> {
        let (mut open, mut seen, mut sent) = (vec![of], BTreeSet::new(), BTreeSet::new());
        while let Some(id) = open.pop() {
            if seen.len() > 2_000 || !self.values.tainted(id) || !seen.insert(id) {
                continue;
            }
            match self.values.get(id) {
                Node::Param(..) | Node::Sent(_) => drop(sent.insert(id)),
                Node::Call(_, recv, args) => {
                    open.extend(recv.iter().copied().chain(args.iter().map(|(_, it)| *it)));
                }
                node => open.extend(value::parts(node)),
            }
        }
        sent
    }
}
