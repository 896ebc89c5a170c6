//! What comes back from the server: matched, judged, rewritten, recorded, sent.

use std::borrow::Cow;
use std::time::Instant;

use portcullis_catalog::control::{
    ELICITATION_JUDGED, ELICITATION_LINKS_LISTED, ELICITATION_REFUSED, EXTENSIONS_AGREED,
    INPUT_REQUESTS_CAPPED, METHOD_KNOWN, REQUESTS_INDEPENDENT, RESULTS_INSPECTED, REVISION_AGREED,
    REVISION_PINNED, ROOTS_ANSWERED, SAMPLING_BOUNDED, SAMPLING_REFUSED, SAMPLING_REVIEWED,
    SHAPE_CHECKED, STRUCTURED_RESULTS_MATCH, SUBCAPABILITIES_DECLARED, TASKS_OWNED,
};
use portcullis_journal::{Event, Outcome as Ended, Record};
use portcullis_policy::{Decision, Effect};
use portcullis_wire::view::input_request::{InputRequired, ResultType};
use portcullis_wire::view::lifecycle::{Discovered, Initialized, SUBSCRIPTION_ID};
use portcullis_wire::{Json, Message, Outcome, Peer, Response, Revision, RpcError, array};
use serde_json::{Value, json};

use crate::Session;
use crate::carries::About;
use crate::control::capability_frozen::{clamp_server, cut, under};
use crate::control::codes_translated;
use crate::control::extensions_agreed::both;
use crate::control::policy_obeyed;
use crate::correlate::{InFlight, Purpose};
use crate::handshake::shown_version;
use crate::input::{PERSON, written};
use crate::output::Closing;
use crate::revise::Revised;
use crate::state::{Agreed, Phase};
use crate::waiting::Part;

/// "First send the person there" (2025-11-25, client/elicitation, URL mode).
const URL_ELICITATION: i64 = -32042;
/// "The headers and the body do not agree" (2026-07-28, Streamable HTTP).
pub(crate) const HEADER_MISMATCH: i64 = -32020;

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
        let row = match self.answered_call(&row) {
            Ok(row) => row,
            Err(why) => return self.refuse_result(&row, why, now),
        };
        if let Some(late) = &row.carries.late {
            self.tasks.settle(&late.task);
        }
        match response.outcome {
            Outcome::Error(error) => self.server_error(&row, error, now),
            Outcome::Result(result) => self.server_result(&row, result, now),
        }
    }

    /// The request whose answer it is: what a task ends with answers the call that began
    /// it, and when that is forgotten nothing can judge it.
    fn answered_call<'a>(&self, row: &'a InFlight) -> Result<Cow<'a, InFlight>, Decision> {
        if row.method != "tasks/result" {
            return Ok(Cow::Borrowed(row));
        }
        let task = row.carries.task.as_ref().and_then(About::one);
        let late = task.and_then(|task| self.late(row, task)).map(Cow::Owned);
        late.ok_or_else(|| Decision::deny(TASKS_OWNED, "the task is forgotten"))
    }

    fn server_error(&mut self, row: &InFlight, mut error: RpcError, now: Instant) {
        if row.purpose == Purpose::Initialize {
            self.phase = Phase::Greeting;
        }
        if error.code == URL_ELICITATION {
            // Whoever wants to send the person somewhere asks in a way that can be judged.
            let link = Json::from_value(&json!({"mode": "url"}));
            let undeclared = self.judge_parts(PERSON, Some(&link));
            let why = "the server asked the person for input";
            let decision = Decision::deny(ELICITATION_REFUSED, why).and(undeclared);
            return self.refuse_result(row, decision, now);
        }
        if row.purpose == Purpose::ToolCall && error.code == HEADER_MISMATCH {
            // Our headers are of a definition that is no longer in force: the next call lists first.
            self.tools.doubt();
        }
        let (code, decision) = codes_translated::translate(error.code, self.phase.era());
        error.code = code;
        let error = self.uniform(row, error);
        self.subscription_failed(row);
        self.pass_back(row, Outcome::Error(error), decision, Ended::Error, now);
    }

    fn server_result(&mut self, row: &InFlight, result: Json, now: Instant) {
        if let Err(why) = self.judge_result_type(row, &result) {
            return self.refuse_result(row, why, now);
        }
        let (result, sifted) = match self.fitting(row, result) {
            Ok(fitting) => fitting,
            Err(misfit) => return self.refuse_result(row, misfit, now),
        };
        if row.purpose != Purpose::Discover {
            self.speaks_modern();
        }
        let (result, sifted) = match self.tasks.related(&result) {
            Some((related, cut)) => (related, sifted.and(cut)),
            None => (result, sifted),
        };
        if row.carries.task.is_some() {
            return self.tasks_answered(row, &result, sifted, now);
        }
        if self.is_task(row, &result) {
            return self.task_created(row, &result, sifted, now);
        }
        if self.asks(&result) {
            return self.input_required(row, result, now);
        }
        // Pins hold what the server said, not what is left of it.
        let (result, sifted) = match row.purpose {
            Purpose::Plain => {
                let (result, pinned) = self.meet_list(&row.method, result);
                (result, sifted.and(pinned))
            }
            _ => (result, sifted),
        };
        let (result, revised) = match self.revise(row, result) {
            Revised::Passes(result, revised) => (result, revised),
            Revised::Refused(why) => return self.refuse_result(row, sifted.and(why), now),
            Revised::Missing(why) => {
                let missing = Outcome::Error(self.missing());
                return self.pass_back(row, missing, sifted.and(why), Ended::Refused, now);
            }
        };
        match row.purpose {
            Purpose::Initialize => self.initialized(row, &result, now),
            Purpose::Discover => self.discovered(row, &result, now),
            Purpose::ToolsList => self.listed(row, &result, sifted, now),
            Purpose::ToolCall => {
                let output = self.judge_output(&result, now);
                if output.effect == Effect::Deny {
                    return self.refuse_result(row, revised.and(output), now);
                }
                let ended = if is_failure(&result) { Ended::ToolError } else { Ended::Ok };
                let (result, owed) = policy_obeyed::result(row, result);
                let decision = sifted.and(revised).and(owed);
                self.pass_back(row, Outcome::Result(result), decision, ended, now);
            }
            _ => {
                let decision = sifted.and(revised);
                self.pass_back(row, Outcome::Result(result), decision, Ended::Ok, now);
            }
        }
    }

    /// On 2026-07-28 a result says what it is; anything unknown is invalid.
    fn judge_result_type(&mut self, row: &InFlight, result: &Json) -> Result<(), Decision> {
        let Phase::Modern(modern) = &mut self.phase else { return Ok(()) };
        match ResultType::read(result) {
            Ok(ResultType::Complete) => {
                modern.sure = true;
                // A host that ignores case would be asked by what nobody judged.
                let known = ["inputRequests", "requestState"];
                let members = result.object().unwrap_or_default();
                let other = members.iter().map(|(name, _)| name).find(|name| {
                    known.iter().any(|known| name != known && name.eq_ignore_ascii_case(known))
                });
                match other {
                    Some(_) => {
                        let why = "a member that is a question's, in other letters";
                        Err(Decision::deny(SHAPE_CHECKED, why))
                    }
                    None => Ok(()),
                }
            }
            Ok(ResultType::InputRequired) => {
                modern.sure = true;
                let may_ask = ["tools/call", "prompts/get", "resources/read"];
                if may_ask.contains(&row.method.as_str()) {
                    return Ok(());
                }
                Err(Decision::deny(METHOD_KNOWN, format!("`{}` cannot ask for input", row.method)))
            }
            Ok(ResultType::Task) if row.carries.may_task => {
                modern.sure = true;
                Ok(())
            }
            Ok(ResultType::Task) => {
                Err(Decision::deny(EXTENSIONS_AGREED, "a task, which the request does not declare"))
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

    /// A result that asks. It is inspected first, because what a person says yes to is
    /// what goes on; and it comes here again when they did.
    pub(crate) fn input_required(&mut self, row: &InFlight, result: Json, now: Instant) {
        let (inspected, seen) = self.inspect_result(row, result.clone());
        let read = InputRequired::read(&inspected);
        let read = read.map_err(|misfit| Decision::deny(METHOD_KNOWN, misfit.to_string()));
        let asked = match read {
            Ok(asked) if seen.effect < Effect::Deny => asked,
            Ok(_) => return self.refuse_result(row, seen, now),
            Err(why) => return self.refuse_result(row, seen.and(why), now),
        };
        let mut inquiries = self.judge_questions(row, &asked);
        for inquiry in &mut inquiries {
            // Who is asked about it sees what was found in it.
            inquiry.decision = std::mem::take(&mut inquiry.decision).and(seen.clone());
        }
        let mut row = row.clone();
        let asks = match self.sort_questions(&mut row.carries, &inquiries, now) {
            Ok(asks) => asks,
            Err(why) => return self.refuse_result(&row, seen.and(why), now),
        };
        if !asks.is_empty() {
            return self.park_open(&row, &result, Part::Answer, asks);
        }
        let decision = inquiries.iter().fold(seen, |decision, inquiry| {
            decision.and(Decision { effect: Effect::Allow, ..inquiry.decision.clone() })
        });
        row.carries.edit(&mut inquiries);
        let mut members = inspected.object().unwrap_or_default();
        if members.get("inputRequests").is_some() {
            members.set("inputRequests", written(&inquiries));
        }
        let whole = members.to_json();
        let asked = InputRequired::read(&whole).unwrap_or(asked);
        match self.seal_state(&row, &asked, &whole, now) {
            Err(why) => self.refuse_result(&row, why, now),
            Ok((sealed, why)) => {
                let decision = decision.and(why);
                self.deliver(&row, Outcome::Result(sealed), decision, Ended::Ok, now);
            }
        }
    }

    /// The server's answer does not go on; the client gets one of ours.
    pub(crate) fn refuse_result(&mut self, row: &InFlight, decision: Decision, now: Instant) {
        let sentence = withheld(&decision);
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
        let pinned = match self.bridge.is_bridged() {
            true => Decision::default(),
            false => self.meet_revision(revision),
        };
        if pinned.effect == Effect::Deny {
            return self.refuse_result(row, pinned, now);
        }
        let server = clamp_server(&answer.capabilities, &self.settings.extensions, revision);
        let mut server = both(server, &shaking.client);
        let decision = cut(&answer.capabilities, &server, "the server");
        let (result, unlike) = self.meet_handshake(result, &mut server);
        let decision = decision.and(unlike);
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
        let pinned = self.meet_supported(&answer.supported_versions);
        if pinned.effect == Effect::Deny {
            return self.refuse_result(row, pinned, now);
        }
        let declared = self.declared_by_server(&answer.capabilities);
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
    fn listed(&mut self, row: &InFlight, result: &Json, sifted: Decision, now: Instant) {
        let Some(page) = self.read_listing(result) else {
            return self.refuse_result(
                row,
                Decision::deny(METHOD_KNOWN, "the list does not fit"),
                now,
            );
        };
        let decision = sifted.and(page.decision);
        let (result, decision) = self.page(row, page.result, decision);
        self.pass_back(row, Outcome::Result(result), decision, Ended::Ok, now);
    }

    /// Records the outcome and sends the answer to whoever asked, under their id.
    pub(crate) fn pass_back(
        &mut self,
        row: &InFlight,
        outcome: Outcome,
        decision: Decision,
        ended: Ended,
        now: Instant,
    ) {
        let (outcome, seen) = self.inspect_answer(row, outcome);
        if seen.effect == Effect::Deny {
            return self.refuse_result(row, decision.and(seen), now);
        }
        self.deliver(row, outcome, decision.and(seen), ended, now);
    }

    /// The same, of an answer that was inspected part by part.
    pub(crate) fn deliver(
        &mut self,
        row: &InFlight,
        outcome: Outcome,
        decision: Decision,
        ended: Ended,
        now: Instant,
    ) {
        if let Outcome::Result(_) = &outcome {
            self.brought(row, ended == Ended::ToolError);
        }
        let mut record = self.ended(row, ended, now);
        record.decision = decision;
        if !self.open.end(&row.id) {
            return self.note(record);
        }
        let outcome =
            if row.purpose == Purpose::Listen { subscribed(row, outcome) } else { outcome };
        let response = Response { id: Some(row.id.clone()), outcome };
        self.forward(Peer::Client, Message::Response(response), record, None);
    }

    /// The record of a request's end.
    pub(crate) fn ended(&self, row: &InFlight, ended: Ended, now: Instant) -> Record {
        let mut record = self.heard(Event::Outcome, Peer::Server);
        record.method = Some(row.method.clone());
        if let Some(late) = &row.carries.late {
            record.method = Some(late.method.clone());
            record.note = Some(format!("of call {}", late.began));
        }
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
        let outcome = match self.fitting_answer(&row, outcome) {
            Err(misfit) => {
                record.outcome = Some(Ended::Refused);
                record.decision = misfit;
                self.note(record);
                return self.server_waited(row, "the client's answer was not valid");
            }
            Ok(outcome) => outcome,
        };
        let outcome = match outcome {
            Outcome::Result(result) if row.purpose == Purpose::RootsList => {
                let (roots, decision) = self.hear_roots(&result);
                record.decision = decision;
                Outcome::Result(roots)
            }
            Outcome::Result(answer) if row.purpose == Purpose::Sampling => {
                return self.model_answered(row, &answer, now);
            }
            Outcome::Result(answer) if row.purpose == Purpose::Elicitation => {
                let judged = self.judge_form(&row, &answer);
                if judged.effect == Effect::Deny {
                    return self.withhold_answer(&row, judged, now);
                }
                Outcome::Result(self.tasks.related_back(&answer).unwrap_or(answer))
            }
            Outcome::Result(result) => {
                Outcome::Result(self.tasks.related_back(&result).unwrap_or(result))
            }
            Outcome::Error(error) => {
                record.outcome = Some(Ended::Error);
                Outcome::Error(error)
            }
        };
        let response = Response { id: Some(row.id), outcome };
        self.forward(Peer::Server, Message::Response(response), record, None);
    }
}

/// What the host reads instead of an answer that does not go on.
pub(crate) fn withheld(decision: &Decision) -> &'static str {
    let asks = [
        SAMPLING_REFUSED,
        SAMPLING_BOUNDED,
        SAMPLING_REVIEWED,
        ELICITATION_REFUSED,
        ELICITATION_JUDGED,
        ELICITATION_LINKS_LISTED,
        INPUT_REQUESTS_CAPPED,
        ROOTS_ANSWERED,
        SUBCAPABILITIES_DECLARED,
        REQUESTS_INDEPENDENT,
    ]
    .into_iter()
    .any(|control| decision.names(control));
    if asks {
        "not permitted: the server asked for input that is not available here"
    } else if decision.names(REVISION_PINNED) {
        "not permitted: the server spoke a newer revision before"
    } else if decision.names(STRUCTURED_RESULTS_MATCH) {
        "the server's answer does not fit the tool's own output schema and was withheld"
    } else if decision.names(RESULTS_INSPECTED) {
        "the server's answer has text that is not let through, and was withheld"
    } else {
        "the server's answer was not valid and was withheld"
    }
}

/// A tool says that it failed.
pub(crate) fn is_failure(result: &Json) -> bool {
    result
        .object()
        .is_some_and(|result| result.get("isError").is_some_and(|flag| flag.text() == "true"))
}

/// The end of a subscription, which names it as its asker does.
fn subscribed(row: &InFlight, outcome: Outcome) -> Outcome {
    let Outcome::Result(result) = outcome else { return outcome };
    let mut members = result.object().unwrap_or_default();
    let mut meta = members.get("_meta").and_then(Json::object).unwrap_or_default();
    meta.set(SUBSCRIPTION_ID, row.id.to_json());
    members.set("_meta", meta.to_json());
    Outcome::Result(members.to_json())
}

fn with_capabilities(result: &Json, capabilities: &Value) -> Json {
    let mut members = result.object().unwrap_or_default();
    members.set("capabilities", Json::from_value(capabilities));
    members.to_json()
}
