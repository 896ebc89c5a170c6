//! The hosts' own SDKs as a channel: a form of ours that they show, a call that is handed to
//! them and comes back, one that is pending.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::calls;
use crate::host::{
    Host, PYTHON_1, PYTHON_2_LEGACY, PYTHON_2_MODERN, TYPESCRIPT_1, TYPESCRIPT_2_LEGACY,
    TYPESCRIPT_2_MODERN,
};
use crate::yard::{PORTCULLIS, Yard, command, peer, source};

/// A test for each host, with its own name in the list of tests.
macro_rules! each_host {
    ($($name:ident: $host:expr, $scene:ident;)*) => {
        $(
            #[test]
            fn $name() {
                $scene($host);
            }
        )*
    };
}

each_host! {
    form_python_1: PYTHON_1, form;
    form_python_2: PYTHON_2_LEGACY, form;
    form_typescript_1: TYPESCRIPT_1, form;
    form_typescript_2: TYPESCRIPT_2_LEGACY, form;

    form_modern_python_2: PYTHON_2_MODERN, form_modern;
    form_modern_typescript_2: TYPESCRIPT_2_MODERN, form_modern;

    waits_python_2: PYTHON_2_MODERN, waits;
    waits_typescript_2: TYPESCRIPT_2_MODERN, waits;

    pending_python_1: PYTHON_1, pending;
    pending_typescript_2: TYPESCRIPT_2_LEGACY, pending;
}

/// The names that the SDKs' hosts give themselves here.
const TRUSTED: &str = r#"trusted_hosts = ["mcp", "portcullis-tests"]"#;

fn approved() -> Value {
    json!({"action": "accept", "content": {"answer": "approve"}})
}

/// `server-everything`: a call, a no, what it wants of the model, and a form that nobody answers.
fn form(host: Host) {
    let yard = Yard::new();
    let config = yard.file(
        "portcullis.toml",
        format!(
            "[server.everything]\nask = \"always\"\npatience = \"12s\"\n{TRUSTED}\n\
             channels = [\"elicitation\"]\nsampling = {{ mode = \"ask\", max_tokens = 50 }}\n"
        ),
    );
    let config = config.display().to_string();
    let run = calls::everything(&yard)
        .guarded(&yard, &["--name", "everything", "--config", config.as_str()]);
    let echo = |message: &str| json!({"call": "echo", "arguments": {"message": message}});
    let mut steps = json!([
        echo("loom"), echo("deny this"),
        {"call": "trigger-sampling-request", "arguments": {"prompt": "sum up", "maxTokens": 900}},
    ]);
    let mut parts = vec![
        "may `echo` of server `everything` run?",
        "deny this",
        "may `trigger-sampling-request` of server `everything` run?",
        "may server `everything` ask your model this?",
        "may server `everything` have this answer of your model?",
    ];
    // Python 1.x reads nothing while its person thinks, so there silence has no end.
    let may_be_silent = host.sdk != PYTHON_1.sdk;
    if may_be_silent {
        let silent = [echo("silence, please"), echo("after the silence")];
        steps.as_array_mut().unwrap().extend(silent);
        parts.push("silence, please");
    }
    let no = json!({"action": "accept", "content": {"answer": "deny"}});
    let approver = json!([["deny this", no], ["silence, please", null], ["", approved()]]);
    let has = json!({"model": "short", "approver": approver});
    let facts = host.drive_with(&yard, &run, has, &steps);

    let answers = facts["steps"].as_array().unwrap();
    assert_eq!(text(&answers[0]), "Echo: loom");
    assert!(text(&answers[2]).contains("short"), "{}", answers[2]);
    for refused in answers[1..2].iter().chain(&answers[3..]) {
        assert_eq!(refused["error"], true, "{refused}");
        assert!(text(refused).contains("was not approved"), "{refused}");
    }
    let asked = messages(&facts);
    assert_eq!(asked.len(), parts.len(), "who was silent is not asked again: {asked:?}");
    for (message, part) in asked.iter().zip(parts) {
        assert!(message.starts_with("Portcullis asks: ") && message.contains(part), "{message}");
    }
    let python = host.sdk.starts_with("mcp ");
    let name = json!(if python { "host mcp" } else { "host portcullis-tests" });
    let rows = rows(&yard);
    assert_eq!(rows.iter().filter(|row| row["decided_by"] == name).count(), 5, "{rows:?}");
    let deaf =
        yard.journal().iter().any(|record| record.to_string().contains("is not asked again"));
    assert_eq!(deaf, may_be_silent);
}

/// The same on 2026-07-28, where each question is an answer to the call that it is about.
fn form_modern(host: Host) {
    let yard = Yard::new();
    let keys = format!(
        "ask = \"always\"\npatience = \"30s\"\n{TRUSTED}\nchannels = [\"elicitation\"]\n\
         sampling = {{ mode = \"ask\", max_tokens = 50 }}\nelicitation = {{ mode = \"show\" }}\n"
    );
    let run = questions(&yard, &keys);
    let steps = json!([
        {"call": "which_line", "arguments": {}},
        {"call": "summarise", "arguments": {"text": "a long story"}},
        {"call": "summarise", "arguments": {"text": "deny this"}},
    ]);
    let no = json!({"action": "decline"});
    let answer = json!({"action": "accept", "content": {"line": 7}});
    let approver = json!([["deny this", no], ["", approved()]]);
    let has = json!({"model": "short", "person": answer, "approver": approver});
    let facts = host.drive_with(&yard, &run, has, &steps);

    assert_eq!(facts["revision"], "2026-07-28");
    let [line, summary, denied] = steps_of(&facts);
    assert!(text(line).starts_with("accept:") && text(line).contains('7'), "{line}");
    assert_eq!(text(summary), "the model says: short");
    assert_eq!((&denied["error"], text(denied).contains("was not approved")), (&json!(true), true));
    let ours = messages(&facts).into_iter().filter(|it| it.starts_with("Portcullis asks: "));
    // A call that goes on with what its server said is a question of its own: twice two calls,
    // the request, the answer, and the no.
    assert_eq!(ours.count(), 7, "{:?}", facts["person_asked"]);
    assert_eq!(rows(&yard).len(), 7);
}

/// Longer than a host is held: the call comes back by itself, and passes.
fn waits(host: Host) {
    let yard = Yard::new();
    let keys = "ask = \"always\"\npatience = \"5m\"\nchannels = []\n\
                elicitation = { mode = \"show\" }\n";
    let run = questions(&yard, keys);
    let steps = json!([{"call": "which_line", "arguments": {}}]);
    let state = yard.text("state");
    let person = thread::spawn(move || {
        let id = waiting(&state);
        // A person who takes their time: the first hold is over after 45 seconds.
        thread::sleep(Duration::from_secs(50));
        approve(&state, &id);
        // The call that goes on with the person's answer is asked about again.
        approve(&state, &waiting(&state));
    });
    let answer = json!({"action": "accept", "content": {"line": 7}});
    let facts = host.drive_with(&yard, &run, json!({"person": answer}), &steps);
    person.join().unwrap();
    let [line] = steps_of(&facts);
    assert!(text(line).contains('7'), "{line}");
    assert_eq!(rows(&yard).len(), 2, "one question for each round of the call");
    let journal = yard.journal();
    let again = |record: &&Value| record.to_string().contains("a person is still asked");
    assert!(journal.iter().any(|record| again(&record)), "{journal:?}");
}

/// Over the budget a call is pending at once; the same call passes once after a yes.
fn pending(host: Host) {
    let yard = Yard::new();
    let keys = "ask = \"always\"\nchannels = []\nlimits = { questions_per_hour = 1 }\n\
                elicitation = { mode = \"show\" }\n";
    let config = yard.file("portcullis.toml", format!("[server.everything]\n{keys}"));
    let config = config.display().to_string();
    let run = calls::everything(&yard)
        .guarded(&yard, &["--name", "everything", "--config", config.as_str()]);
    let echo = |message: &str| json!({"message": message});
    let steps = json!([
        {"call": "echo", "arguments": echo("one")},
        {"call": "echo", "arguments": echo("two"), "until": "Echo: two"},
    ]);
    let state = yard.text("state");
    let person = thread::spawn(move || {
        for _ in 0..2 {
            let id = waiting(&state);
            thread::sleep(Duration::from_secs(1));
            approve(&state, &id);
        }
    });
    let facts = host.drive(&yard, &run, None, &steps);
    person.join().unwrap();
    let [one, two] = steps_of(&facts);
    assert_eq!((text(one), text(two)), ("Echo: one", "Echo: two"));
    let journal = yard.journal();
    let told = |record: &&Value| record.to_string().contains("approval is pending");
    assert!(journal.iter().any(|record| told(&record)), "{journal:?}");
}

pub(crate) fn questions(yard: &Yard, keys: &str) -> Vec<String> {
    let config = yard.file("portcullis.toml", format!("[server.questions]\n{keys}"));
    let server = [
        peer("python/sdk2/bin/python"),
        source("peers/servers/questions.py").display().to_string(),
    ];
    yard.run(&["--name", "questions", "--config", &config.display().to_string()], &server)
}

fn portcullis(state: &str, words: &[&str]) -> std::process::Output {
    command(PORTCULLIS).args(words).args(["--state", state]).output().unwrap()
}

/// The question that waits, as soon as there is one.
pub(crate) fn waiting(state: &str) -> String {
    for _ in 0..800 {
        let listed = portcullis(state, &["approvals", "list", "--json"]);
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap_or_default();
        if let Some(id) = listed[0]["id"].as_str() {
            return id.to_owned();
        }
        thread::sleep(Duration::from_millis(50));
    }
    panic!("no question is waiting")
}

pub(crate) fn approve(state: &str, id: &str) {
    let decided = portcullis(state, &["approvals", "approve", id]);
    assert!(decided.status.success(), "{decided:?}");
}

pub(crate) fn rows(yard: &Yard) -> Vec<Value> {
    let listed = yard.portcullis(&["approvals", "list", "--all", "--json"]);
    serde_json::from_slice(&listed.stdout).unwrap()
}

fn messages(facts: &Value) -> Vec<String> {
    let asked = facts["person_asked"].as_array().unwrap().iter();
    asked.map(|asked| asked["message"].as_str().unwrap().to_owned()).collect()
}

pub(crate) fn steps_of<const STEPS: usize>(facts: &Value) -> [&Value; STEPS] {
    let answers: Vec<&Value> = facts["steps"].as_array().unwrap().iter().collect();
    answers.try_into().unwrap()
}

pub(crate) fn text(answer: &Value) -> &str {
    answer["text"].as_str().unwrap_or_default()
}
