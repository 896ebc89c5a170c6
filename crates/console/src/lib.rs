//! Where a person says yes or no.
//!
//! [`words`] says what is asked, [`card`] writes one question so that nothing of it is hidden, `in_host` writes it for a host,
//! [`diff`] what a person changed of it, [`terminal`]
//! puts it in front of a person who can really answer, one question at a time
//! (`claim`), until somebody withdraws it ([`withdraw`]). [`web`] does the same for a
//! browser on this machine, and [`mod@watch`] on a whole terminal: `page` writes what it shows, `assets` are its script and
//! style, and [`api`] is what it needs of the store, which it does not know.

pub mod api;
mod assets;
pub mod card;
mod claim;
pub mod diff;
mod in_host;
mod page;
pub mod terminal;
mod visible;
pub mod watch;
pub mod web;
pub mod withdraw;
pub mod words;

pub use api::Desk;
pub use card::Card;
pub use in_host::in_host;
pub use terminal::{Said, Terminal};
pub use web::{Came, Console, Door, Links, Sheet};
pub use withdraw::{Asker, Withdrawal, withdrawal};
pub use words::Words;
