//! What a policy's annotations say beside yes and no.
//!
//! ```text
//! @stepup("approve")  on a forbid: a person may lift it
//! @rate("10/m")       on a permit: at most that many calls that it lets through
//! @timeout("5s")      on a permit: what it lets through may stay silent that long
//! @redact("secrets")  on a permit: secrets are taken out of the result
//! @denies("…") @allows("…")  calls that it decides so: tried when it loads (`examples.rs`)
//! @id("…") @why("…")  its name, and its reason for a person; `{tool}` is the tool's name
//! ```

use cedar_policy::{Effect, Policy};

use crate::decision::Obligation;
use crate::examples::{self, Beside};

/// What the annotations of one policy mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Notes {
    pub(crate) id: Option<String>,
    pub(crate) why: Option<String>,
    /// A person may lift it.
    pub(crate) stepup: bool,
    /// Calls that it denies, or asks about.
    pub(crate) denies: Vec<Beside>,
    /// Calls that it does not keep from passing.
    pub(crate) allows: Vec<Beside>,
    /// What is owed when it lets something through.
    pub(crate) owes: Vec<Obligation>,
}

impl Notes {
    /// Calls stand beside it.
    pub(crate) fn has_examples(&self) -> bool {
        !self.denies.is_empty() || !self.allows.is_empty()
    }
}

/// Reads every annotation, or says which one means nothing.
pub(crate) fn read(policy: &Policy) -> Result<Notes, String> {
    let mut notes = Notes::default();
    for (name, value) in policy.annotations() {
        match (name, policy.effect()) {
            ("id", _) if value.is_empty() => return Err("`@id` is empty".to_owned()),
            ("id", _) => notes.id = Some(value.to_owned()),
            ("why", _) => notes.why = Some(value.to_owned()),
            ("denies", _) => notes.denies = examples::read(name, value)?,
            ("allows", _) => notes.allows = examples::read(name, value)?,
            ("stepup", Effect::Forbid) if value == "approve" => notes.stepup = true,
            ("stepup", Effect::Forbid) => {
                return Err(format!(
                    "`@stepup({value:?})` is unknown: write `@stepup(\"approve\")`"
                ));
            }
            ("stepup", Effect::Permit) => {
                return Err("`@stepup` lifts a forbid, and this is a permit".to_owned());
            }
            ("rate" | "timeout" | "redact", Effect::Forbid) => {
                return Err(format!("`@{name}` is owed for a yes, and this is a forbid"));
            }
            ("rate", Effect::Permit) => notes.owes.push(rate(value)?),
            ("timeout", Effect::Permit) => notes.owes.push(timeout(value)?),
            ("redact", Effect::Permit) if value == "secrets" => {
                notes.owes.push(Obligation::RedactSecrets);
            }
            ("redact", Effect::Permit) => {
                return Err(format!(
                    "`@redact({value:?})` is unknown: write `@redact(\"secrets\")`"
                ));
            }
            _ => {
                return Err(format!(
                    "`@{name}` is unknown: there are `@id`, `@why`, `@denies`, `@allows`, `@stepup`, `@rate`, `@timeout` and `@redact`"
                ));
            }
        }
    }
    Ok(notes)
}

fn rate(text: &str) -> Result<Obligation, String> {
    let unfit = || format!("`@rate({text:?})` is no rate: write `\"10/m\"` or `\"100/h\"`");
    let (calls, unit) = text.split_once('/').ok_or_else(unfit)?;
    let calls: u32 = calls.parse().map_err(|_| unfit())?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        _ => return Err(unfit()),
    };
    if calls == 0 {
        return Err(unfit());
    }
    Ok(Obligation::Rate { calls, seconds })
}

fn timeout(text: &str) -> Result<Obligation, String> {
    let unfit =
        || format!("`@timeout({text:?})` is no duration: write `\"500ms\"`, `\"5s\"` or `\"2m\"`");
    let end = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(unfit)?;
    let (number, unit) = text.split_at_checked(end).ok_or_else(unfit)?;
    let number: u64 = number.parse().map_err(|_| unfit())?;
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        _ => return Err(unfit()),
    };
    match number.checked_mul(unit) {
        Some(milliseconds) if milliseconds > 0 => Ok(Obligation::Timeout { milliseconds }),
        _ => Err(unfit()),
    }
}
