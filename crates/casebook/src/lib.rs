//! The casebook's Markdown, read: one page per control, each `##` a case.
//!
//! A page is at once specification, documentation and test. [`read`] turns its
//! text into a [`Page`]; two drivers play each [`Case`], one against the pure
//! session and one against the real binary. Read [`page`] for the Markdown,
//! [`step`] for what a line of a case may say and how it is spelled, and
//! [`subset`] for how an expected value is compared with an actual one.

#![deny(clippy::indexing_slicing, clippy::string_slice)]

mod line;
pub mod page;
pub mod step;
pub mod subset;

pub use page::{Case, Malformed, Page, Settings, anchor, read};
pub use step::{Answer, Journal, Received, Sent, Side, Step, What, Word};
pub use subset::{Mismatch, subset};
