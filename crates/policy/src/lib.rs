//! Who tries what on which object, and what we conclude.
//!
//! Read in this order: [`request`] names the parties, [`decision`] is the
//! algebra of saying yes, ask and no, [`permit`] turns a yes into something the
//! type system can ask for, [`rules`] is what an operator may write.

#![deny(clippy::indexing_slicing, clippy::string_slice)]

pub mod decision;
pub mod permit;
pub mod request;
pub mod rules;

pub use decision::{Because, Decision, Effect, Obligation};
pub use permit::{Answer, Permit, Permitted};
pub use request::{Principal, ServerName};
pub use rules::{Ask, Pattern, Rules, Tier};
