//! Bytes in and out of pipes without ever blocking.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, ioctl_fionread, read, write};

/// The end that we read.
#[derive(Debug)]
pub struct Inlet {
    fd: OwnedFd,
    /// What arrived and was not taken.
    pub bytes: Vec<u8>,
    /// Nothing more will come.
    pub ended: bool,
}

/// The end that we write.
#[derive(Debug)]
pub struct Outlet {
    fd: Option<OwnedFd>,
    queue: Vec<u8>,
    at: usize,
}

impl Inlet {
    /// Reads from `fd`, which stops blocking.
    pub fn new(fd: OwnedFd) -> Self {
        unblock(&fd);
        Self { fd, bytes: Vec::new(), ended: false }
    }

    /// The end itself.
    pub fn fd(&self) -> &OwnedFd {
        &self.fd
    }

    /// The next whole line, without its newline.
    pub fn line(&mut self) -> Option<Vec<u8>> {
        let end = self.bytes.iter().position(|byte| *byte == b'\n')?;
        let mut line: Vec<u8> = self.bytes.drain(..=end).collect();
        line.pop();
        Some(line)
    }

    fn fill(&mut self) -> bool {
        let mut chunk = [0; 64 << 10];
        match read(&self.fd, &mut chunk) {
            Ok(0) => self.ended = true,
            Ok(count) => self.bytes.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            Err(Errno::AGAIN | Errno::INTR) => return false,
            Err(_) => self.ended = true,
        }
        true
    }
}

impl Outlet {
    /// Writes to `fd`, which stops blocking.
    pub fn new(fd: OwnedFd) -> Self {
        unblock(&fd);
        Self { fd: Some(fd), queue: Vec::new(), at: 0 }
    }

    /// Queues bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.queue.extend_from_slice(bytes);
    }

    /// Nobody can be written to.
    pub fn is_closed(&self) -> bool {
        self.fd.is_none()
    }

    /// Closes our end; what is queued is lost.
    pub fn close(&mut self) {
        self.fd = None;
        self.queue.clear();
        self.at = 0;
    }

    /// Everything was written, and whoever reads has read it.
    pub fn is_read(&self) -> bool {
        let waits = || self.fd.as_ref().map_or(0, |fd| ioctl_fionread(fd).unwrap_or(0));
        self.at >= self.queue.len() && waits() == 0
    }

    /// There is something to write.
    pub fn waits(&self) -> bool {
        self.fd.is_some() && self.at < self.queue.len()
    }

    fn drain(&mut self) -> bool {
        let Some(fd) = &self.fd else { return false };
        match write(fd, self.queue.get(self.at..).unwrap_or_default()) {
            Ok(count) => self.at += count,
            Err(Errno::AGAIN | Errno::INTR) => return false,
            Err(_) => self.close(),
        }
        if self.at >= self.queue.len() {
            self.queue.clear();
            self.at = 0;
        }
        true
    }
}

/// Moves bytes once, waiting for the first ones; true when any moved.
pub fn turn(inlets: &mut [&mut Inlet], outlets: &mut [&mut Outlet], wait: Duration) -> bool {
    let mut moved = false;
    let (ins, outs) = {
        let mut fds = Vec::new();
        let ins: Vec<bool> = inlets.iter().map(|inlet| !inlet.ended).collect();
        let outs: Vec<bool> = outlets.iter().map(|outlet| outlet.waits()).collect();
        fds.extend(
            inlets.iter().filter(|it| !it.ended).map(|it| PollFd::new(&it.fd, PollFlags::IN)),
        );
        for outlet in outlets.iter().filter(|outlet| outlet.waits()) {
            fds.extend(outlet.fd.as_ref().map(|fd| PollFd::new(fd, PollFlags::OUT)));
        }
        if poll(&mut fds, Some(&timespec(wait))).is_err() {
            return false;
        }
        let mut ready = fds.iter().map(|fd| !fd.revents().is_empty());
        let mut of = |live: Vec<bool>| -> Vec<bool> {
            live.into_iter().map(|live| live && ready.next().unwrap_or(false)).collect()
        };
        (of(ins), of(outs))
    };
    for (inlet, _) in inlets.iter_mut().zip(ins).filter(|(_, ready)| *ready) {
        moved |= inlet.fill();
    }
    for (outlet, _) in outlets.iter_mut().zip(outs).filter(|(_, ready)| *ready) {
        moved |= outlet.drain();
    }
    moved
}

/// What is left until a moment.
pub fn left(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now())
}

fn unblock(fd: &OwnedFd) {
    let flags = fcntl_getfl(fd).unwrap();
    fcntl_setfl(fd, flags | OFlags::NONBLOCK).unwrap();
}

fn timespec(wait: Duration) -> Timespec {
    let seconds = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec: seconds, tv_nsec: i64::from(wait.subsec_nanos()) }
}
