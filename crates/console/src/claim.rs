//! One question per terminal: a host starts several gateways on one terminal,
//! and a person's `y` must not reach a question they were not reading.

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};

use rustix::fs::{FlockOperation, OFlags, flock, major, minor};

/// The right to ask on a terminal, until it is dropped.
#[derive(Debug)]
pub(crate) struct Claim<'t>(&'t Claimable);

/// What is locked while a question stands on the terminal.
#[derive(Debug)]
pub(crate) struct Claimable(OwnedFd);

impl Claimable {
    /// The device behind our controlling terminal; `/dev/tty` itself is one
    /// file for the whole machine, so it is only the second choice.
    pub(crate) fn controlling(tty: &impl AsFd) -> Option<Self> {
        match controlling_device() {
            Some(device) => Some(Self(device.into())),
            None => Self::of(tty),
        }
    }

    /// The terminal's own descriptor.
    pub(crate) fn of(tty: &impl AsFd) -> Option<Self> {
        tty.as_fd().try_clone_to_owned().ok().map(Self)
    }

    /// Takes the terminal, when no other gateway asks on it.
    pub(crate) fn claim(&self) -> Option<Claim<'_>> {
        flock(&self.0, FlockOperation::NonBlockingLockExclusive).ok().map(|()| Claim(self))
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let _ = flock(&self.0.0, FlockOperation::Unlock);
    }
}

/// Opens the terminal that `/proc` says controls us, if it is where it should be.
fn controlling_device() -> Option<File> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name in brackets: state, parent, group, session, terminal.
    let (_, fields) = stat.rsplit_once(')')?;
    let number: u64 = fields.split_whitespace().nth(4)?.parse().ok()?;
    let (high, low) = ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xfff00));
    let path = match high {
        4 if low < 64 => format!("/dev/tty{low}"),
        // proc(5), and the kernel's devices.txt: 136 to 143 are pseudo-terminals.
        136..=143 => format!("/dev/pts/{}", (high - 136) * 256 + low),
        _ => return None,
    };
    let flags = i32::try_from((OFlags::NOCTTY | OFlags::NONBLOCK).bits()).ok()?;
    let device = File::options().read(true).custom_flags(flags).open(path).ok()?;
    let meta = device.metadata().ok()?;
    let same = u64::from(major(meta.rdev())) == high && u64::from(minor(meta.rdev())) == low;
    (meta.file_type().is_char_device() && same).then_some(device)
}
