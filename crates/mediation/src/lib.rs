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
//! asked; `waiting.rs` says about what, `in_host.rs` and `away.rs` what the host has to do with it), `settle.rs` (recorded, permitted, sent), `answer.rs` (what comes
//! back), `tasks.rs` (what comes later), `input.rs` (what the server asks) and `brought.rs`
//! (what answers that); `bridge.rs` stands between peers of two eras; `newcomer.rs` is about directories. [`approval`] says what a yes covers, [`edit`] what of a question a
//! person may change (`edited.rs` holds it to everything again), [`grant`] and
//! [`cover`] what one that lasts does, [`pin`] what was approved of a server; `control/`
//! holds one file for each thing that is judged;
//! `correlate.rs` remembers who waits for what; [`without`] is for tests that leave a
//! layer out.

#![deny(clippy::indexing_slicing, clippy::string_slice)]

pub mod aggregate;
mod answer;
pub mod approval;
mod away;
mod batch;
mod bridge;
mod brought;
mod call;
mod carried;
mod carries;
mod client;
mod control;
mod correlate;
pub mod cover;
mod drift;
pub mod edit;
mod edited;
mod fetch;
pub mod grant;
mod handshake;
mod in_host;
mod input;
mod inspect;
mod judged;
mod listing;
mod lists;
mod newcomer;
pub mod output;
pub mod pin;
mod question;
mod restart;
mod revise;
mod rewrite;
mod roots;
mod sealed;
mod server;
pub mod settings;
mod settle;
pub mod shares;
mod state;
mod subscriptions;
mod tasks;
mod time;
mod waiting;
pub mod without;

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use portcullis_catalog::control::MESSAGE_BOUNDED;
use portcullis_journal::{Event, Record};
use portcullis_policy::{Answer, Decision};
use portcullis_wire::view::mirrored;
use portcullis_wire::view::tool::ToolCall;
use portcullis_wire::{Id, Json, Malformed, Message, Peer};

pub use approval::{ApprovalId, ApprovalKey, Fact, Fingerprint, Matter, Question};
pub use control::approve_by_risk::tier_of;
pub use control::callers_authenticated::{not_theirs, unknown as unknown_caller};
pub use control::calls_per_minute::{Quota, Tally};
pub use control::scopes_sufficient::judge as judge_scopes;
pub use cover::Cover;
pub use drift::{Acceptance, Drift};
pub use edit::Edited;
pub use grant::{Grant, Remembered};
pub use handshake::refused_before_session;
pub use in_host::{Place, Shown};
pub use newcomer::{Admission, Newcomer};
pub use output::{Closing, Output, Ticket};
pub use sealed::SealKey;
pub use settings::{Limits, MayAsk, Settings};
pub use settle::{answer_of_ours, not_started};
pub use shares::Shares;
pub use without::{Layer, Without};

use bridge::Bridge;
use control::definition_pinned::Watched;
use control::flows_apart::Gathered;
use control::input_requests_capped::Asking;
use control::lists_stable::Lists;
use control::message_bounded::Strikes;
use control::policy_obeyed::Allowances;
use control::prompt_arguments_declared::Prompts;
use control::rates_kept::{Chatter, Rates};
use control::roots_followed::Scope;
use control::tasks_bounded;
use control::tasks_owned::Owned;
use correlate::{Open, Table};
use fetch::Fetch;
use in_host::InHost;
use listing::Tools;
use newcomer::Newcomers;
use question::Questions;
use restart::Standing;
use sealed::Seals;
use state::Phase;

/// One conversation. See the crate's documentation.
#[derive(Debug)]
pub struct Session {
    settings: Settings,
    phase: Phase,
    /// What decides which roots are in force.
    scope: Scope,
    /// What the host offered that a person is asked about.
    newcomers: Newcomers,
    /// What the server reached for outside of its box, for the next question.
    wishes: Vec<String>,
    /// What a fresh process would have to be told.
    standing: Standing,
    /// The client's requests that were not answered yet.
    open: Open,
    /// Requests on their way to the server, ours among them.
    to_server: Table,
    /// Requests on their way to the client.
    to_client: Table,
    tools: Tools,
    prompts: Prompts,
    fetch: Option<Fetch>,
    questions: Questions,
    /// The host as a channel.
    in_host: InHost,
    watched: Watched,
    /// What was listed before.
    lists: Lists,
    /// What calls brought into the session.
    gathered: Gathered,
    calls: Quota,
    /// What policies allow per time.
    allowances: Allowances,
    /// Notifications of the server.
    chatter: Chatter,
    /// Each kind of notification by itself.
    rates: Rates,
    /// Resources whose updates the client wants (until 2025-11-25).
    subscribed: BTreeSet<String>,
    /// What the client keeps for us.
    seals: Seals,
    /// Calls that go on after their answer.
    tasks: Owned,
    /// Requests for all of them.
    listings: Quota,
    /// Requests of the server.
    errands: Quota,
    /// How often it asked for the model and the person.
    asking: Asking,
    /// Where it sent the person, by its own names (2025-11-25).
    asked_links: VecDeque<String>,
    client_strikes: Strikes,
    server_strikes: Strikes,
    /// Lines of several messages whose answers are not complete.
    batches: Vec<batch::Batch>,
    /// Names calls in records.
    next_call: u64,
    outputs: VecDeque<Output>,
    /// Stands before the server, which may be of the other era.
    bridge: Bridge,
    /// What is to be done before the outputs: it has crossed the bridge.
    past_bridge: VecDeque<Output>,
    /// When we were last told the time.
    told: Option<Instant>,
}

impl Session {
    /// A conversation in which nothing was said yet.
    #[must_use]
    pub fn new(mut settings: Settings) -> Self {
        settings.inspect = settings.without.inspect(settings.inspect);
        let calls = Quota::new(settings.limits.calls_per_minute, Duration::from_secs(60));
        let questions = Questions::new(settings.dice);
        let asking = Asking::new(&settings.may_ask);
        let scope = Scope::new(&settings.roots, settings.cwd.as_deref(), &settings.policy);
        let newcomers = Newcomers::below(&settings.askable);
        let bridge = Bridge::new(settings.limits.call_ceiling);
        Self {
            settings,
            phase: Phase::Greeting,
            scope,
            newcomers,
            wishes: Vec::new(),
            standing: Standing::default(),
            open: Open::default(),
            to_server: Table::default(),
            to_client: Table::default(),
            tools: Tools::default(),
            prompts: Prompts::default(),
            fetch: None,
            questions,
            in_host: InHost::default(),
            watched: Watched::default(),
            lists: Lists::default(),
            gathered: Gathered::default(),
            calls,
            allowances: Allowances::default(),
            chatter: Chatter::default(),
            rates: Rates::default(),
            subscribed: BTreeSet::new(),
            seals: Seals::default(),
            tasks: Owned::default(),
            listings: tasks_bounded::polls(),
            errands: Quota::new(500, Duration::from_secs(10)),
            asking,
            asked_links: VecDeque::new(),
            client_strikes: Strikes::default(),
            server_strikes: Strikes::default(),
            batches: Vec::new(),
            next_call: 0,
            outputs: VecDeque::new(),
            bridge,
            past_bridge: VecDeque::new(),
            told: None,
        }
    }

    /// A peer sent a well-formed message.
    pub fn receive(&mut self, from: Peer, message: Message, now: Instant) {
        self.told = Some(now);
        if self.is_closed() {
            return;
        }
        match from {
            Peer::Client => self.judge_message(from, message, now),
            Peer::Server => self.server_says(message, now),
        }
    }

    /// A request of 2026-07-28 that is about to be received came over HTTP, with these
    /// `Mcp-Param-*` headers: each by the rest of its name, and decoded.
    pub fn mirror(&mut self, id: Id, said: Vec<(String, String)>) {
        self.open.mirror(id, said);
    }

    /// A server over HTTP said this in its answer to that request, so it belongs to it.
    pub fn receive_within(&mut self, request: &Id, message: Message, now: Instant) {
        self.bridge.within(Some(request.clone()));
        self.receive(Peer::Server, message, now);
        self.bridge.within(None);
    }

    /// The same, past the bridge.
    fn judge_message(&mut self, from: Peer, message: Message, now: Instant) {
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
        self.told = Some(now);
        if self.is_closed() {
            return;
        }
        self.strike(from, malformed, now);
    }

    /// A person answered. A late or forged ticket finds nothing, and nothing happens.
    pub fn answer(&mut self, ticket: Ticket, answer: Answer, now: Instant) {
        self.told = Some(now);
        self.person_answered(ticket, answer, now);
        self.take_back_forms(now);
    }

    /// A person put something else in the place of what they were asked, and said yes to
    /// that. It goes on if it holds what the content itself had to hold.
    pub fn answer_edited(&mut self, ticket: Ticket, edited: &Edited, now: Instant) {
        self.told = Some(now);
        self.person_edited(ticket, edited, now);
        self.take_back_forms(now);
    }

    /// Some call still waits for a person under this ticket.
    ///
    /// To be asked before a yes is taken from the store: a yes that nobody waits
    /// for any more belongs to the same call tried again.
    #[must_use]
    pub fn is_waiting(&self, ticket: Ticket) -> bool {
        self.questions.is_asking(ticket)
    }

    /// The store answered a [`Output::Consult`], and knows of no grants.
    pub fn advise(&mut self, ticket: Ticket, fact: Fact, now: Instant) {
        self.advise_with(ticket, fact, &Remembered::default(), now);
    }

    /// The store answered a [`Output::Consult`], and this is what else it remembers.
    pub fn advise_with(
        &mut self,
        ticket: Ticket,
        fact: Fact,
        remembered: &Remembered,
        now: Instant,
    ) {
        self.told = Some(now);
        self.store_answered(ticket, fact, remembered, now);
        self.take_back_forms(now);
    }

    /// The session and the project that grants may be bound to.
    #[must_use]
    pub fn binds(&self) -> (&str, &str) {
        (&self.settings.session, &self.settings.project)
    }

    /// Grants that stand while a call waits; true when one of them answered for it.
    pub fn stand(&mut self, ticket: Ticket, grants: &[Grant], now: Instant) -> bool {
        self.told = Some(now);
        let stood = self.grants_came(ticket, grants, now);
        self.take_back_forms(now);
        stood
    }

    /// A peer is gone: everybody who waits is answered, and the session ends.
    pub fn closed(&mut self, peer: Peer, now: Instant) {
        self.told = Some(now);
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
        self.past_bridge.clear();
        self.bridge.stop();
        self.keep_only_answers();
        self.close_unrecorded();
    }

    /// The clock reached [`Session::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        self.told = Some(now);
        if !self.is_closed() {
            self.bridge.expire(now);
            self.take_turns(now);
            self.expire(now);
            self.take_back_forms(now);
        }
    }

    /// What to do next; `None` when there is nothing until something happens.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.next_output()
    }

    /// When to call [`Session::handle_timeout`].
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.is_closed() {
            return None;
        }
        self.next_timeout().into_iter().chain(self.bridge.next()).min()
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

    /// The arguments of a call that travel as headers too, as the tool's definition in force says
    /// (2026-07-28, `x-mcp-header`).
    #[must_use]
    pub fn mirrored_arguments(&self, message: &Message) -> Vec<(String, String)> {
        let Message::Request(request) = message else { return Vec::new() };
        let modern = matches!(self.phase, Phase::Modern(_)) || self.bridge.is_down();
        if request.method != "tools/call" || !modern {
            return Vec::new();
        }
        let Ok(call) = ToolCall::read(request.params.as_ref()) else { return Vec::new() };
        let tool = self.tools.last(&call.name);
        let arguments = call.arguments.as_ref().map(Json::value);
        match (tool, arguments) {
            (Some(tool), Some(arguments)) => mirrored::arguments(&tool.input, &arguments),
            _ => Vec::new(),
        }
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
