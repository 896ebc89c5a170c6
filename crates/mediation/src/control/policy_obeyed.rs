//! What the operator's policies say of a call, and what they want in return:
//! a rate, a shorter patience, a result without secrets.
//!
//! Policies see facts, not the world: each fact is computed here or by the
//! control that knows it, and a policy reads the answer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use portcullis_catalog::control::POLICY_OBEYED;
use portcullis_guard::secret;
use portcullis_policy::rules::ToolFacts;
use portcullis_policy::{CallFacts, Decision, Effect, Obligation, Policies};
use portcullis_wire::Json;
use serde_json::Value;

use crate::Session;
use crate::call::Call;
use crate::control::calls_per_minute::Quota;
use crate::correlate::InFlight;

/// What a policy owes of one request in flight.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Owed {
    /// How long it may stay silent.
    patience: Option<Duration>,
    /// Secrets are taken out of its result.
    redact: bool,
}

/// Quotas of policies, by what they allow.
pub(crate) type Allowances = BTreeMap<Obligation, Quota>;

/// What the policies say of a call that other controls looked at.
pub(crate) fn judge(
    policies: &Policies,
    tool: ToolFacts<'_>,
    call: &Call,
    schema: &Decision,
    roots: &Decision,
) -> Decision {
    policies.judge_call(CallFacts {
        tool,
        arguments: &call.value,
        paths_in_roots: roots.effect == Effect::Allow,
        schema_ok: schema.effect == Effect::Allow,
        // Looking for secrets costs more than everything else, so only who asks pays.
        secrets: policies.reads_secrets() && holds_secret(&call.value),
    })
}

fn holds_secret(value: &Value) -> bool {
    match value {
        Value::String(text) => !secret::find(text).is_empty(),
        Value::Array(items) => items.iter().any(holds_secret),
        Value::Object(members) => members.iter().any(|(name, value)| {
            let named = secret::secret_name(name) && value.is_string();
            named || !secret::find(name).is_empty() || holds_secret(value)
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

impl Owed {
    /// How long the request may stay silent, at most `usual`.
    pub(crate) fn patience(&self, usual: Duration) -> Duration {
        self.patience.map_or(usual, |patience| patience.min(usual))
    }
}

/// The request in flight, with what was owed for letting it through.
pub(crate) fn owed(mut row: InFlight, decision: &Decision, now: Instant) -> InFlight {
    let patience = decision.timeout();
    if let Some(patience) = patience {
        row.deadline = row.deadline.min(now + patience);
    }
    let redact = decision.obligations.contains(&Obligation::RedactSecrets);
    row.owed = Owed { patience, redact };
    row
}

/// The result of a call, as far as policies let it pass.
pub(crate) fn result(row: &InFlight, result: Json) -> (Json, Decision) {
    if !row.owed.redact {
        return (result, Decision::default());
    }
    let mut found = 0;
    let clean = without_secrets(result.value(), &mut found);
    if found == 0 {
        return (result, Decision::default());
    }
    let why = format!("{found} secrets were taken out of the result, as a policy wants");
    let decision = Decision::because(Effect::Allow, POLICY_OBEYED, why);
    (Json::from_value(&clean), decision.owing(Obligation::Rewritten))
}

fn without_secrets(value: Value, found: &mut usize) -> Value {
    match value {
        Value::String(text) => {
            *found += secret::find(&text).len();
            Value::String(secret::redact(&text).into_owned())
        }
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| without_secrets(item, found)).collect())
        }
        Value::Object(members) => {
            let clean = |(name, value)| (name, without_secrets(value, found));
            Value::Object(members.into_iter().map(clean).collect())
        }
        other => other,
    }
}

impl Session {
    /// Every rate that policies owe is spent; calls under the same rate count together.
    pub(crate) fn spend_rates(&mut self, mut decision: Decision, now: Instant) -> Decision {
        for obligation in decision.obligations.clone() {
            let Obligation::Rate { calls, seconds } = obligation else { continue };
            let period = Duration::from_secs(u64::from(seconds));
            let quota =
                self.allowances.entry(obligation).or_insert_with(|| Quota::new(calls, period));
            let together = self.settings.tally.as_ref().map_or(Ok(()), |tally| {
                tally.spend(&format!("{calls} in {seconds} s"), calls, period, now)
            });
            if let Err(wait) = together.and_then(|()| quota.spend(now)) {
                let why = format!(
                    "a policy allows {calls} in {seconds} s; the next is due in {} s",
                    wait.as_secs() + 1
                );
                let denied = Decision::deny(POLICY_OBEYED, why);
                // What an administrator counts is not only observed.
                let firm = self.settings.firm.as_ref().is_some_and(|firm| firm.owes(&obligation));
                decision = decision.and(if firm { denied } else { self.policy(denied) });
            }
        }
        decision
    }
}
