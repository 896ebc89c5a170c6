//! Where we are stricter than the schema, and why; and the one place where we are laxer.

use portcullis_wire::Revision;
use serde_json::Value;

use crate::Sample;

/// One reason.
pub struct Reason {
    pub name: &'static str,
    /// Whether it excuses this complaint of ours.
    excuses: fn(&str, Revision, &str) -> bool,
}

/// Every reason. One that excuses nothing is an error.
pub const ALL: &[Reason] = &[
    Reason {
        name: "a known member in other letters: a reader that ignores case acts on it",
        excuses: |why, _, _| why.ends_with("has a member in the wrong case"),
    },
    Reason {
        name: "`_meta` is an object everywhere: many types of the schemas leave it out",
        excuses: |why, _, _| why == "`_meta` must be an object",
    },
    Reason {
        name: "a cancellation names a request: tasks are cancelled by `tasks/cancel`",
        excuses: |why, revision, method| {
            why == "`requestId` is required"
                && revision == Revision::V2025_11_25
                && method == "notifications/cancelled"
        },
    },
    Reason {
        name: "the mode of an elicitation is read even where the schema has none yet",
        excuses: |why, revision, method| {
            why.starts_with("`mode` ")
                && revision == Revision::V2025_06_18
                && method == "elicitation/create"
        },
    },
    Reason {
        name: "a result that asks has questions or a state, which the prose demands",
        excuses: |why, _, _| why == "`result` has no known shape",
    },
    Reason {
        name: "a progress token is one in every request, which is how the base type has it",
        excuses: |why, revision, _| {
            why.starts_with("`progressToken`") && revision <= Revision::V2025_11_25
        },
    },
    Reason {
        name: "which tasks a listener follows is said by the extension, not by the core",
        excuses: |why, _, _| why.starts_with("`taskIds` "),
    },
    Reason {
        name: "a result type of another era is a mixture of eras, and an unknown one is invalid",
        excuses: |why, _, _| why.starts_with("`resultType` "),
    },
];

/// A form may have fractions where the schemas have integers: their own prose, the SDKs and
/// the official test server do. The same message, with whole numbers in it.
pub fn whole_numbers(sample: &Sample, message: &Value) -> Value {
    if sample.row.name == "elicitation/create" { whole(message) } else { message.clone() }
}

fn whole(value: &Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => 1.into(),
        Value::Array(items) => items.iter().map(whole).collect(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (name.clone(), whole(value))).collect()
        }
        other => other.clone(),
    }
}

/// The reason for a complaint, if there is one.
pub fn excuse(why: &str, revision: Revision, method: &str) -> Option<&'static str> {
    let reason = ALL.iter().find(|reason| (reason.excuses)(why, revision, method));
    reason.map(|reason| reason.name)
}
