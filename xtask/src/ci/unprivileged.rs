//! The box again, as an ordinary user.
//!
//! Root and an ordinary user get their boxes in different ways, and a run as
//! root would see only one of them. The test programs of the crates below are
//! run a second time as nobody, in a private directory. Where nobody cannot
//! reach our folder, they are built from a copy that it can reach.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Ci, peers, tests};
use crate::{run, say};

const NOBODY: &str = "65534";
const NOT_COPIED: &[&str] = &[".git", "target", "node_modules"];
/// Whose tests depend on who runs them, by their folders in `crates/`.
const PACKAGES: [&str; 2] = ["confine", "cli"];
/// What of them says the same whoever runs it, and takes long: the box is the same there as in
/// the programs that are run again.
const ONCE: &[&str] = &[
    "cli::audit",
    "cli::browser",
    "cli::casebook",
    "cli::channels",
    "cli::cycles",
    "cli::guide",
    "cli::lesson",
    "cli::matrix",
];
/// Where a part is enough, and how its tests' names begin: real servers in the box, not every host
/// in front of them.
const PARTS: &[(&str, &str)] = &[("cli::peers", "servers::")];

/// Runs them, when we are root; otherwise the run before this one did.
pub(super) fn tests(ci: &mut Ci<'_>) -> Result<(), String> {
    if !run::root() {
        say("we are an ordinary user: the tests above were it");
        return Ok(());
    }
    if !run::on_path("setpriv") {
        ci.skipped.push("the box as an ordinary user: no `setpriv` (util-linux)".to_owned());
        return Ok(());
    }
    let private = Private::new()?;
    let mut build = ci.repo.cargo();
    build.arg("test");
    if !reachable(ci.repo.root()) || !reachable(&ci.target) {
        say("nobody cannot reach this folder: building a copy that it can reach");
        let copied = private.0.join("repo");
        copy(ci.repo.root(), &copied)?;
        build.current_dir(copied).env("CARGO_TARGET_DIR", private.0.join("target"));
        build.args(PACKAGES.map(|name| format!("--package=portcullis-{name}")));
    } else {
        // Not these packages alone: then they are the very programs that were built before.
        build.arg("--workspace");
    }
    build.env("PORTCULLIS_PEERS", peers::folder(ci));
    let programs = tests::programs(&mut build)?.into_iter().filter(runs_again).collect();
    let peers = peers::folder(ci);
    let command = |program: &tests::Program| {
        let name = program.name.replace("::", "-");
        let mut command = as_nobody(&program.path, &private.hand_over(&format!("{name}-home"))?);
        // Beside the home: a root below it would make the home's name exist in a box.
        command.env("TMPDIR", private.hand_over(&format!("{name}-tmp"))?);
        command.current_dir(&program.folder).env("CARGO_MANIFEST_DIR", &program.folder);
        command.env("PORTCULLIS_PEERS", &peers).arg("--show-output");
        command.args(PARTS.iter().filter(|(of, _)| *of == program.name).map(|(_, part)| part));
        Ok(command)
    };
    tests::in_lanes(ci, programs, "nobody", command)
}

fn runs_again(program: &tests::Program) -> bool {
    PACKAGES.contains(&program.package()) && !ONCE.contains(&program.name.as_str())
}

/// A program as nobody, at home in a folder of its own.
fn as_nobody(program: impl AsRef<OsStr>, home: &Path) -> Command {
    let mut command = run::command("setpriv");
    command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    command.args(["--inh-caps=-all", "--bounding-set=-all"]).arg(program);
    command.env("HOME", home).env("USER", "nobody").env("LOGNAME", "nobody");
    for name in ["XDG_STATE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR", "PORTCULLIS_STATE"] {
        command.env_remove(name);
    }
    command
}

/// Whether nobody can walk there and look around.
fn reachable(folder: &Path) -> bool {
    let mut look = as_nobody("test", Path::new("/"));
    run::works(look.arg("-x").arg(folder)) && {
        let mut look = as_nobody("test", Path::new("/"));
        run::works(look.arg("-r").arg(folder))
    }
}

/// A folder that others may pass through, gone when the tests are over.
struct Private(PathBuf);

impl Private {
    fn new() -> Result<Self, String> {
        let folder = std::env::temp_dir().join(format!("portcullis-nobody-{}", std::process::id()));
        let made = fs::create_dir(&folder).and_then(|()| mode(&folder, 0o755));
        made.map_err(|error| format!("{}: {error}", folder.display()))?;
        let private = Self(folder);
        if reachable(&private.0) {
            return Ok(private);
        }
        Err(format!("nobody cannot reach {}: set TMPDIR", private.0.display()))
    }

    /// A folder in it that is nobody's own.
    fn hand_over(&self, name: &str) -> Result<PathBuf, String> {
        let folder = self.0.join(name);
        let owner = NOBODY.parse().ok();
        let made = fs::create_dir(&folder)
            .and_then(|()| mode(&folder, 0o700))
            .and_then(|()| std::os::unix::fs::chown(&folder, owner, owner));
        made.map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path, mode: u32) -> std::io::Result<()> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

/// The sources, without what was built.
fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let broken = |error: std::io::Error| format!("{}: {error}", from.display());
    fs::create_dir_all(to).and_then(|()| mode(to, 0o755)).map_err(broken)?;
    for entry in fs::read_dir(from).map_err(broken)? {
        let entry = entry.map_err(broken)?;
        let (path, into) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(broken)?;
        if NOT_COPIED.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if kind.is_symlink() {
            let target = fs::read_link(&path).map_err(broken)?;
            std::os::unix::fs::symlink(target, into).map_err(broken)?;
        } else if kind.is_dir() {
            copy(&path, &into)?;
        } else {
            fs::copy(&path, &into).map_err(broken)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod unit {
    use super::*;

    fn program(folder: &str, name: &str) -> tests::Program {
        tests::Program { name: name.to_owned(), path: String::new(), folder: folder.to_owned() }
    }

    #[test]
    fn the_box_is_tested_again_and_the_casebook_is_not() {
        assert!(runs_again(&program("/r/crates/confine", "confine::jailbreak")));
        assert!(runs_again(&program("/r/crates/cli", "cli::run")));
        assert!(!runs_again(&program("/r/crates/cli", "cli::casebook")));
        assert!(!runs_again(&program("/r/crates/wire", "wire::laws")));
    }

    #[test]
    fn what_is_named_exists() {
        let named = ONCE.iter().chain(PARTS.iter().map(|(name, _)| name));
        for name in named {
            let program = name.strip_prefix("cli::").unwrap_or(name);
            let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/cli/tests");
            let there = tests.join(format!("{program}.rs")).is_file()
                || tests.join(program).join("main.rs").is_file();
            assert!(there, "{name} is no test program any more");
        }
    }
}
