//! `portcullis server` behind `portcullis run`: a server that confines itself, in a box
//! that confines it already, works unchanged.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by failing")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

const TABLES: &str = "[commands.wc]\nprogram = \"/usr/bin/wc\"\ngrammar = \"wc\"\n";

fn open(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Says these to a server in a box of this level, and gives the answers by id.
#[expect(clippy::disallowed_methods, reason = "the gateway is this test's own")]
fn converse(level: &str, asked: &[(&str, Value)]) -> Vec<Value> {
    let scene = tempfile::tempdir().unwrap();
    open(scene.path(), 0o755);
    let root = scene.path().join("root");
    fs::create_dir(&root).unwrap();
    open(&root, 0o777);
    fs::write(root.join("notes.txt"), "one two\n").unwrap();
    let tables = scene.path().join("tables");
    fs::create_dir(&tables).unwrap();
    open(&tables, 0o755);
    fs::write(tables.join("portcullis.toml"), TABLES).unwrap();
    let own = env!("CARGO_BIN_EXE_portcullis");
    let mut gateway = Command::new(own)
        .args(["run", "--observe", "--ask", "never", "--confinement", level, "--state"])
        .arg(scene.path().join("state"))
        .arg("--root")
        .arg(format!("{}:rw", root.display()))
        .arg("--root")
        .arg(&tables)
        .args(["--", own, "server", "--state", "/tmp/state", "--config"])
        .arg(tables.join("portcullis.toml"))
        .arg("--root")
        .arg(format!("{}:rw", root.display()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = gateway.stdin.take().unwrap();
    let mut output = BufReader::new(gateway.stdout.take().unwrap());
    let mut say = |message: Value| writeln!(input, "{message}").unwrap();
    let mut answers = Vec::new();
    let greeting = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": { "name": "test", "version": "0" }
    });
    let all = [("initialize", greeting)].into_iter().chain(asked.iter().cloned());
    for (id, (method, params)) in all.enumerate() {
        say(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let answer = loop {
            let mut line = String::new();
            assert!(output.read_line(&mut line).unwrap() > 0, "the gateway is gone");
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer.get("id") == Some(&json!(id)) && answer.get("method").is_none() {
                break answer;
            }
        };
        if method == "initialize" {
            say(json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        }
        answers.push(answer["result"].clone());
    }
    drop(input);
    gateway.wait().unwrap();
    answers
}

fn call(name: &str, arguments: Value) -> (&'static str, Value) {
    ("tools/call", json!({ "name": name, "arguments": arguments }))
}

fn everything_works(level: &str) {
    let asked = [
        ("tools/list", json!({})),
        call("run_command", json!({ "program": "wc", "arguments": ["-l", "notes.txt"] })),
        call("run_command", json!({ "program": "wc", "arguments": ["--files0-from=x"] })),
        call("read_file", json!({ "path": "notes.txt" })),
        call("write_file", json!({ "path": "new.txt", "content": "three\n" })),
        call("run_command", json!({ "program": "wc", "arguments": ["-w", "new.txt"] })),
        call("read_file", json!({ "path": "/etc/passwd" })),
    ];
    let answers = converse(level, &asked);
    let [_, listed, counted, refused, read, written, again, outside] = answers.as_slice() else {
        panic!("{answers:?}")
    };
    assert!(listed["tools"].as_array().unwrap().len() > 5, "{listed}");
    let said = &counted["structuredContent"]["stdout"];
    assert!(said.as_str().unwrap().starts_with("1 "), "{counted}");
    assert_eq!(refused["isError"], true, "{refused}");
    assert!(read.to_string().contains("one two"), "{read}");
    assert_ne!(written["isError"], true, "{written}");
    let said = &again["structuredContent"]["stdout"];
    assert!(said.as_str().unwrap().starts_with("1 "), "{again}");
    assert_eq!(outside["isError"], true, "{outside}");
}

#[test]
fn in_a_full_box() {
    everything_works("full");
}

#[test]
fn in_a_box_without_namespaces() {
    everything_works("landlock");
}
