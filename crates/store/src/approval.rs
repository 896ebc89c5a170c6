//! What any store of approvals does, and the words for it.
//!
//! ```text
//!          approve, edit          consult, take (once)
//!  pending ──────────▶ approved ──────────────────────▶ used
//!     │ deny              │
//!     ├────────▶ denied   │        expires, withdraw, a clock that jumped back
//!     └──────────┴────────┴──────────────────────────▶ expired
//! ```

use std::fmt;
use std::time::Duration;

use portcullis_journal::Timestamp;
use portcullis_mediation::edit::{Edited, Unfit};
use portcullis_mediation::{ApprovalId, ApprovalKey, Fact, Question};
use serde::Serialize;

use crate::{Content, StoreError};

/// How long a yes waits for the call that it allows, once, to be tried again.
pub const APPROVAL_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// How long a no stands, so that the same call is not asked again at once.
pub const DENIAL_LIFETIME: Duration = Duration::from_secs(60);

/// How long an approval can be looked at after it was asked.
pub const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How much earlier than the last seen moment `now` may be: two processes read
/// the clock before either commits. Anything more is a clock that was set back,
/// and then nothing that is open stays open.
pub const CLOCK_SLACK: Duration = Duration::from_secs(2);

/// Where questions wait for a person.
///
/// `now` is the wall clock. Each function is at most one transaction.
pub trait ApprovalStore: fmt::Debug {
    /// Stores a question; it is pending until `now` + its patience.
    ///
    /// # Errors
    /// When it could not be stored: then nobody will answer, so the answer is no.
    fn ask(&mut self, question: &Question, now: Timestamp) -> Result<(), StoreError>;

    /// What is known of exactly this call. An approval found here is used up.
    ///
    /// # Errors
    /// When it could not be read; [`Fact::Unavailable`] to the mind.
    fn consult(&mut self, key: &ApprovalKey, now: Timestamp) -> Result<Fact, StoreError>;

    /// Takes the answer to one question. A yes is used up by this.
    ///
    /// # Errors
    /// When it could not be read: no.
    fn take(
        &mut self,
        id: &ApprovalId,
        key: &ApprovalKey,
        now: Timestamp,
    ) -> Result<Taken, StoreError>;

    /// A person's answer. `by` says who, for the list.
    ///
    /// # Errors
    /// Only when the store failed; a question that cannot be answered any more
    /// is [`NotDecided`].
    fn decide(
        &mut self,
        id: &ApprovalId,
        verdict: Verdict,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<Decided, NotDecided>, StoreError>;

    /// A person's yes to something else in the place of what was asked. The session that
    /// takes it holds it to everything that the content itself had to hold.
    ///
    /// # Errors
    /// Only when the store failed; what cannot be edited so is [`NotEdited`].
    fn edit(
        &mut self,
        id: &ApprovalId,
        content: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<Decided, NotEdited>, StoreError>;

    /// Closes a question whose call is gone; an answered one is left alone. True
    /// when nobody had answered it.
    ///
    /// # Errors
    /// When it could not be stored.
    fn withdraw(&mut self, id: &ApprovalId) -> Result<bool, StoreError>;

    /// Rows as scripts see them, oldest first.
    ///
    /// # Errors
    /// When they could not be read.
    fn list(&mut self, filter: &Filter, now: Timestamp) -> Result<Vec<Row>, StoreError>;

    /// One row.
    ///
    /// # Errors
    /// When it could not be read.
    fn get(&mut self, id: &ApprovalId, now: Timestamp) -> Result<Option<Row>, StoreError>;

    /// A number that changes when another process wrote: poll this, then look.
    ///
    /// # Errors
    /// When it could not be read.
    fn changes(&mut self) -> Result<u64, StoreError>;

    /// Removes rows that were asked more than [`KEPT`] ago; returns how many.
    ///
    /// # Errors
    /// When it could not be stored.
    fn sweep(&mut self, now: Timestamp) -> Result<u64, StoreError>;
}

/// A person's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Yes, this one call, once.
    Approve,
    /// No.
    Deny,
}

/// What [`ApprovalStore::take`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Yes; and it is used up now.
    Approved,
    /// Yes, to this in its place; and it is used up now.
    Edited(Edited),
    /// No.
    Denied,
    /// Not answered yet.
    Pending,
    /// Unknown, expired, used, or for another call.
    Gone,
}

/// An answer that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// Until when it stands.
    pub expires: Timestamp,
    /// What it was about.
    pub row: Row,
}

/// Why an answer came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotDecided {
    /// No question has this id.
    #[error("there is no such question")]
    Unknown,
    /// Somebody was faster, or the question has ended.
    #[error("it is already {0}")]
    Already(State),
    /// Somebody wrote into what is kept of it: nobody knows what was asked.
    #[error("it is not as it was asked")]
    Altered,
}

/// Why an edit came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEdited {
    /// The question cannot be answered.
    #[error(transparent)]
    Question(#[from] NotDecided),
    /// This is no edit of it.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// Where an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A person is being asked.
    Pending,
    /// A person said yes; the call has not come yet.
    Approved,
    /// A person said no.
    Denied,
    /// Too late, or withdrawn.
    Expired,
    /// The one call has been made.
    Used,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Pending, Self::Approved, Self::Denied, Self::Expired, Self::Used];

    /// The word in lists and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Expired => "expired",
            Self::Used => "used",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == text)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which rows to list; the default is all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only those in this state now.
    pub state: Option<State>,
    /// Only those of this server.
    pub server: Option<String>,
}

impl Filter {
    /// Only questions that wait for an answer.
    #[must_use]
    pub fn pending() -> Self {
        Self { state: Some(State::Pending), server: None }
    }
}

/// One approval, in the shape of `approvals list --json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name.
    pub id: ApprovalId,
    /// Where it stands at the moment it was read.
    pub state: State,
    /// What is asked about: as [`Matter`](portcullis_mediation::Matter) says it.
    pub kind: String,
    /// Which server.
    pub server: String,
    /// Which tool; of another kind the method with which the server asks.
    pub tool: String,
    /// The whole content. A person must see what they approve, so these are
    /// not redacted; the store is readable by its owner only.
    pub arguments: Content,
    /// Our assessment of the tool.
    pub risk: String,
    /// Why it is asked.
    pub reasons: Vec<String>,
    /// Who calls.
    pub principal: String,
    /// When it was asked.
    pub created: Timestamp,
    /// When the question, or the answer to it, ends.
    pub expires: Timestamp,
    /// The definition that the person was shown.
    pub definition_pin: String,
    /// The digest of the canonical arguments.
    pub arguments_digest: String,
    /// Who answered, once somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// What a person put in the place of the content, when they did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edited: Option<Content>,
}
