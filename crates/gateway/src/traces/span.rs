//! A span that is over.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Something that took its time.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    pub(super) trace: [u8; 16],
    pub(super) id: [u8; 8],
    pub(super) parent: Option<[u8; 8]>,
    /// Its parent is in another process.
    pub(super) parent_is_remote: bool,
    pub(super) kind: Kind,
    pub(super) name: String,
    /// Nanoseconds since 1970.
    pub(super) began: u64,
    pub(super) ended: u64,
    pub(super) attributes: Vec<(&'static str, Value)>,
    pub(super) failed: bool,
}

/// On which side of a request we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Whoever is asked.
    Server,
    /// Whoever asks.
    Client,
}

/// What an attribute says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A word of ours.
    Word(&'static str),
    Text(String),
    Number(i64),
    Words(Vec<String>),
}

/// When a moment was, by a clock that is looked at now.
pub(super) fn at(moment: Instant) -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let then = now.saturating_sub(moment.elapsed());
    u64::try_from(then.as_nanos()).unwrap_or(u64::MAX)
}
