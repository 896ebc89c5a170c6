//! From the words a person wrote to a program and the directories it needs.
//!
//! [`resolve`] starts nothing: it follows links, shims and `#!` lines, and
//! names the fewest directories that the program must be able to read. What
//! `npx` and `uvx` would download first becomes [`Plan::Prepare`].

mod package;
mod prepare;
mod registry;
mod runtime;
mod script;
mod shim;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

pub use package::{Ecosystem, Package};
pub use prepare::{Preparation, PrepareError, Prepared};

use crate::env::DEFAULT_PATH;
use crate::error::SpawnError;
use crate::root::shown;
use runtime::Needs;

/// What has to happen before the program can run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Nothing.
    Direct,
    /// A package must be installed first, see [`Package::prepare`].
    Prepare(Package),
}

/// A command, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The program's absolute path.
    pub program: PathBuf,
    /// Its arguments; a script among them has become an absolute path.
    pub args: Vec<OsString>,
    /// The script among them, when the program is an interpreter.
    pub script: Option<PathBuf>,
    /// What it must be able to read and execute, beyond the system's own.
    pub code: Vec<PathBuf>,
    /// The `PATH` under which it finds what it starts in turn.
    pub path: String,
    /// Each program and interpreter on the way, with the links to it: whoever can
    /// change one of them decides what `code` is.
    pub steps: Vec<PathBuf>,
    /// What comes first.
    pub plan: Plan,
}

impl Resolved {
    /// Fills in what a profile needs to run this.
    pub fn apply(&self, profile: &mut crate::Profile) {
        profile.command = std::iter::once(self.program.clone().into()).collect();
        profile.command.extend(self.args.iter().cloned());
        profile.code.extend(self.code.iter().cloned());
        if !self.path.is_empty() {
            profile.env.entry("PATH".to_owned()).or_insert_with(|| self.path.clone());
        }
    }
}

/// What is known about the person whose command it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person<'a> {
    pub(crate) path: &'a OsStr,
    pub(crate) home: Option<&'a Path>,
}

/// Understands a command.
///
/// `path_var` is the `PATH` of the person, `home` their home directory: it is
/// never granted as a whole.
///
/// # Errors
///
/// [`SpawnError::CommandNotFound`] and [`SpawnError::CommandNotExecutable`].
pub fn resolve(
    command: &[OsString],
    path_var: &OsStr,
    home: Option<&Path>,
) -> Result<Resolved, SpawnError> {
    let person = Person { path: path_var, home };
    if let Some(package) = package::asked(command)? {
        return Ok(Resolved {
            program: PathBuf::new(),
            args: package.args.clone(),
            script: None,
            code: Vec::new(),
            path: DEFAULT_PATH.to_owned(),
            steps: Vec::new(),
            plan: Plan::Prepare(package),
        });
    }
    direct(command, person)
}

/// A command that needs no installation.
fn direct(command: &[OsString], person: Person<'_>) -> Result<Resolved, SpawnError> {
    let found = find_program(command.first(), person.path)?;
    let mut needs = Needs::new(person);
    let program = needs.program(&found)?;
    let mut args: Vec<OsString> = command.iter().skip(1).cloned().collect();
    let found = script::argument(&program, &args);
    let script = found.as_ref().map(|(_, file)| file.clone());
    if let Some((at, file)) = found {
        needs.script(&file);
        args.splice(at..=at, [file.into()]);
    }
    let steps = needs.steps();
    let (code, path) = needs.finish();
    Ok(Resolved { program, args, script, code, path, steps, plan: Plan::Direct })
}

/// The program's absolute path, as the kernel will be asked for it.
pub(crate) fn find_program(name: Option<&OsString>, path: &OsStr) -> Result<PathBuf, SpawnError> {
    let Some(name) = name.filter(|name| !name.is_empty()) else {
        return Err(SpawnError::CommandNotFound { command: String::new() });
    };
    let missing = || SpawnError::CommandNotFound { command: shown(name) };
    if name.as_bytes().contains(&b'/') {
        let path = std::path::absolute(name).map_err(|_| missing())?;
        return if path.exists() { Ok(path) } else { Err(missing()) };
    }
    let dirs = std::env::split_paths(path).filter(|dir| dir.is_absolute());
    let found: Vec<PathBuf> = dirs.map(|dir| dir.join(name)).filter(|p| p.is_file()).collect();
    let runs = found.iter().find(|path| executable(path));
    runs.or(found.first()).cloned().ok_or_else(missing)
}

fn executable(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| meta.permissions().mode() & 0o111 != 0)
}

/// Directories that no program needs as a whole.
pub(crate) fn too_wide(dir: &Path) -> bool {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    contains_home(dir, home.as_deref())
}

/// The home itself, or anything that contains it; and the top of everything.
pub(crate) fn contains_home(dir: &Path, home: Option<&Path>) -> bool {
    let real = |home: &Path| home.is_absolute() && home.parent().is_some();
    dir.parent().is_none() || home.is_some_and(|home| real(home) && home.starts_with(dir))
}

/// Why the kernel did not take the program, in words that help.
pub(crate) fn why_not_started(program: &Path, errno: i32) -> String {
    let words = std::io::Error::from_raw_os_error(errno);
    match errno {
        libc::ENOENT if program.exists() => {
            "it, or the interpreter it names, is not visible in the box: grant the directory \
             it is installed in as code"
                .to_owned()
        }
        libc::EACCES if executable(program) => format!(
            "{words}: it, or a directory above it, is closed to the account that the server \
             runs as, or it lies outside the directories granted as code"
        ),
        libc::EACCES => "it is not executable: set its permission with `chmod +x`".to_owned(),
        libc::ENOEXEC => {
            "it is neither a program for this machine nor a script with a `#!` line".to_owned()
        }
        _ => words.to_string(),
    }
}

/// Variables of ours by prefix, for the one phase that may see them.
pub(crate) fn variables(wanted: impl Fn(&str) -> bool) -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| wanted(name))
        .collect()
}
