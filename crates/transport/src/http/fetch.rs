//! The one client of ours: every request that we send over HTTP goes through here.
//!
//! Whoever chooses an address or a name must not choose what we reach (SSRF, DNS rebinding): a
//! [`Url`] has one reading, [`Reach`] says where it may lead, a name is looked up once, every
//! address is judged, and exactly a judged address is dialled (`dial`). HTTPS, except to this
//! machine. Nothing is sent twice, and a redirect is followed only by whoever says so (`follow`),
//! each hop judged like the first. [`Answer`] is bounded in bytes and time. No task runs beside:
//! an answer that is dropped closes its connection.

mod answer;
mod connection;
mod dial;
mod error;
mod follow;
mod pool;
mod reach;
mod roots;

use std::future::{Future as _, poll_fn};
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Bytes;
use hyper::header::{ACCEPT, CONTENT_TYPE, HOST, HeaderName, HeaderValue, USER_AGENT};
use hyper::http::HeaderMap;
use hyper::{Method, Request};
use tokio::time::timeout;

pub use answer::Answer;
pub use dial::{Resolver, Sockets};
pub use error::FetchError;
pub use follow::Follow;
pub(super) use follow::is_redirect;
pub use portcullis_guard::egress::{NotAUrl, Origin, Url};
pub use reach::Reach;
pub use roots::Roots;

use super::reply::Content;
use connection::Connection;
use pool::Pool;

/// How long the head of an answer may take unless [`Ask::within`] says else.
const PATIENCE: Duration = Duration::from_secs(15);
/// We are known by our name alone: which version runs here is nobody's business.
const AGENT: &str = "portcullis";

/// A request of ours.
#[derive(Clone, Debug)]
pub struct Ask {
    method: Method,
    url: Url,
    headers: HeaderMap,
    body: Bytes,
    /// The `Host` that is named, when it is not the address's.
    host: Option<HeaderValue>,
    patience: Duration,
}

impl Ask {
    /// A request without a body.
    #[must_use]
    pub fn new(method: Method, url: Url) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        Self { method, url, headers, body: Bytes::new(), host: None, patience: PATIENCE }
    }

    /// Asks for a document.
    #[must_use]
    pub fn get(url: Url, accept: &'static str) -> Self {
        Self::new(Method::GET, url).with(ACCEPT, HeaderValue::from_static(accept))
    }

    /// Brings something.
    #[must_use]
    pub fn post(url: Url, content: &'static str, body: Bytes) -> Self {
        let ask =
            Self::new(Method::POST, url).with(CONTENT_TYPE, HeaderValue::from_static(content));
        Self { body, ..ask }
    }

    /// With a header. One that opens something is [sensitive](HeaderValue::set_sensitive): it goes
    /// to no other origin, whatever a redirect says.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// A header of it.
    #[must_use]
    pub fn header(&self, name: &HeaderName) -> Option<&HeaderValue> {
        self.headers.get(name)
    }

    /// With headers, in place of those of the same name.
    #[must_use]
    pub fn with_all(mut self, headers: HeaderMap) -> Self {
        self.headers.extend(headers);
        self
    }

    /// How long the head of the answer may take, connecting included.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Under another name than the address's, as a page asks whose name was given this address
    /// (DNS rebinding). Where it leads is not changed by it.
    #[must_use]
    pub fn named(self, host: HeaderValue) -> Self {
        Self { host: Some(host), ..self }
    }

    fn request(&self) -> Result<Request<Content>, FetchError> {
        let mut request = Request::new(match self.body.is_empty() {
            true => Content::Whole(None),
            false => Content::Whole(Some(self.body.clone())),
        });
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.path().parse().map_err(|_| NotAUrl::Letter)?;
        *request.headers_mut() = self.headers.clone();
        let host = match &self.host {
            Some(host) => host.clone(),
            None => HeaderValue::try_from(self.url.authority()).map_err(|_| NotAUrl::Letter)?,
        };
        request.headers_mut().insert(HOST, host);
        Ok(request)
    }
}

/// Sends requests to where its [`Reach`] allows, over TLS as its [`Roots`] vouch.
#[derive(Clone, Debug)]
pub struct Fetcher {
    reach: Reach,
    roots: Roots,
    resolver: Resolver,
    sockets: Option<Sockets>,
    idle: Arc<Pool>,
}

impl Fetcher {
    /// A client with the names of this machine's resolver.
    #[must_use]
    pub fn new(reach: Reach, roots: Roots) -> Self {
        Self { reach, roots, resolver: Resolver::system(), sockets: None, idle: Arc::default() }
    }

    /// The same with other names.
    #[must_use]
    pub fn resolving(self, resolver: Resolver) -> Self {
        Self { resolver, ..self }
    }

    /// The same over sockets that were made elsewhere: what they reach is what is reached there.
    #[must_use]
    pub fn over(self, sockets: Sockets) -> Self {
        Self { sockets: Some(sockets), ..self }
    }

    /// Sends a request and waits for the head of its answer, which may be a redirect.
    ///
    /// # Errors
    /// [`FetchError`]: it may not lead there, or nothing comes back.
    ///
    /// # Cancel safety
    /// Dropped, it closes its connection; the request may have arrived.
    pub async fn send(&self, ask: &Ask) -> Result<Answer, FetchError> {
        timeout(ask.patience, self.sent(ask)).await.unwrap_or(Err(FetchError::TooSlow))
    }

    async fn sent(&self, ask: &Ask) -> Result<Answer, FetchError> {
        let mut request = ask.request()?;
        // One that the other end closed while it idled was told nothing, and hyper says so.
        while let Some(mut idle) = self.idle.take(ask.url.origin()) {
            match exchange(&mut idle, request).await {
                Ok(head) => return Ok(self.answer(head, idle, ask)),
                Err((error, None)) => return Err(error),
                Err((_, Some(unsent))) => request = unsent,
            }
        }
        let mut fresh = dial::dial(self, &ask.url).await?;
        match exchange(&mut fresh, request).await {
            Ok(head) => Ok(self.answer(head, fresh, ask)),
            Err((error, _)) => Err(error),
        }
    }

    fn answer(&self, head: Head, connection: Connection, ask: &Ask) -> Answer {
        let pool = (Arc::clone(&self.idle), ask.url.origin().clone());
        Answer::new(head, connection, pool)
    }
}

type Head = hyper::Response<hyper::body::Incoming>;

/// One request on a connection. A request that was not sent comes back with the error.
async fn exchange(
    connection: &mut Connection,
    request: Request<Content>,
) -> Result<Head, (FetchError, Option<Request<Content>>)> {
    let sent = connection.sender.try_send_request(request);
    tokio::pin!(sent);
    let head = poll_fn(|context| {
        connection.drive(context);
        sent.as_mut().poll(context)
    });
    head.await.map_err(|mut failed| {
        let unsent = failed.take_message();
        (FetchError::broken(&failed.into_error()), unsent)
    })
}
