//! What any store of grants does: a yes that stands for calls to come.
//!
//! ```text
//!  pending ── give ──▶ approved (this call, once) + standing (those like it)
//!  standing ── revoke ──▶ revoked
//!     └── its session, its time or the clock ends it ──▶ ended
//! ```
//!
//! The store says which grants may count; whether one does, the mind judges at each
//! call. A row that is not as it was written, or cannot be read, is no grant.

use std::fmt;

use portcullis_journal::Timestamp;
use portcullis_mediation::grant::{GrantId, GrantKey, Lasts, Remembered};
use portcullis_mediation::{ApprovalId, Cover};
use serde::Serialize;

use crate::StoreError;
use crate::approval::{Decided, NotDecided};

/// Where grants are kept. `now` is the wall clock.
pub trait GrantStore: fmt::Debug {
    /// What may be chosen from when this question is answered: its covers, narrowest
    /// first. None when there is no such question, or nothing stands to choose.
    ///
    /// # Errors
    /// When it could not be read.
    fn covers(&mut self, id: &ApprovalId) -> Result<Vec<Cover>, StoreError>;

    /// A person's yes to a question and, for a while, to the calls of one of its covers.
    /// Both are stored, or neither.
    ///
    /// # Errors
    /// Only when the store failed; what cannot be given is [`NotGiven`].
    fn give(
        &mut self,
        id: &ApprovalId,
        choice: Choice,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<Given, NotGiven>, StoreError>;

    /// Grants that may count for a call in this session of this project, and how many
    /// questions called a person in the last hour.
    ///
    /// # Errors
    /// When they could not be read: then none counts.
    fn remembered(
        &mut self,
        key: &GrantKey,
        session: &str,
        project: &str,
        now: Timestamp,
    ) -> Result<Remembered, StoreError>;

    /// Every grant that is kept, oldest first.
    ///
    /// # Errors
    /// When they could not be read.
    fn grants(&mut self, now: Timestamp) -> Result<Vec<GrantRow>, StoreError>;

    /// A person takes a grant back; none if there is no such. One that is over stays so.
    ///
    /// # Errors
    /// When it could not be stored.
    fn revoke(
        &mut self,
        id: &GrantId,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<GrantRow>, StoreError>;

    /// A session is over, and its grants with it.
    ///
    /// # Errors
    /// When it could not be stored; its name is never used again, so they count no more.
    fn end_session(&mut self, session: &str) -> Result<(), StoreError>;
}

/// What a person chose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// Which of the covers, from 1.
    pub cover: usize,
    /// For how long.
    pub lasts: Lasts,
}

/// A grant that was stored, with the answer to the question that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The answer.
    pub decided: Decided,
    /// The grant.
    pub grant: GrantRow,
}

/// Why nothing was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotGiven {
    /// The question cannot be answered.
    #[error(transparent)]
    Question(#[from] NotDecided),
    /// This call is asked about one by one.
    #[error("nothing may stand beyond this one call")]
    OneByOne,
    /// There are only so many covers.
    #[error("there are {0} covers to choose from")]
    NoSuchCover(usize),
}

/// Where a grant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GrantState {
    /// It may count.
    Standing,
    /// A person took it back.
    Revoked,
    /// Its session, its time or the clock ended it.
    Ended,
    /// It is not as it was written.
    Damaged,
}

impl GrantState {
    /// The word in lists.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Standing => "standing",
            Self::Revoked => "revoked",
            Self::Ended => "ended",
            Self::Damaged => "damaged",
        }
    }
}

/// One grant, in the shape of `grants list --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantRow {
    /// Its name.
    pub id: String,
    /// What it is about: `call`.
    pub kind: String,
    /// Where it stands at the moment it was read.
    pub state: GrantState,
    /// Which server.
    pub server: String,
    /// Which tool.
    pub tool: String,
    /// Which calls, in words.
    pub covers: String,
    /// For how long: `session`, `10m`, `project` or `always`.
    pub lasts: String,
    /// The session or the project it is bound to, when it is.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub bound_to: String,
    /// Who calls.
    pub principal: String,
    /// The definition that the person was shown.
    pub definition_pin: String,
    /// The policy under which it was asked.
    pub policy: String,
    /// Which rules it answers.
    pub answers: Vec<String>,
    /// The question that it was the answer to.
    pub approval: String,
    /// When it was given.
    pub created: Timestamp,
    /// When it ends by itself.
    pub expires: Timestamp,
    /// Who gave it.
    pub given_by: String,
    /// When a person took it back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Timestamp>,
    /// Who did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<String>,
}
