//! What a request of 2026-07-28 says twice: in its body, and in headers for whoever only routes it
//! (Streamable HTTP, *Request Metadata*; SEP-2243).

use crate::json::Json;
use crate::message::Message;
use crate::view::lifecycle::Meta;

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

#[cfg(test)]
mod tests {
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
}
