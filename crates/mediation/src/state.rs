//! Where a conversation stands: a struct per state, an enum to hold them.
//!
//! ```text
//!             initialize                result             initialized
//!  Greeting ─────────────▶ Shaking ─────────────▶ Shaken ───────────────▶ Legacy
//!     │  ▲                    │ error
//!     │  └────────────────────┘
//!     │ request with modern `_meta`        first result
//!     ├───────────────────────▶ Modern(unsure) ─────────▶ Modern(sure)
//!     ◀── initialize (server turned out legacy) ──┘
//!
//!  any ── a peer is gone, floods, or the journal fails ──▶ Closed
//! ```

use portcullis_wire::{Era, Revision};
use serde_json::Value;

/// The state of one conversation.
#[derive(Debug)]
pub(crate) enum Phase {
    /// Nothing was agreed yet.
    Greeting,
    /// `initialize` is on its way.
    Shaking(Shaking),
    /// The server answered; the client has not confirmed yet.
    Shaken(Agreed),
    /// A legacy session.
    Legacy(Agreed),
    /// A modern conversation; `initialize` may still come until `sure`.
    Modern(Modern),
    /// Over.
    Closed,
}

/// The handshake under way.
#[derive(Debug)]
pub(crate) struct Shaking {
    /// What the client declared, clamped to what we let it declare.
    pub(crate) client: Value,
    /// What the client declared for itself.
    pub(crate) claimed: Value,
}

/// What both sides declared, frozen for the session (MCP-CAP-03).
#[derive(Debug)]
pub(crate) struct Agreed {
    pub(crate) revision: Revision,
    pub(crate) client: Value,
    pub(crate) claimed: Value,
    pub(crate) server: Value,
}

/// A modern conversation: every request declares itself, under a ceiling.
#[derive(Debug)]
pub(crate) struct Modern {
    /// What the client's first request declared, clamped.
    pub(crate) ceiling: Value,
    /// What the server's first discovery declared; unknown until then.
    pub(crate) server: Option<Value>,
    /// The server has given a modern result.
    pub(crate) sure: bool,
}

impl Phase {
    /// The revision whose method table is in force.
    pub(crate) fn revision(&self) -> Option<Revision> {
        match self {
            Self::Shaken(agreed) | Self::Legacy(agreed) => Some(agreed.revision),
            Self::Modern(_) => Some(Revision::V2026_07_28),
            Self::Greeting | Self::Shaking(_) => Some(Revision::latest_legacy()),
            Self::Closed => None,
        }
    }

    /// The era, for the shape of answers.
    pub(crate) fn era(&self) -> Era {
        if let Self::Modern(_) = self { Era::Modern } else { Era::Legacy }
    }

    /// What the client may use, as we let it declare it.
    pub(crate) fn client_capabilities(&self) -> Option<&Value> {
        match self {
            Self::Shaken(agreed) | Self::Legacy(agreed) => Some(&agreed.client),
            Self::Modern(modern) => Some(&modern.ceiling),
            _ => None,
        }
    }

    /// What the client said of itself.
    pub(crate) fn claimed_capabilities(&self) -> Option<&Value> {
        match self {
            Self::Shaken(agreed) | Self::Legacy(agreed) => Some(&agreed.claimed),
            _ => None,
        }
    }

    /// What the server declared.
    pub(crate) fn server_capabilities(&self) -> Option<&Value> {
        match self {
            Self::Shaken(agreed) | Self::Legacy(agreed) => Some(&agreed.server),
            Self::Modern(modern) => modern.server.as_ref(),
            _ => None,
        }
    }
}
