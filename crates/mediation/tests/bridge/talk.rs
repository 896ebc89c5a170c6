//! A client of any revision, a session, a server of any revision, and a clock.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use portcullis_guard::egress::{Reach, Rule};
use portcullis_mediation::{Fact, MayAsk, Output, Session, Settings};
use portcullis_policy::{Answer, Elicitation, Extension, Opening, Sampling};
use portcullis_wire::{Id, Message, Peer};
use serde_json::Value;

use crate::client::{Client, answered};
use crate::server::{Server, result};
use crate::settings::settings;

/// What one conversation looks like from outside.
pub(crate) struct Talk {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    pub(crate) client: &'static str,
    /// None when a test says what the server says.
    pub(crate) server: Option<Server>,
    next: u64,
    /// What the client got that was no answer to it, and no question.
    pub(crate) told: Vec<Value>,
    /// What the client was asked, in whatever form.
    pub(crate) asked: Vec<Value>,
    /// Answers, until somebody takes them.
    pub(crate) answers: Vec<Value>,
    /// What the server got, where it is the test's.
    pub(crate) at_server: VecDeque<Value>,
    /// What is on its way to the server.
    upward: VecDeque<Value>,
    pub(crate) records: Vec<Value>,
    /// Whether the person says yes.
    pub(crate) answer: Answer,
    /// Whether the client answers what it is asked.
    pub(crate) answers_questions: bool,
}

/// Everything that a server could want is open.
pub(crate) fn open() -> Settings {
    let links = Rule::new("login.example.com").unwrap();
    let mut settings = settings();
    settings.may_ask = MayAsk {
        sampling: Sampling { mode: Opening::Ask, ..Sampling::default() },
        elicitation: Elicitation { mode: Opening::Ask, ..Elicitation::default() },
        links: Reach::new(vec![links]).unwrap(),
    };
    settings.limits.call_timeout = Duration::from_secs(60);
    settings.limits.call_ceiling = Duration::from_secs(600);
    settings.patience = Duration::from_secs(120);
    settings.hold = Duration::from_secs(45);
    settings.extensions = [Extension::Tasks].into();
    settings
}

impl Talk {
    /// Nothing was said yet.
    pub(crate) fn between(
        client: &'static str,
        server: Option<Server>,
        settings: Settings,
    ) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary epoch")]
        let now = Instant::now();
        Self {
            session: Session::new(settings),
            now,
            client,
            server,
            next: 0,
            told: Vec::new(),
            asked: Vec::new(),
            answers: Vec::new(),
            at_server: VecDeque::new(),
            upward: VecDeque::new(),
            records: Vec::new(),
            answer: Answer::Approve,
            answers_questions: true,
        }
    }

    /// The next thing that the server that is the test's got.
    pub(crate) fn got(&mut self, method: &str) -> Value {
        let got = self.at_server.pop_front().unwrap_or_default();
        assert_eq!(got["method"], method, "{got}");
        got
    }

    /// The server that is the test's says this.
    pub(crate) fn served(&mut self, message: &Value) {
        self.receive(Peer::Server, message);
        self.settle();
    }

    /// The same in the answer to one of its requests, as over HTTP.
    pub(crate) fn served_within(&mut self, request: &Value, message: &Value) {
        let request = match request.as_i64() {
            Some(number) => Id::Number(number),
            None => Id::Text(request.as_str().unwrap().to_owned()),
        };
        let bytes = message.to_string();
        let parsed = portcullis_wire::parse(bytes.as_bytes(), &Default::default()).expect("fits");
        self.session.receive_within(&request, parsed, self.now);
        self.settle();
    }

    fn receive(&mut self, from: Peer, message: &Value) {
        let bytes = message.to_string();
        let parsed: Message =
            portcullis_wire::parse(bytes.as_bytes(), &Default::default()).expect("a message");
        self.session.receive(from, parsed, self.now);
    }

    /// Time passes, moment by moment.
    pub(crate) fn passes(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(next) = self.session.poll_timeout().filter(|next| *next <= end) {
            self.now = self.now.max(next);
            self.session.handle_timeout(self.now);
            self.settle();
        }
        self.now = end;
    }

    pub(crate) fn settle(&mut self) {
        loop {
            self.perform();
            let Some(message) = self.upward.pop_front() else { return };
            let Some(server) = &mut self.server else {
                self.at_server.push_back(message);
                continue;
            };
            for said in server.hears(&message) {
                self.receive(Peer::Server, &said);
                self.perform();
            }
        }
    }

    fn perform(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Forward(Peer::Client, message) | Output::Reply(Peer::Client, message) => {
                    self.arrives(&written(message.get()));
                }
                Output::Forward(Peer::Server, message) | Output::Reply(Peer::Server, message) => {
                    self.upward.push_back(written(message.get()));
                }
                Output::Record(record) => {
                    self.records.push(serde_json::to_value(&record).unwrap());
                }
                Output::Consult(ticket, _) => self.session.advise(ticket, Fact::Unknown, self.now),
                Output::Ask(ticket, _) => self.session.answer(ticket, self.answer, self.now),
                _ => {}
            }
        }
    }

    fn arrives(&mut self, message: &Value) {
        let is_request = message.get("method").is_some() && message.get("id").is_some();
        if !is_request {
            let answers = message.get("method").is_none();
            return if answers {
                self.answers.push(message.clone())
            } else {
                self.told.push(message.clone())
            };
        }
        self.asked.push(message.clone());
        if self.answers_questions {
            let answer = result(message, &answered(message, &self.root()));
            self.receive(Peer::Client, &answer);
        }
    }

    /// Whether a record names this control.
    pub(crate) fn recorded(&self, control: &str) -> bool {
        self.records.iter().any(|record| {
            let because = record["decision"]["because"].as_array();
            because.is_some_and(|all| all.iter().any(|one| one["control"] == control))
        })
    }

    /// The method of each request and notification that the server got.
    pub(crate) fn server_got(&self) -> Vec<&str> {
        self.server.iter().flat_map(|it| &it.heard).filter_map(|m| m["method"].as_str()).collect()
    }
}

impl Client for Talk {
    fn revision(&self) -> &'static str {
        self.client
    }

    fn root(&self) -> String {
        "file:///p".to_owned()
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn says(&mut self, message: &Value) {
        self.receive(Peer::Client, message);
        self.settle();
    }

    fn answer_to(&mut self, id: u64) -> Option<Value> {
        let place = self.answers.iter().position(|answer| answer["id"] == id)?;
        Some(self.answers.remove(place))
    }

    fn told(&mut self, method: &str) -> Option<Value> {
        self.told.iter().find(|said| said["method"] == method).cloned()
    }

    fn arrived(&mut self, method: &str) -> Option<Value> {
        let heard = &self.server.as_ref()?.heard;
        heard.iter().find(|said| said["method"] == method).cloned()
    }

    fn is_asked(&mut self, question: &Value) -> bool {
        if self.answers_questions {
            self.asked.push(question.clone());
        }
        self.answers_questions
    }
}

fn written(message: &Message) -> Value {
    let mut bytes = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "what the transport would write")]
    portcullis_wire::write::encode(message, &mut bytes);
    serde_json::from_slice(&bytes).unwrap()
}
