//! What a request of 2026-07-28 says twice: in its body, and in headers for whoever only routes it
//! (Streamable HTTP, *Request Metadata*; SEP-2243).

use serde_json::Value;

use crate::json::Json;
use crate::message::Message;
use crate::view::lifecycle::Meta;

/// Where a schema says that an argument travels as a header.
const ANNOTATION: &str = "x-mcp-header";
/// Deeper schemas are refused before.
const DEEPEST: usize = 64;

/// What the headers of a message must say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mirrored {
    /// `MCP-Protocol-Version`.
    pub version: Option<String>,
    /// `Mcp-Method`.
    pub method: Option<String>,
    /// `Mcp-Name`: of a tool, a prompt, a resource or a task.
    pub name: Option<String>,
}

impl Mirrored {
    /// Reads a message. A response is mirrored by nothing.
    pub fn of(message: &Message) -> Self {
        let (method, params) = match message {
            Message::Request(request) => (&request.method, request.params.as_ref()),
            Message::Notification(said) => (&said.method, said.params.as_ref()),
            Message::Response(_) => return Self::default(),
        };
        let member = match method.as_str() {
            "tools/call" | "prompts/get" => Some("name"),
            "resources/read" => Some("uri"),
            method if method.starts_with("tasks/") => Some("taskId"),
            _ => None,
        };
        let members = params.and_then(Json::object);
        let name = members.and_then(|members| members.get(member?)?.as_text());
        let meta = Meta::read(params).unwrap_or_default();
        Self { version: meta.protocol_version, method: Some(method.clone()), name }
    }
}

/// Arguments that travel as headers too, by the name of the header that follows `Mcp-Param-`.
/// `schema` is the tool's own, whose annotations were judged when it was listed; what is absent
/// or null has no header.
pub fn arguments(schema: &Value, arguments: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    gather(schema, arguments, &mut found, DEEPEST);
    found
}

/// Whether the headers of a call say what its arguments say. `said` has the name that follows
/// `Mcp-Param-`, in any case, and the decoded value; no name stands there twice. Headers that the
/// schema knows nothing of mean nothing.
///
/// # Errors
/// The name of the first header that is missing, says something else, or stands for an argument
/// that is absent or null.
pub fn agree(schema: &Value, arguments: &Value, said: &[(String, String)]) -> Result<(), String> {
    let mut annotated = Vec::new();
    annotations(schema, Some(arguments), &mut annotated, DEEPEST);
    for (header, value) in annotated {
        let text = said.iter().find(|(name, _)| name.eq_ignore_ascii_case(header));
        let agrees = match (value, text) {
            (None | Some(Value::Null), None) => true,
            (Some(value), Some((_, text))) => same(value, text),
            (None, Some(_)) | (Some(_), None) => false,
        };
        if !agrees {
            return Err(header.to_owned());
        }
    }
    Ok(())
}

/// Every header that the schema names, with the argument that it stands for.
fn annotations<'a>(
    schema: &'a Value,
    arguments: Option<&'a Value>,
    found: &mut Vec<(&'a str, Option<&'a Value>)>,
    depth: usize,
) {
    let properties = schema.get("properties").and_then(Value::as_object);
    let Some(properties) = properties.filter(|_| depth > 0) else { return };
    for (name, inner) in properties {
        let value = arguments.and_then(|arguments| arguments.get(name));
        if let Some(header) = inner.get(ANNOTATION).and_then(Value::as_str) {
            found.push((header, value));
        }
        annotations(inner, value, found, depth - 1);
    }
}

/// Integers are compared as numbers, everything else letter by letter.
fn same(value: &Value, text: &str) -> bool {
    match value {
        Value::String(value) => value == text,
        Value::Bool(value) => value.to_string() == text,
        Value::Number(value) => {
            let value = value.to_string();
            value == text || whole(&value).is_some_and(|value| whole(text) == Some(value))
        }
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// `7`, `-7` and `7.0`.
fn whole(text: &str) -> Option<i128> {
    let (number, rest) = text.split_once('.').unwrap_or((text, "0"));
    let digits = number.strip_prefix('-').unwrap_or(number);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let nothing_after = !rest.is_empty() && rest.bytes().all(|byte| byte == b'0');
    (plain && nothing_after).then(|| number.parse().ok()).flatten()
}

fn gather(schema: &Value, arguments: &Value, found: &mut Vec<(String, String)>, depth: usize) {
    let properties = schema.get("properties").and_then(Value::as_object);
    let Some(properties) = properties.filter(|_| depth > 0) else { return };
    for (name, inner) in properties {
        let Some(value) = arguments.get(name) else { continue };
        if let Some(header) = inner.get(ANNOTATION).and_then(Value::as_str) {
            let text = match value {
                Value::String(text) => Some(text.clone()),
                Value::Bool(_) | Value::Number(_) => Some(value.to_string()),
                Value::Null | Value::Array(_) | Value::Object(_) => None,
            };
            found.extend(text.map(|text| (header.to_owned(), text)));
        }
        gather(inner, value, found, depth - 1);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{Limits, parse};

    #[test]
    fn each_method_has_its_own_name() {
        for (method, params, name) in [
            ("tools/call", r#"{"name":"a","uri":"b"}"#, Some("a")),
            ("prompts/get", r#"{"name":"a"}"#, Some("a")),
            ("resources/read", r#"{"name":"a","uri":"b"}"#, Some("b")),
            ("tasks/get", r#"{"taskId":"t","name":"a"}"#, Some("t")),
            ("tools/list", r#"{"name":"a"}"#, None),
            ("tools/call", r#"{"name":7}"#, None),
        ] {
            let line =
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#);
            let mirrored = Mirrored::of(&parse(line.as_bytes(), &Limits::default()).unwrap());
            assert_eq!(mirrored.name.as_deref(), name, "{line}");
            assert_eq!(mirrored.method.as_deref(), Some(method));
        }
    }

    #[test]
    fn headers_of_arguments_say_what_the_arguments_say() {
        let text = |header: &str| json!({"type": "string", "x-mcp-header": header});
        let schema = json!({"properties": {
            "region": text("Region"),
            "free": {"type": "string"},
            "count": {"type": "integer", "x-mcp-header": "Count"},
            "dry": {"type": "boolean", "x-mcp-header": "Dry"},
            "a": {"type": "object", "properties": {"b": text("B")}},
        }});
        for (given, said, wrong) in [
            (json!({}), vec![], None),
            (json!({"free": "x"}), vec![], None),
            (json!({"free": "x"}), vec![("free", "y"), ("tenant", "other")], None),
            (json!({"region": "eu"}), vec![("REGION", "eu")], None),
            (json!({"region": "eu"}), vec![], Some("Region")),
            (json!({"region": "eu"}), vec![("region", "EU")], Some("Region")),
            (json!({"region": ""}), vec![("region", "")], None),
            (json!({"region": null}), vec![], None),
            (json!({"region": null}), vec![("region", "eu")], Some("Region")),
            (json!({"region": null}), vec![("region", "null")], Some("Region")),
            (json!({}), vec![("region", "eu")], Some("Region")),
            (json!({"region": ["eu"]}), vec![("region", "eu")], Some("Region")),
            (json!({"count": 7}), vec![("count", "7")], None),
            (json!({"count": 7}), vec![("count", "7.0")], None),
            (json!({"count": 7.0}), vec![("count", "7")], None),
            (json!({"count": -7}), vec![("count", "-7")], None),
            (json!({"count": 7}), vec![("count", "07")], None),
            (json!({"count": 7}), vec![("count", "+7")], Some("Count")),
            (json!({"count": 7}), vec![("count", "8")], Some("Count")),
            (json!({"count": 7}), vec![("count", "7.")], Some("Count")),
            (json!({"count": 7}), vec![("count", "7.5")], Some("Count")),
            (json!({"count": 7}), vec![("count", "7, 7")], Some("Count")),
            (json!({"count": "7"}), vec![("count", "7.0")], Some("Count")),
            (json!({"dry": false}), vec![("dry", "false")], None),
            (json!({"dry": false}), vec![("dry", "False")], Some("Dry")),
            (json!({"a": {"b": "x"}}), vec![("b", "x")], None),
            (json!({"a": {"b": "x"}}), vec![], Some("B")),
            (json!({"a": "x"}), vec![("b", "x")], Some("B")),
            (json!([]), vec![("b", "x")], Some("B")),
        ] {
            let said: Vec<(String, String)> =
                said.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
            let wrong = wrong.map_or(Ok(()), |header: &str| Err(header.to_owned()));
            assert_eq!(agree(&schema, &given, &said), wrong, "{given} {said:?}");
        }
    }

    #[test]
    fn arguments_travel_where_the_schema_says_so() {
        let text = |header: &str| json!({"type": "string", "x-mcp-header": header});
        let schema = json!({"properties": {
            "region": text("Region"),
            "free": {"type": "string"},
            "count": {"type": "integer", "x-mcp-header": "Count"},
            "dry": {"type": "boolean", "x-mcp-header": "Dry"},
            "a": {"type": "object", "properties": {"b": text("B")}},
        }});
        for (given, expect) in [
            (json!({}), vec![]),
            (json!({"region": "eu", "free": "x"}), vec![("Region", "eu")]),
            (
                json!({"region": null, "count": 7, "dry": false}),
                vec![("Count", "7"), ("Dry", "false")],
            ),
            (json!({"a": {"b": "x"}, "b": "y"}), vec![("B", "x")]),
            (json!({"a": "b", "region": ["x"]}), vec![]),
        ] {
            let mut found = arguments(&schema, &given);
            found.sort();
            let found: Vec<_> =
                found.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
            assert_eq!(found, expect, "{given}");
        }
    }
}
