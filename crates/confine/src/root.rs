//! Which directories may become roots, and the identity they were approved with.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::profile::Access;
use crate::protect::DEFAULT_PROTECT;

/// A directory that a server may see.
///
/// Device and inode are those of the directory that was approved. They are
/// compared again when the mount is made, so a swap in between is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootGrant {
    /// The canonical path: no links, no `..`.
    pub path: PathBuf,
    /// The path as it was asked for, when a link made it differ. The box shows
    /// the root under this name too.
    pub alias: Option<PathBuf>,
    /// What the server may do there.
    pub access: Access,
    /// What stays read-only in it all the same, relative to `path`.
    pub protect: Vec<PathBuf>,
    /// The device number at approval.
    pub device: u64,
    /// The inode number at approval.
    pub inode: u64,
}

/// Why a directory may not be a root: one sentence each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RootRefused {
    /// It cannot be looked at.
    #[error("root `{path}` cannot be opened: {why}")]
    Unreachable {
        /// As it was asked for.
        path: String,
        /// The system's words.
        why: String,
    },
    /// A file, a socket, a device.
    #[error("root `{path}` is not a directory: grant the directory that holds it")]
    NotADirectory {
        /// Its canonical path.
        path: String,
    },
    /// The file system's top, or a directory the system lives in.
    #[error("root `{path}` is refused: {why}; grant the project's own directory instead")]
    Reserved {
        /// Its canonical path.
        path: String,
        /// What it is.
        why: &'static str,
    },
}

/// Directories that neither are roots nor contain any.
const SYSTEM: &[&str] = &[
    "/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/proc", "/run",
    "/sandbox", "/sbin", "/sys", "/usr",
];

/// Shared or nearly everything: not roots themselves, though roots may lie below.
const TOO_WIDE: &[&str] =
    &["/tmp", "/var", "/var/tmp", "/home", "/root", "/opt", "/srv", "/mnt", "/media"];

/// Judges a directory that somebody wants to grant. A writable one comes with
/// [`DEFAULT_PROTECT`]; whoever means something else says so in the grant.
///
/// # Errors
///
/// [`RootRefused`] says what it is and why that is no root.
pub fn admit_root(
    asked: &Path,
    access: Access,
    home: Option<&Path>,
) -> Result<RootGrant, RootRefused> {
    let _awake = crate::own::wake();
    let unreachable = |error: std::io::Error| RootRefused::Unreachable {
        path: shown(asked),
        why: error.to_string(),
    };
    let path = std::fs::canonicalize(asked).map_err(unreachable)?;
    if let Some(why) = reserved(&path, home) {
        return Err(RootRefused::Reserved { path: shown(&path), why });
    }
    let meta = std::fs::symlink_metadata(&path).map_err(unreachable)?;
    if !meta.is_dir() {
        return Err(RootRefused::NotADirectory { path: shown(&path) });
    }
    let alias = alias_of(asked, &path);
    let protect = match access {
        Access::ReadOnly => Vec::new(),
        Access::ReadWrite => DEFAULT_PROTECT.iter().map(PathBuf::from).collect(),
    };
    Ok(RootGrant { path, alias, access, protect, device: meta.dev(), inode: meta.ino() })
}

fn reserved(path: &Path, home: Option<&Path>) -> Option<&'static str> {
    if path.parent().is_none() {
        return Some("it is the whole file system");
    }
    if SYSTEM.iter().any(|dir| path.starts_with(dir)) {
        return Some("the system lives there");
    }
    if home.is_some_and(|home| is_or_contains(path, home)) {
        return Some("it is or contains the home directory");
    }
    if TOO_WIDE.iter().any(|dir| path == Path::new(dir)) {
        return Some("it is shared by everything on this machine");
    }
    None
}

/// Both spellings of the home count: as the environment has it, and resolved.
fn is_or_contains(path: &Path, home: &Path) -> bool {
    home.starts_with(path) || std::fs::canonicalize(home).is_ok_and(|real| real.starts_with(path))
}

/// The asked path, when it is absolute and plain but not the canonical one.
fn alias_of(asked: &Path, canonical: &Path) -> Option<PathBuf> {
    use std::path::Component;
    let plain = asked.components().all(|c| matches!(c, Component::RootDir | Component::Normal(_)));
    let tidy: PathBuf = asked.components().collect();
    (asked.is_absolute() && plain && tidy != canonical).then_some(tidy)
}

/// A path in a message: control characters and odd bytes are escaped.
pub(crate) fn shown(path: impl AsRef<OsStr>) -> String {
    let text = String::from_utf8_lossy(path.as_ref().as_bytes()).into_owned();
    text.chars().flat_map(escape).collect()
}

fn escape(c: char) -> Vec<char> {
    if c.is_control() { c.escape_default().collect() } else { vec![c] }
}
