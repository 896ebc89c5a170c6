//! What changes a directory: moving, removing, making.

use std::collections::VecDeque;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, RenameFlags, mkdirat, renameat_with, statat, unlinkat};
use rustix::io::Errno;

use super::place::{Last, Place};
use super::{BeneathError, RootDir};

impl RootDir {
    /// Whether something may change there, links in the path resolved and directories
    /// that are missing made: for whoever tells another program to change it.
    ///
    /// # Errors
    /// [`BeneathError::ReadOnly`], [`BeneathError::Protected`], or what the kernel says.
    pub fn may_change(&self, below: impl AsRef<Path>) -> Result<(), BeneathError> {
        let except = self.changes.as_ref().ok_or(BeneathError::ReadOnly)?;
        let (mut above, mut missing) = (below.as_ref(), VecDeque::new());
        let mut names = loop {
            match self.place(above, Last::Followed) {
                Ok(place) => break place.names,
                Err(BeneathError::NotFound) => {}
                Err(other) => return Err(other),
            }
            let (Some(name), Some(rest)) = (above.file_name(), above.parent()) else {
                return Err(BeneathError::NotFound);
            };
            missing.push_front(name.to_owned());
            above = rest;
        };
        names.extend(missing);
        if except.holds(&names) { Err(BeneathError::Protected) } else { Ok(()) }
    }

    /// Moves or renames a file, a directory or a link (the link itself, wherever it
    /// leads), within this root or into another.
    ///
    /// # Errors
    /// [`BeneathError::Exists`] when something has the new name and `overwrite` is
    /// false; with it, a file takes the place of a file, and nothing else.
    pub fn rename(
        &self,
        from: impl AsRef<Path>,
        to_root: &Self,
        to: impl AsRef<Path>,
        overwrite: bool,
    ) -> Result<(), BeneathError> {
        let from = self.place_to_change(from.as_ref(), Last::Itself)?;
        let to = to_root.place_to_change(to.as_ref(), Last::Itself)?;
        // What is to be moved is told before what is in its way.
        kind_at(&from)?.ok_or(BeneathError::NotFound)?;
        // A protected place does not move with what is above it, and nothing that
        // has such a place in it comes to stand there.
        if self.is_above_protected(&from) || to_root.is_above_protected(&to) {
            return Err(BeneathError::Protected);
        }
        let flags = if overwrite {
            replaceable(&to)?;
            RenameFlags::empty()
        } else {
            RenameFlags::NOREPLACE
        };
        match renameat_with(&from.dir, from.name(), &to.dir, to.name(), flags) {
            Err(Errno::XDEV) => Err(BeneathError::OtherFilesystem),
            Err(Errno::INVAL) => Err(BeneathError::IntoItself),
            done => Ok(done?),
        }
    }

    /// Removes a file or a link, or anything else that is no directory.
    ///
    /// # Errors
    /// [`BeneathError::IsADirectory`] for a directory.
    pub fn remove_file(&self, below: impl AsRef<Path>) -> Result<(), BeneathError> {
        let place = self.place_to_change(below.as_ref(), Last::Itself)?;
        match unlinkat(&place.dir, place.name(), AtFlags::empty()) {
            // Some file systems say that it is not permitted.
            Err(Errno::PERM) if kind_at(&place)? == Some(FileType::Directory) => {
                Err(BeneathError::IsADirectory)
            }
            done => Ok(done?),
        }
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// [`BeneathError::NotEmpty`] when something is in it.
    pub fn remove_directory(&self, below: impl AsRef<Path>) -> Result<(), BeneathError> {
        let place = self.place_to_change(below.as_ref(), Last::Itself)?;
        Ok(unlinkat(&place.dir, place.name(), AtFlags::REMOVEDIR)?)
    }

    fn is_above_protected(&self, place: &Place) -> bool {
        self.changes.as_ref().is_some_and(|except| except.is_above(&place.names))
    }

    /// Makes a directory; the one above it must be there.
    ///
    /// # Errors
    /// [`BeneathError::Exists`] when anything has the name.
    pub fn make_directory(&self, below: impl AsRef<Path>) -> Result<(), BeneathError> {
        let place = self.place_to_change(below.as_ref(), Last::Itself)?;
        Ok(mkdirat(&place.dir, place.name(), Mode::from_raw_mode(0o777))?)
    }
}

/// What kind of thing has the name now.
fn kind_at(place: &Place) -> Result<Option<FileType>, BeneathError> {
    match statat(&place.dir, place.name(), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(FileType::from_raw_mode(stat.st_mode))),
        Err(Errno::NOENT) => Ok(None),
        Err(errno) => Err(errno.into()),
    }
}

/// Only a file gives way to what is moved over it.
fn replaceable(to: &Place) -> Result<(), BeneathError> {
    match kind_at(to)? {
        None | Some(FileType::RegularFile) => Ok(()),
        Some(FileType::Directory) => Err(BeneathError::IsADirectory),
        Some(other) => Err(BeneathError::NotAFile(other.into())),
    }
}
