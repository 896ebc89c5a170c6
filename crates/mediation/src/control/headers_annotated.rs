//! Arguments that travel as HTTP headers are named so that every reader means the
//! same (2026-07-28, server/tools, `x-mcp-header`), and hold no secrets: a header is
//! read by whoever stands on the way (MCP-HTTP-11, -13).

use std::collections::BTreeSet;

use portcullis_guard::secret_name;
use serde_json::Value;

const ANNOTATION: &str = "x-mcp-header";
/// Deeper schemas are refused elsewhere.
const DEEPEST: usize = 64;

/// Why a tool's input schema may not be listed.
pub(crate) fn judge(schema: &Value) -> Option<&'static str> {
    let mut names = BTreeSet::new();
    walk(schema, None, true, &mut names, DEEPEST).err()
}

fn walk(
    schema: &Value,
    property: Option<&str>,
    reachable: bool,
    names: &mut BTreeSet<String>,
    depth: usize,
) -> Result<(), &'static str> {
    if depth == 0 {
        return Err("its schema is too deep");
    }
    match schema {
        Value::Object(members) => {
            if let Some(name) = members.get(ANNOTATION) {
                annotated(members, name, property.filter(|_| reachable), names)?;
            }
            for (member, inner) in members {
                match (member.as_str(), inner) {
                    // What stands here is data, not schema.
                    ("const" | "default" | "enum" | "examples", _) => {}
                    ("properties", Value::Object(properties)) => {
                        for (name, inner) in properties {
                            walk(inner, Some(name), reachable, names, depth - 1)?;
                        }
                    }
                    (_, inner) => walk(inner, property, false, names, depth - 1)?,
                }
            }
            Ok(())
        }
        Value::Array(items) => {
            items.iter().try_for_each(|item| walk(item, property, false, names, depth - 1))
        }
        _ => Ok(()),
    }
}

fn annotated(
    members: &serde_json::Map<String, Value>,
    name: &Value,
    property: Option<&str>,
    names: &mut BTreeSet<String>,
) -> Result<(), &'static str> {
    let name = name.as_str().filter(|name| !name.is_empty()).ok_or("a header without a name")?;
    // RFC 9110, 5.6.2.
    let token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    if !name.chars().all(token) {
        return Err("a header whose name is no token");
    }
    if !names.insert(name.to_ascii_lowercase()) {
        return Err("two arguments in one header");
    }
    let property = property.ok_or("a header for what is not always there")?;
    let kind = members.get("type").and_then(Value::as_str);
    if !kind.is_some_and(|kind| ["integer", "string", "boolean"].contains(&kind)) {
        return Err("a header for what is no text, integer or flag");
    }
    if secret_name(property) || secret_name(name) {
        return Err("a secret in a header, which everybody on the way reads");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn annotations_mean_one_thing() {
        let one = |property: &str, schema: Value| json!({"properties": {property: schema}});
        let text = |name: Value| json!({"type": "string", "x-mcp-header": name});
        for (schema, fine) in [
            (json!({"type": "object"}), true),
            (one("region", text(json!("Region"))), true),
            (one("a", json!({"type": "object", "properties": {"b": text(json!("B"))}})), true),
            (one("n", json!({"type": "integer", "x-mcp-header": "N"})), true),
            (one("n", json!({"type": "number", "x-mcp-header": "N"})), false),
            (one("n", json!({"x-mcp-header": "N"})), false),
            (one("a", text(json!(""))), false),
            (one("a", text(json!(1))), false),
            (one("a", text(json!("two words"))), false),
            (one("a", text(json!("a:b"))), false),
            (json!({"properties": {"a": text(json!("X")), "b": text(json!("x"))}}), false),
            (json!({"items": text(json!("X"))}), false),
            (one("a", json!({"anyOf": [text(json!("X"))]})), false),
            (json!({"$defs": {"a": one("b", text(json!("X")))}}), false),
            (one("api_key", text(json!("Key-Id"))), false),
            (one("a", text(json!("Password"))), false),
            (one("a", json!({"type": "string", "default": {"x-mcp-header": ""}})), true),
        ] {
            assert_eq!(judge(&schema).is_none(), fine, "{schema}: {:?}", judge(&schema));
        }
    }
}
