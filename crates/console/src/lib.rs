//! Where a person says yes or no.
//!
//! [`card`] writes one question so that nothing of it is hidden, [`terminal`]
//! puts it in front of a person who can really answer, one question at a time
//! (`claim`), until somebody withdraws it ([`withdraw`]).

pub mod card;
mod claim;
pub mod terminal;
mod visible;
pub mod withdraw;

pub use card::Card;
pub use terminal::Terminal;
pub use withdraw::{Asker, Withdrawal, withdrawal};
