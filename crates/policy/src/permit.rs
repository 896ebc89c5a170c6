//! Proof that a message was judged, and the only door to the wire.

use crate::decision::{Decision, Effect};

/// Proof that some [`Decision`] let something through.
///
/// The field is private and the type is not `Clone`: one judgement sends one
/// message (invariant 4).
#[derive(Debug)]
pub struct Permit(());

/// A `T` that may leave the building.
#[derive(Debug)]
pub struct Permitted<T> {
    inner: T,
    _permit: Permit,
}

/// A person's answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes, this one call.
    Approve,
    /// No.
    Reject,
}

/// Turns a decision, and the answer it may have needed, into a permit.
///
/// This is the only constructor of [`Permit`]. `clippy.toml` forbids calling it
/// anywhere but in `mediation/src/settle.rs`.
#[must_use]
pub fn permit(decision: &Decision, answer: Option<Answer>) -> Option<Permit> {
    match (decision.effect, answer) {
        (Effect::Allow, _) | (Effect::Ask, Some(Answer::Approve)) => Some(Permit(())),
        (Effect::Ask, None | Some(Answer::Reject)) | (Effect::Deny, _) => None,
    }
}

impl<T> Permitted<T> {
    /// Binds a permit to the one thing it was given for.
    pub fn new(inner: T, permit: Permit) -> Self {
        Self { inner, _permit: permit }
    }

    /// What may leave.
    pub fn get(&self) -> &T {
        &self.inner
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the rule's own tests")]
mod tests {
    use portcullis_catalog::control;

    use super::*;

    #[test]
    fn only_allow_or_an_approved_question_is_a_permit() {
        let allow = Decision::default();
        let ask = Decision::ask(control::APPROVE_BY_RISK, "write");
        let deny = Decision::deny(control::ROOTS_CONTAINED, "outside");
        assert!(permit(&allow, None).is_some());
        assert!(permit(&ask, None).is_none());
        assert!(permit(&ask, Some(Answer::Reject)).is_none());
        assert!(permit(&ask, Some(Answer::Approve)).is_some());
        for answer in [None, Some(Answer::Approve), Some(Answer::Reject)] {
            assert!(permit(&deny, answer).is_none(), "no answer opens a denial");
        }
    }
}
