//! The protected resource of OAuth 2.1: which tokens count, and what is told to whoever has none.
//!
//! Read in this order: `jws` reads a signed text in one way, `keys` and `signing` say by whom it may
//! be signed, `token` what an access token has to be, `dpop` what a proof beside it has to be; all
//! of them pure. `issuer` has what has to be asked for, through what [`Ask`] brings (`web`: over the
//! one client of ours): `published` its keys, `introspect` what is asked about a token; `resource` says what we are called, `challenge` what is told to a stranger.
//! `tokens` puts it together.

mod challenge;
mod dpop;
mod introspect;
mod issuer;
mod jws;
mod keys;
mod published;
mod resource;
mod signing;
mod token;
mod tokens;
mod web;

pub use dpop::Proofs;
pub use introspect::Introspection;
pub use issuer::{Ask, Asking, Issuer, Question};
pub use jws::LONGEST;
pub use keys::Keys;
pub use published::Clock;
pub use resource::Resource;
pub use signing::Signing;
pub use token::Trust;
pub use tokens::{Tokens, Trusted};
pub use web::Web;

pub(super) use keys::digest;

/// Why a token or what belongs to it is refused: our words, and nothing of what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong(pub &'static str);
