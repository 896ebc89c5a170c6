//! What comes back from the server: matched, judged, rewritten, recorded, sent.

use std::time::Instant;

use portcullis_catalog::control::{
    ELICITATION_REFUSED, METHOD_KNOWN, REVISION_AGREED, ROOTS_ANSWERED, SAMPLING_REFUSED,
};
use portcullis_journal::{Event, Outcome as Ended, Record};
use portcullis_policy::{Decision, Effect};
use portcullis_wire::view::input_request::{InputRequired, ResultType};
use portcullis_wire::view::lifecycle::{Discovered, Initialized};
use portcullis_wire::{Json, Message, Outcome, Peer, Response, Revision, RpcError, array};
use serde_json::Value;

use crate::Session;
use crate::control::capability_frozen::{clamp_server, cut, under};
use crate::control::{input_requests_refused, roots_answered};
use crate::correlate::{InFlight, Purpose};
use crate::handshake::shown_version;
use crate::output::Closing;
use crate::state::{Agreed, Phase};

/// "First send the person there" (2025-11-25, client/elicitation, URL mode).
const URL_ELICITATION: i64 = -32042;

impl Session {
    /// The server answers: only what is in flight can be answered, once.
    pub(crate) fn server_response(&mut self, response: Response, now: Instant) {
        let row = response.id.as_ref().and_then(|id| self.to_server.take(id));
        let Some(row) = row else {
            return self.drop_answer(Peer::Server, now);
        };
        if row.purpose.is_ours() {
            return self.fetched(&row, response.outcome, now);
        }
        match response.outcome {
            Outcome::Error(error) => self.server_error(&row, error, now),
            Outcome::Result(result) => self.server_result(&row, result, now),
        }
    }

    fn server_error(&mut self, row: &InFlight, error: RpcError, now: Instant) {
        if row.purpose == Purpose::Initialize {
            self.phase = Phase::Greeting;
        }
        if error.code == URL_ELICITATION {
            return self.refuse_result(
                row,
                input_requests_refused::judge("elicitation/create"),
                now,
            );
        }
        self.pass_back(row, Outcome::Error(error), Decision::default(), Ended::Error, now);
    }

    fn server_result(&mut self, row: &InFlight, result: Json, now: Instant) {
        if let Err(why) = self.judge_result_type(row, &result) {
            return self.refuse_result(row, why, now);
        }
        if self.asks(&result) {
            return self.input_required(row, result, now);
        }
        match row.purpose {
            Purpose::Initialize => self.initialized(row, &result, now),
            Purpose::Discover => self.discovered(row, &result, now),
            Purpose::ToolsList => self.listed(row, &result, now),
            Purpose::ToolCall => {
                let failed = result.object().is_some_and(|result| {
                    result.get("isError").is_some_and(|flag| flag.text() == "true")
                });
                let ended = if failed { Ended::ToolError } else { Ended::Ok };
                self.pass_back(row, Outcome::Result(result), Decision::default(), ended, now);
            }
            _ => self.pass_back(row, Outcome::Result(result), Decision::default(), Ended::Ok, now),
        }
    }

    /// On 2026-07-28 a result says what it is; anything unknown is invalid.
    fn judge_result_type(&mut self, row: &InFlight, result: &Json) -> Result<(), Decision> {
        let Phase::Modern(modern) = &mut self.phase else { return Ok(()) };
        match ResultType::read(result) {
            Ok(ResultType::Complete) => {
                modern.sure = true;
                Ok(())
            }
            Ok(ResultType::InputRequired) => {
                modern.sure = true;
                let may_ask = ["tools/call", "prompts/get", "resources/read"];
                if may_ask.contains(&row.method.as_str()) {
                    return Ok(());
                }
                Err(Decision::deny(METHOD_KNOWN, format!("`{}` cannot ask for input", row.method)))
            }
            Ok(ResultType::Task) => {
                Err(Decision::deny(METHOD_KNOWN, "a task, which nobody declared"))
            }
            Err(misfit) => Err(Decision::deny(METHOD_KNOWN, misfit.to_string())),
        }
    }

    /// A result asks when it says so, and when it brings questions all the same.
    fn asks(&self, result: &Json) -> bool {
        matches!(self.phase, Phase::Modern(_))
            && (ResultType::read(result) == Ok(ResultType::InputRequired)
                || result.object().is_some_and(|result| result.get("inputRequests").is_some()))
    }

    /// A result that asks: for roots it may, for the model or the person it may not yet.
    fn input_required(&mut self, row: &InFlight, result: Json, now: Instant) {
        let asked = match InputRequired::read(&result) {
            Ok(asked) => asked,
            Err(misfit) => {
                return self.refuse_result(
                    row,
                    Decision::deny(METHOD_KNOWN, misfit.to_string()),
                    now,
                );
            }
        };
        let mut decision = Decision::default();
        for request in &asked.requests {
            decision = decision.and(input_requests_refused::judge(&request.method));
            if request.method == "roots/list" && !self.client_declared_roots() {
                decision =
                    decision.and(Decision::deny(ROOTS_ANSWERED, "the client declared no roots"));
            } else if !["roots/list", "sampling/createMessage", "elicitation/create"]
                .contains(&request.method.as_str())
            {
                decision = decision
                    .and(Decision::deny(METHOD_KNOWN, "an input request that nobody knows"));
            }
        }
        if decision.effect == Effect::Deny {
            return self.refuse_result(row, decision, now);
        }
        self.pass_back(row, Outcome::Result(result), decision, Ended::Ok, now);
    }

    fn client_declared_roots(&self) -> bool {
        self.phase.client_capabilities().is_some_and(|declared| declared.get("roots").is_some())
    }

    /// The server's answer does not go on; the client gets one of ours.
    fn refuse_result(&mut self, row: &InFlight, decision: Decision, now: Instant) {
        let asks = [SAMPLING_REFUSED, ELICITATION_REFUSED, ROOTS_ANSWERED]
            .into_iter()
            .any(|control| decision.names(control));
        let sentence = if asks {
            "not permitted: the server asked for input that is not available here"
        } else {
            "the server's answer was not valid and was withheld"
        };
        let mut record = self.ended(row, Ended::Refused, now);
        record.decision = decision;
        self.note(record);
        self.fail_client(row, sentence);
    }

    /// The legacy handshake ends: the revision is agreed, both sides are frozen.
    fn initialized(&mut self, row: &InFlight, result: &Json, now: Instant) {
        let Phase::Shaking(shaking) = std::mem::replace(&mut self.phase, Phase::Greeting) else {
            return self.refuse_result(
                row,
                Decision::deny(METHOD_KNOWN, "no handshake is under way"),
                now,
            );
        };
        let Ok(answer) = Initialized::read(result) else {
            return self.refuse_result(
                row,
                Decision::deny(METHOD_KNOWN, "the handshake does not fit"),
                now,
            );
        };
        let revision = Revision::parse(&answer.protocol_version);
        let Some(revision) = revision.filter(|revision| *revision <= Revision::latest_legacy())
        else {
            let why = format!("the server speaks `{}`", shown_version(&answer.protocol_version));
            self.refuse_result(row, Decision::deny(REVISION_AGREED, why), now);
            return self.close(Closing::RevisionUnknown, now);
        };
        let server = clamp_server(&answer.capabilities);
        let decision = cut(&answer.capabilities, &server, "the server");
        let result = with_capabilities(result, &server);
        let (client, claimed) = (shaking.client, shaking.claimed);
        self.phase = Phase::Shaken(Agreed { revision, client, claimed, server });
        self.pass_back(row, Outcome::Result(result), decision, Ended::Ok, now);
    }

    /// The modern capability question of the client: the first answer is the ceiling.
    fn discovered(&mut self, row: &InFlight, result: &Json, now: Instant) {
        let Ok(answer) = Discovered::read(result) else {
            return self.refuse_result(
                row,
                Decision::deny(METHOD_KNOWN, "the discovery does not fit"),
                now,
            );
        };
        let declared = clamp_server(&answer.capabilities);
        let Phase::Modern(modern) = &mut self.phase else {
            let decision = Decision::deny(METHOD_KNOWN, "a discovery in a legacy session");
            return self.refuse_result(row, decision, now);
        };
        let ceiling = modern.server.get_or_insert_with(|| declared.clone());
        let (server, grown) = under(ceiling, &declared);
        if !grown.is_empty() {
            self.note_growth("server", &grown);
        }
        let decision = cut(&answer.capabilities, &server, "the server");
        let judged =
            answer.supported_versions.iter().filter(|version| Revision::parse(version).is_some());
        let versions: Vec<Json> = judged.map(|version| Json::string(version)).collect();
        let mut members = with_capabilities(result, &server).object().unwrap_or_default();
        members.set("supportedVersions", array(&versions));
        self.pass_back(row, Outcome::Result(members.to_json()), decision, Ended::Ok, now);
    }

    /// A page of tools for the host.
    fn listed(&mut self, row: &InFlight, result: &Json, now: Instant) {
        let Some(page) = self.read_listing(result) else {
            return self.refuse_result(
                row,
                Decision::deny(METHOD_KNOWN, "the list does not fit"),
                now,
            );
        };
        self.pass_back(row, Outcome::Result(page.result), page.decision, Ended::Ok, now);
    }

    /// Records the outcome and sends the answer to whoever asked, under their id.
    fn pass_back(
        &mut self,
        row: &InFlight,
        outcome: Outcome,
        decision: Decision,
        ended: Ended,
        now: Instant,
    ) {
        let mut record = self.ended(row, ended, now);
        record.decision = decision;
        if !self.open.end(&row.id) {
            return self.note(record);
        }
        let response = Response { id: Some(row.id.clone()), outcome };
        self.forward(Peer::Client, Message::Response(response), record, None);
    }

    /// The record of a request's end.
    pub(crate) fn ended(&self, row: &InFlight, ended: Ended, now: Instant) -> Record {
        let mut record = self.heard(Event::Outcome, Peer::Server);
        record.method = Some(row.method.clone());
        record.tool.clone_from(&row.subject);
        record.call = Some(row.call);
        record.outcome = Some(ended);
        let took = now.saturating_duration_since(row.sent).as_micros();
        record.duration_us = Some(u64::try_from(took).unwrap_or(u64::MAX));
        record
    }

    /// The client's answer to something the server asked, cut to the ceiling.
    pub(crate) fn answer_server(&mut self, row: InFlight, outcome: Outcome, now: Instant) {
        let mut record = self.ended(&row, Ended::Ok, now);
        record.direction = Some(portcullis_journal::Direction::ClientToServer);
        let outcome = match outcome {
            Outcome::Result(result) if row.purpose == Purpose::RootsList => {
                let (roots, decision) = roots_answered::rewrite(&result, &self.settings.roots);
                record.decision = decision;
                Outcome::Result(roots)
            }
            Outcome::Error(error) => {
                record.outcome = Some(Ended::Error);
                Outcome::Error(error)
            }
            result @ Outcome::Result(_) => result,
        };
        let response = Response { id: Some(row.id), outcome };
        self.forward(Peer::Server, Message::Response(response), record, None);
    }
}

fn with_capabilities(result: &Json, capabilities: &Value) -> Json {
    let mut members = result.object().unwrap_or_default();
    members.set("capabilities", Json::from_value(capabilities));
    members.to_json()
}
