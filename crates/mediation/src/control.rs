//! The controls that run on every message, one file each.
//!
//! A control is a pure function from a message (or a part of it) and what the
//! session knows to a [`Decision`](portcullis_policy::Decision), or to the
//! message as it may leave. None of them answers a peer: `client.rs`,
//! `server.rs` and `call.rs` fold their opinions and settle.

pub(crate) mod annotations_rewritten;
pub(crate) mod approve_by_risk;
pub(crate) mod arguments_bounded;
pub(crate) mod arguments_match_schema;
pub(crate) mod calls_per_minute;
pub(crate) mod capability_declared;
pub(crate) mod capability_frozen;
pub(crate) mod input_requests_refused;
pub(crate) mod logs_redacted;
pub(crate) mod message_bounded;
pub(crate) mod roots_answered;
pub(crate) mod roots_contained;
