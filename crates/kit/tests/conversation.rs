//! A toolbox and a client of the official SDK, in both eras.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#[path = "conversation/client.rs"]
mod client;
#[path = "conversation/tools.rs"]
mod tools;

use std::sync::Arc;
use std::time::Duration;

use client::{Era, Offer, talk};
use portcullis_guard::Access;
use portcullis_kit::{Ceiling, Limits, Toolbox};
use serde_json::json;
use tools::{Echo, Panics, ReadNote, Sleep, Stumble, WriteNote};

const ERAS: [Era; 2] = [Era::Legacy, Era::Modern];

/// A project with a note, beside a directory whose name begins like it.
fn project() -> (tempfile::TempDir, Ceiling) {
    let dir = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("project/note.txt", "inside"),
        ("project/sub/deep.txt", "deep"),
        ("project-evil/note.txt", "outside"),
    ] {
        let path = dir.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let ceiling = Ceiling::new().grant(&dir.path().join("project"), Access::Read).unwrap();
    (dir, ceiling)
}

fn toolbox() -> Toolbox {
    Toolbox::new("test", "1.0.0").tool(Echo).tool(ReadNote).tool(Sleep).tool(Stumble)
}

#[tokio::test]
async fn every_tool_says_what_it_is_and_what_it_does() {
    for era in ERAS {
        let client = talk(toolbox(), era, Offer::Unknown).await;
        let tools = client.tools().await;
        let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["echo", "read_note", "sleep", "stumble"]);
        for tool in &tools {
            assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{tool}");
            assert_eq!(tool["outputSchema"]["type"], "object", "{tool}");
            for hint in ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"] {
                assert!(tool["annotations"][hint].is_boolean(), "{hint}: {tool}");
            }
        }
        assert_eq!(tools[0]["inputSchema"]["properties"]["text"]["maxLength"], 64);
    }
}

#[tokio::test]
async fn arguments_that_do_not_fit_reach_no_tool() {
    for era in ERAS {
        let client = talk(toolbox(), era, Offer::Unknown).await;
        assert_eq!(
            client.call("echo", json!({"text": "hello"})).await,
            Ok(json!({"text": "hello"}))
        );
        for arguments in [json!({}), json!({"text": 5}), json!({"text": "a", "more": 1})] {
            let said = client.call("echo", arguments.clone()).await.unwrap_err();
            assert!(said.contains("do not fit"), "{arguments}: {said}");
        }
        let long = "a".repeat(65);
        let said = client.call("echo", json!({ "text": long })).await.unwrap_err();
        assert!(said.contains("maxLength") && !said.contains("aaa"), "{said}");
    }
}

#[tokio::test]
async fn a_path_is_judged_before_the_tool_sees_it() {
    let (dir, ceiling) = project();
    let root = dir.path().join("project");
    for era in ERAS {
        let client = talk(toolbox().roots(ceiling.clone()), era, Offer::Unknown).await;
        for path in ["note.txt".to_owned(), root.join("note.txt").display().to_string()] {
            let read = client.call("read_note", json!({ "path": path })).await;
            assert_eq!(read, Ok(json!({"text": "inside"})), "{path}");
        }
        for path in ["../project-evil/note.txt", "/etc/passwd", "..%2fproject-evil/note.txt"] {
            let said = client.call("read_note", json!({ "path": path })).await.unwrap_err();
            assert!(said.contains(&root.display().to_string()), "{said}");
            assert!(!said.contains("evil") && !said.contains("passwd"), "{said}");
        }
    }
}

#[tokio::test]
async fn a_directory_that_is_read_only_is_not_written_to() {
    let (dir, ceiling) = project();
    let writable = dir.path().join("project/sub");
    let ceiling = ceiling.grant(&writable, Access::Write).unwrap();
    let toolbox = Toolbox::new("test", "1.0.0").tool(WriteNote).roots(ceiling);
    let client = talk(toolbox, Era::Legacy, Offer::Unknown).await;
    let said = client.call("write_note", json!({"path": "new.txt"})).await.unwrap_err();
    assert!(said.contains("read-only") && said.contains(&writable.display().to_string()), "{said}");
    let place = writable.join("new.txt").display().to_string();
    assert_eq!(
        client.call("write_note", json!({ "path": place })).await,
        Ok(json!({"text": place}))
    );
}

#[tokio::test]
async fn a_clients_roots_narrow_and_never_widen() {
    let (dir, ceiling) = project();
    let at = |path: &str| format!("file://{}", dir.path().join(path).display());
    let inside = json!({"path": dir.path().join("project/note.txt").display().to_string()});
    let deep = json!({"path": dir.path().join("project/sub/deep.txt").display().to_string()});
    let evil = json!({"path": dir.path().join("project-evil/note.txt").display().to_string()});
    for era in ERAS {
        for (offered, expect) in [
            (vec![at("")], [true, true, false]),
            (vec![at("project")], [true, true, false]),
            (vec![at("project/sub")], [false, true, false]),
            (vec![at("project-evil")], [false, false, false]),
            (vec![], [false, false, false]),
        ] {
            let offer = Offer::These(offered.clone());
            let client = talk(toolbox().roots(ceiling.clone()), era, offer).await;
            for (arguments, expect) in [&inside, &deep, &evil].into_iter().zip(expect) {
                let read = client.call("read_note", arguments.clone()).await;
                assert_eq!(read.is_ok(), expect, "{era:?} {offered:?} {arguments}: {read:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_client_that_refuses_to_say_leaves_nothing() {
    let (_dir, ceiling) = project();
    let client = talk(toolbox().roots(ceiling), Era::Legacy, Offer::Refuses).await;
    let said = client.call("read_note", json!({"path": "note.txt"})).await.unwrap_err();
    assert!(said.contains("allowed: none"), "{said}");
}

#[tokio::test]
async fn roots_are_followed_when_they_change() {
    let (dir, ceiling) = project();
    let at = |path: &str| vec![format!("file://{}", dir.path().join(path).display())];
    let offer = Offer::These(at("project"));
    let client = talk(toolbox().roots(ceiling), Era::Legacy, offer).await;
    let path = dir.path().join("project/note.txt").display().to_string();
    let read = || client.call("read_note", json!({ "path": path }));
    assert!(read().await.is_ok());
    client.offers(at("project/sub")).await;
    assert!(read().await.is_err());
    client.offers(at("project")).await;
    assert!(read().await.is_ok());
}

#[tokio::test]
async fn a_call_ends_at_its_deadline() {
    let limits = Limits { deadline: Duration::from_secs(1), ..Limits::default() };
    let client = talk(toolbox().limits(limits), Era::Legacy, Offer::Unknown).await;
    let said = client.call("sleep", json!({})).await.unwrap_err();
    assert!(said.contains("stopped"), "{said}");
    assert!(client.call("echo", json!({"text": "on"})).await.is_ok());
}

#[tokio::test]
async fn calls_beyond_the_rate_are_refused() {
    let limits = Limits { calls_per_minute: 3, ..Limits::default() };
    let client = talk(toolbox().limits(limits), Era::Modern, Offer::Unknown).await;
    for _ in 0..3 {
        assert!(client.call("echo", json!({"text": "on"})).await.is_ok());
    }
    let said = client.call("echo", json!({"text": "on"})).await.unwrap_err();
    assert!(said.contains("too many calls"), "{said}");
}

#[tokio::test]
async fn an_error_gives_nothing_away_and_can_be_found_again() {
    let (dir, ceiling) = project();
    let state = tempfile::tempdir().unwrap();
    let evidence = portcullis_kit::Evidence::open(&state.path().join("state"), "test").unwrap();
    let session = evidence.session().to_owned();
    let toolbox = toolbox().roots(ceiling).evidence(evidence);
    let client = talk(toolbox, Era::Legacy, Offer::Unknown).await;
    let said =
        client.call("stumble", json!({"text": "token=ghp_abcdefghijklmnopqrstuvwxyz0123456789"}));
    let said = said.await.unwrap_err();
    assert!(said.contains("looking failed") && said.contains(&format!("({session}-0)")), "{said}");
    assert!(!said.contains("secret/place"), "{said}");
    drop((client, dir));
    let journal = tools::journal(&state.path().join("state"));
    assert!(journal.contains("/var/secret/place"), "{journal}");
    assert!(journal.contains("\"intent\"") && journal.contains("\"tool-error\""), "{journal}");
    assert!(!journal.contains("ghp_abc"), "{journal}");
}

#[tokio::test]
async fn a_client_that_never_says_is_asked_once_in_a_while() {
    let (_dir, ceiling) = project();
    let client = talk(toolbox().roots(ceiling), Era::Legacy, Offer::Silent).await;
    for _ in 0..20 {
        let said = client.call("read_note", json!({"path": "note.txt"})).await.unwrap_err();
        assert!(said.contains("allowed: none"), "{said}");
    }
    assert_eq!(client.asked(), 1);
}

#[tokio::test]
async fn a_tool_that_panics_fails_alone() {
    let client = talk(toolbox().tool(Panics), Era::Modern, Offer::Unknown).await;
    let said = client.call("panics", json!({})).await.unwrap_err();
    assert!(said.contains("the tool failed") && !said.contains("secret"), "{said}");
    assert!(client.call("echo", json!({"text": "on"})).await.is_ok());
}

#[tokio::test]
async fn of_a_flood_few_wait_and_the_others_are_told() {
    let limits = Limits {
        calls_at_once: 1,
        calls_per_minute: 10_000,
        deadline: Duration::from_secs(10),
        ..Limits::default()
    };
    let client = Arc::new(talk(toolbox().limits(limits), Era::Legacy, Offer::Unknown).await);
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let client = Arc::clone(&client);
        calls.spawn(async move { client.call("sleep", json!({})).await.unwrap_err() });
    }
    let said = calls.join_all().await;
    let told = said.iter().filter(|said| said.contains("waiting")).count();
    // One at work, 64 in the queue.
    assert_eq!(told, 35, "{said:?}");
}

#[tokio::test]
async fn a_tool_that_is_not_there_counts_too() {
    let limits = Limits { calls_per_minute: 2, ..Limits::default() };
    let client = talk(toolbox().limits(limits), Era::Legacy, Offer::Unknown).await;
    for _ in 0..2 {
        let said = client.call("nothing", json!({})).await.unwrap_err();
        assert!(said.contains("no such tool"), "{said}");
    }
    let said = client.call("echo", json!({"text": "on"})).await.unwrap_err();
    assert!(said.contains("too many calls"), "{said}");
}

#[tokio::test]
async fn a_refusal_is_recorded_as_one() {
    let state = tempfile::tempdir().unwrap();
    let evidence = portcullis_kit::Evidence::open(&state.path().join("state"), "test").unwrap();
    let limits = Limits { calls_per_minute: 1, ..Limits::default() };
    let toolbox = toolbox().limits(limits).evidence(evidence);
    let client = talk(toolbox, Era::Legacy, Offer::Unknown).await;
    assert!(client.call("echo", json!({"text": "on"})).await.is_ok());
    assert!(client.call("echo", json!({"text": "on"})).await.is_err());
    drop(client);
    let journal = tools::journal(&state.path().join("state"));
    let denied: Vec<_> =
        journal.lines().filter(|line| line.contains("\"event\":\"denied\"")).collect();
    assert_eq!(denied.len(), 1, "{journal}");
    assert!(denied[0].contains("\"effect\":\"deny\""), "{denied:?}");
}
