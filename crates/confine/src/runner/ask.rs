//! One call, asked of the helper and watched to its end.
#![allow(unsafe_code, reason = "the event loop is promised that the socket stays open")]

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, Shutdown, shutdown};
use tokio::io::AsyncReadExt as _;
use tokio::io::unix::AsyncFd;
use tokio::net::unix::pipe;
use tokio::time::timeout;

use super::{Call, Runner, Told};
use crate::order::Exit;
use crate::sys::socket;

/// How long the end of a call may take before the helper is taken for broken.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the making of a box may take. It is no part of a call's own time: what is
/// slow there is the machine.
const START_PATIENCE: Duration = Duration::from_secs(60);

/// A call. The words were judged: nothing here looks at them.
#[derive(Debug, Clone)]
pub struct Run {
    /// The program's name.
    pub program: String,
    /// What it is given, after its own words.
    pub words: Vec<String>,
    /// Where it starts, in a root: the first root if absent.
    pub directory: Option<PathBuf>,
    /// What it may see of the roots: these, each a root or a directory below one. All of
    /// them if absent.
    pub roots: Option<Vec<PathBuf>>,
    /// How long it may take from when it runs: the making of its box does not count.
    pub deadline: Duration,
    /// Bytes that are kept of each of its two streams.
    pub output_bytes: usize,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// How it ended.
    pub exit: Exit,
    /// What it said.
    pub stdout: Output,
    /// What it complained about.
    pub stderr: Output,
    /// It was ended at the deadline.
    pub timed_out: bool,
}

/// One stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Output {
    /// The first bytes of it.
    pub kept: Vec<u8>,
    /// How many there were.
    pub bytes: u64,
}

impl Output {
    /// There was more than is kept.
    #[must_use]
    pub fn truncated(&self) -> bool {
        self.bytes > self.kept.len() as u64
    }
}

/// A call that came to nothing. The texts are for the operator, not for a peer.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// Too much runs already.
    #[error("too many calls at once")]
    Busy,
    /// It was not started.
    #[error("not started: {0}")]
    Refused(String),
    /// The helper is gone or does not answer; what ran is ended.
    #[error("the helper is gone")]
    Lost,
    /// Something of ours failed.
    #[error("cannot {what}: {reason}")]
    Io {
        /// The step.
        what: &'static str,
        /// The system's reason.
        reason: std::io::Error,
    },
}

/// The answers to one call. When it is dropped, the call is ended with all it started.
struct Reply(AsyncFd<OwnedFd>);

impl Runner {
    /// Runs a program to its end, or to the deadline. When this returns, nothing that it
    /// started is left.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the call is ended, and all that it started, within moments.
    ///
    /// # Errors
    ///
    /// [`RunError`]. A program that fails is no error: [`Ran::exit`] tells.
    pub async fn run(&self, run: Run) -> Result<Ran, RunError> {
        let limit = run.output_bytes;
        let deadline = run.deadline;
        let reply = self.ask(run)?;
        let started = timeout(START_PATIENCE, reply.started()).await;
        let streams = started.map_err(|_| RunError::Lost)??;
        let mut ran = Streams::default();
        let finished = timeout(deadline, ran.follow(streams, &reply, limit)).await;
        let (exit, late) = match finished {
            Ok(ended) => ended?,
            Err(_) => {
                reply.give_up();
                let exit = match timeout(PATIENCE, reply.ended()).await {
                    Ok(Ok((exit, _))) => exit,
                    // Without a word: its socket goes, and it with it.
                    Ok(Err(_)) | Err(_) => Exit::Signal(libc::SIGKILL),
                };
                (exit, true)
            }
        };
        Ok(Ran { exit, stdout: ran.stdout, stderr: ran.stderr, timed_out: late })
    }

    fn ask(&self, run: Run) -> Result<Reply, RunError> {
        let io = |what| move |errno: Errno| RunError::Io { what, reason: errno.into() };
        let (ours, theirs) = socket::pair().map_err(io("make a socket"))?;
        let call = Call {
            program: run.program,
            words: run.words,
            directory: run.directory,
            roots: run.roots,
            deadline_ms: u64::try_from(run.deadline.as_millis()).unwrap_or(u64::MAX),
        };
        let bytes = serde_json::to_vec(&call)
            .map_err(|error| RunError::Io { what: "write a call", reason: error.into() })?;
        match socket::offer_with(&self.control, &bytes, &[theirs.as_fd()]) {
            Ok(()) => {}
            Err(Errno::AGAIN) => return Err(RunError::Busy),
            Err(Errno::PIPE | Errno::CONNRESET) => return Err(RunError::Lost),
            Err(errno) => return Err(io("ask the helper")(errno)),
        }
        // SAFETY: the descriptor is owned, and lives until after it is deregistered.
        let watched = unsafe { AsyncFd::register(ours) };
        let watched = watched
            .map_err(|error| RunError::Io { what: "watch a socket", reason: error.into() })?;
        Ok(Reply(watched))
    }
}

impl Reply {
    async fn next(&self) -> Result<(Told, Vec<OwnedFd>), RunError> {
        loop {
            let ready = self.0.readable().await;
            let mut ready =
                ready.map_err(|reason| RunError::Io { what: "watch a call", reason })?;
            let heard =
                ready.try_io(|socket| Ok(socket::receive(socket.get_ref(), RecvFlags::DONTWAIT)?));
            match heard {
                Err(_would_block) => {}
                Ok(Ok((bytes, fds))) => {
                    let told = serde_json::from_slice(&bytes).map_err(|_| RunError::Lost)?;
                    return Ok((told, fds));
                }
                Ok(Err(_)) => return Err(RunError::Lost),
            }
        }
    }

    async fn started(&self) -> Result<[OwnedFd; 2], RunError> {
        match self.next().await? {
            (Told::Started, fds) => fds.try_into().map_err(|_| RunError::Lost),
            (Told::Failed { why, .. }, _) => Err(RunError::Refused(why)),
            _ => Err(RunError::Lost),
        }
    }

    async fn ended(&self) -> Result<(Exit, bool), RunError> {
        match self.next().await? {
            (Told::Ended { exit, late }, _) => Ok((exit, late)),
            (Told::Failed { why, .. }, _) => Err(RunError::Refused(why)),
            (Told::Started | Told::Ready(_), _) => Err(RunError::Lost),
        }
    }

    /// The holder sees the end of our questions, and ends the call.
    fn give_up(&self) {
        let _ = shutdown(self.0.get_ref(), Shutdown::Write);
    }
}

/// What was read so far: it survives the reading, which may be given up.
#[derive(Default)]
struct Streams {
    stdout: Output,
    stderr: Output,
}

impl Streams {
    async fn follow(
        &mut self,
        [stdout, stderr]: [OwnedFd; 2],
        reply: &Reply,
        limit: usize,
    ) -> Result<(Exit, bool), RunError> {
        tokio::try_join!(
            drain(stdout, &mut self.stdout, limit),
            drain(stderr, &mut self.stderr, limit)
        )?;
        reply.ended().await
    }
}

/// Reads to the end, and keeps the beginning.
async fn drain(from: OwnedFd, to: &mut Output, limit: usize) -> Result<(), RunError> {
    let io = |reason| RunError::Io { what: "read what a program says", reason };
    let mut from = pipe::Receiver::from_owned_fd(from).map_err(io)?;
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut buffer).await.map_err(io)?;
        if count == 0 {
            return Ok(());
        }
        to.bytes += count as u64;
        let room = limit.saturating_sub(to.kept.len());
        to.kept.extend(buffer.iter().take(count.min(room)));
    }
}
