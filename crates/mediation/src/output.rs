//! What the caller must do next, in order.

use std::fmt;

use portcullis_guard::path::{Root, Roots};
use portcullis_journal::Record;
use portcullis_policy::{Answer, Permitted};
use portcullis_wire::{Message, Peer};

use crate::approval::{ApprovalId, ApprovalKey, Question};
use crate::drift::Acceptance;
use crate::newcomer::Admission;
use crate::pin::Sighting;

/// One thing to do. The caller drains them with `Session::poll_output`, does
/// each before the next, and tells the session when one fails.
#[derive(Debug)]
pub enum Output {
    /// Make it durable before anything that follows (invariant 6).
    Record(Box<Record>),
    /// Send somebody else's message on.
    Forward(Peer, Permitted<Message>),
    /// Send a message of our own: an answer, a refusal, a question to a peer.
    Reply(Peer, Permitted<Message>),
    /// Look at a directory that the host offers, then `looked`.
    Look(Box<Root>),
    /// A person said yes to a directory: hold it against what was shown, then make it a part of
    /// the ceiling with `set_ceiling`, or say why not with `not_admitted`.
    Admit(Box<Admission>),
    /// The box must show these roots from now on, and no others.
    Roots(Box<Roots>),
    /// Send the answers to one batch in one line (2025-03-26).
    Together(Peer, Vec<Permitted<Message>>),
    /// Ask the store whether this call was already answered, then `advise`.
    Consult(Ticket, Box<ApprovalKey>),
    /// Show this to a person, then `answer`.
    Ask(Ticket, Box<Question>),
    /// A person answered a question in the host, by the name of the last word: store it,
    /// as any other answer.
    Decided(ApprovalId, Answer, String),
    /// The host was asked, and nobody is there: call a person in another way.
    Unanswered(ApprovalId),
    /// A person accepted this: pin it where it still waits like this, then `repinned`.
    Accept(Box<Acceptance>),
    /// Keep what was seen beside the pins.
    Sighted(Box<Sighting>),
    /// Nobody waits for this answer any more: it is no.
    Withdraw(ApprovalId),
    /// Keep this line in the side log; it is redacted and bounded.
    Log(String),
    /// The conversation is over.
    Close(Closing),
}

/// The name of a parked message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ticket(pub(crate) u64);

/// Why a conversation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The host closed its pipe.
    ClientGone,
    /// The server died or closed its pipe.
    ServerGone,
    /// The client sent more that may not pass than anybody does by mistake.
    ClientFlooded,
    /// The server sent more that may not pass than anybody does by mistake.
    ServerFlooded,
    /// The peers agreed on a revision that we cannot judge.
    RevisionUnknown,
    /// The journal cannot be written.
    JournalFailed,
}

impl fmt::Display for Closing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientGone => "the host closed the pipe",
            Self::ServerGone => "the server ended",
            Self::ClientFlooded => "the host sent too many lines that may not pass",
            Self::ServerFlooded => "the server sent too many lines that may not pass",
            Self::RevisionUnknown => "the peers speak a revision that is not judged here",
            Self::JournalFailed => "the journal cannot be written",
        })
    }
}
