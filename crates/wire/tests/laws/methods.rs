//! The table says what the schemas of the specification say.

use portcullis_wire::method::{INPUT_REQUESTS, METHODS};
use portcullis_wire::{Era, Kind, Need, Peer, Revision, input_request, method, task};
use serde_json::json;

use Kind::{Notification, Request};
use Peer::{Client, Server};
use Revision::{V2024_11_05, V2025_03_26, V2025_06_18, V2025_11_25, V2026_07_28};

/// The names a peer may send in a revision, sorted.
fn names(revision: Revision, from: Peer, kind: Kind) -> Vec<&'static str> {
    let mut names: Vec<_> = METHODS
        .iter()
        .filter(|row| row.from == from && row.kind == kind && row.in_revision(revision))
        .map(|row| row.name)
        .collect();
    names.sort_unstable();
    names
}

#[test]
fn the_modern_client_may_send_this_and_nothing_else() {
    let expected = [
        "completion/complete",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/templates/list",
        "server/discover",
        "subscriptions/listen",
        "tasks/cancel",
        "tasks/get",
        "tasks/update",
        "tools/call",
        "tools/list",
    ];
    assert_eq!(names(V2026_07_28, Client, Request), expected);
    assert_eq!(names(V2026_07_28, Client, Notification), ["notifications/cancelled"]);
}

#[test]
fn the_legacy_client_may_send_this_and_nothing_else() {
    let expected = [
        "completion/complete",
        "initialize",
        "logging/setLevel",
        "ping",
        "prompts/get",
        "prompts/list",
        "resources/list",
        "resources/read",
        "resources/subscribe",
        "resources/templates/list",
        "resources/unsubscribe",
        "tools/call",
        "tools/list",
    ];
    let tasks = ["tasks/cancel", "tasks/get", "tasks/list", "tasks/result"];
    for revision in [V2024_11_05, V2025_03_26, V2025_06_18, V2025_11_25] {
        let mut all = expected.to_vec();
        all.extend(tasks.iter().filter(|_| revision == V2025_11_25));
        all.sort_unstable();
        assert_eq!(names(revision, Client, Request), all);
        assert_eq!(
            names(revision, Client, Notification),
            [
                "notifications/cancelled",
                "notifications/initialized",
                "notifications/progress",
                "notifications/roots/list_changed"
            ]
        );
    }
}

#[test]
fn the_modern_server_asks_only_inside_results() {
    assert_eq!(names(V2026_07_28, Server, Request), [""; 0]);
    let legacy = ["elicitation/create", "ping", "roots/list", "sampling/createMessage"];
    assert_eq!(names(V2025_11_25, Server, Request), legacy);
    assert_eq!(names(V2025_03_26, Server, Request), legacy[1..]);
    for name in ["elicitation/create", "roots/list", "sampling/createMessage"] {
        assert!(input_request(V2026_07_28, name).is_some());
        assert!(input_request(V2025_11_25, name).is_none());
    }
    assert!(input_request(V2026_07_28, "tools/call").is_none());
    assert_eq!(INPUT_REQUESTS.len(), 3);
}

#[test]
fn server_notifications_by_revision() {
    let common = [
        "notifications/cancelled",
        "notifications/message",
        "notifications/progress",
        "notifications/prompts/list_changed",
        "notifications/resources/list_changed",
        "notifications/resources/updated",
        "notifications/tools/list_changed",
    ];
    for revision in [V2024_11_05, V2025_03_26, V2025_06_18] {
        assert_eq!(names(revision, Server, Notification), common);
    }
    let with = |extra: [_; 2]| {
        let mut all = [&common[..], &extra].concat();
        all.sort_unstable();
        all
    };
    let legacy = ["notifications/elicitation/complete", "notifications/tasks/status"];
    assert_eq!(names(V2025_11_25, Server, Notification), with(legacy));
    let modern = ["notifications/subscriptions/acknowledged", "notifications/tasks"];
    assert_eq!(names(V2026_07_28, Server, Notification), with(modern));
}

#[test]
fn a_row_answers_only_its_own_question() {
    assert!(method(V2025_11_25, Client, Request, "tools/call").is_some());
    assert!(method(V2025_11_25, Server, Request, "tools/call").is_none());
    assert!(method(V2025_11_25, Client, Notification, "tools/call").is_none());
    assert!(method(V2025_11_25, Client, Request, "Tools/Call").is_none());
    assert!(method(V2025_11_25, Client, Request, "tasks/get").is_some());
    assert!(method(V2025_06_18, Client, Request, "tasks/get").is_none());
    assert!(method(V2026_07_28, Client, Request, "tasks/result").is_none());
    assert!(task(V2025_11_25, "tools/call").is_some() && task(V2026_07_28, "tools/call").is_some());
    assert!(task(V2025_06_18, "tools/call").is_none());
    assert!(task(V2026_07_28, "prompts/get").is_none());
    assert!(method(V2025_11_25, Client, Request, "").is_none());
}

#[test]
fn no_row_stands_twice_and_needs_fit_the_direction() {
    for (at, row) in METHODS.iter().enumerate() {
        let same = METHODS[..at]
            .iter()
            .filter(|other| (other.name, other.kind, other.from) == (row.name, row.kind, row.from));
        for other in same {
            let both =
                |revision: &&Revision| row.in_revision(**revision) && other.in_revision(**revision);
            assert_eq!(Revision::SUPPORTED.iter().find(both), None, "{}", row.name);
        }
        if let (Kind::Request, Some(need)) = (row.kind, row.needs) {
            assert_eq!(need.of(), row.from.other(), "{}", row.name);
        }
    }
}

#[test]
fn a_capability_is_declared_by_an_object() {
    let full = json!({
        "tools": {"listChanged": true}, "prompts": {"listChanged": true}, "logging": {},
        "resources": {"listChanged": true, "subscribe": true}, "completions": {},
        "roots": {"listChanged": true}, "sampling": {"tools": {}, "context": {}},
        "elicitation": {"form": {}, "url": {}}, "tasks": {"list": {}, "cancel": {}},
        "extensions": {"io.modelcontextprotocol/tasks": {}},
    });
    for need in Need::ALL {
        assert!(need.declared(&full), "{need:?}");
        for nothing in [json!({}), json!(null), json!([]), json!("tools"), json!(true)] {
            assert!(!need.declared(&nothing), "{need:?} {nothing}");
        }
    }
    let table = [
        (Need::Tools, json!({"tools": {}}), true),
        (Need::Tools, json!({"tools": null}), false),
        (Need::Tools, json!({"tools": true}), false),
        (Need::ToolsListChanged, json!({"tools": {}}), false),
        (Need::ToolsListChanged, json!({"tools": {"listChanged": false}}), false),
        (Need::ToolsListChanged, json!({"tools": {"listChanged": "true"}}), false),
        (Need::ResourcesSubscribe, json!({"resources": {"subscribe": 1}}), false),
        (Need::ElicitationForm, json!({"elicitation": {}}), true),
        (Need::ElicitationForm, json!({"elicitation": {"url": {}}}), false),
        (Need::ElicitationUrl, json!({"elicitation": {}}), false),
        (Need::ElicitationUrl, json!({"elicitation": {"url": true}}), false),
        (Need::SamplingTools, json!({"sampling": {}}), false),
        (Need::TasksList, json!({"tasks": {"cancel": {}}}), false),
        (Need::TasksExtension, json!({"tasks": {}}), false),
        (Need::TasksExtension, json!({"extensions": {}}), false),
    ];
    for (need, capabilities, expected) in table {
        assert_eq!(need.declared(&capabilities), expected, "{need:?} {capabilities}");
    }
}

#[test]
fn revisions_are_written_as_dates() {
    for revision in Revision::SUPPORTED {
        assert_eq!(Revision::parse(revision.as_str()), Some(*revision));
    }
    assert_eq!(Revision::parse("2024-10-07"), None);
    let batches: Vec<_> = Revision::SUPPORTED.iter().filter(|one| one.has_batches()).collect();
    assert_eq!(batches, [&V2025_03_26]);
    assert_eq!(Revision::latest_legacy().era(), Era::Legacy);
    assert_eq!(V2026_07_28.era(), Era::Modern);
}
