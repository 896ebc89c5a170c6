//! How we identify ourselves to a remote server.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use hyper::StatusCode;
use hyper::header::HeaderValue;

/// Something that is waited for.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A refusal that asks for more (`WWW-Authenticate`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge {
    /// 401 or 403.
    pub status: StatusCode,
    /// What the request brought, if it brought something: another one may be there by now.
    pub refused: Option<HeaderValue>,
    /// Each challenge as the server wrote it; at most 8, of at most 4 KiB.
    pub says: Vec<String>,
}

impl Challenge {
    /// Whether it says that the request was not taken: it needs a token, or one for more
    /// (RFC 6750, 3.1). Another 403 may be what a call itself was answered.
    pub(super) fn says_not_taken(&self) -> bool {
        let more = |text: &String| text.contains("insufficient_scope");
        self.status == StatusCode::UNAUTHORIZED || self.says.iter().any(more)
    }
}

/// Whose requests these are.
pub trait Credential: fmt::Debug + Send + Sync {
    /// The `Authorization` of the next request, if it has one.
    ///
    /// # Errors
    /// Why there is none although there should be; the request is not sent.
    fn authorization(&self) -> Later<'_, Result<Option<HeaderValue>, String>>;

    /// A request was refused, and was not taken. True when the next one may be let in, and it is
    /// sent once more.
    ///
    /// # Errors
    /// Why it will not, in words for the operator.
    fn challenged(&self, challenge: Challenge) -> Later<'_, Result<bool, String>>;
}

/// Nobody in particular.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nobody;

impl Credential for Nobody {
    fn authorization(&self) -> Later<'_, Result<Option<HeaderValue>, String>> {
        Box::pin(async { Ok(None) })
    }

    fn challenged(&self, _: Challenge) -> Later<'_, Result<bool, String>> {
        Box::pin(async { Ok(false) })
    }
}
