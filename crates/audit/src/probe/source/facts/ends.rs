//! Where what is waited for has an end that somebody wrote down.

use super::super::sinks::Asked;
use super::super::taint::World;
use super::super::taint::value::{Id, Node, parts};

/// What an end is called where it is handed over.
const ENDS: &[&str] = &["timeout", "signal", "timeoutMs", "Timeout"];
/// Libraries that end what they ask for by themselves, unless they are told not to.
const ENDING: &[&str] = &["httpx.", "aiohttp."];
/// What gives Go's context an end.
const TIMED: &[&str] = &["context.WithTimeout", "context.WithDeadline"];
/// How deep an end is looked for.
const DEEP: u32 = 8;

impl World<'_> {
    /// Whether a call has an end of its own. That there is none is another question: most functions nobody knows.
    pub(super) fn ends_by_itself(&self, asked: &Asked<'_>) -> bool {
        if self.is_rust(asked.at) {
            return self.ends_in_rust(asked);
        }
        let given = asked.args.iter().any(|(name, id)| self.is_end(name.as_deref(), *id));
        // `axios.create({ timeout: 10 }).get(..)`
        let made = asked.recv.is_some_and(|it| match self.values.get(it) {
            Node::Call(.., args) => args.iter().any(|(name, id)| self.is_end(name.as_deref(), *id)),
            _ => false,
        });
        if self.is_go(asked.at) {
            return made || asked.args.first().is_some_and(|(_, it)| self.is_timed(*it, DEEP));
        }
        given || made || ENDING.iter().any(|it| asked.path.starts_with(it))
    }

    fn is_end(&self, name: Option<&str>, id: Id) -> bool {
        let says = |id: Id| *self.values.get(id) != Node::Nothing;
        match name {
            Some(name) => ENDS.contains(&name) && says(id),
            None => ENDS.iter().filter_map(|it| self.option(id, it)).any(says),
        }
    }

    /// Whether Go's context has an end, on every way that led here.
    fn is_timed(&self, id: Id, left: u32) -> bool {
        let Some(left) = left.checked_sub(1) else { return false };
        match self.values.get(id) {
            Node::Call(path, _, args) => {
                TIMED.contains(&path.as_ref())
                    || path.starts_with("context.With")
                        && args.first().is_some_and(|(_, it)| self.is_timed(*it, left))
            }
            Node::Phi(alts) => alts.iter().all(|it| self.is_timed(it.value, left)),
            node => parts(node).into_iter().any(|it| self.is_timed(it, left)),
        }
    }
}
