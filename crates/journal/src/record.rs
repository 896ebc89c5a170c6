//! The record: one thing that happened, before it is sealed.
//!
//! The mind builds a [`Record`]; `seq`, `time`, `prev` and `hash` are added when
//! the chain seals it. This is the only module that knows the record's shape
//! (invariant 9); `schema/record.json` is generated from it.

use portcullis_policy::{Decision, Principal, ServerName};
use serde::Serialize;

use crate::redact::{ArgumentsDigest, Redacted};

/// One thing that happened, as the journal tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// What kind of thing.
    pub event: Event,
    /// The session's name, random per process.
    pub session: String,
    /// Our name for the server.
    pub server: ServerName,
    /// Who acted.
    pub principal: Principal,
    /// Which way the message went; none for events of our own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// The JSON-RPC method.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The tool, prompt or resource that was named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// The client's own name for its request, for whoever waits with it. It is in no journal:
    /// `call` pairs what is written there.
    #[serde(skip)]
    pub request: Option<String>,
    /// Pairs an intent with its outcome within a session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<u64>,
    /// The arguments, redacted by type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments: Option<Redacted>,
    /// Keyed digest of the canonical arguments.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arguments_digest: Option<ArgumentsDigest>,
    /// What was decided, and why.
    pub decision: Decision,
    /// The fingerprint of the policy under which it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// The approval that was asked for or used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<String>,
    /// Keyed digest of what was asked, where a person put something else in its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked_digest: Option<ArgumentsDigest>,
    /// Who did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited_by: Option<String>,
    /// The grant that let it through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// From forward to outcome, in microseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_us: Option<u64>,
    /// The box the server runs in: level and self-test; on `started` records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confinement: Option<serde_json::Value>,
    /// Anything else a person should read; redacted before it gets here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What kind of thing happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// A message is about to be forwarded.
    Intent,
    /// A forwarded request ended.
    Outcome,
    /// Something was refused, with an answer to its sender.
    Denied,
    /// Something was dropped without an answer.
    Dropped,
    /// Something was changed on its way through.
    Rewritten,
    /// A person is asked.
    Asked,
    /// A person answered, or the question ended without an answer.
    Answered,
    /// A server was started in its box.
    Started,
    /// What a server offers was pinned, or a person accepted or forgot pins.
    Pinned,
    /// A server shows something else than what is pinned.
    Drifted,
    /// A session ended.
    Ended,
    /// Something worth knowing that is none of the above.
    Notice,
}

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// From the host.
    ClientToServer,
    /// From the server.
    ServerToClient,
}

/// How a forwarded request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The server answered with a result.
    Ok,
    /// The server answered with a tool result that says `isError`.
    ToolError,
    /// The server answered with a JSON-RPC error.
    Error,
    /// The client took it back.
    Cancelled,
    /// The deadline passed.
    TimedOut,
    /// The server died or closed its pipe.
    ServerGone,
    /// The server's answer was not let through.
    Refused,
}

impl Record {
    /// A record with nothing but the parties; the rest is filled in by name.
    #[must_use]
    pub fn new(event: Event, session: &str, server: &ServerName, principal: &Principal) -> Self {
        Self {
            event,
            session: session.to_owned(),
            server: server.clone(),
            principal: principal.clone(),
            direction: None,
            method: None,
            tool: None,
            request: None,
            call: None,
            arguments: None,
            arguments_digest: None,
            decision: Decision::default(),
            policy: None,
            approval: None,
            asked_digest: None,
            edited_by: None,
            grant: None,
            outcome: None,
            duration_us: None,
            confinement: None,
            note: None,
        }
    }
}
