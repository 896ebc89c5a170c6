//! What comes back: a head, and a body that is bounded by whoever reads it.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderName};
use hyper::http::HeaderMap;
use hyper::{Response, StatusCode};
use portcullis_wire::Json;
use tokio::time::timeout;

use super::connection::Connection;
use super::error::FetchError;
use super::pool::Pool;
use portcullis_guard::egress::Origin;

/// Nesting that a document may have.
const DEPTH: usize = 32;

/// An answer. Dropped before its end, it closes its connection.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Incoming,
    connection: Option<Connection>,
    pool: (Arc<Pool>, Origin),
    ended: bool,
}

impl Answer {
    pub(super) fn new(
        head: Response<Incoming>,
        connection: Connection,
        pool: (Arc<Pool>, Origin),
    ) -> Self {
        let (head, body) = head.into_parts();
        let (status, headers) = (head.status, head.headers);
        Self { status, headers, body, connection: Some(connection), pool, ended: false }
    }

    /// Its status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// Its headers.
    #[must_use]
    pub const fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// A header that stands there once, and in visible letters.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&str> {
        let mut all = self.headers.get_all(name).iter();
        let value = all.next()?;
        if all.next().is_some() {
            return None;
        }
        value.to_str().ok()
    }

    /// What it says it carries, without parameters, in lower case.
    #[must_use]
    pub fn media_type(&self) -> Option<String> {
        let said = self.header(&CONTENT_TYPE)?;
        let essence = said.split(';').next().unwrap_or_default();
        Some(essence.trim().to_ascii_lowercase())
    }

    /// The next piece; nothing at the end.
    ///
    /// # Errors
    /// [`FetchError::Broken`] when it breaks off.
    ///
    /// # Cancel safety
    /// Safe: a piece that was not returned is returned by the next call.
    pub async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// The same, for whoever polls.
    pub fn poll_next(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, FetchError>> {
        if self.ended {
            return Poll::Ready(Ok(None));
        }
        if self.headers.contains_key(CONTENT_ENCODING) {
            return Poll::Ready(Err(FetchError::Broken("it is packed, which nobody asked for")));
        }
        loop {
            if let Some(connection) = &mut self.connection {
                connection.drive(context);
            }
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                // Trailers say nothing that we asked for.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {}
                    Ok(data) => return Poll::Ready(Ok(Some(data))),
                    Err(_trailers) => {}
                },
                Some(Err(error)) => {
                    self.connection = None;
                    return Poll::Ready(Err(FetchError::broken(&error)));
                }
                None => {
                    self.ends(context);
                    return Poll::Ready(Ok(None));
                }
            }
        }
    }

    /// The connection waits for another request.
    fn ends(&mut self, context: &mut Context<'_>) {
        self.ended = true;
        let Some(mut connection) = self.connection.take() else { return };
        connection.drive(context);
        if connection.is_ready() {
            let (pool, origin) = &self.pool;
            pool.keep(origin.clone(), connection);
        }
    }

    /// All of it: not more than so many bytes, in not more time than this.
    ///
    /// # Errors
    /// [`FetchError`] when it is larger, slower or broken.
    pub async fn read(mut self, most: usize, time: Duration) -> Result<Bytes, FetchError> {
        let all = async {
            let mut all = Vec::new();
            while let Some(piece) = self.next().await? {
                if piece.len() > most - all.len() {
                    return Err(FetchError::TooLarge);
                }
                all.extend_from_slice(&piece);
            }
            Ok(Bytes::from(all))
        };
        timeout(time, all).await.unwrap_or(Err(FetchError::TooSlow))
    }

    /// All of it, if it is a JSON document that has one reading (no key twice).
    ///
    /// # Errors
    /// [`FetchError`], also when it says to be something else.
    pub async fn json(self, most: usize, time: Duration) -> Result<Json, FetchError> {
        let media = self.media_type().unwrap_or_default();
        let suffixed = media.starts_with("application/") && media.ends_with("+json");
        if media != "application/json" && !suffixed {
            return Err(FetchError::Broken("it does not say that it is JSON"));
        }
        let all = self.read(most, time).await?;
        let text = std::str::from_utf8(&all).map_err(|_| FetchError::Broken("it is no UTF-8"))?;
        Json::parse(text, DEPTH).map_err(|_| FetchError::Broken("it is no strict JSON"))
    }
}
