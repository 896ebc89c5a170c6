//! A directory held by descriptor, and what may be done below it: the kernel's
//! half of a path.
//!
//! `guard::path` judges the words, this room lets the kernel resolve them: every
//! path goes through `openat2` with `RESOLVE_BENEATH` and `RESOLVE_NO_MAGICLINKS`,
//! relative to the descriptor. A link inside the root that stays inside is followed,
//! one that leaves is [`BeneathError::Outside`]. In reading, nothing is looked at by one
//! call and opened by the next: what was looked at is what is read, or it is refused.
//! A change looks first and renames then, in a directory that it holds: a file that
//! comes in between may be replaced, but nothing outside of the root.
//! Where there is no `openat2`, `walk.rs` keeps the same promise name by name.
//!
//! Reading is in [`look`](RootDir::facts) and [`Directory`]; what changes something
//! is in [`Draft`] and `change.rs`, goes through `place.rs`, which knows the true
//! name of what it touches, and needs a root that was opened [`writable`](RootDir::writable).

mod change;
mod directory;
mod draft;
mod error;
mod look;
mod place;
mod protected;
mod walk;

use std::fmt;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, fstat, openat};
use rustix::io::Errno;

pub use directory::{Directory, Entry};
pub use draft::Draft;
pub use error::BeneathError;
pub use look::{Facts, Kind};
pub use protected::Protected;

/// How often a lookup that somebody else's rename disturbed is tried again.
const PATIENCE: usize = 64;

/// A directory, held: whatever happens to its path, this is the one that was opened.
/// For reading only, until [`writable`](Self::writable) says otherwise.
///
/// Every `below` is a path relative to it; `""` is the directory itself.
pub struct RootDir {
    handle: OwnedFd,
    path: PathBuf,
    device: u64,
    changes: Option<Protected>,
}

impl RootDir {
    /// Opens a directory of the operator's choice. Links in this path are followed:
    /// judge it before (`admit_root`).
    ///
    /// # Errors
    /// When it is not there, is no directory, belongs to a pseudo file system, or
    /// when this kernel cannot hold paths beneath a directory.
    pub fn open(path: &Path) -> Result<Self, BeneathError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = openat(CWD, path, flags, Mode::empty())?;
        let device = fstat(&handle)?.st_dev;
        look::refuse_pseudo(&handle)?;
        let root = Self { handle, path: path.to_owned(), device, changes: None };
        // Closed from the beginning, not at the first file.
        root.open_at(Path::new(""), OFlags::PATH | OFlags::DIRECTORY)?;
        Ok(root)
    }

    /// The same directory, in which things may change, except in these places.
    #[must_use]
    pub fn writable(self, except: Protected) -> Self {
        Self { changes: Some(except), ..self }
    }

    /// A directory below this one, as a root of its own: nothing leads out of it,
    /// not even to here. No link is followed on the way there, so that what is
    /// protected stays so.
    ///
    /// # Errors
    /// [`BeneathError::NotADirectory`], or what the kernel says.
    pub fn within(&self, below: &str) -> Result<Self, BeneathError> {
        let below = Path::new(below);
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let handle = look::open(&self.handle, below, flags, place::TRUE_NAMES)?;
        look::refuse_pseudo(&handle)?;
        let device = fstat(&handle)?.st_dev;
        let changes = self.changes.as_ref().and_then(|protected| protected.below(below));
        Ok(Self { handle, path: self.path.join(below), device, changes })
    }

    /// A directory below this one as a root of its own, for reading only. Links that
    /// stay in this root are followed on the way there.
    ///
    /// # Errors
    /// [`BeneathError::NotADirectory`], or what the kernel says.
    pub fn view(&self, below: impl AsRef<Path>) -> Result<Self, BeneathError> {
        let below = below.as_ref();
        let handle = self.open_at(below, OFlags::PATH | OFlags::DIRECTORY)?;
        look::refuse_pseudo(&handle)?;
        let device = fstat(&handle)?.st_dev;
        Ok(Self { handle, path: self.path.join(below), device, changes: None })
    }

    /// The path that it was opened with; not for a peer to see.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The device and inode that it is, whatever its path leads to now.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn identity(&self) -> Result<(u64, u64), BeneathError> {
        let seen = fstat(&self.handle)?;
        Ok((seen.st_dev, seen.st_ino))
    }

    /// Whether things may change below it.
    #[must_use]
    pub fn is_writable(&self) -> bool {
        self.changes.is_some()
    }

    /// Opens a regular file for reading. Nothing else is opened, not even for a
    /// moment that something could notice: a pipe would block, a device would act.
    ///
    /// # Errors
    /// [`BeneathError::NotAFile`] for anything else, or what the kernel says.
    pub fn file(&self, below: impl AsRef<Path>) -> Result<File, BeneathError> {
        let below = below.as_ref();
        for _ in 0..PATIENCE {
            let seen = self.look(below, OFlags::empty())?;
            seen.expect_file()?;
            let file = self.open_at(below, look::FOR_READING)?;
            if look::same(&file, &seen)? {
                return Ok(File::from(file));
            }
        }
        Err(BeneathError::Changed)
    }

    /// Opens a directory to list it, and to walk on from it.
    ///
    /// # Errors
    /// [`BeneathError::NotADirectory`], or what the kernel says.
    pub fn directory(&self, below: impl AsRef<Path>) -> Result<Directory, BeneathError> {
        let handle = self.open_at(below.as_ref(), directory::FLAGS)?;
        Directory::new(handle, self.device)
    }

    /// What is known about a file, a directory or anything else. Links are followed.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn facts(&self, below: impl AsRef<Path>) -> Result<Facts, BeneathError> {
        self.look(below.as_ref(), OFlags::empty())
    }

    /// The same, but of a link itself where the last component is one.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn facts_of_link(&self, below: impl AsRef<Path>) -> Result<Facts, BeneathError> {
        match directory::single(below.as_ref().as_os_str()) {
            Ok(name) => look::entry(&self.handle, name, self.device),
            Err(_) => self.look(below.as_ref(), OFlags::NOFOLLOW),
        }
    }

    fn look(&self, below: &Path, flags: OFlags) -> Result<Facts, BeneathError> {
        look::seen(self.open_at(below, OFlags::PATH | flags)?, self.device)
    }

    /// The one place where a path below becomes a descriptor.
    fn open_at(&self, below: &Path, flags: OFlags) -> Result<OwnedFd, BeneathError> {
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        look::open(&self.handle, below, flags, resolve)
    }
}

/// Opens an absolute path without following a single link, where the kernel has no
/// call for it.
pub(crate) fn exactly(path: &Path) -> Result<OwnedFd, Errno> {
    let top = openat(CWD, "/", OFlags::PATH | OFlags::CLOEXEC, Mode::empty())?;
    let below = path.strip_prefix("/").map_err(|_| Errno::INVAL)?;
    walk::open(&top, below, OFlags::PATH, place::TRUE_NAMES)
}

impl fmt::Debug for RootDir {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = f.debug_struct("RootDir");
        out.field("path", &self.path).field("writable", &self.is_writable()).finish()
    }
}
