//! The only place where a message gets its permit: recorded, then sent.
//!
//! Invariants 4, 5 and 6 live here: nothing is pushed out without a
//! [`Permitted`], every forward has its record in front of it, and a decision
//! that gives no permit sends nothing.

use portcullis_journal::{Event, Record};
use portcullis_policy::{Answer, Decision, Permitted};
use portcullis_wire::{Era, Id, Json, Message, Outcome, Peer, Request, Response, RpcError};
use serde_json::json;

use crate::Session;
use crate::output::Output;

/// A refusal: why, for the journal; and what the asker is told.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) decision: Decision,
    pub(crate) answer: Answered,
}

/// What a refused asker gets.
#[derive(Debug)]
pub(crate) enum Answered {
    /// The revision's JSON-RPC error.
    Error(RpcError),
    /// A tool result with `isError` and one neutral sentence.
    ToolError(String),
}

impl Refusal {
    /// A refusal by JSON-RPC error.
    pub(crate) fn error(decision: Decision, code: i64, message: &str) -> Self {
        let error = RpcError { code, message: message.to_owned(), data: None };
        Self { decision, answer: Answered::Error(error) }
    }

    /// A refusal by tool result.
    pub(crate) fn tool(decision: Decision, sentence: impl Into<String>) -> Self {
        Self { decision, answer: Answered::ToolError(sentence.into()) }
    }
}

/// The one call of [`permit`](portcullis_policy::permit::permit) in the product.
#[expect(clippy::disallowed_methods, reason = "this is the file that the rule names")]
fn permitted(
    message: Message,
    decision: &Decision,
    answer: Option<Answer>,
) -> Option<Permitted<Message>> {
    let permit = portcullis_policy::permit::permit(decision, answer)?;
    Some(Permitted::new(message, permit))
}

/// What a host is told that waits for a server which was not started. Why not was recorded.
#[must_use]
pub fn not_started(id: Id, why: &str) -> Option<Permitted<Message>> {
    answer_of_ours(Some(id), -32603, why)
}

/// What is answered in place of a session: to a request that never reached one. The sentence is
/// ours and repeats nothing of it.
#[must_use]
pub fn answer_of_ours(id: Option<Id>, code: i64, why: &str) -> Option<Permitted<Message>> {
    told(Response::error(id, code, why))
}

/// What crosses the bridge: a message that was let through, in the words of the other era, or
/// what such a message needs.
pub(crate) fn crosses(message: Message) -> Option<Permitted<Message>> {
    permitted(message, &Decision::default(), None)
}

/// What a client of several servers is told: made of what their sessions let through and recorded,
/// or an answer of ours.
pub(crate) fn joined(message: Message) -> Option<Permitted<Message>> {
    permitted(message, &Decision::default(), None)
}

/// An answer of ours to somebody who has no session.
pub(crate) fn told(response: Response) -> Option<Permitted<Message>> {
    permitted(Message::Response(response), &Decision::default(), None)
}

impl Session {
    /// Records an intent and sends somebody's message on, if the decision lets it.
    pub(crate) fn forward(
        &mut self,
        to: Peer,
        message: Message,
        record: Record,
        answer: Option<Answer>,
    ) {
        let permitted = permitted(message, &record.decision, answer);
        self.outputs.push_back(Output::Record(Box::new(record)));
        if let Some(permitted) = permitted.and_then(|message| self.gather(to, message)) {
            self.outputs.push_back(Output::Forward(to, permitted));
        }
    }

    /// Sends a message of our own. What caused it was recorded before.
    pub(crate) fn reply(&mut self, to: Peer, message: Message) {
        let permitted = permitted(message, &Decision::default(), None);
        if let Some(permitted) = permitted.and_then(|message| self.gather(to, message)) {
            self.outputs.push_back(Output::Reply(to, permitted));
        }
    }

    /// Answers the client's request, if it still waits.
    pub(crate) fn answer_client(&mut self, id: Id, outcome: Outcome) {
        if self.open.end(&id) {
            self.reply(Peer::Client, Message::Response(Response { id: Some(id), outcome }));
        }
    }

    /// Records a denial and tells the client.
    pub(crate) fn refuse(&mut self, request: &Request, refusal: Refusal) {
        let record = self.denied(request, refusal.decision);
        self.note(record);
        let outcome = self.refused(refusal.answer);
        self.answer_client(request.id.clone(), outcome);
    }

    /// The record of a denied request, with its arguments redacted.
    pub(crate) fn denied(&self, request: &Request, decision: Decision) -> Record {
        let mut record = self.about(Event::Denied, request);
        record.decision = decision;
        record
    }

    /// The answer that carries a refusal.
    pub(crate) fn refused(&self, answer: Answered) -> Outcome {
        match answer {
            Answered::Error(error) => Outcome::Error(error),
            Answered::ToolError(sentence) => Outcome::Result(self.tool_error(&sentence)),
        }
    }

    /// A tool result that failed, in the era's shape.
    pub(crate) fn tool_error(&self, sentence: &str) -> Json {
        let content = json!([{"type": "text", "text": sentence}]);
        Json::from_value(&match self.phase.era() {
            Era::Legacy => json!({"content": content, "isError": true}),
            Era::Modern => json!({"resultType": "complete", "content": content, "isError": true}),
        })
    }
}
