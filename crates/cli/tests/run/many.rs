//! A hundred sessions ask at once, in the words of one another, and each hears only what
//! was answered to it.
//!
//! Every session is a gateway of its own, with a server of its own under one name, and all
//! share one state directory: the worst that a desktop with many windows can do.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::stage::{Gateway, Stage};

/// How many there are.
const SESSIONS: usize = 100;

/// A server that does what is called, or asks the model or the person first.
const SERVER: &str = r"
import json, sys
def hear():
    return json.loads(sys.stdin.readline() or sys.exit())
def say(message):
    print(json.dumps({'jsonrpc': '2.0', **message}), flush=True)
def ask(path):
    kind, who = path.split('/')
    if kind == 'model':
        text = {'type': 'text', 'text': 'sum up the notes of ' + who}
        return 'sampling/createMessage', {'messages': [{'role': 'user', 'content': text}], 'maxTokens': 100}
    fields = {'name': {'type': 'string'}}
    return 'elicitation/create', {'message': 'who are you, ' + who,
        'requestedSchema': {'type': 'object', 'properties': fields}}
schema = {'type': 'object', 'properties': {'path': {'type': 'string'}}}
while True:
    asked = hear()
    result = {}
    if asked.get('method') == 'initialize':
        result = {'protocolVersion': '2025-11-25', 'capabilities': {'tools': {}},
                  'serverInfo': {'name': 'server', 'version': '1'}}
    elif asked.get('method') == 'tools/list':
        result = {'tools': [{'name': name, 'inputSchema': schema} for name in ('read_file', 'delete_file')]}
    elif asked.get('method') == 'tools/call':
        came, path = {'result': 'done'}, asked['params']['arguments']['path']
        if asked['params']['name'] == 'read_file':
            method, params = ask(path)
            say({'id': 'q', 'method': method, 'params': params})
            came = hear()
            while came.get('id') != 'q':
                came = hear()
        text = json.dumps(came.get('result', came.get('error')))
        result = {'content': [{'type': 'text', 'text': path + ' came to ' + text}]}
    if 'id' in asked and 'method' in asked:
        say({'id': asked['id'], 'result': result})
";

const CONFIG: &str = r#"
[server.many]
command = ["python3"]
patience = "1h"
limits = { questions_per_hour = 1000 }
sampling = { mode = "ask" }
elicitation = { mode = "ask" }
"#;

/// What a session asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A call in words that no other session uses.
    Call,
    /// A call in the very words of others.
    Same,
    /// The model.
    Model,
    /// The person.
    Form,
}

impl Kind {
    fn of(session: usize) -> Self {
        [Self::Call, Self::Same, Self::Model, Self::Form][session % 4]
    }

    fn call(self, session: usize) -> Value {
        let (tool, path) = match self {
            Self::Call => ("delete_file", format!("call/{session}")),
            Self::Same => ("delete_file", "same/all".to_owned()),
            // The same words to the model in every session, too.
            Self::Model => ("read_file", "model/all".to_owned()),
            Self::Form => ("read_file", "form/all".to_owned()),
        };
        json!({"name": tool, "arguments": {"path": path}})
    }
}

/// One of them.
struct Session {
    number: usize,
    kind: Kind,
    gateway: Gateway,
    call: u64,
    question: String,
    /// Every other one of a kind gets a yes.
    yes: bool,
}

impl Session {
    fn begin(stage: &Stage, config: &str, number: usize) -> Self {
        let server = ["python3", "-u", "-c", SERVER].map(str::to_owned);
        let run = stage.run(&["--config", config, "--name", "many"], &server);
        let gateway = Gateway::start(run, None);
        let yes = (number / 4).is_multiple_of(2);
        Self { number, kind: Kind::of(number), gateway, call: 0, question: String::new(), yes }
    }

    fn shakes_hands(&mut self) {
        let hello = json!({
            "protocolVersion": "2025-11-25", "capabilities": {"sampling": {}, "elicitation": {}},
            "clientInfo": {"name": "host", "version": "1"},
        });
        let id = self.gateway.asks("initialize", &hello);
        self.gateway.answer(id);
        self.gateway.says(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    }

    /// A person answers its question.
    fn is_told(&self, stage: &Stage) {
        let answer = if self.yes { "approve" } else { "deny" };
        let said = stage.says(&["approvals", answer, &self.question]);
        assert_eq!(said.code, 0, "{said:?}");
    }

    fn asks(&mut self) {
        self.call = self.gateway.asks("tools/call", &self.kind.call(self.number));
    }

    /// Hears what a person let through, and answers it as this session's host; `None` when
    /// that was the model's answer, else what the call came to.
    fn hears(&mut self) -> Option<String> {
        loop {
            let heard: Value = serde_json::from_str(&self.gateway.hears()).unwrap();
            let name = format!("host {}.", self.number);
            let result = match heard["method"].as_str() {
                Some("sampling/createMessage") => json!({"role": "assistant", "model": "m",
                    "content": {"type": "text", "text": name}}),
                Some("elicitation/create") => {
                    json!({"action": "accept", "content": {"name": name}})
                }
                None if heard["id"] == self.call => {
                    let text = heard["result"]["content"][0]["text"].as_str();
                    let text = text.unwrap_or_else(|| panic!("{heard}")).to_owned();
                    if !text.contains("pending") {
                        return Some(text);
                    }
                    // It took the person long: the same call again.
                    self.asks();
                    continue;
                }
                _ => continue,
            };
            self.gateway.says(&json!({"jsonrpc": "2.0", "id": heard["id"], "result": result}));
            if self.kind == Kind::Model {
                return None;
            }
        }
    }

    /// What only this session may have come to.
    fn is_its_own(&self, text: &str) {
        let name = format!("host {}.", self.number);
        let expected = match self.kind {
            _ if !self.yes => !text.contains("done") && !text.contains("host"),
            Kind::Call => text == format!("call/{} came to \"done\"", self.number),
            Kind::Same => text == "same/all came to \"done\"",
            Kind::Model | Kind::Form => text.contains(&name) && text.matches("host").count() == 1,
        };
        assert!(expected, "session {} ({:?}, {}): {text}", self.number, self.kind, self.yes);
    }
}

/// The one question that waits and is not known yet.
fn new_question(stage: &Stage, known: &BTreeMap<String, usize>) -> String {
    stage.until("a new question", || {
        let ids = stage.questions().into_iter().map(|row| row["id"].as_str().unwrap().to_owned());
        ids.into_iter().find(|id| !known.contains_key(id))
    })
}

#[test]
fn an_answer_reaches_the_session_that_asked_and_no_other() {
    let stage = Stage::new();
    let config = stage.config(CONFIG).display().to_string();
    let mut sessions: Vec<Session> = Vec::new();
    while sessions.len() < SESSIONS {
        // Not all at once: each has only so long to start.
        let from = sessions.len();
        sessions.extend((from..from + 5).map(|number| Session::begin(&stage, &config, number)));
        sessions[from..].iter_mut().for_each(Session::shakes_hands);
    }
    let mut known = BTreeMap::new();
    for session in &mut sessions {
        session.asks();
        session.question = new_question(&stage, &known);
        known.insert(session.question.clone(), session.number);
    }
    // All of them wait together. They are answered in an order of nobody's.
    assert_eq!(stage.questions().len(), SESSIONS);
    let order: Vec<usize> = (0..SESSIONS).map(|place| place * 37 % SESSIONS).collect();
    let mut unread = Vec::new();
    for few in order.chunks(10) {
        for place in few {
            sessions[*place].is_told(&stage);
        }
        for place in few {
            let session = &mut sessions[*place];
            match session.hears() {
                Some(text) => session.is_its_own(&text),
                None => {
                    session.question = new_question(&stage, &known);
                    known.insert(session.question.clone(), session.number);
                    unread.push(*place);
                }
            }
        }
    }
    // What the models answered waits together, too.
    assert_eq!((unread.len(), stage.questions().len()), (SESSIONS / 8 + 1, SESSIONS / 8 + 1));
    for place in unread.iter().rev() {
        sessions[*place].is_told(&stage);
    }
    for place in &unread {
        let text = sessions[*place].hears().expect("the end of the call");
        sessions[*place].is_its_own(&text);
    }
    for session in sessions {
        assert_eq!(session.gateway.leave().code, 0, "session {}", session.number);
    }
    stage.verify();
}
