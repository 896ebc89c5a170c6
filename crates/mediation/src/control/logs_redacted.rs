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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rewritten(params: &Value) -> Value {
        let params = Some(Json::from_value(params));
        let message = LogMessage::read(params.as_ref()).expect("a log message");
        let method = "notifications/message".to_owned();
        let (clean, _) = rewrite(&Notification { method, params }, &message);
        clean.params.map(|params| params.value()).unwrap_or_default()
    }

    #[test]
    fn secrets_and_what_nobody_knows_stay_behind() {
        let token = format!("ghp_{}", "a1B2".repeat(9));
        let data = json!({"a": [format!("use {token}")], "password": {"x": 1}, token: 2});
        let hidden = json!({
            "a": ["use <redacted:github-token>"], "password": "<redacted:member-name>",
            "<redacted:github-token>": 2,
        });
        let params = json!({"level": "info", "data": data, "extra": 1, "_meta": {"y": 1}});
        assert_eq!(rewritten(&params), json!({"level": "info", "data": hidden}));
    }

    #[test]
    fn a_secret_across_the_cut_leaves_no_beginning() {
        let token = format!("ghp_{}", "a1B2".repeat(9));
        for before in 4060..4100 {
            let data = format!("{} {token}", "x".repeat(before));
            let text = rewritten(&json!({"level": "info", "data": data})).to_string();
            assert!(!text.contains("ghp_") && text.len() < LEAF + 100, "{before}");
        }
    }
}
