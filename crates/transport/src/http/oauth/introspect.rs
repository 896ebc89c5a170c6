//! Tokens that say nothing to us: their issuer is asked (RFC 7662).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use portcullis_wire::Json;

use super::Wrong;
use super::keys::digest;
use super::token::{Claims, Trust};

/// How long an answer counts before it is asked for again, in seconds: so long may a token be used
/// that was revoked.
const FRESH: u64 = 15;
/// Answers that are kept.
const KEPT: usize = 4096;
/// Deepest nesting in an answer.
const DEEPEST: usize = 8;

/// Where an issuer is asked about its tokens.
#[derive(Debug, Default)]
pub struct Introspection {
    /// The address.
    pub url: String,
    /// What was answered, by the digest of the token and what it was judged for, and until when
    /// that counts.
    kept: Mutex<BTreeMap<String, (u64, Claims)>>,
}

impl Introspection {
    /// At this address.
    #[must_use]
    pub fn new(url: String) -> Self {
        Self { url, kept: Mutex::default() }
    }

    /// How long an answer is waited for.
    pub(super) const PATIENCE: Duration = Duration::from_secs(5);

    pub(super) fn remembered(&self, token: &str, ours: &[String], now: u64) -> Option<Claims> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|_, (until, _)| *until > now);
        kept.get(&key(token, ours)).map(|(_, claims)| claims.clone())
    }

    pub(super) fn remember(&self, token: &str, ours: &[String], claims: &Claims, now: u64) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            let until = claims.until.min(now.saturating_add(FRESH));
            kept.insert(key(token, ours), (until, claims.clone()));
        }
    }
}

/// What is for one of our servers is not for another.
fn key(token: &str, ours: &[String]) -> String {
    digest(format!("{token}\n{}", ours.join("\n")).as_bytes())
}

/// What is sent: the token in a form, and nothing of it in an address.
pub(super) fn form(token: &str) -> String {
    format!("token_type_hint=access_token&token={}", encoded(token))
}

/// A value in a form.
pub(super) fn encoded(value: &str) -> String {
    let mut encoded = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Judges an answer.
pub(super) fn judge(
    answer: &str,
    trust: &Trust,
    ours: &[String],
    now: u64,
) -> Result<Claims, Wrong> {
    let unread = Wrong("what the issuer says of the token cannot be read");
    let claims = Json::parse(answer, DEEPEST).map_err(|_| unread)?.object().ok_or(unread)?;
    if claims.get("active").map(Json::text) != Some("true") {
        return Err(Wrong("the token's issuer does not stand by it"));
    }
    if claims.get("iss").is_some_and(|iss| iss.as_text().as_deref() != Some(&trust.issuer)) {
        return Err(Wrong("the token is of another issuer"));
    }
    trust.judge_claims(&claims, ours, now)
}
