//! A modern server looks like a legacy one.
//!
//! ```text
//!  session                         bridge                           server
//!  initialize              ──▶ server/discover                  ──▶
//!  tools/call              ──▶ the same, with `_meta`           ──▶
//!  a request of the server ◀── each of `inputRequests`          ◀── input_required
//!  its answer              ──▶ (all there) the call again,
//!                              `inputResponses`, `requestState` ──▶
//!  its result              ◀── in the words of its elders       ◀── complete
//!  resources/subscribe     ──▶ one `subscriptions/listen`       ──▶
//! ```
//!
//! What a server asks goes to the session as a request of its own, so that it is judged and
//! asked about as any other. A call that asks too often, or for what is not given, ends.

use std::collections::BTreeMap;

use portcullis_catalog::control::{DIRECTION_CHECKED, INPUT_REQUESTS_CAPPED, METHOD_KNOWN};
use portcullis_policy::Decision;
use portcullis_wire::view::input_request::{InputRequest, InputRequired, ResultType};
use portcullis_wire::view::lifecycle::{Discovered, Initialize, SERVER_INFO};
use portcullis_wire::view::notification::Cancelled;
use portcullis_wire::view::resource;
use portcullis_wire::{
    Id, Json, Message, Notification, Object, Outcome, Request, Response, Revision, input_request,
};
use serde_json::json;

use super::streams::Stream;
use super::{Desk, words};
use crate::answer::HEADER_MISMATCH;
use crate::handshake::offered;

/// Rounds of one call before it is given up.
const ROUNDS: u32 = 10;
/// Rounds in a row in which the server asks for nothing.
const IDLE: u32 = 3;
/// Questions of one round.
const QUESTIONS: usize = 16;
/// Longest state that is kept for a call, in bytes.
const LONGEST: usize = 64 << 10;

/// A legacy client's session with a modern server.
#[derive(Debug)]
pub(super) struct Down {
    /// The `_meta` under which everything is asked.
    meta: Json,
    /// What the client set with `logging/setLevel`.
    level: Option<String>,
    /// The revision of the client.
    revision: Revision,
    /// The answer to `initialize`.
    greeting: Json,
    /// Whoever waits for another discovery, and under which id it was asked.
    greets: Option<(i64, Id)>,
    /// Calls by the session's id.
    calls: BTreeMap<i64, Call>,
    /// Which call an id at the server belongs to.
    at_server: BTreeMap<Id, i64>,
    /// Which call, and which of its questions, a request to the session is.
    asked: BTreeMap<i64, (i64, String)>,
    stream: Stream,
}

/// A request that the server may leave open.
#[derive(Debug)]
struct Call {
    method: String,
    /// As it was asked first.
    params: Json,
    /// Its id at the server; none while the session is asked.
    upstream: Option<Id>,
    rounds: u32,
    idle: u32,
    state: Option<String>,
    /// How many answers are missing.
    missing: usize,
    answers: Object,
}

impl Down {
    pub(super) fn new(opening: &Request, meta: Json, discovered: &Json) -> Self {
        let asked = Initialize::read(opening.params.as_ref());
        let revision =
            asked.map_or(Revision::latest_legacy(), |asked| offered(&asked.protocol_version));
        Self {
            meta,
            level: None,
            revision,
            greeting: greeting(revision, discovered),
            greets: None,
            calls: BTreeMap::new(),
            at_server: BTreeMap::new(),
            asked: BTreeMap::new(),
            stream: Stream::of(discovered),
        }
    }

    /// A fresh process knows nothing of what was under way.
    pub(super) fn restarted(&mut self) {
        self.calls.clear();
        self.at_server.clear();
        self.asked.clear();
        self.greets = None;
        self.stream.forget();
        // The session says `initialize` to it again, which asks it who it is.
        self.greeting = Json::from_value(&json!(null));
    }

    pub(super) fn takes(&mut self, message: &Message, desk: &mut Desk) {
        match message {
            Message::Request(Request { id: Id::Number(id), method, params }) => {
                self.asks(*id, method, params.as_ref(), desk);
            }
            Message::Request(_) => {}
            Message::Notification(said) => self.says(said, desk),
            Message::Response(response) => self.answers(response, desk),
        }
    }

    /// A request of the session.
    fn asks(&mut self, id: i64, method: &str, params: Option<&Json>, desk: &mut Desk) {
        let nothing = || Outcome::Result(Object::new().to_json());
        let text = |name: &str| params?.object()?.get(name)?.as_text();
        match method {
            "initialize" if self.greeting.is_null() => self.greet(id, desk),
            "initialize" => desk.answer(id, Outcome::Result(self.greeting.clone())),
            "ping" => desk.answer(id, nothing()),
            "logging/setLevel" => {
                self.level = text("level");
                desk.answer(id, nothing());
            }
            "resources/subscribe" => {
                let uri = resource::uri(params).unwrap_or_default();
                self.stream.subscribe(id, &uri, &self.meta, desk);
            }
            "resources/unsubscribe" => {
                self.stream.unsubscribe(
                    &resource::uri(params).unwrap_or_default(),
                    &self.meta,
                    desk,
                );
                desk.answer(id, nothing());
            }
            _ => self.call(id, method, params, desk),
        }
    }

    /// Asks a fresh process who it is.
    fn greet(&mut self, id: i64, desk: &mut Desk) {
        let name = desk.id();
        desk.ask(name.clone(), "server/discover", words::modern_params(None, &self.meta, None));
        self.greets = Some((id, name));
    }

    fn call(&mut self, id: i64, method: &str, params: Option<&Json>, desk: &mut Desk) {
        let params = words::modern_params(params, &self.meta, self.level.as_deref());
        desk.ask(Id::Number(id), method, params.clone());
        self.at_server.insert(Id::Number(id), id);
        let call = Call {
            method: method.to_owned(),
            params,
            upstream: Some(Id::Number(id)),
            rounds: 0,
            idle: 0,
            state: None,
            missing: 0,
            answers: Object::new(),
        };
        self.calls.insert(id, call);
    }

    /// A notification of the session. Since 2026-07-28 a client tells of nothing but that it
    /// takes something back; the rest is answered when it is asked for.
    fn says(&mut self, said: &Notification, desk: &mut Desk) {
        match said.method.as_str() {
            "notifications/initialized" => self.stream.open(&self.meta, desk),
            "notifications/cancelled" => {
                let cancelled = Cancelled::read(said.params.as_ref()).ok();
                let id = cancelled.and_then(|cancelled| cancelled.request_id);
                if let Some(Id::Number(id)) = id {
                    self.cancel(id, desk);
                }
            }
            _ => {}
        }
    }

    fn cancel(&mut self, id: i64, desk: &mut Desk) {
        self.stream.gives_up(id);
        let Some(call) = self.calls.remove(&id) else { return };
        if let Some(upstream) = call.upstream {
            self.at_server.remove(&upstream);
            desk.cancel(&upstream);
        }
        self.take_back(id, desk);
    }

    /// What a call asked is asked no more.
    fn take_back(&mut self, call: i64, desk: &mut Desk) {
        for (asked, _) in self.asked.extract_if(.., |_, (of, _)| *of == call) {
            desk.hear(Message::Notification(Notification::cancelled(&Id::Number(asked))));
        }
    }

    /// The session answers what a call asked.
    fn answers(&mut self, response: &Response, desk: &mut Desk) {
        let Some(Id::Number(asked)) = response.id else { return };
        let Some((id, key)) = self.asked.remove(&asked) else { return };
        let Some(call) = self.calls.get_mut(&id) else { return };
        match &response.outcome {
            Outcome::Result(answer) => {
                call.answers.set(&key, answer.clone());
                call.missing = call.missing.saturating_sub(1);
                if call.missing == 0 {
                    self.again(id, desk);
                }
            }
            Outcome::Error(_) => self.fail(id, words::NOT_GIVEN, desk),
        }
    }

    /// The same call again, with what was answered and the state as it was given.
    fn again(&mut self, id: i64, desk: &mut Desk) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let mut params = call.params.object().unwrap_or_default();
        if !call.answers.is_empty() {
            params.set("inputResponses", std::mem::take(&mut call.answers).to_json());
        }
        if let Some(state) = call.state.take() {
            params.set("requestState", Json::string(&state));
        }
        let name = desk.id();
        desk.ask(name.clone(), &call.method, params.to_json());
        self.at_server.insert(name.clone(), id);
        call.upstream = Some(name);
    }

    /// A call ends with an answer of ours.
    fn fail(&mut self, id: i64, why: &str, desk: &mut Desk) {
        let Some(call) = self.calls.remove(&id) else { return };
        self.take_back(id, desk);
        desk.answer(id, words::failed(&call.method, false, why));
    }

    pub(super) fn hears(&mut self, message: Message, desk: &mut Desk) {
        match message {
            Message::Request(request) => {
                let why = "a modern server writes no requests";
                desk.drop(Some(&request.method), Decision::deny(DIRECTION_CHECKED, why));
            }
            Message::Notification(said) => self.heard(said, desk),
            Message::Response(response) => self.answered(response, desk),
        }
    }

    /// The server answers.
    fn answered(&mut self, response: Response, desk: &mut Desk) {
        let Some(name) = &response.id else { return desk.turns.push_back(super::Turn::Stray) };
        if self.greets.as_ref().is_some_and(|(_, greets)| greets == name) {
            return self.greeted(&response.outcome, desk);
        }
        if self.stream.ended(name, &response.outcome, &self.meta, desk) {
            return;
        }
        let Some(id) = self.at_server.remove(name) else {
            return desk.turns.push_back(super::Turn::Stray);
        };
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.upstream = None;
        match response.outcome {
            Outcome::Error(error) => {
                self.calls.remove(&id);
                if error.code == HEADER_MISMATCH {
                    desk.turns.push_back(super::Turn::Outdated);
                }
                desk.answer(id, Outcome::Error(words::legacy_error(error)));
            }
            Outcome::Result(result) => self.result(id, &result, desk),
        }
    }

    fn greeted(&mut self, outcome: &Outcome, desk: &mut Desk) {
        let Some((id, _)) = self.greets.take() else { return };
        match outcome {
            Outcome::Result(result) if Discovered::read(result).is_ok() => {
                self.greeting = greeting(self.revision, result);
                desk.answer(id, Outcome::Result(self.greeting.clone()));
            }
            _ => desk.fail(id, -32603, "the server does not say who it is"),
        }
    }

    fn result(&mut self, id: i64, result: &Json, desk: &mut Desk) {
        let Some(call) = self.calls.get(&id) else { return };
        match ResultType::read(result) {
            Ok(ResultType::Complete) => {
                let result = words::legacy_result(&call.method, result);
                self.calls.remove(&id);
                desk.answer(id, Outcome::Result(result));
            }
            Ok(ResultType::InputRequired) => {
                if let Err(decision) = self.left_open(id, result, desk) {
                    desk.drop(Some("inputRequests"), decision);
                    self.fail(id, words::NOT_GIVEN, desk);
                }
            }
            Ok(ResultType::Task) | Err(_) => {
                let why = "a kind of result that was not agreed on";
                desk.drop(Some("resultType"), Decision::deny(METHOD_KNOWN, why));
                self.fail(id, "the server's answer was not valid and was withheld", desk);
            }
        }
    }

    /// The server leaves a call open: what it asks is asked, and it is called again.
    fn left_open(&mut self, id: i64, result: &Json, desk: &mut Desk) -> Result<(), Decision> {
        let Some(call) = self.calls.get_mut(&id) else { return Ok(()) };
        if !["tools/call", "prompts/get", "resources/read"].contains(&call.method.as_str()) {
            let why = format!("`{}` cannot ask for input", call.method);
            return Err(Decision::deny(METHOD_KNOWN, why));
        }
        let read = InputRequired::read(result);
        let asked = read.map_err(|misfit| Decision::deny(METHOD_KNOWN, misfit.to_string()))?;
        call.rounds += 1;
        call.idle = if asked.requests.is_empty() { call.idle + 1 } else { 0 };
        judge(call, &asked)?;
        call.state = asked.state;
        call.missing = asked.requests.len();
        if asked.requests.is_empty() {
            self.again(id, desk);
        }
        for request in asked.requests {
            let params = self.question(&request, desk);
            let number = i64::try_from(desk.number()).unwrap_or(i64::MAX);
            self.asked.insert(number, (id, request.key));
            let (id, method) = (Id::Number(number), request.method);
            desk.hear(Message::Request(Request { id, method, params }));
        }
        Ok(())
    }

    /// What is asked, in the words of the client's revision.
    fn question(&self, request: &InputRequest, desk: &mut Desk) -> Option<Json> {
        let mut params = request.params.as_ref()?.object()?;
        if request.method == "elicitation/create" {
            let mode = params.get("mode").and_then(Json::as_text);
            match mode.as_deref() {
                // 2025-11-25 wants a name for it, 2026-07-28 has none.
                Some("url") => {
                    let name = format!("bridge-{}", desk.number());
                    params.set("elicitationId", Json::string(&name));
                }
                Some("form") if self.revision < Revision::V2025_11_25 => {
                    params.remove("mode");
                }
                _ => {}
            }
        }
        Some(params.to_json())
    }

    /// A notification of the server.
    fn heard(&mut self, said: Notification, desk: &mut Desk) {
        match said.method.as_str() {
            "notifications/progress" | "notifications/message" => {
                desk.hear(Message::Notification(said));
            }
            _ => self.stream.heard(said, &self.meta, desk),
        }
    }
}

/// Whether a call may be left open like this.
fn judge(call: &Call, asked: &InputRequired) -> Result<(), Decision> {
    let capped = |why: &str| Err(Decision::deny(INPUT_REQUESTS_CAPPED, why));
    if call.rounds > ROUNDS {
        return capped("the server left the call open too often");
    }
    if call.idle > IDLE {
        return capped("the server sends the client in circles");
    }
    if asked.requests.len() > QUESTIONS {
        return capped("the server asks too much at once");
    }
    if asked.state.as_ref().is_some_and(|state| state.len() > LONGEST) {
        return capped("the state is too long");
    }
    let known =
        |request: &InputRequest| input_request(Revision::V2026_07_28, &request.method).is_some();
    if !asked.requests.iter().all(known) {
        return Err(Decision::deny(METHOD_KNOWN, "an input request that nobody knows"));
    }
    Ok(())
}

/// The answer to `initialize` that a discovery amounts to.
fn greeting(revision: Revision, discovered: &Json) -> Json {
    let members = discovered.object().unwrap_or_default();
    let read = Discovered::read(discovered).ok();
    let info = members.get("_meta").and_then(Json::object);
    let info = info.and_then(|meta| meta.get(SERVER_INFO).cloned());
    let named = info.filter(|info| {
        let info = info.object().unwrap_or_default();
        ["name", "version"].iter().all(|it| info.get(it).and_then(Json::as_text).is_some())
    });
    let unnamed = || Json::from_value(&json!({"name": "unnamed", "version": "0"}));
    let mut result = Object::new();
    result.set("protocolVersion", Json::string(revision.as_str()));
    let declared = read.as_ref().map_or_else(|| json!({}), |read| read.capabilities.clone());
    result.set("capabilities", words::legacy_server(&declared));
    result.set("serverInfo", named.unwrap_or_else(unnamed));
    if let Some(instructions) = read.and_then(|read| read.instructions) {
        result.set("instructions", Json::string(&instructions));
    }
    result.to_json()
}
