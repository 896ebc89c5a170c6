//! What waits for a person, and what becomes of it after a yes or a no.
//!
//! `question.rs` knows when a person is asked and for how long; here is what for.

use std::time::Instant;

use portcullis_catalog::control::{
    ANSWERS_MATCH_QUESTIONS, APPROVAL_EXACT, SAMPLING_REVIEWED, SILENCE_IS_NO,
};
use portcullis_guard::text::visible;
use portcullis_journal::{Direction, Event, Outcome as Ended, Record};
use portcullis_policy::{Answer, Decision, Effect, Obligation, Tier};
use portcullis_wire::view::lifecycle::Meta;
use portcullis_wire::{Id, Json, Message, Outcome, Peer, Request, Response};

use crate::Session;
use crate::approval::ApprovalId;
use crate::brought::Brought;
use crate::call::{Call, NOT_APPROVED, progress_token};
use crate::carries::Carries;
use crate::control::answers_match_questions::Asked;
use crate::control::input_requests_refused;
use crate::control::policy_obeyed::Owed;
use crate::correlate::{InFlight, Purpose};
use crate::drift::Drift;
use crate::input::{Inquiry, MODEL, PERSON, content};
use crate::newcomer::Newcomer;
use crate::question::Parked;

/// Places that a server may have sent the person to at once; more are forgotten.
const LINKS: usize = 256;

/// A message, or a part of one, that goes on only after a yes.
#[derive(Debug)]
pub(crate) enum Waiting {
    /// A call of the host.
    Call(Call),
    /// A request of the server to the host (until 2025-11-25).
    Request(Request),
    /// The model's answer to one.
    Answer(Box<InFlight>, Json),
    /// An answer of the server that leaves something open; its questions are asked
    /// about one by one.
    Open(Box<LeftOpen>),
    /// A request of the host that brings answers of its model (2026-07-28).
    Brought(Box<Brought>),
    /// A directory that the host offers; nobody waits for the answer.
    Root(Newcomer),
    /// What a server shows otherwise than it was approved; it is withheld meanwhile.
    Drift(Box<Drift>),
}

/// An answer of the server with questions in it.
#[derive(Debug)]
pub(crate) struct LeftOpen {
    /// The request that it answers.
    pub(crate) row: InFlight,
    pub(crate) result: Json,
    pub(crate) of: Part,
    /// What is asked about now.
    pub(crate) now: Inquiry,
    /// What is asked about after that.
    pub(crate) left: Vec<Inquiry>,
}

/// Where the questions of an answer stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// They are the answer.
    Answer,
    /// They are a task's.
    Task,
}

impl Waiting {
    /// Our assessment of it.
    pub(crate) fn risk(&self) -> Tier {
        match self {
            Self::Call(call) => call.tier,
            Self::Drift(drift) => drift.risk(),
            _ => Tier::Unknown,
        }
    }

    /// Where it came up, for the person.
    pub(crate) fn place(&self) -> Option<String> {
        let Self::Open(open) = self else { return None };
        let what = open.row.subject.as_ref().unwrap_or(&open.row.method);
        Some(format!("in its answer to `{}`", visible(what)))
    }

    /// The host waits for an answer to this request.
    pub(crate) fn asked_by_client(&self) -> Option<&Id> {
        match self {
            Self::Call(call) => Some(&call.request.id),
            Self::Brought(brought) => Some(&brought.request.id),
            Self::Open(open) => Some(&open.row.id),
            Self::Request(_) | Self::Answer(..) | Self::Root(_) | Self::Drift(_) => None,
        }
    }

    /// The server waits for an answer to this request.
    pub(crate) fn asked_by_server(&self) -> Option<&Id> {
        match self {
            Self::Request(request) => Some(&request.id),
            Self::Answer(row, _) => Some(&row.id),
            _ => None,
        }
    }

    /// What the host's model reads when a person did not say yes.
    pub(crate) fn not_approved(&self) -> &'static str {
        match self {
            Self::Call(_) => NOT_APPROVED,
            Self::Brought(_) => "not permitted: the model's answer was not approved for the server",
            _ => "not permitted: what the server asked for was not approved",
        }
    }

    /// What it reads while a person is still being asked.
    pub(crate) fn pending(&self, approval: &ApprovalId) -> String {
        let what = match self {
            Self::Call(_) => "this call",
            _ => "what the server asks for here",
        };
        format!(
            "not permitted yet: {what} needs a person's approval, which is pending as {approval}; \
             the same call passes once after a person approves it"
        )
    }

    /// Under what the host is told that it still waits, and from which progress on.
    pub(crate) fn beat(&self) -> Option<(Id, f64)> {
        match self {
            Self::Call(call) => progress_token(&call.request).map(|token| (token, 0.0)),
            Self::Brought(brought) => progress_token(&brought.request).map(|token| (token, 0.0)),
            Self::Open(open) => Some((open.row.token.clone()?, open.row.progress.unwrap_or(0.0))),
            Self::Request(_) | Self::Answer(..) | Self::Root(_) | Self::Drift(_) => None,
        }
    }
}

impl Session {
    /// A server's request waits for a person, or is too much for one.
    pub(crate) fn park_request(&mut self, request: Request, decision: Decision) {
        let inquiry = Inquiry {
            name: String::new(),
            method: request.method.clone(),
            params: request.params.clone(),
            decision: Decision::default(),
        };
        let Some(matter) = inquiry.matter() else {
            return self.nobody_is_asked(Waiting::Request(request), decision);
        };
        let (key, content) = self.inquiry_key(&inquiry, matter);
        self.park(Waiting::Request(request), key, content, decision);
    }

    /// Whether a person was sent to a link of this name, which counts once.
    pub(crate) fn takes_link(&mut self, name: &str) -> bool {
        let at = self.asked_links.iter().position(|asked| asked == name);
        at.and_then(|at| self.asked_links.remove(at)).is_some()
    }

    /// Sends a server's request on to the host.
    pub(crate) fn ask_host(
        &mut self,
        request: Request,
        decision: Decision,
        approval: Option<&ApprovalId>,
        now: Instant,
    ) {
        let minted = self.to_client.mint();
        self.next_call += 1;
        let row = match self.server_row(&request, now) {
            Ok(row) => row,
            Err(why) => return self.refuse_server(&request, decision.and(why), now),
        };
        if let Some(name) = link_name(&request) {
            self.asked_links.push_back(name);
            if self.asked_links.len() > LINKS {
                self.asked_links.pop_front();
            }
        }
        self.to_client.insert(minted, row);
        let mut record = self.about_asked(Event::Intent, &request.method, request.params.as_ref());
        record.call = Some(self.next_call);
        record.decision = decision;
        record.approval = approval.map(ToString::to_string);
        let params = crate::server::outgoing(&request, minted);
        let message = Request { id: Id::Number(minted), method: request.method, params };
        let answer = approval.map(|_| Answer::Approve);
        self.forward(Peer::Client, Message::Request(message), record, answer);
    }

    /// What is remembered of a server's request; nothing when its answer could not be
    /// judged.
    fn server_row(&self, request: &Request, now: Instant) -> Result<InFlight, Decision> {
        let limits = &self.settings.limits;
        let (purpose, patience) = match request.method.as_str() {
            "roots/list" => (Purpose::RootsList, limits.call_timeout),
            // A person reads, thinks and types.
            MODEL => (Purpose::Sampling, limits.call_ceiling),
            PERSON => (Purpose::Elicitation, limits.call_ceiling),
            _ => (Purpose::Plain, limits.call_timeout),
        };
        let ceiling = now + limits.call_ceiling;
        let asked = Asked::of("", &request.method, request.params.as_ref())?;
        let carries = Carries { asked: Some(asked), ..Carries::default() };
        Ok(InFlight {
            id: request.id.clone(),
            purpose,
            method: request.method.clone(),
            subject: None,
            call: self.next_call,
            token: Meta::read(request.params.as_ref()).unwrap_or_default().progress_token,
            progress: None,
            wants_logs: false,
            owed: Owed::default(),
            sent: now,
            deadline: (now + patience).min(ceiling),
            ceiling,
            carries,
        })
    }

    /// A record about a question of the server. What it says is in no record: the store
    /// of approvals has it, and the digest says which it was.
    pub(crate) fn about_asked(&self, event: Event, method: &str, params: Option<&Json>) -> Record {
        let mut record = self.heard(event, Peer::Server);
        record.method = Some(crate::client::visible_method(method));
        if crate::input::matter(method).is_some() {
            record.policy = Some(self.settings.policy.as_str().to_owned());
            record.arguments_digest = Some(self.settings.redactor.digest(&content(params)));
        }
        record
    }

    /// A record about something that waits.
    pub(crate) fn about_waiting(&self, event: Event, waiting: &Waiting) -> Record {
        match waiting {
            Waiting::Call(call) => self.about_call(event, call),
            Waiting::Request(request) => {
                self.about_asked(event, &request.method, request.params.as_ref())
            }
            Waiting::Answer(row, answer) => self.about_answer(event, row, answer),
            Waiting::Open(open) => {
                let mut record =
                    self.about_asked(event, &open.now.method, open.now.params.as_ref());
                record.tool.clone_from(&open.row.subject);
                record
            }
            Waiting::Brought(brought) => {
                let mut record = self.about(event, &brought.request);
                record.note = Some("with an answer of the model".to_owned());
                record
            }
            Waiting::Root(newcomer) => self.about_newcomer(event, newcomer),
            Waiting::Drift(drift) => self.about_drift(event, drift),
        }
    }

    fn about_answer(&self, event: Event, row: &InFlight, answer: &Json) -> Record {
        let mut record = self.heard(event, Peer::Client);
        record.direction = Some(Direction::ClientToServer);
        record.method = Some(row.method.clone());
        record.call = Some(row.call);
        record.note = Some("the answer of the model".to_owned());
        record.policy = Some(self.settings.policy.as_str().to_owned());
        let bytes = portcullis_wire::canonical(answer);
        record.arguments_digest = Some(self.settings.redactor.digest(&bytes));
        record
    }

    /// A person said yes to what waits, and to nothing else.
    pub(crate) fn go_on(&mut self, parked: Parked, approval: &ApprovalId, now: Instant) {
        match parked.waiting {
            Waiting::Call(_) => return self.call_approved(parked, approval, now),
            Waiting::Root(_) => return self.newcomer_let_in(parked, Some(approval), None),
            Waiting::Drift(_) => return self.drift_accepted(parked, approval),
            _ => {}
        }
        if parked.key.policy != self.settings.policy {
            let why = "what is granted changed while a person was asked";
            return self.not_approved(parked, Some(approval), APPROVAL_EXACT, why);
        }
        let yes = Decision::because(Effect::Allow, APPROVAL_EXACT, "a person said yes");
        let decision = parked.decision.and(yes).owing(Obligation::Approved);
        match parked.waiting {
            Waiting::Call(_) | Waiting::Root(_) | Waiting::Drift(_) => {}
            Waiting::Request(request) => self.ask_host(request, decision, Some(approval), now),
            Waiting::Answer(row, answer) => {
                self.answer_reviewed(*row, answer, decision, Some(approval), now);
            }
            Waiting::Open(open) => self.one_let_through(*open, decision, approval, now),
            Waiting::Brought(brought) => self.one_reviewed(*brought, decision, approval, now),
        }
    }

    /// The model's answer goes to the server.
    pub(crate) fn answer_reviewed(
        &mut self,
        row: InFlight,
        answer: Json,
        decision: Decision,
        approval: Option<&ApprovalId>,
        now: Instant,
    ) {
        let mut record = self.ended(&row, Ended::Ok, now);
        record.direction = Some(Direction::ClientToServer);
        record.decision = decision;
        record.approval = approval.map(ToString::to_string);
        let told = self.tasks.related_back(&answer).unwrap_or(answer);
        let response = Response { id: Some(row.id), outcome: Outcome::Result(told) };
        let answer = approval.map(|_| Answer::Approve);
        self.forward(Peer::Server, Message::Response(response), record, answer);
    }

    /// The host's model answered: a person looks at it first, unless the operator said
    /// otherwise.
    pub(crate) fn model_answered(&mut self, row: InFlight, answer: &Json, now: Instant) {
        let (answer, seen) = self.judge_answered(MODEL, answer);
        if seen.effect == Effect::Deny {
            return self.withhold_answer(&row, seen, now);
        }
        if !self.reviews_answers() {
            return self.answer_reviewed(row, answer, seen, None, now);
        }
        let asked = row.carries.asked.clone();
        let Some(asked) = asked else {
            let why = "the question that it answers is not known any more";
            let no = Decision::deny(ANSWERS_MATCH_QUESTIONS, why);
            return self.withhold_answer(&row, seen.and(no), now);
        };
        let (key, content) = self.answer_key(&asked, &answer);
        let why = "an answer of the model for the server";
        let decision = seen.and(Decision::ask(SAMPLING_REVIEWED, why));
        self.park(Waiting::Answer(Box::new(row), answer), key, content, decision);
    }

    /// The server gets no answer of the model, but the error that says so.
    pub(crate) fn withhold_answer(&mut self, row: &InFlight, why: Decision, now: Instant) {
        let mut record = self.ended(row, Ended::Refused, now);
        record.direction = Some(Direction::ClientToServer);
        record.decision = why.clone();
        self.note(record);
        self.answer_no(row.id.clone(), &row.method, &why);
    }

    /// There are no words in which a person could be asked about this: the answer is no.
    fn nobody_is_asked(&mut self, waiting: Waiting, decision: Decision) {
        let no = Decision::deny(SILENCE_IS_NO, "nobody can be asked about this");
        let sentence = waiting.not_approved();
        self.give_up(waiting, None, decision.and(no), sentence);
    }

    /// What waited does not go on; whoever waits for it is told so.
    pub(crate) fn give_up(
        &mut self,
        waiting: Waiting,
        approval: Option<&ApprovalId>,
        why: Decision,
        sentence: &str,
    ) {
        let mut record = self.about_waiting(Event::Denied, &waiting);
        record.approval = approval.map(ToString::to_string);
        record.decision = why.clone();
        self.note(record);
        match waiting {
            Waiting::Call(call) => {
                let result = self.tool_error(sentence);
                self.answer_client(call.request.id, Outcome::Result(result));
            }
            Waiting::Brought(brought) => {
                self.fail_request(&brought.request.id, &brought.purpose, sentence);
            }
            Waiting::Open(open) => self.fail_client(&open.row, sentence),
            Waiting::Request(request) => self.answer_no(request.id, &request.method, &why),
            Waiting::Answer(row, _) => self.answer_no(row.id, &row.method, &why),
            Waiting::Root(newcomer) => {
                self.newcomer_refused(&newcomer, why.names(APPROVAL_EXACT));
            }
            // It stays withheld.
            Waiting::Drift(_) => {}
        }
    }

    /// The server hears what the host would have said.
    fn answer_no(&mut self, id: Id, method: &str, why: &Decision) {
        let claimed = self.phase.claimed_capabilities();
        let outcome = input_requests_refused::answer(method, claimed, why);
        let response = Response { id: Some(id), outcome };
        self.reply(Peer::Server, Message::Response(response));
    }

    /// Questions of an answer that nobody has let through yet are asked about, the first
    /// one now.
    pub(crate) fn park_open(
        &mut self,
        row: &InFlight,
        result: &Json,
        of: Part,
        mut asks: Vec<Inquiry>,
    ) {
        if asks.is_empty() {
            return;
        }
        let first = asks.remove(0);
        let open =
            LeftOpen { row: row.clone(), result: result.clone(), of, now: first, left: asks };
        self.ask_about(open);
    }

    fn ask_about(&mut self, open: LeftOpen) {
        let decision = open.now.decision.clone();
        let Some(matter) = open.now.matter() else {
            return self.nobody_is_asked(Waiting::Open(Box::new(open)), decision);
        };
        let (key, content) = self.inquiry_key(&open.now, matter);
        self.park(Waiting::Open(Box::new(open)), key, content, decision);
    }

    /// One question may go on; when it was the last one, all of them do.
    fn one_let_through(
        &mut self,
        mut open: LeftOpen,
        decision: Decision,
        approval: &ApprovalId,
        now: Instant,
    ) {
        let mut record =
            self.about_asked(Event::Notice, &open.now.method, open.now.params.as_ref());
        record.tool.clone_from(&open.row.subject);
        record.decision = decision;
        record.approval = Some(approval.to_string());
        self.note(record);
        open.row.carries.let_on(&open.now);
        if !open.left.is_empty() {
            let next = open.left.remove(0);
            return self.ask_about(LeftOpen { now: next, ..open });
        }
        match open.of {
            Part::Answer => self.input_required(&open.row, open.result, now),
            Part::Task => self.tasks_answered(&open.row, &open.result, Decision::default(), now),
        }
    }
}

/// The server's own name for a question that sends the person somewhere (2025-11-25).
fn link_name(request: &Request) -> Option<String> {
    let params = request.params.as_ref().filter(|_| request.method == PERSON)?.object()?;
    params.get("elicitationId")?.as_text()
}
