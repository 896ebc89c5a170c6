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
//! Roots can come and go while the server runs: `live.rs` says what may be asked,
//! `grants.rs` does it. `doorbell.rs` tells what a server reached for in vain. The
//! network by name is in `egress.rs`, how a server that listens in a box is called in `dial.rs`, paths below a directory are in `beneath.rs`, the
//! levels below *full* in `bare.rs`. What a program of ours gives up for itself is in
//! `own.rs` and, for good, in `own_box.rs`; other programs are run for it by
//! `runner.rs`. Read `profile.rs` for what a caller says, then `spawn.rs`, `broker.rs`,
//! `init.rs`, `payload.rs` in the order in which they run. This is the only crate with `unsafe` code; it is
//! in `sys/`, `seccomp.rs`, `selftest.rs`, `own_box/tries.rs`, and one call each in
//! `landlock.rs` and `runner/ask.rs`.

mod bare;
pub mod beneath;
mod broker;
pub mod command;
mod confined;
mod dial;
mod doorbell;
pub mod egress;
mod env;
mod error;
mod grants;
mod holders;
mod idmap;
mod init;
mod landlock;
mod limits;
mod live;
mod mask;
mod memory;
mod mounts;
mod namespace;
mod order;
pub mod own;
pub mod own_box;
mod payload;
mod profile;
mod protect;
mod root;
pub mod runner;
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
pub use doorbell::Wish;
pub use env::DEFAULT_PATH;
pub use error::SpawnError;
pub use live::{Applied, Holder};
pub use order::{Achieved, Attempt, Exit, Feature};
pub use profile::{Access, HomeFile, Level, Limits, Network, Profile};
pub use protect::DEFAULT_PROTECT;
pub use root::{RootGrant, RootRefused, admit_root};
pub use spawn::spawn;

/// Makes this process the broker of a box, or the helper of a [`runner`], if that is
/// what it was started for.
///
/// Called first in `main`, while there is one thread. `None` means that this is
/// an ordinary start of the program; with `Some`, `main` returns the code.
#[must_use]
pub fn personality() -> Option<ExitCode> {
    let mut words = std::env::args_os().skip(1);
    let (word, more) = (words.next()?, words.next());
    let main = match (word.to_str()?, more) {
        (spawn::BROKER, None) => broker::main,
        (runner::RUNNER, None) => runner::main,
        _ => return None,
    };
    Some(match main() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    })
}
