//! Directories and files that only their owner may touch.
//!
//! Everything is opened relative to a directory handle and without following a
//! symbolic link, and is looked at after it was opened, so that nobody can swap
//! a file between the look and the use.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::StoreError;

const PRIVATE_DIR: Mode = Mode::RWXU;
const PRIVATE_FILE: Mode = Mode::RUSR.union(Mode::WUSR);

/// An open directory.
#[derive(Debug)]
pub(crate) struct Dir {
    handle: OwnedFd,
    path: PathBuf,
    care: Care,
}

/// What a directory and the files in it must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Care {
    /// Ours, and nobody else may write to it: we are going to trust it.
    Ours,
    /// Anybody's: we only look, and a copy may be looked at by others.
    Anybodys,
}

impl Dir {
    /// Opens the state directory, creating it and its parents when missing.
    pub(crate) fn state(path: &Path) -> Result<Self, StoreError> {
        Self::made(path, DIRECTORY)
    }

    /// The same, to go on below it and not to look into: a process that confined
    /// itself may do no more.
    pub(crate) fn on_the_way(path: &Path) -> Result<Self, StoreError> {
        Self::made(path, DIRECTORY.union(OFlags::PATH))
    }

    fn made(path: &Path, flags: OFlags) -> Result<Self, StoreError> {
        let mut builder = std::fs::DirBuilder::new();
        let made = builder.recursive(true).mode(PRIVATE_DIR.bits()).create(path);
        made.map_err(|source| system("create", path, source))?;
        let handle = rustix::fs::open(path, flags, Mode::empty());
        Self::checked(handle, path.to_owned(), Care::Ours)
    }

    /// Opens somebody's directory to look into it.
    pub(crate) fn to_read(path: &Path) -> Result<Self, StoreError> {
        let handle = rustix::fs::open(path, DIRECTORY, Mode::empty());
        Self::checked(handle, path.to_owned(), Care::Anybodys)
    }

    /// Opens a directory below this one, creating it when missing.
    pub(crate) fn below(&self, name: &str) -> Result<Self, StoreError> {
        let path = self.path(name);
        match rustix::fs::mkdirat(&self.handle, name, PRIVATE_DIR) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(system("create", &path, errno)),
        }
        let handle = rustix::fs::openat(&self.handle, name, DIRECTORY, Mode::empty());
        Self::checked(handle, path, self.care)
    }

    fn checked(
        handle: Result<OwnedFd, Errno>,
        path: PathBuf,
        care: Care,
    ) -> Result<Self, StoreError> {
        let handle = handle.map_err(|errno| opening(&path, errno))?;
        let stat = rustix::fs::fstat(&handle).map_err(|errno| system("look at", &path, errno))?;
        check(&stat, &path, FileType::Directory, care)?;
        Ok(Self { handle, path, care })
    }

    /// Where something in it is, for messages.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The directory's own path.
    pub(crate) fn own_path(&self) -> &Path {
        &self.path
    }

    /// The names in it.
    pub(crate) fn names(&self) -> Result<Vec<String>, StoreError> {
        let listing = rustix::fs::Dir::read_from(&self.handle);
        let listing = listing.map_err(|errno| system("list", &self.path, errno))?;
        let mut names = Vec::new();
        for entry in listing {
            let entry = entry.map_err(|errno| system("list", &self.path, errno))?;
            names.extend(entry.file_name().to_str().ok().map(str::to_owned));
        }
        Ok(names)
    }

    /// Opens a file for reading; `None` when there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<File>, StoreError> {
        self.open(name, OFlags::RDONLY)
    }

    /// Opens or creates a file that every write goes to the end of.
    pub(crate) fn append(&self, name: &str) -> Result<File, StoreError> {
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE;
        let missing = || system("open", &self.path(name), Errno::NOENT);
        self.open(name, flags)?.ok_or_else(missing)
    }

    /// Creates a file that must not be there; every write goes to its end.
    pub(crate) fn create(&self, name: &str) -> Result<File, StoreError> {
        let flags = OFlags::RDWR | OFlags::APPEND | OFlags::CREATE | OFlags::EXCL;
        let missing = || system("create", &self.path(name), Errno::NOENT);
        self.open(name, flags)?.ok_or_else(missing)
    }

    fn open(&self, name: &str, flags: OFlags) -> Result<Option<File>, StoreError> {
        let path = self.path(name);
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let handle = match rustix::fs::openat(&self.handle, name, flags, PRIVATE_FILE) {
            Ok(handle) => handle,
            Err(Errno::NOENT) => return Ok(None),
            Err(errno) => return Err(opening(&path, errno)),
        };
        let stat = rustix::fs::fstat(&handle).map_err(|errno| system("look at", &path, errno))?;
        check(&stat, &path, FileType::RegularFile, self.care)?;
        Ok(Some(File::from(handle)))
    }

    /// Gives a file a second name unless that name is taken: `false` then.
    pub(crate) fn link(&self, from: &str, to: &str) -> Result<bool, StoreError> {
        let none = rustix::fs::AtFlags::empty();
        match rustix::fs::linkat(&self.handle, from, &self.handle, to, none) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(errno) => Err(system("create", &self.path(to), errno)),
        }
    }

    /// Gives a file another name, replacing what had it.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<(), StoreError> {
        rustix::fs::renameat(&self.handle, from, &self.handle, to)
            .map_err(|errno| system("replace", &self.path(to), errno))
    }

    /// Removes a file; it is fine when there is none.
    pub(crate) fn remove(&self, name: &str) {
        let _ = rustix::fs::unlinkat(&self.handle, name, rustix::fs::AtFlags::empty());
    }

    /// Makes the names in it survive the machine.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        rustix::fs::fsync(&self.handle).map_err(|errno| system("sync", &self.path, errno))
    }
}

const DIRECTORY: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Of the right kind; and, unless we only look, ours and not writable by anybody else.
fn check(stat: &Stat, path: &Path, kind: FileType, care: Care) -> Result<(), StoreError> {
    let refuse = |why: String| Err(StoreError::Unsafe { path: path.to_owned(), why });
    let us = rustix::process::geteuid().as_raw();
    let mode = Mode::from_raw_mode(stat.st_mode);
    if FileType::from_raw_mode(stat.st_mode) != kind {
        return refuse("is not what it should be: a plain file or directory of ours".to_owned());
    }
    if care == Care::Anybodys {
        return Ok(());
    }
    if stat.st_uid != us {
        let owner = stat.st_uid;
        return refuse(format!(
            "belongs to user {owner} and not to user {us}: choose another --state"
        ));
    }
    if mode.intersects(Mode::WGRP | Mode::WOTH) {
        let bits = mode.bits() & 0o777;
        return refuse(format!(
            "may be written to by others (mode {bits:03o}): run `chmod go-w` on it"
        ));
    }
    Ok(())
}

fn opening(path: &Path, errno: Errno) -> StoreError {
    match errno {
        Errno::LOOP => unsafe_link(path),
        // With both O_DIRECTORY and O_NOFOLLOW a link is "not a directory".
        Errno::NOTDIR if path.is_symlink() => unsafe_link(path),
        errno => system("open", path, errno),
    }
}

fn unsafe_link(path: &Path) -> StoreError {
    let why = "is a symbolic link: name the place that it points to".to_owned();
    StoreError::Unsafe { path: path.to_owned(), why }
}

/// What the system said about a path.
pub(crate) fn system(
    what: &'static str,
    path: &Path,
    source: impl Into<std::io::Error>,
) -> StoreError {
    StoreError::System { what, path: path.to_owned(), source: source.into() }
}

/// A name that nobody else uses, for a file that gets its own name later.
pub(crate) fn temporary_name(name: &str) -> Result<String, StoreError> {
    let mut random = [0; 8];
    let dice = |error| system("get entropy for", Path::new(name), std::io::Error::other(error));
    getrandom::fill(&mut random).map_err(dice)?;
    Ok(format!(".{name}.{:016x}", u64::from_ne_bytes(random)))
}
