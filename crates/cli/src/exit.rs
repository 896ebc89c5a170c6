//! How a command ends: exit codes are an interface, told by `portcullis --help`.

use std::process::ExitCode;

use portcullis_config::Unfit;
use portcullis_store::StoreError;

/// Every exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All went well.
    Clean = 0,
    /// We failed, or the server died.
    Failed = 1,
    /// The command line or the config is wrong.
    Usage = 2,
    /// There is nothing to look at.
    Nothing = 3,
    /// A policy denies, or answers an example otherwise.
    Denied = 4,
    /// The journal does not verify.
    Unverified = 5,
    /// The box is weaker than asked.
    Weaker = 6,
    /// An audit's worst finding is a note.
    Note = 11,
    /// An audit's worst finding is of low severity.
    Low = 12,
    /// An audit's worst finding is of medium severity.
    Medium = 13,
    /// An audit's worst finding is of high severity.
    High = 14,
    /// An audit's worst finding is critical.
    Critical = 15,
    /// The server's command cannot be executed.
    NotExecutable = 126,
    /// The server's command cannot be found.
    NotFound = 127,
}

/// Every exit code with its meaning, for the help.
pub const TABLE: &[(Exit, &str)] = &[
    (Exit::Clean, "all went well"),
    (Exit::Failed, "we failed, or the server died"),
    (Exit::Usage, "the command line or the config is wrong"),
    (Exit::Nothing, "there is nothing to look at"),
    (Exit::Denied, "a policy denies, or answers an example otherwise"),
    (Exit::Unverified, "the journal does not verify"),
    (Exit::Weaker, "the box is weaker than asked"),
    (Exit::Note, "the worst finding of an audit is a note"),
    (Exit::Low, "the worst finding of an audit is low"),
    (Exit::Medium, "the worst finding of an audit is medium"),
    (Exit::High, "the worst finding of an audit is high"),
    (Exit::Critical, "the worst finding of an audit is critical"),
    (Exit::NotExecutable, "the server's command cannot be executed"),
    (Exit::NotFound, "the server's command cannot be found"),
];

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A command that cannot go on.
#[derive(Debug)]
pub struct Trouble {
    /// How the process ends.
    pub exit: Exit,
    /// What happened, to whom, what to do next; one line each.
    pub said: Vec<String>,
}

impl Trouble {
    /// One line of trouble.
    #[must_use]
    pub fn new(exit: Exit, said: impl Into<String>) -> Self {
        Self { exit, said: vec![said.into()] }
    }

    /// An end without words.
    #[must_use]
    pub fn quiet(exit: Exit) -> Self {
        Self { exit, said: Vec::new() }
    }

    /// Something of the system's that failed, with its causes.
    #[must_use]
    pub fn failed(error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(Some(error), |error| error.source());
        let said: Vec<_> = causes.map(ToString::to_string).collect();
        Self::new(Exit::Failed, said.join(": "))
    }
}

impl From<Unfit> for Trouble {
    fn from(unfit: Unfit) -> Self {
        Self::new(Exit::Usage, unfit.to_string())
    }
}

impl From<Vec<Unfit>> for Trouble {
    fn from(all: Vec<Unfit>) -> Self {
        Self { exit: Exit::Usage, said: all.iter().map(ToString::to_string).collect() }
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        Self::failed(&error)
    }
}
