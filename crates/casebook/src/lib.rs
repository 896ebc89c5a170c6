//! The casebook's Markdown, read: one page per control, each `##` a case.
//!
//! A page is at once specification, documentation and test. [`read`] turns its
//! text into a [`Page`]; two drivers play each [`Case`], one against the pure
//! session and one against the real binary. Read [`page`] for the Markdown,
//! [`step`] for what a line of a case may say and how it is spelled,
//! [`setup`] for what stands before its first line, and
//! [`subset`] for how an expected value is compared with an actual one.
//! [`mailbox`] and [`ledger`] are what both drivers need: a peer that keeps its
//! own books, and a journal that is read line by line.

#![deny(clippy::indexing_slicing, clippy::string_slice)]

pub mod ledger;
mod line;
pub mod mailbox;
pub mod page;
pub mod setup;
pub mod step;
pub mod subset;

pub use ledger::Ledger;
pub use mailbox::{Mailbox, Unmet};
pub use page::{Case, Malformed, Page, Settings, anchor, read};
pub use setup::Setup;
pub use step::{Answer, Journal, Received, Sent, Side, Step, What, Word, question};
pub use subset::{Mismatch, subset};
