//! Other people's servers and clients, pinned in `peers/`, installed into `target/peers`.
//!
//! ```text
//! target/peers/node/node_modules/.bin/mcp-server-filesystem   npm, without install scripts
//! target/peers/inspector/node_modules/.bin/mcp-inspector      and the Node.js that it wants
//! target/peers/old/node_modules/.bin/mcp-server-filesystem    as it was published with a flaw
//! target/peers/python/servers/bin/mcp-server-git              one venv per requirements file
//! ```
//!
//! Tests find the folder in `PORTCULLIS_PEERS`. A stamp holds what was
//! installed; when the lock is the same, nothing is done.

mod hello;

use std::fs;
use std::path::{Path, PathBuf};

use super::{Ci, system};
use crate::repo::Repo;
use crate::{run, say};

/// What npm installs, by the folder of its lock.
const NODES: &[&str] = &["node", "inspector", "old", "playwright", "sarif"];
/// The venvs, by the name of their requirements file.
const VENVS: &[&str] = &["collector", "precommit", "sdk1", "sdk2", "servers", "servers1", "tools"];

/// `cargo xtask peers`.
pub(crate) fn command(repo: &Repo) -> Result<(), String> {
    let mut ci = Ci { repo, target: repo.target()?, skipped: Vec::new() };
    system::install(&mut ci)?;
    install(&mut ci)
}

/// Where the peers are.
pub(super) fn folder(ci: &Ci<'_>) -> PathBuf {
    ci.target.join("peers")
}

/// Installs what is not there yet, and says hello to each server.
pub(super) fn install(ci: &mut Ci<'_>) -> Result<(), String> {
    let (from, to) = (ci.repo.root().join("peers"), folder(ci));
    for name in NODES {
        let from = from.join(name);
        let inputs = [&from.join("package-lock.json"), &from.join("package.json")];
        let fresh =
            once(&to.join(name), &inputs.map(PathBuf::as_path), |folder| npm(&from, folder))?;
        if fresh {
            say(&format!("installed {name}"));
        }
    }
    for name in VENVS {
        let requirements = from.join("python").join(name).with_extension("txt");
        let fresh = once(&to.join("python").join(name), &[&requirements], |folder| {
            venv(&requirements, folder)
        })?;
        if fresh {
            say(&format!("installed python/{name}"));
        }
    }
    hello::all(&to)
}

/// Makes a folder with `make` unless its stamp says that these inputs made it.
fn once(
    folder: &Path,
    inputs: &[&Path],
    make: impl FnOnce(&Path) -> Result<(), String>,
) -> Result<bool, String> {
    let mut wanted = format!("{}\n", folder.display());
    for input in inputs {
        let text = fs::read_to_string(input);
        wanted += &text.map_err(|error| format!("{}: {error}", input.display()))?;
    }
    let stamp = folder.join("portcullis-stamp");
    if fs::read_to_string(&stamp).is_ok_and(|made| made == wanted) {
        return Ok(false);
    }
    let broken = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(broken)?;
    }
    fs::create_dir_all(folder).map_err(broken)?;
    make(folder)?;
    fs::write(&stamp, wanted).map_err(broken)?;
    Ok(true)
}

fn npm(from: &Path, folder: &Path) -> Result<(), String> {
    for name in ["package.json", "package-lock.json", ".npmrc"] {
        let copied = fs::copy(from.join(name), folder.join(name));
        copied.map_err(|error| format!("{}: {error}", from.join(name).display()))?;
    }
    let arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    run::pass(run::command("npm").current_dir(folder).args(arguments))
}

fn venv(requirements: &Path, folder: &Path) -> Result<(), String> {
    let python = system::python().ok_or("no python3 with venv")?;
    run::pass(run::command(python).args(["-m", "venv"]).arg(folder))?;
    let mut pip = run::command(folder.join("bin/python"));
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]);
    pip.args(["--require-hashes", "--only-binary", ":all:", "--requirement"]).arg(requirements);
    // Root may install here: it is a venv of ours.
    run::pass(pip.env("PIP_ROOT_USER_ACTION", "ignore"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_stamp_saves_the_work_until_its_input_changes() {
        let base = std::env::temp_dir().join(format!("portcullis-stamp-{}", std::process::id()));
        let _ = fs::remove_dir_all(&base);
        fs::create_dir_all(&base).expect("a folder");
        let (lock, folder) = (base.join("lock"), base.join("made"));
        let made = Cell::new(0);
        let go = || {
            once(&folder, &[&lock], |_| {
                made.set(made.get() + 1);
                Ok(())
            })
        };
        for (text, expected) in [("a", true), ("a", false), ("b", true)] {
            fs::write(&lock, text).expect("a lock");
            assert_eq!(go(), Ok(expected));
        }
        assert_eq!(made.get(), 2);
        let failed = once(&base.join("broken"), &[&lock], |_| Err("no".into()));
        assert_eq!(failed, Err("no".into()));
        assert_eq!(once(&base.join("broken"), &[&lock], |_| Ok(())), Ok(true));
        fs::remove_dir_all(&base).expect("gone");
    }
}
