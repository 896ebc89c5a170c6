//! A file that is written before it has its name: whoever reads sees the old one
//! or the new one, never half of it.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use rustix::fs::{
    Access, AtFlags, Gid, Mode, OFlags, RenameFlags, ResolveFlags, Uid, accessat, fchmod, fchown,
    fdatasync, openat, renameat_with, unlinkat,
};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use super::look::{facts, open, same, seen};
use super::place::{Last, Place};
use super::{BeneathError, Facts, PATIENCE, RootDir};

/// The permission bits that survive: those that give a program its owner's rights
/// do not, as its content is another now.
const PERMISSIONS: u32 = 0o777;

/// Those that were given to one group, and are not meant for another.
const OF_THE_GROUP: u32 = 0o070;

/// A file in the making, beside the one whose name it gets on [`commit`](Self::commit).
/// Dropped before that, it is removed, and nothing has happened.
pub struct Draft {
    file: File,
    temporary: OsString,
    place: Place,
    replaces: Option<Facts>,
    /// Whose permissions and owner it takes, if not those of what it replaces.
    like: Option<Facts>,
    home: u64,
    /// How much is written, and how much a file of ours may hold.
    written: u64,
    most: u64,
    committed: bool,
}

impl RootDir {
    /// Begins a file of this name: a new one, or one that replaces another, whose
    /// permissions and owner it takes over. A link is followed to what it leads to.
    ///
    /// # Errors
    /// [`BeneathError::Exists`] when there is one and `overwrite` is false; with it,
    /// only a regular file is replaced, and only one that we could have written to.
    pub fn draft(&self, below: impl AsRef<Path>, overwrite: bool) -> Result<Draft, BeneathError> {
        let place = self.place_to_change(below.as_ref(), Last::Followed)?;
        let replaces = at(&place, self.device)?;
        if let Some(old) = &replaces {
            if !overwrite {
                return Err(BeneathError::Exists);
            }
            old.expect_file()?;
            accessat(&place.dir, place.name(), Access::WRITE_OK, AtFlags::EACCESS)?;
        }
        // Nobody reads a replacement before it has the permissions of what it replaces.
        let mode = if replaces.is_some() { 0o600 } else { 0o666 };
        let (file, temporary) = temporary(&place, mode)?;
        let most = getrlimit(Resource::Fsize).current.unwrap_or(u64::MAX);
        let (home, written, committed) = (self.device, 0, false);
        Ok(Draft { file, temporary, place, replaces, like: None, home, written, most, committed })
    }
}

impl Draft {
    /// What it will replace, as it was when the draft began.
    #[must_use]
    pub fn replaces(&self) -> Option<&Facts> {
        self.replaces.as_ref()
    }

    /// Takes the permissions and the owner of another file, of which it is a copy; until
    /// it has them, only we can read it.
    ///
    /// # Errors
    /// [`BeneathError::Io`] and its like: the file system knows no permissions.
    pub fn copies(&mut self, other: &Facts) -> Result<(), BeneathError> {
        fchmod(&self.file, Mode::RUSR | Mode::WUSR)?;
        self.like = Some(*other);
        Ok(())
    }

    /// Gives it its name, once its content is on the disk.
    ///
    /// # Errors
    /// [`BeneathError::Exists`] when a new file's name was taken meanwhile,
    /// [`BeneathError::Changed`] when what it replaces is another file by now.
    /// Whatever is wrong, what was there is still there, whole.
    pub fn commit(mut self) -> Result<Facts, BeneathError> {
        self.take_over()?;
        fdatasync(&self.file)?;
        let now = at(&self.place, self.home)?;
        let flags = match (&self.replaces, &now) {
            (Some(old), Some(now)) if old.is_unchanged(now) => RenameFlags::empty(),
            (Some(_), _) => return Err(BeneathError::Changed),
            (None, _) => RenameFlags::NOREPLACE,
        };
        let written = facts(&self.file)?;
        // Somebody may have put another file under the temporary name.
        let seen = open(&self.place.dir, Path::new(&self.temporary), LINK, BENEATH)?;
        if !same(&seen, &written)? {
            return Err(BeneathError::Changed);
        }
        let dir = &self.place.dir;
        renameat_with(dir, &self.temporary, dir, self.place.name(), flags)?;
        self.committed = true;
        Ok(written)
    }

    /// The permissions and owner of the old file or of the one that it is a copy of, or
    /// those of any new file.
    fn take_over(&self) -> Result<(), BeneathError> {
        let Some(old) = self.like.as_ref().or(self.replaces.as_ref()) else { return Ok(()) };
        let (uid, gid) = old.owner;
        // Only root may give a file away; everybody else keeps what is theirs, and may
        // give it to a group of theirs all the same.
        let _kept = fchown(&self.file, None, Some(Gid::from_raw(gid)));
        let _kept = fchown(&self.file, Some(Uid::from_raw(uid)), None);
        let (_, group) = facts(&self.file)?.owner;
        let kept = if group == gid { PERMISSIONS } else { PERMISSIONS & !OF_THE_GROUP };
        Ok(fchmod(&self.file, Mode::from_raw_mode(old.mode & kept))?)
    }
}

const LINK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW);
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(ResolveFlags::NO_MAGICLINKS);

/// What has the name now.
fn at(place: &Place, home: u64) -> Result<Option<Facts>, BeneathError> {
    match open(&place.dir, Path::new(place.name()), LINK, BENEATH) {
        Ok(handle) => Ok(Some(seen(handle, home)?)),
        Err(BeneathError::NotFound) => Ok(None),
        Err(other) => Err(other),
    }
}

/// A new, empty file beside the place.
fn temporary(place: &Place, mode: u32) -> Result<(File, OsString), BeneathError> {
    let new = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    for _ in 0..PATIENCE {
        let name = fresh_name();
        match openat(&place.dir, &name, new, Mode::from_raw_mode(mode)) {
            Ok(file) => return Ok((File::from(file), name)),
            Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Err(BeneathError::Changed)
}

/// A name that nobody has: by our process, our count and the clock. Should somebody
/// have it all the same, the file is not made.
fn fresh_name() -> OsString {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let nanos = now.map_or(0, |since| since.subsec_nanos());
    format!(".portcullis-draft-{:x}-{count:x}-{nanos:x}", std::process::id()).into()
}

impl Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // The kernel would send SIGXFSZ, and the process would end with half a file.
        if bytes.len() as u64 > self.most - self.written {
            return Err(Errno::FBIG.into());
        }
        let written = self.file.write(bytes)?;
        self.written += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.committed {
            // There is nobody left to tell, and a file that is gone is what we want.
            let _gone = unlinkat(self.place.dir.as_fd(), &self.temporary, AtFlags::empty());
        }
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft").field("replaces", &self.replaces).finish_non_exhaustive()
    }
}
