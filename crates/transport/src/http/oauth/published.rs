//! The keys that an issuer publishes: kept, and asked for again.
//!
//! Whoever comes while there are keys that count waits for nobody: older ones are asked for anew
//! beside them. Whoever needs keys that are not there waits, and one of those who wait asks for all.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use portcullis_wire::{Json, Object};
use tokio::task::JoinSet;

use super::Wrong;
use super::issuer::{Ask, Question};
use super::jws::text;
use super::keys::Keys;

/// After this long keys are asked for again.
const FRESH: Duration = Duration::from_mins(10);
/// After this long, they do not count any more.
const STALE: Duration = Duration::from_hours(6);
/// How long an issuer is left alone after it was asked for its keys.
const BREATH: Duration = Duration::from_secs(5);
/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Deepest nesting in a document of its.
const DEEPEST: usize = 16;

/// Says what time it is.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Instant + Send + Sync>);

/// The keys of one issuer.
#[derive(Debug)]
pub(super) struct Published {
    source: Arc<Source>,
    /// Whoever asks for them anew while those that are there still count. It ends with us.
    renewing: Mutex<JoinSet<()>>,
}

/// Where they come from, and those that are kept.
#[derive(Debug)]
struct Source {
    /// What the operator calls the issuer.
    name: String,
    /// What it calls itself.
    issuer: String,
    /// Where they are, when that need not be found out.
    keys_at: Option<String>,
    ask: Arc<dyn Ask>,
    clock: Clock,
    kept: Mutex<Kept>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone, Debug, Default)]
struct Kept {
    keys: Option<(Arc<Keys>, Instant)>,
    tried: Option<Instant>,
}

impl Clock {
    /// One that is read in this way.
    #[must_use]
    pub fn new(now: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    fn now(&self) -> Instant {
        (self.0)()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(Instant::now)
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl Published {
    pub(super) fn by(
        (name, issuer): (String, String),
        keys_at: Option<String>,
        ask: Arc<dyn Ask>,
        clock: Clock,
    ) -> Self {
        let (kept, turn) = (Mutex::default(), tokio::sync::Mutex::default());
        let source = Arc::new(Source { name, issuer, keys_at, ask, clock, kept, turn });
        Self { source, renewing: Mutex::default() }
    }

    /// Those that count: while new ones cannot be had those of before do, but not for ever.
    pub(super) async fn keys(&self) -> Option<Arc<Keys>> {
        match self.source.aged() {
            Some((keys, age)) if age < FRESH => Some(keys),
            Some((keys, age)) if age < STALE => {
                self.renew();
                Some(keys)
            }
            _ => {
                self.source.fetch(None).await;
                self.source.aged().filter(|(_, age)| *age < STALE).map(|(keys, _)| keys)
            }
        }
    }

    /// Other keys than these, if it has some by now.
    pub(super) async fn newer_than(&self, old: &Arc<Keys>) -> Option<Arc<Keys>> {
        self.source.fetch(Some(old)).await;
        let (keys, _) = self.source.kept().keys.clone()?;
        (!Arc::ptr_eq(&keys, old)).then_some(keys)
    }

    /// Tells the operator what this issuer cannot be asked.
    pub(super) fn complains(&self, what: &str, why: &str) {
        self.source.complains(what, why);
    }

    /// Asks for them anew, unless somebody does.
    fn renew(&self) {
        let mut renewing = self.renewing.lock().unwrap_or_else(PoisonError::into_inner);
        while renewing.try_join_next().is_some() {}
        if renewing.is_empty() && self.source.may_ask() {
            let source = Arc::clone(&self.source);
            renewing.spawn(async move {
                // Whoever needs other keys may be asking already, and gets these.
                if let Ok(_turn) = source.turn.try_lock() {
                    source.ask_now().await;
                }
            });
        }
    }
}

impl Source {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are kept, and how old they are.
    fn aged(&self) -> Option<(Arc<Keys>, Duration)> {
        let (keys, since) = self.kept().keys.clone()?;
        Some((keys, self.clock.now().saturating_duration_since(since)))
    }

    /// It was not asked a moment ago.
    fn may_ask(&self) -> bool {
        let now = self.clock.now();
        let tried = self.kept().tried;
        tried.is_none_or(|tried| now.saturating_duration_since(tried) >= BREATH)
    }

    async fn fetch(&self, old: Option<&Arc<Keys>>) {
        let _turn = self.turn.lock().await;
        // Somebody else fetched them while this one waited.
        let is_done = match (self.aged(), old) {
            (Some((keys, _)), Some(old)) => !Arc::ptr_eq(&keys, old),
            (Some((_, age)), None) => age < FRESH,
            (None, _) => false,
        };
        if !is_done && self.may_ask() {
            self.ask_now().await;
        }
    }

    /// Asks; whoever waited for that and has nothing from it does not ask at once again.
    async fn ask_now(&self) {
        self.kept().tried = Some(self.clock.now());
        let found = tokio::time::timeout(PATIENCE, self.published()).await;
        let found = found.unwrap_or_else(|_| Err("it took too long".to_owned()));
        let now = self.clock.now();
        self.kept().tried = Some(now);
        match found {
            Ok(keys) => self.kept().keys = Some((Arc::new(keys), now)),
            Err(why) => self.complains("for its keys", &why),
        }
    }

    fn complains(&self, what: &str, why: &str) {
        tell!("portcullis: the issuer {} cannot be asked {what}: {why}", self.name);
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
        for url in well_known(&self.issuer) {
            match self.ask.ask(Question::Document(url)).await {
                Ok(document) => return keys_of(&document, &self.issuer),
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
