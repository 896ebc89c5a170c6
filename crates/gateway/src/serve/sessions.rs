//! Who has which session: by a secret name until 2025-11-25, by what is declared since 2026-07-28.
//!
//! A session's name is no proof of anything (MCP-SESS-02): it leads to a session only for the
//! principal that began it. Where the protocol knows no sessions, one of ours stands for everything
//! that the same principal sends to the same server declaring the same capabilities, because those
//! are what a conversation is held to.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use portcullis_mediation::Fingerprint;
use portcullis_policy::{Principal, ServerName};
use portcullis_wire::Revision;
use tokio::sync::Semaphore;

use super::posts::{Left, Said, Told};
use super::worker::Voice;

/// What clients may have said to a session, and it has not heard, before they have to wait.
const AHEAD: usize = 64;

/// A conversation that goes on in a thread of its own.
#[derive(Debug)]
pub(super) struct Session {
    /// The server behind it; of an aggregate, all of them.
    pub(super) servers: Vec<ServerName>,
    /// It stands before several servers.
    pub(super) is_aggregate: bool,
    pub(super) principal: Principal,
    /// What was agreed on, in a session that begins with `initialize`.
    pub(super) revision: OnceLock<Revision>,
    /// It is spoken in the transport of 2024-11-05, and in no other.
    pub(super) is_old: bool,
    voice: Voice,
    ahead: Arc<Semaphore>,
    born: Instant,
    used: Mutex<Instant>,
    posts: AtomicU64,
    open: AtomicUsize,
    /// Responses that got all there was for them, and that it was not told of yet.
    done: Mutex<Vec<Left>>,
}

impl Session {
    pub(super) fn new(
        servers: Vec<ServerName>,
        is_aggregate: bool,
        principal: Principal,
        voice: Voice,
        is_old: bool,
    ) -> Self {
        let born = Instant::now();
        Self {
            servers,
            is_aggregate,
            principal,
            revision: OnceLock::new(),
            is_old,
            voice,
            ahead: Arc::new(Semaphore::new(AHEAD)),
            born,
            used: Mutex::new(born),
            posts: AtomicU64::default(),
            open: AtomicUsize::default(),
            done: Mutex::default(),
        }
    }

    /// Tells it something, when there is room for it; false when it is over.
    pub(super) async fn tell(&self, said: Said) -> bool {
        self.touch();
        let Ok(room) = Arc::clone(&self.ahead).acquire_owned().await else { return false };
        let before = self.what_is_done();
        self.voice.say.send(Told { before, said, _room: Some(room) }).is_ok()
    }

    /// Nobody waits for it to hear this, so it is not woken for each: it hears it with the next
    /// message, or when it is looked which sessions idle.
    fn tells_what_is_done(&self) {
        self.what_is_done().into_iter().for_each(|left| self.tells_left(left));
    }

    fn what_is_done(&self) -> Vec<Left> {
        std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn tells_left(&self, left: Left) {
        // One that is over has nobody to tell.
        let _ =
            self.voice.say.send(Told { before: Vec::new(), said: Said::Left(left), _room: None });
    }

    /// Ends it, whatever it is doing; one that is still being started ends when it is.
    fn end(&self) {
        self.voice.ended.send_replace(true);
    }

    /// Its thread is at its end, and its server gone.
    pub(super) fn is_over(&self) -> bool {
        self.voice.say.is_closed()
    }

    /// A response opens; it has a number of its own, and a guard that tells when it closes.
    pub(super) fn opens(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::AcqRel);
        let number = self.posts.fetch_add(1, Ordering::AcqRel);
        Open { session: Arc::clone(self), number, told: false, done: false }
    }

    /// Answers and streams of it that are open.
    pub(super) fn responses(&self) -> u64 {
        u64::try_from(self.open.load(Ordering::Acquire)).unwrap_or(u64::MAX)
    }

    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_stale(&self, limits: &Limits, now: Instant) -> bool {
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let idle = self.open.load(Ordering::Acquire) == 0 && now >= used + limits.idle;
        let ended = *self.voice.ended.borrow() || self.is_over();
        idle || ended || now >= self.born + limits.lifetime
    }
}

/// A response that is open.
#[derive(Debug)]
pub(super) struct Open {
    session: Arc<Session>,
    pub(super) number: u64,
    /// Its client was told the name of an event.
    pub(super) told: bool,
    /// It got all there was for it.
    pub(super) done: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.session.open.fetch_sub(1, Ordering::AcqRel);
        self.session.touch();
        // There the one stream is the conversation.
        if self.session.is_old {
            self.session.end();
        }
        let left = Left { number: self.number, told: self.told };
        match self.done {
            true => self.session.done.lock().unwrap_or_else(PoisonError::into_inner).push(left),
            false => self.session.tells_left(left),
        }
    }
}

/// How long sessions last, and how many there are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) most: usize,
    pub(super) idle: Duration,
    pub(super) lifetime: Duration,
}

/// What a session is found by that nobody named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kinship {
    pub(super) servers: Vec<ServerName>,
    pub(super) is_aggregate: bool,
    pub(super) principal: Principal,
    /// What the client declares.
    pub(super) declared: Fingerprint,
}

/// All sessions.
#[derive(Debug)]
pub(super) struct Sessions {
    limits: Limits,
    named: BTreeMap<Fingerprint, Arc<Session>>,
    shared: BTreeMap<Kinship, Arc<Session>>,
    /// Those that were ended and are not over: their servers still take room.
    ending: Vec<Arc<Session>>,
    /// Which config they go by: one that is read again has the next number.
    pub(super) config: u64,
}

impl Sessions {
    pub(super) fn new(limits: Limits) -> Self {
        let (named, shared, ending) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
        Self { limits, named, shared, ending, config: 0 }
    }

    /// There is room for so many more of this principal's, who never has all of it.
    pub(super) fn has_room(&mut self, principal: &Principal, more: usize) -> bool {
        let most = self.limits.most;
        let share = most - most / 4;
        let is_full = |all: &Self| {
            let counted = |session: &Arc<Session>| session.servers.len();
            let own = all.all().filter(|session| session.principal == *principal);
            let (theirs, every) =
                (own.map(counted).sum::<usize>(), all.all().map(counted).sum::<usize>());
            theirs + more > share || every + more > most
        };
        if is_full(self) {
            self.sweep(Instant::now());
        }
        !is_full(self)
    }

    /// Those that go on, and those that are still ending.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.named.values().chain(self.shared.values()).chain(&self.ending)
    }

    /// A session of this name begins.
    pub(super) fn begin(&mut self, name: &str, session: Arc<Session>) {
        self.named.insert(key(name), session);
    }

    /// The session of this name, whoever asks.
    pub(super) fn find(&self, name: &str) -> Option<Arc<Session>> {
        let now = Instant::now();
        self.named.get(&key(name)).filter(|it| !it.is_stale(&self.limits, now)).cloned()
    }

    /// Ends a session.
    pub(super) fn end(&mut self, name: &str) {
        let session = self.named.remove(&key(name));
        self.ends(session);
    }

    fn ends(&mut self, sessions: impl IntoIterator<Item = Arc<Session>>) {
        for session in sessions {
            session.end();
            self.ending.push(session);
        }
    }

    /// The session that stands for this, if it goes on.
    pub(super) fn kin(&self, kinship: &Kinship) -> Option<Arc<Session>> {
        let now = Instant::now();
        self.shared.get(kinship).filter(|it| !it.is_stale(&self.limits, now)).cloned()
    }

    /// From now on this one stands for it.
    pub(super) fn begin_shared(&mut self, kinship: Kinship, session: Arc<Session>) {
        let old = self.shared.insert(kinship, session);
        self.ends(old);
    }

    /// Ends what nobody has used for long, and what has lasted long enough.
    pub(super) fn sweep(&mut self, now: Instant) {
        let limits = self.limits;
        let is_stale = |session: &Arc<Session>| session.is_stale(&limits, now);
        let named = self.named.extract_if(.., |_, it| is_stale(it)).map(|(_, it)| it);
        let shared = self.shared.extract_if(.., |_, it| is_stale(it)).map(|(_, it)| it);
        let stale: Vec<_> = named.chain(shared).collect();
        self.ends(stale);
        self.ending.retain(|session| !session.is_over());
        self.all().for_each(|session| session.tells_what_is_done());
    }

    /// From now on so many, for so long.
    pub(super) fn change(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Ends those of which this is true, and says how many.
    pub(super) fn end_where(&mut self, is_lost: impl Fn(&Session) -> bool) -> usize {
        let named = self.named.extract_if(.., |_, it| is_lost(it)).map(|(_, it)| it);
        let shared = self.shared.extract_if(.., |_, it| is_lost(it)).map(|(_, it)| it);
        let lost: Vec<_> = named.chain(shared).collect();
        let many = lost.len();
        self.ends(lost);
        many
    }

    /// Ends all of them, and says which.
    pub(super) fn end_all(&mut self) -> Vec<Arc<Session>> {
        let named = std::mem::take(&mut self.named).into_values();
        let all: Vec<_> = named.chain(std::mem::take(&mut self.shared).into_values()).collect();
        self.ends(all);
        std::mem::take(&mut self.ending)
    }
}

/// What a name is found by: comparing digests tells nobody how much of a guess was right.
fn key(name: &str) -> Fingerprint {
    Fingerprint::of(name.as_bytes())
}
