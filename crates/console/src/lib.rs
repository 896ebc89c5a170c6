//! Where a person says yes or no.
//!
//! [`words`] says what is asked, [`card`] writes one question so that nothing of it is hidden, [`terminal`]
//! puts it in front of a person who can really answer, one question at a time
//! (`claim`), until somebody withdraws it ([`withdraw`]).

pub mod card;
mod claim;
pub mod terminal;
mod visible;
pub mod withdraw;
pub mod words;

pub use card::Card;
pub use terminal::Terminal;
pub use withdraw::{Asker, Withdrawal, withdrawal};
pub use words::Words;
