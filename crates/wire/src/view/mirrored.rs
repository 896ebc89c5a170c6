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
