//! What the client says: requests, notifications, and answers to the server.

use std::time::Instant;

use portcullis_catalog::control::{
    ANSWERED_ONCE, CAPABILITY_DECLARED, CONCURRENCY_CAPPED, DIRECTION_CHECKED, HEADERS_ANNOTATED,
    METHOD_KNOWN, PROGRESS_LIVE,
};
use portcullis_journal::{Direction, Event, Record};
use portcullis_policy::{Decision, Effect};
use portcullis_wire::method::METHODS;
use portcullis_wire::view::completion::Completion;
use portcullis_wire::view::input_request::InputResponses;
use portcullis_wire::view::lifecycle::Meta;
use portcullis_wire::view::notification::{Cancelled, Progress};
use portcullis_wire::view::tool::ToolCall;
use portcullis_wire::view::{mirrored, prompt::PromptGet, resource};
use portcullis_wire::{
    Id, Json, Kind, Message, Method, Notification, Peer, Request, Response, RpcError, method,
};

use serde_json::Value;

use crate::Session;
use crate::answer::HEADER_MISMATCH;
use crate::control::capability_declared;
use crate::correlate::Purpose;
use crate::fetch::Wanted;
use crate::handshake::Gate;
use crate::listing::Lookup;
use crate::pin::Section;
use crate::rewrite::arguments_value;
use crate::settle::{Answered, Refusal};
use crate::state::Phase;
use crate::without::Layer;

impl Session {
    /// A request: it gets exactly one answer, from here or from the server.
    pub(crate) fn client_request(&mut self, request: Request, now: Instant) {
        if self.open.len() >= self.settings.limits.in_flight {
            let why = format!("{} requests are open already", self.open.len());
            let decision = Decision::deny(CONCURRENCY_CAPPED, why);
            return self.turn_away(&request, decision, -32603, "too many requests at once");
        }
        if !self.open.begin(&request.id) {
            let decision = Decision::deny(ANSWERED_ONCE, "the id is in use by an open request");
            return self.turn_away(&request, decision, -32600, "the request's id is in use");
        }
        self.route(request, now);
    }

    /// Answers a request that was never opened.
    fn turn_away(&mut self, request: &Request, decision: Decision, code: i64, message: &str) {
        self.open.unmirror(&request.id);
        let record = self.denied(request, decision);
        self.note(record);
        let response = Response::error(Some(request.id.clone()), code, message);
        self.reply(Peer::Client, Message::Response(response));
    }

    /// Judges an open request. Comes back here when something had to be fetched first.
    pub(crate) fn route(&mut self, request: Request, now: Instant) {
        if self.is_greeting_again() {
            return self.fetch_first(Wanted::Handshake, request, now);
        }
        match self.judge_request(&request, now) {
            Err(refusal) => self.refuse(&request, refusal),
            Ok(Gate::Back(serial)) => self.came_back(serial, &request, now),
            Ok(Gate::Fetch(wanted)) => self.fetch_first(wanted, request, now),
            Ok(Gate::Judged(purpose, decision)) => {
                self.send_request(request, purpose, decision, now);
            }
            Ok(Gate::Pass(Purpose::ToolCall)) => self.begin_call(request, now),
            Ok(Gate::Pass(purpose)) => {
                let rewritten = match purpose {
                    Purpose::Initialize => self.opening(&request),
                    _ => Decision::default(),
                };
                self.send_request(request, purpose, rewritten, now);
            }
        }
    }

    /// Everything that is judged of a request before its method's own matters.
    fn judge_request(&mut self, request: &Request, now: Instant) -> Result<Gate, Refusal> {
        let meta = Meta::read(request.params.as_ref()).map_err(|misfit| {
            let decision = Decision::deny(METHOD_KNOWN, misfit.to_string());
            Refusal::error(decision, -32602, &misfit.to_string())
        })?;
        if let Some(purpose) = self.handshake(request, &meta)? {
            return Ok(Gate::Pass(purpose));
        }
        let row = self.known(Kind::Request, &request.method)?;
        if self.must_discover(row) {
            return Ok(Gate::Fetch(Wanted::Capabilities));
        }
        self.declared(row)?;
        self.declared_here(row, request)?;
        self.shaped(row, request)?;
        self.mirrored(request)?;
        if let Some(serial) = self.comes_back(request)? {
            return Ok(Gate::Back(serial));
        }
        let gate = self.judge_params(request)?;
        Ok(gate.and(self.judge_lists(request, now)?))
    }

    /// The method's row in the table of the session's revision.
    fn known(&self, kind: Kind, name: &str) -> Result<&'static Method, Refusal> {
        let row =
            self.phase.revision().and_then(|revision| method(revision, Peer::Client, kind, name));
        row.ok_or_else(|| Refusal::error(unknown(Peer::Client, name), -32601, "method not found"))
    }

    /// Headers of a call say what its arguments say (2026-07-28, Streamable HTTP, Custom Headers):
    /// whoever only reads those must not be told anything else. They grant nothing here.
    fn mirrored(&self, request: &Request) -> Result<(), Refusal> {
        let Some(said) = self.open.mirrored(&request.id) else { return Ok(()) };
        if request.method != "tools/call" {
            return Ok(());
        }
        let Ok(call) = ToolCall::read(request.params.as_ref()) else { return Ok(()) };
        // What is not known is listed first, and then this is asked again.
        let Lookup::Known(tool) = self.tools.find(&call.name) else { return Ok(()) };
        let arguments = arguments_value(call.arguments.as_ref());
        mirrored::agree(&tool.input, &arguments, said).map_err(|header| {
            let why = format!("the header Mcp-Param-{header} and the body do not agree");
            Refusal::error(Decision::deny(HEADERS_ANNOTATED, why.clone()), HEADER_MISMATCH, &why)
        })
    }

    /// Both sides declared what the method needs.
    fn declared(&self, row: &Method) -> Result<(), Refusal> {
        let (client, server) = (self.phase.client_capabilities(), self.phase.server_capabilities());
        let decision = capability_declared::judge(row, client, server);
        if decision.names(CAPABILITY_DECLARED) {
            return Err(Refusal::error(decision, -32601, "method not found"));
        }
        Ok(())
    }

    /// What single methods carry, and where they go on.
    fn judge_params(&self, request: &Request) -> Result<Gate, Refusal> {
        let params = request.params.as_ref();
        // What cannot be read cannot be cut to the ceiling on its way.
        InputResponses::read(params).map_err(misfit)?;
        match request.method.as_str() {
            "tools/call" => Ok(Gate::Pass(Purpose::ToolCall)),
            "tools/list" => Ok(Gate::Pass(Purpose::ToolsList)),
            "server/discover" => Ok(Gate::Pass(Purpose::Discover)),
            "subscriptions/listen" => Ok(Gate::Pass(Purpose::Listen)),
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
                let uri = resource::uri(params).map_err(misfit)?;
                let decision = self.settings.contained_uri(&uri);
                // The same words as for a resource that does not exist (MCP-RES-03).
                let code = if let Phase::Modern(_) = self.phase { -32602 } else { -32002 };
                self.contained(decision, code, "resource not found")
            }
            "prompts/get" => {
                let asked = PromptGet::read(params).map_err(misfit)?;
                let arguments = arguments_value(asked.arguments.as_ref());
                let declared = self.prompts.judge(&asked.name, &arguments);
                let declared = self.settings.opinion(Layer::Schema, declared);
                let decision = self.settings.contained(&arguments, &Value::Null);
                let pinned = self.judge_pin(Section::Prompt, &asked.name);
                self.contained(
                    decision.and(declared).and(pinned),
                    -32602,
                    "the arguments are not permitted",
                )
            }
            "completion/complete" => {
                let Completion { argument, context, .. } =
                    Completion::read(params).map_err(misfit)?;
                let judge =
                    |arguments: &Json| self.settings.contained(&arguments.value(), &Value::Null);
                let context = context.as_ref().map(judge).unwrap_or_default();
                let decision = judge(&argument).and(context);
                self.contained(decision, -32602, "the arguments are not permitted")
            }
            _ => Ok(Gate::Pass(Purpose::Plain)),
        }
    }

    /// A request passes unless it names a place outside the roots.
    fn contained(&self, decision: Decision, code: i64, message: &str) -> Result<Gate, Refusal> {
        let decision = self.policy(decision);
        match decision.effect {
            Effect::Deny => Err(Refusal::error(decision, code, message)),
            _ => Ok(Gate::Judged(Purpose::Plain, decision)),
        }
    }

    /// A notification is never answered; what may not pass is dropped and recorded.
    pub(crate) fn client_notification(&mut self, said: Notification, now: Instant) {
        if said.method == "notifications/initialized" {
            return self.client_confirms(said, now);
        }
        let row = match self.known(Kind::Notification, &said.method) {
            Ok(row) => row,
            Err(refusal) => return self.drop_said(Peer::Client, &said, refusal.decision),
        };
        let judged = self.declared(row).map_err(|refusal| refusal.decision);
        if let Err(why) = judged.and_then(|()| self.has_shape(row, said.params.as_ref())) {
            return self.drop_said(Peer::Client, &said, why);
        }
        match said.method.as_str() {
            "notifications/cancelled" => self.client_cancels(&said, now),
            "notifications/progress" => self.client_progress(&said),
            "notifications/roots/list_changed" => self.host_roots_changed(now),
            _ => self.pass_on(Peer::Client, said),
        }
    }

    /// The client takes a request back, wherever it is.
    fn client_cancels(&mut self, said: &Notification, now: Instant) {
        let id = Cancelled::read(said.params.as_ref()).ok().and_then(|said| said.request_id);
        let Some(id) = id else {
            return self.drop_said(
                Peer::Client,
                said,
                Decision::deny(ANSWERED_ONCE, "names no request"),
            );
        };
        if let Some(minted) = self.to_server.minted(&id) {
            return self.cancel_in_flight(said, &id, minted, now);
        }
        if self.forget_question(&id) || self.forget_waiting(&id) {
            self.open.end(&id);
            self.unwait(Peer::Client, &id);
            return;
        }
        let decision = Decision::deny(ANSWERED_ONCE, "names a request that is not open");
        self.drop_said(Peer::Client, said, decision);
    }

    fn cancel_in_flight(&mut self, said: &Notification, id: &Id, minted: i64, now: Instant) {
        let Some(row) = self.to_server.take(&Id::Number(minted)) else { return };
        if row.purpose == Purpose::Initialize {
            // `initialize` cannot be cancelled (basic/utilities/cancellation).
            self.to_server.insert(minted, row);
            let decision = Decision::deny(METHOD_KNOWN, "`initialize` cannot be cancelled");
            return self.drop_said(Peer::Client, said, decision);
        }
        self.open.end(id);
        self.unwait(Peer::Client, id);
        let mut record = self.ended(&row, portcullis_journal::Outcome::Cancelled, now);
        record.decision = Decision::default();
        let mut params = said.params.as_ref().and_then(Json::object).unwrap_or_default();
        params.set("requestId", Id::Number(minted).to_json());
        let said = Notification { method: said.method.clone(), params: Some(params.to_json()) };
        self.forward(Peer::Server, Message::Notification(said), record, None);
    }

    /// The client reports progress of a request that the server made.
    fn client_progress(&mut self, said: &Notification) {
        let progress = Progress::read(said.params.as_ref()).ok();
        let row = progress.as_ref().and_then(|progress| match progress.token {
            Id::Number(number) => self.to_client.get_mut(number),
            Id::Text(_) => None,
        });
        let token = row.and_then(|row| row.token.clone());
        match token {
            Some(token) => {
                let said = with_token(said, &token);
                self.pass_on(Peer::Client, said);
            }
            None => {
                let decision = Decision::deny(PROGRESS_LIVE, "names no live request");
                self.drop_said(Peer::Client, said, decision);
            }
        }
    }

    /// The client answers something the server asked through us.
    pub(crate) fn client_response(&mut self, response: Response, now: Instant) {
        if self.host_answers(&response, now) {
            return;
        }
        let row = response.id.as_ref().and_then(|id| self.to_client.take(id));
        let Some(row) = row else {
            return self.drop_answer(Peer::Client, now);
        };
        if row.purpose.is_ours() {
            return self.host_roots_answered(&row, Some(response.outcome), now);
        }
        self.answer_server(row, response.outcome, now);
    }

    /// Records something that was dropped without an answer.
    pub(crate) fn drop_said(&mut self, from: Peer, said: &Notification, decision: Decision) {
        let mut record = self.heard(Event::Dropped, from);
        record.method = Some(visible_method(&said.method));
        record.decision = decision;
        self.note(record);
    }

    /// Drops an answer that nobody waits for.
    pub(crate) fn drop_answer(&mut self, from: Peer, now: Instant) {
        if self.is_tolerable(from, now) {
            let mut record = self.heard(Event::Dropped, from);
            let why = "answers a request that is not open";
            record.decision = Decision::deny(ANSWERED_ONCE, why);
            self.note(record);
        }
    }

    /// Forwards a notification, recorded.
    pub(crate) fn pass_on(&mut self, from: Peer, said: Notification) {
        let Some((said, decision)) = self.inspect_said(from, said) else { return };
        let mut record = self.heard(Event::Intent, from);
        record.method = Some(said.method.clone());
        record.decision = decision;
        self.forward(from.other(), Message::Notification(said), record, None);
    }

    /// A record with a direction.
    pub(crate) fn heard(&self, event: Event, from: Peer) -> Record {
        let mut record = self.record(event);
        record.direction = Some(match from {
            Peer::Client => Direction::ClientToServer,
            Peer::Server => Direction::ServerToClient,
        });
        record
    }
}

/// The denial of a method that the revision does not have from this peer.
pub(crate) fn unknown(from: Peer, name: &str) -> Decision {
    let (who, other) = match from {
        Peer::Client => ("client", "server"),
        Peer::Server => ("server", "client"),
    };
    let shown = visible_method(name);
    if METHODS.iter().any(|row| row.name == name && row.from == from.other()) {
        let why = format!("`{shown}` comes from a {other}, not from a {who}");
        return Decision::deny(DIRECTION_CHECKED, why);
    }
    Decision::deny(METHOD_KNOWN, format!("the revision has no `{shown}` from a {who}"))
}

/// Method names are text from a peer: bounded before they are written anywhere.
pub(crate) fn visible_method(name: &str) -> String {
    portcullis_guard::text::visible(&name.chars().take(128).collect::<String>())
}

/// The same progress, under the asker's own token.
pub(crate) fn with_token(said: &Notification, token: &Id) -> Notification {
    let mut params = said.params.as_ref().and_then(Json::object).unwrap_or_default();
    params.set("progressToken", token.to_json());
    Notification { method: said.method.clone(), params: Some(params.to_json()) }
}

/// Parameters that do not have the method's shape.
pub(crate) fn misfit(misfit: portcullis_wire::view::Misfit) -> Refusal {
    let decision = Decision::deny(METHOD_KNOWN, misfit.to_string());
    let error = RpcError { code: -32602, message: misfit.to_string(), data: None };
    Refusal { decision, answer: Answered::Error(error) }
}
