//! A running server, in our hands.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, shutdown};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use crate::bare::children;
use crate::doorbell::Wish;
use crate::egress::Sockets;
use crate::live::{Applied, Request};
use crate::order::{Achieved, Exit, Report};
use crate::profile::Access;
use crate::root::RootGrant;
use crate::sys::socket;

/// How long a change may take before the box is taken for broken.
const PATIENCE: Duration = Duration::from_secs(10);

/// A server in its box. Its parts may be taken apart; the box lives as long as
/// [`Custody`] does.
#[derive(Debug)]
pub struct Confined {
    /// What the server reads.
    pub stdin: OwnedFd,
    /// What the server writes.
    pub stdout: OwnedFd,
    /// What the server complains about. Read it, or the server will block.
    pub stderr: OwnedFd,
    /// The box's own listening sockets, when it has a network by name.
    pub sockets: Option<Sockets>,
    /// Sockets of the box's own network, not connected to anything: as many as the profile's
    /// `dials` asked for, in a full box without the host's network; else none.
    pub dials: Vec<OwnedFd>,
    /// What the box really is.
    pub achieved: Achieved,
    /// The life of the server.
    pub custody: Custody,
}

/// Holds a server alive: dropping it ends every process of the server, and
/// returns when the kernel has ended the last one.
#[derive(Debug)]
pub struct Custody {
    pub(crate) pid: i32,
    control: OwnedFd,
    broker: Child,
    exit: Option<Exit>,
    wishes: Vec<Wish>,
    /// There is a view to change.
    pub(crate) live: bool,
}

impl Custody {
    pub(crate) fn new(control: OwnedFd, broker: Child) -> Self {
        Self { pid: 0, control, broker, exit: None, wishes: Vec::new(), live: false }
    }

    pub(crate) fn control(&self) -> &OwnedFd {
        &self.control
    }

    /// The first process of the box (the server itself below level full), as
    /// this machine numbers it.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// The broker of the box.
    #[must_use]
    pub fn broker_pid(&self) -> u32 {
        self.broker.id()
    }

    /// Becomes readable when the server has ended; ask [`Self::try_exit`] then.
    /// A duplicate may be registered with an event loop: it holds nothing alive.
    #[must_use]
    pub fn ended(&self) -> BorrowedFd<'_> {
        self.control.as_fd()
    }

    /// How the server ended, if it has.
    ///
    /// # Errors
    ///
    /// Never in practice; the control socket could not be read.
    pub fn try_exit(&mut self) -> io::Result<Option<Exit>> {
        self.hear(RecvFlags::DONTWAIT)?;
        Ok(self.exit)
    }

    /// Waits until the server has ended.
    ///
    /// # Errors
    ///
    /// As [`Self::try_exit`].
    pub fn wait(&mut self) -> io::Result<Exit> {
        loop {
            self.hear(RecvFlags::empty())?;
            if let Some(exit) = self.exit {
                return Ok(exit);
            }
        }
    }

    /// Shows the server one more root, or one it has with another access.
    ///
    /// # Errors
    ///
    /// The box is gone, or does not answer any more.
    pub fn grant(&mut self, root: &RootGrant) -> io::Result<Applied> {
        self.ask(&Request::Grant(crate::spawn::ordered(root)))
    }

    /// Takes a root away from the server, if nothing in it is in use.
    ///
    /// # Errors
    ///
    /// As [`Self::grant`].
    pub fn revoke(&mut self, path: &Path) -> io::Result<Applied> {
        self.ask(&Request::revoke(path))
    }

    /// Takes a root away whatever is in use. What is open can still be read; by a
    /// directory that is held, nothing new can be opened.
    ///
    /// # Errors
    ///
    /// As [`Self::grant`].
    pub fn detach(&mut self, path: &Path) -> io::Result<Applied> {
        self.ask(&Request::detach(path))
    }

    /// Changes what the server may do in a root.
    ///
    /// # Errors
    ///
    /// As [`Self::grant`].
    pub fn set_access(&mut self, path: &Path, access: Access) -> io::Result<Applied> {
        self.ask(&Request::change(path, access))
    }

    /// One request, one answer. It takes the broker a fraction of a millisecond,
    /// and some milliseconds when the machine is busy.
    fn ask(&mut self, request: &Request) -> io::Result<Applied> {
        if !self.live {
            return Ok(Applied::Restart("this box has no view that could change".to_owned()));
        }
        let gone = || io::Error::new(io::ErrorKind::BrokenPipe, "the box is gone");
        if self.exit.is_some() {
            return Err(gone());
        }
        socket::send(&self.control, &serde_json::to_vec(request)?, &[])?;
        let deadline = Instant::now() + PATIENCE;
        while self.exit.is_none() {
            if !socket::readable(&self.control, deadline)? {
                self.kill();
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the broker does not answer"));
            }
            if let Some(applied) = self.hear(RecvFlags::DONTWAIT)? {
                return Ok(applied);
            }
        }
        Err(gone())
    }

    /// Asks the server to end, by SIGTERM. Whether it does is its own affair.
    ///
    /// In a full box, whose first process is ours, the server is a child of the init, as are its orphans, and
    /// all of them are asked.
    pub fn terminate(&self) {
        let init = Pid::from_raw(self.pid);
        let Some(init) = init.filter(|_| self.exit.is_none()) else { return };
        let _awake = crate::own::wake();
        let asked = if self.live { children(init) } else { vec![init] };
        for pid in asked {
            // A number may be somebody else's by the time of the signal; a handle
            // is not, and is used if its process is still what it was.
            let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
            if !self.live || children(init).contains(&pid) {
                let _ = pidfd_send_signal(handle, Signal::TERM);
            }
        }
    }

    /// What the server reached for outside of its box since this was last asked.
    /// Does not wait. The broker tells no more than some hundred in all.
    ///
    /// # Errors
    ///
    /// As [`Self::try_exit`].
    pub fn wishes(&mut self) -> io::Result<Vec<Wish>> {
        while self.exit.is_none() && socket::readable(&self.control, Instant::now())? {
            // An answer that nobody waits for was to a request that timed out.
            let _late = self.hear(RecvFlags::DONTWAIT)?;
        }
        Ok(std::mem::take(&mut self.wishes))
    }

    /// Ends the server now, with every process it started. Does not wait.
    pub fn kill(&self) {
        // The broker sees the end of the conversation and does the rest. Our
        // side stays readable, for the way it ended is still to come.
        let _ = shutdown(&self.control, Shutdown::Write);
    }

    /// One message of the broker's: the answer to a request, or an end to remember.
    fn hear(&mut self, flags: RecvFlags) -> io::Result<Option<Applied>> {
        if self.exit.is_some() {
            return Ok(None);
        }
        let heard = match socket::receive(&self.control, flags) {
            Ok((bytes, _)) => serde_json::from_slice(&bytes).ok(),
            Err(Errno::AGAIN) => return Ok(None),
            Err(Errno::CONNRESET) => None,
            Err(error) => return Err(error.into()),
        };
        match heard {
            Some(Report::Changed(applied)) => return Ok(Some(applied)),
            Some(Report::Exited(exit)) => self.exit = Some(exit),
            Some(Report::Wanted(wish)) => self.wishes.push(wish),
            // The broker is gone without a word, or says what it never would: so is the box.
            _ => {
                self.kill();
                self.exit = Some(Exit::Signal(libc::SIGKILL));
            }
        }
        Ok(None)
    }
}

impl Drop for Custody {
    fn drop(&mut self) {
        self.kill();
        let _ = self.broker.wait();
    }
}
