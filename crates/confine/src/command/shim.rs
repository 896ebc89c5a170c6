//! Shims: small scripts of version managers that stand in for the real program.

use std::path::{Path, PathBuf};

use crate::error::SpawnError;
use crate::root::shown;

/// A version manager whose `ROOT/shims/NAME` stands for `ROOT/versions/V/bin/NAME`.
struct Manager {
    variable: &'static str,
    file: &'static str,
}

const MANAGERS: &[Manager] = &[
    Manager { variable: "PYENV_VERSION", file: ".python-version" },
    Manager { variable: "NODENV_VERSION", file: ".node-version" },
    Manager { variable: "RBENV_VERSION", file: ".ruby-version" },
];

/// The real program behind a shim, or the path itself if it is none.
pub(super) fn follow(program: &Path) -> Result<PathBuf, SpawnError> {
    let (Some(dir), Some(name)) = (program.parent(), program.file_name()) else {
        return Ok(program.to_owned());
    };
    if !dir.ends_with("shims") {
        return Ok(program.to_owned());
    }
    let Some(root) = dir.parent() else { return Ok(program.to_owned()) };
    let versions = root.join("versions");
    if versions.is_dir() {
        let wanted = wanted(root);
        let real = wanted.iter().map(|v| versions.join(v).join("bin").join(name));
        if let Some(real) = real.into_iter().find(|path| path.is_file()) {
            return Ok(real);
        }
    }
    installed(program, root).map_or_else(|| Err(unknown(program)), Ok)
}

fn unknown(program: &Path) -> SpawnError {
    let why = "it is a version manager's shim and no chosen version has this program: \
               name the real program by its full path";
    SpawnError::CommandNotExecutable { command: shown(program), why: why.to_owned() }
}

/// The chosen versions, best first: variable, nearest file, global file.
fn wanted(root: &Path) -> Vec<String> {
    let mut texts: Vec<String> =
        MANAGERS.iter().filter_map(|m| std::env::var(m.variable).ok()).collect();
    if let Ok(here) = std::env::current_dir() {
        let near = here.ancestors().flat_map(|dir| MANAGERS.iter().map(|m| dir.join(m.file)));
        // Anybody may have put a pipe there, and whoever reads one waits.
        let files = near.filter(|file| file.is_file());
        texts.extend(files.filter_map(|file| std::fs::read_to_string(file).ok()));
    }
    texts.extend(std::fs::read_to_string(root.join("version")).ok());
    let words = texts.iter().flat_map(|text| text.split([':', '\n', ' ']));
    words.map(str::trim).filter(|w| plain(w)).map(str::to_owned).collect()
}

/// A version, not a way out of the versions directory.
fn plain(version: &str) -> bool {
    !version.is_empty() && !version.contains('/') && !version.starts_with('.')
}

/// asdf writes `# asdf-plugin: nodejs 20.1.0` into its shims.
fn installed(shim: &Path, root: &Path) -> Option<PathBuf> {
    let name = shim.file_name()?;
    let text = std::fs::read_to_string(shim).ok()?;
    let lines = text.lines().filter_map(|line| line.strip_prefix("# asdf-plugin: "));
    let candidate = |line: &str| {
        let (plugin, version) = line.trim().split_once(' ')?;
        (plain(plugin) && plain(version))
            .then(|| root.join("installs").join(plugin).join(version).join("bin").join(name))
    };
    lines.filter_map(candidate).find(|path| path.is_file())
}
