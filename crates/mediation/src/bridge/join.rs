//! Where the bridge meets the session: what the session says to its server passes the
//! bridge when it is polled, so after the record in front of it was written, and what the
//! bridge has to say leaves with a permit as anything else.

use std::time::Instant;

use portcullis_catalog::control::REVISION_AGREED;
use portcullis_journal::Event;
use portcullis_policy::{Decision, Effect};
use portcullis_wire::{Era, Id, Message, Peer, Response, Revision};

use super::Turn;
use crate::Session;
use crate::client::visible_method;
use crate::output::Output;
use crate::settle::crosses;

impl Session {
    /// The server says something.
    pub(crate) fn server_says(&mut self, message: Message, now: Instant) {
        if let Some(message) = self.bridge.hears(message, now) {
            self.judge_message(Peer::Server, message, now);
        }
        self.take_turns(now);
    }

    /// A server over HTTP did not take a request, because whoever sends it has no credential: this
    /// is answered in its place, and it is no sign of what the server speaks.
    pub fn not_taken(&mut self, answer: Response, now: Instant) {
        self.told = Some(now);
        if self.is_closed() {
            return;
        }
        match self.bridge.not_taken(answer) {
            Some(answer) => self.server_says(Message::Response(answer), now),
            None => drop(self.take_turns(now)),
        }
    }

    /// The next thing to do, past the bridge.
    pub(crate) fn next_output(&mut self) -> Option<Output> {
        loop {
            if let Some(output) = self.past_bridge.pop_front() {
                return Some(output);
            }
            let Some(output) = self.outputs.pop_front() else {
                if !self.let_go_of_calls() {
                    return None;
                }
                continue;
            };
            let (Output::Forward(Peer::Server, message) | Output::Reply(Peer::Server, message)) =
                &output
            else {
                return Some(output);
            };
            let Some(now) = self.told else { return Some(output) };
            if !self.bridge.takes(message.get(), now) {
                return Some(output);
            }
            self.take_turns(now);
        }
    }

    /// Calls that wait at a legacy server for an answer that will not come. True when there
    /// were some.
    fn let_go_of_calls(&mut self) -> bool {
        let Some(now) = self.told else { return false };
        let open = &self.open;
        self.bridge.abandon(|id| open.has(id), now);
        let some = self.take_turns(now);
        some && !self.past_bridge.is_empty()
    }

    /// Does what the bridge wants, in order.
    pub(crate) fn take_turns(&mut self, now: Instant) -> bool {
        let mut some = false;
        while let Some(turn) = self.bridge.turn() {
            some = true;
            match turn {
                Turn::Hear(message) => self.judge_message(Peer::Server, message, now),
                Turn::Suspend(call, message) => self.leave_open(call, message, now),
                Turn::Say(message) => {
                    let permitted = crosses(message);
                    let output = permitted.map(|it| Output::Reply(Peer::Server, it));
                    self.past_bridge.extend(output);
                }
                Turn::Spoke(revision) => self.server_spoke(revision, now),
                Turn::Drop(method, decision) => self.drop_at_bridge(&method, decision, now),
                Turn::Stray => self.drop_answer(Peer::Server, now),
                Turn::Outdated => self.tools.doubt(),
            }
        }
        some
    }

    /// A result that leaves a call open belongs to whoever waits for that call.
    fn leave_open(&mut self, call: u64, message: Message, now: Instant) {
        let minted = match &message {
            Message::Response(Response { id: Some(Id::Number(minted)), .. }) => Some(*minted),
            _ => None,
        };
        let client = minted.and_then(|minted| Some(self.to_server.get_mut(minted)?.id.clone()));
        self.bridge.offered(call, client);
        self.judge_message(Peer::Server, message, now);
    }

    /// The server is of the other era: it may be, unless it was known to speak a newer one.
    fn server_spoke(&mut self, revision: Revision, now: Instant) {
        // It was asked in both ways.
        self.host_offers(Revision::V2026_07_28);
        let pinned = self.meet_revision(revision);
        let may = pinned.effect != Effect::Deny;
        let mut record = self.record(Event::Notice);
        let client = match revision.era() {
            Era::Legacy => "2026-07-28",
            Era::Modern => "the handshake of its elders",
        };
        let why = format!("the server speaks {revision}, the host {client}");
        record.decision = match may {
            true => Decision::because(Effect::Allow, REVISION_AGREED, why),
            false => pinned,
        };
        self.past_bridge.push_back(Output::Record(Box::new(record)));
        self.bridge.agreed(may, now);
    }

    /// What the server said and what means nothing across the bridge.
    fn drop_at_bridge(&mut self, method: &str, decision: Decision, now: Instant) {
        if self.is_tolerable(Peer::Server, now) {
            let mut record = self.heard(Event::Dropped, Peer::Server);
            record.method = Some(visible_method(method));
            record.decision = decision;
            self.note(record);
        }
    }
}
