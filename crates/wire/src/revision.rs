//! The dated specifications we speak.

use std::fmt;

/// A revision of the Model Context Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Revision {
    /// 2024-11-05: the first.
    V2024_11_05,
    /// 2025-03-26: hints about tools, audio, and batches, which nobody kept.
    V2025_03_26,
    /// 2025-06-18: elicitation, structured results, no batches.
    V2025_06_18,
    /// 2025-11-25: elicitation by URL, sampling with tools.
    V2025_11_25,
    /// 2026-07-28: no session, no requests from the server.
    V2026_07_28,
}

/// Two ways to hold a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Era {
    /// `initialize` opens a session (up to 2025-11-25).
    Legacy,
    /// Every request says in `_meta` what it needs (2026-07-28).
    Modern,
}

impl Revision {
    /// Every revision we speak, oldest first.
    pub const SUPPORTED: &'static [Self] = &[
        Self::V2024_11_05,
        Self::V2025_03_26,
        Self::V2025_06_18,
        Self::V2025_11_25,
        Self::V2026_07_28,
    ];

    /// As written in `protocolVersion`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V2024_11_05 => "2024-11-05",
            Self::V2025_03_26 => "2025-03-26",
            Self::V2025_06_18 => "2025-06-18",
            Self::V2025_11_25 => "2025-11-25",
            Self::V2026_07_28 => "2026-07-28",
        }
    }

    /// Reads a `protocolVersion`; `None` for a revision we do not speak.
    pub fn parse(written: &str) -> Option<Self> {
        Self::SUPPORTED.iter().copied().find(|revision| revision.as_str() == written)
    }

    /// Which of the two ways this revision talks.
    pub const fn era(self) -> Era {
        match self {
            Self::V2024_11_05 | Self::V2025_03_26 | Self::V2025_06_18 | Self::V2025_11_25 => {
                Era::Legacy
            }
            Self::V2026_07_28 => Era::Modern,
        }
    }

    /// Whether a line may hold several messages at once (2025-03-26 alone).
    pub const fn has_batches(self) -> bool {
        matches!(self, Self::V2025_03_26)
    }

    /// What to offer in `initialize`.
    pub const fn latest_legacy() -> Self {
        Self::V2025_11_25
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
