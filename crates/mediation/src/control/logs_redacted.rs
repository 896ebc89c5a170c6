//! A server's log messages reach nobody verbatim (MCP-LOG-04).

use portcullis_guard::secret;
use portcullis_wire::view::notification::LogMessage;
use portcullis_wire::{Json, Notification, Object};
use serde_json::Value;

/// Longest text leaf that passes, in characters.
const LEAF: usize = 4096;

/// The notification as it may go on, and its line for the side log.
pub(crate) fn rewrite(notification: &Notification, message: &LogMessage) -> (Notification, String) {
    let data = clean(message.data.value());
    let line = format!("{}: {data}", message.level.as_str());
    // Only what was read here: nobody cleaned the rest.
    let mut params = Object::new();
    params.set("level", Json::string(message.level.as_str()));
    params.set("data", Json::from_value(&data));
    if let Some(logger) = &message.logger {
        params.set("logger", Json::string(&secret::redact(logger)));
    }
    let method = notification.method.clone();
    (Notification { method, params: Some(params.to_json()) }, line)
}

fn clean(value: Value) -> Value {
    match value {
        Value::String(text) => {
            // Redacted before it is cut: half a secret has no form.
            Value::String(secret::redact(&text).chars().take(LEAF).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(clean).collect()),
        Value::Object(members) => {
            let member = |(name, value): (String, Value)| {
                let hidden = secret::secret_name(&name);
                let value = if hidden { "<redacted:member-name>".into() } else { clean(value) };
                (secret::redact(&name).into_owned(), value)
            };
            Value::Object(members.into_iter().map(member).collect())
        }
        other => other,
    }
}
