//! Tokens that say nothing to us: their issuer is asked (RFC 7662).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use portcullis_wire::Json;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::Wrong;
use super::keys::digest;
use super::token::{Claims, Trust};

/// How long a yes counts before it is asked for again, in seconds: so long may a token be used that
/// was revoked.
const FRESH: u64 = 15;
/// How long a no does: an issuer may know a token a moment later than whoever it was given to.
const REFUSED: u64 = 5;
/// Answers that are kept, of each kind.
const KEPT: usize = 4096;
/// Deepest nesting in an answer.
const DEEPEST: usize = 8;
/// Tokens that one issuer is asked about at once: those that it stood by before, and others, of
/// which anybody can make up as many as they like.
const AT_ONCE: usize = 8;
/// Those that wait for that at most; one more is refused at once.
const WAITING: usize = 64;
/// And for how long.
const TURN: Duration = Duration::from_secs(5);

/// Where an issuer is asked about its tokens.
#[derive(Debug)]
pub struct Introspection {
    /// The address.
    pub url: String,
    kept: Mutex<Kept>,
    known: Places,
    strangers: Places,
}

/// What was answered, by the digest of the token and what it was judged for, and until when that
/// counts.
#[derive(Debug, Default)]
struct Kept {
    yes: BTreeMap<String, (u64, Claims)>,
    no: BTreeMap<String, (u64, Wrong)>,
    /// Tokens that there was a yes for, until they end.
    known: BTreeMap<String, u64>,
}

/// Places for whoever asks, and for whoever waits to.
#[derive(Debug)]
struct Places {
    asking: Semaphore,
    waiting: Semaphore,
}

impl Places {
    const fn new() -> Self {
        Self {
            asking: Semaphore::const_new(AT_ONCE),
            waiting: Semaphore::const_new(AT_ONCE + WAITING),
        }
    }

    /// A place, unless too many wait for one, or it takes too long. It is left when both are
    /// dropped.
    async fn take(&self) -> Option<(SemaphorePermit<'_>, SemaphorePermit<'_>)> {
        let waits = self.waiting.try_acquire().ok()?;
        let asks = timeout(TURN, self.asking.acquire()).await.ok()?.ok()?;
        Some((asks, waits))
    }
}

impl Introspection {
    /// At this address.
    #[must_use]
    pub fn new(url: String) -> Self {
        Self { url, kept: Mutex::default(), known: Places::new(), strangers: Places::new() }
    }

    /// How long an answer is waited for.
    pub(super) const PATIENCE: Duration = Duration::from_secs(5);

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was said of this token a moment ago.
    pub(super) fn remembered(
        &self,
        token: &str,
        ours: &[String],
        now: u64,
    ) -> Option<Result<Claims, Wrong>> {
        let key = key(token, ours);
        let mut kept = self.kept();
        kept.yes.retain(|_, (until, _)| *until > now);
        kept.no.retain(|_, (until, _)| *until > now);
        kept.known.retain(|_, until| *until > now);
        let yes = kept.yes.get(&key).map(|(_, claims)| Ok(claims.clone()));
        yes.or_else(|| kept.no.get(&key).map(|(_, wrong)| Err(*wrong)))
    }

    pub(super) fn remember(
        &self,
        token: &str,
        ours: &[String],
        judged: &Result<Claims, Wrong>,
        now: u64,
    ) {
        let key = key(token, ours);
        let mut kept = self.kept();
        match judged {
            Ok(claims) => {
                if kept.yes.len() < KEPT {
                    let until = claims.until.min(now.saturating_add(FRESH));
                    kept.yes.insert(key.clone(), (until, claims.clone()));
                }
                if kept.known.len() < KEPT {
                    kept.known.insert(key, claims.until);
                }
            }
            Err(wrong) => {
                kept.known.remove(&key);
                if kept.no.len() < KEPT {
                    kept.no.insert(key, (now.saturating_add(REFUSED), *wrong));
                }
            }
        }
    }

    /// A turn at asking about this token, if there is one soon enough.
    pub(super) async fn turn(
        &self,
        token: &str,
        ours: &[String],
    ) -> Option<(SemaphorePermit<'_>, SemaphorePermit<'_>)> {
        let is_known = self.kept().known.contains_key(&key(token, ours));
        if is_known { self.known.take().await } else { self.strangers.take().await }
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
