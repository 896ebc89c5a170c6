//! What one line of a case says.
//!
//! ```text
//! client  METHOD {params}            a request; a notification when METHOD starts with notifications/
//! client  tools/call NAME {args}     short for tools/call {"name": NAME, "arguments": {args}}
//! client  raw BYTES                  exactly these bytes: \n \r \t \\ \xNN are escapes, no newline is added
//! client  result {result}            answers the oldest request that it received and has not answered
//! client  error CODE "text"          the same, with an error
//! client  closes                     closes its side
//! client  16 times METHOD {params}   any of the above so often; with raw, the bytes so often
//! client  < METHOD {params}          the next request or notification it received has at least these params
//! client  < result {result}          the next answer it received
//! client  < error CODE "text"        the same, an error; the text, when given, is part of its message
//! client  < refused "text"           the same, a tool result with isError whose text contains this
//! client  < batch 2                  the answers to a raw batch came in one line, so many of them; each is expected by a line of its own
//! client  < nothing                  nothing arrived that an earlier line did not name
//! server  …                          all of the above but `closes` and `refused`; and
//! server  dies                       the process ends
//! person? TEXT                       the oldest question that waits contains TEXT, see [`question`]
//! person? nothing                    no question waits
//! person  approves | denies          the oldest question that waits; when none does, the last one, too late
//! person  edits {content}            a yes to this in the place of what the oldest question is about
//! person  grants session 2            the same, a yes until the session ends (or `10m`, `project`, `always`) to the second of its covers
//! person  revokes                     takes back the grant that was given last
//! person  accepts NAME               accepts what drifted under this name; without a name, all of it
//! wait    60s                        time passes: ms, s, m or h
//! journal WORD: control-id (text)    the next record of that word; control and text may be left out
//! journal nothing                    nothing was recorded since the record that a line named last
//! journal lacks TEXT                 no record of the case contains this anywhere
//! journal fails                      from here on nothing can be written to it
//! ```
//!
//! A peer checks every answer on arrival: one that it does not wait for (any
//! more) fails the case. Requests and notifications are one row, answers are
//! another. In what a peer sends or must receive, the texts `"<sent 2>"`,
//! `"<got 2>"` and `"<token 2>"` stand for the id of the second request that this
//! peer sent in the case, the id of the second one that it received, and that
//! one's progress token; `"<cursor 1>"`, `"<state 1>"` and `"<task 1>"` for the first
//! `nextCursor`, `requestState` and `taskId` that it got in a result. The text of a journal line is part of a reason, or of
//! any other text in the record.
//!
//! Expected values are compared by [`crate::subset()`]. A blank line and a line
//! that starts with `#` say nothing.

use std::time::Duration;

use serde_json::Value;

/// One line of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Where it stands in its file, from 1.
    pub line: usize,
    /// The line as written, for messages.
    pub text: String,
    /// What it says.
    pub what: What,
}

/// What happens, or must have happened.
#[derive(Clone, Debug, PartialEq)]
pub enum What {
    /// A peer does something.
    Sends(Side, Sent),
    /// A peer must have received something.
    Receives(Side, Received),
    /// A question must wait, and contain this; or none may wait.
    Asked(Option<String>),
    /// The person answers the question that waits.
    Answers(Answer),
    /// A person says yes to something else in the place of the oldest question's content.
    Edits(Value),
    /// The person says yes to the question that waits and, for so long, to calls of one
    /// of its covers.
    Grants {
        /// For how long, in the words of `approvals approve --for`.
        lasts: String,
        /// Which cover, from 1.
        cover: usize,
    },
    /// The person takes the last grant back.
    Revokes,
    /// The person accepts what drifted, all of it or what has this name.
    Accepts(Option<String>),
    /// Time passes.
    Wait(Duration),
    /// The journal must say something.
    Journal(Journal),
}

/// Which peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The host's speaker.
    Client,
    /// What offers tools.
    Server,
}

/// What a peer does.
#[derive(Clone, Debug, PartialEq)]
pub enum Sent {
    /// Asks; the driver chooses the id.
    Request {
        /// The JSON-RPC method.
        method: String,
        /// Its parameters, when there are any.
        params: Option<Value>,
    },
    /// Tells.
    Notification {
        /// The JSON-RPC method.
        method: String,
        /// Its parameters, when there are any.
        params: Option<Value>,
    },
    /// Writes bytes as they are.
    Raw(Vec<u8>),
    /// Answers the oldest request it received.
    Result(Value),
    /// Refuses the oldest request it received.
    Error {
        /// The JSON-RPC code.
        code: i64,
        /// The message.
        message: String,
    },
    /// Ends: a client closes its pipe, a server dies.
    Ends,
}

/// What a peer must have received.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// A request or a notification with at least these parameters.
    Message {
        /// The JSON-RPC method.
        method: String,
        /// What its parameters contain.
        params: Option<Value>,
    },
    /// A result that contains this.
    Result(Value),
    /// An error.
    Error {
        /// The JSON-RPC code.
        code: i64,
        /// A part of its message.
        text: Option<String>,
    },
    /// A tool result with `isError` whose text contains this.
    Refused(String),
    /// A line with so many answers.
    Batch(usize),
    /// Nothing that was not expected by name.
    Nothing,
}

/// A person's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes.
    Approves,
    /// No.
    Denies,
}

/// What the journal must say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Journal {
    /// No record after the one that was named last.
    Nothing,
    /// No record contains this.
    Lacks(String),
    /// It cannot be written any more.
    Fails,
    /// A record.
    Says {
        /// What kind.
        word: Word,
        /// The control that must be among its reasons.
        control: Option<String>,
        /// A part of that reason, or of another text of the record.
        text: Option<String>,
    },
}

/// A record's kind, in the casebook's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Word {
    /// About to be forwarded (the journal's `intent`).
    Allowed,
    /// A person answered, or the question ended.
    Answered,
    /// A person is asked.
    Asked,
    /// Refused, with an answer.
    Denied,
    /// Dropped, without one.
    Dropped,
    /// A server shows something else than what is pinned.
    Drifted,
    /// The session ended.
    Ended,
    /// Worth knowing.
    Notice,
    /// A forwarded request ended.
    Outcome,
    /// Something was pinned.
    Pinned,
    /// Changed on its way.
    Rewritten,
    /// A server was started.
    Started,
}

impl Word {
    /// Every word with its spelling.
    pub const ALL: [(&'static str, Self); 12] = [
        ("allowed", Self::Allowed),
        ("answered", Self::Answered),
        ("asked", Self::Asked),
        ("denied", Self::Denied),
        ("drifted", Self::Drifted),
        ("dropped", Self::Dropped),
        ("ended", Self::Ended),
        ("notice", Self::Notice),
        ("outcome", Self::Outcome),
        ("pinned", Self::Pinned),
        ("rewritten", Self::Rewritten),
        ("started", Self::Started),
    ];

    /// The word that is spelled so.
    #[must_use]
    pub fn find(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(spelling, _)| *spelling == text).map(|(_, word)| *word)
    }

    /// Its spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, word)| *word == self).map_or("", |(spelling, _)| spelling)
    }

    /// The `event` that the journal writes for it.
    #[must_use]
    pub fn event(self) -> &'static str {
        if self == Self::Allowed { "intent" } else { self.as_str() }
    }
}

/// A question as the casebook reads it, whatever it looks like to a person:
/// `TOOL {"arguments": "as", "canonical": "JSON"} (RISK): REASON; REASON`. What is no
/// call has its kind in the tool's place: `sampling`, `sampling-answer`, `elicitation`.
#[must_use]
pub fn question(kind: &str, tool: &str, arguments: &str, risk: &str, reasons: &[String]) -> String {
    let what = if kind == "tool" { tool } else { kind };
    format!("{what} {arguments} ({risk}): {}", reasons.join("; "))
}
