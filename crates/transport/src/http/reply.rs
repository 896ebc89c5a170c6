//! What every answer carries, and what it is made of.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER,
    WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::{Response, StatusCode};
use portcullis_wire::Json;
use tokio::sync::mpsc;

/// An answer.
pub type Reply = Response<Content>;

/// What an answer says.
#[derive(Debug)]
pub enum Content {
    /// All of it.
    Whole(Option<Bytes>),
    /// Piece by piece. When the caller goes away, it is dropped.
    Stream(Box<dyn Feed>),
}

/// Where the pieces of an answer come from.
pub trait Feed: std::fmt::Debug + Send {
    /// The next piece; nothing at the end.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>>;
}

impl Feed for mpsc::Receiver<Bytes> {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.poll_recv(context)
    }
}

/// Headers of every answer: it is for its caller alone, and is what it says it is.
const ALWAYS: [(HeaderName, &str); 2] =
    [(CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];

/// An answer without content.
#[must_use]
pub fn empty(status: StatusCode) -> Reply {
    let mut reply = Response::new(Content::Whole(None));
    *reply.status_mut() = status;
    for (name, value) in ALWAYS {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}

/// An answer that is one JSON text.
#[must_use]
pub fn json(status: StatusCode, text: Bytes) -> Reply {
    let mut reply = empty(status);
    *reply.body_mut() = Content::Whole(Some(text));
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    reply
}

/// An answer that is plain text.
#[must_use]
pub fn plain(status: StatusCode, text: Bytes) -> Reply {
    let mut reply = json(status, text);
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    reply.headers_mut().insert(CONTENT_TYPE, kind);
    reply
}

/// An answer that is a stream of events (`sse` writes them).
#[must_use]
pub fn events(events: Box<dyn Feed>) -> Reply {
    let mut reply = empty(StatusCode::OK);
    *reply.body_mut() = Content::Stream(events);
    let headers = reply.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // nginx keeps events back until it has a buffer full, unless told not to.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    reply
}

/// Ends the connection behind this answer.
pub(super) fn close(reply: &mut Reply) {
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

/// Why a request is turned away. It repeats nothing of what was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status.
    pub status: StatusCode,
    /// What the answer says.
    pub why: &'static str,
    /// What would have to be shown (`WWW-Authenticate`).
    pub challenge: Option<String>,
    /// The same, in the other way in which it can be.
    pub dpop: Option<String>,
    /// After how long it may be tried again (`Retry-After`), in whole seconds.
    pub retry_after: Option<Duration>,
}

impl Refusal {
    /// Without a challenge.
    #[must_use]
    pub const fn new(status: StatusCode, why: &'static str) -> Self {
        Self { status, why, challenge: None, dpop: None, retry_after: None }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        let text = format!("{{\"error\":{}}}", Json::string(refusal.why).text());
        let mut reply = json(refusal.status, Bytes::from(text));
        for challenge in [refusal.challenge, refusal.dpop].into_iter().flatten() {
            if let Ok(challenge) = HeaderValue::try_from(challenge) {
                reply.headers_mut().append(WWW_AUTHENTICATE, challenge);
            }
        }
        if let Some(after) = refusal.retry_after {
            reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from(after.as_secs().max(1)));
        }
        // What is left of the request is not read.
        close(&mut reply);
        reply
    }
}

impl Body for Content {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let piece = match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take()),
            Self::Stream(pieces) => pieces.poll_next(context),
        };
        piece.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_json_of_our_own_words_and_ends_the_connection() {
        let mut refusal = Refusal::new(StatusCode::UNAUTHORIZED, "who are you?");
        refusal.challenge = Some("Bearer".to_owned());
        let reply = Reply::from(refusal.clone());
        assert_eq!(reply.status(), 401);
        let header = |name: &str| reply.headers()[name].to_str().unwrap().to_owned();
        assert_eq!(header("www-authenticate"), "Bearer");
        assert_eq!(header("connection"), "close");
        assert_eq!(header("cache-control"), "no-store");
        let Content::Whole(Some(text)) = reply.body() else { panic!("no text") };
        assert_eq!(&text[..], br#"{"error":"who are you?"}"#);

        refusal.retry_after = Some(Duration::from_millis(2500));
        assert_eq!(Reply::from(refusal.clone()).headers()["retry-after"], "2");
        refusal.challenge = Some("a\r\nset-cookie: b".to_owned());
        assert!(!Reply::from(refusal).headers().contains_key("www-authenticate"));
    }
}
