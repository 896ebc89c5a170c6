//! What drifted, in which direction, and how bad that is.
//!
//! A change that only makes a definition stricter, or says what was meant
//! already, is none: whoever is asked too often stops reading.

use std::collections::BTreeSet;
use std::fmt;

use portcullis_guard::text;
use portcullis_policy::Tier;
use serde::Serialize;
use serde_json::{Map, Value};

use super::definition::{Field, SPEAKS, TIER};
use super::volatile::{Surroundings, in_order, same_text};
use super::{Definition, Pinned, Section};

/// How much a change could be worth to an attacker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Nobody acts on it.
    Low,
    /// A model reads it.
    Medium,
    /// It lowers somebody's guard, asks for more, or hides something.
    High,
}

impl Risk {
    /// The word in lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One field that is not as it was approved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Which.
    pub field: String,
    /// How bad.
    pub risk: Risk,
    /// What happened, for a person.
    pub what: String,
    /// What was approved, as JSON; nothing when there was none or it is too long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What was seen, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// What of `seen` is not as it was pinned; the worst first. Empty when it is the
/// same, or differs only as a start differs from another.
#[must_use]
pub fn compare(
    section: Section,
    pinned: &Pinned,
    seen: &Definition,
    told: &Surroundings,
) -> Vec<Change> {
    let (then, now) = (&pinned.definition.0, &seen.0);
    let names: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let differs = |name: &&String| match (then.get(*name), now.get(*name)) {
        (Some(then), Some(now)) => !is_same(then, &pinned.surroundings, now, told),
        _ => true,
    };
    let differing: Vec<&String> = names.into_iter().filter(differs).collect();
    if differing.iter().all(|name| *name == TIER) {
        // The definition is the same; our own assessment of it has moved.
        return Vec::new();
    }
    let change = |name: &String| {
        let (before, after) = (then.get(name), now.get(name));
        let (risk, what) = judge(section, name, before, after)?;
        let text = |field: Option<&Field>| field.and_then(|field| field.text.clone());
        let (before, after) = (text(before), text(after));
        let hides = after.as_deref().is_some_and(hides_something);
        let risk = if hides { Risk::High } else { risk };
        let what = if hides { format!("{what}; it hides characters") } else { what };
        Some(Change { field: name.clone(), risk, what, before, after })
    };
    let mut changes: Vec<Change> = differing.into_iter().filter_map(change).collect();
    changes.sort_by(|a, b| b.risk.cmp(&a.risk).then_with(|| a.field.cmp(&b.field)));
    changes
}

fn is_same(then: &Field, told_then: &Surroundings, now: &Field, told_now: &Surroundings) -> bool {
    if then.digest == now.digest {
        return true;
    }
    let value =
        |field: &Field| serde_json::from_str::<Value>(field.text.as_deref()?).ok().map(in_order);
    match (value(then), value(now)) {
        (Some(then), Some(now)) => same_value(&then, told_then, &now, told_now),
        _ => false,
    }
}

/// The same, but for what the surroundings of the process put there.
fn same_value(
    then: &Value,
    told_then: &Surroundings,
    now: &Value,
    told_now: &Surroundings,
) -> bool {
    match (then, now) {
        (Value::String(then), Value::String(now)) => same_text(then, told_then, now, told_now),
        (Value::Array(then), Value::Array(now)) => {
            let pairs = then.iter().zip(now);
            then.len() == now.len()
                && pairs.into_iter().all(|(a, b)| same_value(a, told_then, b, told_now))
        }
        (Value::Object(then), Value::Object(now)) => {
            let same = |(name, a): (&String, &Value)| {
                now.get(name).is_some_and(|b| same_value(a, told_then, b, told_now))
            };
            then.len() == now.len() && then.iter().all(same)
        }
        (then, now) => then == now,
    }
}

/// A text that shows less than it says; line ends and tabs are usual.
fn hides_something(json: &str) -> bool {
    fn hides(value: &Value) -> bool {
        match value {
            Value::String(said) => said
                .chars()
                .any(|letter| text::is_hidden(letter) && !matches!(letter, '\n' | '\r' | '\t')),
            Value::Array(items) => items.iter().any(hides),
            Value::Object(members) => members.values().any(hides),
            _ => false,
        }
    }
    serde_json::from_str(json).is_ok_and(|value| hides(&value))
}

/// How bad one field's change is; nothing when it is none.
fn judge(
    section: Section,
    name: &str,
    before: Option<&Field>,
    after: Option<&Field>,
) -> Option<(Risk, String)> {
    let object = |field: Option<&Field>| -> Option<Map<String, Value>> {
        serde_json::from_str(field?.text.as_deref()?).ok()
    };
    let (then, now) = (object(before), object(after));
    match (section, name) {
        (Section::Tool, TIER) => lower_tier(before, after),
        (Section::Tool, "annotations") => hints(then?, now?),
        (Section::Tool, "inputSchema") => Some(schema(then, now)),
        (Section::Server, "capabilities") => grown(&then?, &now?),
        // A server may say which version it is; what it does is pinned.
        (Section::Server, "serverInfo") => None,
        (Section::Server, "protocolVersion") => None,
        (Section::Server, SPEAKS) => older(before, after),
        (Section::Launch, _) => Some((Risk::High, changed(before, after, "it"))),
        (_, "description" | "instructions") => {
            Some((Risk::Medium, changed(before, after, "what a model reads of it")))
        }
        (_, "arguments" | "outputSchema" | "uriTemplate") => {
            Some((Risk::Medium, changed(before, after, "its shape")))
        }
        _ => Some((Risk::Low, changed(before, after, "it"))),
    }
}

fn changed(before: Option<&Field>, after: Option<&Field>, what: &str) -> String {
    match (before, after) {
        (None, _) => format!("{what} is new"),
        (_, None) => format!("{what} is gone"),
        _ => format!("{what} changed"),
    }
}

/// Revisions are dates: a server that speaks an older one than before fell back.
fn older(before: Option<&Field>, after: Option<&Field>) -> Option<(Risk, String)> {
    let date = |field: Option<&Field>| field.and_then(|field| field.text.clone());
    let fell = date(after) < date(before);
    fell.then(|| (Risk::High, "it speaks an older revision than before".to_owned()))
}

/// Our own assessment fell with the change: whatever it was, it was not harmless.
fn lower_tier(before: Option<&Field>, after: Option<&Field>) -> Option<(Risk, String)> {
    let tier = |field: Option<&Field>| -> Option<Tier> {
        serde_json::from_str(field?.text.as_deref()?).ok()
    };
    let (then, now) = (tier(before)?, tier(after)?);
    (now < then).then(|| (Risk::High, format!("it was taken for {then} and would be for {now}")))
}

/// Hints that became milder are the worst, hints that became stricter are welcome.
fn hints(then: Map<String, Value>, now: Map<String, Value>) -> Option<(Risk, String)> {
    // Whether `true` is the milder claim.
    let claims = [
        ("readOnlyHint", true),
        ("destructiveHint", false),
        ("idempotentHint", true),
        ("openWorldHint", false),
    ];
    let flag = |hints: &Map<String, Value>, name: &str| hints.get(name).and_then(Value::as_bool);
    let milder = claims
        .iter()
        .filter(|(name, mild)| flag(&now, name) == Some(*mild) && flag(&then, name) != Some(*mild));
    let milder: Vec<&str> = milder.map(|(name, _)| *name).collect();
    if !milder.is_empty() {
        return Some((Risk::High, format!("it claims to be milder: {}", milder.join(", "))));
    }
    let other = |hints: &Map<String, Value>| {
        let mut rest = hints.clone();
        rest.retain(|name, _| claims.iter().all(|(claim, _)| claim != name));
        rest
    };
    (other(&then) != other(&now)).then(|| (Risk::Low, "what it says of itself changed".to_owned()))
}

fn schema(then: Option<Map<String, Value>>, now: Option<Map<String, Value>>) -> (Risk, String) {
    let (Some(then), Some(now)) = (then, now) else {
        return (Risk::Medium, "its parameters changed".to_owned());
    };
    let required = |schema: &Map<String, Value>| -> BTreeSet<String> {
        let list = schema.get("required").and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let parameters = |schema: &Map<String, Value>| -> BTreeSet<String> {
        let members = schema.get("properties").and_then(Value::as_object);
        members.into_iter().flat_map(Map::keys).cloned().collect()
    };
    let new = |of: &dyn Fn(&Map<String, Value>) -> BTreeSet<String>| -> Vec<String> {
        of(&now).difference(&of(&then)).map(|name| shown(name)).collect()
    };
    let wanted = new(&required);
    if !wanted.is_empty() {
        return (Risk::High, format!("it now requires {}", wanted.join(", ")));
    }
    let offered = new(&parameters);
    if !offered.is_empty() {
        return (Risk::Medium, format!("it has new parameters: {}", offered.join(", ")));
    }
    (Risk::Medium, "its parameters, or the words about them, changed".to_owned())
}

fn shown(name: &str) -> String {
    format!("`{}`", text::visible(&text::bounded(name, 64)))
}

/// Capabilities that were not there before.
fn grown(then: &Map<String, Value>, now: &Map<String, Value>) -> Option<(Risk, String)> {
    fn more(then: Option<&Value>, now: &Value) -> bool {
        match (then, now) {
            (Some(Value::Object(then)), Value::Object(now)) => {
                now.iter().any(|(name, now)| more(then.get(name), now))
            }
            (then, now) => then != Some(now) && *now != Value::Bool(false),
        }
    }
    let says = |(name, now): &(&String, &Value)| more(then.get(*name), now);
    let new: Vec<String> = now.iter().filter(says).map(|(name, _)| shown(name)).collect();
    (!new.is_empty()).then(|| (Risk::Medium, format!("it declares more: {}", new.join(", "))))
}

#[cfg(test)]
mod tests {
    use portcullis_wire::Json;
    use serde_json::json;

    use super::*;

    fn drift(then: Value, now: Value) -> Vec<(String, Risk)> {
        let tool = |members: Value| {
            let mut tool = json!({"name": "t", "inputSchema": {"type": "object"}});
            tool.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            Definition::of_tool(&Json::from_value(&tool), Tier::Read)
        };
        let pinned = Pinned { definition: tool(then), surroundings: Surroundings::default() };
        let changes = compare(Section::Tool, &pinned, &tool(now), &Surroundings::default());
        changes.into_iter().map(|change| (change.field, change.risk)).collect()
    }

    #[test]
    fn changes_are_ranked() {
        let none: &[(&str, Risk)] = &[];
        for (then, now, expect) in [
            (json!({}), json!({"annotations": {"readOnlyHint": false}}), none),
            (json!({"annotations": {"readOnlyHint": true}}), json!({}), none),
            (
                json!({}),
                json!({"annotations": {"readOnlyHint": true}}),
                &[("annotations", Risk::High)],
            ),
            (
                json!({}),
                json!({"annotations": {"destructiveHint": false}}),
                &[("annotations", Risk::High)],
            ),
            (json!({}), json!({"annotations": {"title": "T"}}), &[("annotations", Risk::Low)]),
            (
                json!({"description": "a"}),
                json!({"description": "b"}),
                &[("description", Risk::Medium)],
            ),
            (
                json!({"description": "a"}),
                json!({"description": "a\u{200b}"}),
                &[("description", Risk::High)],
            ),
            (json!({}), json!({"title": "T"}), &[("title", Risk::Low)]),
            (json!({}), json!({"_meta": {"a": 1}}), &[("_meta", Risk::Low)]),
            (
                json!({}),
                json!({"inputSchema": {"type": "object", "required": ["bcc"]}, "title": "T"}),
                &[("inputSchema", Risk::High), ("title", Risk::Low)],
            ),
            (
                json!({}),
                json!({"inputSchema": {"type": "object", "properties": {"bcc": {}}}}),
                &[("inputSchema", Risk::Medium)],
            ),
            (
                json!({"inputSchema": {"required": ["a", "b"]}}),
                json!({"inputSchema": {"required": ["b", "a"]}}),
                none,
            ),
        ] {
            let expect: Vec<_> = expect.iter().map(|(f, r)| ((*f).to_owned(), *r)).collect();
            assert_eq!(drift(then.clone(), now.clone()), expect, "{then} {now}");
        }
    }

    #[test]
    fn a_lower_tier_is_drift_only_when_something_else_moved() {
        let tool = |title: Value, tier| {
            let entry =
                json!({"name": "t", "inputSchema": {}, "annotations": {"readOnlyHint": title}});
            Definition::of_tool(&Json::from_value(&entry), tier)
        };
        let told = Surroundings::default();
        let pinned = |definition| Pinned { definition, surroundings: told.clone() };
        let exec = pinned(tool(json!(true), Tier::Exec));
        assert_eq!(compare(Section::Tool, &exec, &tool(json!(true), Tier::Read), &told), []);
        let changes = compare(Section::Tool, &exec, &tool(json!(false), Tier::Write), &told);
        assert_eq!(changes[0].what, "it was taken for exec and would be for write");
        let higher = compare(
            Section::Tool,
            &pinned(tool(json!(true), Tier::Read)),
            &tool(json!(false), Tier::Write),
            &told,
        );
        assert_eq!(higher, []);
    }

    #[test]
    fn a_server_that_declares_more_has_drifted() {
        let server = |capabilities: Value| {
            let result = json!({"capabilities": capabilities, "serverInfo": {"name": "s"}});
            Definition::of_handshake(&Json::from_value(&result))
        };
        let told = Surroundings::default();
        for (then, now, expect) in [
            (json!({"tools": {}}), json!({"tools": {}, "prompts": {}}), 1),
            (json!({"tools": {}}), json!({"tools": {"listChanged": true}}), 1),
            (json!({"tools": {}}), json!({"tools": {"listChanged": false}}), 0),
            (json!({"tools": {}, "prompts": {}}), json!({"tools": {}}), 0),
        ] {
            let pinned = Pinned { definition: server(then.clone()), surroundings: told.clone() };
            let changes = compare(Section::Server, &pinned, &server(now.clone()), &told);
            assert_eq!(changes.len(), expect, "{then} {now}: {changes:?}");
        }
    }
}
