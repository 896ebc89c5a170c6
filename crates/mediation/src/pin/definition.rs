//! A definition field by field: each with a fingerprint, and with its text as
//! long as it can be shown.
//!
//! Every member that a server writes is a field, also those that nobody knows.
//! Two definitions that mean the same have the same fields: hints have the values
//! that the specification gives them when nothing is said, because honest
//! releases begin to say them (one changed 113 of 114 tools that way).

use std::collections::BTreeMap;
use std::fmt;

use portcullis_policy::Tier;
use portcullis_wire::{Json, Revision, canonical};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::volatile::in_order;
use crate::approval::Fingerprint;

/// Longest text of a field that is kept, in bytes. The longest definition that
/// was measured has 30 KiB; of a longer field only the fingerprint is kept.
const KEPT: usize = 64 << 10;

/// One field of a definition.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Of the text in canonical order.
    pub digest: Fingerprint,
    /// The canonical JSON text, unless it is too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl fmt::Debug for Field {
    /// Without the text: it is the server's, and long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.digest.as_str())
    }
}

/// What something is, field by field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Definition(pub BTreeMap<String, Field>);

/// What a hint means when a server does not give it (2025-11-25, schema, `ToolAnnotations`).
const HINTS: [(&str, bool); 4] = [
    ("readOnlyHint", false),
    ("destructiveHint", true),
    ("idempotentHint", false),
    ("openWorldHint", true),
];

/// Members that describe what a resource holds now, not what it is.
const CONTENT: &[&str] = &["size", "lastModified"];

/// The field that holds our own assessment of a tool.
pub(super) const TIER: &str = "tier";

/// The field that holds the newest revision that a server speaks.
pub(super) const SPEAKS: &str = "speaks";

impl Definition {
    /// A tool of `tools/list`, with our assessment of it.
    #[must_use]
    pub fn of_tool(entry: &Json, tier: Tier) -> Self {
        let mut fields = Self::of_entry(entry);
        let said = entry.object().and_then(|entry| entry.get("annotations").map(Json::value));
        let mut hints = Map::new();
        hints.extend(HINTS.map(|(name, usual)| (name.to_owned(), Value::Bool(usual))));
        if let Some(Value::Object(said)) = said {
            hints.extend(said);
        }
        fields.set("annotations", &Value::Object(hints));
        fields.set(TIER, &Value::from(tier.as_str()));
        fields
    }

    /// An entry of any other list.
    #[must_use]
    pub fn of_entry(entry: &Json) -> Self {
        let mut fields = Self::default();
        for (name, value) in entry.object().unwrap_or_default().iter() {
            fields.set_written(name, value);
        }
        fields
    }

    /// The result of a handshake: what it says of the server, and no more.
    #[must_use]
    pub fn of_handshake(result: &Json) -> Self {
        let passing = ["resultType", "ttlMs", "cacheScope", "_meta", "supportedVersions"];
        let mut fields = Self::default();
        let members = result.object().unwrap_or_default();
        for (name, value) in members.iter().filter(|(name, _)| !passing.contains(name)) {
            fields.set_written(name, value);
        }
        fields
    }

    /// The newest revision that a server speaks.
    #[must_use]
    pub fn of_revision(spoken: Revision) -> Self {
        let mut fields = Self::default();
        fields.set(SPEAKS, &Value::from(spoken.as_str()));
        fields
    }

    /// The revision of [`of_revision`](Self::of_revision).
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        Revision::parse(self.value(SPEAKS)?.as_str()?)
    }

    fn set_written(&mut self, name: &str, value: &Json) {
        if CONTENT.contains(&name) || says_nothing(name, value) {
            return;
        }
        let text = String::from_utf8_lossy(&canonical(value)).into_owned();
        self.0.insert(name.to_owned(), Field::of(text, value.value()));
    }

    /// Sets a field to a value of ours.
    pub fn set(&mut self, name: &str, value: &Value) {
        let text = String::from_utf8_lossy(&canonical(&Json::from_value(value))).into_owned();
        self.0.insert(name.to_owned(), Field::of(text, value.clone()));
    }

    /// The value of a field whose text was kept.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<Value> {
        serde_json::from_str(self.0.get(name)?.text.as_deref()?).ok()
    }

    /// One fingerprint for all of it.
    #[must_use]
    pub fn digest(&self) -> Fingerprint {
        let fields = self.0.iter();
        let lines = fields.map(|(name, field)| format!("{name:?} {}\n", field.digest.as_str()));
        Fingerprint::of(lines.collect::<String>().as_bytes())
    }
}

impl Field {
    fn of(text: String, value: Value) -> Self {
        let ordered = Json::from_value(&in_order(without_usual(value)));
        let digest = Fingerprint::of(&canonical(&ordered));
        Self { digest, text: (text.len() <= KEPT).then_some(text) }
    }
}

/// A member that means the same as none.
fn says_nothing(name: &str, value: &Json) -> bool {
    let empty = matches!(value.text().trim(), "{}" | "[]" | "null");
    empty && matches!(name, "_meta" | "icons" | "execution" | "annotations")
}

/// Without what the specification says when nothing is said: schemas are of
/// 2020-12, and tasks are forbidden (2025-11-25, server/tools).
fn without_usual(mut value: Value) -> Value {
    if let Value::Object(members) = &mut value {
        let dialect = "https://json-schema.org/draft/2020-12/schema";
        if members.get("$schema").and_then(Value::as_str) == Some(dialect) {
            members.remove("$schema");
        }
        if members.get("taskSupport").and_then(Value::as_str) == Some("forbidden") {
            members.remove("taskSupport");
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tool(value: Value) -> Definition {
        Definition::of_tool(&Json::from_value(&value), Tier::Read)
    }

    #[test]
    fn what_is_usual_may_be_said_or_not() {
        let plain = json!({"name": "t", "inputSchema": {"type": "object"}});
        let spoken = json!({
            "name": "t", "_meta": {}, "icons": [], "execution": {},
            "inputSchema": {"type": "object", "$schema": "https://json-schema.org/draft/2020-12/schema"},
            "annotations": {"readOnlyHint": false, "idempotentHint": false},
        });
        assert_eq!(tool(plain).digest(), tool(spoken).digest());
    }

    #[test]
    fn every_other_member_counts() {
        let digest = |more: Value| {
            let mut tool_ = json!({"name": "t", "inputSchema": {"type": "object"}});
            tool_.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            tool(tool_).digest()
        };
        let plain = digest(json!({}));
        for more in [
            json!({"title": "T"}),
            json!({"description": "d"}),
            json!({"inputSchema": {"type": "object", "required": ["a"]}}),
            json!({"outputSchema": {"type": "object"}}),
            json!({"annotations": {"readOnlyHint": true}}),
            json!({"annotations": {"title": "T"}}),
            json!({"icons": [{"src": "https://example.com/i.png"}]}),
            json!({"_meta": {"a": 1}}),
            json!({"execution": {"taskSupport": "required"}}),
            json!({"whatever": 1}),
        ] {
            assert_ne!(digest(more.clone()), plain, "{more}");
        }
    }

    #[test]
    fn a_long_text_is_compared_and_not_kept() {
        let long = tool(json!({"name": "t", "description": "x".repeat(KEPT)}));
        let other = tool(json!({"name": "t", "description": "y".repeat(KEPT)}));
        assert_eq!(long.0["description"].text, None);
        assert_ne!(long.digest(), other.digest());
    }
}
