//! What we conclude about one message, and how conclusions combine.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use portcullis_catalog::ControlId;
use portcullis_catalog::control::CONTROLS;
use serde::{Serialize, Serializer};

use crate::place::Place;

/// The combined opinion of every control that looked at a message.
///
/// Decisions form a join-semilattice: [`Decision::and`] is associative,
/// commutative and idempotent, so controls may run in any order (invariant 11).
#[must_use = "a decision nobody acts on is a hole in the wall"]
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Decision {
    /// The strictest opinion.
    pub effect: Effect,
    /// Every control that had an opinion; never thrown away when overruled.
    pub because: BTreeSet<Because>,
    /// What we owe if the message passes.
    pub obligations: BTreeSet<Obligation>,
}

/// Strictness, mildest first: the derived order *is* the policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It may pass.
    #[default]
    Allow,
    /// It may pass when a person says yes.
    Ask,
    /// It does not pass.
    Deny,
}

impl Effect {
    /// The word in files, records and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }
}

/// One control's reason, in words for the operator (never for a peer).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Because {
    /// Which control spoke.
    pub control: ControlId,
    /// What it wanted alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted: Option<&'static str>,
    /// What it saw, for a person: lower case, no full stop.
    pub why: String,
    /// The rule that spoke, by name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where the operator wrote that rule.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// The sentence that a control of this name is held to.
#[must_use]
pub fn statement_of(control: &str) -> Option<&'static str> {
    let found = CONTROLS.iter().find(|known| known.id.as_str() == control);
    found.map(|known| known.statement)
}

/// Something we owe if the message goes through.
///
/// Several of a kind are all owed, and the strictest is what counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Obligation {
    /// It passed only because the operator asked us to observe.
    Observed,
    /// It passed because a person said yes.
    Approved,
    /// It was changed on the way; the record says by which control.
    Rewritten,
    /// At most so many of its kind in so many seconds.
    Rate {
        /// How many.
        calls: u32,
        /// In how many seconds.
        seconds: u32,
    },
    /// It may stay silent that long.
    Timeout {
        /// How long, in milliseconds.
        milliseconds: u64,
    },
    /// Secrets are taken out of its result.
    RedactSecrets,
}

impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Observed => f.write_str("observed"),
            Self::Approved => f.write_str("approved"),
            Self::Rewritten => f.write_str("rewritten"),
            Self::Rate { calls, seconds } => write!(f, "rate {calls}/{seconds}s"),
            Self::Timeout { milliseconds } => write!(f, "timeout {milliseconds}ms"),
            Self::RedactSecrets => f.write_str("redact secrets"),
        }
    }
}

impl Serialize for Obligation {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Decision {
    /// The opinion of one control.
    pub fn because(effect: Effect, control: ControlId, why: impl Into<String>) -> Self {
        let because = Because { control, wanted: None, why: why.into(), rule: None, place: None };
        Self { effect, because: BTreeSet::from([because]), obligations: BTreeSet::new() }
    }

    /// Shorthand for a control that says no.
    pub fn deny(control: ControlId, why: impl Into<String>) -> Self {
        Self::because(Effect::Deny, control, why)
    }

    /// Shorthand for a control that wants a person.
    pub fn ask(control: ControlId, why: impl Into<String>) -> Self {
        Self::because(Effect::Ask, control, why)
    }

    /// The strictest effect wins; reasons and obligations accumulate.
    pub fn and(mut self, mut other: Self) -> Self {
        self.effect = self.effect.max(other.effect);
        self.because.append(&mut other.because);
        self.obligations.append(&mut other.obligations);
        self
    }

    /// Adds an obligation.
    pub fn owing(mut self, obligation: Obligation) -> Self {
        self.obligations.insert(obligation);
        self
    }

    /// For `--observe`: the same reasons, but it passes, and says so.
    pub fn observed(mut self) -> Self {
        if self.effect == Effect::Allow {
            return self;
        }
        let wanted = if self.effect == Effect::Deny { "deny" } else { "ask" };
        let relabel = |because: Because| Because { wanted: Some(wanted), ..because };
        self.because = self.because.into_iter().map(relabel).collect();
        self.effect = Effect::Allow;
        self.owing(Obligation::Observed)
    }

    /// How long the message may stay silent, if anything says so: the shortest counts.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        let owed = self.obligations.iter().filter_map(|obligation| match obligation {
            Obligation::Timeout { milliseconds } => Some(Duration::from_millis(*milliseconds)),
            _ => None,
        });
        owed.min()
    }

    /// True when some control, by name, is among the reasons.
    #[must_use]
    pub fn names(&self, control: ControlId) -> bool {
        self.because.iter().any(|because| because.control == control)
    }
}

#[cfg(test)]
mod tests {
    use portcullis_catalog::control;

    use super::*;

    fn samples() -> Vec<Decision> {
        let mut all = vec![Decision::default()];
        for effect in [Effect::Allow, Effect::Ask, Effect::Deny] {
            all.push(Decision::because(effect, control::CAPABILITY_DECLARED, "a"));
            all.push(Decision::because(effect, control::APPROVE_BY_RISK, "b"));
            all.push(Decision::because(effect, control::ROOTS_CONTAINED, "c").observed());
        }
        all
    }

    #[test]
    fn and_is_a_join_with_allow_as_identity() {
        for a in samples() {
            assert_eq!(a.clone().and(a.clone()), a, "idempotent");
            assert_eq!(a.clone().and(Decision::default()), a, "identity");
            for b in samples() {
                assert_eq!(a.clone().and(b.clone()), b.clone().and(a.clone()), "commutative");
                for c in samples() {
                    let left = a.clone().and(b.clone()).and(c.clone());
                    let right = a.clone().and(b.clone().and(c.clone()));
                    assert_eq!(left, right, "associative");
                }
            }
        }
    }

    #[test]
    fn observing_passes_and_says_what_would_have_been() {
        let decision = Decision::deny(control::ROOTS_CONTAINED, "outside").observed();
        assert_eq!(decision.effect, Effect::Allow);
        assert!(decision.obligations.contains(&Obligation::Observed));
        assert!(decision.because.iter().all(|because| because.wanted == Some("deny")));
    }
}
