//! A person who answers the hosts' own SDKs in the console, at the terminal and with a command;
//! and directories that such a host newly offers.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::calls::{self, Subject};
use crate::channels::{approve, questions, rows, steps_of, text, waiting};
use crate::desk::{Browser, Console};
use crate::host::{
    Host, PYTHON_1, PYTHON_2_LEGACY, PYTHON_2_MODERN, TYPESCRIPT_1, TYPESCRIPT_2_LEGACY,
    TYPESCRIPT_2_MODERN,
};
use crate::terminal::Terminal;
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
    root_python_1: PYTHON_1, root;
    root_python_2: PYTHON_2_LEGACY, root;
    root_typescript_1: TYPESCRIPT_1, root;
    root_typescript_2: TYPESCRIPT_2_LEGACY, root;

    root_modern_python_2: PYTHON_2_MODERN, root_modern;
    root_modern_typescript_2: TYPESCRIPT_2_MODERN, root_modern;

    console_python_1: PYTHON_1, console;
    console_python_2: PYTHON_2_LEGACY, console;
    console_typescript_1: TYPESCRIPT_1, console;
    console_typescript_2: TYPESCRIPT_2_LEGACY, console;

    console_modern_python_2: PYTHON_2_MODERN, console_modern;
    console_modern_typescript_2: TYPESCRIPT_2_MODERN, console_modern;

    // The hosts of Python start their servers in a session without a terminal.
    terminal_typescript_1: TYPESCRIPT_1, terminal;
    terminal_typescript_2: TYPESCRIPT_2_LEGACY, terminal;
    terminal_modern_typescript_2: TYPESCRIPT_2_MODERN, terminal_modern;
}

/// A command of the person's, who may be there for longer than the host: nothing of what it is
/// started with names the yard.
fn persons(state: &str, words: &[&str]) -> Command {
    let mut command = command(PORTCULLIS);
    command.args(words).env("PORTCULLIS_STATE", state);
    command
}

/// A console beside the gateway of a yard.
fn beside(state: &str) -> Console {
    Console::of(persons(state, &["console"]))
}

/// A directory of a person's work, outside of `/tmp`, which in a box is the server's own.
fn work() -> tempfile::TempDir {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["base", "site", "other"] {
        std::fs::create_dir(dir.path().join(name)).unwrap();
        std::fs::write(dir.path().join(name).join("note.txt"), format!("of {name}")).unwrap();
    }
    dir
}

/// The host offers a directory, and after a yes another one: each is there when a person has
/// said so, by a command and then in the console, and not before.
fn root(host: Host) {
    let (yard, work) = (Yard::new(), work());
    let at = |name: &str| work.path().canonicalize().unwrap().join(name).display().to_string();
    let keys = "patience = \"5m\"\nchannels = []\nlimits = { calls_per_minute = 100000 }\n";
    let config = yard.file("portcullis.toml", format!("[server.files]\n{keys}"));
    let server = ["node/node_modules/.bin/mcp-server-filesystem", &at("base")];
    let subject = Subject::new(&server)
        .root(format!("{}:ro", at("base")))
        .root(format!("{}:ro:ask", at("site")))
        .root(format!("{}:ro:ask", at("other")));
    let run = subject.guarded(&yard, &["--name", "files", "--config", config.to_str().unwrap()]);
    let uris = |names: &[&str]| -> Vec<String> {
        names.iter().map(|name| format!("file://{}", at(name))).collect()
    };
    let note = |name: &str| json!({"path": format!("{}/note.txt", at(name))});
    let read = "read_text_file";
    let steps = json!([
        {"call": read, "arguments": note("site")},
        {"offer": uris(&["base", "site"])},
        {"call": read, "arguments": note("site"), "until": "of site"},
        {"call": read, "arguments": note("other")},
        {"offer": uris(&["base", "site", "other"])},
        {"call": read, "arguments": note("other"), "until": "of other"},
    ]);
    let state = yard.text("state");
    let person = thread::spawn(move || {
        approve(&state, &waiting(&state));
        let console = beside(&state);
        let (browser, other) = (Browser::open(&console), waiting(&state));
        assert_eq!(browser.answers(&other, "approve").status, 303);
    });
    let facts = host.drive(&yard, &run, Some(json!(uris(&["base"]))), &steps);
    person.join().unwrap();

    let [before, _, site, still, _, other] = steps_of(&facts);
    assert_eq!((text(site), text(other)), ("of site", "of other"), "{facts}");
    for refused in [before, still] {
        assert_eq!(refused["error"], true, "{refused}");
        assert!(text(refused).starts_with("not permitted"), "{refused}");
    }
    let rows = rows(&yard);
    let told: Vec<(&str, &Value)> = rows
        .iter()
        .map(|row| (row["decided_by"].as_str().unwrap(), &row["arguments"]["directory"]))
        .collect();
    let [(by, first), ("console", second)] = told.as_slice() else { panic!("{rows:?}") };
    assert!(by.ends_with("by command"), "{by}");
    assert_eq!((*first, *second), (&json!(at("site")), &json!(at("other"))));
    assert!(rows.iter().all(|row| row["kind"] == "root"), "{rows:?}");
    yard.journal();
}

/// The same on 2026-07-28, where a server asks for the roots in an answer: in the next one it has
/// what a person let in meanwhile.
fn root_modern(host: Host) {
    let (yard, work) = (Yard::new(), work());
    let site = work.path().canonicalize().unwrap().join("site").display().to_string();
    let keys = "patience = \"5m\"\nchannels = []\nlimits = { calls_per_minute = 100000 }\n";
    let config = yard.file("portcullis.toml", format!("[server.errands]\n{keys}"));
    let server =
        [peer("python/sdk2/bin/python"), source("peers/servers/errands.py").display().to_string()];
    let ceiling = format!("{site}:ro:ask");
    let options = ["--name", "errands", "--config", config.to_str().unwrap(), "--root", &ceiling];
    let run = yard.run(&options, &server);
    let uri = format!("file://{site}");
    let steps = json!([
        {"call": "list_roots", "arguments": {}},
        {"call": "list_roots", "arguments": {}, "until": uri},
    ]);
    let state = yard.text("state");
    // What the server gets of the first answer was settled when the question came.
    let person = thread::spawn(move || approve(&state, &waiting(&state)));
    let facts = host.drive(&yard, &run, Some(json!([uri])), &steps);
    person.join().unwrap();
    let [before, after] = steps_of(&facts);
    assert_eq!((text(before), text(after)), ("", uri.as_str()), "{facts}");
    let rows = rows(&yard);
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((&row["kind"], &row["arguments"]["directory"]), (&json!("root"), &json!(site)));
    yard.journal();
}

/// Somebody in a thread of their own who answers what comes, until the test is over.
fn meanwhile<T>(looks: impl FnMut() + Send + 'static, test: impl FnOnce() -> T) -> T {
    let over = Arc::new(AtomicBool::new(false));
    let (ends, mut looks) = (Arc::clone(&over), looks);
    let person = thread::spawn(move || {
        while !ends.load(Ordering::Relaxed) {
            looks();
        }
    });
    let found = test();
    over.store(true, Ordering::Relaxed);
    person.join().unwrap();
    found
}

/// A person who says yes to each question in the console.
fn at_console(state: String) -> impl FnMut() + Send {
    let console = beside(&state);
    let cookie = Browser::open(&console).cookie;
    move || {
        let listed = persons(&state, &["approvals", "list", "--json"]).output().unwrap();
        let listed: Value = serde_json::from_slice(&listed.stdout).unwrap_or_default();
        if let Some(id) = listed[0]["id"].as_str() {
            let browser = Browser { console: &console, cookie: cookie.clone() };
            assert_eq!(browser.answers(id, "approve").status, 303);
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The same at a terminal.
fn at_terminal(mut terminal: Terminal) -> impl FnMut() + Send {
    move || {
        terminal.turn();
        terminal.says_yes();
    }
}

/// `server-everything`, and what its host is asked to do.
fn everything(yard: &Yard, channel: &str) -> (Vec<String>, Value) {
    let config = yard.file(
        "portcullis.toml",
        format!(
            "[server.everything]\nask = \"always\"\npatience = \"5m\"\n\
             channels = [\"{channel}\"]\nsampling = {{ mode = \"ask\" }}\n"
        ),
    );
    let config = config.display().to_string();
    let run = calls::everything(yard)
        .guarded(yard, &["--name", "everything", "--config", config.as_str()]);
    let steps = json!([
        {"call": "echo", "arguments": {"message": "loom"}},
        {"call": "trigger-sampling-request", "arguments": {"prompt": "sum up", "maxTokens": 9}},
    ]);
    (run, steps)
}

/// Calls and the model were asked about, each was answered there, and the host got what it should.
fn all_answered(yard: &Yard, facts: &Value, by: &str) {
    let [echo, summary] = steps_of(facts);
    assert_eq!(text(echo), "Echo: loom");
    assert!(text(summary).contains("short"), "{summary}");
    let rows = rows(yard);
    let kinds: Vec<&str> = rows.iter().filter_map(|row| row["kind"].as_str()).collect();
    assert_eq!(kinds, ["tool", "tool", "sampling", "sampling-answer"]);
    assert!(rows.iter().all(|row| row["decided_by"] == by), "{rows:?}");
    yard.journal();
}

fn console(host: Host) {
    let yard = Yard::new();
    let (run, steps) = everything(&yard, "console");
    let has = json!({"model": "short"});
    let person = at_console(yard.text("state"));
    let facts = meanwhile(person, || host.drive_with(&yard, &run, has, &steps));
    all_answered(&yard, &facts, "console");
}

fn terminal(host: Host) {
    let yard = Yard::new();
    let (run, steps) = everything(&yard, "terminal");
    let has = json!({"model": "short"});
    let (terminal, theirs) = Terminal::open();
    let drive = || host.drive_at(&yard, &run, (has, Some(theirs)), &steps);
    let facts = meanwhile(at_terminal(terminal), drive);
    all_answered(&yard, &facts, "terminal");
}

/// A server of 2026-07-28 that wants something of the person and of the model.
fn modern(yard: &Yard, channel: &str) -> (Vec<String>, Value, Value) {
    let keys = format!(
        "ask = \"always\"\npatience = \"5m\"\nchannels = [\"{channel}\"]\n\
         sampling = {{ mode = \"ask\" }}\nelicitation = {{ mode = \"ask\" }}\n"
    );
    let steps = json!([
        {"call": "which_line", "arguments": {}},
        {"call": "summarise", "arguments": {"text": "a long story"}},
    ]);
    let answer = json!({"action": "accept", "content": {"line": 7}});
    (questions(yard, &keys), json!({"model": "short", "person": answer}), steps)
}

fn all_answered_in_answers(yard: &Yard, facts: &Value, by: &str) {
    assert_eq!(facts["revision"], "2026-07-28");
    let [line, summary] = steps_of(facts);
    assert!(text(line).contains('7'), "{line}");
    assert_eq!(text(summary), "the model says: short");
    let rows = rows(yard);
    let kinds: Vec<&str> = rows.iter().filter_map(|row| row["kind"].as_str()).collect();
    // A call that goes on with what its server said is a question of its own.
    let expected = ["tool", "elicitation", "tool", "tool", "sampling", "tool", "sampling-answer"];
    assert_eq!(kinds, expected);
    assert!(rows.iter().all(|row| row["decided_by"] == by), "{rows:?}");
    yard.journal();
}

fn console_modern(host: Host) {
    let yard = Yard::new();
    let (run, has, steps) = modern(&yard, "console");
    let person = at_console(yard.text("state"));
    let facts = meanwhile(person, || host.drive_with(&yard, &run, has, &steps));
    all_answered_in_answers(&yard, &facts, "console");
}

fn terminal_modern(host: Host) {
    let yard = Yard::new();
    let (run, has, steps) = modern(&yard, "terminal");
    let (terminal, theirs) = Terminal::open();
    let drive = || host.drive_at(&yard, &run, (has, Some(theirs)), &steps);
    let facts = meanwhile(at_terminal(terminal), drive);
    all_answered_in_answers(&yard, &facts, "terminal");
}
