//! What a schema leaves open: an argument whose values can be counted, or lie between
//! two numbers. Everything else, text above all, is not bounded.
//!
//! Keywords of a schema only narrow each other, so one that bounds is enough; what
//! stands behind a reference is not looked at.

use portcullis_guard::words;
use portcullis_policy::Tier;
use serde_json::Value;

use crate::control::approve_by_risk::says_worse;

/// More words than a person reads in one line.
const WORDS: usize = 32;

/// Names of switches that make a call another one, whatever its tool is.
const SWITCHES: &[&str] = &[
    "admin",
    "all",
    "approve",
    "approved",
    "bypass",
    "confirm",
    "confirmed",
    "deep",
    "disable",
    "dry",
    "everyone",
    "external",
    "force",
    "hard",
    "ignore",
    "no",
    "public",
    "raw",
    "recursive",
    "replace",
    "skip",
    "unsafe",
    "without",
];

/// Whether an argument may be left open to its schema for a tool of this tier: it is
/// bounded, and neither its name nor one of its values says something worse than the tool.
pub(super) fn may_be_open(name: &str, schema: &Value, tier: Tier) -> bool {
    let worse = |text: &str| is_switch(text, tier);
    is_bounded(schema) && !worse(name) && !values(schema).any(|value| says(value, &worse))
}

/// Whether a name or a value speaks of more than the tool does.
pub(super) fn is_switch(text: &str, tier: Tier) -> bool {
    says_worse(text, tier) || words(text).iter().any(|word| SWITCHES.contains(&word.as_str()))
}

/// Whether the schema lets it be only one of few values, or a number between two.
fn is_bounded(schema: &Value) -> bool {
    listed(schema).is_some_and(|values| values.len() <= WORDS)
        || matches!(kind(schema), Some("boolean" | "null"))
        || (matches!(kind(schema), Some("integer" | "number")) && range(schema).is_some())
        || branches(schema).is_some_and(|mut all| all.all(is_bounded))
}

/// Whether a value is one that a bounded schema bounds it to.
pub(super) fn admits(schema: &Value, value: &Value) -> bool {
    if let Some(values) = listed(schema) {
        return values.len() <= WORDS && values.contains(&value);
    }
    match (kind(schema), value) {
        (Some("boolean"), Value::Bool(_)) | (Some("null"), Value::Null) => true,
        (Some("integer" | "number"), Value::Number(number)) => {
            let number = number.as_f64();
            range(schema).zip(number).is_some_and(|((least, most), it)| least <= it && it <= most)
        }
        _ => branches(schema)
            .is_some_and(|mut all| all.any(|one| is_bounded(one) && admits(one, value))),
    }
}

/// `enum`, or `const` as a list of one.
fn listed(schema: &Value) -> Option<Vec<&Value>> {
    match schema.get("enum") {
        Some(values) => Some(values.as_array()?.iter().collect()),
        None => schema.get("const").map(|value| vec![value]),
    }
}

fn kind(schema: &Value) -> Option<&str> {
    schema.get("type")?.as_str()
}

fn range(schema: &Value) -> Option<(f64, f64)> {
    let number = |name: &str| schema.get(name).and_then(Value::as_f64);
    let least = number("minimum").or_else(|| number("exclusiveMinimum"))?;
    let most = number("maximum").or_else(|| number("exclusiveMaximum"))?;
    // Between these two lies every whole number that all readers read the same.
    let counted = least >= -9_007_199_254_740_991.0 && most <= 9_007_199_254_740_991.0;
    // A range as wide as numbers are is none: generators write it for everything.
    (counted && most - least <= 1_000_000.0).then_some((least, most))
}

fn branches(schema: &Value) -> Option<impl Iterator<Item = &Value>> {
    let all = schema.get("anyOf").or_else(|| schema.get("oneOf"))?.as_array()?;
    (!all.is_empty()).then(|| all.iter())
}

/// Every value that it lists, in branches of branches too.
fn values(schema: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    let own = listed(schema).into_iter().flatten();
    Box::new(own.chain(branches(schema).into_iter().flatten().flat_map(values)))
}

/// Whether a text in a value, or a member's name in it, says something.
fn says(value: &Value, it: &impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => it(text),
        Value::Array(items) => items.iter().any(|item| says(item, it)),
        Value::Object(members) => members.iter().any(|(name, one)| it(name) || says(one, it)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_bounded_and_says_nothing_worse_may_be_left_open() {
        for (name, schema, open) in [
            ("verbose", json!({"type": "boolean"}), true),
            ("recursive", json!({"type": "boolean"}), false),
            ("skip_hooks", json!({"type": "boolean"}), false),
            ("delete_after", json!({"type": "boolean"}), false),
            ("order", json!({"enum": ["asc", "desc"]}), true),
            ("method", json!({"enum": ["get", "delete"]}), false),
            ("page", json!({"type": "integer", "minimum": 1, "maximum": 100}), true),
            ("page", json!({"type": "integer", "minimum": 1}), false),
            (
                "id",
                json!({"type": "integer", "minimum": 0, "maximum": 9_007_199_254_740_991_i64}),
                false,
            ),
            ("name", json!({"type": "string", "maxLength": 8}), false),
            (
                "limit",
                json!({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 9}, {"type": "null"}]}),
                true,
            ),
            (
                "limit",
                json!({"anyOf": [{"type": "integer", "minimum": 1, "maximum": 9}, {"type": "string"}]}),
                false,
            ),
            ("how", json!({"anyOf": [{"enum": ["read", "purge"]}, {"type": "null"}]}), false),
            ("how", json!({"anyOf": [{"anyOf": [{"enum": ["read", "purge"]}]}]}), false),
            ("how", json!({"enum": [["read"], ["purge"]]}), false),
            ("how", json!({"enum": [{"method": "read"}, {"delete": 1}]}), false),
            ("how", json!({"anyOf": [{"const": {"a": [{"then": "purge"}]}}]}), false),
            ("kind", json!({"$ref": "#/$defs/kind"}), false),
            ("kind", json!(true), false),
        ] {
            assert_eq!(may_be_open(name, &schema, Tier::Read), open, "{name} {schema}");
        }
    }

    #[test]
    fn a_value_is_held_to_the_bounds() {
        let page = json!({"type": "integer", "minimum": 1, "maximum": 100});
        let order = json!({"enum": ["asc", "desc"]});
        let maybe = json!({"anyOf": [{"type": "boolean"}, {"type": "null"}]});
        for (schema, value, admitted) in [
            (&page, json!(1), true),
            (&page, json!(101), false),
            (&page, json!("1"), false),
            (&page, json!([1]), false),
            (&order, json!("asc"), true),
            (&order, json!("ASC"), false),
            (&order, json!(["asc"]), false),
            (&maybe, json!(null), true),
            (&maybe, json!(true), true),
            (&maybe, json!("true"), false),
        ] {
            assert_eq!(admits(schema, &value), admitted, "{schema} {value}");
        }
    }
}
