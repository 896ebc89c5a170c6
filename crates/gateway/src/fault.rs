//! Why nothing was started: an owner, and one sentence for a person.

use std::fmt;

/// Something broke before the server could run.
#[derive(Debug)]
pub enum Fault {
    /// The operator asked for something that cannot be: exit code 2.
    Operator(String),
    /// A person has not said yes to the start: exit code 2.
    Unapproved {
        /// For the person.
        why: String,
        /// For the host that waits.
        public: String,
    },
    /// The box is weaker than asked: exit code 6.
    Weaker(String),
    /// The command cannot be found: exit code 127.
    NotFound(String),
    /// The command cannot be executed: exit code 126.
    NotExecutable(String),
    /// We failed: exit code 1.
    Ours(String),
}

impl Fault {
    /// A fault of ours, with its cause.
    pub(crate) fn ours(what: &str, cause: impl fmt::Display) -> Self {
        Self::Ours(format!("{what}: {cause}"))
    }

    /// A mistake of the operator's.
    pub(crate) fn operator(what: impl Into<String>) -> Self {
        Self::Operator(what.into())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Operator(what)
            | Self::Weaker(what)
            | Self::NotFound(what)
            | Self::NotExecutable(what)
            | Self::Ours(what)
            | Self::Unapproved { why: what, .. } => f.write_str(what),
        }
    }
}

impl std::error::Error for Fault {}
