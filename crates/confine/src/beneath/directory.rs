//! A directory, read piece by piece however large it is, and walked by descriptor.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;

use rustix::fs::{AtFlags, Dir, FileType, OFlags, ResolveFlags, statat};
use rustix::io::Errno;

use super::look::{FOR_READING, entry, open, refuse_pseudo};
use super::{BeneathError, Facts, Kind};

/// How a directory is opened to be listed.
pub(super) const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// One step down, without links: what stands in a directory, and nothing else.
const ONE_STEP: ResolveFlags =
    ResolveFlags::BENEATH.union(ResolveFlags::NO_SYMLINKS).union(ResolveFlags::NO_MAGICLINKS);

/// An open directory: an iterator over its entries, in the file system's order,
/// without `.` and `..`.
///
/// What is opened from here is what has this name in *this* directory, also when
/// somebody moves it meanwhile; links are not followed.
pub struct Directory {
    entries: Dir,
    home: u64,
}

/// A name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name, which may be any bytes but `/` and zero.
    pub name: OsString,
    /// What it is; a link is a link, wherever it leads.
    pub kind: Kind,
    /// The number of what it is.
    pub inode: u64,
}

impl Directory {
    pub(super) fn new(handle: OwnedFd, home: u64) -> Result<Self, BeneathError> {
        let entries = Dir::new(handle)?;
        if entries.stat()?.st_dev != home {
            refuse_pseudo(entries.fd()?)?;
        }
        Ok(Self { entries, home })
    }

    /// What is known about an entry; of a link, about the link itself.
    ///
    /// # Errors
    /// What the kernel says; [`BeneathError::NotFound`] when it is gone by now.
    pub fn facts(&self, name: &OsStr) -> Result<Facts, BeneathError> {
        entry(self.handle()?, single(name)?, self.home)
    }

    /// Opens a regular file that was listed here. That it is no pipe and no device
    /// is known from the listing; where its number is not the listed one, it is looked
    /// at again, for there are file systems that list numbers of their own.
    ///
    /// # Errors
    /// [`BeneathError::NotAFile`] for anything else, [`BeneathError::TooManyLinks`] for
    /// what has become a link.
    pub fn file(&self, entry: &Entry) -> Result<File, BeneathError> {
        match entry.kind {
            Kind::File => {}
            Kind::Directory => return Err(BeneathError::IsADirectory),
            other => return Err(BeneathError::NotAFile(other)),
        }
        let file = open(self.handle()?, single(&entry.name)?, FOR_READING, ONE_STEP)?;
        let opened = rustix::fs::fstat(&file)?;
        if opened.st_dev != self.home {
            refuse_pseudo(&file)?;
        }
        let kind = FileType::from_raw_mode(opened.st_mode);
        if opened.st_ino != entry.inode || kind != FileType::RegularFile {
            let now = self.facts(&entry.name)?;
            now.expect_file()?;
            if (now.device, now.inode) != (opened.st_dev, opened.st_ino) {
                return Err(BeneathError::Changed);
            }
        }
        Ok(File::from(file))
    }

    /// Opens a directory that stands here.
    ///
    /// # Errors
    /// [`BeneathError::TooManyLinks`] for a link, or what the kernel says.
    pub fn directory(&self, name: &OsStr) -> Result<Self, BeneathError> {
        Self::new(open(self.handle()?, single(name)?, FLAGS, ONE_STEP)?, self.home)
    }

    fn handle(&self) -> Result<BorrowedFd<'_>, BeneathError> {
        Ok(self.entries.fd()?)
    }

    /// The kind of an entry of which the file system did not say it.
    fn kind(&self, name: &OsStr) -> Result<Kind, Errno> {
        let stat = statat(self.entries.fd()?, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(FileType::from_raw_mode(stat.st_mode).into())
    }
}

/// One name, not a path.
pub(super) fn single(name: &OsStr) -> Result<&Path, BeneathError> {
    let bytes = name.as_bytes();
    let path = bytes.is_empty() || bytes.contains(&b'/') || bytes == b"." || bytes == b"..";
    if path { Err(BeneathError::BadName) } else { Ok(Path::new(name)) }
}

impl Iterator for Directory {
    type Item = Result<Entry, BeneathError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let entry = match self.entries.read()? {
                Ok(entry) => entry,
                Err(errno) => return Some(Err(errno.into())),
            };
            let bytes = entry.file_name().to_bytes();
            if bytes == b"." || bytes == b".." {
                continue;
            }
            let name = OsString::from_vec(bytes.to_vec());
            let kind = match entry.file_type() {
                FileType::Unknown => match self.kind(&name) {
                    Ok(kind) => kind,
                    // Gone since it was listed.
                    Err(Errno::NOENT) => continue,
                    Err(errno) => return Some(Err(errno.into())),
                },
                known => known.into(),
            };
            return Some(Ok(Entry { name, kind, inode: entry.ino() }));
        }
    }
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").finish_non_exhaustive()
    }
}
