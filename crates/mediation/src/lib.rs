//! One conversation between a client and a server, as a state machine.
//!
//! The caller owns pipes, clocks and people. It tells the [`Session`] what
//! happened, then drains [`Session::poll_output`] and does what it is told, in
//! order. Nothing here blocks, spawns, sleeps or fails to answer.
//!
//! Read in this order: [`settings`] (what a session is told), [`output`] (what
//! it tells), `state.rs` (where it stands), then the flow of a message:
//! `client.rs` or `server.rs` (who said what), `handshake.rs` (may it be said
//! now), `call.rs` (is this tool call in order), `question.rs` (a person is
//! asked), `settle.rs` (recorded, permitted, sent), `answer.rs` (what comes
//! back). [`approval`] says what a yes covers; `control/` holds one file for each
//! thing that is judged; `correlate.rs` remembers who waits for what.

#![deny(clippy::indexing_slicing, clippy::string_slice)]

mod answer;
pub mod approval;
mod call;
mod carried;
mod client;
mod control;
mod correlate;
mod fetch;
mod handshake;
mod listing;
pub mod output;
mod question;
mod rewrite;
mod server;
pub mod settings;
mod settle;
mod state;
mod time;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use portcullis_catalog::control::MESSAGE_BOUNDED;
use portcullis_journal::{Event, Record};
use portcullis_policy::{Answer, Decision};
use portcullis_wire::{Malformed, Message, Peer};

pub use approval::{ApprovalId, ApprovalKey, Fact, Fingerprint, Question};
pub use output::{Closing, Output, Ticket};
pub use settings::{Limits, Settings};

use control::calls_per_minute::Quota;
use control::message_bounded::Strikes;
use correlate::{Open, Table};
use fetch::Fetch;
use listing::Tools;
use question::Questions;
use state::Phase;

/// One conversation. See the crate's documentation.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    phase: Phase,
    /// The client's requests that were not answered yet.
    open: Open,
    /// Requests on their way to the server, ours among them.
    to_server: Table,
    /// Requests on their way to the client.
    to_client: Table,
    tools: Tools,
    fetch: Option<Fetch>,
    questions: Questions,
    calls: Quota,
    /// Notifications of the server.
    chatter: Quota,
    /// Requests of the server.
    errands: Quota,
    /// Notifications are being dropped, and that was recorded.
    hushed: bool,
    client_strikes: Strikes,
    server_strikes: Strikes,
    /// Names calls in records.
    next_call: u64,
    outputs: VecDeque<Output>,
}

impl Session {
    /// A conversation in which nothing was said yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        let calls = Quota::new(settings.limits.calls_per_minute, Duration::from_secs(60));
        let questions = Questions::new(settings.dice);
        Self {
            settings,
            phase: Phase::Greeting,
            open: Open::default(),
            to_server: Table::default(),
            to_client: Table::default(),
            tools: Tools::default(),
            fetch: None,
            questions,
            calls,
            chatter: Quota::new(500, Duration::from_secs(10)),
            errands: Quota::new(500, Duration::from_secs(10)),
            hushed: false,
            client_strikes: Strikes::default(),
            server_strikes: Strikes::default(),
            next_call: 0,
            outputs: VecDeque::new(),
        }
    }

    /// A peer sent a well-formed message.
    pub fn receive(&mut self, from: Peer, message: Message, now: Instant) {
        if self.is_closed() {
            return;
        }
        match (from, message) {
            (Peer::Client, Message::Request(request)) => self.client_request(request, now),
            (Peer::Client, Message::Notification(said)) => self.client_notification(said, now),
            (Peer::Client, Message::Response(response)) => self.client_response(response, now),
            (Peer::Server, Message::Request(request)) => self.server_request(request, now),
            (Peer::Server, Message::Notification(said)) => self.server_notification(said, now),
            (Peer::Server, Message::Response(response)) => self.server_response(response, now),
        }
    }

    /// A peer sent something that is not a message.
    pub fn malformed(&mut self, from: Peer, malformed: &Malformed, now: Instant) {
        if self.is_closed() {
            return;
        }
        self.strike(from, malformed, now);
    }

    /// A person answered. A late or forged ticket finds nothing, and nothing happens.
    pub fn answer(&mut self, ticket: Ticket, answer: Answer, now: Instant) {
        self.person_answered(ticket, answer, now);
    }

    /// Some call still waits for a person under this ticket.
    ///
    /// To be asked before a yes is taken from the store: a yes that nobody waits
    /// for any more belongs to the same call tried again.
    #[must_use]
    pub fn is_waiting(&self, ticket: Ticket) -> bool {
        self.questions.is_asking(ticket)
    }

    /// The store answered a [`Output::Consult`].
    pub fn advise(&mut self, ticket: Ticket, fact: Fact, now: Instant) {
        self.store_answered(ticket, fact, now);
    }

    /// A peer is gone: everybody who waits is answered, and the session ends.
    pub fn closed(&mut self, peer: Peer, now: Instant) {
        let closing = match peer {
            Peer::Client => Closing::ClientGone,
            Peer::Server => Closing::ServerGone,
        };
        self.close(closing, now);
    }

    /// The journal failed: what was about to leave does not, and calls stop.
    ///
    /// Outputs that were not polled yet are dropped with their permits; whoever
    /// waits for one of them is told so.
    pub fn journal_failed(&mut self) {
        self.keep_only_answers();
        self.close_unrecorded();
    }

    /// The clock reached [`Session::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        if !self.is_closed() {
            self.expire(now);
        }
    }

    /// What to do next; `None` when there is nothing until something happens.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`Session::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_timeout()
    }

    /// Nobody waits for anything.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.open.len() == 0 && self.to_client.len() == 0
    }

    /// The conversation is over; nothing will ever pass again.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// A record with the parties filled in, for events that the caller saw.
    #[must_use]
    pub fn record(&self, event: Event) -> Record {
        let Settings { session, server, principal, .. } = &self.settings;
        Record::new(event, session, server, principal)
    }

    /// Keeps a record of something that no message caused.
    pub fn note(&mut self, record: Record) {
        self.outputs.push_back(Output::Record(Box::new(record)));
    }

    /// Ends the conversation because a peer floods.
    fn cut_off(&mut self, peer: Peer, now: Instant) {
        let closing = match peer {
            Peer::Client => Closing::ClientFlooded,
            Peer::Server => Closing::ServerFlooded,
        };
        let mut record = self.record(Event::Denied);
        record.decision = Decision::deny(MESSAGE_BOUNDED, closing.to_string());
        self.note(record);
        self.close(closing, now);
    }
}
