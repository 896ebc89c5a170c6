//! A process in a box.
//!
//! [`spawn`] starts a server so that it sees its roots, its program and the
//! system's, and nothing else; reaches no network unless asked; and ends with
//! us, whatever it does. Two locks with different jobs: a *mount view* decides
//! what exists, *Landlock and seccomp* are the ceiling that nothing inside can
//! lift. The box is proven from inside before the server's first instruction,
//! and a box weaker than asked does not start.
//!
//! ```text
//! gateway           spawn.rs, confined.rs: the order out, three pipes back
//!  └ broker         broker.rs: one thread; owns the user namespace; ends with either side
//!     └ init        init.rs: builds the view (view.rs on skeleton.rs), buries orphans
//!        └ payload  payload.rs: gives up everything, tests itself, becomes the server
//! ```
//!
//! The levels below *full* are in `bare.rs`. Read `profile.rs` for what a
//! caller says, then `spawn.rs`, `broker.rs`, `init.rs`, `payload.rs` in the
//! order in which they run. This is the only crate with `unsafe` code; it is
//! in `sys/`, `seccomp.rs`, `selftest.rs` and one call of `landlock.rs`.

mod bare;
mod broker;
pub mod command;
mod confined;
mod env;
mod error;
mod idmap;
mod init;
mod landlock;
mod limits;
mod namespace;
mod order;
mod payload;
mod profile;
mod root;
mod seccomp;
mod selftest;
mod skeleton;
mod spawn;
pub mod support;
mod sys;
mod trouble;
mod user;
mod view;

use std::process::ExitCode;

pub use confined::{Confined, Custody};
pub use env::DEFAULT_PATH;
pub use error::SpawnError;
pub use order::{Achieved, Attempt, Exit, Feature};
pub use profile::{Access, HomeFile, Level, Limits, Network, Profile};
pub use root::{RootGrant, RootRefused, admit_root};
pub use spawn::spawn;

/// Makes this process the broker of a box, if that is what it was started for.
///
/// Called first in `main`, while there is one thread. `None` means that this is
/// an ordinary start of the program; with `Some`, `main` returns the code.
#[must_use]
pub fn personality() -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    if words.next()? != spawn::BROKER || words.next().is_some() {
        return None;
    }
    Some(match broker::main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}
