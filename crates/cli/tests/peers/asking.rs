//! What a person is asked, through the store that a second process answers.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::calls::{self, Subject};
use crate::talk::{PATIENCE, Talk};
use crate::yard::{PORTCULLIS, Yard, command};

const NOT_APPROVED: &str =
    "not permitted: this call needs a person's approval and was not approved";

#[test]
fn a_yes_from_another_process_covers_one_edit() {
    let yard = Yard::new();
    let mut talk = start(&yard, &calls::writable_filesystem(&yard), "40s");
    let notes = yard.path("project/notes.txt");
    let edit = |from: &str, to: &str| {
        json!({"name": "edit_file", "arguments": {
            "path": yard.text("project/notes.txt"), "edits": [{"oldText": from, "newText": to}],
        }})
    };

    let first = talk.send("tools/call", &edit("two", "2"));
    let asked = pending(&yard);
    assert_eq!((&asked["tool"], &asked["risk"]), (&json!("edit_file"), &json!("destructive")));
    assert_eq!(asked["arguments"], edit("two", "2")["arguments"], "all of it is shown");
    assert_eq!(fs::read_to_string(&notes).unwrap(), "one\ntwo\nthree\nfour\n", "not yet");
    decide(&yard, "approve", &asked);
    let answer = talk.answer(first);
    assert_ne!(answer["result"]["isError"], true, "{answer}");
    assert_eq!(fs::read_to_string(&notes).unwrap(), "one\n2\nthree\nfour\n");

    let second = talk.send("tools/call", &edit("three", "3"));
    decide(&yard, "deny", &pending(&yard));
    not_approved(&talk.answer(second));
    assert_eq!(fs::read_to_string(&notes).unwrap(), "one\n2\nthree\nfour\n");

    assert!(talk.leave().success());
    let approved = |record: &&Value| record["decision"]["obligations"] == json!(["approved"]);
    let journal = yard.journal();
    let records: Vec<_> = journal.iter().filter(approved).collect();
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!(records[0]["approval"], asked["id"]);
}

#[test]
fn silence_is_a_no_and_writing_within_the_root_is_not_asked() {
    let yard = Yard::new();
    let mut talk = start(&yard, &calls::memory(&yard), "1s");
    let graph = yard.path("memory/graph.jsonl");
    let entity = json!({"name": "Loom", "entityType": "machine", "observations": ["weaves"]});

    let written = talk.call("create_entities", &json!({"entities": [entity]}));
    assert_ne!(written["result"]["isError"], true, "{written}");
    assert!(fs::read_to_string(&graph).unwrap().contains("Loom"));

    not_approved(&talk.call("delete_entities", &json!({"entityNames": ["Ada"]})));
    assert!(fs::read_to_string(&graph).unwrap().contains("Ada"));

    assert!(talk.leave().success());
    let journal = yard.journal();
    let because = |record: &Value| record["decision"]["because"].to_string();
    assert!(journal.iter().any(|record| because(record).contains("silence-is-no")), "{journal:?}");
}

fn start(yard: &Yard, subject: &Subject, patience: &str) -> Talk {
    let mut command = command(PORTCULLIS);
    command.args(subject.guarded(yard, &["--patience", patience]));
    let mut talk = Talk::start(command, subject.roots.clone());
    talk.tools();
    talk
}

/// The question that waits, as soon as there is one.
fn pending(yard: &Yard) -> Value {
    let deadline = Instant::now() + PATIENCE;
    while Instant::now() < deadline {
        let listed = yard.portcullis(&["approvals", "list", "--json"]);
        assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
        let mut listed: Value = serde_json::from_slice(&listed.stdout).unwrap();
        if let Some(asked) = listed.get_mut(0) {
            return asked.take();
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("no question is waiting")
}

fn decide(yard: &Yard, word: &str, asked: &Value) {
    let decided = yard.portcullis(&["approvals", word, asked["id"].as_str().unwrap()]);
    assert!(decided.status.success(), "{}", String::from_utf8_lossy(&decided.stderr));
}

fn not_approved(answer: &Value) {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert_eq!(answer["result"]["content"][0]["text"], NOT_APPROVED);
}
