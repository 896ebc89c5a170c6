//! A call of 2026-07-28 that waits in the host's hands, for longer than a page of the
//! casebook may take.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[allow(dead_code, reason = "the model lists tools, too")]
#[path = "model/settings.rs"]
mod settings;

use std::time::{Duration, Instant};

use portcullis_mediation::{
    ApprovalId, Edited, Fact, Output, Place, Question, SealKey, Session, Settings, Shown, Ticket,
};
use portcullis_policy::Answer;
use portcullis_wire::{Message, Peer};
use serde_json::{Value, json};

/// A modern conversation whose store knows one question at most.
struct Talk {
    session: Session,
    now: Instant,
    next: u64,
    asked: Vec<(Ticket, Question)>,
    /// What the store would say.
    pending: Option<ApprovalId>,
    decided: Vec<(ApprovalId, Answer)>,
    client: Vec<Value>,
    server: Vec<Value>,
    records: Vec<String>,
}

const HOLD: Duration = Duration::from_secs(45);
const CALL: &str = "delete_file";

impl Talk {
    fn open(settings: Settings) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary epoch")]
        let now = Instant::now();
        let mut talk = Self {
            session: Session::new(settings),
            now,
            next: 0,
            asked: Vec::new(),
            pending: None,
            decided: Vec::new(),
            client: Vec::new(),
            server: Vec::new(),
            records: Vec::new(),
        };
        talk.request("server/discover", json!({}));
        talk.served(json!({
            "supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}},
        }));
        talk.request("tools/list", json!({}));
        let tool = json!({"name": CALL, "inputSchema": {"type": "object"}});
        talk.served(json!({"tools": [tool]}));
        talk.client.clear();
        talk
    }

    fn request(&mut self, method: &str, mut params: Value) {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}, "url": {}}, "sampling": {}},
            "io.modelcontextprotocol/clientInfo": {"name": "host", "version": "1"},
        });
        self.next += 1;
        let id = self.next;
        let message = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        self.says(Peer::Client, &message);
    }

    fn call(&mut self, state: Option<&str>) {
        let mut params = json!({"name": CALL, "arguments": {"path": "notes"}});
        if let Some(state) = state {
            params["requestState"] = state.into();
        }
        self.request("tools/call", params);
    }

    /// The server answers what it got last.
    fn served(&mut self, mut result: Value) {
        let id = self.server.pop().expect("it was asked")["id"].clone();
        result["resultType"] = "complete".into();
        result["ttlMs"] = 0.into();
        result["cacheScope"] = "private".into();
        self.says(Peer::Server, &json!({"jsonrpc": "2.0", "id": id, "result": result}));
    }

    fn says(&mut self, peer: Peer, message: &Value) {
        let bytes = message.to_string();
        let message = portcullis_wire::parse(bytes.as_bytes(), &Default::default()).expect("fits");
        self.session.receive(peer, message, self.now);
        self.perform();
    }

    fn passes(&mut self, time: Duration) {
        self.now += time;
        self.session.handle_timeout(self.now);
        self.perform();
    }

    fn perform(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Forward(to, message) | Output::Reply(to, message) => {
                    let heard =
                        if to == Peer::Client { &mut self.client } else { &mut self.server };
                    heard.push(written(message.get()));
                }
                Output::Record(record) => {
                    self.records.push(serde_json::to_string(&record).unwrap());
                }
                Output::Consult(ticket, _) => {
                    let fact = match &self.pending {
                        Some(approval) => Fact::Pending(approval.clone(), HOLD * 20),
                        None => Fact::Unknown,
                    };
                    self.session.advise(ticket, fact, self.now);
                }
                Output::Ask(ticket, question) => {
                    self.pending = Some(question.approval.clone());
                    self.asked.push((ticket, *question));
                }
                Output::Decided(approval, answer, _) => self.decided.push((approval, answer)),
                _ => {}
            }
        }
    }

    /// The state with which the host was answered last, alone.
    fn state(&mut self) -> Option<String> {
        let result = self.client.pop()?["result"].take();
        assert!(result.get("inputRequests").is_none(), "{result}");
        assert!(self.client.is_empty(), "{:?}", self.client);
        result["requestState"].as_str().map(str::to_owned)
    }
}

fn written(message: &Message) -> Value {
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "what the transport would write")]
    portcullis_wire::write::encode(message, &mut bytes);
    serde_json::from_slice(&bytes).expect("ours")
}

fn patient() -> Settings {
    Settings { patience: HOLD * 20, hold: HOLD, ..settings::settings() }
}

#[test]
fn a_call_is_left_open_nine_times_and_then_pending() {
    let mut talk = Talk::open(patient());
    talk.call(None);
    for leg in 1..=9 {
        assert!(talk.client.is_empty(), "leg {leg} is held: {:?}", talk.client);
        talk.passes(HOLD);
        let state = talk.state().unwrap_or_else(|| panic!("no state in leg {leg}"));
        talk.call(Some(&state));
    }
    talk.passes(HOLD);
    let last = talk.client.pop().expect("an answer");
    assert_eq!(last["result"]["isError"], true, "{last}");
    assert!(last["result"]["content"][0]["text"].as_str().unwrap().contains("pending"), "{last}");
    assert!(talk.server.is_empty(), "nothing reached the server");
    assert_eq!(talk.asked.len(), 1, "one question");
}

#[test]
fn a_state_of_another_session_is_none() {
    let mut first = Talk::open(patient());
    first.call(None);
    first.passes(HOLD);
    let state = first.state().expect("a state");
    let mut other = Talk::open(Settings { seal: SealKey::new([9; 32]), ..patient() });
    other.call(None);
    other.passes(HOLD);
    other.state().expect("it has one of its own");
    other.call(Some(&state));
    let refused = other.client.pop().expect("an answer");
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    assert!(other.server.is_empty());
}

#[test]
fn no_letter_of_a_state_may_be_another() {
    let mut talk = Talk::open(patient());
    talk.call(None);
    talk.passes(HOLD);
    let state = talk.state().expect("a state");
    for place in 0..state.len() {
        let mut bytes = state.clone().into_bytes();
        bytes[place] = if bytes[place] == b'A' { b'B' } else { b'A' };
        talk.call(Some(std::str::from_utf8(&bytes).unwrap()));
        let refused = talk.client.pop().expect("an answer");
        // The last letter carries bits that no byte has.
        let same = place + 1 == state.len() && refused["error"].is_null();
        assert!(same || refused["error"]["code"] == -32602, "letter {place}: {refused}");
    }
    assert!(talk.server.is_empty() && talk.decided.is_empty());
}

#[test]
fn a_question_that_calls_nobody_is_not_handed_on_and_on() {
    let mut settings = patient();
    settings.limits.questions_per_hour = 0;
    let mut talk = Talk::open(settings);
    talk.call(None);
    let last = talk.client.pop().expect("an answer at once");
    assert!(last["result"]["content"][0]["text"].as_str().unwrap().contains("pending"), "{last}");
}

#[test]
fn a_host_that_leaves_its_calls_lying_does_not_fill_us() {
    let mut settings = patient();
    settings.limits.questions = 2;
    let mut talk = Talk::open(settings);
    let mut handed = 0;
    for _ in 0..6 {
        talk.pending = None;
        talk.call(None);
        talk.passes(HOLD);
        let answer = talk.client.pop().expect("an answer");
        handed += u32::from(answer["result"]["requestState"].is_string());
        talk.client.clear();
    }
    assert_eq!(handed, 2, "the others are pending, and nothing of them is kept");
}

#[test]
fn the_form_of_a_trusted_host_says_who_answered() {
    let trusted_hosts = ["host".to_owned()].into();
    let mut talk = Talk::open(Settings { trusted_hosts, ..patient() });
    talk.call(None);
    let (ticket, question) = talk.asked.pop().expect("it is asked");
    let shown = Shown { form: Some("may it?".to_owned()), place: None };
    assert!(talk.session.ask_in_host(ticket, &shown, talk.now));
    assert!(!talk.session.ask_in_host(ticket, &shown, talk.now), "it is with the host already");
    talk.perform();
    let result = talk.client.pop().expect("the form")["result"].take();
    let form = &result["inputRequests"]["portcullis-approval"]["params"];
    assert_eq!(form["message"], "may it?");
    talk.now += Duration::from_secs(2);
    let answer = json!({"action": "accept", "content": {"answer": "approve"}});
    talk.request(
        "tools/call",
        json!({
            "name": CALL, "arguments": {"path": "notes"}, "requestState": result["requestState"],
            "inputResponses": {"portcullis-approval": answer},
        }),
    );
    assert_eq!(talk.decided, [(question.approval.clone(), Answer::Approve)]);
    assert!(talk.server.is_empty(), "the store decides, not the host");
    let told = talk.records.iter().find(|record| record.contains("the person said yes"));
    let told = told.expect("it is recorded");
    assert!(told.contains("`host`") && told.contains(question.approval.as_str()), "{told}");
}

/// A link leads to the console, and only what is said there counts.
#[test]
fn a_host_whose_person_followed_our_link_has_answered_nothing() {
    let mut talk = Talk::open(patient());
    talk.call(None);
    let (ticket, _) = talk.asked.pop().expect("it is asked");
    let (message, url) = ("look there".to_owned(), "http://a.localhost:1/".to_owned());
    let shown = Shown { form: None, place: Some(Place { message, url }) };
    assert!(talk.session.ask_in_host(ticket, &shown, talk.now));
    talk.perform();
    let result = talk.client.pop().expect("the link")["result"].take();
    assert_eq!(result["inputRequests"]["portcullis-approval"]["params"]["mode"], "url");
    talk.now += Duration::from_secs(2);
    let answer = json!({"action": "accept"});
    talk.request(
        "tools/call",
        json!({
            "name": CALL, "arguments": {"path": "notes"}, "requestState": result["requestState"],
            "inputResponses": {"portcullis-approval": answer},
        }),
    );
    assert!(talk.decided.is_empty() && talk.server.is_empty(), "{:?}", talk.decided);
    let told = |record: &&String| record.contains("the person was sent to our page");
    assert!(talk.records.iter().any(|record| told(&record)), "{:?}", talk.records);
}

/// What a store says of an edit is no judgement: more tokens than were asked for are none.
#[test]
fn an_edit_is_judged_again_whatever_the_store_let_through() {
    for (tokens, goes_on) in [(6, false), (4, true)] {
        let mut talk = Talk::open(patient());
        wants_model(&mut talk);
        let (ticket, _) = talk.asked.pop().expect("it is asked about");
        let content = json!({"maxTokens": tokens, "messages": []}).to_string();
        let edited = Edited { content, by: "somebody".to_owned() };
        talk.session.answer_edited(ticket, &edited, talk.now);
        talk.perform();
        let result = talk.client.pop().expect("an answer")["result"].take();
        let asked = &result["inputRequests"]["a"]["params"]["maxTokens"];
        assert_eq!((asked == tokens, result["isError"] == true), (goes_on, !goes_on), "{result}");
    }
}

/// What a server asks of the model, in its answer.
fn wants_model(talk: &mut Talk) {
    talk.call(None);
    let (ticket, _) = talk.asked.pop().expect("the call is asked about");
    talk.pending = None;
    talk.session.answer(ticket, Answer::Approve, talk.now);
    talk.perform();
    let id = talk.server.pop().expect("the call")["id"].clone();
    let params = json!({"messages": [], "maxTokens": 5});
    let asks = json!({"method": "sampling/createMessage", "params": params});
    let result = json!({
        "resultType": "input_required", "inputRequests": {"a": asks}, "requestState": "s",
    });
    talk.says(Peer::Server, &json!({"jsonrpc": "2.0", "id": id, "result": result}));
}

/// Nine times the host gets a state of ours and nothing else, then the word.
fn is_left_open(talk: &mut Talk, params: &Value) {
    for leg in 1..=9 {
        assert!(talk.client.is_empty(), "leg {leg} is held: {:?}", talk.client);
        talk.passes(HOLD);
        let state = talk.state().unwrap_or_else(|| panic!("no state in leg {leg}"));
        let mut again = params.clone();
        again["requestState"] = state.into();
        talk.request("tools/call", again);
    }
    talk.passes(HOLD);
    let last = talk.client.pop().expect("an answer");
    assert!(last["result"]["content"][0]["text"].as_str().unwrap().contains("pending"), "{last}");
    assert!(talk.server.is_empty(), "nothing reached the server: {:?}", talk.server);
}

#[test]
fn a_question_in_an_answer_is_left_open_nine_times_too() {
    let mut talk = Talk::open(patient());
    wants_model(&mut talk);
    assert_eq!(talk.asked.len(), 1, "it is asked about");
    is_left_open(&mut talk, &json!({"name": CALL, "arguments": {"path": "notes"}}));
}

#[test]
fn an_answer_of_the_model_is_left_open_nine_times_too() {
    let mut talk = Talk::open(patient());
    wants_model(&mut talk);
    let (ticket, _) = talk.asked.pop().expect("it is asked about");
    talk.pending = None;
    talk.session.answer(ticket, Answer::Approve, talk.now);
    talk.perform();
    let result = talk.client.pop().expect("the question")["result"].take();
    assert!(result["inputRequests"]["a"].is_object(), "{result}");
    let answer = json!({
        "role": "assistant", "model": "m", "content": {"type": "text", "text": "short"},
    });
    let params = json!({
        "name": CALL, "arguments": {"path": "notes"}, "requestState": result["requestState"],
        "inputResponses": {"a": answer},
    });
    talk.request("tools/call", params.clone());
    let (ticket, _) = talk.asked.pop().expect("the call is asked about again");
    talk.pending = None;
    talk.session.answer(ticket, Answer::Approve, talk.now);
    talk.perform();
    assert_eq!(talk.asked.pop().expect("the answer is").1.key.tool, "sampling/createMessage");
    is_left_open(&mut talk, &json!({"name": CALL, "arguments": {"path": "notes"}}));
}
