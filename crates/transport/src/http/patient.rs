//! A connection to somebody who has to read: when nothing of what waits for them is taken for long
//! enough, it fails. An answer that nobody reads would else hold whatever else waits behind it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

/// A stream whose other end must take what is written to it.
#[derive(Debug)]
pub(super) struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Since something waits to be taken.
    until: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    pub(super) const fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, until: None }
    }

    /// What came of a write: any progress begins the wait anew.
    fn waited<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.until = None;
            return written;
        }
        let end = Instant::now() + self.patience;
        let until = self.until.get_or_insert_with(|| Box::pin(sleep_until(end)));
        until.as_mut().poll(context).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let it = self.get_mut();
        let written = Pin::new(&mut it.stream).poll_write(context, bytes);
        it.waited(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let it = self.get_mut();
        let written = Pin::new(&mut it.stream).poll_write_vectored(context, bytes);
        it.waited(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let it = self.get_mut();
        let flushed = Pin::new(&mut it.stream).poll_flush(context);
        // Nothing to flush is no progress, so an older wait goes on.
        if flushed.is_ready() { flushed } else { it.waited(context, flushed) }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let it = self.get_mut();
        let ended = Pin::new(&mut it.stream).poll_shutdown(context);
        it.waited(context, ended)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    fn run(what: impl Future<Output = ()>) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().build().unwrap().block_on(what);
    }

    #[test]
    fn who_takes_nothing_is_given_up() {
        run(async {
            let (ours, theirs) = duplex(8);
            let mut ours = Patient::new(ours, Duration::from_millis(50));
            let failed = ours.write_all(&[1; 9]).await.unwrap_err();
            assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
            drop(theirs);
        });
    }

    #[test]
    fn who_takes_a_little_now_and_then_is_waited_for() {
        run(async {
            let (ours, mut theirs) = duplex(8);
            let mut ours = Patient::new(ours, Duration::from_secs(3600));
            let whole = tokio::time::timeout(Duration::from_millis(20), ours.write_all(&[1; 9]));
            whole.await.unwrap_err();
            assert!(ours.until.is_some(), "it waits");
            theirs.read_u8().await.unwrap();
            ours.write_u8(1).await.unwrap();
            assert!(ours.until.is_none(), "the wait begins anew");
        });
    }
}
