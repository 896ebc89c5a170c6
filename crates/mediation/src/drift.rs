//! A server shows more, or something else, than what was approved of it: a person is asked,
//! with the difference, and a yes accepts exactly that and nothing that comes after.
//!
//! Until then it is withheld, as it is when nobody can be asked (`control/definition_pinned.rs`).

use std::collections::BTreeMap;

use portcullis_catalog::control::{APPROVAL_EXACT, DEFINITION_PINNED};
use portcullis_journal::{Event, Record};
use portcullis_policy::{Decision, Effect, Obligation, Tier};
use portcullis_wire::{Json, Peer, canonical};
use serde_json::{Value, json};

use crate::Session;
use crate::approval::{ApprovalId, ApprovalKey, Fingerprint, Matter};
use crate::output::Output;
use crate::pin::{Change, Definition, Part, Pinned, Pins, Section, Surroundings, compare};
use crate::question::Parked;
use crate::waiting::Waiting;

/// Questions about drift in an hour that call a person. A server that changes often would else
/// use up what there is for its calls.
const LOUD: u32 = 4;

/// How many of them there are at all in an hour; what comes beyond waits for `portcullis pins`.
const MOST: u32 = 24;

/// Longest difference that anybody can be asked to look through, in bytes.
const LARGEST: usize = 256 << 10;

/// What of one section is not as it was approved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drift {
    /// Of which.
    pub section: Section,
    /// Each part as it was shown.
    pub parts: BTreeMap<Part, Definition>,
}

/// A person accepted it: the caller pins it, where it still waits in this form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// What was shown.
    pub drift: Drift,
    /// What surrounded the server when it was: it decides what a definition says.
    pub surroundings: Surroundings,
    /// Under which question.
    pub approval: ApprovalId,
}

/// How a question about drift is put, after so many in the last hour.
pub(crate) enum Put {
    /// A person is called.
    Loud,
    /// It waits until somebody looks.
    Quiet,
    /// It is not put.
    Never,
}

/// What the budget of drift says; it has its own, and none of the calls'.
pub(crate) fn put(drifts: u32, most: u32) -> Put {
    match drifts {
        drifts if drifts >= MOST => Put::Never,
        drifts if drifts >= LOUD.min(most) => Put::Quiet,
        _ => Put::Loud,
    }
}

impl Drift {
    /// Our assessment of the worst tool in it.
    pub(crate) fn risk(&self) -> Tier {
        let tiers = [Tier::Read, Tier::Write, Tier::Unknown, Tier::Destructive, Tier::Exec];
        let of = |seen: &Definition| {
            let word = seen.value("tier")?;
            tiers.into_iter().find(|tier| Some(tier.as_str()) == word.as_str())
        };
        let worst = self.parts.values().filter_map(of).max();
        worst.filter(|_| self.section == Section::Tool).unwrap_or(Tier::Unknown)
    }

    fn is_pinned(&self, pins: &Pins) -> bool {
        let pinned = |(part, seen): (&Part, &Definition)| {
            pins.parts.get(part).is_some_and(|pinned| pinned.definition == *seen)
        };
        self.parts.iter().all(pinned)
    }
}

impl Session {
    /// What drifted in one answer of the server is asked about, if anybody is there and it
    /// can be shown whole. Of a section there is one question at a time, with all of it that
    /// waits: a newer one takes the place of an older.
    pub(crate) fn ask_about_drift(&mut self, drift: Drift) {
        if !self.settings.pinning.asks || self.settings.observe {
            return;
        }
        let section = drift.section;
        let drift = self.with_what_waits(drift);
        let of = |waiting: &Waiting| match waiting {
            Waiting::Drift(other) => (other.section == section).then(|| (**other).clone()),
            _ => None,
        };
        if self.is_parked(|waiting| of(waiting).is_some_and(|other| other == drift)) {
            return;
        }
        while self.forget_question_of(|waiting| of(waiting).is_some()) {}
        if drift.parts.is_empty() {
            return;
        }
        let Some(shown) = self.difference(&drift) else {
            let why = "what changed is too much to be shown at once: see `portcullis pins diff`";
            return self.not_asked_about(why);
        };
        let content = canonical(&Json::from_value(&shown));
        let key = ApprovalKey {
            matter: Matter::Capability,
            principal: self.settings.principal.clone(),
            server: self.settings.server.clone(),
            session: self.settings.session.clone(),
            tool: drift.section.as_str().to_owned(),
            definition_pin: Fingerprint::of(drift.section.as_str().as_bytes()),
            arguments_digest: Fingerprint::of(&content),
            policy: self.scope.given_policy().clone(),
        };
        let why = format!("{} not as approved", drift.section);
        let decision = Decision::ask(DEFINITION_PINNED, why);
        let content = crate::call::shown(&content);
        self.park(Waiting::Drift(Box::new(drift)), key, content, decision);
    }

    /// With what of the section is asked about already, and is still as it was shown.
    fn with_what_waits(&self, mut drift: Drift) -> Drift {
        for waiting in self.questions.waiting() {
            let Waiting::Drift(other) = waiting else { continue };
            if other.section != drift.section {
                continue;
            }
            for (part, seen) in &other.parts {
                if self.watched.is_told(part, seen) {
                    drift.parts.entry(part.clone()).or_insert_with(|| seen.clone());
                }
            }
        }
        drift
    }

    /// It stays withheld, and the operator can look for it.
    fn not_asked_about(&mut self, why: &str) {
        let mut record = self.record(Event::Notice);
        record.decision = Decision::because(Effect::Allow, DEFINITION_PINNED, why);
        self.note(record);
    }

    /// The difference, part by part; nothing when some of it cannot be shown.
    fn difference(&self, drift: &Drift) -> Option<Value> {
        let mut all = serde_json::Map::new();
        for (part, seen) in &drift.parts {
            let pins = &self.settings.pinning.pins;
            let nothing =
                Pinned { definition: Definition::default(), surroundings: Surroundings::default() };
            let pinned = pins.parts.get(part);
            let told = &self.settings.pinning.surroundings;
            let changes = compare(part.section, pinned.unwrap_or(&nothing), seen, told);
            let mut fields = serde_json::Map::new();
            for change in &changes {
                // Of what is very long only the digest is known.
                seen.0.get(&change.field).is_none_or(|field| field.text.is_some()).then_some(())?;
                fields.insert(change.field.clone(), told_of(change, pinned.is_some()));
            }
            let how = if pinned.is_some() { "changed" } else { "new" };
            all.insert(format!("{how}: {}", part.name), fields.into());
        }
        let shown = Value::from(all);
        (shown.to_string().len() <= LARGEST).then_some(shown)
    }

    /// A person accepted what was shown.
    pub(crate) fn drift_accepted(&mut self, parked: Parked, approval: &ApprovalId) {
        let Waiting::Drift(drift) = parked.waiting else { return };
        let mut record = self.about_drift(Event::Pinned, &drift);
        let yes = Decision::because(Effect::Allow, APPROVAL_EXACT, "a person said yes");
        record.decision = parked.decision.and(yes).owing(Obligation::Approved);
        record.approval = Some(approval.to_string());
        self.note(record);
        let surroundings = self.settings.pinning.surroundings.clone();
        let acceptance = Acceptance { drift: *drift, surroundings, approval: approval.clone() };
        self.outputs.push_back(Output::Accept(Box::new(acceptance)));
    }

    /// What of an acceptance does not wait any more as a person was shown it, and so was not
    /// pinned: the server shows something else by now.
    pub fn not_accepted(&mut self, acceptance: &Acceptance, parts: &[Part]) {
        if parts.is_empty() {
            return;
        }
        let mut record = self.about_drift(Event::Denied, &acceptance.drift);
        let names: Vec<String> = parts.iter().take(8).map(ToString::to_string).collect();
        let why = format!("not pinned, as it is not what a person was shown: {}", names.join(", "));
        record.decision = Decision::deny(DEFINITION_PINNED, why);
        record.approval = Some(acceptance.approval.to_string());
        self.note(record);
    }

    /// Other pins are in force: what they accept already is not asked about any more.
    pub(crate) fn drift_settled(&mut self) {
        let pins = self.settings.pinning.pins.clone();
        let settled =
            |waiting: &Waiting| matches!(waiting, Waiting::Drift(drift) if drift.is_pinned(&pins));
        while self.forget_question_of(settled) {}
    }

    pub(crate) fn about_drift(&self, event: Event, drift: &Drift) -> Record {
        let mut record = self.heard(event, Peer::Server);
        let names: Vec<String> = drift.parts.keys().take(8).map(ToString::to_string).collect();
        let more = drift.parts.len().saturating_sub(names.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        record.note = Some(format!("{}{more}", names.join(", ")));
        record
    }
}

/// One field as it was and as it is.
fn told_of(change: &Change, was_pinned: bool) -> Value {
    let value = |text: &Option<String>| {
        let text = text.as_deref().unwrap_or("null");
        serde_json::from_str(text).unwrap_or_else(|_| json!(text))
    };
    match was_pinned {
        true => json!({
            "risk": change.risk, "says": change.what, "before": value(&change.before), "now": value(&change.after),
        }),
        false => value(&change.after),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_call_a_person_and_most_wait() {
        for (drifts, most, expect) in [
            (0, 30, "loud"),
            (LOUD - 1, 30, "loud"),
            (LOUD, 30, "quiet"),
            // Whoever wants fewer questions gets fewer of these.
            (0, 1, "loud"),
            (1, 1, "quiet"),
            (MOST - 1, 1, "quiet"),
            (MOST, 1000, "never"),
        ] {
            let put = match put(drifts, most) {
                Put::Loud => "loud",
                Put::Quiet => "quiet",
                Put::Never => "never",
            };
            assert_eq!(put, expect, "{drifts} of {most}");
        }
    }
}
