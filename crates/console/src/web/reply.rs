//! What every answer of ours carries, and what it is made of.

use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{HeaderName, HeaderValue};
use hyper::{Response, StatusCode};

use super::live::Feed;
use crate::page;

/// Nothing but our own script and style, no frame around us, no form to elsewhere, and no text
/// that becomes a script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; form-action 'self'; frame-ancestors 'none'; \
                      base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'";

/// Headers of every answer, whatever it is.
const ALWAYS: &[(&str, &str)] = &[
    ("content-security-policy", POLICY),
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("cross-origin-embedder-policy", "require-corp"),
    ("origin-agent-cluster", "?1"),
    (
        "permissions-policy",
        "publickey-credentials-get=(), clipboard-read=(), camera=(), microphone=(), geolocation=()",
    ),
    ("x-robots-tag", "noindex"),
    ("cache-control", "no-store"),
];

/// A body: a page, or news as they come.
#[derive(Debug)]
pub(crate) enum Content {
    /// All of it.
    Whole(Option<Bytes>),
    /// For as long as somebody listens.
    Live(Feed),
}

/// An answer with what every answer carries.
pub(crate) fn reply(status: StatusCode, kind: &'static str, content: Content) -> Response<Content> {
    let mut response = Response::new(content);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in ALWAYS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    headers.insert("content-type", HeaderValue::from_static(kind));
    response
}

/// A page.
pub(crate) fn html(status: StatusCode, text: String) -> Response<Content> {
    reply(status, "text/html; charset=utf-8", Content::Whole(Some(Bytes::from(text))))
}

/// A page with a form. Without a referrer a browser would send the form from the origin `null`
/// (Fetch, 3.2 "append a request Origin header"); ours goes to ourselves alone.
pub(crate) fn form(text: String) -> Response<Content> {
    let mut response = html(StatusCode::OK, text);
    response.headers_mut().insert("referrer-policy", HeaderValue::from_static("same-origin"));
    response
}

/// A page that says one thing.
pub(crate) fn says(status: StatusCode, title: &str, text: &str) -> Response<Content> {
    html(status, page::message(title, text, None))
}

/// Goes on elsewhere on our own pages.
pub(crate) fn goes_to(place: &str) -> Response<Content> {
    let mut response = says(StatusCode::SEE_OTHER, "This way", "The page is elsewhere.");
    if let Ok(place) = HeaderValue::from_str(place) {
        response.headers_mut().insert("location", place);
    }
    response
}

impl Body for Content {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let data = match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take()),
            Self::Live(feed) => feed.poll(context),
        };
        data.map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Live(_) => SizeHint::default(),
        }
    }
}
