//! The promises themselves: the checklist that the casebook and the auditor answer.

mod approval;
mod auth;
mod capability;
mod elicitation;
mod limits;
mod logging;
mod part;
mod resources;
mod roots;
mod sampling;
mod session;
mod supply_chain;
mod tools;
mod transport;
mod trust;
mod validation;

pub use part::Part;

/// One promise, with its source. Its id never changes and is never reused.
#[derive(Debug)]
pub struct Promise {
    /// `MCP-<LAYER>-<NN>`.
    pub id: &'static str,
    /// How binding the source is.
    pub level: Level,
    /// The revisions it concerns, as dated names.
    pub revisions: &'static [&'static str],
    /// What is promised.
    pub statement: &'static str,
    /// Where it comes from: specification section, SEP, lesson, or ourselves.
    pub source: &'static str,
}

/// How binding the source of a promise is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The specification says MUST.
    Must,
    /// The specification says SHOULD.
    Should,
    /// The security lesson's checklist asks for it.
    Checklist,
    /// We ask it of ourselves.
    Hardening,
}

impl Level {
    /// The word printed in tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Must => "MUST",
            Self::Should => "SHOULD",
            Self::Checklist => "checklist",
            Self::Hardening => "hardening",
        }
    }
}

/// Every promise, layer by layer.
pub fn all() -> impl Iterator<Item = &'static Promise> {
    [
        approval::PROMISES,
        auth::PROMISES,
        capability::PROMISES,
        elicitation::PROMISES,
        limits::PROMISES,
        logging::PROMISES,
        resources::PROMISES,
        roots::PROMISES,
        sampling::PROMISES,
        session::PROMISES,
        supply_chain::PROMISES,
        tools::PROMISES,
        transport::PROMISES,
        trust::PROMISES,
        validation::PROMISES,
    ]
    .into_iter()
    .flatten()
}

/// Finds a promise by its id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Promise> {
    all().find(|promise| promise.id == id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn there_are_two_hundred_promises_with_unique_ids() {
        let ids: BTreeSet<_> = all().map(|promise| promise.id).collect();
        assert_eq!(ids.len(), 200);
        assert_eq!(all().count(), 200);
    }

    #[test]
    fn every_promise_has_a_statement_a_source_and_a_revision() {
        for promise in all() {
            assert!(promise.statement.len() > 20, "{}", promise.id);
            assert!(!promise.source.is_empty() && !promise.revisions.is_empty(), "{}", promise.id);
        }
    }
}
