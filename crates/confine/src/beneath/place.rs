//! Where an entry truly is, so that it can be changed: the directory that holds it,
//! by descriptor, and every name from the root on, without links.
//!
//! The names are found by resolving links one by one. They are believed only when
//! the kernel then opens exactly these names without meeting a link: what somebody
//! swaps in between makes that fail, and we begin again.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{OFlags, ResolveFlags, readlinkat};
use rustix::io::Errno;

use super::look::open;
use super::{BeneathError, PATIENCE, RootDir};

/// As many links as the kernel itself follows (`MAXSYMLINKS`).
const LINKS: usize = 40;

/// Only what is spelled out: no link anywhere in the path.
pub(super) const TRUE_NAMES: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);

/// Whether the last name is meant itself, or what it leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Last {
    Itself,
    Followed,
}

/// An entry that is there, or could be.
pub(super) struct Place {
    /// The directory that holds it.
    pub(super) dir: OwnedFd,
    /// Every name from the root to the entry; never empty.
    pub(super) names: Vec<OsString>,
}

impl Place {
    pub(super) fn name(&self) -> &OsStr {
        self.names.last().map_or(OsStr::new(""), OsString::as_os_str)
    }
}

impl RootDir {
    /// The place of something that is about to change, if it may.
    pub(super) fn place_to_change(&self, below: &Path, last: Last) -> Result<Place, BeneathError> {
        let except = self.changes.as_ref().ok_or(BeneathError::ReadOnly)?;
        let place = self.place(below, last)?;
        if except.holds(&place.names) { Err(BeneathError::Protected) } else { Ok(place) }
    }

    pub(super) fn place(&self, below: &Path, last: Last) -> Result<Place, BeneathError> {
        let mut names = components(below)?;
        let mut followed = 0;
        for _ in 0..PATIENCE {
            let (name, above) = names.split_last().ok_or(BeneathError::BadName)?;
            let plain = names.iter().all(|name| name != "..");
            let opened = plain.then(|| open(&self.handle, &joined(above), DIRECTORY, TRUE_NAMES));
            let dir = match opened {
                Some(Ok(dir)) => dir,
                None | Some(Err(BeneathError::TooManyLinks)) => {
                    let mut resolved = self.resolve(above)?;
                    match name.as_bytes() {
                        b".." if resolved.pop().is_none() => return Err(BeneathError::Outside),
                        b".." => {}
                        _ => resolved.push(name.clone()),
                    }
                    names = resolved;
                    continue;
                }
                Some(Err(other)) => return Err(other),
            };
            match (last, link_at(&dir, name)?) {
                (Last::Followed, Some(target)) => {
                    count(&mut followed)?;
                    let mut on = above.to_vec();
                    on.extend(components(&target)?);
                    names = on;
                }
                _ => return Ok(Place { dir, names }),
            }
        }
        Err(BeneathError::Changed)
    }

    /// Names without links and `..`, found step by step.
    fn resolve(&self, asked: &[OsString]) -> Result<Vec<OsString>, BeneathError> {
        let mut links = 0;
        let mut ahead: VecDeque<OsString> = asked.iter().cloned().collect();
        let mut behind: Vec<(OsString, OwnedFd)> = Vec::new();
        while let Some(name) = ahead.pop_front() {
            if name == ".." {
                behind.pop().ok_or(BeneathError::Outside)?;
                continue;
            }
            let here = behind.last().map_or(self.handle.as_fd(), |(_, dir)| dir.as_fd());
            match open(here, Path::new(&name), DIRECTORY, TRUE_NAMES) {
                Ok(dir) => behind.push((name, dir)),
                Err(BeneathError::TooManyLinks) => {
                    count(&mut links)?;
                    // No link any more: the next round finds what it is by now.
                    let target = link_at(here, &name)?.unwrap_or_else(|| PathBuf::from(&name));
                    for name in components(&target)?.into_iter().rev() {
                        ahead.push_front(name);
                    }
                }
                Err(other) => return Err(other),
            }
        }
        Ok(behind.into_iter().map(|(name, _)| name).collect())
    }
}

/// Where a link leads, if it is one.
fn link_at(dir: impl AsFd, name: &OsStr) -> Result<Option<PathBuf>, BeneathError> {
    if name == ".." {
        return Ok(None);
    }
    match readlinkat(dir, name, Vec::new()) {
        Ok(target) => Ok(Some(PathBuf::from(OsString::from_vec(target.into_bytes())))),
        Err(Errno::INVAL | Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

fn count(links: &mut usize) -> Result<(), BeneathError> {
    *links += 1;
    if *links > LINKS { Err(BeneathError::TooManyLinks) } else { Ok(()) }
}

/// The names of a path, `..` among them; an absolute one is outside.
fn components(path: &Path) -> Result<Vec<OsString>, BeneathError> {
    if path.as_os_str().as_bytes().contains(&0) {
        return Err(BeneathError::BadName);
    }
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name.to_owned()),
            Component::ParentDir => names.push("..".into()),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return Err(BeneathError::Outside),
        }
    }
    Ok(names)
}

fn joined(names: &[OsString]) -> PathBuf {
    names.iter().collect()
}
