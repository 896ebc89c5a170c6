//! One conversation as a state machine.

#![deny(clippy::indexing_slicing, clippy::string_slice)]

pub mod approval;

pub use approval::{ApprovalId, ApprovalKey, Fact, Fingerprint, Question};
