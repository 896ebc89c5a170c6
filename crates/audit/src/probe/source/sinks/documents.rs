//! Databases of documents: who sends the whole of a question there writes its operators, too.

use crate::evidence::source::{FactKind, Sink};

use super::super::taint::World;
use super::super::taint::value::{Id, Node};
use super::Asked;

/// Methods that take a question, or several stages of one.
#[rustfmt::skip]
const ASKS: &[&str] = &[
    "find", "find_one", "findOne", "aggregate", "count_documents", "countDocuments", "distinct", "update_one", "update_many", "updateOne", "updateMany", "replace_one",
    "replaceOne", "delete_one", "delete_many", "deleteOne", "deleteMany", "find_one_and_update", "find_one_and_delete", "find_one_and_replace", "findOneAndUpdate",
    "findOneAndDelete", "findOneAndReplace",
];
const CLIENTS: &[&str] = &["pymongo.", "motor.", "mongodb.", "mongoose."];

impl World<'_> {
    /// What a caller may ask there is not judged; that the question is a caller's is said.
    pub(in super::super) fn note_document_query(&mut self, asked: &Asked<'_>) {
        if !self.handling || !ASKS.contains(&asked.method) {
            return;
        }
        let whole = asked.args.iter().take(2).any(|(_, it)| self.is_whole(*it, 8));
        if whole && asked.recv.is_some_and(|it| self.keeps_documents(it)) {
            let text = self.call_text(asked.at);
            let _new = self.noted.entry((FactKind::Unclear(Sink::Sql), asked.at)).or_insert(text);
        }
    }

    /// Whether a value is a caller's with its keys: not one under a key of the server's.
    fn is_whole(&self, id: Id, left: u32) -> bool {
        let Some(left) = left.checked_sub(1) else { return false };
        match self.values.get(id) {
            // Behind an operator stands a question again.
            Node::Map(entries) => entries.iter().any(|(key, it)| {
                let operator =
                    |key: &Id| self.values.text(*key).is_some_and(|it| it.starts_with('$'));
                key.as_ref().is_none_or(operator) && self.is_whole(*it, left)
            }),
            Node::List(items) => items.iter().any(|(_, it)| self.is_whole(*it, left)),
            Node::Phi(alts) => alts.iter().any(|it| self.is_whole(it.value, left)),
            _ => self.values.tainted(id),
        }
    }

    fn keeps_documents(&self, id: Id) -> bool {
        let mut at = id;
        for _ in 0..12 {
            at = match self.values.get(at) {
                Node::Call(path, ..) if CLIENTS.iter().any(|it| path.starts_with(it)) => {
                    return true;
                }
                Node::Global(path) => return CLIENTS.iter().any(|it| path.starts_with(it)),
                Node::Call(_, Some(recv), _) => *recv,
                Node::Member(base, _) | Node::Elem(base) | Node::First(base) => *base,
                Node::Through(_, base) => *base,
                _ => return false,
            };
        }
        false
    }
}
