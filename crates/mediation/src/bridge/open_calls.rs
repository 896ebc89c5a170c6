//! Calls of a modern client at a legacy server, and those that it leaves open because it
//! asks something while it works on them.
//!
//! ```text
//!  Working ── the server asks ──▶ Offered ── the client has it ──▶ Given ── it comes back ─┐
//!     ▲                              │ refused, taken back           │ never               │
//!     │                              ▼                               ▼                     │
//!     │                     the server hears no ──▶ Leaving: it ends the call, or is told  │
//!     └────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! A server that hears no ends its call by itself, as a rule. Only when it does not is it told
//! that the call is over: a cancellation on the heels of the no costs sessions, because the
//! Python SDK (1.x, `RequestResponder`) fails for good when it is told so while it is about to
//! answer.
//!
//! The state that the client keeps is a name of ours, which the session seals.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use portcullis_wire::view::input_request::InputResponses;
use portcullis_wire::view::notification::{Level, Progress};
use portcullis_wire::{
    Id, Json, Message, Notification, Object, Outcome, Request, Response, RpcError,
};

use super::{Desk, Turn, words};
use crate::client::with_token;

/// Calls that may be left open at once.
const OPEN: usize = 64;
/// Questions of one call that wait at once.
const QUESTIONS: usize = 16;

/// How long a server that heard no may take to end its call.
const LEAVING: Duration = Duration::from_secs(2);

/// Methods that may be left open since 2026-07-28.
const MAY_ASK: &[&str] = &["tools/call", "prompts/get", "resources/read"];

/// What became of a request that brings something back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Resumed {
    GoesOn,
    Unknown,
}

/// Every request that is at the server.
#[derive(Debug, Default)]
pub(super) struct Calls(Vec<Call>);

#[derive(Debug)]
struct Call {
    name: u64,
    /// Its id at the server.
    upstream: Id,
    /// The session's id of the request that its answer goes to; none while it is open.
    session: Option<i64>,
    /// The number under which it was begun, which is its progress token.
    token: i64,
    method: String,
    params: Option<Json>,
    level: Option<Level>,
    /// What the server asks and nobody has an answer to.
    questions: VecDeque<Question>,
    open: Option<Open>,
    /// It was answered while the client was away.
    done: Option<Outcome>,
    /// Nobody waits for it any more; until then its server may end it by itself.
    leaving: Option<Instant>,
}

/// A call that waits for its client.
#[derive(Debug)]
struct Open {
    until: Instant,
    /// The client's own id, until it was given what was asked.
    client: Option<Id>,
    given: bool,
}

#[derive(Debug)]
struct Question {
    key: String,
    /// The server's id; none where it ended the call to have it asked.
    id: Option<Id>,
    method: String,
    params: Option<Json>,
}

impl Call {
    fn may_ask(&self) -> bool {
        MAY_ASK.contains(&self.method.as_str())
    }

    fn state(&self) -> String {
        format!("bridge-{}", self.name)
    }

    /// Nobody will answer: whoever asked is told. What is left of the call, if its server may
    /// still end it by itself.
    fn let_go(mut self, desk: &mut Desk, why: &str, now: Instant) -> Option<Self> {
        let mut told = false;
        for id in self.questions.drain(..).filter_map(|question| question.id) {
            desk.say(Message::Response(Response::error(Some(id), -32603, why)));
            told = true;
        }
        if self.done.is_some() {
            return None;
        }
        if !told {
            desk.cancel(&self.upstream);
            return None;
        }
        let (session, open, level) = (None, None, None);
        Some(Self { session, open, level, leaving: Some(now + LEAVING), ..self })
    }
}

impl Calls {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What each live request wants to have logged.
    pub(super) fn wants(&self) -> impl Iterator<Item = Level> {
        self.0.iter().filter_map(|call| call.level)
    }

    /// What is wanted by those that a message can belong to.
    pub(super) fn may_hear(&self, within: Option<&Id>) -> impl Iterator<Item = Level> {
        let fits = move |call: &&Call| within.is_none_or(|id| call.upstream == *id);
        self.0.iter().filter(fits).filter_map(|call| call.level)
    }

    /// A request goes to the server.
    pub(super) fn begin(
        &mut self,
        id: i64,
        method: &str,
        params: Option<Json>,
        level: Option<Level>,
        desk: &mut Desk,
    ) {
        let (upstream, method) = (Id::Number(id), method.to_owned());
        let request =
            Request { id: upstream.clone(), method: method.clone(), params: params.clone() };
        desk.say(Message::Request(request));
        let call = Call {
            name: desk.number(),
            upstream,
            session: Some(id),
            token: id,
            method,
            params,
            level,
            questions: VecDeque::new(),
            open: None,
            done: None,
            leaving: None,
        };
        self.0.push(call);
    }

    fn remove(&mut self, test: impl Fn(&Call) -> bool) -> Option<Call> {
        let place = self.0.iter().position(test)?;
        Some(self.0.remove(place))
    }

    /// The session takes a request back.
    pub(super) fn cancel(&mut self, id: i64, desk: &mut Desk, now: Instant) {
        if let Some(call) = self.remove(|call| call.session == Some(id)) {
            let left = call.let_go(desk, "the call was taken back", now);
            self.leave(left, desk);
        }
    }

    /// Keeps what nobody waits for until its server ended it.
    fn leave(&mut self, left: impl IntoIterator<Item = Call>, desk: &mut Desk) {
        for call in left {
            if self.0.iter().filter(|call| call.leaving.is_some()).count() >= OPEN {
                desk.cancel(&call.upstream);
            } else {
                self.0.push(call);
            }
        }
    }

    /// The server asks, for the one call that can be meant. What cannot be asked comes back.
    pub(super) fn ask(
        &mut self,
        request: Request,
        desk: &mut Desk,
        now: Instant,
    ) -> Result<(), (Request, &'static str)> {
        let full = self.0.iter().filter(|call| call.open.is_some()).count() >= OPEN;
        let within = desk.within.clone();
        let asks = |call: &&mut Call| within.as_ref().is_none_or(|id| call.upstream == *id);
        let open = self.0.iter_mut().filter(|call| call.may_ask() && call.done.is_none());
        let mut meant = open.filter(asks);
        // One that nobody waits for can be meant, too, and then nobody is asked.
        let (Some(call), None) = (meant.next(), meant.next()) else {
            return Err((request, "a question belongs to exactly one call that is under way"));
        };
        if call.leaving.is_some() {
            return Err((request, "nobody waits for the call any more"));
        }
        if full || call.questions.len() >= QUESTIONS {
            return Err((request, "too many questions are open"));
        }
        let Request { id, method, params } = request;
        let key = format!("q{}", desk.number());
        let params = question(&method, params.as_ref());
        call.questions.push_back(Question { key, id: Some(id), method, params });
        if let Some(id) = call.session {
            self.next_question(id, desk, now);
        }
        Ok(())
    }

    /// A call is answered with what the server asks, if it asks something.
    pub(super) fn next_question(&mut self, id: i64, desk: &mut Desk, now: Instant) {
        let Some(call) = self.0.iter_mut().find(|call| call.session == Some(id)) else { return };
        if call.questions.is_empty() {
            return;
        }
        let mut asked = Object::new();
        for question in &call.questions {
            let mut entry = Object::new();
            entry.set("method", Json::string(&question.method));
            if let Some(params) = &question.params {
                entry.set("params", params.clone());
            }
            asked.set(&question.key, entry.to_json());
        }
        let mut result = Object::new();
        result.set("resultType", Json::string("input_required"));
        result.set("inputRequests", asked.to_json());
        result.set("requestState", Json::string(&call.state()));
        call.session = None;
        call.open = Some(Open { until: now + desk.story, client: None, given: false });
        let response = Response::result(Id::Number(id), result.to_json());
        desk.turns.push_back(Turn::Suspend(call.name, Message::Response(response)));
    }

    pub(super) fn offered(&mut self, name: u64, client: Option<Id>) {
        let open = self.0.iter_mut().find(|call| call.name == name).and_then(|c| c.open.as_mut());
        if let Some(open) = open.filter(|open| !open.given) {
            open.client = client;
        }
    }

    pub(super) fn given(&mut self, state: &str) {
        let call = self.0.iter_mut().find(|call| call.state() == state);
        if let Some(open) = call.and_then(|call| call.open.as_mut()) {
            open.given = true;
        }
    }

    /// Ends calls whose question stayed on the way.
    pub(super) fn abandon(&mut self, desk: &mut Desk, is_open: impl Fn(&Id) -> bool, now: Instant) {
        let lost = |call: &mut Call| {
            call.open
                .as_ref()
                .is_some_and(|open| !open.given && !open.client.as_ref().is_some_and(&is_open))
        };
        let lost: Vec<Call> = self.0.extract_if(.., lost).collect();
        let why = "the question was not permitted";
        let left: Vec<Call> =
            lost.into_iter().filter_map(|call| call.let_go(desk, why, now)).collect();
        self.leave(left, desk);
    }

    /// A request comes back with answers to what its call asked.
    pub(super) fn resume(
        &mut self,
        id: i64,
        method: &str,
        state: &str,
        given: &InputResponses,
        desk: &mut Desk,
    ) -> Resumed {
        let mut waits = self.0.iter_mut();
        let Some(call) = waits
            .find(|call| call.open.is_some() && call.method == method && call.state() == state)
        else {
            return Resumed::Unknown;
        };
        call.open = None;
        call.session = Some(id);
        let (links, asked): (Vec<Question>, Vec<Question>) =
            std::mem::take(&mut call.questions).into_iter().partition(|it| it.id.is_none());
        for question in asked {
            let answer = given.responses.iter().find(|(key, _)| *key == question.key);
            match (answer, &question.id) {
                (Some((_, answer)), Some(id)) => {
                    desk.say(Message::Response(Response::result(id.clone(), answer.clone())));
                }
                _ => call.questions.push_back(question),
            }
        }
        if !links.is_empty() {
            self.follow(id, &links, given, desk);
        } else if call.done.is_some() {
            self.deliver(id, desk);
        }
        Resumed::GoesOn
    }

    /// The person was sent somewhere, or not: the call is made again, or it is over.
    fn follow(&mut self, id: i64, links: &[Question], given: &InputResponses, desk: &mut Desk) {
        let followed = links.iter().all(|link| {
            let answer = given.responses.iter().find(|(key, _)| *key == link.key);
            let action = answer.and_then(|(_, answer)| answer.object()?.get("action")?.as_text());
            action.as_deref() == Some("accept")
        });
        let Some(call) = self.0.iter_mut().find(|call| call.session == Some(id)) else { return };
        if !followed {
            call.done = Some(words::failed(&call.method, true, words::NOT_GIVEN));
            return self.deliver(id, desk);
        }
        call.upstream = desk.id();
        call.done = None;
        let (id, method) = (call.upstream.clone(), call.method.clone());
        desk.say(Message::Request(Request { id, method, params: call.params.clone() }));
    }

    /// What was answered meanwhile goes to whoever waits for it now.
    fn deliver(&mut self, id: i64, desk: &mut Desk) {
        let call = self.remove(|call| call.session == Some(id));
        let Some(Call { done: Some(outcome), questions, .. }) = call else { return };
        for id in questions.into_iter().filter_map(|question| question.id) {
            let why = "the call is over";
            desk.say(Message::Response(Response::error(Some(id), -32603, why)));
        }
        desk.answer(id, outcome);
    }

    /// The server answers a request. False when it was none of these.
    pub(super) fn end(&mut self, upstream: &Id, outcome: Outcome, desk: &mut Desk) -> bool {
        let waits = |call: &&mut Call| call.upstream == *upstream && call.done.is_none();
        let Some(call) = self.0.iter_mut().find(waits) else { return false };
        if call.leaving.is_some() {
            self.remove(|call| call.upstream == *upstream);
            return true;
        }
        let outcome = match outcome {
            Outcome::Result(result) => Outcome::Result(words::modern_result(&call.method, &result)),
            Outcome::Error(error) => Outcome::Error(error),
        };
        call.done = Some(outcome);
        if let Some(id) = call.session {
            self.deliver(id, desk);
        }
        true
    }

    /// The server ends a call until the person has been somewhere (2025-11-25).
    pub(super) fn sends(
        &mut self,
        upstream: &Id,
        links: Option<&[Json]>,
        desk: &mut Desk,
        now: Instant,
    ) -> bool {
        let call = self.0.iter_mut().find(|call| call.upstream == *upstream);
        let Some(call) = call.filter(|call| call.done.is_none()) else { return false };
        let few = |links: &&[Json]| links.len() <= QUESTIONS;
        let links = links.filter(few).filter(|_| call.may_ask() && call.session.is_some());
        let (Some(links), Some(id)) = (links, call.session) else {
            let why = "the server's answer was not valid and was withheld";
            let error = RpcError { code: -32603, message: why.to_owned(), data: None };
            return self.end(upstream, Outcome::Error(error), desk);
        };
        let method = "elicitation/create";
        for link in links {
            let key = format!("q{}", desk.number());
            let params = question(method, Some(link));
            let method = method.to_owned();
            call.questions.push_back(Question { key, id: None, method, params });
        }
        // The call is over at the server, so there is nothing to take back.
        call.done = Some(words::failed(&call.method, true, words::NOT_GIVEN));
        self.next_question(id, desk, now);
        true
    }

    /// Progress of a call, under the number of whoever waits for it now.
    pub(super) fn progress(&self, said: &Notification) -> Option<Notification> {
        let token = Progress::read(said.params.as_ref()).ok()?.token;
        let call = self.0.iter().find(|call| Id::Number(call.token) == token)?;
        Some(with_token(said, &Id::Number(call.session?)))
    }

    /// The server takes a question back.
    pub(super) fn withdraw(&mut self, id: &Id) -> bool {
        let mut found = false;
        for call in &mut self.0 {
            let before = call.questions.len();
            call.questions.retain(|question| question.id.as_ref() != Some(id));
            found |= call.questions.len() < before;
        }
        found
    }

    /// Lets go of calls that nobody came back to.
    pub(super) fn expire(&mut self, desk: &mut Desk, now: Instant) {
        let late = |call: &mut Call| call.open.as_ref().is_some_and(|open| open.until <= now);
        let late: Vec<Call> = self.0.extract_if(.., late).collect();
        let left: Vec<Call> =
            late.into_iter().filter_map(|call| call.let_go(desk, "nobody answered", now)).collect();
        self.leave(left, desk);
        let stays = |call: &mut Call| call.leaving.is_some_and(|until| until <= now);
        for call in self.0.extract_if(.., stays) {
            desk.cancel(&call.upstream);
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        let open = self.0.iter().filter_map(|call| call.open.as_ref()).map(|open| open.until);
        open.chain(self.0.iter().filter_map(|call| call.leaving)).min()
    }
}

/// What a legacy server asks, as a modern one would.
fn question(method: &str, params: Option<&Json>) -> Option<Json> {
    let mut members = params?.object()?;
    members.remove("elicitationId");
    members.remove("task");
    words::cut_meta(&mut members, &["progressToken"]);
    if method == "roots/list" && members.is_empty() {
        return None;
    }
    Some(members.to_json())
}
