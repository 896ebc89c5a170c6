//! Which programs may be run: found once, held by what they are.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Program;
use crate::command::{Plan, resolve};
use crate::env::DEFAULT_PATH;
use crate::error::SpawnError;
use crate::profile::{Access, Limits};
use crate::root::{RootGrant, shown};

/// Why a program may not be run: one sentence each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProgramRefused {
    /// A name alone would be looked up, and found by whoever is first.
    #[error("program `{0}` is not an absolute path")]
    Relative(String),
    /// It would be installed first.
    #[error("program `{0}` downloads what it runs: install it and name it by its path")]
    Installs(String),
    /// Whoever calls it could replace it.
    #[error("program `{program}` lies in the writable root `{root}`, where it could be replaced")]
    InRoot {
        /// Its path.
        program: String,
        /// The root.
        root: String,
    },
    /// Others on this machine could replace it.
    #[error("program `{program}` may be changed by others: see the permissions of `{place}`")]
    Writable {
        /// Its path.
        program: String,
        /// The file, or a directory above it.
        place: String,
    },
}

/// A program as it was found.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Admitted {
    pub(super) name: String,
    pub(super) command: Vec<OsString>,
    pub(super) code: Vec<PathBuf>,
    pub(super) path: String,
    pub(super) env: BTreeMap<String, String>,
    pub(super) writes: bool,
    pub(super) alone: bool,
    pub(super) limits: Limits,
    /// What was found on the way to it, and what each was.
    held: Vec<(PathBuf, Identity)>,
}

/// Of the variables only the names, as in [`Program`].
impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.env.keys().collect();
        let mut out = f.debug_struct("Admitted");
        out.field("name", &self.name).field("command", &self.command).field("env", &names);
        out.finish_non_exhaustive()
    }
}

/// What a file is, as far as the kernel tells: another one, or another content, differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Identity {
    device: u64,
    inode: u64,
    bytes: u64,
    changed: (i64, i64),
}

impl Identity {
    fn of(path: &Path) -> std::io::Result<Self> {
        let meta = std::fs::metadata(path)?;
        Ok(Self {
            device: meta.dev(),
            inode: meta.ino(),
            bytes: meta.len(),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}

impl Admitted {
    /// It is still what was found at the start; else which file is not.
    pub(super) fn unchanged(&self) -> Result<(), String> {
        let other = self.held.iter().find(|(path, was)| Identity::of(path).ok() != Some(*was));
        match other {
            None => Ok(()),
            Some((path, _)) => Err(format!("`{}` changed since the start", shown(path))),
        }
    }
}

/// Finds a program, and what it needs to run.
pub(super) fn admit(program: &Program, roots: &[RootGrant]) -> Result<Admitted, SpawnError> {
    let refuse = |why: ProgramRefused| SpawnError::CommandNotExecutable {
        command: shown(&program.path),
        why: why.to_string(),
    };
    let name = shown(&program.path);
    if !program.path.is_absolute() {
        return Err(refuse(ProgramRefused::Relative(name)));
    }
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let words: Vec<OsString> = std::iter::once(program.path.clone().into())
        .chain(program.fixed.iter().map(OsString::from))
        .collect();
    let found = resolve(&words, DEFAULT_PATH.as_ref(), home.as_deref())?;
    if found.plan != Plan::Direct {
        return Err(refuse(ProgramRefused::Installs(name)));
    }
    let mut held = Vec::new();
    for step in found.steps.iter().chain([&found.program]).chain(&found.script) {
        let real = std::fs::canonicalize(step)
            .map_err(|_| SpawnError::CommandNotFound { command: shown(step) })?;
        for path in [step, &real] {
            outside(path, &name, roots).map_err(refuse)?;
            ours_alone(path, &name).map_err(refuse)?;
        }
        let identity = Identity::of(&real)
            .map_err(|_| SpawnError::CommandNotFound { command: shown(step) })?;
        held.push((real, identity));
    }
    Ok(Admitted {
        name: program.name.clone(),
        command: std::iter::once(found.program.into()).chain(found.args).collect(),
        code: found.code,
        path: found.path,
        env: program.env.clone(),
        writes: program.writes,
        alone: program.alone,
        limits: program.limits,
        held,
    })
}

fn outside(path: &Path, name: &str, roots: &[RootGrant]) -> Result<(), ProgramRefused> {
    let mut writable = roots.iter().filter(|root| root.access == Access::ReadWrite);
    match writable.find(|root| path.starts_with(&root.path)) {
        None => Ok(()),
        Some(root) => {
            Err(ProgramRefused::InRoot { program: name.to_owned(), root: shown(&root.path) })
        }
    }
}

/// Neither the file nor a directory above it may be changed by anybody but root and us.
fn ours_alone(path: &Path, name: &str) -> Result<(), ProgramRefused> {
    let ids = Ids::known();
    for place in path.ancestors() {
        let Ok(meta) = std::fs::metadata(place) else { continue };
        let sticky = meta.is_dir() && meta.mode() & 0o1000 != 0;
        let by_group = meta.mode() & 0o020 != 0 && meta.gid() != ids.root_group;
        let by_all = meta.mode() & 0o002 != 0;
        if !ids.owner(meta.uid()) || ((by_group || by_all) && !sticky) {
            let (program, place) = (name.to_owned(), shown(place));
            return Err(ProgramRefused::Writable { program, place });
        }
    }
    Ok(())
}

/// Who counts as us: the account we are, and root, which in a user namespace without it
/// is the kernel's stand-in for everybody who is not mapped. Our own group does not: who
/// else is in it, nobody here knows.
struct Ids {
    root: u32,
    root_group: u32,
}

/// The kernel's stand-in (`/proc/sys/kernel/overflowuid`).
const NOBODY_HERE: u32 = 65534;

impl Ids {
    fn known() -> Self {
        let mapped = |map: &str| {
            let text = std::fs::read_to_string(map).unwrap_or_default();
            text.lines().any(|line| line.split_whitespace().next() == Some("0"))
        };
        let root = |map: &str| if mapped(map) { 0 } else { NOBODY_HERE };
        Self { root: root("/proc/self/uid_map"), root_group: root("/proc/self/gid_map") }
    }

    fn owner(&self, uid: u32) -> bool {
        uid == self.root || uid == rustix::process::geteuid().as_raw()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]
mod tests {
    use super::*;
    use crate::profile::Level;
    use crate::runner::{Orders, Setup, limits};

    #[test]
    fn no_value_of_a_variable_is_printed() {
        let program = Program {
            name: "echo".to_owned(),
            path: "/bin/echo".into(),
            fixed: Vec::new(),
            env: [("TOKEN".to_owned(), "zq8-canary".to_owned())].into(),
            writes: false,
            alone: false,
            limits: limits(),
        };
        let admitted = admit(&program, &[]).unwrap();
        let setup = Setup { programs: vec![program.clone()], ..Setup::default() };
        let orders = Orders {
            programs: vec![admitted.clone()],
            roots: Vec::new(),
            least: Level::Landlock,
            most: Level::Full,
            user: None,
        };
        for printed in [
            format!("{program:?}"),
            format!("{setup:?}"),
            format!("{admitted:?}"),
            format!("{orders:?}"),
        ] {
            assert!(printed.contains("TOKEN") && !printed.contains("canary"), "{printed}");
        }
    }
}
