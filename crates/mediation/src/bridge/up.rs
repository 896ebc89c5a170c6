//! A legacy server looks like a modern one.
//!
//! ```text
//!  session                         bridge                          server
//!  server/discover         ──▶ (answered from `initialize`)
//!  tools/call              ──▶ the same, without `_meta`       ──▶
//!  input_required          ◀── the call is left open, named    ◀── sampling/createMessage
//!  tools/call again        ──▶ the answer to what was asked    ──▶
//!  its result              ◀── `resultType`, nobody's to keep  ◀── the result
//!  subscriptions/listen    ──▶ subscribed to, counted          ──▶
//! ```
//!
//! Over HTTP a server asks in the answer to the request that it asks for. On a pipe it does not
//! say for which: with exactly one call under way that could be meant it is that one
//! (`open_calls.rs`); otherwise nobody knows, and it is refused.

use portcullis_catalog::control::{
    ANSWERED_ONCE, DIRECTION_CHECKED, LOGS_REDACTED, METHOD_KNOWN, REQUESTS_INDEPENDENT,
};
use portcullis_policy::Decision;
use portcullis_wire::view::input_request::InputResponses;
use portcullis_wire::view::lifecycle::{Initialized, Meta, SERVER_INFO};
use portcullis_wire::view::notification::{Cancelled, Level, LogMessage};
use portcullis_wire::{
    Id, Json, Kind, Message, Need, Notification, Object, Outcome, Peer, Request, Response,
    Revision, RpcError, array, method,
};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

use super::listeners::Listeners;
use super::open_calls::{Calls, Resumed};
use super::{Desk, Turn, words};

/// "First send the person there" (2025-11-25, client/elicitation, URL mode).
const URL_ELICITATION: i64 = -32042;

/// How long a fresh process may take to say who it is: it may have to be fetched first.
const GREETING: Duration = Duration::from_secs(60);

/// Messages that wait at most while a fresh process is greeted.
const HELD: usize = 1024;

/// A modern client's conversation with a legacy server.
#[derive(Debug)]
pub(super) struct Up {
    /// What the server agreed to.
    pub(super) revision: Revision,
    /// How it was greeted, for a process that takes its place.
    opening: Json,
    declared: Value,
    /// The answer to `server/discover`.
    discovered: Json,
    standing: Standing,
    calls: Calls,
    listeners: Listeners,
    /// What the server was told with `logging/setLevel`, and what it will answer.
    level: Option<Level>,
    leveled: Vec<Id>,
}

/// Whether the process was greeted.
#[derive(Debug)]
enum Standing {
    Greeted,
    /// It is another one than before.
    Fresh,
    /// It is asked who it is, until then; meanwhile these wait.
    Greeting(Id, Vec<Message>, Instant),
}

impl Up {
    pub(super) fn new(revision: Revision, opening: Json, result: &Json) -> Self {
        let read = Initialized::read(result).ok();
        let declared = read.map_or_else(|| json!({}), |read| read.capabilities);
        Self {
            revision,
            opening,
            discovered: discovered(result, &declared, revision),
            listeners: Listeners::of(&declared),
            declared,
            standing: Standing::Greeted,
            calls: Calls::default(),
            level: None,
            leveled: Vec::new(),
        }
    }

    pub(super) fn restarted(&mut self) {
        self.standing = Standing::Fresh;
        self.calls = Calls::default();
        self.listeners.forget();
        self.level = None;
        self.leveled.clear();
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.calls.is_empty()
    }

    pub(super) fn takes(&mut self, message: &Message, desk: &mut Desk, now: Instant) {
        match &mut self.standing {
            Standing::Greeted => {}
            Standing::Greeting(_, held, _) => {
                if held.len() < HELD {
                    held.push(message.clone());
                }
                return;
            }
            Standing::Fresh => {
                let id = desk.id();
                desk.ask(id.clone(), "initialize", self.opening.clone());
                self.standing = Standing::Greeting(id, vec![message.clone()], now + GREETING);
                return;
            }
        }
        match message {
            Message::Request(Request { id: Id::Number(id), method, params }) => {
                self.asks(*id, method, params.as_ref(), desk, now);
            }
            Message::Notification(said) if said.method == "notifications/cancelled" => {
                let cancelled = Cancelled::read(said.params.as_ref()).ok();
                if let Some(Id::Number(id)) = cancelled.and_then(|it| it.request_id) {
                    self.listeners.close(id, desk);
                    self.calls.cancel(id, desk, now);
                }
            }
            // A session of 2026-07-28 answers and tells a server nothing else.
            Message::Request(_) | Message::Notification(_) | Message::Response(_) => {}
        }
    }

    /// A request of the session.
    fn asks(
        &mut self,
        id: i64,
        method: &str,
        params: Option<&Json>,
        desk: &mut Desk,
        now: Instant,
    ) {
        match method {
            "server/discover" => desk.answer(id, Outcome::Result(self.discovered.clone())),
            "subscriptions/listen" => self.listeners.open(id, params, desk),
            _ => {
                let given = InputResponses::read(params).unwrap_or_default();
                let meta = Meta::read(params).unwrap_or_default();
                let level = meta.log_level.as_deref().and_then(Level::parse);
                let Some(state) = given.state.clone() else {
                    self.raise(level, desk);
                    return self.calls.begin(id, method, words::legacy_params(params), level, desk);
                };
                match self.calls.resume(id, method, &state, &given, desk) {
                    Resumed::GoesOn => self.calls.next_question(id, desk, now),
                    Resumed::Unknown => desk.fail(id, -32602, "`requestState` is of no open call"),
                }
            }
        }
    }

    /// The server logs as much as the most talkative live request wants.
    fn raise(&mut self, wanted: Option<Level>, desk: &mut Desk) {
        let wanted = wanted.into_iter().chain(self.calls.wants()).min();
        let Some(wanted) = wanted.filter(|_| Need::Logging.declared(&self.declared)) else {
            return;
        };
        if self.level != Some(wanted) {
            self.level = Some(wanted);
            let id = desk.id();
            let params = Json::from_value(&json!({"level": wanted.as_str()}));
            desk.ask(id.clone(), "logging/setLevel", params);
            self.leveled.push(id);
        }
    }

    pub(super) fn hears(&mut self, message: Message, desk: &mut Desk, now: Instant) {
        match message {
            Message::Request(request) => self.asked(request, desk, now),
            Message::Notification(said) => self.heard(said, desk),
            Message::Response(response) => self.answered(response, desk, now),
        }
    }

    /// The server asks.
    fn asked(&mut self, request: Request, desk: &mut Desk, now: Instant) {
        let refuse = |desk: &mut Desk, request: &Request, code, why: &str, decision| {
            desk.drop(Some(&request.method), decision);
            let id = Some(request.id.clone());
            desk.say(Message::Response(Response::error(id, code, why)));
        };
        match request.method.as_str() {
            "ping" => {
                let nothing = Object::new().to_json();
                desk.say(Message::Response(Response::result(request.id, nothing)));
            }
            name if self.may_ask(name, request.params.as_ref()) => {
                if let Err((request, why)) = self.calls.ask(request, desk, now) {
                    let decision = Decision::deny(REQUESTS_INDEPENDENT, why);
                    refuse(desk, &request, -32602, why, decision);
                }
            }
            _ => {
                let decision = Decision::deny(METHOD_KNOWN, "a request that nobody knows");
                refuse(desk, &request, -32601, "method not found", decision);
            }
        }
    }

    /// Whether the server's revision has such a question.
    fn may_ask(&self, name: &str, params: Option<&Json>) -> bool {
        let known = method(self.revision, Peer::Server, Kind::Request, name).is_some();
        let mode = params.and_then(|params| params.object()?.get("mode")?.as_text());
        known && (mode.as_deref() != Some("url") || self.revision >= Revision::V2025_11_25)
    }

    /// The server answers.
    fn answered(&mut self, response: Response, desk: &mut Desk, now: Instant) {
        let Some(id) = &response.id else { return desk.turns.push_back(Turn::Stray) };
        if let Standing::Greeting(greeting, ..) = &self.standing
            && greeting == id
        {
            return self.greeted(&response.outcome, desk, now);
        }
        if let Some(place) = self.leveled.iter().position(|leveled| leveled == id) {
            self.leveled.remove(place);
            return;
        }
        if self.listeners.answered(id, &response.outcome, desk) {
            return;
        }
        match response.outcome {
            Outcome::Error(error)
                if error.code == URL_ELICITATION && self.revision >= Revision::V2025_11_25 =>
            {
                let links = links(&error);
                if !self.calls.sends(id, links.as_deref(), desk, now) {
                    desk.turns.push_back(Turn::Stray);
                }
            }
            outcome => {
                if !self.calls.end(id, outcome, desk) {
                    desk.turns.push_back(Turn::Stray);
                }
            }
        }
    }

    /// A process that took another's place says who it is.
    fn greeted(&mut self, outcome: &Outcome, desk: &mut Desk, now: Instant) {
        let held = self.held();
        let same = match outcome {
            Outcome::Result(result) => Initialized::read(result).is_ok_and(|answer| {
                Revision::parse(&answer.protocol_version) == Some(self.revision)
            }),
            Outcome::Error(_) => false,
        };
        if !same {
            return fails(held, "the restarted server does not agree to its own revision", desk);
        }
        let method = "notifications/initialized".to_owned();
        desk.say(Message::Notification(Notification { method, params: None }));
        self.standing = Standing::Greeted;
        held.iter().for_each(|message| self.takes(message, desk, now));
    }

    /// What waited for a fresh process, which is as it was before it was asked.
    fn held(&mut self) -> Vec<Message> {
        match std::mem::replace(&mut self.standing, Standing::Fresh) {
            Standing::Greeting(_, held, _) => held,
            Standing::Fresh | Standing::Greeted => Vec::new(),
        }
    }

    /// A notification of the server.
    fn heard(&mut self, said: Notification, desk: &mut Desk) {
        match said.method.as_str() {
            "notifications/progress" => match self.calls.progress(&said) {
                Some(said) => desk.hear(Message::Notification(said)),
                None => {
                    let why = "names no live request";
                    desk.drop(Some(&said.method), Decision::deny(ANSWERED_ONCE, why));
                }
            },
            "notifications/message" => self.logged(said, desk),
            "notifications/cancelled" => {
                let cancelled = Cancelled::read(said.params.as_ref()).ok();
                let id = cancelled.and_then(|it| it.request_id);
                if !id.is_some_and(|id| self.calls.withdraw(&id)) {
                    let why = "names no request of the server that is open";
                    desk.drop(Some(&said.method), Decision::deny(ANSWERED_ONCE, why));
                }
            }
            "notifications/tools/list_changed"
            | "notifications/prompts/list_changed"
            | "notifications/resources/list_changed"
            | "notifications/resources/updated" => self.listeners.tell(&said, desk),
            _ => {
                let why = "means nothing since 2026-07-28";
                desk.drop(Some(&said.method), Decision::deny(DIRECTION_CHECKED, why));
            }
        }
    }

    /// What is logged belongs to a request. With more than one, nobody knows to which.
    fn logged(&mut self, said: Notification, desk: &mut Desk) {
        let within = desk.within.clone();
        let mut wanted = self.calls.may_hear(within.as_ref());
        let level = LogMessage::read(said.params.as_ref()).ok().map(|message| message.level);
        match (wanted.next(), wanted.next(), level) {
            (Some(one), None, Some(level)) if level >= one => {
                drop(wanted);
                desk.hear(Message::Notification(said));
            }
            _ => {
                let why = "belongs to no request that is known to want it";
                desk.drop(Some(&said.method), Decision::deny(LOGS_REDACTED, why));
            }
        }
    }

    pub(super) fn expire(&mut self, desk: &mut Desk, now: Instant) {
        if self.greeting_ends().is_some_and(|until| until <= now) {
            fails(self.held(), "the restarted server does not say who it is", desk);
        }
        self.calls.expire(desk, now);
    }

    pub(super) fn next(&self) -> Option<Instant> {
        self.greeting_ends().into_iter().chain(self.calls.next()).min()
    }

    const fn greeting_ends(&self) -> Option<Instant> {
        match self.standing {
            Standing::Greeting(.., until) => Some(until),
            Standing::Greeted | Standing::Fresh => None,
        }
    }

    pub(super) fn offered(&mut self, call: u64, client: Option<Id>) {
        self.calls.offered(call, client);
    }

    pub(super) fn given(&mut self, state: &str) {
        self.calls.given(state);
    }

    pub(super) fn abandon(&mut self, desk: &mut Desk, is_open: impl Fn(&Id) -> bool, now: Instant) {
        self.calls.abandon(desk, is_open, now);
    }
}

/// Requests that waited in vain are answered.
fn fails(held: Vec<Message>, why: &str, desk: &mut Desk) {
    for message in held {
        if let Message::Request(Request { id: Id::Number(id), .. }) = message {
            desk.fail(id, -32603, why);
        }
    }
}

/// Where a server wants the person sent before it goes on; nothing when that does not fit.
fn links(error: &RpcError) -> Option<Vec<Json>> {
    let data = error.data.as_ref()?.object()?;
    let links = portcullis_wire::elements(data.get("elicitations")?)?;
    let fits = !links.is_empty() && links.iter().all(Json::is_object);
    fits.then_some(links)
}

/// The answer to `server/discover` that a handshake amounts to.
fn discovered(result: &Json, declared: &Value, revision: Revision) -> Json {
    let members = result.object().unwrap_or_default();
    let mut discovered = Object::new();
    discovered.set("supportedVersions", array(&[Json::string(Revision::V2026_07_28.as_str())]));
    discovered.set("capabilities", words::modern_server(declared, revision));
    if let Some(instructions) = members.get("instructions") {
        discovered.set("instructions", instructions.clone());
    }
    if let Some(info) = members.get("serverInfo") {
        let mut meta = Object::new();
        meta.set(SERVER_INFO, info.clone());
        discovered.set("_meta", meta.to_json());
    }
    words::modern_result("server/discover", &discovered.to_json())
}
