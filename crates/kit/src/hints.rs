//! What a tool says of itself, in the four words of the protocol.

use rmcp::model::ToolAnnotations;

/// A tool's annotations (MCP 2025-03-26 and later, `ToolAnnotations`). There is no
/// default: each is one of these, refined where the tool is milder or wilder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hints {
    read_only: bool,
    destructive: bool,
    idempotent: bool,
    open_world: bool,
}

impl Hints {
    /// It looks, and changes nothing.
    #[must_use]
    pub const fn reads() -> Self {
        Self { read_only: true, destructive: false, idempotent: true, open_world: false }
    }

    /// It adds, and takes nothing away.
    #[must_use]
    pub const fn adds() -> Self {
        Self { read_only: false, destructive: false, idempotent: false, open_world: false }
    }

    /// It changes or removes what was there.
    #[must_use]
    pub const fn destroys() -> Self {
        Self { read_only: false, destructive: true, idempotent: false, open_world: false }
    }

    /// The same again changes nothing more.
    #[must_use]
    pub const fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// It meets things outside of this machine, or outside of anybody's control.
    #[must_use]
    pub const fn open_world(mut self) -> Self {
        self.open_world = true;
        self
    }

    /// Whether it only looks.
    #[must_use]
    pub const fn is_read_only(self) -> bool {
        self.read_only
    }

    pub(crate) fn annotations(self, title: &str) -> ToolAnnotations {
        ToolAnnotations::with_title(title)
            .read_only(self.read_only)
            .destructive(self.destructive)
            .idempotent(self.idempotent)
            .open_world(self.open_world)
    }
}
