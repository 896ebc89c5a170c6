//! Whose token a request bears, and whether it counts here: each request by itself.

use std::collections::BTreeSet;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use hyper::StatusCode;
use hyper::http::request::Parts;
use portcullis_policy::{Principal, ServerName};

use super::super::auth::{Credentials, Guest, Scheme};
use super::super::caller::Caller;
use super::super::reply::{Refusal, Reply};
use super::Wrong;
use super::challenge::{Shown, Sign};
use super::dpop::{self, Asked, Proof, Proofs};
use super::issuer::{Failed, Issuer};
use super::jws::{self, Jws, text};
use super::resource::Resource;
use super::token::{Claims, Subject};

/// An issuer, and where its people may go.
#[derive(Debug)]
pub struct Trusted {
    /// The issuer.
    pub issuer: Issuer,
    /// The servers that they may reach; all when nothing is said.
    pub servers: Option<Vec<ServerName>>,
}

/// Knows the tokens of others.
#[derive(Debug)]
pub struct Tokens {
    sign: Sign,
    issuers: Vec<Trusted>,
    proofs: Proofs,
}

impl Tokens {
    /// Those of these issuers, for what we are called; everybody has to have these scopes.
    #[must_use]
    pub fn new(resource: Resource, issuers: Vec<Trusted>, scopes: BTreeSet<String>) -> Self {
        let named = issuers.iter().map(|it| it.issuer.trust.issuer.clone()).collect();
        let sign = Sign { resource, issuers: named, scopes };
        Self { sign, issuers, proofs: Proofs::default() }
    }

    /// The same, and proofs that were used before are used.
    #[must_use]
    pub fn remembering(self, proofs: Proofs) -> Self {
        Self { proofs, ..self }
    }

    pub(in crate::http) fn document(&self, path: &str) -> Option<Reply> {
        self.sign.document(path)
    }

    pub(in crate::http) fn stranger(&self, path: &str, why: &'static str, wrong: bool) -> Refusal {
        self.sign.refuses(path, why, if wrong { Shown::Token } else { Shown::Nothing })
    }

    pub(in crate::http) fn lacks(&self, path: &str, needed: &BTreeSet<String>) -> Refusal {
        self.sign.lacks(path, needed)
    }

    /// Who bears this.
    pub(in crate::http) async fn admits(
        &self,
        parts: &Parts,
        credentials: &Credentials<'_>,
        caller: &Caller,
    ) -> Result<Guest, Refusal> {
        let path = parts.uri.path();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (trusted, claims) =
            self.judge(path, credentials, now).await.map_err(|failed| match failed {
                Failed::Wrong(Wrong(why)) => self.sign.refuses(path, why, Shown::Token),
                Failed::Unasked => UNASKED,
            })?;
        let issuer = &trusted.issuer.trust.name;
        let principal = match &claims.subject {
            Subject::Named(name) => Principal::subject(issuer, name),
            Subject::Client(name) => Principal::client(issuer, name),
        };
        let refuses = |(Wrong(why), shown)| self.sign.refuses(path, why, shown);
        if let Some(proof) =
            self.possesses(parts, credentials, caller, &claims, now).map_err(refuses)?
        {
            let first = self.proofs.first_time(&proof, &principal, now);
            first.map_err(|wrong| refuses((wrong, Shown::Proof)))?;
        }
        let left = Duration::from_secs(claims.until.saturating_sub(now));
        Ok(Guest {
            principal,
            servers: trusted.servers.clone(),
            scopes: Some(claims.scopes),
            until: Instant::now().checked_add(left),
        })
    }

    async fn judge(
        &self,
        path: &str,
        credentials: &Credentials<'_>,
        now: u64,
    ) -> Result<(&Trusted, Claims), Failed> {
        let (token, ours) = (credentials.token, self.sign.resource.audiences(path));
        if !jws::looks_like(token) {
            let asked = self.issuers.iter().find_map(|trusted| {
                trusted.issuer.introspection.as_ref().map(|how| (trusted, how))
            });
            let (trusted, how) = asked.ok_or(Wrong("this token is nobody's"))?;
            let claims = trusted.issuer.asked_about(how, token, &ours, now).await?;
            return Ok((trusted, claims));
        }
        let jws = Jws::read(token)?;
        // What it says of its issuer says only whose keys it is held against.
        let named = text(&jws.claims, "iss")?;
        let is_its = |trusted: &&Trusted| Some(&trusted.issuer.trust.issuer) == named.as_ref();
        let trusted = self.issuers.iter().find(is_its);
        let trusted = trusted.ok_or(Wrong("the token is of another issuer"))?;
        let claims = trusted.issuer.judge(&jws, &ours, now).await?;
        Ok((trusted, claims))
    }

    /// Whoever brings a token that was given to a key, or to a certificate, has it. Where that took
    /// a proof, it is this one, unless it was seen before.
    fn possesses(
        &self,
        parts: &Parts,
        credentials: &Credentials<'_>,
        caller: &Caller,
        claims: &Claims,
        now: u64,
    ) -> Result<Option<Proof>, (Wrong, Shown)> {
        let shown = caller.certificate.as_ref().map(|it| it.digest.as_str());
        if claims.bound.certificate.as_deref().is_some_and(|bound| Some(bound) != shown) {
            return Err((Wrong("the token is bound to another certificate"), Shown::Token));
        }
        let bound = match (&claims.bound.key, credentials.scheme) {
            (None, Scheme::Bearer) => return Ok(None),
            (None, Scheme::Dpop) => {
                return Err((Wrong("the token is bound to no key"), Shown::Token));
            }
            (Some(_), Scheme::Bearer) => {
                return Err((
                    Wrong("the token is bound to a key, and comes without proof"),
                    Shown::Token,
                ));
            }
            (Some(bound), Scheme::Dpop) => bound,
        };
        let of_proof = |wrong| (wrong, Shown::Proof);
        let mut proofs = parts.headers.get_all("dpop").iter();
        let proof = proofs.next().filter(|_| proofs.next().is_none());
        let proof = proof.and_then(|proof| proof.to_str().ok());
        let proof = proof.ok_or_else(|| of_proof(Wrong("there is not one proof")))?;
        let uri = self.sign.resource.at(parts.uri.path());
        let asked = Asked { method: parts.method.as_str(), uri: &uri, token: credentials.token };
        let proof = dpop::judge(proof, asked, now).map_err(of_proof)?;
        if proof.thumbprint != *bound {
            return Err(of_proof(Wrong("the proof is made with another key")));
        }
        Ok(Some(proof))
    }
}

const UNASKED: Refusal =
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the token's issuer cannot be asked");
