//! What the server says unasked: its own requests, and notifications.

use std::time::Instant;

use portcullis_catalog::control::{
    ANSWERED_ONCE, CONCURRENCY_CAPPED, DIRECTION_CHECKED, ELICITATION_LINKS_LISTED,
    LIFECYCLE_FIRST, LOGS_REDACTED, PROGRESS_LIVE, SHAPE_CHECKED, SUBCAPABILITIES_DECLARED,
};
use portcullis_journal::Event;
use portcullis_policy::{Decision, Effect};
use portcullis_wire::view::notification::{Cancelled, LogMessage, Progress};
use portcullis_wire::{
    Era, Id, Json, Kind, Message, Method, Notification, Outcome, Peer, Request, Response, RpcError,
    method,
};

use crate::Session;
use crate::client::{unknown, visible_method, with_token};
use crate::control::rates_kept::Verdict;
use crate::control::{capability_declared, input_requests_refused, logs_redacted};
use crate::correlate::InFlight;
use crate::input::matter;
use crate::output::Output;
use crate::state::Phase;
use crate::without::Layer;

impl Session {
    /// A request from the server: legacy only, and declared only. What it asks of the
    /// model or the person is judged in `input.rs`.
    pub(crate) fn server_request(&mut self, request: Request, now: Instant) {
        let decision = self.judge_server_request(&request, now);
        let (request, seen) = self.inspect_asked(request);
        let decision = decision.and(seen);
        if decision.effect == Effect::Deny {
            return self.refuse_server(&request, decision, now);
        }
        if self.answer_roots(&request) {
            return;
        }
        let inquiry = self.inquire(&request.method, request.params.as_ref());
        let request = Request { params: inquiry.params, ..request };
        let mut decision = decision.and(inquiry.decision);
        if decision.effect < Effect::Deny {
            let before = self.asked_by_calls(&request.method);
            decision = decision.and(self.spend_question(&request.method, before, now));
        }
        match decision.effect {
            Effect::Deny => self.refuse_server(&request, decision, now),
            Effect::Ask => self.park_request(request, decision),
            Effect::Allow => self.ask_host(request, decision, None, now),
        }
    }

    fn judge_server_request(&mut self, request: &Request, now: Instant) -> Decision {
        if self.phase.era() == Era::Modern {
            return Decision::deny(DIRECTION_CHECKED, "a modern server writes no requests");
        }
        if self.to_client.len() >= self.settings.limits.in_flight {
            let why = "too many requests of the server are open";
            return Decision::deny(CONCURRENCY_CAPPED, why);
        }
        if self.errands.spend(now).is_err() {
            let why = "too many requests of the server in too short a time";
            return Decision::deny(CONCURRENCY_CAPPED, why);
        }
        let Some(row) = self.server_method(Kind::Request, &request.method) else {
            return unknown(Peer::Server, &request.method);
        };
        if row.name != "ping" && !matches!(self.phase, Phase::Legacy(_)) {
            let why = format!("`{}` before the handshake is complete", row.name);
            return Decision::deny(LIFECYCLE_FIRST, why);
        }
        let refused = input_requests_refused::judge(&request.method, &self.settings.may_ask);
        if refused.effect == Effect::Deny {
            return refused.and(self.judge_parts(&request.method, request.params.as_ref()));
        }
        let declared = capability_declared::judge(
            row,
            self.phase.client_capabilities(),
            self.phase.server_capabilities(),
        );
        let parts = self.judge_parts(&request.method, request.params.as_ref());
        let declared = declared.and(parts);
        if declared.effect == Effect::Deny {
            return declared;
        }
        let shape = self.has_shape(row, request.params.as_ref()).err().unwrap_or_default();
        shape.and(self.belongs_to_a_request(&request.method))
    }

    /// What a server asks of the model or the person belongs to something that the client asked
    /// for, and is in progress (MCP-HTTP-19). Roots are asked for at any time: real servers do so
    /// right after the handshake.
    fn belongs_to_a_request(&self, method: &str) -> Decision {
        let is_one = |row: &InFlight| !row.purpose.is_ours() && row.method != "ping";
        if matter(method).is_none() || self.to_server.any(is_one) || self.tasks.open() > 0 {
            return Decision::default();
        }
        Decision::deny(DIRECTION_CHECKED, "a question while nothing of the client is in progress")
    }

    pub(crate) fn server_method(&self, kind: Kind, name: &str) -> Option<&'static Method> {
        method(self.phase.revision()?, Peer::Server, kind, name)
    }

    /// A modern pipe carries no answer from the client, so there it is dropped.
    pub(crate) fn refuse_server(&mut self, request: &Request, decision: Decision, now: Instant) {
        if !self.is_tolerable(Peer::Server, now) {
            return;
        }
        let modern = self.phase.era() == Era::Modern;
        let event = if modern { Event::Dropped } else { Event::Denied };
        let mut record = self.heard(event, Peer::Server);
        record.method = Some(visible_method(&request.method));
        record.decision = decision;
        let outcome = if record.decision.names(LIFECYCLE_FIRST) {
            failed(-32600, "the session is not initialized")
        } else if record.decision.names(CONCURRENCY_CAPPED) {
            failed(-32603, "too many requests at once")
        } else if record.decision.names(SHAPE_CHECKED) {
            failed(-32602, "the parameters do not fit the method")
        } else if record.decision.names(SUBCAPABILITIES_DECLARED) {
            failed(-32602, "the request needs a capability that was not declared")
        } else if self.server_method(Kind::Request, &request.method).is_none() {
            failed(-32601, "method not found")
        } else if record.decision.names(DIRECTION_CHECKED) {
            failed(-32602, "a question belongs to a request of the client that is in progress")
        } else {
            let claimed = self.phase.claimed_capabilities();
            input_requests_refused::answer(&request.method, claimed, &record.decision)
        };
        self.note(record);
        if modern {
            return;
        }
        let response = Response { id: Some(request.id.clone()), outcome };
        self.reply(Peer::Server, Message::Response(response));
    }

    /// A notification from the server: known, declared, live; or dropped.
    pub(crate) fn server_notification(&mut self, said: Notification, now: Instant) {
        match self.chatter.spend(now) {
            Verdict::Pass => {}
            // One record for a run of them: one each would let a server fill the disk.
            Verdict::Tell(why) => {
                let decision = Decision::deny(CONCURRENCY_CAPPED, why);
                return self.drop_said(Peer::Server, &said, decision);
            }
            Verdict::Hush => return,
        }
        let Some(row) = self.server_method(Kind::Notification, &said.method) else {
            return self.fault_said(&said, unknown(Peer::Server, &said.method), now);
        };
        let declared = capability_declared::judge(
            row,
            self.phase.client_capabilities(),
            self.phase.server_capabilities(),
        );
        if declared.effect == Effect::Deny {
            return self.fault_said(&said, declared, now);
        }
        if let Err(misfit) = self.has_shape(row, said.params.as_ref()) {
            return self.fault_said(&said, misfit, now);
        }
        self.lists.announce(&said.method);
        if said.method == "notifications/tools/list_changed" {
            self.tools.doubt();
        }
        if !self.is_within(&said, now) {
            return;
        }
        match said.method.as_str() {
            "notifications/progress" => self.server_progress(&said, now),
            "notifications/cancelled" => self.server_cancels(&said, now),
            "notifications/message" => self.server_logs(&said, now),
            "notifications/tasks/status" => self.tell_of_task(&said, now),
            "notifications/elicitation/complete" => self.link_followed(said),
            _ if self.phase.era() == Era::Legacy => self.tell_subscriber(said),
            _ => self.tell_stream(said, now),
        }
    }

    /// Drops what a server had no reason to say, which counts like a line that may not pass: a few
    /// are recorded.
    fn fault_said(&mut self, said: &Notification, decision: Decision, now: Instant) {
        if self.is_tolerable(Peer::Server, now) {
            self.drop_said(Peer::Server, said, decision);
        }
    }

    /// Progress of a live request, increasing, under the client's own token.
    fn server_progress(&mut self, said: &Notification, now: Instant) {
        let limits = self.settings.limits;
        let token = Progress::read(said.params.as_ref()).ok().and_then(|progress| {
            let Id::Number(number) = progress.token else { return None };
            let row = match self.to_server.get_mut(number) {
                Some(row) => row,
                None => self.tasks.at_work(number)?,
            };
            let token = row.token.clone()?;
            let increases = row.progress.is_none_or(|before| progress.progress > before);
            if !increases {
                return None;
            }
            row.progress = Some(progress.progress);
            row.extend(now, &limits);
            Some(token)
        });
        match token {
            Some(token) => {
                let said = with_token(said, &token);
                self.pass_on(Peer::Server, said);
            }
            None => {
                let why = "names no live request, or does not increase";
                self.fault_said(said, Decision::deny(PROGRESS_LIVE, why), now);
            }
        }
    }

    /// The server takes back a request of its own.
    fn server_cancels(&mut self, said: &Notification, now: Instant) {
        let cancelled = Cancelled::read(said.params.as_ref()).ok().and_then(|said| said.request_id);
        let minted = cancelled.as_ref().and_then(|id| self.to_client.minted(id));
        let Some(minted) = minted else {
            if let Some(id) = cancelled.filter(|id| self.forget_asked(id)) {
                return self.unwait(Peer::Server, &id);
            }
            let why = "names no request of the server that is open";
            return self.fault_said(said, Decision::deny(ANSWERED_ONCE, why), now);
        };
        if let Some(row) = self.to_client.take(&Id::Number(minted)) {
            self.unwait(Peer::Server, &row.id);
        }
        let mut params = said.params.as_ref().and_then(Json::object).unwrap_or_default();
        params.set("requestId", Id::Number(minted).to_json());
        let said = Notification { method: said.method.clone(), params: Some(params.to_json()) };
        self.pass_on(Peer::Server, said);
    }

    /// Log messages are redacted; modern ones need a request that asked for them.
    fn server_logs(&mut self, said: &Notification, now: Instant) {
        let Ok(message) = LogMessage::read(said.params.as_ref()) else {
            let decision = Decision::deny(LOGS_REDACTED, "the log message does not fit");
            return self.fault_said(said, decision, now);
        };
        let (mut clean, line) = logs_redacted::rewrite(said, &message);
        if self.settings.without.is(Layer::Inspection) {
            clean = said.clone();
        }
        self.outputs.push_back(Output::Log(line));
        if self.phase.era() == Era::Modern && !self.to_server.any(|row| row.wants_logs) {
            let decision = Decision::deny(LOGS_REDACTED, "no open request asked for log messages");
            return self.fault_said(said, decision, now);
        }
        self.pass_on(Peer::Server, clean);
    }

    /// What a server sent the person to is over: of use only to who was sent there.
    fn link_followed(&mut self, said: Notification) {
        let name = said.params.as_ref().and_then(Json::object);
        let name = name.and_then(|params| params.get("elicitationId")?.as_text());
        if name.is_some_and(|name| self.takes_link(&name)) {
            return self.pass_on(Peer::Server, said);
        }
        let why = "names nothing that a person was sent to";
        self.drop_said(Peer::Server, &said, Decision::deny(ELICITATION_LINKS_LISTED, why));
    }

    /// Answers the server when the client did not, or not as it must.
    pub(crate) fn server_waited(&mut self, row: InFlight, why: &str) {
        let outcome = failed(-32603, why);
        let response = Response { id: Some(row.id), outcome };
        self.reply(Peer::Server, Message::Response(response));
    }
}

fn failed(code: i64, message: &str) -> Outcome {
    Outcome::Error(RpcError { code, message: message.to_owned(), data: None })
}

/// The server's parameters under a token that we minted.
pub(crate) fn outgoing(request: &Request, minted: i64) -> Option<Json> {
    let mut params = request.params.as_ref()?.object()?;
    let meta = params.get("_meta").and_then(Json::object);
    if let Some(mut meta) = meta.filter(|meta| meta.get("progressToken").is_some()) {
        meta.set("progressToken", Id::Number(minted).to_json());
        params.set("_meta", meta.to_json());
    }
    Some(params.to_json())
}
