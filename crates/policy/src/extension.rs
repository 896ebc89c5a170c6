//! Which extensions of the protocol an operator lets two peers agree on.

use std::collections::BTreeSet;
use std::fmt;

/// An extension that can be judged here. There is no way to allow any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extension {
    /// Calls whose result comes later; in 2025-11-25 a part of the core.
    Tasks,
    /// Pages of a server's own that the host shows.
    Ui,
}

impl Extension {
    /// Every extension with its id.
    pub const ALL: [(&'static str, Self); 2] =
        [("io.modelcontextprotocol/tasks", Self::Tasks), ("io.modelcontextprotocol/ui", Self::Ui)];

    /// Its id, in files and in `capabilities.extensions`.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Tasks => "io.modelcontextprotocol/tasks",
            Self::Ui => "io.modelcontextprotocol/ui",
        }
    }

    /// Reads an id.
    #[must_use]
    pub fn parse(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == id).map(|(_, extension)| extension)
    }
}

impl fmt::Display for Extension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

/// What the operator listed; nothing unless said.
pub type Extensions = BTreeSet<Extension>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_read_as_it_is_written_and_nothing_else_is() {
        for (id, extension) in Extension::ALL {
            assert_eq!((extension.id(), Extension::parse(id)), (id, Some(extension)));
        }
        for other in ["tasks", "io.modelcontextprotocol/Tasks", "com.example/tasks", "*", ""] {
            assert_eq!(Extension::parse(other), None, "{other}");
        }
    }
}
