//! Why a tool does not do what it was asked: one text for the model, another for
//! the journal.

use std::fmt;

/// A tool's no. The model reads [`Refusal::public`]; the cause stays in the journal,
/// under the same correlation id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    public: String,
    cause: Option<String>,
}

impl Refusal {
    /// A no that the model can act on: what is wrong, and what would do. Name
    /// nothing that the asker did not name or was not granted.
    #[must_use]
    pub fn new(public: impl Into<String>) -> Self {
        Self { public: public.into(), cause: None }
    }

    /// Something failed here. The model learns that it did, and nothing of how.
    #[must_use]
    pub fn failed(doing: &str, cause: impl fmt::Display) -> Self {
        Self { public: format!("{doing} failed"), cause: Some(cause.to_string()) }
    }

    /// Adds what only the journal is told.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// What the model reads.
    #[must_use]
    pub fn public(&self) -> &str {
        &self.public
    }

    /// What only the journal reads.
    #[must_use]
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.public)
    }
}

impl std::error::Error for Refusal {}
