//! What a server asks of the model and of the person is answered in the same page.

use serde_json::{Value, json};

use crate::desk::{Browser, Console};
use crate::stage::{Gateway, Stage};

/// Asks the host for what a call names, and gives back what came of it.
const SERVER: &str = r"
import json, sys
def hear():
    return json.loads(sys.stdin.readline() or sys.exit())
def say(message):
    print(json.dumps({'jsonrpc': '2.0', **message}), flush=True)
def ask(path):
    text = {'type': 'text', 'text': 'sum up the notes'}
    if path == 'model':
        return 'sampling/createMessage', {'messages': [{'role': 'user', 'content': text}], 'maxTokens': 100}
    fields = {'name': {'type': 'string'}}
    return 'elicitation/create', {'message': 'who are you', 'requestedSchema': {'type': 'object', 'properties': fields}}
while True:
    asked = hear()
    result = {}
    if asked.get('method') == 'initialize':
        result = {'protocolVersion': '2025-11-25', 'capabilities': {'tools': {}},
                  'serverInfo': {'name': 'server', 'version': '1'}}
    elif asked.get('method') == 'tools/list':
        schema = {'type': 'object', 'properties': {'path': {'type': 'string'}}}
        result = {'tools': [{'name': 'read_file', 'inputSchema': schema}]}
    elif asked.get('method') == 'tools/call':
        method, params = ask(asked['params']['arguments']['path'])
        say({'id': 'q', 'method': method, 'params': params})
        came = hear()
        while came.get('id') != 'q':
            came = hear()
        result = {'content': [{'type': 'text', 'text': json.dumps(came.get('result', came.get('error')))}]}
    if 'id' in asked and 'method' in asked:
        say({'id': asked['id'], 'result': result})
";

const CONFIG: &str = r#"
[server.files]
command = ["python3"]
sampling = { mode = "ask" }
elicitation = { mode = "ask" }
"#;

fn begin(stage: &Stage) -> Gateway {
    let config = stage.config(CONFIG).display().to_string();
    let server = ["python3", "-u", "-c", SERVER].map(str::to_owned);
    let run = stage.run(&["--config", &config, "--name", "files"], &server);
    let mut gateway = Gateway::start(run, None);
    let hello = json!({
        "protocolVersion": "2025-11-25", "capabilities": {"sampling": {}, "elicitation": {}},
        "clientInfo": {"name": "host", "version": "1"},
    });
    let id = gateway.asks("initialize", &hello);
    gateway.answer(id);
    gateway.says(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    gateway
}

fn calls(gateway: &mut Gateway, path: &str) -> u64 {
    gateway.asks("tools/call", &json!({"name": "read_file", "arguments": {"path": path}}))
}

/// The question of this kind, once it waits.
fn waits(stage: &Stage, kind: &str) -> String {
    stage.until(kind, || {
        let first = stage.questions().into_iter().find(|row| row["kind"] == kind)?;
        Some(first["id"].as_str()?.to_owned())
    })
}

/// Looks at a question in the page, whose heading and content are these, and answers it.
fn answers(browser: &Browser<'_>, question: &str, heading: &str, content: &str, answer: &str) {
    let page = browser.get(&format!("/questions/{question}")).body;
    assert!(page.contains(&format!("<h1>{heading}</h1>")), "{page}");
    assert!(page.contains(content), "{page}");
    assert_eq!(browser.answers(question, answer).status, 303);
}

/// The host hears a request of this method, and answers it.
fn host(gateway: &mut Gateway, method: &str, result: &Value) {
    loop {
        let heard: Value = serde_json::from_str(&gateway.hears()).unwrap();
        if heard["method"] == method {
            return gateway.says(&json!({"jsonrpc": "2.0", "id": heard["id"], "result": result}));
        }
    }
}

fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}

#[test]
fn the_model_is_asked_and_its_answer_given_after_the_page_says_yes() {
    let stage = Stage::new();
    let mut gateway = begin(&stage);
    let console = Console::start(&stage);
    let browser = Browser::open(&console);
    let id = calls(&mut gateway, "model");
    let question = waits(&stage, "sampling");
    let heading = "May server `files` ask your model this?";
    answers(&browser, &question, heading, "sum up the notes", "approve");
    let said = json!({"role": "assistant", "content": {"type": "text", "text": "a short one"},
        "model": "m"});
    host(&mut gateway, "sampling/createMessage", &said);
    let question = waits(&stage, "sampling-answer");
    let heading = "May server `files` have this answer of your model?";
    answers(&browser, &question, heading, "a short one", "approve");
    assert!(text(&gateway.answer(id)).contains("a short one"));

    // A no to the answer keeps it here.
    let id = calls(&mut gateway, "model");
    let question = waits(&stage, "sampling");
    assert_eq!(browser.answers(&question, "approve").status, 303);
    host(&mut gateway, "sampling/createMessage", &said);
    let question = waits(&stage, "sampling-answer");
    assert_eq!(browser.answers(&question, "deny").status, 303);
    assert!(!text(&gateway.answer(id)).contains("a short one"));
    stage.verify();
}

#[test]
fn a_form_of_a_server_is_shown_after_the_page_says_yes() {
    let stage = Stage::new();
    let mut gateway = begin(&stage);
    let console = Console::start(&stage);
    let browser = Browser::open(&console);
    let id = calls(&mut gateway, "form");
    let question = waits(&stage, "elicitation");
    let heading = "May server `files` show you this form?";
    answers(&browser, &question, heading, "who are you", "approve");
    let filled = json!({"action": "accept", "content": {"name": "ada"}});
    host(&mut gateway, "elicitation/create", &filled);
    assert!(text(&gateway.answer(id)).contains("ada"));
    let id = calls(&mut gateway, "form");
    let question = waits(&stage, "elicitation");
    assert_eq!(browser.answers(&question, "deny").status, 303);
    assert!(!text(&gateway.answer(id)).contains("ada"));
}

/// A form's value as a browser sends it.
fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[test]
fn the_model_gets_what_a_person_left_of_the_request_and_the_server_what_of_the_answer() {
    let stage = Stage::new();
    let mut gateway = begin(&stage);
    let console = Console::start(&stage);
    let browser = Browser::open(&console);
    let id = calls(&mut gateway, "model");
    let question = waits(&stage, "sampling");
    let place = format!("/questions/{question}/edit");
    let fields = browser.get(&place);
    assert!(fields.body.contains("sum up the notes</textarea>"), "{fields:?}");
    let edits = |fields: &crate::desk::Got, more: &str| {
        let (token, shown) = (fields.field("token"), encoded(&fields.field("shown")));
        std::thread::sleep(crate::desk::READ);
        let form = format!("token={token}&shown={shown}&{more}");
        console.request("POST", &place, &browser.by_hand(), &form)
    };
    // More tokens than were asked for are no edit, and the form is used up.
    let words = format!("part0={}", encoded("say hello"));
    let refused = edits(&fields, &format!("{words}&part1=101"));
    assert_eq!(refused.status, 409, "{refused:?}");
    let looked = edits(&browser.get(&place), &format!("{words}&part1=7"));
    assert_eq!(looked.status, 200, "{looked:?}");
    for line in ["-   &quot;maxTokens&quot;: 100", "+   &quot;maxTokens&quot;: 7", "say hello"] {
        assert!(looked.body.contains(line), "{line}: {}", looked.body);
    }
    assert_eq!(stage.questions().len(), 1, "nothing is answered yet");
    let (token, shown) = (looked.field("token"), looked.field("shown").replace(':', "%3A"));
    std::thread::sleep(crate::desk::READ);
    let form = format!("token={token}&shown={shown}&answer=approve");
    assert_eq!(browser.sends(&question, &form).status, 303);
    let heard: Value = loop {
        let heard: Value = serde_json::from_str(&gateway.hears()).unwrap();
        if heard["method"] == "sampling/createMessage" {
            break heard;
        }
    };
    assert_eq!(heard["params"]["messages"][0]["content"]["text"], "say hello", "{heard}");
    assert_eq!(heard["params"]["maxTokens"], 7, "{heard}");
    let page = browser.get(&format!("/questions/{question}")).body;
    assert!(page.contains("What went on instead"), "{page}");
    let said = json!({"role": "assistant", "content": {"type": "text", "text": "Ada is ill"}, "model": "m"});
    gateway.says(&json!({"jsonrpc": "2.0", "id": heard["id"], "result": said}));
    let question = waits(&stage, "sampling-answer");
    let file = stage.path().join("edited.json");
    let kind = json!({"role": "assistant", "content": {"type": "text", "text": "no comment"}, "model": "m"});
    std::fs::write(&file, kind.to_string()).unwrap();
    let file = file.display().to_string();
    let said = stage.says(&["approvals", "edit", &question, "--from", &file]);
    assert_eq!(said.code, 0, "{said:?}");
    let answer = gateway.answer(id);
    assert!(text(&answer).contains("no comment") && !text(&answer).contains("Ada"), "{answer}");
}
