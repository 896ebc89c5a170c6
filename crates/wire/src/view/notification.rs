//! Params of the notifications that are judged or rewritten on their way.

use super::{Fields, Misfit};
use crate::json::Json;
use crate::message::Id;

/// The params of `notifications/progress`.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    /// The token of the request it belongs to.
    pub token: Id,
    /// How far; grows with every notification.
    pub progress: f64,
    /// Out of how much.
    pub total: Option<f64>,
    /// For people.
    pub message: Option<String>,
}

impl Progress {
    /// Reads the params of a `notifications/progress`.
    ///
    /// # Errors
    /// [`Misfit`] naming the member.
    pub fn read(params: Option<&Json>) -> Result<Self, Misfit> {
        let known = ["progressToken", "progress", "total", "message", "_meta"];
        let fields = Fields::params(params, &known)?;
        let number = |name| {
            let read = |json: Json| json.read().map_err(|_| Misfit::new(name, "must be a number"));
            fields.any(name).map(read).transpose()
        };
        Ok(Self {
            token: fields
                .id("progressToken")?
                .ok_or(Misfit::new("progressToken", "is required"))?,
            progress: number("progress")?.ok_or(Misfit::new("progress", "is required"))?,
            total: number("total")?,
            message: fields.text("message")?,
        })
    }
}

/// The params of `notifications/cancelled`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    /// The request to cancel. 2025-11-25 lets it be absent (for tasks).
    pub request_id: Option<Id>,
    /// For people.
    pub reason: Option<String>,
}

impl Cancelled {
    /// Reads the params of a `notifications/cancelled`.
    ///
    /// # Errors
    /// [`Misfit`] naming the member.
    pub fn read(params: Option<&Json>) -> Result<Self, Misfit> {
        let fields = Fields::params(params, &["requestId", "reason", "_meta"])?;
        Ok(Self { request_id: fields.id("requestId")?, reason: fields.text("reason")? })
    }
}

/// Severity of a log message (RFC 5424, section 6.2.1), mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names are RFC 5424's and say it all")]
pub enum Level {
    Debug,
    Info,
    Notice,
    Warning,
    Error,
    Critical,
    Alert,
    Emergency,
}

impl Level {
    /// As written on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }

    /// Reads a level.
    pub fn parse(written: &str) -> Option<Self> {
        [
            Self::Debug,
            Self::Info,
            Self::Notice,
            Self::Warning,
            Self::Error,
            Self::Critical,
            Self::Alert,
            Self::Emergency,
        ]
        .into_iter()
        .find(|level| level.as_str() == written)
    }
}

fn level(fields: &Fields) -> Result<Level, Misfit> {
    let written = fields.required_text("level")?;
    Level::parse(&written).ok_or(Misfit::new("level", "is not a level"))
}

/// The params of `notifications/message`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogMessage {
    /// How bad.
    pub level: Level,
    /// Who says it.
    pub logger: Option<String>,
    /// What is said; any value.
    pub data: Json,
}

impl LogMessage {
    /// Reads the params of a `notifications/message`.
    ///
    /// # Errors
    /// [`Misfit`] naming the member.
    pub fn read(params: Option<&Json>) -> Result<Self, Misfit> {
        let fields = Fields::params(params, &["level", "logger", "data", "_meta"])?;
        Ok(Self {
            level: level(&fields)?,
            logger: fields.text("logger")?,
            data: fields.any("data").ok_or(Misfit::new("data", "is required"))?,
        })
    }
}
