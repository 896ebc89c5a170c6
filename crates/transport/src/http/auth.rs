//! Who makes a request: whoever bears a secret that they were given, or a token that an issuer gave
//! them; whoever has a certificate; or a process of our own account. Every request says it anew
//! (MCP-AUTH-04, MCP-AUTH-05).

use std::collections::BTreeSet;
use std::time::Instant;

use hyper::StatusCode;
use hyper::header::AUTHORIZATION;
use hyper::http::request::Parts;
use portcullis_policy::{Principal, ServerName};
use rustix::process::geteuid;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use super::caller::Caller;
use super::oauth::{LONGEST, Tokens};
use super::reply::{Refusal, Reply};

/// Somebody who may come in.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// What we call them.
    pub name: String,
    /// SHA-256 of their secret.
    pub sha256: [u8; 32],
    /// The servers that they may reach; all when nothing is said.
    pub servers: Option<Vec<ServerName>>,
    /// What they may do where that takes a scope.
    pub scopes: BTreeSet<String>,
}

/// Somebody who came in, with one request.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Who it is.
    pub principal: Principal,
    pub(super) servers: Option<Vec<ServerName>>,
    /// What they may do; everything, for whoever is not held to scopes.
    pub(super) scopes: Option<BTreeSet<String>>,
    /// When that is over, for whoever is told things for as long.
    pub until: Option<Instant>,
}

impl Guest {
    /// Whether they may reach this server.
    #[must_use]
    pub fn may_reach(&self, server: &ServerName) -> bool {
        self.servers.as_ref().is_none_or(|servers| servers.contains(server))
    }

    /// What they may do where that takes a scope; nothing for whoever is not held to any.
    #[must_use]
    pub const fn scopes(&self) -> Option<&BTreeSet<String>> {
        self.scopes.as_ref()
    }
}

/// Knows who may come in.
#[derive(Debug, Default)]
pub struct Gatekeeper {
    bearers: Vec<Bearer>,
    tokens: Option<Tokens>,
    /// Who has a certificate that was looked at when they connected is known by it.
    certificates: bool,
}

/// What a request says of who makes it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credentials<'a> {
    pub(super) scheme: Scheme,
    pub(super) token: &'a str,
}

/// How a token is brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scheme {
    /// By itself (RFC 6750).
    Bearer,
    /// With a proof beside it (RFC 9449).
    Dpop,
}

const STRANGER: Refusal =
    Refusal::new(StatusCode::FORBIDDEN, "only processes of the account that serves are served");
const NOBODYS: &str = "this token is nobody's";
const WHO: &str = "who are you? a bearer token is wanted";

impl Gatekeeper {
    /// Lets these in; without any, processes of our own account on this machine.
    #[must_use]
    pub fn new(bearers: Vec<Bearer>) -> Self {
        Self { bearers, ..Self::default() }
    }

    /// And whoever has a token that counts here.
    #[must_use]
    pub fn and_tokens(self, tokens: Tokens) -> Self {
        Self { tokens: Some(tokens), ..self }
    }

    /// And whoever has a certificate, where connections are looked at for one.
    #[must_use]
    pub fn and_certificates(self) -> Self {
        Self { certificates: true, ..self }
    }

    /// Who makes this request.
    ///
    /// # Errors
    /// 401 without a token that we know, 403 for a process that is not ours, 503 when its issuer
    /// cannot be asked.
    pub async fn admits(&self, parts: &Parts, caller: &Caller) -> Result<Guest, Refusal> {
        let guest = self.knows(parts, caller).await?;
        caller.standing.prove();
        Ok(guest)
    }

    async fn knows(&self, parts: &Parts, caller: &Caller) -> Result<Guest, Refusal> {
        if parts.uri.query().is_some_and(carries_token) {
            return Err(self.unknown(parts, "a token has no place in an address", true));
        }
        let says = parts.headers.contains_key(AUTHORIZATION);
        if !says
            && self.certificates
            && let Some(certificate) = &caller.certificate
        {
            let principal = Principal::certificate(&certificate.name);
            let scopes = Some(BTreeSet::new());
            return Ok(Guest { principal, servers: None, scopes, until: None });
        }
        if self.bearers.is_empty() && self.tokens.is_none() && !self.certificates {
            let ours = geteuid().as_raw();
            let principal = Principal::user(ours);
            let guest = Guest { principal, servers: None, scopes: None, until: None };
            return if caller.uid == Some(ours) { Ok(guest) } else { Err(STRANGER) };
        }
        let credentials = credentials(parts).ok_or_else(|| self.unknown(parts, WHO, says))?;
        if let Some(guest) = self.given(&credentials) {
            return Ok(guest);
        }
        match &self.tokens {
            Some(tokens) => tokens.admits(parts, &credentials, caller).await,
            None => Err(self.unknown(parts, NOBODYS, true)),
        }
    }

    /// Whoever was given this secret.
    fn given(&self, credentials: &Credentials<'_>) -> Option<Guest> {
        let digest: [u8; 32] = Sha256::digest(credentials.token.as_bytes()).into();
        // All are looked at, so that how long it takes does not depend on whose it is.
        let mut found = None;
        for bearer in &self.bearers {
            if bool::from(bearer.sha256.ct_eq(&digest)) {
                found = Some(bearer);
            }
        }
        let bearer = found.filter(|_| credentials.scheme == Scheme::Bearer)?;
        Some(Guest {
            principal: Principal::token(&bearer.name),
            servers: bearer.servers.clone(),
            scopes: Some(bearer.scopes.clone()),
            until: None,
        })
    }

    /// What we say of ourselves to everybody, where this asks for it.
    #[must_use]
    pub fn describes(&self, parts: &Parts) -> Option<Reply> {
        self.tokens.as_ref()?.document(parts.uri.path())
    }

    /// What this takes is more than somebody known may do.
    #[must_use]
    pub fn lacks(&self, parts: &Parts, needed: &BTreeSet<String>) -> Refusal {
        match &self.tokens {
            Some(tokens) => tokens.lacks(parts.uri.path(), needed),
            None => Refusal::new(StatusCode::FORBIDDEN, "this takes a scope that was not given"),
        }
    }

    fn unknown(&self, parts: &Parts, why: &'static str, wrong: bool) -> Refusal {
        let bearer = Some("Bearer".to_owned());
        match &self.tokens {
            Some(tokens) => tokens.stranger(parts.uri.path(), why, wrong),
            None => Refusal { challenge: bearer, ..Refusal::new(StatusCode::UNAUTHORIZED, why) },
        }
    }
}

/// The one token in the one header for it (RFC 6750, section 2.1).
fn credentials(parts: &Parts) -> Option<Credentials<'_>> {
    let mut all = parts.headers.get_all(AUTHORIZATION).iter();
    let value = all.next().filter(|_| all.next().is_none())?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim_start_matches(' ');
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
    let fits = (1..=LONGEST).contains(&token.len()) && token.bytes().all(letter);
    let scheme = match scheme {
        _ if scheme.eq_ignore_ascii_case("bearer") => Scheme::Bearer,
        _ if scheme.eq_ignore_ascii_case("dpop") => Scheme::Dpop,
        _ => return None,
    };
    fits.then_some(Credentials { scheme, token })
}

/// A query that carries a token (RFC 6750, section 2.3). A name that has to be decoded before it can
/// be read may be one.
fn carries_token(query: &str) -> bool {
    let name = |pair: &str| pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
    let is_it =
        |name: &str| matches!(name, "access_token" | "token" | "bearer") || name.contains('%');
    query.split(['&', ';']).any(|pair| is_it(&name(pair)))
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;
    use crate::http::caller::Standing;

    fn head(uri: &str, values: &[&str]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for value in values {
            request = request.header(AUTHORIZATION, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn bearer(name: &str, secret: &str, servers: Option<&[&str]>) -> Bearer {
        let name_of = |name: &&str| ServerName::new(name).unwrap();
        let servers = servers.map(|all| all.iter().map(name_of).collect());
        Bearer {
            name: name.to_owned(),
            sha256: Sha256::digest(secret).into(),
            servers,
            scopes: BTreeSet::new(),
        }
    }

    fn of(uid: Option<u32>) -> Caller {
        Caller { uid, address: None, certificate: None, standing: Standing::default() }
    }

    #[tokio::test]
    async fn without_tokens_our_own_account_is_known_and_nobody_else() {
        let gate = Gatekeeper::new(Vec::new());
        let ours = geteuid().as_raw();
        let as_uid = async |uid| gate.admits(&head("/", &[]), &of(uid)).await;
        let us = as_uid(Some(ours)).await.unwrap();
        assert_eq!(us.principal, Principal::user(ours));
        for other in [None, Some(ours + 1)] {
            assert_eq!(as_uid(other).await.unwrap_err().status, 403, "{other:?}");
        }
        assert!(us.may_reach(&ServerName::new("any").unwrap()));
        for (uid, known) in [(Some(ours), true), (Some(ours + 1), false)] {
            let caller = of(uid);
            assert_eq!(gate.admits(&head("/", &[]), &caller).await.is_ok(), known);
            assert_eq!(caller.standing.is_proven(), known);
        }
    }

    #[tokio::test]
    async fn with_tokens_a_token_is_what_counts_and_it_stands_in_one_place() {
        let gate = Gatekeeper::new(vec![
            bearer("ada", "s3cret-ada", None),
            bearer("bob", "s3cret-bob", Some(&["files"])),
        ]);
        let ours = of(Some(geteuid().as_raw()));
        let says = async |values: &[&str]| gate.admits(&head("/", values), &ours).await;
        let ada = says(&["Bearer s3cret-ada"]).await.unwrap();
        let bob = says(&["bearer  s3cret-bob"]).await.unwrap();
        assert_eq!(ada.principal, Principal::token("ada"));
        assert_eq!(bob.principal, Principal::token("bob"));
        for wrong in [
            &[][..],
            &["Bearer s3cret-ada", "Bearer s3cret-ada"],
            &["Basic s3cret-ada"],
            &["s3cret-ada"],
            &["Bearer"],
            &["Bearer "],
            &["Bearer s3cret-ad"],
            &["Bearer s3cret-ada x"],
            &["Bearer s3cret-ada,s3cret-bob"],
            &["Bearer S3CRET-ADA"],
            &["DPoP s3cret-ada"],
        ] {
            let refused = says(wrong).await.unwrap_err();
            assert_eq!((refused.status.as_u16(), refused.challenge), (401, Some("Bearer".into())));
        }
        for uri in [
            "/?access_token=s3cret-ada",
            "/?x=1&Access_Token=s3cret-ada",
            "/?x=1;token=s3cret-ada",
            "/?access%5Ftoken=s3cret-ada",
        ] {
            let asked = head(uri, &["Bearer s3cret-ada"]);
            let refused = gate.admits(&asked, &of(None)).await.unwrap_err();
            assert_eq!(refused.status, 401, "{uri}");
        }
        let server = |name: &str| ServerName::new(name).unwrap();
        assert!(ada.may_reach(&server("mail")));
        assert!(bob.may_reach(&server("files")));
        assert!(!bob.may_reach(&server("mail")));
    }
}
