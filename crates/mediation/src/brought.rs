//! What a request of 2026-07-28 brings back to a question of the server: answers of the
//! model, at which a person looks before they leave.
//!
//! Everything else about such a request was judged before it comes here. A person may
//! take a while, so what could have changed meanwhile is judged once more.

use std::time::Instant;

use portcullis_catalog::control::{ANSWERS_MATCH_QUESTIONS, APPROVAL_EXACT, SAMPLING_REVIEWED};
use portcullis_journal::{Event, Record};
use portcullis_policy::{Answer, Decision, Effect, Obligation};
use portcullis_wire::view::input_request::InputResponses;
use portcullis_wire::view::tool::ToolCall;
use portcullis_wire::{Era, Id, Object, Outcome, Request, RpcError};

use crate::Session;
use crate::approval::{ApprovalId, ApprovalKey, Fingerprint};
use crate::correlate::Purpose;
use crate::input::MODEL;
use crate::listing::Lookup;
use crate::settle::Refusal;
use crate::waiting::Waiting;

/// A request that waits for a person, and how it would leave.
#[derive(Debug)]
pub(crate) struct Brought {
    pub(crate) request: Request,
    pub(crate) purpose: Purpose,
    record: Record,
    answer: Option<Answer>,
    /// The definition of the tool that it calls.
    pin: Option<Fingerprint>,
    /// What is asked about now.
    pub(crate) now: ToReview,
    /// What is asked about after that.
    left: Vec<ToReview>,
}

/// An answer of the model that a request brings, as it would leave.
#[derive(Clone, Debug)]
pub(crate) struct ToReview {
    /// The name of the question that it answers.
    pub(crate) name: String,
    key: ApprovalKey,
    content: String,
}

impl Session {
    /// Sends a judged request, or parks it until a person has seen what it brings.
    pub(crate) fn send_reviewed(
        &mut self,
        request: &Request,
        purpose: Purpose,
        record: Record,
        answer: Option<Answer>,
        now: Instant,
    ) {
        let mut left = self.answers_to_review(request);
        if left.is_empty() {
            return self.send_recorded(request, purpose, record, answer, now);
        }
        let (first, pin) = (left.remove(0), self.pin_called(request));
        let request = request.clone();
        self.review(Brought { request, purpose, record, answer, pin, now: first, left });
    }

    fn review(&mut self, brought: Brought) {
        let (key, content) = (brought.now.key.clone(), brought.now.content.clone());
        let why = "an answer of the model for the server";
        let decision = Decision::ask(SAMPLING_REVIEWED, why);
        self.park(Waiting::Brought(Box::new(brought)), key, content, decision);
    }

    /// Every answer of the model that a request brings, as it would leave.
    fn answers_to_review(&self, request: &Request) -> Vec<ToReview> {
        if self.phase.era() == Era::Legacy || !self.reviews_answers() {
            return Vec::new();
        }
        let given = InputResponses::read(request.params.as_ref()).unwrap_or_default();
        if given.responses.is_empty() {
            return Vec::new();
        }
        let asked = self.asked_before(request);
        let of_model = given.responses.iter().filter_map(|(name, answer)| {
            let asked = asked.get(name).filter(|asked| asked.method == MODEL)?;
            let (key, content) = self.answer_key(asked, &self.judge_answered(MODEL, answer).0);
            Some(ToReview { name: name.clone(), key, content })
        });
        of_model.collect()
    }

    /// The definition of the tool that a request calls, as it is now.
    fn pin_called(&self, request: &Request) -> Option<Fingerprint> {
        if request.method != "tools/call" {
            return None;
        }
        let name = ToolCall::read(request.params.as_ref()).ok()?.name;
        match self.tools.find(&name) {
            Lookup::Known(tool) => Some(tool.pin.clone()),
            Lookup::Unsure | Lookup::Absent => None,
        }
    }

    /// One answer may leave; when it was the last one, the request does.
    pub(crate) fn one_reviewed(
        &mut self,
        mut brought: Brought,
        decision: Decision,
        approval: &ApprovalId,
        now: Instant,
    ) {
        let mut record = self.about(Event::Notice, &brought.request);
        record.note = Some("with an answer of the model".to_owned());
        record.approval = Some(approval.to_string());
        record.decision = decision;
        self.note(record);
        if !brought.left.is_empty() {
            brought.now = brought.left.remove(0);
            return self.review(brought);
        }
        if brought.pin != self.pin_called(&brought.request) {
            let why = "the tool changed while a person was asked about the answer";
            return self.too_late(brought, approval, Decision::deny(APPROVAL_EXACT, why));
        }
        if let Err(refusal) = self.judge_answers(&brought.request, now) {
            return self.too_late(brought, approval, refusal.decision);
        }
        let Brought { request, purpose, record, answer, .. } = brought;
        self.send_recorded(&request, purpose, record, answer, now);
    }

    fn too_late(&mut self, brought: Brought, approval: &ApprovalId, why: Decision) {
        let waiting = Waiting::Brought(Box::new(brought));
        let sentence = waiting.not_approved();
        self.give_up(waiting, Some(approval), why, sentence);
    }

    /// Answers a request that was not sent.
    pub(crate) fn fail_request(&mut self, id: &Id, purpose: &Purpose, sentence: &str) {
        let outcome = if *purpose == Purpose::ToolCall {
            Outcome::Result(self.tool_error(sentence))
        } else {
            Outcome::Error(RpcError { code: -32603, message: sentence.to_owned(), data: None })
        };
        self.answer_client(id.clone(), outcome);
    }

    /// Answers to input requests (2026-07-28) as the server may have them: to what it
    /// asked, of the kind that it asked for, roots cut to the ceiling.
    pub(crate) fn clamp_responses(&mut self, request: &Request, params: &mut Object) -> Decision {
        let given = InputResponses::read(request.params.as_ref()).unwrap_or_default();
        let mut decision = Decision::default();
        if given.responses.is_empty() {
            return decision;
        }
        let asked = self.asked_before(request);
        let mut kept = Object::new();
        let mut left_out = 0;
        for (name, answer) in given.responses {
            match asked.get(&name).map(|asked| asked.method.as_str()) {
                Some("roots/list") => {
                    let (roots, cut) = self.hear_roots(&answer);
                    decision = decision.and(cut);
                    kept.set(&name, roots);
                }
                Some(method) => {
                    let (answer, seen) = self.judge_answered(method, &answer);
                    decision = decision.and(seen);
                    kept.set(&name, answer);
                }
                None => left_out += 1,
            }
        }
        if left_out > 0 {
            let why = format!("{left_out} answers to questions that were not asked");
            let cut = Decision::because(Effect::Allow, ANSWERS_MATCH_QUESTIONS, why);
            decision = decision.and(cut.owing(Obligation::Rewritten));
        }
        params.set("inputResponses", kept.to_json());
        decision
    }

    /// Judges again what a request brings, after a person took their time.
    fn judge_answers(&mut self, request: &Request, now: Instant) -> Result<(), Refusal> {
        self.judge_state(request, now)?;
        match request.method.as_str() {
            "tasks/update" => self.judge_tasks(request, now).map(drop),
            _ => Ok(()),
        }
    }
}
