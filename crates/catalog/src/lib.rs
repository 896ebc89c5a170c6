//! Every promise we make, once.
//!
//! [`control`] lists what the product enforces, each control with the promises
//! it keeps; [`promise`] lists the promises themselves (MCP-CAP-01 …), the
//! checklist that a reviewer may hold us to. `cargo xtask generate` writes
//! `docs/reference/controls.md` from both and from the casebook.

#![deny(clippy::indexing_slicing, clippy::string_slice)]

pub mod control;
pub mod promise;

pub use control::{Control, ControlId, Kind, Layer};
pub use promise::{Level, Promise};
