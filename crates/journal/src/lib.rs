//! The shape and the seal of a journal's record.
//!
//! Read in this order: [`record`] is what happened, [`redact`] what may be
//! written of it, [`chain`] seals records into lines, [`merkle`] and
//! [`checkpoint`] sum up a segment so that a tail cannot vanish, [`verify`]
//! finds the first place where any of this does not hold.
//!
//! What the seal proves: somebody without the journal's key cannot change,
//! drop, add or reorder records below the last checkpoint unnoticed. What it
//! does not: a thief of the key can write another history, and records after
//! the last checkpoint can be cut off together. Keep checkpoints elsewhere to
//! close both.

#![deny(clippy::indexing_slicing, clippy::string_slice)]

pub mod chain;
pub mod checkpoint;
pub mod merkle;
pub mod record;
pub mod redact;
pub mod time;
pub mod verify;

pub use chain::{Chain, Hash, Sealed, Unsealable};
pub use checkpoint::{Checkpoint, Forged, JournalId, PublicKey, Signer};
pub use record::{Direction, Event, Outcome, Record};
pub use redact::{ArgumentsDigest, Redacted, Redactor};
pub use time::Timestamp;
pub use verify::{Break, Segment, Verified, Verifier, Why};
