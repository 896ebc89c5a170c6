//! Tasks, by the examples of their specifications: the core of 2025-11-25 and the
//! extension `io.modelcontextprotocol/tasks` (SEP-2663).

use portcullis_wire::{Json, Kind, Peer, Revision, method, task};
use serde_json::{Value, json};

use Revision::{V2025_11_25, V2026_07_28};

/// The example, with these members; `null` takes one out.
fn with(example: &Value, members: Value) -> Value {
    let mut changed = example.clone();
    for (name, value) in members.as_object().into_iter().flatten() {
        match value {
            Value::Null => changed.as_object_mut().and_then(|members| members.remove(name)),
            value => changed
                .as_object_mut()
                .and_then(|members| members.insert(name.clone(), value.clone())),
        };
    }
    changed
}

fn later() -> Value {
    json!({
        "resultType": "complete", "taskId": "786512e2", "status": "working",
        "createdAt": "2025-11-25T10:30:00Z", "lastUpdatedAt": "2025-11-25T10:50:00Z",
        "ttlMs": 3_600_000, "pollIntervalMs": 5000,
    })
}

#[test]
fn where_a_task_stands_brings_along_what_its_status_says() {
    let row = method(V2026_07_28, Peer::Client, Kind::Request, "tasks/get").expect("a row");
    let asks = json!({"name": {"method": "elicitation/create", "params": {"mode": "form", "message": "Please enter your name.",
        "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}}}});
    let ended = json!({"content": [{"type": "text", "text": "Hello, Luca!"}], "isError": false});
    for (members, fits) in [
        (json!({}), true),
        (json!({"status": "cancelled"}), true),
        (json!({"status": "input_required", "inputRequests": asks}), true),
        (json!({"status": "input_required"}), false),
        (
            json!({"status": "input_required", "inputRequests": {"a": {"method": "tools/call"}}}),
            false,
        ),
        (json!({"status": "completed", "result": ended}), true),
        (json!({"status": "completed"}), false),
        (json!({"status": "completed", "result": {"content": "all"}}), false),
        (
            json!({"status": "completed", "result": {"resultType": "input_required", "content": []}}),
            false,
        ),
        (
            json!({"status": "failed", "error": {"code": -32603, "message": "API rate limit exceeded"}}),
            true,
        ),
        (json!({"status": "failed", "error": {"message": "no code"}}), false),
        (json!({"status": "failed"}), false),
        (json!({"status": "done"}), false),
        (json!({"status": null}), false),
        (json!({"taskId": 7}), false),
        (json!({"ttlMs": "long"}), false),
        (json!({"ttlMs": -1}), false),
        (json!({"pollIntervalMs": null}), true),
        (json!({"createdAt": null}), false),
        (json!({"TaskId": "another"}), false),
    ] {
        let state = with(&later(), members);
        let judged = row.result.holds(&Json::from_value(&state), "result", V2026_07_28);
        assert_eq!(judged.is_ok(), fits, "{state}: {judged:?}");
    }
    let for_ever =
        Json::from_value(&json!({"resultType": "complete", "taskId": "a", "status": "working",
        "createdAt": "", "lastUpdatedAt": "", "ttlMs": null}));
    assert_eq!(row.result.holds(&for_ever, "result", V2026_07_28), Ok(()));
}

#[test]
fn a_task_is_created_as_its_revision_says() {
    let legacy = json!({"task": {"taskId": "a", "status": "working", "createdAt": "", "lastUpdatedAt": "", "ttl": null}});
    let handle = with(&later(), json!({"resultType": "task"}));
    for (revision, result, fits) in [
        (V2025_11_25, &legacy, true),
        (V2025_11_25, &handle, false),
        (V2025_11_25, &json!({"task": {"taskId": "a"}}), false),
        (V2026_07_28, &handle, true),
        (V2026_07_28, &legacy, false),
        (V2026_07_28, &with(&handle, json!({"taskId": null})), false),
    ] {
        let row = task(revision, "tools/call").expect("a row");
        let judged = row.result.holds(&Json::from_value(result), "result", revision);
        assert_eq!(judged.is_ok(), fits, "{revision} {result}: {judged:?}");
        // What nobody declared does not pass for a call's own result.
        let row = method(revision, Peer::Client, Kind::Request, "tools/call").expect("a row");
        assert!(row.result.holds(&Json::from_value(result), "result", revision).is_err());
    }
}

#[test]
fn an_update_brings_answers() {
    let row = method(V2026_07_28, Peer::Client, Kind::Request, "tasks/update").expect("a row");
    let meta = json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}});
    for (params, fits) in [
        (
            json!({"taskId": "a", "inputResponses": {"name": {"action": "accept", "content": {"input": "Luca"}}}}),
            true,
        ),
        (json!({"taskId": "a", "inputResponses": {}}), true),
        (json!({"taskId": "a"}), false),
        (json!({"inputResponses": {}}), false),
        (json!({"taskId": "a", "inputResponses": {"name": "Luca"}}), false),
    ] {
        let params = with(&params, json!({"_meta": meta}));
        let judged = row.params.holds_params(Some(&Json::from_value(&params)), V2026_07_28);
        assert_eq!(judged.is_ok(), fits, "{params}: {judged:?}");
    }
}
