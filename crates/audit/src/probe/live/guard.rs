//! The gateway in front of a server: the same stage, with `portcullis run` and a policy where the bare run has a box of
//! ours. Who brings the gateway says how it is started and what its journal tells.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use portcullis_confine::{Custody, Exit, Wish};

use super::Order;
use super::dice::word;
use super::pipes::Pipes;
use super::recipe::Recipe;
use super::session::Failed;
use super::stage::Stage;
use crate::armour::Policy;
use crate::evidence::guarded::What;

/// How long a gateway may take to end after its input has.
const GRACE: Duration = Duration::from_secs(5);

/// The gateway, as the program that we are part of has it.
pub trait Guard: std::fmt::Debug {
    /// Starts it, with pipes for its input, output and errors. Nobody is there to be asked.
    ///
    /// # Errors
    /// What the system says.
    fn start(&self, start: &Start<'_>) -> std::io::Result<Child>;

    /// What its journal in a state directory tells from then on, whenever it is called.
    fn journal(&self, state: &Path) -> Heard;
}

/// Reads what was written to a journal since it was read last.
pub type Heard = Box<dyn FnMut() -> Vec<(What, String)>>;

/// How a gateway is started.
#[derive(Debug, Clone, Copy)]
pub struct Start<'a> {
    /// Its config.
    pub config: &'a Path,
    /// Where its journal and its pins lie.
    pub state: &'a Path,
    /// An empty directory to be in.
    pub here: &'a Path,
    /// Which of the config's servers.
    pub name: &'a str,
    /// Where programs are searched.
    pub path: &'a OsStr,
    /// The person's home.
    pub home: Option<&'a Path>,
    /// What the config takes from the environment.
    pub environment: &'a BTreeMap<String, String>,
}

/// A gateway, and the policy for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gate<'a> {
    pub(super) policy: &'a Policy,
    pub(super) guard: &'a dyn Guard,
}

/// What is kept of one that runs.
pub(super) struct Behind {
    pub(super) heard: Heard,
    /// Config and state: nothing of them is on the stage.
    _folder: Folder,
}

impl std::fmt::Debug for Behind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Behind").finish_non_exhaustive()
    }
}

impl Gate<'_> {
    /// Starts the server behind it.
    pub(super) fn launch(
        self,
        order: &Order,
        recipe: &Recipe,
    ) -> Result<(Pipes, Keeper, Stage, Behind), Failed> {
        let io =
            |error: std::io::Error| Failed::NotStarted(format!("the stage cannot be set: {error}"));
        let stage = Stage::build(&recipe.copies, recipe.database.as_deref()).map_err(io)?;
        let folder = Folder::make().map_err(io)?;
        let (config, state, here) =
            (folder.0.join("portcullis.toml"), folder.0.join("state"), folder.0.join("here"));
        std::fs::create_dir(&here).map_err(io)?;
        std::fs::write(&config, self.policy.at(&|word| stage.fill_in(word))).map_err(io)?;
        let filled =
            recipe.environment.iter().map(|(name, value)| (name.clone(), stage.fill_in(value)));
        let start = Start {
            config: &config,
            state: &state,
            here: &here,
            name: self.policy.name(),
            path: &order.path,
            home: order.home.as_deref(),
            environment: &filled.collect(),
        };
        let not_started = |error: std::io::Error| {
            Failed::NotStarted(format!("the gateway cannot be started: {error}"))
        };
        let mut child = self.guard.start(&start).map_err(not_started)?;
        let ends = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        // From here on it is ended, whatever happens.
        let keeper = Keeper::Gateway(Gateway(child));
        let (Some(stdin), Some(stdout), Some(stderr)) = ends else {
            return Err(Failed::NotStarted("the gateway has no pipes".to_owned()));
        };
        let pipes = Pipes::new(OwnedFd::from(stdin), OwnedFd::from(stdout), OwnedFd::from(stderr));
        let heard = self.guard.journal(&state.join("journal"));
        Ok((pipes.map_err(io)?, keeper, stage, Behind { heard, _folder: folder }))
    }
}

/// What holds a server's process: a box of ours, or the gateway that made one.
#[derive(Debug)]
pub(super) enum Keeper {
    Box(Custody),
    Gateway(Gateway),
}

/// A gateway that runs. It ends with this, and its box with it.
#[derive(Debug)]
pub(super) struct Gateway(Child);

impl Keeper {
    /// What the server reached for; a gateway tells that to its journal.
    pub(super) fn wishes(&mut self) -> Vec<Wish> {
        match self {
            Self::Box(custody) => custody.wishes().unwrap_or_default(),
            Self::Gateway(_) => Vec::new(),
        }
    }

    pub(super) fn kill(&mut self) {
        match self {
            Self::Box(custody) => custody.kill(),
            // It has ended by itself otherwise.
            Self::Gateway(Gateway(child)) => drop(child.kill()),
        }
    }

    pub(super) fn try_exit(&mut self) -> std::io::Result<Option<Exit>> {
        match self {
            Self::Box(custody) => custody.try_exit(),
            Self::Gateway(Gateway(child)) => {
                let how = |status: std::process::ExitStatus| match status.signal() {
                    Some(signal) => Exit::Signal(signal),
                    None => Exit::Code(status.code().unwrap_or_default()),
                };
                Ok(child.try_wait()?.map(how))
            }
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // Its input has ended; what it has to write down comes first.
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            if !matches!(self.0.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A directory of ours, removed at the end.
#[derive(Debug)]
struct Folder(PathBuf);

impl Folder {
    fn make() -> std::io::Result<Self> {
        let folder =
            std::env::temp_dir().canonicalize()?.join(format!("portcullis-guard-{}", word()));
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// The same server once more, behind a gateway.
#[derive(Debug)]
pub struct Again {
    pub(super) order: Order,
    pub(super) recipe: Recipe,
}
