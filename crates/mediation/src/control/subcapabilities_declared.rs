//! A question of a server uses only the parts of a capability that the host
//! declared (MCP-CAP-08): a capability by itself says little of what a host can do.
//!
//! This stands on what the host said of itself, for the session or, on 2026-07-28,
//! with the very request whose answer asks. It holds beside the refusals of
//! `input_requests_refused.rs` and would hold without them.

use portcullis_catalog::control::SUBCAPABILITIES_DECLARED;
use portcullis_policy::Decision;
use portcullis_wire::{Json, Need, Peer, Revision};
use serde_json::Value;

use crate::Session;
use crate::carries::Declared;
use crate::correlate::InFlight;

/// What a host declared, as far as questions need it.
pub(crate) fn declared(capabilities: &Value) -> Declared {
    let ours = Need::ALL.iter().copied().filter(|need| need.of() == Peer::Client);
    ours.filter(|need| need.declared(capabilities)).collect()
}

/// Judges one question. A capability that is not declared at all is the business of
/// `capability_declared.rs`.
fn judge(method: &str, params: &Value, revision: Revision, declared: &Declared) -> Decision {
    let parts = match method {
        "sampling/createMessage" if declared.contains(&Need::Sampling) => {
            sampling(params, revision)
        }
        "elicitation/create" if declared.contains(&Need::Elicitation) => elicitation(params),
        _ => Vec::new(),
    };
    let missing = parts.into_iter().filter(|(need, _)| !declared.contains(need));
    missing.fold(Decision::default(), |decision, (need, what)| {
        let why = format!("{what} needs `{}`, which the host did not declare", need.path());
        decision.and(Decision::deny(SUBCAPABILITIES_DECLARED, why))
    })
}

/// A model with tools, and one that sees what others said (2025-11-25, client/sampling).
fn sampling(params: &Value, revision: Revision) -> Vec<(Need, &'static str)> {
    let mut parts = Vec::new();
    let given = |name: &str| params.get(name).is_some_and(|value| !value.is_null());
    if given("tools") || given("toolChoice") || talks_of_tools(params) {
        parts.push((Need::SamplingTools, "a model with tools"));
    }
    // Before that revision there was no way to declare it.
    let context = params.get("includeContext").and_then(Value::as_str).unwrap_or("none");
    if revision >= Revision::V2025_11_25 && context != "none" {
        parts.push((Need::SamplingContext, "the context of others"));
    }
    parts
}

/// Messages that go on with a use of tools.
fn talks_of_tools(params: &Value) -> bool {
    let of_tools = |block: &Value| {
        let kind = block.get("type").and_then(Value::as_str);
        matches!(kind, Some("tool_use" | "tool_result"))
    };
    let messages = params.get("messages").and_then(Value::as_array);
    messages.into_iter().flatten().filter_map(|message| message.get("content")).any(|content| {
        match content.as_array() {
            Some(blocks) => blocks.iter().any(of_tools),
            None => of_tools(content),
        }
    })
}

/// A form, or a place to go (2025-11-25, client/elicitation): who names neither can
/// show forms only.
fn elicitation(params: &Value) -> Vec<(Need, &'static str)> {
    match params.get("mode").and_then(Value::as_str) {
        Some("url") => vec![(Need::ElicitationUrl, "a place to send the person to")],
        _ => vec![(Need::ElicitationForm, "a form")],
    }
}

impl Session {
    /// A question of the server by itself (until 2025-11-25).
    pub(crate) fn judge_parts(&self, method: &str, params: Option<&Json>) -> Decision {
        let declared = self.phase.claimed_capabilities().map(declared).unwrap_or_default();
        self.parts(method, params, &declared)
    }

    /// A question inside of an answer, by what the request itself declared.
    pub(crate) fn judge_parts_inside(
        &self,
        row: &InFlight,
        method: &str,
        params: Option<&Json>,
    ) -> Decision {
        self.parts(method, params, &row.carries.declared)
    }

    fn parts(&self, method: &str, params: Option<&Json>, declared: &Declared) -> Decision {
        let Some(revision) = self.phase.revision() else { return Decision::default() };
        judge(method, &params.map(Json::value).unwrap_or_default(), revision, declared)
    }
}

#[cfg(test)]
mod tests {
    use portcullis_policy::Effect;
    use serde_json::json;

    use super::*;

    fn effect(host: &Value, revision: Revision, method: &str, params: &Value) -> Effect {
        judge(method, params, revision, &declared(host)).effect
    }

    #[test]
    fn a_capability_by_itself_is_the_least_of_it() {
        use Effect::{Allow, Deny};
        const MODEL: &str = "sampling/createMessage";
        const PERSON: &str = "elicitation/create";
        let now = Revision::V2025_11_25;
        let form = json!({"message": "?", "requestedSchema": {}});
        let named = json!({"mode": "form", "message": "?", "requestedSchema": {}});
        let link = json!({"mode": "url", "message": "?", "url": "https://example.net"});
        let used = json!({"messages": [{"role": "user", "content": [{"type": "tool_result"}]}]});
        let one = json!({"messages": [{"role": "assistant", "content": {"type": "tool_use"}}]});
        let bare = json!({"messages": [{"role": "user", "content": {"type": "text"}}]});
        for (host, method, params, expect) in [
            (json!({"elicitation": {}}), PERSON, form.clone(), Allow),
            (json!({"elicitation": {}}), PERSON, named.clone(), Allow),
            (json!({"elicitation": {}}), PERSON, link.clone(), Deny),
            (json!({"elicitation": {"form": {}}}), PERSON, link.clone(), Deny),
            (json!({"elicitation": {"url": {}}}), PERSON, link.clone(), Allow),
            (json!({"elicitation": {"url": true}}), PERSON, link.clone(), Deny),
            (json!({"elicitation": {"url": {}}}), PERSON, form.clone(), Deny),
            (json!({"elicitation": {"url": {}}}), PERSON, named, Deny),
            (json!({"elicitation": {"form": {}, "url": {}}}), PERSON, form, Allow),
            (json!({"sampling": {}}), MODEL, bare.clone(), Allow),
            (json!({"sampling": {}}), MODEL, json!({"tools": []}), Deny),
            (json!({"sampling": {}}), MODEL, json!({"toolChoice": {}}), Deny),
            (json!({"sampling": {}}), MODEL, used.clone(), Deny),
            (json!({"sampling": {}}), MODEL, one, Deny),
            (json!({"sampling": {"tools": {}}}), MODEL, used, Allow),
            (json!({"sampling": {"tools": {}}}), MODEL, json!({"tools": []}), Allow),
            (json!({"sampling": {}}), MODEL, json!({"includeContext": "none"}), Allow),
            (json!({"sampling": {}}), MODEL, json!({"includeContext": "allServers"}), Deny),
            (
                json!({"sampling": {"context": {}}}),
                MODEL,
                json!({"includeContext": "thisServer"}),
                Allow,
            ),
            // Nothing was declared at all: that is refused elsewhere, in other words.
            (json!({}), PERSON, link, Allow),
            (json!({}), "roots/list", json!({}), Allow),
        ] {
            assert_eq!(effect(&host, now, method, &params), expect, "{host} {method} {params}");
        }
        let before = Revision::V2025_06_18;
        let context = json!({"includeContext": "thisServer"});
        assert_eq!(effect(&json!({"sampling": {}}), before, MODEL, &context), Allow);
        assert_eq!(effect(&json!({"sampling": {}}), before, MODEL, &json!({"tools": []})), Deny);
    }
}
