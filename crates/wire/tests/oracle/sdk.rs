//! The types of the TypeScript SDK 1.0 as a judge of 2024-11-05, whose schema the
//! conformance suite does not have.

use portcullis_wire::Kind;
use serde_json::{Value, json};

use crate::Sample;
use crate::official::printed;

/// What the SDK thinks of each message.
pub fn verdicts(messages: &[(&Sample, Value)]) -> Vec<bool> {
    let question = |(sample, message): &(&Sample, Value)| {
        let what = match (sample.is_result, sample.row.kind) {
            (true, _) => "result",
            (false, Kind::Request) => "request",
            (false, Kind::Notification) => "notification",
        };
        let value = if sample.is_result { &message["result"] } else { message };
        json!([what, sample.row.name, value])
    };
    let questions: Vec<Value> = messages.iter().map(question).collect();
    let verdicts = printed("sdk-of-2024.mjs", &Value::from(questions).to_string());
    serde_json::from_str(&verdicts).expect("verdicts")
}

/// What the SDK leaves open and the schema does not.
pub fn is_wider(why: &str) -> bool {
    let members =
        ["`audience`", "`priority`", "`annotations`", "`data` is required", "`experimental`"];
    members.iter().any(|member| why.starts_with(member))
}

/// Where the SDK asks for more than the schema: base64 that decodes, and roots
/// that are files. Both are judged elsewhere here.
pub fn is_narrower(message: &Value) -> bool {
    let decodes = |text: &str| {
        text.len().is_multiple_of(4) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    match message {
        Value::Object(members) => members.iter().any(|(name, value)| match value.as_str() {
            Some(text) if name == "blob" || name == "data" => !decodes(text),
            _ => name == "roots" || is_narrower(value),
        }),
        Value::Array(items) => items.iter().any(is_narrower),
        _ => false,
    }
}
