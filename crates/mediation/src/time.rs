//! Deadlines, floods and endings: whatever happens, everybody is answered.

use std::time::Instant;

use portcullis_catalog::control::{ANSWERED_ONCE, DEADLINE_KEPT, MESSAGE_BOUNDED, STRICT_PARSING};
use portcullis_journal::{Event, Outcome as Ended};
use portcullis_policy::Decision;
use portcullis_wire::{
    Id, Json, Malformed, Message, Notification, Object, Outcome, Peer, Response, RpcError,
};

use crate::Session;
use crate::control::message_bounded::Verdict;
use crate::correlate::{InFlight, Purpose};
use crate::output::{Closing, Output};
use crate::state::Phase;

impl Session {
    /// The next moment at which something ends by itself.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        let tables = [self.to_server.next_deadline(), self.to_client.next_deadline()];
        let asked = [self.questions.next_deadline(), self.in_host.next_deadline()];
        let others = asked.into_iter().chain([self.next_batch()]);
        tables.into_iter().chain(others).flatten().min()
    }

    /// Ends what is late.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.spare_calls(now);
        for (minted, row) in self.to_server.late(now) {
            self.request_late(minted, &row, now);
        }
        for (_, row) in self.to_client.late(now) {
            if row.purpose.is_ours() {
                self.host_roots_answered(&row, None, now);
                continue;
            }
            let mut record = self.ended(&row, Ended::TimedOut, now);
            record.decision = Decision::deny(DEADLINE_KEPT, "the client did not answer in time");
            self.note(record);
            self.server_waited(row, "the client did not answer");
        }
        self.expire_questions(now);
        self.expire_batches(now);
    }

    /// A call whose server waits for a person or for the host's model is not silent.
    fn spare_calls(&mut self, now: Instant) {
        let asks = |row: &InFlight| matches!(row.purpose, Purpose::Sampling | Purpose::Elicitation);
        if !self.server_is_asking() && !self.to_client.any(asks) {
            return;
        }
        let limits = self.settings.limits;
        let calls = self.to_server.rows_mut().filter(|row| row.purpose == Purpose::ToolCall);
        for row in calls.filter(|row| row.deadline <= now && now < row.ceiling) {
            row.extend(now, &limits);
        }
    }

    /// The server was too slow: the client is answered, the server is told to stop.
    fn request_late(&mut self, minted: i64, row: &InFlight, now: Instant) {
        let mut record = self.ended(row, Ended::TimedOut, now);
        record.decision = Decision::deny(DEADLINE_KEPT, "the server did not answer in time");
        self.note(record);
        match row.purpose {
            Purpose::OurReplay => return,
            Purpose::OurInitialize => return self.close(Closing::ServerGone, now),
            _ => {}
        }
        if row.purpose.is_ours() {
            return self.fetch_failed("the server did not answer in time");
        }
        if row.purpose == Purpose::Initialize {
            self.phase = Phase::Greeting;
        } else {
            self.cancel_at_server(minted);
        }
        self.fail_client(row, "the server did not answer in time");
    }

    fn cancel_at_server(&mut self, minted: i64) {
        let mut params = Object::new();
        params.set("requestId", Id::Number(minted).to_json());
        params.set("reason", Json::string("the deadline passed"));
        let method = "notifications/cancelled".to_owned();
        let said = Notification { method, params: Some(params.to_json()) };
        self.reply(Peer::Server, Message::Notification(said));
    }

    /// Answers a request with a failure of ours instead of the server's answer.
    pub(crate) fn fail_client(&mut self, row: &InFlight, sentence: &str) {
        let outcome = if row.purpose == Purpose::ToolCall {
            Outcome::Result(self.tool_error(sentence))
        } else {
            Outcome::Error(RpcError { code: -32603, message: sentence.to_owned(), data: None })
        };
        self.answer_client(row.id.clone(), outcome);
    }

    /// A well-formed message that nobody waits for or may send: counted with the
    /// lines that are no messages. False when it is worth neither a record nor
    /// an answer any more, because either would let a peer fill disk or memory.
    pub(crate) fn is_tolerable(&mut self, from: Peer, now: Instant) -> bool {
        match self.count_strike(from, now) {
            Verdict::Tell => true,
            Verdict::Summarise => {
                let event = if from == Peer::Client { Event::Denied } else { Event::Dropped };
                let mut record = self.heard(event, from);
                let why = "more that may not pass follows; it is neither recorded nor answered";
                record.decision = Decision::deny(MESSAGE_BOUNDED, why);
                self.note(record);
                false
            }
            Verdict::Hush => false,
            Verdict::Flood => {
                self.cut_off(from, now);
                false
            }
        }
    }

    fn count_strike(&mut self, from: Peer, now: Instant) -> Verdict {
        let limit = self.settings.limits.strikes;
        match from {
            Peer::Client => self.client_strikes.strike(now, limit),
            Peer::Server => self.server_strikes.strike(now, limit),
        }
    }

    /// A line that is not a message: answered to the client, dropped from the server.
    pub(crate) fn strike(&mut self, from: Peer, malformed: &Malformed, now: Instant) {
        let why = match self.count_strike(from, now) {
            Verdict::Flood => return self.cut_off(from, now),
            Verdict::Tell => Some(malformed.public().to_owned()),
            Verdict::Summarise => {
                Some("more malformed lines follow; they are not recorded".to_owned())
            }
            Verdict::Hush => None,
        };
        if let Some(why) = why {
            let event = if from == Peer::Client { Event::Denied } else { Event::Dropped };
            let mut record = self.heard(event, from);
            record.decision = Decision::deny(STRICT_PARSING, why);
            self.note(record);
        }
        if from == Peer::Client {
            let code = malformed.code();
            let response = Response::error(malformed.id.clone(), code, malformed.public());
            self.reply(Peer::Client, Message::Response(response));
        }
    }

    /// Everybody who waits is answered, and nothing passes any more.
    pub(crate) fn close(&mut self, closing: Closing, now: Instant) {
        if self.is_closed() {
            return;
        }
        self.end_questions();
        self.end_fetch();
        self.end_in_flight(closing, now);
        self.end_batches();
        let mut record = self.record(Event::Ended);
        record.note = Some(closing.to_string());
        self.note(record);
        self.phase = Phase::Closed;
        self.outputs.push_back(Output::Close(closing));
    }

    fn end_in_flight(&mut self, closing: Closing, now: Instant) {
        let ended = match closing {
            Closing::ServerGone => Ended::ServerGone,
            Closing::ClientGone => Ended::Cancelled,
            _ => Ended::Refused,
        };
        for row in self.to_server.drain() {
            let mut record = self.ended(&row, ended, now);
            record.decision = Decision::deny(ANSWERED_ONCE, closing.to_string());
            self.note(record);
            if !row.purpose.is_ours() {
                self.fail_client(&row, "the server is gone");
            }
        }
        self.to_client.drain();
        for id in self.open.drain() {
            let response = Response::error(Some(id), -32603, "the session is over");
            self.reply(Peer::Client, Message::Response(response));
        }
    }

    /// Turns answers of the server that may no longer pass into answers of ours.
    pub(crate) fn keep_only_answers(&mut self) {
        let outputs = std::mem::take(&mut self.outputs);
        self.spoil_batches();
        for output in outputs {
            match output {
                Output::Together(Peer::Client, answers) => self.spoil(Peer::Client, answers),
                Output::Reply(..) | Output::Withdraw(_) | Output::Close(_) => {
                    self.outputs.push_back(output);
                }
                Output::Forward(Peer::Client, message) => {
                    if let Message::Response(Response { id: Some(id), .. }) = message.get() {
                        let why = "the gateway cannot record calls";
                        let response = Response::error(Some(id.clone()), -32603, why);
                        self.reply(Peer::Client, Message::Response(response));
                    }
                }
                // None of these can be recorded, so none of them happens; whoever
                // waits behind one is answered when the session closes.
                Output::Record(_)
                | Output::Forward(Peer::Server, _)
                | Output::Together(Peer::Server, _)
                | Output::Consult(..)
                | Output::Ask(..)
                | Output::Look(_)
                | Output::Admit(_)
                | Output::Accept(_)
                | Output::Decided(..)
                | Output::Unanswered(_)
                | Output::Roots(_)
                | Output::Sighted(_)
                | Output::Log(_) => {}
            }
        }
    }

    /// The journal is gone: nobody can be told what happened, so nothing does.
    /// Answers still go out, because they carry nothing from the other side.
    pub(crate) fn close_unrecorded(&mut self) {
        if self.is_closed() {
            return;
        }
        self.end_questions();
        self.end_fetch();
        for row in self.to_server.drain() {
            if !row.purpose.is_ours() {
                self.fail_client(&row, "the gateway cannot record this call, so it was stopped");
            }
        }
        self.to_client.drain();
        for id in self.open.drain() {
            let response = Response::error(Some(id), -32603, "the gateway cannot record calls");
            self.reply(Peer::Client, Message::Response(response));
        }
        self.outputs.retain(|output| !matches!(output, Output::Record(_)));
        self.phase = Phase::Closed;
        self.outputs.push_back(Output::Close(Closing::JournalFailed));
    }
}
