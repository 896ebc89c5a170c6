//! The same thing in the words of the other era: declarations, results, errors.

use portcullis_wire::view::lifecycle::{
    CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL, PROTOCOL_VERSION, SERVER_INFO, SUBSCRIPTION_ID,
};
use portcullis_wire::{Json, Object, Outcome, Revision, RpcError, array, elements};
use serde_json::{Value, json};

/// What a client is told whose server is not who it was.
pub(super) const SPOKE_NEWER: &str = "not permitted: the server spoke a newer revision before";

/// What a client is told whose server wanted something that it did not get.
pub(super) const NOT_GIVEN: &str =
    "not permitted: the server asked for input that is not available here";

/// Lists and what else a cache may keep (2026-07-28, server/utilities/caching).
const CACHED: &[&str] = &[
    "server/discover",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
];

/// What a client of either era declared, as one of the other would.
pub(super) fn client(declared: &Value) -> Json {
    Json::from_value(&without(declared, &["tasks", "extensions"], true))
}

/// What a modern server declared, as a legacy one would.
pub(super) fn legacy_server(declared: &Value) -> Json {
    Json::from_value(&without(declared, &["tasks", "extensions"], false))
}

/// What a legacy server declared, as a modern one would. 2024-11-05 has completion and no
/// capability for it, so there it may be there.
pub(super) fn modern_server(declared: &Value, revision: Revision) -> Json {
    let mut declared = without(declared, &["tasks", "extensions"], false);
    let completes = declared.get("prompts").is_some() || declared.get("resources").is_some();
    if let (Revision::V2024_11_05, true, Some(members)) =
        (revision, completes, declared.as_object_mut())
    {
        members.entry("completions").or_insert_with(|| json!({}));
    }
    Json::from_value(&declared)
}

/// A declaration without some members; of a client's, without what only a session has.
fn without(declared: &Value, names: &[&str], client: bool) -> Value {
    let mut declared = declared.clone();
    let Some(members) = declared.as_object_mut() else { return json!({}) };
    members.retain(|name, _| !names.contains(&name.as_str()));
    if client {
        let each = members.values_mut().filter_map(Value::as_object_mut);
        each.for_each(|parts| drop(parts.remove("listChanged")));
    }
    declared
}

/// A modern result as a legacy server would give it.
pub(super) fn legacy_result(method: &str, result: &Json) -> Json {
    let Some(mut members) = result.object() else { return result.clone() };
    for name in ["resultType", "ttlMs", "cacheScope", "inputRequests", "requestState"] {
        members.remove(name);
    }
    cut_meta(&mut members, &[SERVER_INFO, SUBSCRIPTION_ID]);
    match method {
        // Until 2025-11-25 it is an object (server/tools, Structured Content).
        "tools/call" if members.get("structuredContent").is_some_and(|it| !it.is_object()) => {
            members.remove("structuredContent");
        }
        "tools/list" => {
            if let Some(tools) = members.get("tools").and_then(elements) {
                let tools: Vec<Json> = tools.iter().map(legacy_tool).collect();
                members.set("tools", array(&tools));
            }
        }
        _ => {}
    }
    members.to_json()
}

/// A definition without an output schema for something that is no object.
fn legacy_tool(tool: &Json) -> Json {
    let Some(mut members) = tool.object() else { return tool.clone() };
    let kind = members.get("outputSchema").and_then(Json::object);
    let kind = kind.map(|schema| schema.get("type").and_then(Json::as_text));
    match kind {
        Some(kind) if kind.as_deref() != Some("object") => {
            members.remove("outputSchema");
            members.to_json()
        }
        _ => tool.clone(),
    }
}

/// A legacy result as a modern server would give it: an answer, and nobody's to keep.
pub(super) fn modern_result(method: &str, result: &Json) -> Json {
    let Some(mut members) = result.object() else { return result.clone() };
    for name in ["inputRequests", "requestState", "ttlMs", "cacheScope"] {
        members.remove(name);
    }
    members.set("resultType", Json::string("complete"));
    if CACHED.contains(&method) {
        members.set("ttlMs", Json::from_value(&json!(0)));
        members.set("cacheScope", Json::string("private"));
    }
    members.to_json()
}

/// A modern error as a legacy server would give it: the codes that 2026-07-28 reserves mean
/// nothing to its elders.
pub(super) fn legacy_error(mut error: RpcError) -> RpcError {
    if (-32099..=-32020).contains(&error.code) {
        error.code = -32603;
        error.data = None;
    }
    error
}

/// The parameters of a request without what only a modern one says.
pub(super) fn legacy_params(params: Option<&Json>) -> Option<Json> {
    let mut members = params?.object()?;
    members.remove("inputResponses");
    members.remove("requestState");
    cut_meta(&mut members, &[PROTOCOL_VERSION, CLIENT_CAPABILITIES, CLIENT_INFO, LOG_LEVEL]);
    Some(members.to_json())
}

/// The same with what a modern one has to say.
pub(super) fn modern_params(params: Option<&Json>, meta: &Json, level: Option<&str>) -> Json {
    let mut members = params.and_then(Json::object).unwrap_or_default();
    let mut own = members.get("_meta").and_then(Json::object).unwrap_or_default();
    for (name, value) in meta.object().unwrap_or_default().iter() {
        own.set(name, value.clone());
    }
    if let Some(level) = level {
        own.set(LOG_LEVEL, Json::string(level));
    }
    members.set("_meta", own.to_json());
    members.to_json()
}

/// Takes members out of `_meta`, and `_meta` when nothing is left.
pub(super) fn cut_meta(members: &mut Object, names: &[&str]) {
    let Some(mut meta) = members.get("_meta").and_then(Json::object) else { return };
    for name in names {
        meta.remove(name);
    }
    match meta.is_empty() {
        true => drop(members.remove("_meta")),
        false => members.set("_meta", meta.to_json()),
    }
}

/// Parameters under the stream that they belong to.
pub(super) fn tagged(params: Option<&Json>, stream: &portcullis_wire::Id) -> Json {
    let mut members = params.and_then(Json::object).unwrap_or_default();
    let mut meta = members.get("_meta").and_then(Json::object).unwrap_or_default();
    meta.set(SUBSCRIPTION_ID, stream.to_json());
    members.set("_meta", meta.to_json());
    members.to_json()
}

/// The answer to a call that cannot go on.
pub(super) fn failed(method: &str, modern: bool, why: &str) -> Outcome {
    if method != "tools/call" {
        return Outcome::Error(RpcError { code: -32603, message: why.to_owned(), data: None });
    }
    let mut result = json!({"content": [{"type": "text", "text": why}], "isError": true});
    if let (true, Some(members)) = (modern, result.as_object_mut()) {
        members.insert("resultType".to_owned(), "complete".into());
    }
    Outcome::Result(Json::from_value(&result))
}
