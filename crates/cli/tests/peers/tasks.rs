//! A call that goes on as a task, at a server that somebody else wrote: the core's
//! tasks of 2025-11-25, with the operator's word and without it.

use serde_json::{Value, json};

use crate::calls;
use crate::talk::Talk;
use crate::yard::{PORTCULLIS, Yard, command};

/// A tool that can only be called as a task.
const TOOL: &str = "simulate-research-query";

#[test]
fn a_task_of_somebody_elses_server_is_begun_followed_and_read() {
    let yard = Yard::new();
    let mut talk = start(&yard, r#"extensions = ["io.modelcontextprotocol/tasks"]"#);
    let arguments = json!({"topic": "python"});
    let begun = talk
        .ask("tools/call", &json!({"name": TOOL, "arguments": arguments, "task": {"ttl": 60_000}}));
    let id = begun["result"]["task"]["taskId"].clone();
    assert_eq!(id.as_str().map(str::len), Some(22), "an id of ours: {begun}");
    let listed = talk.ask("tasks/list", &json!({}));
    assert_eq!(listed["result"]["tasks"][0]["taskId"], id, "{listed}");
    // It takes four seconds by itself; the answer waits for that.
    let ended = talk.ask("tasks/result", &json!({"taskId": id}));
    let text = ended["result"]["content"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("Research Report: python"), "{ended}");
    let related = &ended["result"]["_meta"]["io.modelcontextprotocol/related-task"]["taskId"];
    assert_eq!(*related, id, "{ended}");
    let state = talk.ask("tasks/get", &json!({"taskId": id}));
    assert_eq!(state["result"]["status"], "completed", "{state}");
    let foreign = talk.ask("tasks/get", &json!({"taskId": "0123456789abcdef"}));
    assert_eq!(foreign["error"]["code"], -32602, "{foreign}");
    assert!(talk.leave().success());
    let journal = yard.journal();
    let said = |method: &str, event: &str| {
        let found = journal.iter().find(|it| it["method"] == method && it["event"] == event);
        found.unwrap_or_else(|| panic!("{method} {event}: {journal:#?}")).clone()
    };
    assert_eq!(said("tasks/result", "outcome")["tool"], TOOL);
    assert!(said("tasks/result", "outcome")["note"].as_str().is_some_and(|it| it.contains("call")));
    assert_eq!(said("tasks/get", "denied")["decision"]["because"][0]["control"], "tasks-owned");
}

#[test]
fn without_the_operators_word_there_are_no_tasks() {
    let yard = Yard::new();
    let mut talk = start(&yard, "");
    let call = json!({"name": TOOL, "arguments": {"topic": "python"}, "task": {"ttl": 60_000}});
    let answer = talk.ask("tools/call", &call);
    let failed = answer["result"]["isError"] == true || answer["error"].is_object();
    assert!(failed && answer["result"]["task"].is_null(), "{answer}");
    let answer = talk.ask("tasks/list", &json!({}));
    assert_eq!(answer["error"]["code"], -32601, "{answer}");
    assert!(talk.leave().success());
}

fn start(yard: &Yard, keys: &str) -> Talk {
    let subject = calls::everything(yard);
    let config = yard.file("portcullis.toml", format!("[server.everything]\n{keys}\n"));
    let config = config.display().to_string();
    let mut command = command(PORTCULLIS);
    let options = ["--observe", "--name", "everything", "--config", &config];
    command.args(subject.guarded(yard, &options));
    Talk::start(command, None::<Value>)
}
