//! What a flow begins with, what it needs done, and what it is told.

use std::fmt;

use portcullis_guard::secret::SecretString;

use crate::challenge::Challenge;
use crate::client::{Identity, Registration};
use crate::place::Place;
use crate::scope::Scopes;
use crate::token::Tokens;
use crate::why::Why;

/// How a credential is got.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Means {
    /// A person allows it, in a browser.
    #[default]
    Code,
    /// We show who we are.
    Credentials,
}

/// What a flow begins with.
#[derive(Debug)]
pub struct Setup {
    /// The server, by the address that the operator wrote.
    pub server: Place,
    /// What it said, if it said something.
    pub challenge: Option<Challenge>,
    /// What the operator said of who we are.
    pub identity: Identity,
    /// How a credential is got.
    pub means: Means,
    /// Where a browser comes back to, exactly, if that is known before it is needed.
    pub redirect: Option<String>,
    /// What the operator wants to ask for.
    pub scopes: Option<Scopes>,
    /// What was had before.
    pub held: Option<Grant>,
    /// Who we are at which authorization server.
    pub known: Vec<Registration>,
}

/// A credential, and for whom it is.
#[derive(Clone, Debug)]
pub struct Grant {
    /// Who gave it.
    pub issuer: String,
    /// The server that it is for, as it is named there.
    pub resource: String,
    /// To whom it was given.
    pub client_id: String,
    /// The credential.
    pub tokens: Tokens,
}

/// What has to be done.
#[derive(Debug)]
pub enum Need {
    /// Make this request, then say [`answered`](super::Flow::answered).
    Fetch(Ask),
    /// Find out where a browser can come back to, then say
    /// [`comes_back`](super::Flow::comes_back).
    Callback,
    /// Ask a person, then say [`allowed`](super::Flow::allowed) or
    /// [`refused`](super::Flow::refused). Nothing goes anywhere before.
    Consent(Consent),
    /// Send the person's browser there, then say [`returned`](super::Flow::returned).
    Visit(Visit),
    /// It is had.
    Done(Grant),
    /// It is not.
    Failed(Why),
}

/// What a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The server's metadata; redirects may be followed.
    Resource,
    /// The authorization server's metadata; redirects may be followed.
    Server,
    /// Our registration.
    Registration,
    /// A token.
    Token,
}

/// A request. It is made without cookies, and redirects are followed only when nothing is sent.
pub struct Ask {
    /// What it is for.
    pub purpose: Purpose,
    /// Where it goes.
    pub place: Place,
    /// What is posted: JSON for a registration, a form for a token.
    pub body: Option<SecretString>,
    /// The `Authorization` header.
    pub authorization: Option<SecretString>,
    /// A statement to be signed, and added to the form as `client_assertion`.
    pub signs: Option<Asked>,
}

/// What a statement says of us (RFC 7523, 3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Who we are: `iss` and `sub`.
    pub client_id: String,
    /// For whom it is: `aud`.
    pub audience: String,
}

impl Ask {
    pub(super) fn get(purpose: Purpose, place: Place) -> Self {
        Self { purpose, place, body: None, authorization: None, signs: None }
    }

    pub(super) fn json(place: Place, body: String) -> Self {
        let body = Some(SecretString::new(body));
        Self { purpose: Purpose::Registration, place, body, authorization: None, signs: None }
    }

    /// What the body is.
    #[must_use]
    pub fn content_type(&self) -> &'static str {
        match self.purpose {
            Purpose::Registration => "application/json",
            _ => "application/x-www-form-urlencoded",
        }
    }

    /// The body, with the signed statement in it if one was wanted.
    #[must_use]
    pub fn whole_body(&self, statement: Option<&str>) -> Option<SecretString> {
        let body = self.body.as_ref()?.expose("it is what is sent");
        let statement = statement.map(|it| format!("&client_assertion={it}"));
        Some(SecretString::new(format!("{body}{}", statement.unwrap_or_default())))
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} at {}", self.purpose, self.place)
    }
}

/// What a person is asked before a browser goes anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consent {
    /// The authorization server.
    pub issuer: String,
    /// Where the browser would go.
    pub place: Place,
    /// For which server.
    pub resource: String,
    /// What would be asked for.
    pub scopes: Scopes,
    /// As whom.
    pub client_id: String,
    /// Where it would come back to.
    pub redirect: String,
}

/// Where a browser goes now.
#[derive(Clone, PartialEq, Eq)]
pub struct Visit {
    /// The whole address.
    pub url: String,
    /// Until when it may come back, in seconds of Unix time.
    pub until: u64,
}

impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Visit(…, until {})", self.until)
    }
}

/// What a request was answered with, bounded by who made it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: Vec<u8>,
}
