//! Taking a question back while it is being asked.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::pipe::{PipeFlags, pipe_with};

/// Held by whoever may take the question back; dropping it does so.
#[derive(Debug)]
pub struct Asker(#[expect(dead_code, reason = "only its closing says something")] OwnedFd);

/// Becomes readable when the question was taken back.
#[derive(Debug)]
pub struct Withdrawal(OwnedFd);

/// A pair: one end asks and may withdraw, the other end is watched.
///
/// # Errors
/// When the process has no file descriptors left.
pub fn withdrawal() -> io::Result<(Asker, Withdrawal)> {
    let (watched, held) = pipe_with(PipeFlags::CLOEXEC)?;
    Ok((Asker(held), Withdrawal(watched)))
}

impl AsFd for Withdrawal {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
