//! A running server, in our hands.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::process::Child;

use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, shutdown};

use crate::order::{Achieved, Exit, Report};
use crate::sys::socket;

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
}

impl Custody {
    pub(crate) fn new(control: OwnedFd, broker: Child) -> Self {
        Self { pid: 0, control, broker, exit: None }
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
        self.hear(RecvFlags::DONTWAIT)
    }

    /// Waits until the server has ended.
    ///
    /// # Errors
    ///
    /// As [`Self::try_exit`].
    pub fn wait(&mut self) -> io::Result<Exit> {
        loop {
            if let Some(exit) = self.hear(RecvFlags::empty())? {
                return Ok(exit);
            }
        }
    }

    /// Ends the server now, with every process it started. Does not wait.
    pub fn kill(&self) {
        // The broker sees the end of the conversation and does the rest. Our
        // side stays readable, for the way it ended is still to come.
        let _ = shutdown(&self.control, Shutdown::Write);
    }

    fn hear(&mut self, flags: RecvFlags) -> io::Result<Option<Exit>> {
        if self.exit.is_some() {
            return Ok(self.exit);
        }
        match socket::receive(&self.control, flags) {
            Ok((bytes, _)) => {
                self.exit = Some(match serde_json::from_slice(&bytes) {
                    Ok(Report::Exited(exit)) => exit,
                    // The broker is gone without a word: so is the box.
                    _ => Exit::Signal(libc::SIGKILL),
                });
                Ok(self.exit)
            }
            Err(Errno::AGAIN) => Ok(None),
            Err(Errno::CONNRESET) => {
                self.exit = Some(Exit::Signal(libc::SIGKILL));
                Ok(self.exit)
            }
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Custody {
    fn drop(&mut self) {
        self.kill();
        let _ = self.broker.wait();
    }
}
