//! An issuer, and what of it has to be asked for: its keys, and what it says of a token.
//!
//! Keys are kept. A key that nobody knows is asked for, but not often, and by one at a time: whoever
//! comes with a key that is known waits for nobody. Keys that cannot be had let nobody in.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use portcullis_wire::{Json, Object};
use tokio::sync::Semaphore;

use super::Wrong;
use super::introspect::{self, Introspection};
use super::jws::{Jws, text};
use super::keys::Keys;
use super::token::{Claims, Trust, Unfit};

/// After this long keys are asked for again.
const FRESH: Duration = Duration::from_mins(10);
/// After this long, they do not count any more.
const STALE: Duration = Duration::from_hours(6);
/// How often an issuer is asked for its keys at most.
const BREATH: Duration = Duration::from_secs(5);
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Tokens that one issuer is asked about at once.
const AT_ONCE: usize = 8;
/// Deepest nesting in a document of its.
const DEEPEST: usize = 16;

/// Something that is asked of an issuer.
#[derive(Clone, Debug)]
pub enum Question {
    /// The document at this address.
    Document(String),
    /// A form, as whoever we are for this issuer.
    Form {
        /// Where to.
        url: String,
        /// What: `name=value&…`.
        body: String,
    },
}

/// An answer on its way.
pub type Asking<'a> = Pin<Box<dyn Future<Output = Result<String, String>> + Send + 'a>>;

/// Asks an issuer something: bounded in bytes, and only where its documents may lead.
pub trait Ask: fmt::Debug + Send + Sync {
    /// The body of an answer that says that all went well, or why there is none.
    fn ask(&self, question: Question) -> Asking<'_>;
}

/// An issuer whose tokens count.
#[derive(Debug)]
pub struct Issuer {
    pub(super) trust: Trust,
    /// Where its keys are, when that need not be found out.
    keys_at: Option<String>,
    pub(super) introspection: Option<Introspection>,
    ask: Box<dyn Ask>,
    kept: Mutex<Kept>,
    turn: tokio::sync::Mutex<()>,
    at_once: Semaphore,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    keys: Option<(Arc<Keys>, Instant)>,
    tried: Option<Instant>,
}

/// Why nothing can be said of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Failed {
    /// It does not count.
    Wrong(Wrong),
    /// Its issuer cannot be asked.
    Unasked,
}

impl From<Wrong> for Failed {
    fn from(wrong: Wrong) -> Self {
        Self::Wrong(wrong)
    }
}

impl Issuer {
    /// One that is asked in this way. Where its keys are is found out when nothing is said of it.
    #[must_use]
    pub fn new(
        trust: Trust,
        keys_at: Option<String>,
        introspection: Option<Introspection>,
        ask: Box<dyn Ask>,
    ) -> Self {
        let (kept, turn) = (Mutex::default(), tokio::sync::Mutex::default());
        let at_once = Semaphore::new(AT_ONCE);
        Self { trust, keys_at, introspection, ask, kept, turn, at_once }
    }

    /// Judges a signed token.
    pub(super) async fn judge(
        &self,
        jws: &Jws<'_>,
        ours: &[String],
        now: u64,
    ) -> Result<Claims, Failed> {
        let keys = self.keys().await.ok_or(Failed::Unasked)?;
        let judged = match self.trust.judge(jws, &keys, ours, now) {
            Err(Unfit::UnknownKey) => match self.newer_than(&keys).await {
                Some(newer) => self.trust.judge(jws, &newer, ours, now),
                None => Err(Unfit::UnknownKey),
            },
            judged => judged,
        };
        judged.map_err(|unfit| match unfit {
            Unfit::UnknownKey => {
                Wrong("the token is signed with a key that its issuer has not").into()
            }
            Unfit::Wrong(wrong) => wrong.into(),
        })
    }

    /// Asks about a token that says nothing to us.
    pub(super) async fn asked_about(
        &self,
        introspection: &Introspection,
        token: &str,
        ours: &[String],
        now: u64,
    ) -> Result<Claims, Failed> {
        if let Some(claims) = introspection.remembered(token, ours, now) {
            return Ok(claims);
        }
        let _turn = self.at_once.acquire().await.map_err(|_| Failed::Unasked)?;
        let (url, body) = (introspection.url.clone(), introspect::form(token));
        let asked = self.ask.ask(Question::Form { url, body });
        let answer = tokio::time::timeout(Introspection::PATIENCE, asked).await;
        let answer = answer.map_err(|_| "it took too long".to_owned()).and_then(|answer| answer);
        let answer = answer.map_err(|why| self.complains("about a token", &why))?;
        let claims = introspect::judge(&answer, &self.trust, ours, now)?;
        introspection.remember(token, ours, &claims, now);
        Ok(claims)
    }

    fn complains(&self, what: &str, why: &str) -> Failed {
        tell!("portcullis: the issuer {} cannot be asked {what}: {why}", self.trust.name);
        Failed::Unasked
    }

    fn kept(&self) -> Kept {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Its keys; those of before while new ones cannot be had, but not for ever.
    async fn keys(&self) -> Option<Arc<Keys>> {
        let aged = |most: Duration| {
            let (keys, since) = self.kept().keys?;
            (since.elapsed() < most).then_some(keys)
        };
        match aged(FRESH) {
            Some(keys) => Some(keys),
            None => {
                self.fetch(None).await;
                aged(STALE)
            }
        }
    }

    /// Other keys than these, if it has some by now.
    async fn newer_than(&self, old: &Arc<Keys>) -> Option<Arc<Keys>> {
        self.fetch(Some(old)).await;
        let (keys, _) = self.kept().keys?;
        (!Arc::ptr_eq(&keys, old)).then_some(keys)
    }

    async fn fetch(&self, old: Option<&Arc<Keys>>) {
        let _turn = self.turn.lock().await;
        let kept = self.kept();
        // Somebody else fetched them while this one waited.
        let is_done = match (&kept.keys, old) {
            (Some((keys, _)), Some(old)) => !Arc::ptr_eq(keys, old),
            (Some((_, since)), None) => since.elapsed() < FRESH,
            (None, _) => false,
        };
        if is_done || kept.tried.is_some_and(|tried| tried.elapsed() < BREATH) {
            return;
        }
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).tried = Some(Instant::now());
        let found = tokio::time::timeout(PATIENCE, self.published()).await;
        match found.unwrap_or_else(|_| Err("it took too long".to_owned())) {
            Ok(keys) => {
                let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.keys = Some((Arc::new(keys), Instant::now()));
            }
            Err(why) => {
                self.complains("for its keys", &why);
            }
        }
    }

    async fn published(&self) -> Result<Keys, String> {
        let url = match &self.keys_at {
            Some(url) => url.clone(),
            None => self.found().await?,
        };
        let document = self.ask.ask(Question::Document(url)).await?;
        Keys::read(&document).map_err(|Wrong(why)| why.to_owned())
    }

    /// Where its metadata says that its keys are (MCP-AUTH-13).
    async fn found(&self) -> Result<String, String> {
        let mut said = "it says nothing of itself".to_owned();
        for url in well_known(&self.trust.issuer) {
            match self.ask.ask(Question::Document(url)).await {
                Ok(document) => return keys_of(&document, &self.trust.issuer),
                Err(why) => said = why,
            }
        }
        Err(said)
    }
}

/// Where an issuer describes itself, in the order in which it is looked for.
fn well_known(issuer: &str) -> Vec<String> {
    let (scheme, rest) = issuer.split_once("://").unwrap_or(("https", issuer));
    let rest = rest.trim_end_matches('/');
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let inserted = |name: &str| format!("{scheme}://{authority}/.well-known/{name}{path}");
    let mut all = vec![inserted("oauth-authorization-server"), inserted("openid-configuration")];
    if !path.is_empty() {
        all.push(format!("{scheme}://{rest}/.well-known/openid-configuration"));
    }
    all
}

fn keys_of(document: &str, issuer: &str) -> Result<String, String> {
    let unread = || "what it says of itself cannot be read".to_owned();
    let document: Object =
        Json::parse(document, DEEPEST).ok().and_then(|it| it.object()).ok_or_else(unread)?;
    let member = |name: &str| text(&document, name).ok().flatten().ok_or_else(unread);
    if member("issuer")? != issuer {
        return Err("there is another issuer".to_owned());
    }
    let keys = member("jwks_uri")?;
    // What is reached in the clear could be anybody's: only an issuer of this machine is.
    if issuer.starts_with("https://") && !keys.starts_with("https://") {
        return Err("its keys are not reached over https".to_owned());
    }
    Ok(keys)
}
