//! What an access token has to be before it counts (RFC 9068, RFC 8725), judged without asking
//! anybody: by whom, for whom, since when, until when, and by whose hand (MCP-AUTH-01, -02, -09).

use std::collections::BTreeSet;

use portcullis_wire::{Json, Object, elements};

use super::Wrong;
use super::jws::{Jws, moment, text};
use super::keys::Keys;
use super::signing::Signing;

/// How far clocks may differ, in seconds.
const SKEW: u64 = 30;
/// Scopes of one token; what is beyond that does not count.
const SCOPES: usize = 256;
/// Longest name of somebody, in bytes.
const SUBJECT: usize = 255;

/// What an issuer is trusted with.
#[derive(Clone, Debug)]
pub struct Trust {
    /// What we call it.
    pub name: String,
    /// What it calls itself, letter by letter.
    pub issuer: String,
    /// The audience that its tokens name, when it is not what we are called.
    pub audience: Option<String>,
    /// What it may sign with.
    pub algorithms: Vec<&'static Signing>,
    /// The longest that a token of its may live, in seconds.
    pub longest: u64,
    /// Scopes that stand for others as well.
    pub hierarchy: Vec<(String, Vec<String>)>,
}

/// What a token that counts says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Claims {
    pub(super) subject: Subject,
    pub(super) scopes: BTreeSet<String>,
    /// When it ends, in seconds since 1970.
    pub(super) until: u64,
    pub(super) bound: Bound,
}

/// Who a token was given to, unique within its issuer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Subject {
    /// Somebody, or something that is named like them.
    Named(String),
    /// A program that acts for itself, and has no other name than that of the client that it is.
    Client(String),
}

/// What whoever brings it has to have beside it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bound {
    /// The thumbprint of a key (RFC 9449).
    pub(super) key: Option<String>,
    /// The digest of a certificate (RFC 8705).
    pub(super) certificate: Option<String>,
}

/// Why a token does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// There is no key of that name: the issuer may have a new one.
    UnknownKey,
    Wrong(Wrong),
}

impl From<Wrong> for Unfit {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

impl Trust {
    /// Judges a token. `ours` is what we are called.
    pub(super) fn judge(
        &self,
        jws: &Jws<'_>,
        keys: &Keys,
        ours: &[String],
        now: u64,
    ) -> Result<Claims, Unfit> {
        let signing = self.judge_header(jws)?;
        let kid = text(&jws.header, "kid")?;
        let chosen = keys.chosen(kid.as_deref(), signing);
        if chosen.is_empty() {
            return Err(Unfit::UnknownKey);
        }
        if !chosen.iter().any(|key| jws.is_signed_by(key, signing)) {
            return Err(Wrong("the token's signature is not its issuer's").into());
        }
        if text(&jws.claims, "iss")?.as_deref() != Some(self.issuer.as_str()) {
            return Err(Wrong("the token is of another issuer").into());
        }
        Ok(self.judge_claims(&jws.claims, ours, now)?)
    }

    fn judge_header(&self, jws: &Jws<'_>) -> Result<&'static Signing, Wrong> {
        jws.brings_none_of(&["jwk", "jku", "x5u", "x5c"])?;
        let signing = jws.signing()?;
        if !self.algorithms.contains(&signing) {
            return Err(Wrong("the token's issuer does not sign that way"));
        }
        match jws.typ()?.as_deref() {
            Some("at+jwt") => Ok(signing),
            // An identity token says who somebody is, to somebody else.
            Some("jwt") => {
                let identity = ["nonce", "at_hash", "c_hash", "s_hash", "events"];
                if identity.iter().any(|claim| jws.claims.get(claim).is_some()) {
                    return Err(Wrong("the token is no access token"));
                }
                Ok(signing)
            }
            _ => Err(Wrong("the token is no access token")),
        }
    }

    /// Judges what is claimed, whoever vouches for it.
    pub(super) fn judge_claims(
        &self,
        claims: &Object,
        ours: &[String],
        now: u64,
    ) -> Result<Claims, Wrong> {
        self.judge_audience(claims, ours)?;
        let until = moment(claims, "exp")?.ok_or(Wrong("the token never expires"))?;
        if until.saturating_add(SKEW) <= now {
            return Err(Wrong("the token has expired"));
        }
        let (begins, issued) = (moment(claims, "nbf")?, moment(claims, "iat")?);
        let soon = now.saturating_add(SKEW);
        if begins.is_some_and(|at| at > soon) || issued.is_some_and(|at| at > soon) {
            return Err(Wrong("the token is not valid yet"));
        }
        if until.saturating_sub(issued.unwrap_or(now)) > self.longest {
            return Err(Wrong("the token lives too long"));
        }
        let scopes = self.scopes(claims)?;
        Ok(Claims { subject: subject(claims)?, scopes, until, bound: bound(claims)? })
    }

    fn judge_audience(&self, claims: &Object, ours: &[String]) -> Result<(), Wrong> {
        let wrong = Wrong("the token is for somebody else");
        let named = claims.get("aud").ok_or(Wrong("the token is for nobody"))?;
        let named = elements(named).unwrap_or_else(|| vec![named.clone()]);
        let ours = match &self.audience {
            Some(audience) => std::slice::from_ref(audience),
            None => ours,
        };
        let mut is_us = false;
        for audience in &named {
            let audience = audience.as_text().ok_or(wrong)?;
            is_us |= ours.contains(&audience);
        }
        if is_us { Ok(()) } else { Err(wrong) }
    }

    /// What it is for, with what that stands for as well (MCP-AUTH-08).
    fn scopes(&self, claims: &Object) -> Result<BTreeSet<String>, Wrong> {
        let mut scopes: BTreeSet<String> = written(claims)?.into_iter().take(SCOPES).collect();
        loop {
            let implied = self.hierarchy.iter().filter(|(scope, _)| scopes.contains(scope));
            let implied: Vec<_> = implied.flat_map(|(_, all)| all.clone()).collect();
            let before = scopes.len();
            scopes.extend(implied);
            if scopes.len() == before {
                return Ok(scopes);
            }
        }
    }
}

/// The scopes as they are written: one text, or a list of them.
fn written(claims: &Object) -> Result<Vec<String>, Wrong> {
    let wrong = Wrong("the token's scopes cannot be read");
    let Some(value) = claims.get("scope").or_else(|| claims.get("scp")) else {
        return Ok(Vec::new());
    };
    let all = match elements(value) {
        Some(all) => all.iter().map(Json::as_text).collect::<Option<Vec<_>>>().ok_or(wrong)?,
        None => value.as_text().ok_or(wrong)?.split(' ').map(str::to_owned).collect(),
    };
    Ok(all.into_iter().filter(|scope| !scope.is_empty()).collect())
}

fn subject(claims: &Object) -> Result<Subject, Wrong> {
    let (subject, client) = (text(claims, "sub")?, text(claims, "client_id")?);
    let subject = subject.map(Subject::Named).or_else(|| client.map(Subject::Client));
    let nobodys = Wrong("the token is nobody's");
    match &subject {
        Some(Subject::Named(name) | Subject::Client(name))
            if (1..=SUBJECT).contains(&name.len()) =>
        {
            subject.ok_or(nobodys)
        }
        _ => Err(nobodys),
    }
}

fn bound(claims: &Object) -> Result<Bound, Wrong> {
    let Some(confirmation) = claims.get("cnf") else { return Ok(Bound::default()) };
    let wrong = Wrong("the token is bound to something that we do not know");
    let confirmation = confirmation.object().ok_or(wrong)?;
    let known = |name: &str| matches!(name, "jkt" | "x5t#S256");
    if confirmation.is_empty() || !confirmation.iter().all(|(name, _)| known(name)) {
        return Err(wrong);
    }
    let (key, certificate) = (text(&confirmation, "jkt")?, text(&confirmation, "x5t#S256")?);
    Ok(Bound { key, certificate })
}
