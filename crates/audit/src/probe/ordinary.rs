//! Opens what a stranger may have put there: an ordinary file, or nothing.

use std::fs::{File, OpenOptions};
use std::io::{Error, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// What is no file, whatever its name says: whoever opens a pipe waits, and a device never ends.
pub(super) const ODD: &str = "a pipe, a socket or a device";

/// A file for reading. Nobody waits for it, and what is none is [`ErrorKind::InvalidInput`].
pub(super) fn open(path: &Path) -> std::io::Result<File> {
    with(path, OFlags::NONBLOCK)
}

/// The same, and no link.
pub(super) fn open_itself(path: &Path) -> std::io::Result<File> {
    with(path, OFlags::NONBLOCK | OFlags::NOFOLLOW)
}

fn with(path: &Path, flags: OFlags) -> std::io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(Error::new(ErrorKind::InvalidInput, ODD)),
    }
}

/// Whether it was no file at all.
pub(super) fn is_odd(error: &Error) -> bool {
    error.kind() == ErrorKind::InvalidInput
}
