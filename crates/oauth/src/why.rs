//! Why no credential was got: for the person and the journal, never with a secret in it.

use portcullis_catalog::{ControlId, control};

/// What ended a flow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// An address that must not be used.
    #[error("the address `{what}` {why}")]
    Address {
        /// As it was written.
        what: String,
        /// What is wrong with it, or where it leads.
        why: &'static str,
    },
    /// The challenge cannot be read in one way.
    #[error("the server's challenge cannot be read")]
    Challenge,
    /// The server did not say which credential it wants, or wants one that we do not have.
    #[error("the server wants a credential of a kind that is not had here")]
    NoBearer,
    /// A document or an answer is not what it must be.
    #[error("{0} cannot be read")]
    Unreadable(&'static str),
    /// An answer that is not expected there.
    #[error("{what} was answered with status {status}")]
    Status {
        /// What was asked for.
        what: &'static str,
        /// The answer.
        status: u16,
    },
    /// Nothing answered.
    #[error("{what} cannot be reached: {why}")]
    Unreached {
        /// What was asked for.
        what: &'static str,
        /// What the connection says.
        why: String,
    },
    /// The metadata is about another resource.
    #[error("the metadata is about `{0}`, which is not this server")]
    Resource(String),
    /// No authorization server is named.
    #[error("the server names no authorization server")]
    NoIssuer,
    /// The metadata was found at one issuer and says that it is another's.
    #[error("the metadata of `{asked}` says that it is of `{said}`")]
    Issuer {
        /// Whose metadata was asked for.
        asked: String,
        /// Whose it says it is.
        said: String,
    },
    /// The authorization server has no metadata.
    #[error("`{0}` has no metadata at any of the places where it belongs")]
    NoMetadata(String),
    /// It does not say that it checks PKCE with S256.
    #[error("the authorization server does not say that it checks PKCE with S256")]
    NoPkce,
    /// It does not have what the flow needs.
    #[error("the authorization server does not have {0}")]
    Lacks(&'static str),
    /// What the operator registered belongs to another authorization server.
    #[error("the client id was registered at `{registered}`, and the server now names `{named}`")]
    Moved {
        /// Where it was registered.
        registered: String,
        /// Who is named now.
        named: String,
    },
    /// There is no way to become a client of it.
    #[error("nobody is registered there: set `client_id`, or `client_metadata`")]
    Unregistered,
    /// A person said no, or nobody said anything.
    #[error("nobody allowed to go there")]
    Refused,
    /// The answer of the browser is not to what was asked.
    #[error("what the browser brought back is not an answer to what was asked")]
    State,
    /// It came too late.
    #[error("what the browser brought back came too late")]
    Late,
    /// Another authorization server answered (RFC 9207).
    #[error("the answer is of another authorization server than the one that was asked")]
    MixUp,
    /// The authorization server said no.
    #[error("the authorization server refused: {0}")]
    Denied(String),
    /// The token has another type than Bearer.
    #[error("the authorization server gave a token of another type")]
    TokenType,
    /// A server wants more again and again.
    #[error("the server asks for more again, after {0} times")]
    TooOften(u32),
    /// A person said no to these scopes before.
    #[error("more was refused before, and is not asked for again")]
    RefusedBefore,
    /// It could not be kept, asked or recorded.
    #[error("{0}")]
    Kept(String),
    /// The flow was told something that it did not ask for.
    #[error("the steps are out of order")]
    Order,
}

impl Why {
    /// The control that said no.
    #[must_use]
    pub fn control(&self) -> ControlId {
        match self {
            Self::Refused | Self::RefusedBefore | Self::TooOften(_) | Self::State | Self::Late => {
                control::BROWSER_SENT_AFTER_YES
            }
            Self::Moved { .. } | Self::Unregistered | Self::Kept(_) => control::CREDENTIALS_APART,
            _ => control::ISSUER_PROVEN,
        }
    }
}

/// A code of theirs (RFC 6749, 4.1.2.1), so that nothing else of an answer is repeated.
pub(crate) fn code(text: &str) -> String {
    let known = text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte));
    if known && !text.is_empty() { text.to_owned() } else { "an error that is none".to_owned() }
}
