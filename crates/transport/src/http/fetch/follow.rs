//! Redirects, for whoever wants them followed: each hop judged like the first address.

use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, LOCATION};
use hyper::{Method, StatusCode};

use super::{Answer, Ask, FetchError, Fetcher, Url};
use hyper::body::Bytes;

/// Hops at most.
const MOST: usize = 4;

/// Where a redirect may lead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Follow {
    /// Elsewhere on the same origin.
    SameOrigin,
    /// Wherever requests may lead at all. What opens something stays behind.
    Reachable,
}

impl Fetcher {
    /// Sends a request, and follows where it is sent on, a few times. A request that brings
    /// something is repeated only where the answer says that it was not taken (307 and 308).
    ///
    /// # Errors
    /// [`FetchError`], for each hop as for the first.
    pub async fn follow(&self, ask: &Ask, follow: Follow) -> Result<Answer, FetchError> {
        self.led(ask, follow).await.map(|(answer, _)| answer)
    }

    /// The same, and where the request was led, when that is elsewhere and it was still the same
    /// request there.
    ///
    /// # Errors
    /// [`FetchError`], for each hop as for the first.
    pub async fn led(
        &self,
        ask: &Ask,
        follow: Follow,
    ) -> Result<(Answer, Option<Url>), FetchError> {
        let (method, mut ask, mut elsewhere) = (ask.method.clone(), ask.clone(), false);
        for _ in 0..=MOST {
            let answer = self.send(&ask).await?;
            if !is_redirect(answer.status()) {
                let led = elsewhere && ask.method == method;
                return Ok((answer, led.then_some(ask.url)));
            }
            (ask, elsewhere) = (onward(ask, &answer, follow)?, true);
        }
        Err(FetchError::Redirected("too many times"))
    }
}

/// An answer that sends whoever asked somewhere else.
pub(in crate::http) fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn onward(mut ask: Ask, answer: &Answer, follow: Follow) -> Result<Ask, FetchError> {
    let repeated = matches!(answer.status().as_u16(), 307 | 308);
    let location =
        answer.header(&LOCATION).ok_or(FetchError::Redirected("without saying where"))?;
    let url = ask.url.join(location)?;
    if ask.url.origin() != url.origin() {
        if follow == Follow::SameOrigin {
            return Err(FetchError::Redirected("to another host"));
        }
        if ask.url.origin().is_https() && !url.origin().is_https() {
            return Err(FetchError::Redirected("to where nothing is encrypted"));
        }
        let secret: Vec<_> = ask.headers.iter().filter(|(_, value)| value.is_sensitive()).collect();
        let secret: Vec<_> = secret.into_iter().map(|(name, _)| name.clone()).collect();
        for name in secret.into_iter().chain([AUTHORIZATION, COOKIE]) {
            ask.headers.remove(name);
        }
    }
    if !repeated && ask.method != Method::GET {
        // What was brought has been taken, or not: nobody can tell.
        if answer.status() != StatusCode::SEE_OTHER {
            return Err(FetchError::Redirected("with something that was brought"));
        }
        ask.method = Method::GET;
        ask.body = Bytes::new();
        for name in [CONTENT_TYPE, CONTENT_LENGTH] {
            ask.headers.remove(name);
        }
    }
    // What is brought goes to whom it was meant for.
    if !ask.body.is_empty() && ask.url.origin() != url.origin() {
        return Err(FetchError::Redirected("to another host, with something that was brought"));
    }
    ask.url = url;
    Ok(ask)
}
