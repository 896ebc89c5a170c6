//! Places in a writable root that stay read-only: what an editor, a shell or git
//! runs without asking is no place for a server to write.
//!
//! A read-only mount on the place itself is not enough, because whoever may
//! rename the directory above it moves the mount away and puts a fake there.
//! The kernel refuses to rename or remove what is a mount point (EBUSY), so the
//! root is mounted twice: in the lower copy every directory above a protected
//! place is mounted onto itself, a *pin*; lookups go through the upper copy, in
//! which there are no such mounts to cross, so `rename` and `link` within the
//! root work as ever (a rename over a mount would be EXDEV).

use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::root::shown;
use crate::sys::mount::{Forbid, attach, clone_tree, open_below, restrict};
use crate::trouble::{During, Part, Step, Trouble};

/// What is protected in a writable root unless somebody says otherwise: files
/// that git, shells, editors and agents execute or obey when they merely visit
/// the directory.
pub const DEFAULT_PROTECT: &[&str] = &[
    // All of it: beside `hooks` and `config` git obeys `commondir`, `config.worktree`,
    // `info`, `modules` and `objects/info/alternates`, most of which are not there until
    // somebody makes them, and what is not there cannot be mounted over.
    ".git",
    ".mcp.json",
    ".portcullis.toml",
    ".claude",
    ".cursor",
    ".vscode",
    ".idea",
    ".envrc",
    ".profile",
    ".bashrc",
    ".bash_profile",
    ".zshrc",
    ".zshenv",
    ".zprofile",
];

/// A writable root, cloned twice, waiting for its place.
pub(crate) struct Guarded {
    /// The copy that holds the pins.
    pub(crate) lower: OwnedFd,
    /// The copy that lookups go through.
    pub(crate) upper: OwnedFd,
    pub(crate) plan: Plan,
}

/// What is to be done in one root; paths are relative to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Become read-only.
    pub(crate) places: Vec<PathBuf>,
    /// Are mount points for other reasons: what is above them must stay, too.
    pub(crate) nested: Vec<PathBuf>,
}

/// What became of one root's places.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Protected {
    /// Read-only now.
    pub(crate) held: BTreeSet<String>,
    /// Not there, so nothing could be mounted on them.
    pub(crate) absent: BTreeSet<String>,
}

impl Plan {
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty() && self.nested.is_empty()
    }
}

impl Guarded {
    /// Puts the root onto its mount point, pinned and protected.
    pub(crate) fn lay(self, point: &OwnedFd) -> Step<Protected> {
        let Self { lower, upper, plan } = self;
        attach(&lower, point).during_part(Part::Root, "mount a protected root")?;
        let mut pinned = BTreeSet::new();
        for place in plan.places.iter().chain(&plan.nested) {
            pin_above(&lower, place, &mut pinned)?;
        }
        // Onto the lower copy's own top: this is what a lookup finds first.
        attach(&upper, &lower).during_part(Part::Root, "mount a protected root again")?;
        let mut protected = Protected::default();
        for place in &plan.places {
            match reach(&upper, place)? {
                Some((held, handle)) => {
                    seal(&handle, &held)?;
                    protected.held.insert(shown(&held));
                }
                None => drop(protected.absent.insert(shown(place))),
            }
        }
        Ok(protected)
    }
}

/// A relative path without tricks, as a list may name it.
pub(crate) fn is_place(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
        && path.components().next().is_some()
}

/// Pins every directory between the root and a place.
fn pin_above(root: &OwnedFd, place: &Path, pinned: &mut BTreeSet<PathBuf>) -> Step<()> {
    let mut above: Vec<&Path> = place.ancestors().skip(1).collect();
    above.retain(|dir| !dir.as_os_str().is_empty());
    for dir in above.into_iter().rev() {
        if pinned.contains(dir) {
            continue;
        }
        let handle = match open_below(root, dir) {
            // What is not there, or is a file, has nothing below it to be pinned for.
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            other => other.map_err(|error| in_the_way(dir, error))?,
        };
        pin(&handle, dir)?;
        pinned.insert(dir.to_owned());
    }
    Ok(())
}

/// Mounts a directory onto itself, so that it stays where it is.
pub(crate) fn pin(handle: &OwnedFd, dir: &Path) -> Step<()> {
    let what = || format!("pin `{}`", shown(dir));
    let tree = clone_tree(handle).during_part(Part::Root, what())?;
    attach(&tree, handle).during_part(Part::Root, what())
}

/// The place, or the file that stands where a directory above it would be: a
/// `.git` file names the directory that git obeys, hooks and all.
fn reach(root: &OwnedFd, place: &Path) -> Step<Option<(PathBuf, OwnedFd)>> {
    for candidate in place.ancestors().filter(|path| !path.as_os_str().is_empty()) {
        match open_below(root, candidate) {
            Ok(handle) => return Ok(Some((candidate.to_owned(), handle))),
            Err(Errno::NOTDIR) => {}
            Err(Errno::NOENT) => return Ok(None),
            Err(error) => return Err(in_the_way(candidate, error)),
        }
    }
    Ok(None)
}

/// A link cannot be a mount point, and what it leads to may be anything.
fn in_the_way(place: &Path, error: Errno) -> Trouble {
    let place = shown(place);
    let what = if error == Errno::LOOP {
        format!(
            "cannot protect `{place}`: a link is in the way; replace it, or list in `protect` what it leads to"
        )
    } else {
        format!("cannot protect `{place}`")
    };
    let errno = if error == Errno::LOOP { 0 } else { error.raw_os_error() };
    Trouble { part: Part::Root, what, errno }
}

/// Mounts a place onto itself, read-only with everything below.
pub(crate) fn seal(handle: &OwnedFd, place: &Path) -> Step<()> {
    let what = || format!("protect `{}`", shown(place));
    let forbid = Forbid::WRITE.and(Forbid::SUID).and(Forbid::DEVICES).and(Forbid::EXEC);
    let tree = clone_tree(handle).during_part(Part::Root, what())?;
    restrict(&tree, forbid, true).during_part(Part::Root, what())?;
    attach(&tree, handle).during_part(Part::Root, what())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_plain() {
        for (path, expect) in [
            (".git/hooks", true),
            (".envrc", true),
            ("", false),
            ("/etc", false),
            ("../x", false),
            ("a/../b", false),
            ("./a", false),
        ] {
            assert_eq!(is_place(Path::new(path)), expect, "{path}");
        }
        assert!(DEFAULT_PROTECT.iter().all(|place| is_place(Path::new(place))));
    }
}
