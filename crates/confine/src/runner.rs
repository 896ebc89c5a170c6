//! Running one program at a time, for a server that may run none itself.
//!
//! A program of ours that confined itself ([`crate::own_box`]) has no `execve`. What it
//! offers of other programs, a helper runs: our own binary again, started before, which
//! knows the programs by name and takes nothing but words for them. Each call is a box
//! of its own ([`crate::spawn()`]), with the server's roots at most and without a network,
//! and a process of ours that holds it:
//!
//! ```text
//! server           run(): asks, reads what is said, tells how it ended
//!  └ helper        runner/helper.rs: knows the programs; one process for each call
//!     └ holder     holds the box; ends it at the deadline, or when nobody asks any more
//!        └ broker … as for every box
//! ```
//!
//! A program that starts others, in sessions of their own or orphaned, is ended with all
//! of them: by the kernel, with its process namespace, or where there is none by the
//! broker that its orphans fall to.

mod ask;
mod helper;
mod narrow;
mod program;

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::RecvFlags;
use serde::{Deserialize, Serialize};

pub use ask::{Output, Ran, Run, RunError};
pub(crate) use helper::main;
pub use program::ProgramRefused;

use crate::error::SpawnError;
use crate::order::{Achieved, Exit};
use crate::profile::{Level, Limits};
use crate::root::RootGrant;
use crate::support::fix_for;
use crate::sys::socket;
use crate::trouble::{Part, Trouble};
use program::Admitted;

/// The word that makes our own binary the helper.
pub(crate) const RUNNER: &str = "__runner";

/// A program that may be run.
#[derive(Clone)]
pub struct Program {
    /// The name by which it is asked for.
    pub name: String,
    /// Its absolute path.
    pub path: PathBuf,
    /// Words that always stand before those of a call.
    pub fixed: Vec<String>,
    /// Variables, beside `PATH`, `HOME`, `LANG` and their like.
    pub env: BTreeMap<String, String>,
    /// It may write where the server may. Else every root is read-only to it.
    pub writes: bool,
    /// It may execute nothing but itself, whatever a file that it reads tells it to:
    /// a repository's config, for one. Weaker where it is a script, whose interpreter
    /// can be told more.
    pub alone: bool,
    /// How much a call may use.
    pub limits: Limits,
}

/// Of the variables only the names: a value may be a secret, and nobody needs it printed.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, path, fixed, env, writes, alone, limits } = self;
        let names: Vec<&String> = env.keys().collect();
        let mut out = f.debug_struct("Program");
        out.field("name", name).field("path", path).field("fixed", fixed).field("env", &names);
        out.field("writes", writes).field("alone", alone).field("limits", limits).finish()
    }
}

/// What the helper is told once.
#[derive(Debug, Clone)]
pub struct Setup {
    /// What may be run.
    pub programs: Vec<Program>,
    /// What it may see.
    pub roots: Vec<RootGrant>,
    /// The least that a call's box must be.
    pub least: Level,
    /// The most to try: [`Level::Full`].
    pub most: Level,
    /// Started as root, programs run as this account: `nobody` if absent.
    pub user: Option<String>,
    /// As in [`crate::Profile::launcher`].
    pub launcher: Option<PathBuf>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            programs: Vec::new(),
            roots: Vec::new(),
            least: Level::Landlock,
            most: Level::Full,
            user: None,
            launcher: None,
        }
    }
}

/// Plenty for what looks at files.
#[must_use]
pub fn limits() -> Limits {
    Limits {
        processes: 32,
        open_files: 256,
        file_bytes: 64 << 20,
        data_bytes_per_process: 512 << 20,
        memory_bytes: 1 << 30,
        tmp_bytes: 64 << 20,
    }
}

/// The way to the helper. When it is dropped, so is everything that runs.
#[derive(Debug)]
pub struct Runner {
    control: OwnedFd,
    helper: Child,
    /// What each call's box is, tried at the start.
    achieved: Achieved,
}

/// As the helper gets it.
#[derive(Debug, Serialize, Deserialize)]
struct Orders {
    programs: Vec<Admitted>,
    roots: Vec<RootGrant>,
    least: Level,
    most: Level,
    user: Option<String>,
}

/// One call, as the helper gets it, with the socket for its answers.
#[derive(Debug, Serialize, Deserialize)]
struct Call {
    program: String,
    words: Vec<String>,
    directory: Option<PathBuf>,
    roots: Option<Vec<PathBuf>>,
    deadline_ms: u64,
}

/// What comes back: about the helper itself, then about each call.
#[derive(Debug, Serialize, Deserialize)]
enum Told {
    /// The box of a call was tried and is this.
    Ready(Achieved),
    /// It runs. With what it says, and what it complains about.
    Started,
    /// It ended, with everything that it started.
    Ended { exit: Exit, late: bool },
    /// It was not started, and why; not for a peer to see.
    Failed { why: String, code: u8 },
}

impl Runner {
    /// Starts the helper and tries what a call's box is. Before the server confines itself.
    ///
    /// # Errors
    ///
    /// [`SpawnError`] for a program that may not be run, or a box weaker than asked.
    pub fn start(setup: &Setup) -> Result<Self, SpawnError> {
        let programs = setup.programs.iter().map(|program| program::admit(program, &setup.roots));
        let orders = Orders {
            programs: programs.collect::<Result<_, _>>()?,
            roots: setup.roots.clone(),
            least: setup.least,
            most: setup.most,
            user: setup.user.clone(),
        };
        let (control, theirs) = socket::pair().map_err(io("make the helper's socket"))?;
        let mut helper = launch(setup.launcher.as_deref(), theirs)?;
        match introduce(&control, &orders) {
            Ok(achieved) => Ok(Self { control, helper, achieved }),
            Err(error) => {
                drop(control);
                let _ = helper.wait();
                Err(error)
            }
        }
    }

    /// What the box of a call is.
    #[must_use]
    pub fn achieved(&self) -> &Achieved {
        &self.achieved
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = rustix::net::shutdown(&self.control, rustix::net::Shutdown::Both);
        let _ = self.helper.try_wait();
    }
}

fn launch(launcher: Option<&Path>, control: OwnedFd) -> Result<Child, SpawnError> {
    let own = PathBuf::from("/proc/self/exe");
    let launcher = launcher.unwrap_or(&own);
    #[expect(clippy::disallowed_methods, reason = "this is where processes start")]
    let mut command = Command::new(launcher);
    use std::os::unix::process::CommandExt as _;
    command.arg0("portcullis").arg(RUNNER).env_clear().current_dir("/");
    // So that a box can be tried against it; programs never get it.
    command.envs(std::env::var_os("HOME").map(|home| ("HOME", home)));
    command.stdin(control).stdout(Stdio::null()).stderr(Stdio::null());
    let what = format!("start the helper `{}`", launcher.display());
    command.spawn().map_err(|reason| SpawnError::Io { what, reason })
}

fn introduce(control: &OwnedFd, orders: &Orders) -> Result<Achieved, SpawnError> {
    let what = "tell the helper what may be run";
    let plain = |reason: std::io::Error| SpawnError::Io { what: what.to_owned(), reason };
    let bytes = serde_json::to_vec(orders).map_err(|error| plain(error.into()))?;
    let mut memory = File::from(memfd_create(c"orders", MemfdFlags::CLOEXEC).map_err(io(what))?);
    memory.write_all(&bytes).and_then(|()| std::io::Seek::rewind(&mut memory)).map_err(plain)?;
    socket::send(control, b"orders", &[memory.as_fd()]).map_err(io(what))?;
    drop(memory);
    let (bytes, _) = socket::receive(control, RecvFlags::empty()).map_err(io(what))?;
    match serde_json::from_slice(&bytes) {
        Ok(Told::Ready(achieved)) => Ok(achieved),
        Ok(Told::Failed { why, code: 6 }) => {
            let trouble = Trouble::new(Part::Box, why);
            let fix = fix_for(&trouble);
            Err(SpawnError::Weaker { asked: orders.least, missing: trouble.text(), fix })
        }
        Ok(Told::Failed { why, .. }) => Err(SpawnError::Root(why)),
        _ => Err(plain(std::io::Error::other("it died before it was ready"))),
    }
}

fn io(what: &'static str) -> impl Fn(rustix::io::Errno) -> SpawnError {
    move |error| SpawnError::Io { what: what.to_owned(), reason: error.into() }
}
