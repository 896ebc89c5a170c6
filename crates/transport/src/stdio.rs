//! Pipes, sockets and terminals as one kind of stream, without threads where
//! the kernel can tell us when they are ready.
//!
//! Hosts hand us pipes (Python, Rust) or socket pairs (Node). A pipe of our own
//! standard input is opened anew through `/proc/self/fd`, so that making it
//! non-blocking does not change the host's end of it.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;

/// What a pipe of ours holds, in bytes; a Linux pipe holds 64 KiB unless asked.
const PIPE: usize = 256 << 10;

/// A stream of bytes that arrives.
#[derive(Debug)]
pub enum Source {
    /// A pipe.
    Pipe(pipe::Receiver),
    /// A socket pair, as Node's hosts use.
    Socket(UnixStream),
    /// A terminal or a file: read by a thread of the runtime.
    Thread(tokio::io::Stdin),
}

/// A stream of bytes that leaves.
#[derive(Debug)]
pub enum Sink {
    /// A pipe.
    Pipe(pipe::Sender),
    /// A socket pair.
    Socket(UnixStream),
    /// A terminal or a file: written by a thread of the runtime.
    Thread(tokio::io::Stdout),
}

/// Our own standard input.
///
/// # Errors
/// When the descriptor cannot be registered with the runtime.
pub fn stdin() -> io::Result<Source> {
    if let Ok(receiver) = pipe::OpenOptions::new().open_receiver("/proc/self/fd/0") {
        return Ok(Source::Pipe(receiver));
    }
    let copy = io::stdin().as_fd().try_clone_to_owned()?;
    match socket(copy)? {
        Ok(stream) => Ok(Source::Socket(stream)),
        Err(copy) => match pipe::Receiver::from_owned_fd(copy) {
            Ok(receiver) => Ok(Source::Pipe(receiver)),
            Err(_) => Ok(Source::Thread(tokio::io::stdin())),
        },
    }
}

/// Our own standard output.
///
/// # Errors
/// When the descriptor cannot be registered with the runtime.
pub fn stdout() -> io::Result<Sink> {
    if let Ok(sender) = pipe::OpenOptions::new().open_sender("/proc/self/fd/1") {
        return Ok(Sink::Pipe(sender));
    }
    let copy = io::stdout().as_fd().try_clone_to_owned()?;
    match socket(copy)? {
        Ok(stream) => Ok(Sink::Socket(stream)),
        Err(copy) => match pipe::Sender::from_owned_fd(copy) {
            Ok(sender) => Ok(Sink::Pipe(sender)),
            Err(_) => Ok(Sink::Thread(tokio::io::stdout())),
        },
    }
}

/// The read end of a pipe that we made.
///
/// # Errors
/// When it is no pipe.
pub fn source(pipe: OwnedFd) -> io::Result<Source> {
    widen(&pipe);
    pipe::Receiver::from_owned_fd(pipe).map(Source::Pipe)
}

/// The write end of a pipe that we made.
///
/// # Errors
/// When it is no pipe.
pub fn sink(pipe: OwnedFd) -> io::Result<Sink> {
    widen(&pipe);
    pipe::Sender::from_owned_fd(pipe).map(Sink::Pipe)
}

/// Makes room in a pipe of ours, so that a long message needs fewer wake-ups of
/// both ends. The kernel may refuse, and then nothing is lost but those.
fn widen(pipe: &OwnedFd) {
    let _ = rustix::pipe::fcntl_setpipe_size(pipe, PIPE);
}

/// A stream when the descriptor is a socket, the descriptor back when it is not.
fn socket(copy: OwnedFd) -> io::Result<Result<UnixStream, OwnedFd>> {
    if rustix::net::sockopt::socket_type(&copy).is_err() {
        return Ok(Err(copy));
    }
    let stream = std::os::unix::net::UnixStream::from(copy);
    stream.set_nonblocking(true)?;
    UnixStream::from_std(stream).map(Ok)
}

impl AsyncRead for Source {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Pipe(stream) => Pin::new(stream).poll_read(context, into),
            Self::Socket(stream) => Pin::new(stream).poll_read(context, into),
            Self::Thread(stream) => Pin::new(stream).poll_read(context, into),
        }
    }
}

impl AsyncWrite for Sink {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Pipe(stream) => Pin::new(stream).poll_write(context, from),
            Self::Socket(stream) => Pin::new(stream).poll_write(context, from),
            Self::Thread(stream) => Pin::new(stream).poll_write(context, from),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Pipe(stream) => Pin::new(stream).poll_flush(context),
            Self::Socket(stream) => Pin::new(stream).poll_flush(context),
            Self::Thread(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Pipe(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Socket(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Thread(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
