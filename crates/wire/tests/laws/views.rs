//! Windows: what they show, and what does not fit.

use portcullis_wire::view::input_request::{InputRequired, InputResponses, ResultType};
use portcullis_wire::view::lifecycle::{Discovered, Initialize, Initialized, Meta};
use portcullis_wire::view::notification::{Cancelled, Level, LogMessage, Progress};
use portcullis_wire::view::prompt::PromptGet;
use portcullis_wire::view::subscription::Filter;
use portcullis_wire::view::tool::{ToolCall, ToolDefinition, ToolList};
use portcullis_wire::view::{Misfit, resource};
use portcullis_wire::{Id, Json};
use serde_json::{Value, json};

fn given(value: Value) -> Json {
    Json::from_value(&value)
}

/// The member a window complains of.
fn complaint<T: std::fmt::Debug>(read: Result<T, Misfit>) -> &'static str {
    read.unwrap_err().member
}

#[test]
fn a_tool_call() {
    let params = given(json!({"name": "read_file", "arguments": {"path": "/a"}, "x": 1}));
    let call = ToolCall::read(Some(&params)).unwrap();
    assert_eq!((call.name.as_str(), call.meta), ("read_file", None));
    assert_eq!(call.arguments.unwrap().text(), r#"{"path":"/a"}"#);
    let wrong = [
        (json!({}), "name"),
        (json!({"name": 1}), "name"),
        (json!({"name": "a", "arguments": []}), "arguments"),
        (json!({"name": "a", "arguments": null}), "arguments"),
        (json!({"name": "a", "_meta": "x"}), "_meta"),
        (json!({"name": "a", "Name": "b"}), "params"),
        (json!({"name": "a", "argumentſ": {}}), "params"),
        (json!({"name": "a", "ARGUMENTS": {}}), "params"),
    ];
    for (params, member) in wrong {
        assert_eq!(complaint(ToolCall::read(Some(&given(params)))), member);
    }
    assert_eq!(complaint(ToolCall::read(None)), "name");
    assert_eq!(ToolCall::read(None).unwrap_err().to_string(), "`name` is required");
}

#[test]
fn tools_and_their_hints() {
    let list = given(json!({"nextCursor": "2", "tools": [
        {"name": "a", "inputSchema": {"type": "object"}, "annotations": {"readOnlyHint": true}},
        {"name": "b", "inputSchema": true},
        {"name": "c", "inputSchema": {}, "annotations": {"readonlyhint": true}},
        {"name": "d", "inputSchema": {}, "annotations": {"destructiveHint": "no"}},
    ]}));
    let list = ToolList::read(&list).unwrap();
    assert_eq!(list.next_cursor.as_deref(), Some("2"));
    let read: Vec<_> = list.tools.iter().map(ToolDefinition::read).collect();
    let first = read[0].as_ref().unwrap();
    assert_eq!((first.annotations.read_only, first.annotations.destructive), (Some(true), None));
    let wrong: Vec<_> = read[1..].iter().map(|read| read.clone().unwrap_err().member).collect();
    assert_eq!(wrong, ["inputSchema", "annotations", "destructiveHint"]);
    assert_eq!(complaint(ToolList::read(&given(json!({})))), "tools");
    assert_eq!(complaint(ToolList::read(&given(json!({"tools": {}})))), "tools");
}

#[test]
fn resources_roots_and_prompts() {
    assert_eq!(resource::uri(Some(&given(json!({"uri": "file:///a"})))).unwrap(), "file:///a");
    assert_eq!(complaint(resource::uri(Some(&given(json!({"URI": "file:///a"}))))), "params");
    let roots = given(json!({"roots": [{"uri": "file:///a", "name": "A"}, {"uri": "file:///b"}]}));
    assert_eq!(resource::roots(&roots).unwrap().len(), 2);
    assert_eq!(complaint(resource::roots(&given(json!({"roots": [{}]})))), "uri");
    let prompt = PromptGet::read(Some(&given(json!({"name": "p", "arguments": {}})))).unwrap();
    assert_eq!(prompt.name, "p");
}

#[test]
fn how_a_conversation_opens() {
    let params = json!({
        "protocolVersion": "2025-11-25", "capabilities": {"roots": {}},
        "clientInfo": {"name": "c", "version": "1"},
    });
    let opened = Initialize::read(Some(&given(params.clone()))).unwrap();
    assert_eq!(opened.protocol_version, "2025-11-25");
    assert_eq!(opened.client_info.name, "c");
    for member in ["protocolVersion", "capabilities", "clientInfo"] {
        let mut params = params.clone();
        params[member] = json!(1);
        assert_eq!(complaint(Initialize::read(Some(&given(params)))), member);
    }
    let result = json!({
        "protocolVersion": "2025-06-18", "capabilities": {},
        "serverInfo": {"name": "s", "version": "1"}, "instructions": "be kind",
    });
    assert_eq!(Initialized::read(&given(result)).unwrap().instructions.unwrap(), "be kind");
    let result = json!({"supportedVersions": ["2026-07-28"], "capabilities": {}, "ttlMs": 0});
    assert_eq!(Discovered::read(&given(result)).unwrap().supported_versions, ["2026-07-28"]);
    let result = json!({"supportedVersions": [1], "capabilities": {}});
    assert_eq!(complaint(Discovered::read(&given(result))), "supportedVersions");
}

#[test]
fn the_meta_of_a_modern_request() {
    let params = given(json!({"_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
        "io.modelcontextprotocol/subscriptionId": "s",
        "progressToken": 4, "traceparent": "00-0-0-00",
    }}));
    let meta = Meta::read(Some(&params)).unwrap();
    assert_eq!(meta.protocol_version.as_deref(), Some("2026-07-28"));
    assert_eq!(meta.subscription_id, Some(Id::from("s")));
    assert_eq!(meta.progress_token, Some(Id::from(4)));
    assert_eq!(Meta::read(None).unwrap(), Meta::default());
    let wrong = [
        (json!({"_meta": []}), "_meta"),
        (json!({"_meta": {"progressToken": 1.5}}), "progressToken"),
        (json!({"_meta": {"ProgressToken": 1}}), "_meta"),
        (json!({"_META": {}}), "params"),
    ];
    for (params, member) in wrong {
        assert_eq!(complaint(Meta::read(Some(&given(params)))), member);
    }
}

#[test]
fn questions_inside_a_result() {
    let result = given(json!({"resultType": "input_required", "requestState": "s",
        "inputRequests": {"q": {"method": "roots/list"}, "a": {"method": "x", "params": {}}}}));
    assert_eq!(ResultType::read(&result).unwrap(), ResultType::InputRequired);
    let asked = InputRequired::read(&result).unwrap();
    let keys: Vec<_> = asked.requests.iter().map(|request| request.key.as_str()).collect();
    assert_eq!((keys, asked.state.as_deref()), (vec!["q", "a"], Some("s")));
    assert_eq!(ResultType::read(&given(json!({}))).unwrap(), ResultType::Complete);
    assert_eq!(complaint(ResultType::read(&given(json!({"resultType": "?"})))), "resultType");
    assert_eq!(complaint(InputRequired::read(&given(json!({})))), "inputRequests");
    let wrong = given(json!({"inputRequests": {"q": {"params": {}}}}));
    assert_eq!(complaint(InputRequired::read(&wrong)), "method");
    let params = given(json!({"inputResponses": {"q": {"roots": []}}, "requestState": "s"}));
    let given_back = InputResponses::read(Some(&params)).unwrap();
    assert_eq!(given_back.responses[0].0, "q");
    assert!(InputResponses::read(None).unwrap().is_empty() && !given_back.is_empty());
}

#[test]
fn notifications_and_subscriptions() {
    let progress =
        Progress::read(Some(&given(json!({"progressToken": "t", "progress": 1.5})))).unwrap();
    assert_eq!(progress.token, Id::from("t"));
    assert!((progress.progress - 1.5).abs() < f64::EPSILON && progress.total.is_none());
    assert_eq!(complaint(Progress::read(None)), "progressToken");
    let cancelled = Cancelled::read(Some(&given(json!({"requestId": 3, "reason": "r"})))).unwrap();
    assert_eq!(cancelled.request_id, Some(Id::from(3)));
    assert_eq!(complaint(Cancelled::read(Some(&given(json!({"requestId": true}))))), "requestId");
    let said = given(json!({"level": "warning", "data": null}));
    assert!(LogMessage::read(Some(&said)).unwrap().level > Level::Info);
    assert_eq!(complaint(LogMessage::read(Some(&given(json!({"level": "loud"}))))), "level");
    let listen = given(json!({"notifications": {"toolsListChanged": true,
        "resourceSubscriptions": ["file:///a"]}}));
    let filter = Filter::read(Some(&listen)).unwrap();
    assert!(filter.tools_list_changed && !filter.prompts_list_changed);
    assert_eq!(filter.resource_subscriptions, ["file:///a"]);
    assert_eq!(complaint(Filter::read(None)), "notifications");
}
