//! An issuer, and what of it has to be asked for: its keys, and what it says of a token.
//!
//! Keys that cannot be had let nobody in. Whoever brings a token that says nothing makes us ask its
//! issuer, so there is an end to how many do at once, and to how long they wait for their turn.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use super::Wrong;
use super::introspect::{self, Introspection};
use super::jws::Jws;
use super::published::{Clock, Published};
use super::token::{Claims, Trust, Unfit};

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
    pub(super) introspection: Option<Introspection>,
    ask: Arc<dyn Ask>,
    keys: Published,
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
        ask: Arc<dyn Ask>,
    ) -> Self {
        Self::told_the_time(trust, keys_at, introspection, ask, Clock::default())
    }

    /// The same with a clock of its own, by which its keys age.
    #[must_use]
    pub fn told_the_time(
        trust: Trust,
        keys_at: Option<String>,
        introspection: Option<Introspection>,
        ask: Arc<dyn Ask>,
        clock: Clock,
    ) -> Self {
        let names = (trust.name.clone(), trust.issuer.clone());
        let keys = Published::by(names, keys_at, Arc::clone(&ask), clock);
        Self { trust, introspection, ask, keys }
    }

    /// Judges a signed token.
    pub(super) async fn judge(
        &self,
        jws: &Jws<'_>,
        ours: &[String],
        now: u64,
    ) -> Result<Claims, Failed> {
        let keys = self.keys.keys().await.ok_or(Failed::Unasked)?;
        let judged = match self.trust.judge(jws, &keys, ours, now) {
            Err(Unfit::UnknownKey) => match self.keys.newer_than(&keys).await {
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
        if let Some(remembered) = introspection.remembered(token, ours, now) {
            return Ok(remembered?);
        }
        let _turn = introspection.turn(token, ours).await.ok_or(Failed::Unasked)?;
        // Somebody else may have asked meanwhile.
        if let Some(remembered) = introspection.remembered(token, ours, now) {
            return Ok(remembered?);
        }
        let (url, body) = (introspection.url.clone(), introspect::form(token));
        let asked = self.ask.ask(Question::Form { url, body });
        let answer = tokio::time::timeout(Introspection::PATIENCE, asked).await;
        let answer = answer.map_err(|_| "it took too long".to_owned()).and_then(|answer| answer);
        let answer = answer.map_err(|why| self.complains(&why))?;
        let judged = introspect::judge(&answer, &self.trust, ours, now);
        introspection.remember(token, ours, &judged, now);
        Ok(judged?)
    }

    fn complains(&self, why: &str) -> Failed {
        self.keys.complains("about a token", why);
        Failed::Unasked
    }
}
