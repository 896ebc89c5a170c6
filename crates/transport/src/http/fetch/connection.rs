//! A connection that is driven by whoever waits for it, and by no task.

use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::error::FetchError;
use crate::http::reply::Content;

/// Bytes of an answer's head; hyper reads a body in pieces of at most this.
const HEAD: usize = 64 << 10;
/// Headers in it.
const HEADERS: usize = 100;

/// What bytes go over.
pub(super) trait Line: AsyncRead + AsyncWrite + Send + Unpin {}
impl<L: AsyncRead + AsyncWrite + Send + Unpin> Line for L {}

type Wire = http1::Connection<TokioIo<Box<dyn Line>>, Content>;

/// One connection, for one request after the other.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Content>,
    /// Gone when it is over.
    wire: Option<Pin<Box<Wire>>>,
}

impl Connection {
    /// Speaks HTTP/1.1 from now on.
    pub(super) async fn begin(line: Box<dyn Line>) -> Result<Self, FetchError> {
        let mut http = http1::Builder::new();
        http.max_buf_size(HEAD).max_headers(HEADERS);
        let begun = http.handshake(TokioIo::new(line)).await;
        let (sender, wire) = begun.map_err(|error| FetchError::broken(&error))?;
        Ok(Self { sender, wire: Some(Box::pin(wire)) })
    }

    /// Lets bytes flow; what becomes of them is known to whoever waits for an answer.
    pub(super) fn drive(&mut self, context: &mut Context<'_>) {
        let over = self.wire.as_mut().map(|wire| wire.as_mut().poll(context));
        if matches!(over, Some(Poll::Ready(_))) {
            self.wire = None;
        }
    }

    /// Another request may go over it.
    pub(super) fn is_ready(&self) -> bool {
        self.wire.is_some() && self.sender.is_ready()
    }
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connection").field("open", &self.wire.is_some()).finish_non_exhaustive()
    }
}
