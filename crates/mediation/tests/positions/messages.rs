//! The largest message of each kind that a server can say, with a text in every
//! place that the specification has one.

use portcullis_wire::{Era, Revision};
use serde_json::{Value, json};

/// The server's id of the task that a conversation begins with.
pub(crate) const THEIRS: &str = "task-one";

/// How a body is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// The result of a request with this method.
    Result(&'static str),
    /// The result of a call that goes on as a task.
    Task,
    /// The error of a request with this method.
    Error(&'static str),
    /// A notification with this method.
    Notification(&'static str),
    /// A request of the server with this method.
    Request(&'static str),
}

/// Something that a server says.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) name: &'static str,
    pub(crate) how: How,
    /// The result, the error's object, or the parameters.
    pub(crate) body: Value,
    /// It never reaches the host, marker or not.
    pub(crate) is_refused: bool,
}

/// Every message of a revision.
pub(crate) fn every_message(revision: Revision) -> Vec<Said> {
    let mut all = results();
    all.iter_mut().for_each(|message| without_later_kinds(&mut message.body, revision));
    all.extend(errors());
    match revision.era() {
        Era::Legacy => {
            all.insert(0, said("initialize", How::Result("initialize"), opening(revision)));
            all.extend(legacy(revision));
        }
        Era::Modern => {
            all.insert(0, said("discover", How::Result("server/discover"), discovery()));
            for message in &mut all {
                if let (How::Result(method), Value::Object(members)) =
                    (message.how, &mut message.body)
                {
                    members.insert("resultType".to_owned(), "complete".into());
                    if method.ends_with("list") || method.ends_with("read") {
                        members.insert("ttlMs".to_owned(), 0.into());
                        members.insert("cacheScope".to_owned(), "private".into());
                    }
                }
            }
            all.push(said("input required", How::Result("tools/call"), input_required()));
            all.extend(later());
        }
    }
    all
}

/// Takes the kinds of content out that the revision does not have yet.
fn without_later_kinds(body: &mut Value, revision: Revision) {
    let later = |block: &Value| match block["type"].as_str() {
        Some("audio") => revision < Revision::V2025_03_26,
        Some("resource_link") => revision < Revision::V2025_06_18,
        _ => false,
    };
    for list in ["content", "messages"] {
        if let Some(blocks) = body.get_mut(list).and_then(Value::as_array_mut) {
            blocks.retain(|block| !later(block) && !later(&block["content"]));
        }
    }
}

fn said(name: &'static str, how: How, body: Value) -> Said {
    Said { name, how, body, is_refused: false }
}

fn meta() -> Value {
    json!({"vendor/note": "a note", "deep": [{"er": "text"}]})
}

fn icons() -> Value {
    json!([{"src": "https://example.net/i.png", "mimeType": "image/png", "sizes": ["48x48"], "theme": "dark"}])
}

fn annotations() -> Value {
    json!({"audience": ["user"], "priority": 0.5, "lastModified": "2026-01-01T00:00:00Z"})
}

/// Every kind of content block.
fn content() -> Value {
    json!([
        {"type": "text", "text": "words", "annotations": annotations(), "_meta": meta()},
        {"type": "image", "data": "aGVsbG8h", "mimeType": "image/png", "annotations": annotations()},
        {"type": "audio", "data": "aGVsbG8h", "mimeType": "audio/wav", "_meta": meta()},
        {"type": "resource_link", "uri": "notes://a", "name": "a", "title": "A", "description": "notes",
            "mimeType": "text/plain", "icons": icons(), "annotations": annotations(), "_meta": meta()},
        {"type": "resource", "resource": {"uri": "notes://b", "mimeType": "text/plain", "text": "words", "_meta": meta()},
            "annotations": annotations(), "_meta": meta()},
        {"type": "resource", "resource": {"uri": "notes://c", "mimeType": "image/png", "blob": "aGVsbG8h"}},
    ])
}

fn tool() -> Value {
    json!({
        "name": "get_note", "title": "Note", "description": "Gets a note.", "icons": icons(),
        "inputSchema": {
            "type": "object", "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "Arguments", "description": "what to get", "required": ["id"],
            "$defs": {"n": {"type": "string", "const": "x"}}, "examples": [{"id": "a"}],
            "properties": {
                "id": {"type": "string", "description": "its name", "enum": ["a", "b"], "default": "a",
                    "enumNames": ["first", "second"], "format": "word"},
                "list": {"type": "array", "items": {"type": "string", "description": "one"}},
                "either": {"anyOf": [{"type": "string", "title": "this"}, {"type": "null", "$comment": "that"}]},
            },
        },
        "outputSchema": {"type": "object", "properties": {"n": {"type": "string", "description": "the note"}}},
        "annotations": {"title": "Note", "readOnlyHint": true},
        "execution": {"taskSupport": "forbidden"}, "_meta": meta(),
    })
}

fn results() -> Vec<Said> {
    let resource = json!({"uri": "notes://a", "name": "a", "title": "A", "description": "a note", "mimeType": "text/plain",
        "icons": icons(), "annotations": annotations(), "_meta": meta()});
    let template = json!({"uriTemplate": "notes://{id}", "name": "a", "title": "A", "description": "a note",
        "mimeType": "text/plain", "annotations": annotations(), "_meta": meta()});
    let prompt = json!({"name": "p", "title": "P", "description": "a prompt", "icons": icons(), "_meta": meta(),
        "arguments": [{"name": "a", "title": "A", "description": "an argument", "required": false}]});
    let messages: Vec<Value> = content()
        .as_array()
        .into_iter()
        .flatten()
        .map(|block| json!({"role": "user", "content": block}))
        .collect();
    vec![
        said(
            "tools",
            How::Result("tools/list"),
            json!({"tools": [tool()], "nextCursor": "c", "_meta": meta()}),
        ),
        said(
            "call",
            How::Result("tools/call"),
            json!({"content": content(), "structuredContent": {"a": ["text", {"b": "text"}]}, "isError": false, "_meta": meta()}),
        ),
        said(
            "failed call",
            How::Result("tools/call"),
            json!({"content": content(), "isError": true}),
        ),
        said("prompts", How::Result("prompts/list"), json!({"prompts": [prompt], "_meta": meta()})),
        said(
            "prompt",
            How::Result("prompts/get"),
            json!({"description": "a prompt", "messages": messages, "_meta": meta()}),
        ),
        said(
            "resources",
            How::Result("resources/list"),
            json!({"resources": [resource], "_meta": meta()}),
        ),
        said(
            "templates",
            How::Result("resources/templates/list"),
            json!({"resourceTemplates": [template], "nextCursor": "c", "_meta": meta()}),
        ),
        said(
            "resource",
            How::Result("resources/read"),
            json!({"contents": [
                {"uri": "notes://a", "mimeType": "text/plain", "text": "words", "_meta": meta()},
                {"uri": "notes://a", "mimeType": "image/png", "blob": "aGVsbG8h"},
            ], "_meta": meta()}),
        ),
        said(
            "completion",
            How::Result("completion/complete"),
            json!({"completion": {"values": ["one", "two"], "hasMore": false}, "_meta": meta()}),
        ),
    ]
}

fn errors() -> Vec<Said> {
    let error = json!({"message": "it failed", "data": {"why": ["a reason", {"k": "v"}]}});
    ["tools/call", "resources/read", "prompts/get", "tools/list"]
        .map(|method| said("error", How::Error(method), error.clone()))
        .into()
}

/// What a task tells of itself, and what it brings along (2026-07-28).
fn later() -> Vec<Said> {
    let task = |status: &str, more: Value| {
        let mut task = json!({"resultType": "complete", "taskId": THEIRS, "status": status, "ttlMs": 60_000,
            "statusMessage": "half", "createdAt": "2026-01-01", "lastUpdatedAt": "2026-01-02", "_meta": meta()});
        for (name, value) in more.as_object().into_iter().flatten() {
            task[name] = value.clone();
        }
        task
    };
    let result = |error: bool| json!({"content": content(), "structuredContent": {"a": ["text", {"b": "text"}]}, "isError": error, "_meta": meta()});
    let asks = json!({"r": {"method": "roots/list", "params": {"_meta": meta()}}});
    let error =
        json!({"code": -32603, "message": "it failed", "data": {"why": ["a reason", {"k": "v"}]}});
    let mut created = task("working", json!({}));
    created["resultType"] = "task".into();
    let done = task("completed", json!({"result": result(false)}));
    let mut told = done.clone();
    told.as_object_mut().map(|told| told.remove("resultType"));
    vec![
        said("task", How::Task, created),
        said("task at work", How::Result("tasks/get"), task("working", json!({}))),
        said(
            "task that asks",
            How::Result("tasks/get"),
            task("input_required", json!({"inputRequests": asks})),
        ),
        said("task that is over", How::Result("tasks/get"), done),
        said(
            "task with an error",
            How::Result("tasks/get"),
            task("completed", json!({"result": result(true)})),
        ),
        said("task that failed", How::Result("tasks/get"), task("failed", json!({"error": error}))),
        said(
            "cancelled",
            How::Result("tasks/cancel"),
            json!({"resultType": "complete", "_meta": meta()}),
        ),
        said("notifications/tasks", How::Notification("notifications/tasks"), told),
    ]
}

/// The same in the core of 2025-11-25.
fn legacy_later() -> Vec<Said> {
    let task = |status: &str| {
        json!({"taskId": THEIRS, "status": status, "ttl": 60_000, "statusMessage": "half",
            "createdAt": "2026-01-01", "lastUpdatedAt": "2026-01-02"})
    };
    let with_meta = |mut body: Value| {
        body["_meta"] = meta();
        body
    };
    let result = json!({"content": content(), "structuredContent": {"a": ["text", {"b": "text"}]},
        "_meta": {"vendor/note": "a note", "io.modelcontextprotocol/related-task": {"taskId": THEIRS}}});
    vec![
        said("task", How::Task, with_meta(json!({"task": task("working")}))),
        said("task at work", How::Result("tasks/get"), with_meta(task("working"))),
        said(
            "tasks",
            How::Result("tasks/list"),
            with_meta(json!({"tasks": [task("working")], "nextCursor": "c"})),
        ),
        said("late result", How::Result("tasks/result"), result),
        said(
            "late error",
            How::Error("tasks/result"),
            json!({"message": "it failed", "data": {"why": ["a reason", {"k": "v"}]}}),
        ),
        said("cancelled", How::Result("tasks/cancel"), with_meta(task("cancelled"))),
        said(
            "notifications/tasks/status",
            How::Notification("notifications/tasks/status"),
            with_meta(task("completed")),
        ),
    ]
}

fn legacy(revision: Revision) -> Vec<Said> {
    let tells = |method, mut params: Value| {
        params["_meta"] = meta();
        said(method, How::Notification(method), params)
    };
    let asks = |method, params: Value, is_refused| Said {
        is_refused,
        ..said(method, How::Request(method), params)
    };
    let sampling = json!({"messages": [{"role": "user", "content": {"type": "text", "text": "hello"}}],
        "systemPrompt": "be kind", "maxTokens": 9, "stopSequences": ["x"], "_meta": meta()});
    let elicitation = json!({"message": "your name?", "requestedSchema": {"type": "object", "properties": {
        "name": {"type": "string", "title": "Name", "description": "of yours"}}}, "_meta": meta()});
    let mut all = vec![
        said("ping", How::Result("ping"), json!({"_meta": meta()})),
        said("level", How::Result("logging/setLevel"), json!({"_meta": meta()})),
        said("subscribed", How::Result("resources/subscribe"), json!({"_meta": meta()})),
        tells(
            "notifications/progress",
            json!({"progressToken": 0, "progress": 1, "message": "half"}),
        ),
        said(
            "notifications/message",
            How::Notification("notifications/message"),
            json!({"level": "info", "logger": "db", "data": {"text": ["words", {"k": "v"}]}}),
        ),
        tells("notifications/tools/list_changed", json!({})),
        tells("notifications/prompts/list_changed", json!({})),
        tells("notifications/resources/list_changed", json!({})),
        tells("notifications/resources/updated", json!({"uri": "notes://a"})),
        asks("ping", json!({"_meta": meta()}), false),
        asks("roots/list", json!({"_meta": meta()}), false),
        asks("sampling/createMessage", sampling, true),
        asks("elicitation/create", elicitation, false),
    ];
    if revision == Revision::V2025_11_25 {
        all.extend(legacy_later());
    }
    if revision < Revision::V2025_06_18 {
        all.retain(|said| said.name != "elicitation/create");
    }
    all
}

fn opening(revision: Revision) -> Value {
    json!({
        "protocolVersion": revision.as_str(), "capabilities": peer_capabilities(),
        "serverInfo": {"name": "s", "title": "S", "version": "1", "icons": icons(), "websiteUrl": "https://example.net"},
        "instructions": "Search before you read.", "_meta": meta(),
    })
}

fn discovery() -> Value {
    json!({
        "supportedVersions": ["2026-07-28"], "capabilities": peer_capabilities(), "ttlMs": 0, "cacheScope": "private",
        "instructions": "Search before you read.",
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "s", "version": "1"}},
    })
}

fn input_required() -> Value {
    json!({"resultType": "input_required", "requestState": "opaque",
        "inputRequests": {"r": {"method": "roots/list", "params": {"_meta": meta()}}}, "_meta": meta()})
}

/// What both of them declare.
pub(crate) fn peer_capabilities() -> Value {
    json!({"tools": {"listChanged": true}, "prompts": {"listChanged": true}, "logging": {}, "completions": {},
        "resources": {"subscribe": true, "listChanged": true},
        "tasks": {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}},
        "extensions": {"io.modelcontextprotocol/tasks": {}}})
}
