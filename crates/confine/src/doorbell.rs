//! The doorbell: what a server reached for outside of its box.
//!
//! The kernel announces calls that name a place, the broker looks what was meant
//! and lets *every* call go on. Nothing is decided here: what does not exist in the
//! view does not exist, whatever this says. That is why it does not matter that a
//! server could change the path between our look and the kernel's; it would only
//! deceive a person about what it wanted, never get it.
//!
//! Rung is only for what exists outside and not inside; programs look for a hundred
//! files that exist nowhere. Each wish is told once, and so many and no more.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, openat2, statat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::root::shown;
use crate::seccomp::bell::argument;
use crate::sys::notice::{Notice, go_on, next, peek};

/// What a server reached for and did not get.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Wish {
    /// To look at or open this, which exists outside.
    Open(String),
    /// To run this, which exists outside.
    Run(String),
    /// To connect to this address.
    Connect(String),
    /// More than we tell.
    More,
}

/// How many wishes of one box are told.
const MOST: usize = 200;

/// No path is longer (`PATH_MAX`).
const PATH: usize = 4096;

/// Places that are in every view, or that no grant could open.
const NEVER: &[&str] =
    &["/usr/", "/lib", "/bin/", "/proc/", "/dev/", "/sys/", "/tmp/", "/sandbox/"];

/// The broker's ear.
#[derive(Debug)]
pub(crate) struct Doorbell {
    pub(crate) listener: OwnedFd,
    /// The root of the view.
    view: OwnedFd,
    /// The network is empty, so that every connection is in vain.
    offline: bool,
    told: BTreeSet<Wish>,
}

impl Doorbell {
    pub(crate) fn new(listener: OwnedFd, view: OwnedFd, offline: bool) -> Self {
        Self { listener, view, offline, told: BTreeSet::new() }
    }

    /// One announced call: it goes on, and what it wants is told if that is news.
    pub(crate) fn answer(&mut self) -> Result<Option<Wish>, Errno> {
        let notice = match next(&self.listener) {
            // Killed before we looked.
            Err(Errno::NOENT | Errno::INTR) => return Ok(None),
            heard => heard?,
        };
        let wish = if self.told.len() <= MOST { self.wish(&notice) } else { None };
        go_on(&self.listener, notice);
        Ok(wish.and_then(|wish| self.news(wish)))
    }

    fn news(&mut self, wish: Wish) -> Option<Wish> {
        let wish = if self.told.len() == MOST { Wish::More } else { wish };
        self.told.insert(wish.clone()).then_some(wish)
    }

    fn wish(&self, notice: &Notice) -> Option<Wish> {
        let argument = argument(notice.call)?;
        let address = *notice.arguments.get(usize::from(argument))?;
        if notice.call == libc::SYS_connect {
            return self.connection(notice, address);
        }
        let mut bytes = [0; PATH];
        let read = peek(notice.pid, address, &mut bytes);
        let text = bytes.get(..read)?;
        let path = Path::new(OsStr::from_bytes(text.split(|byte| *byte == 0).next()?));
        if !path.is_absolute() || !self.is_outside(path) {
            return None;
        }
        let runs = [libc::SYS_execve, libc::SYS_execveat].contains(&notice.call);
        Some(if runs { Wish::Run(shown(path)) } else { Wish::Open(shown(path)) })
    }

    /// It is not in the view, and it is on the machine.
    fn is_outside(&self, path: &Path) -> bool {
        let bytes = path.as_os_str().as_bytes();
        if NEVER.iter().any(|prefix| bytes.starts_with(prefix.as_bytes())) {
            return false;
        }
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let seen = openat2(&self.view, path, flags, Mode::empty(), inside);
        matches!(seen, Err(Errno::NOENT | Errno::NOTDIR))
            && statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).is_ok()
    }

    /// A connection from an empty network, beyond this machine.
    fn connection(&self, notice: &Notice, address: u64) -> Option<Wish> {
        if !self.offline {
            return None;
        }
        let mut bytes = [0; 28];
        let read = peek(notice.pid, address, &mut bytes);
        let to = socket_address(bytes.get(..read)?)?;
        let near = to.ip().is_loopback() || to.ip().is_unspecified();
        (!near && to.port() != 0).then(|| Wish::Connect(to.to_string()))
    }
}

/// A `sockaddr_in` or `sockaddr_in6` (ip(7), ipv6(7)).
fn socket_address(bytes: &[u8]) -> Option<SocketAddr> {
    let family = i32::from(u16::from_ne_bytes(bytes.get(..2)?.try_into().ok()?));
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    match family {
        libc::AF_INET => {
            let ip: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            Some((Ipv4Addr::from(ip), port).into())
        }
        libc::AF_INET6 => {
            let ip: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            Some((Ipv6Addr::from(ip), port).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_as_the_kernel_has_them() {
        let inet = libc::AF_INET.to_ne_bytes();
        let mut four = vec![inet[0], inet[1], 1, 187, 192, 0, 2, 7];
        four.resize(16, 0);
        assert_eq!(
            socket_address(&four).map(|to| to.to_string()).as_deref(),
            Some("192.0.2.7:443")
        );
        assert_eq!(socket_address(&four[..6]), None);
        assert_eq!(socket_address(&[1, 0, b'/', b'x']), None);
    }
}
