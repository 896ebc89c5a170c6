//! Pure judgements about values: path, command, schema, secret, text, host, url.
//!
//! Nothing here opens, resolves or asks. A judgement takes text and gives a
//! verdict; the kernel has its own say later (`confine`). Reading order: [`path`]
//! (may this path be meant?), [`command`] (may these words be passed?), [`schema`]
//! (do these arguments fit?), [`secret`] (does this text carry a credential?), [`text`]
//! (what does a person see?),
//! [`egress`] (may a server reach this host?), [`launch`] (what should a person
//! look at before it is started?), [`url`] (which resource is meant, and where does
//! a link lead?), [`sql`] (what does this query do?).
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::panic))]
#![forbid(unsafe_code)]

pub mod command;
pub mod egress;
pub mod keys;
pub mod launch;
pub mod leak;
pub mod path;
pub mod schema;
pub mod secret;
pub mod sql;
pub mod text;
pub mod url;
mod words;

pub use path::{Access, Contained, Escape, Root, Roots, intersect, path_arguments, path_like};
pub use schema::{Bounds, Schema, SchemaRefused, SchemaViolation};
pub use secret::{Hit, SecretKind, SecretString, find, redact, secret_name};
pub use text::{bounded, visible};
pub use url::{UriLists, UriPattern};
pub use words::words;
