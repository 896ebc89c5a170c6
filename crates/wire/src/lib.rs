//! MCP as bytes: strict in, canonical out, every revision.
//!
//! Reading order: [`frame`] cuts lines before anything looks inside them (over HTTP, [`events`]),
//! [`mod@parse`] turns one line into a [`Message`] or says why not, [`json`] holds
//! the values a message carries and [`leaves`] walks over their texts, [`revision`]
//! and [`mod@method`] say which messages exist in which revision and who may send
//! them, [`shape`] what they must look like, [`trace`] whose child a request is, [`view`] opens
//! typed windows on a message, and [`mod@write`] is the only encoder.
//!
//! The promise of this crate: a message that [`parse()`] accepts has one reading.
//! Two parsers that follow RFC 8259 see the same members with the same names and
//! the same strings, so what is judged here is what the peer will act on.
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![forbid(unsafe_code)]

pub mod canonical;
pub mod code;
pub mod events;
pub mod frame;
pub mod json;
pub mod leaves;
pub mod message;
pub mod method;
pub mod parse;
pub mod revision;
mod scan;
pub mod shape;
pub mod trace;
pub mod view;
pub mod write;

pub use canonical::canonical;
pub use frame::{Frame, Framer};
pub use json::{Json, Object, array, elements};
pub use leaves::{Clash, Leaf, Place};
pub use message::{Id, Message, Notification, Outcome, Request, Response, RpcError};
pub use method::{Kind, Method, Need, Peer, input_request, method, name_of_method, task};
pub use parse::{Limits, Malformed, MalformedKind, batch, parse};
pub use revision::{Era, Revision};
