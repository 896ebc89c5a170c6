//! The shape and the seal of an audit record.

#![deny(clippy::indexing_slicing, clippy::string_slice)]

pub mod record;
pub mod redact;

pub use record::{Direction, Event, Outcome, Record};
pub use redact::{ArgumentsDigest, Redacted, Redactor};
