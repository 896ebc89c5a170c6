//! What can go wrong with a request of ours, in words that repeat nothing of an answer.

use portcullis_guard::egress::NotAUrl;

/// Why there is no answer, or no more of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// It is no address.
    #[error("the address cannot be used: {0}")]
    NotAUrl(#[from] NotAUrl),
    /// It leads where it must not.
    #[error("`{host}` leads to {what}: it is not reached from here")]
    Inside {
        /// Which host.
        host: String,
        /// What is there.
        what: String,
    },
    /// Nobody said that it may be reached.
    #[error("`{0}` is not among the hosts that may be reached")]
    NotListed(String),
    /// The name leads to no address.
    #[error("the name `{0}` leads to no address")]
    Unresolved(String),
    /// Nobody answers there.
    #[error("`{host}` cannot be reached: {why}")]
    Unreachable {
        /// Which host.
        host: String,
        /// What the system says.
        why: String,
    },
    /// Whoever answers cannot prove to be it.
    #[error("`{host}` does not prove to be itself: {why}")]
    Untrusted {
        /// Which host.
        host: String,
        /// What TLS says.
        why: String,
    },
    /// It took too long.
    #[error("there was no answer in time")]
    TooSlow,
    /// It is too large.
    #[error("the answer is too large")]
    TooLarge,
    /// It is no HTTP, or broke off.
    #[error("the answer is broken: {0}")]
    Broken(&'static str),
    /// It leads elsewhere, and may not.
    #[error("the answer leads elsewhere: {0}")]
    Redirected(&'static str),
}

impl FetchError {
    /// What hyper says, without words of the other end.
    pub(super) fn broken(error: &hyper::Error) -> Self {
        Self::Broken(match error {
            _ if error.is_parse_too_large() => "its head is too large",
            _ if error.is_parse() => "it is no HTTP",
            _ if error.is_incomplete_message() => "it broke off",
            _ if error.is_timeout() => "it took too long",
            _ => "the connection failed",
        })
    }
}
