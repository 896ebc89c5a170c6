//! The security lesson, executable: servers in several states of repair, and the attacks on them.
//!
//! Reading order: [`book`] is what is taught and the sources it is taught on ([`servers`]), [`scene`]
//! the stage with its secrets, [`stand`] keeps one server going, [`attack`] plays and
//! looks for effects, [`verdict`] compares what happened with what was to happen.
//! [`host`] speaks with a server, [`python`] finds an interpreter. The walk through it
//! is `command/lesson.rs`.

pub(crate) mod attack;
pub(crate) mod book;
#[path = "../../../examples/lesson/hardened.rs"]
pub(crate) mod hardened;
mod host;
mod process;
pub(crate) mod python;
pub(crate) mod scene;
mod servers;
pub(crate) mod stand;
pub(crate) mod verdict;
