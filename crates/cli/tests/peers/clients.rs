//! Hosts that people use, with us as the command of their server.

use serde_json::{Value, json};

use crate::calls;
use crate::host::{
    Host, PYTHON_1, PYTHON_2_AUTO, PYTHON_2_LEGACY, PYTHON_2_MODERN, TYPESCRIPT_1,
    TYPESCRIPT_2_AUTO, TYPESCRIPT_2_LEGACY, TYPESCRIPT_2_MODERN,
};
use crate::inputs::Person;
use crate::remote::Site;
use crate::yard::{Yard, peer, source};

const OUTSIDE: &str = "not permitted: a path lies outside the directories that were granted";

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
    files_python_1: PYTHON_1, files;
    files_python_2_legacy: PYTHON_2_LEGACY, files;
    files_python_2_asks_first: PYTHON_2_AUTO, newer_host;
    files_python_2_modern: PYTHON_2_MODERN, newer_host;
    files_typescript_1: TYPESCRIPT_1, files;
    files_typescript_2_legacy: TYPESCRIPT_2_LEGACY, files;
    files_typescript_2_asks_first: TYPESCRIPT_2_AUTO, newer_host;
    files_typescript_2_modern: TYPESCRIPT_2_MODERN, newer_host;

    long_calls_python_1: PYTHON_1, long_calls;
    long_calls_python_2: PYTHON_2_LEGACY, long_calls;
    long_calls_typescript_1: TYPESCRIPT_1, long_calls;
    long_calls_typescript_2: TYPESCRIPT_2_LEGACY, long_calls;

    errands_python_2_asks_first: PYTHON_2_AUTO, errands;
    errands_python_2: PYTHON_2_MODERN, errands;
    errands_typescript_2_asks_first: TYPESCRIPT_2_AUTO, errands;
    errands_typescript_2: TYPESCRIPT_2_MODERN, errands;

    repository_python_2_asks_first: PYTHON_2_AUTO, repository;
    repository_python_2: PYTHON_2_MODERN, repository;
    repository_typescript_2: TYPESCRIPT_2_MODERN, repository;

    http_files_python_1: PYTHON_1.over_http(), files;
    http_files_python_2: PYTHON_2_LEGACY.over_http(), files;
    http_files_python_2_asks_first: PYTHON_2_AUTO.over_http(), newer_host;
    http_files_typescript_1: TYPESCRIPT_1.over_http(), files;
    http_files_typescript_2: TYPESCRIPT_2_LEGACY.over_http(), files;
    http_files_typescript_2_asks_first: TYPESCRIPT_2_AUTO.over_http(), newer_host;

    http_long_calls_python_1: PYTHON_1.over_http(), long_calls;
    http_long_calls_python_2: PYTHON_2_LEGACY.over_http(), long_calls;
    http_long_calls_typescript_1: TYPESCRIPT_1.over_http(), long_calls;
    http_long_calls_typescript_2: TYPESCRIPT_2_LEGACY.over_http(), long_calls;

    old_http_files_python_1: PYTHON_1.over_old_http(), files;
    old_http_files_typescript_1: TYPESCRIPT_1.over_old_http(), files;
    old_http_long_calls_python_1: PYTHON_1.over_old_http(), long_calls;
    old_http_long_calls_typescript_1: TYPESCRIPT_1.over_old_http(), long_calls;

    http_errands_python_2_asks_first: PYTHON_2_AUTO.over_http(), errands;
    http_errands_python_2: PYTHON_2_MODERN.over_http(), errands;
    http_errands_typescript_2_asks_first: TYPESCRIPT_2_AUTO.over_http(), errands;
    http_errands_typescript_2: TYPESCRIPT_2_MODERN.over_http(), errands;

    remote_long_calls_python_1: PYTHON_1, remote_long_calls;
    remote_long_calls_python_2: PYTHON_2_LEGACY, remote_long_calls;
    remote_long_calls_typescript_1: TYPESCRIPT_1, remote_long_calls;
    remote_long_calls_typescript_2: TYPESCRIPT_2_LEGACY, remote_long_calls;

    remote_things_of_typescript_1: TYPESCRIPT_1, remote_legacy_things;
    remote_things_of_typescript_2: TYPESCRIPT_2_MODERN, remote_modern_things;
    remote_things_of_typescript_2_for_python: PYTHON_2_MODERN, remote_modern_things;

    http_remote_things_of_typescript_1: TYPESCRIPT_1.over_http(), remote_legacy_things;
    http_remote_things_of_typescript_2: TYPESCRIPT_2_MODERN.over_http(), remote_modern_things;
    http_remote_errands_python_2: PYTHON_2_MODERN.over_http(), remote_errands;

    remote_errands_python_2: PYTHON_2_MODERN, remote_errands;
    remote_errands_typescript_2: TYPESCRIPT_2_MODERN, remote_errands;
    remote_errands_typescript_2_asks_first: TYPESCRIPT_2_AUTO, remote_errands;

    http_repository_python_2: PYTHON_2_MODERN.over_http(), repository;
    http_repository_typescript_2: TYPESCRIPT_2_MODERN.over_http(), repository;
}

/// A legacy server: read, leave the roots, use a withheld tool, offer roots.
fn files(host: Host) {
    let yard = Yard::new();
    let subject = calls::filesystem(&yard);
    yard.file("elsewhere/secret.txt", "SECRET");
    let config = yard.file(
        "portcullis.toml",
        "[server.files]\ntools = { deny = [\"search_*\", \"write_file\"] }\n",
    );
    let run = subject.guarded(&yard, &["--name", "files", "--config", config.to_str().unwrap()]);
    let uri = |name: &str| format!("file://{}", yard.text(name));
    let roots = json!([uri("project/docs"), uri("elsewhere")]);
    let steps = json!([
        {"call": "list_allowed_directories", "arguments": {}, "until": "/docs"},
        {"call": "read_text_file", "arguments": {"path": yard.text("project/docs/guide.md")}},
        {"call": "read_text_file", "arguments": {"path": yard.text("elsewhere/secret.txt")}},
        {"call": "search_files", "arguments": {"path": yard.text("project"), "pattern": "*"}},
        {"call": "read_text_file", "arguments": {"path": yard.text("project/docs/deep/notes.txt")}},
    ]);
    let facts = host.drive(&yard, &run, Some(roots), &steps);

    assert_eq!(facts["revision"], "2025-11-25");
    assert_eq!(facts["server"], "secure-filesystem-server");
    let tools = facts["tools"].as_array().unwrap();
    assert!(tools.contains(&json!("read_text_file")), "{tools:?}");
    assert!(!tools.contains(&json!("search_files")) && !tools.contains(&json!("write_file")));
    assert!(facts["roots_asked"].as_u64().unwrap() >= 1, "{facts}");
    let [allowed, inside, outside, withheld, after] = answers(&facts);
    let expected = format!("Allowed directories:\n{}", yard.text("project/docs"));
    assert_eq!(allowed["text"], expected, "the roots of the host within those of the operator");
    succeeds(inside, "# Guide\n\nÜber alles: nothing.\n");
    fails(outside, OUTSIDE);
    assert_eq!(withheld["error"], true, "{withheld}");
    assert!(withheld["text"].as_str().unwrap().starts_with("not permitted"), "{withheld}");
    succeeds(after, "deep\n");
    recorded(&yard, "denied", &["roots-contained", "tools-listed"]);
}

/// The same server under a host of 2026-07-28, which the gateway stands in for: what the
/// server asks while no call is under way has nobody to go to, so the operator's roots hold.
fn newer_host(host: Host) {
    let yard = Yard::new();
    let subject = calls::filesystem(&yard);
    yard.file("elsewhere/secret.txt", "SECRET");
    let config =
        yard.file("portcullis.toml", "[server.files]\ntools = { deny = [\"write_file\"] }\n");
    let run = subject.guarded(&yard, &["--name", "files", "--config", config.to_str().unwrap()]);
    let steps = json!([
        {"call": "read_text_file", "arguments": {"path": yard.text("project/docs/guide.md")}},
        {"call": "read_text_file", "arguments": {"path": yard.text("elsewhere/secret.txt")}},
        {"call": "write_file", "arguments": {"path": yard.text("project/x"), "content": "x"}},
    ]);
    let facts = host.drive(&yard, &run, Some(json!([])), &steps);

    assert_eq!(facts["revision"], "2026-07-28");
    // Who begins without asking is not told.
    let named = facts["server"].as_str();
    assert!(named.is_none_or(|name| name == "secure-filesystem-server"), "{facts}");
    let tools = facts["tools"].as_array().unwrap();
    assert!(tools.contains(&json!("read_text_file")) && !tools.contains(&json!("write_file")));
    let [inside, outside, withheld] = answers(&facts);
    succeeds(inside, "# Guide\n\nÜber alles: nothing.\n");
    fails(outside, OUTSIDE);
    assert_eq!(withheld["error"], true, "{withheld}");
    recorded(&yard, "denied", &["roots-contained", "tools-listed"]);
}

/// A legacy server: progress arrives under the host's own token, and a call is taken back.
fn long_calls(host: Host) {
    let yard = Yard::new();
    let run = calls::everything(&yard).guarded(&yard, &[]);
    plays_long_calls(host, &yard, &run);
}

/// The same server, somewhere else.
fn remote_long_calls(host: Host) {
    let (yard, site) = (Yard::new(), Site::everything());
    let person = Person::at(&yard, |_| Some("approve"));
    plays_long_calls(host, &yard, &site.guarded(&yard, &[]));
    person.leaves();
}

fn plays_long_calls(host: Host, yard: &Yard, run: &[String]) {
    let long = "trigger-long-running-operation";
    let steps = json!([
        {"call": long, "arguments": {"duration": 0.6, "steps": 3}, "progress": true},
        {"call": long, "arguments": {"duration": 300, "steps": 3000}, "cancel": true},
        {"call": "echo", "arguments": {"message": "still here"}},
    ]);
    let facts = host.drive(yard, run, None, &steps);
    let [done, cancelled, after] = answers(&facts);
    succeeds(done, "Long running operation completed. Duration: 0.6 seconds, Steps: 3.");
    increases(&done["progress"], 3);
    assert_eq!(cancelled["cancelled"], true, "{cancelled}");
    succeeds(after, "Echo: still here");
    one_was_cancelled(yard, long);
}

/// A server of 2026-07-28: discovery, progress, cancellation, roots as an input request.
fn errands(host: Host) {
    let yard = Yard::new();
    let granted = yard.dir("granted").display().to_string();
    let server =
        [peer("python/sdk2/bin/python"), source("peers/servers/errands.py").display().to_string()];
    let run = yard.run(&["--root", &granted], &server);
    plays_errands(host, &yard, &run, &granted);
}

/// A server of the TypeScript SDK 1.x, with a name for each session.
fn remote_legacy_things(host: Host) {
    remote_things(host, "legacy", "2025-11-25");
}

/// A server of the TypeScript SDK 2.x, where each request stands for itself.
fn remote_modern_things(host: Host) {
    remote_things(host, "modern", "2026-07-28");
}

fn remote_things(host: Host, era: &str, revision: &str) {
    let (yard, site) = (Yard::new(), Site::conformance(era));
    let steps = json!([
        {"call": "test_simple_text", "arguments": {}},
        {"call": "test_error_handling", "arguments": {}},
        {"call": "no_such_tool", "arguments": {}},
    ]);
    let person = Person::at(&yard, |_| Some("approve"));
    let facts = host.drive(&yard, &site.guarded(&yard, &[]), None, &steps);
    person.leaves();
    assert_eq!(facts["revision"], revision);
    let [said, failed, unknown] = answers(&facts);
    succeeds(said, "One sentence of plain text.");
    assert_eq!(failed["error"], true, "{failed}");
    assert!(unknown["code"] == -32602 || unknown["error"] == true, "{unknown}");
    let journal = yard.journal();
    let started = journal.iter().find(|record| record["event"] == "started").unwrap();
    let origin = site.url.trim_end_matches("/mcp");
    assert!(started["note"].as_str().unwrap().starts_with(origin), "{started}");
    assert!(started.get("confinement").is_none(), "{started}");
}

/// The same server, somewhere else: closing an answer takes the call back.
fn remote_errands(host: Host) {
    let (yard, site) = (Yard::new(), Site::errands());
    let granted = yard.dir("granted").display().to_string();
    let person = Person::at(&yard, |_| Some("approve"));
    plays_errands(host, &yard, &site.guarded(&yard, &["--root", &granted]), &granted);
    person.leaves();
}

/// MCP-ROOT-10: what a host offers says where things are on this machine.
#[test]
fn a_remote_server_is_told_of_no_directory_that_the_operator_did_not_name() {
    let (yard, site) = (Yard::new(), Site::legacy());
    let offered = yard.dir("offered").display().to_string();
    let roots = json!([format!("file://{offered}"), "file:///etc"]);
    let steps = json!([{"call": "list_roots", "arguments": {}}]);
    let facts = PYTHON_1.drive(&yard, &site.guarded(&yard, &[]), Some(roots), &steps);
    let [listed] = answers(&facts);
    succeeds(listed, "");
}

fn plays_errands(host: Host, yard: &Yard, run: &[String], granted: &str) {
    let roots = json!([format!("file://{granted}"), "file:///etc"]);
    let steps = json!([
        {"call": "count_slowly", "arguments": {"steps": 3, "seconds": 0.2}, "progress": true},
        {"call": "count_slowly", "arguments": {"steps": 3000, "seconds": 0.1}, "cancel": true},
        {"call": "list_given_up", "arguments": {}, "until": "[3000]"},
        {"call": "list_roots", "arguments": {}},
    ]);
    let facts = host.drive(yard, run, Some(roots), &steps);
    assert_eq!(facts["revision"], "2026-07-28");
    let [counted, cancelled, told, listed] = answers(&facts);
    succeeds(counted, "counted to 3");
    increases(&counted["progress"], 3);
    assert_eq!(cancelled["cancelled"], true, "{cancelled}");
    succeeds(told, "given up: [3000]");
    succeeds(listed, &format!("file://{granted}"));
    assert_eq!(facts["roots_asked"], 1);
    one_was_cancelled(yard, "count_slowly");
}

/// A published server in 2026-07-28: read, leave the roots, a withheld tool, a person's silence.
fn repository(host: Host) {
    let yard = Yard::new();
    let subject = calls::git(&yard);
    let config = yard.file("portcullis.toml", "[server.git]\ntools = { deny = [\"git_show\"] }\n");
    let config = config.display().to_string();
    let run = subject.guarded(&yard, &["--name", "git", "--config", &config, "--patience", "1s"]);
    let steps = json!([
        {"call": "git_status", "arguments": {"repo_path": yard.text("repository")}},
        {"call": "git_status", "arguments": {"repo_path": yard.text("elsewhere")}},
        {"call": "git_show", "arguments": {"repo_path": yard.text("repository"), "revision": "HEAD"}},
        {"call": "git_reset", "arguments": {"repo_path": yard.text("repository")}},
        {"call": "git_log", "arguments": {"repo_path": yard.text("repository"), "max_count": 1}},
    ]);
    let facts = host.drive(&yard, &run, None, &steps);
    assert_eq!(facts["revision"], "2026-07-28");
    let tools = facts["tools"].as_array().unwrap();
    assert!(tools.contains(&json!("git_status")) && !tools.contains(&json!("git_show")));
    let [status, outside, withheld, unanswered, log] = answers(&facts);
    let text = status["text"].as_str().unwrap();
    assert!(status["error"] == false && text.contains("new file:   title.txt"), "{status}");
    fails(outside, OUTSIDE);
    assert_eq!(withheld["error"], true, "{withheld}");
    fails(unanswered, "not permitted: this call needs a person's approval and was not approved");
    assert!(log["text"].as_str().unwrap().contains("Colour the roses"), "{log}");
    recorded(&yard, "denied", &["roots-contained", "tools-listed", "silence-is-no"]);
}

fn answers<const STEPS: usize>(facts: &Value) -> [&Value; STEPS] {
    let answers: Vec<&Value> = facts["steps"].as_array().unwrap().iter().collect();
    answers.try_into().unwrap()
}

pub(crate) fn succeeds(answer: &Value, text: &str) {
    assert_eq!((&answer["error"], &answer["text"]), (&json!(false), &json!(text)));
}

pub(crate) fn fails(answer: &Value, text: &str) {
    assert_eq!((&answer["error"], &answer["text"]), (&json!(true), &json!(text)));
}

/// Progress came, in order. The TypeScript SDKs drop what arrives together with the
/// result, so the last one may be missing.
pub(crate) fn increases(progress: &Value, total: usize) {
    let seen: Vec<f64> =
        progress.as_array().unwrap().iter().filter_map(|said| said[0].as_f64()).collect();
    let expected: Vec<f64> =
        (1..=total).map(|done| f64::from(u8::try_from(done).unwrap())).collect();
    assert!(expected.starts_with(&seen) && seen.len() + 1 >= total, "{progress}");
}

fn one_was_cancelled(yard: &Yard, tool: &str) {
    let journal = yard.journal();
    let cancelled = |record: &&Value| record["outcome"] == "cancelled" && record["tool"] == tool;
    assert_eq!(journal.iter().filter(cancelled).count(), 1, "{journal:?}");
}

/// Each of these controls caused one record of this kind.
fn recorded(yard: &Yard, event: &str, controls: &[&str]) {
    let journal = yard.journal();
    for control in controls {
        let because = |record: &&Value| {
            let because = record["decision"]["because"].as_array();
            record["event"] == event
                && because.is_some_and(|because| because.iter().any(|b| b["control"] == *control))
        };
        assert_eq!(journal.iter().filter(because).count(), 1, "{control}: {journal:?}");
    }
}
