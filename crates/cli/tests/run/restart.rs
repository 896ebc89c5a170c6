//! Another process in the server's place: what it may be, and what it still reaches.
//!
//! The project lies below `/tmp`, where a box cannot change while it runs: a root
//! that is taken back leads to a restart there.

use serde_json::{Value, json};

use crate::network::host;
use crate::stage::{Gateway, Stage};

/// A server in Python that says its number, and what a host says to it.
const SERVER: &str = r#"
import json, os, socket, sys
os.chdir('/')
def heard():
    if len(sys.argv) < 2:
        return ''
    with socket.create_connection((sys.argv[1], 8080), 10) as far:
        far.sendall(b'hello')
        return far.recv(100).decode()
for line in sys.stdin:
    asked = json.loads(line)
    if 'id' not in asked or 'method' not in asked:
        continue
    result = {}
    if asked['method'] == 'initialize':
        result = {'protocolVersion': '2025-11-25', 'capabilities': {'tools': {}},
                  'serverInfo': {'name': 'server', 'version': '1'}}
    if asked['method'] == 'tools/list':
        result = {'tools': [{'name': 'get_note', 'inputSchema': {'type': 'object'}}]}
    if asked['method'] == 'tools/call':
        result = {'content': [{'type': 'text', 'text': heard()}]}
    print(json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': result}), flush=True)
"#;

fn started(stage: &Stage, options: &[&str], server: &[String]) -> Gateway {
    let root = stage.root();
    let options = [&["--name", "notes", "--root", &root], options].concat();
    let mut gateway = Gateway::start(stage.run(&options, server), None);
    gateway.shakes_hands();
    let id = gateway.asks("tools/list", &json!({}));
    gateway.answer(id);
    gateway
}

/// A person takes the server's root back.
fn taken_back(stage: &Stage) {
    let said = stage.says(&["grants", "list", "--json"]);
    let grants: Value = serde_json::from_str(&said.out).unwrap();
    let id = grants[0]["id"].as_str().expect("a grant");
    assert_eq!(stage.says(&["grants", "revoke", id]).code, 0);
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

/// The listeners of the first box went with it: the second has its own.
#[test]
fn the_next_process_reaches_what_the_first_did() {
    let stage = Stage::new();
    let (port, heard) = host(|said| format!("you said {said}").into_bytes());
    let listed = format!("here.test:8080=127.0.0.1:{port}");
    let server = ["python3", "-u", "-c", SERVER, "here.test"].map(str::to_owned);
    let mut gateway = started(&stage, &["--network", &listed], &server);
    // The first use of a tool that may reach the open world is a person's to allow.
    let first = gateway.asks("tools/call", &json!({"name": "get_note", "arguments": {}}));
    let question = gateway.until(|_| stage.questions().into_iter().next()).expect("a question");
    assert_eq!(stage.says(&["approvals", "approve", question["id"].as_str().unwrap()]).code, 0);
    assert_eq!(text(&gateway.answer(first)), "you said hello");
    taken_back(&stage);
    gateway.until(|_| (stage.events("started").len() >= 2).then_some(())).expect("another process");
    assert_eq!(text(&gateway.call("get_note", &json!({}))), "you said hello");
    assert_eq!(heard.lock().unwrap().len(), 2);
    assert_eq!(gateway.leave().code, 0);
    stage.verify();
}

/// What was approved is what runs: also when it runs a second time.
#[test]
fn a_program_that_changed_meanwhile_does_not_take_the_servers_place() {
    let (stage, code) = (Stage::new(), tempfile::tempdir().unwrap());
    open_to_all(code.path());
    let script = code.path().join("server.py");
    std::fs::write(&script, SERVER).unwrap();
    let server = ["python3", "-u", script.to_str().unwrap()].map(str::to_owned);
    let mut gateway = started(&stage, &[], &server);
    assert_eq!(text(&gateway.call("get_note", &json!({}))), "");
    std::fs::write(&script, format!("{SERVER}\n# and more\n")).unwrap();
    taken_back(&stage);
    let exit = gateway.exit();
    assert!(!exit.success(), "{exit}");
    assert_eq!(stage.events("started").len(), 1, "nothing was started in its place");
    let drifted = stage.events("drifted");
    assert!(drifted[0]["note"].as_str().unwrap().starts_with("files changed"), "{drifted:?}");
    assert!(gateway.complaints().contains("is not started anew"), "{}", gateway.complaints());
    let notices = stage.events("notice");
    let told = |record: &Value| record["note"].to_string().contains("is not started anew");
    assert!(notices.iter().any(told), "{notices:?}");
    stage.verify();
}

/// An account that is not ours looks into it too.
fn open_to_all(dir: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755)).unwrap();
}
