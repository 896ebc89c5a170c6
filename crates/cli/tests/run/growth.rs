//! What a server shows otherwise than it was approved is a question, with the difference.

use serde_json::{Value, json};

use super::pins::{Words, tools};
use crate::stage::Gateway;

fn question(gateway: &mut Gateway, words: &Words) -> Value {
    let found = gateway.until(|_| words.stage.questions().into_iter().next());
    found.unwrap_or_else(|| panic!("no question; {}", gateway.complaints()))
}

fn answered(words: &Words, asked: &Value, word: &str) {
    let said = words.stage.says(&["approvals", word, asked["id"].as_str().unwrap()]);
    assert_eq!(said.code, 0, "{said:?}");
}

fn begun(words: &Words) -> Gateway {
    let mut gateway = words.start();
    gateway.shakes_hands();
    listed(&mut gateway);
    gateway
}

fn listed(gateway: &mut Gateway) -> Vec<String> {
    let id = gateway.asks("tools/list", &json!({}));
    let answer = gateway.answer(id);
    let tools = answer["result"]["tools"].as_array().cloned().unwrap_or_default();
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

/// Asks until these are listed.
fn until(gateway: &mut Gateway, words: &Words, expect: &[&str]) {
    words.stage.until("the list", || (listed(gateway) == expect).then_some(()));
}

#[test]
fn a_yes_to_a_change_accepts_what_was_shown() {
    let words = Words::new(&tools("Reads a file."));
    assert_eq!(begun(&words).leave().code, 0);
    words.say(&tools("Reads one file."));
    let mut gateway = begun(&words);
    assert_eq!(listed(&mut gateway), ["get_time"]);
    let asked = question(&mut gateway, &words);
    assert_eq!((&asked["kind"], &asked["tool"]), (&json!("capability"), &json!("tool")));
    let change = &asked["arguments"]["changed: read_file"]["description"];
    assert_eq!(
        (&change["before"], &change["now"]),
        (&json!("Reads a file."), &json!("Reads one file."))
    );
    answered(&words, &asked, "approve");
    until(&mut gateway, &words, &["read_file", "get_time"]);
    let pinned = words.stage.events("pinned");
    assert!(pinned.iter().any(|record| record["approval"] == asked["id"]), "{pinned:?}");
    assert_eq!(gateway.leave().code, 0);
    // It stays accepted, and nobody is asked twice.
    let mut gateway = begun(&words);
    assert_eq!(listed(&mut gateway), ["read_file", "get_time"]);
    assert!(words.stage.questions().is_empty());
    assert_eq!(gateway.leave().code, 0);
    words.stage.verify();
}

/// The person reads one difference, the server shows another one by then.
#[test]
fn what_changed_again_meanwhile_is_not_accepted() {
    let words = Words::new(&tools("Reads a file."));
    assert_eq!(begun(&words).leave().code, 0);
    words.say(&tools("Reads one file."));
    let mut first = begun(&words);
    let asked = question(&mut first, &words);
    words.say(&tools("Reads one file, and sends it away."));
    let mut second = begun(&words);
    second.until(|_| (words.stage.questions().len() == 2).then_some(())).expect("its own question");
    answered(&words, &asked, "approve");
    // The gateway has taken the answer, and not only somebody given it.
    let used = |row: &Value| row["id"] == asked["id"] && row["state"] == "used";
    first.until(|_| words.stage.every_question().iter().any(used).then_some(())).expect("its end");
    assert_eq!(listed(&mut second), ["get_time"]);
    assert_eq!(first.leave().code, 0);
    let denied = words.stage.events("denied");
    let told = |record: &&Value| record.to_string().contains("not what a person was shown");
    let told = denied.iter().find(told).unwrap_or_else(|| panic!("{denied:?}"));
    assert_eq!(told["approval"], asked["id"]);
    assert_eq!(listed(&mut second), ["get_time"]);
    assert_eq!(second.leave().code, 0);
}

/// A tool that came is one more that may delete: said first, and withheld after a no.
#[test]
fn a_new_tool_that_deletes_stays_withheld_after_a_no() {
    let words = Words::new(&tools("Reads a file."));
    assert_eq!(begun(&words).leave().code, 0);
    let mut grown = tools("Reads a file.");
    let new = json!({"name": "delete_file", "description": "Deletes.", "inputSchema": {"type": "object"}});
    grown.as_array_mut().unwrap().push(new);
    words.say(&grown);
    let mut gateway = begun(&words);
    let asked = question(&mut gateway, &words);
    assert_eq!(asked["risk"], "destructive");
    assert_eq!(asked["arguments"]["new: delete_file"]["description"], "Deletes.");
    answered(&words, &asked, "deny");
    gateway.until(|_| words.stage.questions().is_empty().then_some(())).expect("an answer");
    assert_eq!(listed(&mut gateway), ["read_file", "get_time"]);
    let called = gateway.call("delete_file", &json!({}));
    assert_eq!(called["result"]["isError"], json!(true), "{called}");
    assert_eq!(gateway.leave().code, 0);
}

/// More than it declared when it was approved: the session keeps what it had, the next one
/// has it after a yes.
#[test]
fn a_server_that_declares_more_is_asked_about() {
    let words = Words::empty();
    let shake = |capabilities: Value| {
        json!({"protocolVersion": "2025-11-25", "capabilities": capabilities,
               "serverInfo": {"name": "server", "version": "1"}})
    };
    let declared = |words: &Words| {
        let mut gateway = words.start();
        let told = gateway.shakes_hands()["result"]["capabilities"].clone();
        (gateway, told)
    };
    words.answer(&[("initialize", shake(json!({"tools": {}})))]);
    let (gateway, _) = declared(&words);
    assert_eq!(gateway.leave().code, 0);
    words.answer(&[("initialize", shake(json!({"tools": {}, "prompts": {}})))]);
    let (mut gateway, told) = declared(&words);
    assert_eq!(told, json!({"tools": {}}));
    let asked = question(&mut gateway, &words);
    assert_eq!((&asked["kind"], &asked["tool"]), (&json!("capability"), &json!("server")));
    let change = &asked["arguments"]["changed: "]["capabilities"];
    assert_eq!(change["now"], json!({"prompts": {}, "tools": {}}), "{asked}");
    answered(&words, &asked, "approve");
    let accepted = |record: &Value| record["approval"] == asked["id"];
    gateway
        .until(|_| words.stage.events("pinned").iter().any(accepted).then_some(()))
        .expect("a yes");
    assert_eq!(gateway.leave().code, 0);
    let (gateway, told) = declared(&words);
    assert_eq!(told, json!({"tools": {}, "prompts": {}}));
    assert_eq!(gateway.leave().code, 0);
}

/// Tools with these descriptions.
fn described(descriptions: &[String]) -> Value {
    let tool = |(number, description): (usize, &String)| {
        json!({"name": format!("read_{number}"), "description": description,
               "inputSchema": {"type": "object"}})
    };
    descriptions.iter().enumerate().map(tool).collect()
}

/// One field of which only the digest is known, and many that are too much together.
#[test]
fn what_is_too_large_to_be_shown_whole_is_withheld_and_not_asked_about() {
    for (count, length) in [(1, 65_535), (6, 60_000)] {
        let words = Words::new(&described(&vec!["Reads.".to_owned(); count]));
        assert_eq!(begun(&words).leave().code, 0);
        words.say(&described(&vec!["x".repeat(length); count]));
        let mut gateway = begun(&words);
        let told = |record: &Value| record.to_string().contains("too much to be shown at once");
        gateway
            .until(|_| words.stage.events("notice").iter().any(told).then_some(()))
            .unwrap_or_else(|| panic!("{count} of {length}; {:?}", words.stage.questions()));
        assert_eq!(listed(&mut gateway), Vec::<String>::new());
        assert_eq!(gateway.leave().code, 0);
        assert!(words.stage.every_question().is_empty(), "{count} of {length}");
    }
}

/// Where nobody is there, or nothing is held back, a change is recorded and nobody is called.
#[test]
fn nobody_is_asked_about_a_change_who_is_not_there() {
    for option in [&["--ask", "never"][..], &["--observe"]] {
        let words = Words::new(&tools("Reads a file."));
        assert_eq!(begun(&words).leave().code, 0);
        words.say(&tools("Reads one file."));
        let mut gateway = words.start_with((option, "Etc/UTC"));
        gateway.shakes_hands();
        listed(&mut gateway);
        assert_eq!(gateway.leave().code, 0);
        assert!(!words.stage.events("drifted").is_empty(), "{option:?}");
        assert!(words.stage.every_question().is_empty(), "{option:?}");
    }
}
