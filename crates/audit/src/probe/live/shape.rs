//! Values that fit a schema.

use serde_json::{Map, Value, json};

/// Schemas in schemas that are followed.
const DEEPEST: usize = 6;

/// A schema without detours: references of its own document followed, of several forms the first that is not null.
pub(super) fn plain<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    let mut here = schema;
    for _ in 0..DEEPEST {
        let referred = here.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix('#'));
        let forms = ["anyOf", "oneOf", "allOf"].iter().find_map(|name| here.get(name)?.as_array());
        let is_null = |form: &&Value| form.get("type") != Some(&Value::from("null"));
        let next = match (referred, forms) {
            (Some(pointer), _) => root.pointer(pointer),
            (None, Some(forms)) if here.get("type").is_none() => forms.iter().find(is_null),
            _ => None,
        };
        let Some(next) = next else { break };
        here = next;
    }
    here
}

/// The name of its type; of several, the first that is not null.
pub(super) fn type_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => {
            names.iter().filter_map(Value::as_str).find(|name| *name != "null").unwrap_or("")
        }
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "",
    }
}

/// A value that fits, as far as we can tell.
pub(super) fn sample(schema: &Value, root: &Value) -> Value {
    sample_at(schema, root, DEEPEST)
}

fn sample_at(schema: &Value, root: &Value, depth: usize) -> Value {
    let schema = plain(schema, root);
    if let Some(value) = given(schema) {
        return value;
    }
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    let number = |name: &str| schema.get(name).and_then(Value::as_f64);
    match type_of(schema) {
        "string" | "" => Value::from(text(schema)),
        "integer" | "number" => {
            let least = number("minimum").or(number("exclusiveMinimum").map(|least| least + 1.0));
            let most = number("maximum").or(number("exclusiveMaximum").map(|most| most - 1.0));
            let value = least.map_or(1.0, |least| least.max(1.0)).min(most.unwrap_or(f64::MAX));
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a number from a schema, made whole"
            )]
            Value::from(value as i64)
        }
        "boolean" => Value::from(false),
        "array" => {
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0).min(8);
            let item = schema.get("items").map(|items| sample_at(items, root, depth));
            (0..least).map(|_| item.clone().unwrap_or_else(|| json!("x"))).collect()
        }
        "object" => {
            let required = schema.get("required").and_then(Value::as_array).into_iter().flatten();
            let names = required.filter_map(Value::as_str);
            let member = |name: &str| {
                let of =
                    schema.get("properties").and_then(|all| all.get(name)).unwrap_or(&Value::Null);
                (name.to_owned(), sample_at(of, root, depth))
            };
            Value::Object(names.map(member).collect::<Map<_, _>>())
        }
        _ => Value::Null,
    }
}

/// What the schema itself names.
fn given(schema: &Value) -> Option<Value> {
    let first = |name: &str| schema.get(name)?.as_array()?.first().cloned();
    schema
        .get("const")
        .cloned()
        .or_else(|| first("enum"))
        .or_else(|| first("examples"))
        .or_else(|| schema.get("default").filter(|value| !value.is_null()).cloned())
}

fn text(schema: &Value) -> String {
    let form = schema.get("format").and_then(Value::as_str).unwrap_or_default();
    let base = match form {
        "email" => "ada@example.com",
        "uri" | "url" => "http://example.com/",
        "date" => "2026-01-02",
        "date-time" => "2026-01-02T03:04:05Z",
        "time" => "03:04:05Z",
        "uuid" => "123e4567-e89b-42d3-a456-426614174000",
        "ipv4" => "192.0.2.1",
        "hostname" => "example.com",
        _ => "tea",
    };
    let least = schema.get("minLength").and_then(Value::as_u64).unwrap_or(0).min(1000);
    let missing = usize::try_from(least).unwrap_or(0).saturating_sub(base.len());
    format!("{base}{}", "x".repeat(missing))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_fit() {
        let schema = json!({
            "type": "object",
            "$defs": {"Size": {"type": "integer", "minimum": 3, "maximum": 4}},
            "properties": {
                "size": {"$ref": "#/$defs/Size"},
                "name": {"anyOf": [{"type": "null"}, {"type": "string", "minLength": 5}]},
                "order": {"enum": ["up", "down"]},
                "tags": {"type": "array", "minItems": 2, "items": {"type": "string"}},
                "more": {"type": "string"},
            },
            "required": ["size", "name", "order", "tags"]
        });
        let value = sample(&schema, &schema);
        let fits = portcullis_guard::Schema::compile(&schema).unwrap().validate(&value);
        assert_eq!((fits, value.get("more")), (Ok(()), None), "{value}");
    }
}
