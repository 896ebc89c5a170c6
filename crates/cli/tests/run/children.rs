//! Programs that a server starts, and the pipes that they should not have.

use serde_json::{Value, json};

use crate::stage::{Gateway, Stage};

/// A server in Python that reads byte by byte, so that what it did not read is still
/// in the pipe. `cat_note` starts a program that inherits its input, which is the
/// mistake; `get_open` tells which descriptors there are.
const SERVER: &str = r#"
import json, os, subprocess
def line():
    read = b''
    while not read.endswith(b'\n'):
        byte = os.read(0, 1)
        if not byte:
            raise SystemExit
        read += byte
    return read
while True:
    asked = json.loads(line())
    if 'id' not in asked or 'method' not in asked:
        continue
    result = {}
    if asked['method'] == 'initialize':
        result = {'protocolVersion': '2025-11-25', 'capabilities': {'tools': {}},
                  'serverInfo': {'name': 'server', 'version': '1'}}
    if asked['method'] == 'tools/list':
        tools = ['cat_note', 'get_open']
        result = {'tools': [{'name': name, 'inputSchema': {'type': 'object'}} for name in tools]}
    if asked['method'] == 'tools/call':
        if asked['params']['name'] == 'cat_note':
            text = subprocess.run(['head', '-n', '1'], stdout=subprocess.PIPE).stdout.decode()
        else:
            here = os.open('/proc/self/fd', os.O_RDONLY)
            text = str(sorted(int(fd) for fd in os.listdir(here) if int(fd) != here))
        result = {'content': [{'type': 'text', 'text': text}]}
    answer = json.dumps({'jsonrpc': '2.0', 'id': asked['id'], 'result': result})
    os.write(1, answer.encode() + b'\n')
"#;

fn started(stage: &Stage) -> Gateway {
    let server = ["python3", "-c", SERVER].map(str::to_owned);
    let config = stage.config("[server.notes]\nobserve = true\n").display().to_string();
    let options = ["--name", "notes", "--config", &config, "--confinement", "full"];
    let mut gateway = Gateway::start(stage.run(&options, &server), None);
    gateway.shakes_hands();
    let id = gateway.asks("tools/list", &json!({}));
    gateway.answer(id);
    gateway
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_default()
}

#[test]
fn a_server_has_its_own_pipes_and_no_other_descriptor() {
    let stage = Stage::new();
    let mut gateway = started(&stage);
    let open = gateway.call("get_open", &json!({}));
    // The listing of a directory opens one more, which is gone when it is read.
    let open: Vec<u32> = serde_json::from_str(text(&open)).unwrap();
    assert_eq!(open.iter().copied().filter(|fd| *fd <= 2).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(open.len() <= 4, "{open:?}");
    assert_eq!(gateway.leave().code, 0);
}

#[test]
fn a_request_that_a_child_of_the_server_read_is_answered() {
    let stage = Stage::new();
    let mut gateway = started(&stage);
    let call = |name: &str, note: &str| json!({"name": name, "arguments": {"note": note}});
    let first = gateway.asks("tools/call", &call("cat_note", "one"));
    let second = gateway.asks("tools/call", &call("get_open", "swallowed"));
    let answers = [gateway.answer(second), gateway.answer(first)];
    for answer in &answers {
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert!(!answer.to_string().contains("swallowed"), "{answer}");
    }
    assert!(text(&answers[0]).contains("did not read the request"), "{answers:?}");
    assert!(text(&answers[1]).contains("withheld"), "{answers:?}");
    let third = gateway.call("get_open", &json!({}));
    assert!(third["result"]["isError"] != true, "the server goes on: {third}");
    let told = stage
        .events("outcome")
        .into_iter()
        .filter(|record| record["decision"]["because"].to_string().contains("pipes-unshared"));
    assert_eq!(told.count(), 2);
    assert_eq!(gateway.leave().code, 0);
    stage.verify();
}
