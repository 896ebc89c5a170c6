//! Many sessions, one store: whatever the order, what a person answered to one session lets
//! nothing through in another, and no host or server hears what is another's.
//!
//! Up to a hundred sessions of one person with one server speak in the same words: the same
//! calls, the same requests to the model, the same ids. Only the session differs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[allow(dead_code, reason = "the model uses all of it")]
#[path = "model/settings.rs"]
mod settings;
#[allow(dead_code, reason = "the casebook uses all of it")]
#[path = "casebook/store.rs"]
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use portcullis_journal::Record;
use portcullis_mediation::grant::Lasts;
use portcullis_mediation::{ApprovalId, ApprovalKey, Fact, Output, Session, Settings, Ticket};
use portcullis_policy::{Answer, Obligation};
use portcullis_wire::{Message, Outcome, Peer};
use proptest::prelude::*;
use serde_json::{Value, json};

use settings::{listing, settings};
use store::{Store, Taken};

/// Something that happens in one of the sessions, or that the person does.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// A host calls a tool that must be asked, with one of two files.
    Delete(usize, bool),
    /// A host calls a tool that a grant may cover.
    Edit(usize),
    /// A server asks for the model.
    Model(usize),
    /// A host's model answers the oldest request.
    Complete(usize),
    /// A server answers the oldest call.
    Answer(usize),
    /// A gateway looks whether somebody answered.
    Look(usize),
    /// The person answers one of the questions that wait.
    Decide(usize, bool),
    /// The person answers one of them until its session ends.
    Grant(usize),
    /// A little time passes for everybody.
    Wait,
}

/// One session and what it waits for.
struct Seat {
    session: Session,
    name: String,
    waiting: BTreeMap<Ticket, (ApprovalKey, ApprovalId, bool)>,
    /// Calls at the server, requests at the host: their ids, as they are there.
    at_server: Vec<Value>,
    at_host: Vec<Value>,
    /// Which of them asks for the list of tools.
    list: Option<Value>,
    calls: usize,
    models: usize,
}

/// All of them, and the one store.
struct House {
    seats: Vec<Seat>,
    store: Store,
    now: Instant,
    /// Which session asked, what was answered, what was used.
    owner: BTreeMap<String, usize>,
    yes: BTreeSet<String>,
    used: BTreeSet<String>,
    granted: BTreeMap<String, usize>,
    passed: usize,
}

fn seat(number: usize) -> Seat {
    let name = format!("session-{number}");
    let dice = u64::try_from(number).unwrap() * 7919 + 1;
    let mut settings = Settings { session: name.clone(), dice, ..settings() };
    // Who is asked too much is told to call again; here everybody is asked.
    settings.limits.questions_per_hour = 10_000;
    let session = Session::new(settings);
    let waiting = BTreeMap::new();
    let (at_server, at_host) = (Vec::new(), Vec::new());
    Seat { session, name, waiting, at_server, at_host, list: None, calls: 0, models: 0 }
}

impl House {
    fn of(count: usize) -> Self {
        #[expect(clippy::disallowed_methods, reason = "one arbitrary epoch")]
        let now = Instant::now();
        let seats = (0..count).map(seat).collect();
        let (owner, granted) = (BTreeMap::new(), BTreeMap::new());
        let (yes, used) = (BTreeSet::new(), BTreeSet::new());
        let store = Store::default();
        let mut house = Self { seats, store, now, owner, yes, used, granted, passed: 0 };
        for at in 0..count {
            house.open(at);
        }
        house
    }

    fn open(&mut self, at: usize) {
        let (peer, version) = (json!({"name": "p", "version": "1"}), "2025-11-25");
        let params = json!({"protocolVersion": version, "capabilities": {"sampling": {}}, "clientInfo": peer});
        self.says(
            at,
            Peer::Client,
            json!({"id": "open", "method": "initialize", "params": params}),
        );
        let tools = json!({"tools": {"listChanged": true}});
        let result = json!({"protocolVersion": version, "capabilities": tools, "serverInfo": peer});
        self.serves(at, result);
        self.says(at, Peer::Client, json!({"method": "notifications/initialized"}));
        self.says(at, Peer::Client, json!({"id": "list", "method": "tools/list"}));
        self.serves(at, listing("as it was"));
    }

    fn serves(&mut self, at: usize, result: Value) {
        if !self.seats[at].at_server.is_empty() {
            let id = self.seats[at].at_server.remove(0);
            let is_list = self.seats[at].list.as_ref() == Some(&id);
            let result = if is_list { listing("as it was") } else { result };
            self.says(at, Peer::Server, json!({"id": id, "result": result}));
        }
    }

    fn says(&mut self, at: usize, peer: Peer, mut message: Value) {
        message.as_object_mut().unwrap().insert("jsonrpc".to_owned(), "2.0".into());
        let bytes = message.to_string();
        let message = portcullis_wire::parse(bytes.as_bytes(), &Default::default()).unwrap();
        self.seats[at].session.receive(peer, message, self.now);
        self.perform(at);
    }

    fn step(&mut self, step: Step) {
        let count = self.seats.len();
        match step {
            Step::Delete(at, one) => {
                self.calls(at % count, "delete_file", if one { "a" } else { "b" })
            }
            Step::Edit(at) => self.calls(at % count, "edit_file", "/p/src/a"),
            Step::Model(at) => {
                // A server asks within something that is in progress (MCP-HTTP-19).
                if self.seats[at % count].at_server.is_empty() {
                    let id = format!("l{}", self.seats[at % count].models);
                    let list = json!({"id": id, "method": "tools/list"});
                    self.says(at % count, Peer::Client, list);
                    let seat = &mut self.seats[at % count];
                    seat.list = seat.at_server.last().cloned();
                }
                let seat = &mut self.seats[at % count];
                seat.models += 1;
                let id = format!("m{}", seat.models);
                let params = json!({"messages": [], "maxTokens": 5});
                let method = "sampling/createMessage";
                let request = json!({"id": id, "method": method, "params": params});
                self.says(at % count, Peer::Server, request);
            }
            Step::Complete(at) if !self.seats[at % count].at_host.is_empty() => {
                let seat = &mut self.seats[at % count];
                let (id, name) = (seat.at_host.remove(0), seat.name.clone());
                let content = json!({"type": "text", "text": format!("for {name}.")});
                let result = json!({"role": "assistant", "content": content, "model": "m"});
                self.says(at % count, Peer::Client, json!({"id": id, "result": result}));
            }
            Step::Answer(at) => {
                let text = format!("for {}.", self.seats[at % count].name);
                self.serves(at % count, json!({"content": [{"type": "text", "text": text}]}));
            }
            Step::Look(at) => self.look(at % count),
            Step::Decide(which, yes) => self.decide(which, yes),
            Step::Grant(which) => self.grant(which),
            Step::Wait => {
                self.now += Duration::from_millis(100);
                for at in 0..count {
                    self.seats[at].session.handle_timeout(self.now);
                    self.perform(at);
                }
            }
            Step::Complete(_) => {}
        }
    }

    fn calls(&mut self, at: usize, tool: &str, path: &str) {
        self.seats[at].calls += 1;
        let id = format!("c{}", self.seats[at].calls);
        let params = json!({"name": tool, "arguments": {"path": path}});
        self.says(at, Peer::Client, json!({"id": id, "method": "tools/call", "params": params}));
    }

    fn open_question(&self, which: usize) -> Option<ApprovalId> {
        let open = || self.store.0.iter().filter(|row| row.state == store::State::Pending);
        let row = open().nth(which.checked_rem(open().count())?)?;
        Some(row.question.approval.clone())
    }

    fn decide(&mut self, which: usize, yes: bool) {
        let Some(id) = self.open_question(which) else { return };
        if yes {
            self.yes.insert(id.to_string());
        }
        let answer = if yes { Answer::Approve } else { Answer::Reject };
        self.store.decide(&id, answer, self.now);
    }

    fn grant(&mut self, which: usize) {
        let Some(id) = self.open_question(which) else { return };
        if self.store.give(&id, Lasts::Session, 1, self.now) {
            self.yes.insert(id.to_string());
            let grant = self.store.1.last().unwrap().grant.id.to_string();
            self.granted.insert(grant, self.owner[id.as_str()]);
        }
    }

    fn look(&mut self, at: usize) {
        for (ticket, (key, approval, joined)) in std::mem::take(&mut self.seats[at].waiting) {
            let seat = &mut self.seats[at];
            if !seat.session.is_waiting(ticket) {
                continue;
            }
            match self.store.take(&approval, &key, self.now) {
                Taken::Pending => {
                    let grants = self.store.remembered(seat.session.binds(), self.now).grants;
                    if !seat.session.stand(ticket, &grants, self.now) {
                        seat.waiting.insert(ticket, (key, approval, joined));
                    }
                }
                Taken::Edited(edited) => seat.session.answer_edited(ticket, &edited, self.now),
                Taken::Approved => seat.session.answer(ticket, Answer::Approve, self.now),
                Taken::Denied => seat.session.answer(ticket, Answer::Reject, self.now),
                Taken::Gone if joined => seat.session.advise(ticket, Fact::Unknown, self.now),
                Taken::Gone => seat.session.advise(ticket, Fact::Lapsed, self.now),
            }
            self.perform(at);
        }
    }

    fn perform(&mut self, at: usize) {
        let mut last = None;
        while let Some(output) = self.seats[at].session.poll_output() {
            let before = last.take();
            match output {
                Output::Record(record) => last = Some(record),
                Output::Forward(to, message) => self.left(at, to, message.get(), before.as_deref()),
                Output::Reply(_, message) => self.is_its_own(at, message.get()),
                Output::Consult(ticket, key) => {
                    let fact = self.store.consult(&key, self.now);
                    let seat = &mut self.seats[at];
                    if let Fact::Pending(approval, _) = &fact {
                        seat.waiting.insert(ticket, (*key, approval.clone(), true));
                    }
                    let remembered = self.store.remembered(seat.session.binds(), self.now);
                    seat.session.advise_with(ticket, fact, &remembered, self.now);
                }
                Output::Ask(ticket, question) => {
                    let (key, id) = (question.key.clone(), question.approval.clone());
                    let new = self.owner.insert(id.to_string(), at).is_none();
                    assert!(new, "{id} asked twice");
                    self.seats[at].waiting.insert(ticket, (key, id, false));
                    self.store.ask(*question, self.now);
                }
                Output::Withdraw(approval) if self.store.withdraw(&approval) => {
                    self.seats[at].session.lapsed(&approval);
                }
                _ => {}
            }
        }
    }

    /// Something leaves: behind a yes to this very session, where a yes is needed.
    fn left(&mut self, at: usize, to: Peer, message: &Message, record: Option<&Record>) {
        let record = record.expect("a record directly before");
        self.is_its_own(at, message);
        if let Message::Request(request) = message {
            let id = request.id.to_json().value();
            match to {
                Peer::Server => self.seats[at].at_server.push(id),
                Peer::Client => self.seats[at].at_host.push(id),
            }
        }
        let asked = matches!(record.tool.as_deref(), Some("delete_file" | "edit_file"))
            && matches!(message, Message::Request(_));
        if let Some(grant) = &record.grant {
            assert_eq!(self.granted.get(grant), Some(&at), "a grant of another session");
            self.passed += 1;
        } else if asked || record.decision.obligations.contains(&Obligation::Approved) {
            let id = record.approval.clone().expect("the name of a yes");
            assert_eq!(self.owner.get(&id), Some(&at), "an answer to another session");
            assert!(self.yes.contains(&id), "nobody said yes to {id}");
            assert!(self.used.insert(id), "a yes that was used before");
            self.passed += 1;
        }
    }

    /// What is marked for a session is heard in it alone.
    fn is_its_own(&self, at: usize, message: &Message) {
        let text = match message {
            Message::Response(response) => match &response.outcome {
                Outcome::Result(result) => result.value().to_string(),
                Outcome::Error(_) => return,
            },
            _ => return,
        };
        let own = format!("for {}.", self.seats[at].name);
        let marks = text.matches("for session-").count();
        assert_eq!(marks, text.matches(&own).count(), "{text} in {}", self.seats[at].name);
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let at = || any::<usize>();
    let step = prop_oneof![
        3 => (at(), any::<bool>()).prop_map(|(at, one)| Step::Delete(at, one)),
        2 => at().prop_map(Step::Edit),
        2 => at().prop_map(Step::Model),
        3 => at().prop_map(Step::Complete),
        3 => at().prop_map(Step::Answer),
        6 => at().prop_map(Step::Look),
        6 => (at(), prop::bool::weighted(0.8)).prop_map(|(which, yes)| Step::Decide(which, yes)),
        1 => at().prop_map(Step::Grant),
        1 => Just(Step::Wait),
    ];
    prop::collection::vec(step, 1..160)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_few_sessions_in_any_order(count in 2..5_usize, steps in steps()) {
        let mut house = House::of(count);
        for step in steps {
            house.step(step);
        }
    }
}

/// The same with a hundred of them, each of which comes to an end.
#[test]
fn a_hundred_sessions_in_the_same_words() {
    let mut house = House::of(100);
    for at in 0..100 {
        house.step(Step::Delete(at, true));
        house.step(Step::Model(at));
    }
    for which in 0..200 {
        house.step(Step::Decide(which * 37, true));
    }
    for at in (0..100).rev() {
        house.step(Step::Look(at));
        house.step(Step::Answer(at));
        house.step(Step::Complete(at));
    }
    for which in 0..100 {
        house.step(Step::Decide(which * 41, true));
    }
    for at in 0..100 {
        house.step(Step::Look(at));
    }
    // A call, a request to the model and its answer each.
    assert_eq!(house.passed, 300);
}
