//! Facts that several gateways share: the journal, what people approved, and pins.
//!
//! [`JournalStore`], [`ApprovalStore`], [`GrantStore`] and [`PinStore`] say what every backend does;
//! `contract` is the test that each must pass. [`embedded`] keeps all in
//! files of one user on one machine and is always there; other backends come
//! behind features and change no default.

pub mod approval;
#[cfg(test)]
mod contract;

pub mod content;
pub mod embedded;
mod error;
pub mod pin;
pub mod standing;

use portcullis_journal::{Record, Redactor, Timestamp};

pub use approval::{
    APPROVAL_LIFETIME, ApprovalStore, Decided, Filter, NotDecided, NotEdited, Row, State, Taken,
    Verdict,
};
pub use content::Content;
pub use embedded::approvals::Approvals;
pub use embedded::grants::{Grant, Grants};
pub use embedded::journal::{Journal, Options, Sync};
pub use embedded::pins::Pins;
pub use embedded::read::{Entries, Entry, last, read};
pub use embedded::shared::Database;
pub use embedded::turn::Turn;
pub use embedded::vault::{CredentialRow, Kind, Owner, Vault};
pub use embedded::verify::{Report, verify, verify_with};
pub use embedded::window::Window;
pub use error::StoreError;
pub use pin::{Accepted, PinRow, PinStore};
pub use standing::{Choice, Given, GrantRow, GrantState, GrantStore, NotGiven};

/// Where records go. One writer owns one value; several may share a journal.
pub trait JournalStore: std::fmt::Debug {
    /// Seals and writes a record; it is durable when this returns its number.
    ///
    /// # Errors
    /// Any error means: not recorded, so nothing may be forwarded.
    fn append(&mut self, record: &Record, now: Timestamp) -> Result<u64, StoreError>;

    /// A redactor with this journal's digest key.
    fn redactor(&self) -> Redactor;
}
