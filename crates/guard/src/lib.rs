//! Pure judgements about values: path, schema, secret, text.
//!
//! Nothing here opens, resolves or asks. A judgement takes text and gives a
//! verdict; the kernel has its own say later (`confine`). Reading order: [`path`]
//! (may this path be meant?), [`schema`] (do these arguments fit?), [`secret`]
//! (does this text carry a credential?), [`text`] (what does a person see?).
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![forbid(unsafe_code)]

pub mod path;
pub mod schema;
pub mod secret;
pub mod text;
mod words;

pub use path::{Access, Contained, Escape, Root, Roots, intersect, path_arguments, path_like};
pub use schema::{Bounds, Schema, SchemaRefused, SchemaViolation};
pub use secret::{Hit, SecretKind, SecretString, find, redact, secret_name};
pub use text::{bounded, visible};
pub use words::words;
