//! Why a server did not start: one clear line each.

use crate::profile::Level;

/// Nothing was started, because of this.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The box would be weaker than asked.
    #[error("cannot confine the server at level {asked}: {missing}; {fix}")]
    Weaker {
        /// The least that was asked.
        asked: Level,
        /// The piece that is missing.
        missing: String,
        /// What a person can do about it.
        fix: String,
    },
    /// There is no such program.
    #[error("`{command}` was not found: check its spelling and that it is installed")]
    CommandNotFound {
        /// As it was asked for.
        command: String,
    },
    /// The program is there and does not start.
    #[error("`{command}` cannot be started: {why}")]
    CommandNotExecutable {
        /// Its path.
        command: String,
        /// The reason and what to do.
        why: String,
    },
    /// A granted directory is not what it was, or cannot be granted.
    #[error("{0}")]
    Root(String),
    /// The account to run as does not work out.
    #[error("{0}")]
    User(String),
    /// Something of ours failed.
    #[error("cannot {what}: {reason}")]
    Io {
        /// The step.
        what: String,
        /// The system's reason.
        reason: std::io::Error,
    },
}

impl SpawnError {
    /// The exit code that this is, in the one table of them.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Weaker { .. } => 6,
            Self::CommandNotFound { .. } => 127,
            Self::CommandNotExecutable { .. } => 126,
            Self::Root(_) | Self::User(_) => 2,
            Self::Io { .. } => 1,
        }
    }
}
