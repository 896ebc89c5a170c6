//! Between a client of one era and a server of the other.
//!
//! The session speaks its client's era to both sides, and judges, asks and records as it
//! does between peers of one era. What it says to the server passes here last, and what
//! the server says passes here first: where both speak the same, untouched; where they do
//! not, a server of one era is made to look like one of the other.
//!
//! ```text
//!  client ◀──▶ Session ◀──▶ Bridge ◀──▶ server
//!                           Unknown ─┬─▶ Same    untouched
//!                            find.rs ├─▶ Down    legacy client, modern server   down.rs
//!                                    ├─▶ Up      modern client, legacy server   up.rs
//!                                    └─▶ Shut    nothing can be recorded: nothing passes
//! ```
//!
//! The client's first message goes to the server as it is, so peers of one era pay nothing.
//! An error that the other era would give, or silence, has the bridge ask the server in the
//! other era's way; what it is then is pinned for the session, and held against the revision
//! that it was known to speak (`control/revision_pinned.rs`) before anything passes.

mod down;
mod find;
mod join;
mod listeners;
mod open_calls;
mod streams;
mod up;
mod words;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use portcullis_policy::Decision;
use portcullis_wire::{Id, Message, Notification, Outcome, Request, Response, Revision};

use down::Down;
use find::Finding;
use up::Up;

use words::SPOKE_NEWER;

/// What the bridge wants done, in this order.
#[derive(Debug)]
pub(crate) enum Turn {
    /// The session hears this as if the server had said it.
    Hear(Message),
    /// The same of a result that leaves a call open, by the bridge's name for the call.
    Suspend(u64, Message),
    /// The server is told this.
    Say(Message),
    /// The server speaks this revision: may it? Then `agreed`.
    Spoke(Revision),
    /// The server said something that means nothing here.
    Drop(String, Decision),
    /// The server answered something that nobody waits for.
    Stray,
    /// A tool's definition is not what it was: the next call lists first.
    Outdated,
}

/// What stands between a session and its server. See the module's documentation.
#[derive(Debug)]
pub(crate) struct Bridge {
    side: Side,
    desk: Desk,
}

#[derive(Debug)]
enum Side {
    Unknown(Box<Finding>),
    Same,
    Down(Box<Down>),
    Up(Box<Up>),
    Shut,
}

/// What both ways across use: what is to be done, and names that are nobody else's.
#[derive(Debug)]
struct Desk {
    turns: VecDeque<Turn>,
    last: u64,
    /// How long the client may take to come back to a call that was left open.
    story: Duration,
    /// The request in whose answer the server says what it says, where that is known.
    within: Option<Id>,
}

impl Desk {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// An id of our own towards the server: a text, where the session's are numbers.
    fn id(&mut self) -> Id {
        Id::Text(format!("bridge-{}", self.number()))
    }

    fn hear(&mut self, message: Message) {
        self.turns.push_back(Turn::Hear(message));
    }

    fn say(&mut self, message: Message) {
        self.turns.push_back(Turn::Say(message));
    }

    /// Answers a request of the session.
    fn answer(&mut self, id: i64, outcome: Outcome) {
        self.hear(Message::Response(Response { id: Some(Id::Number(id)), outcome }));
    }

    /// Answers a request of the session with an error of ours.
    fn fail(&mut self, id: i64, code: i64, why: &str) {
        self.hear(Message::Response(Response::error(Some(Id::Number(id)), code, why)));
    }

    /// Asks the server something.
    fn ask(&mut self, id: Id, method: &str, params: portcullis_wire::Json) {
        let method = method.to_owned();
        self.say(Message::Request(Request { id, method, params: Some(params) }));
    }

    /// Takes a request back that the server has.
    fn cancel(&mut self, id: &Id) {
        self.say(Message::Notification(Notification::cancelled(id)));
    }

    fn drop(&mut self, method: Option<&str>, decision: Decision) {
        self.turns.push_back(Turn::Drop(method.unwrap_or_default().to_owned(), decision));
    }
}

impl Bridge {
    /// Nothing is known of the server yet.
    pub(crate) fn new(story: Duration) -> Self {
        let desk = Desk { turns: VecDeque::new(), last: 0, story, within: None };
        Self { side: Side::Unknown(Box::default()), desk }
    }

    /// The session says this to the server. True when the bridge took it; else it goes on
    /// as it is.
    pub(crate) fn takes(&mut self, message: &Message, now: Instant) -> bool {
        let desk = &mut self.desk;
        match &mut self.side {
            Side::Same => false,
            Side::Unknown(finding) => finding.takes(message, now),
            Side::Down(down) => {
                down.takes(message, desk);
                true
            }
            Side::Up(up) => {
                up.takes(message, desk, now);
                true
            }
            Side::Shut => true,
        }
    }

    /// The server says this. What comes back is for the session as it is.
    pub(crate) fn hears(&mut self, message: Message, now: Instant) -> Option<Message> {
        let desk = &mut self.desk;
        match &mut self.side {
            Side::Same => Some(message),
            Side::Unknown(finding) => {
                let (heard, same) = finding.hears(message, desk, now);
                if same {
                    self.is_same();
                }
                heard
            }
            Side::Down(down) => {
                down.hears(message, desk);
                None
            }
            Side::Up(up) => {
                up.hears(message, desk, now);
                None
            }
            Side::Shut => None,
        }
    }

    /// This is answered in place of a request that the server did not take. What comes back is
    /// heard like any other answer.
    pub(crate) fn not_taken(&mut self, answer: Response) -> Option<Response> {
        match &mut self.side {
            Side::Unknown(finding) => finding.not_taken(answer, &mut self.desk),
            Side::Same | Side::Down(_) | Side::Up(_) | Side::Shut => Some(answer),
        }
    }

    /// Both speak the same: what was held back goes on as it is.
    fn is_same(&mut self) {
        if let Side::Unknown(finding) = std::mem::replace(&mut self.side, Side::Same) {
            finding.held.into_iter().for_each(|message| self.desk.say(message));
        }
    }

    /// Whether the server may be what it was found to be.
    pub(crate) fn agreed(&mut self, may: bool, now: Instant) {
        let Side::Unknown(finding) = &mut self.side else { return };
        let Some(found) = finding.found.take() else { return };
        let (tried, held) = (std::mem::take(&mut finding.tried), std::mem::take(&mut finding.held));
        if !may {
            self.refuses(tried.into_values().map(Message::Request).chain(held));
            return;
        }
        self.side = match found {
            find::Found::Modern(down) => Side::Down(down),
            find::Found::Legacy(up) => {
                let method = "notifications/initialized".to_owned();
                let params = None;
                self.desk.say(Message::Notification(Notification { method, params }));
                Side::Up(up)
            }
        };
        for message in tried.into_values().map(Message::Request).chain(held) {
            self.takes(&message, now);
        }
    }

    /// The server is not who it was: whoever waits is told so. Who asks again has it looked at
    /// again, because somebody may have accepted what it is.
    fn refuses(&mut self, waiting: impl Iterator<Item = Message>) {
        self.side = Side::Unknown(Box::default());
        for message in waiting {
            if let Message::Request(Request { id: Id::Number(id), .. }) = message {
                self.desk.fail(id, -32603, SPOKE_NEWER);
            }
        }
    }

    /// What to do next.
    pub(crate) fn turn(&mut self) -> Option<Turn> {
        self.desk.turns.pop_front()
    }

    /// What the server says until the next word of this belongs to that request.
    pub(crate) fn within(&mut self, request: Option<Id>) {
        self.desk.within = request;
    }

    /// A legacy client's requests reach a modern server.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.side, Side::Down(_))
    }

    /// Whether client and server are of two eras.
    pub(crate) fn is_bridged(&self) -> bool {
        matches!(self.side, Side::Down(_) | Side::Up(_))
    }

    /// The revision of a legacy server under a modern client.
    pub(crate) fn legacy(&self) -> Option<Revision> {
        match &self.side {
            Side::Up(up) => Some(up.revision),
            _ => None,
        }
    }

    /// The server works on nothing that was left open.
    pub(crate) fn is_quiet(&self) -> bool {
        match &self.side {
            Side::Up(up) => up.is_quiet(),
            _ => true,
        }
    }

    /// Another process takes the server's place. What it speaks is known.
    pub(crate) fn restarted(&mut self) {
        match &mut self.side {
            Side::Unknown(finding) => **finding = Finding::default(),
            Side::Same | Side::Shut => {}
            Side::Down(down) => down.restarted(),
            Side::Up(up) => up.restarted(),
        }
    }

    /// Nothing may be recorded any more, so nothing that was held back goes on.
    pub(crate) fn stop(&mut self) {
        self.side = Side::Shut;
        self.desk.turns.clear();
    }

    /// Ends what is late.
    pub(crate) fn expire(&mut self, now: Instant) {
        match &mut self.side {
            Side::Unknown(finding) => finding.expire(&mut self.desk, now),
            Side::Up(up) => up.expire(&mut self.desk, now),
            Side::Same | Side::Down(_) | Side::Shut => {}
        }
    }

    /// When something is late.
    pub(crate) fn next(&self) -> Option<Instant> {
        match &self.side {
            Side::Unknown(finding) => finding.next(),
            Side::Up(up) => up.next(),
            Side::Same | Side::Down(_) | Side::Shut => None,
        }
    }

    /// A call that the server left open waits under the client's id.
    pub(crate) fn offered(&mut self, call: u64, client: Option<Id>) {
        if let Side::Up(up) = &mut self.side {
            up.offered(call, client);
        }
    }

    /// The question of such a call went to the client, under this state of ours.
    pub(crate) fn given(&mut self, state: Option<&str>) {
        if let (Side::Up(up), Some(state)) = (&mut self.side, state) {
            up.given(state);
        }
    }

    /// Lets go of calls whose question never went to the client, and whose request is over.
    pub(crate) fn abandon(&mut self, is_open: impl Fn(&Id) -> bool, now: Instant) {
        if let Side::Up(up) = &mut self.side {
            up.abandon(&mut self.desk, is_open, now);
        }
    }
}
