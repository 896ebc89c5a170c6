//! Sending a request on: its id and token re-minted, its declaration clamped.

use std::time::Instant;

use portcullis_journal::{Event, Record};
use portcullis_policy::{Answer, Decision};
use portcullis_wire::view::lifecycle::{CLIENT_CAPABILITIES, Meta, PROGRESS_TOKEN};
use portcullis_wire::{Era, Id, Json, Message, Object, Peer, Request, canonical};
use serde_json::Value;

use crate::Session;
use crate::call::Call;
use crate::carried::cut_meta;
use crate::carries::Carries;
use crate::control::policy_obeyed::{self, Owed};
use crate::control::{extensions_agreed, subcapabilities_declared, trace_context_checked};
use crate::correlate::{InFlight, Purpose, never};
use crate::handshake::offered;
use crate::state::Phase;

impl Session {
    /// Forwards a client's request that nothing asks about.
    pub(crate) fn send_request(
        &mut self,
        request: Request,
        purpose: Purpose,
        decision: Decision,
        now: Instant,
    ) {
        let mut record = self.about(Event::Intent, &request);
        record.decision = decision;
        self.send_reviewed(&request, purpose, record, None, now);
    }

    /// Forwards a client's request behind its record.
    pub(crate) fn send_recorded(
        &mut self,
        request: &Request,
        purpose: Purpose,
        mut record: Record,
        answer: Option<Answer>,
        now: Instant,
    ) {
        if let (Purpose::ToolCall, Some(tool)) = (&purpose, &record.tool) {
            self.lists.called(tool);
        }
        let minted = self.to_server.mint();
        let meta = Meta::read(request.params.as_ref()).unwrap_or_default();
        self.next_call += 1;
        record.call = Some(self.next_call);
        let (params, cut) = self.outgoing(request, &purpose, &meta, minted, answer);
        record.decision = record.decision.and(cut);
        self.remember(request, params.as_ref());
        let mut carries = self.carry(request, now);
        carries.brings = self.brings(request);
        if let Some(said) = &meta.client_capabilities {
            carries.declared = subcapabilities_declared::declared(said);
        }
        // Since 2026-07-28 a task tells of its progress only by itself (SEP-2663).
        let outlives = carries.may_task && self.phase.era() == Era::Legacy;
        carries.minted = outlives.then_some(minted);
        let row = self.row(request, purpose, &meta, record.tool.clone(), now);
        let row = InFlight { carries, ..row };
        let row = policy_obeyed::owed(row, &record.decision, now);
        self.to_server.insert(minted, row);
        let message = Request { id: Id::Number(minted), method: request.method.clone(), params };
        self.forward(Peer::Server, Message::Request(message), record, answer);
    }

    fn row(
        &self,
        request: &Request,
        purpose: Purpose,
        meta: &Meta,
        subject: Option<String>,
        now: Instant,
    ) -> InFlight {
        let limits = &self.settings.limits;
        let (deadline, ceiling) = match purpose {
            Purpose::Listen => (never(now), never(now)),
            // It waits for as long as the task takes (2025-11-25, basic/utilities/tasks).
            _ if request.method == "tasks/result" => {
                (now + limits.call_ceiling, now + limits.call_ceiling)
            }
            _ => (now + limits.call_timeout, now + limits.call_ceiling),
        };
        InFlight {
            id: request.id.clone(),
            purpose,
            method: request.method.clone(),
            subject,
            call: self.next_call,
            token: meta.progress_token.clone(),
            progress: None,
            wants_logs: meta.log_level.is_some(),
            sent: now,
            deadline: deadline.min(ceiling),
            ceiling,
            carries: Carries::default(),
            owed: Owed::default(),
        }
    }

    /// The parameters as the server gets them; every other byte stays.
    fn outgoing(
        &mut self,
        request: &Request,
        purpose: &Purpose,
        meta: &Meta,
        minted: i64,
        answer: Option<Answer>,
    ) -> (Option<Json>, Decision) {
        let Some(mut params) = request.params.as_ref().and_then(Json::object) else {
            return (None, Decision::default());
        };
        if *purpose == Purpose::Initialize {
            self.clamp_initialize(&mut params);
        }
        let mut cut = self.clamp_responses(request, &mut params);
        cut = cut.and(self.restore(request, &mut params));
        let may_task = self.may_task(request);
        if *purpose == Purpose::ToolCall {
            cut = cut.and(self.cut_call(&mut params, may_task));
        }
        if let Some(mut inner) = params.get("_meta").and_then(Json::object) {
            cut = cut.and(trace_context_checked::clean(&mut inner));
            if answer.is_some() {
                cut = cut.and(cut_meta(&mut inner));
            }
            if meta.progress_token.is_some() {
                inner.set(PROGRESS_TOKEN, Id::Number(minted).to_json());
            }
            if let Some(mut clamped) = self.clamped(meta) {
                if *purpose == Purpose::ToolCall && !may_task {
                    cut = cut.and(extensions_agreed::without_tasks(&mut clamped));
                }
                inner.set(CLIENT_CAPABILITIES, Json::from_value(&clamped));
            }
            params.set("_meta", inner.to_json());
        }
        (Some(params.to_json()), cut)
    }

    /// The client's declaration without what we do not let through, and a
    /// revision that we can judge.
    fn clamp_initialize(&self, params: &mut Object) {
        let Phase::Shaking(shaking) = &self.phase else { return };
        params.set("capabilities", Json::from_value(&shaking.client));
        let asked = params.get("protocolVersion").and_then(Json::as_text).unwrap_or_default();
        params.set("protocolVersion", Json::string(offered(&asked).as_str()));
    }

    /// A record about a tool call that was taken apart already.
    pub(crate) fn about_call(&self, event: Event, call: &Call) -> Record {
        let mut record = self.heard(event, Peer::Client);
        record.method = Some(crate::client::visible_method(&call.request.method));
        record.request = Some(call.request.id.to_string());
        record.tool = Some(shown(&call.tool));
        record.policy = Some(self.settings.policy.as_str().to_owned());
        if call.given {
            record.arguments = Some(self.settings.redactor.arguments(&call.value));
            record.arguments_digest = Some(self.settings.redactor.digest(&call.canonical));
        }
        record
    }

    /// A record about a client's request: method, subject, redacted arguments.
    pub(crate) fn about(&self, event: Event, request: &Request) -> Record {
        let mut record = self.heard(event, Peer::Client);
        record.method = Some(crate::client::visible_method(&request.method));
        record.request = Some(request.id.to_string());
        let params = request.params.as_ref().and_then(Json::object).unwrap_or_default();
        record.tool = subject(&params).or_else(|| self.tool_of_task(request));
        record.policy = Some(self.settings.policy.as_str().to_owned());
        let arguments = match request.method.as_str() {
            "tools/call" | "prompts/get" => params.get("arguments").cloned(),
            "initialize" | "server/discover" | "ping" => None,
            _ => without_meta(&params),
        };
        if let Some(arguments) = arguments {
            record.arguments = Some(self.settings.redactor.arguments(&arguments.value()));
            record.arguments_digest = Some(self.settings.redactor.digest(&canonical(&arguments)));
        }
        record
    }
}

/// What a request is about, in a few characters.
fn subject(params: &Object) -> Option<String> {
    let name = params.get("name").or_else(|| params.get("uri")).and_then(Json::as_text)?;
    Some(shown(&name))
}

/// A name as a record may hold it.
fn shown(name: &str) -> String {
    let bounded: String = name.chars().take(256).collect();
    portcullis_guard::text::visible(&portcullis_guard::secret::redact(&bounded))
}

fn without_meta(params: &Object) -> Option<Json> {
    let mut params = params.clone();
    params.remove("_meta");
    (!params.is_empty()).then(|| params.to_json())
}

/// Reads arguments for judging: an absent `arguments` is an empty object.
pub(crate) fn arguments_value(arguments: Option<&Json>) -> Value {
    arguments.map_or_else(|| Value::Object(serde_json::Map::new()), Json::value)
}
