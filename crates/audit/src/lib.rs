//! Evidence, not opinion: what is wrong with an MCP server, and what could not be tested.
//!
//! Three steps, each a floor of its own. A [`probe`] touches the world and brings home
//! [`evidence`], which is plain data that can be saved and read again. A [`check`] is a pure
//! function of evidence: the same evidence gives the same findings. A [`report`] shows both,
//! and the [`checklist`] says of each thing that has to be seen to whether it passed, failed,
//! could not be tested or does not apply. [`armour`] makes of the same evidence what contains the server.
//!
//! Read in this order: [`evidence`], [`finding`], [`check`], [`checklist`], [`armour`], [`guarded`], then the probes.

#![deny(clippy::indexing_slicing, clippy::string_slice)]
#![forbid(unsafe_code)]

pub mod armour;
pub mod check;
pub mod checklist;
pub mod evidence;
pub mod finding;
pub mod guarded;
pub mod probe;
pub mod report;
pub mod supply;

pub use evidence::Evidence;
pub use finding::{Confidence, Finding, Severity};
