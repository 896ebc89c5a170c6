//! What sessions of one gateway count together: a second session of the same principal with the
//! same server gives it nothing twice (MCP-LIM-01, MCP-LIM-06).
//!
//! [`Counts`] is pure, and told the time; the rest hands it from thread to thread.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use portcullis_mediation::{Quota, Tally};
use portcullis_policy::{Policies, Principal, ServerName};
use portcullis_store::{Database, Journal, Options, StoreError};

use crate::fault::Fault;
use crate::telemetry::Metrics;

/// Quotas that are kept. One that is whole again is forgotten when there is no room for another.
const QUOTAS: usize = 16 << 10;
/// Principals whose policies are kept compiled, for each server.
const COMPILED: usize = 256;
/// How long somebody waits for whom there is no room.
const LATER: Duration = Duration::from_secs(60);

/// What the sessions of one gateway count together; of one that has a single session, nothing.
#[derive(Clone, Debug, Default)]
pub struct Shared(Option<(Arc<Mutex<Counts>>, Metrics)>, Option<Compiled>);

/// The policies of one server, as they were compiled for each principal: the same texts mean the
/// same in their next session, and are not parsed again.
type Compiled = Arc<Mutex<BTreeMap<Principal, (Policies, Option<Policies>)>>>;

/// A journal that sessions share: where it is, and how durable.
type Shelf = BTreeMap<PathBuf, (Options, Journal)>;

/// A principal's sessions with one server.
type Key = (Principal, ServerName, String);

/// What was used, and by whom.
#[derive(Debug, Default)]
struct Counts {
    quotas: BTreeMap<Key, Quota>,
    /// Questions of each that one principal may have waiting.
    questions: usize,
    waiting: BTreeMap<Principal, Vec<Weak<AtomicUsize>>>,
    /// Bytes that are kept for each, should they come back to a stream.
    kept: BTreeMap<Principal, Weak<AtomicUsize>>,
    journals: Arc<Mutex<Shelf>>,
    databases: Arc<Mutex<BTreeMap<PathBuf, Database>>>,
}

/// One session's part in it.
#[derive(Clone, Debug)]
pub(crate) struct Bond {
    counts: Arc<Mutex<Counts>>,
    pub(crate) metrics: Metrics,
    principal: Principal,
    server: ServerName,
    waiting: Arc<AtomicUsize>,
}

impl Shared {
    /// For several sessions; a principal has so many questions waiting at most.
    pub(crate) fn between_sessions(questions: usize) -> Self {
        let counts = Counts { questions, ..Counts::default() };
        Self(Some((Arc::new(Mutex::new(counts)), Metrics::default())), None)
    }

    /// The same for the sessions of one server, under the config that holds now.
    pub(crate) fn of_one_server(&self) -> Self {
        Self(self.0.clone(), Some(Arc::default()))
    }

    /// The policies of this principal, and what of them holds although it is only observed.
    pub(crate) fn policies(
        &self,
        principal: &Principal,
        compile: impl FnOnce() -> Result<(Policies, Option<Policies>), Fault>,
    ) -> Result<(Policies, Option<Policies>), Fault> {
        let Some(compiled) = &self.1 else { return compile() };
        let all = || compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(policies) = all().get(principal) {
            return Ok(policies.clone());
        }
        let policies = compile()?;
        let mut all = all();
        if all.len() >= COMPILED {
            all.clear();
        }
        all.insert(principal.clone(), policies.clone());
        Ok(policies)
    }

    /// What is counted of all of them.
    pub(crate) fn metrics(&self) -> Metrics {
        self.0.as_ref().map(|(_, metrics)| metrics.clone()).unwrap_or_default()
    }

    /// Questions that wait for a person, of all of them.
    pub(crate) fn questions_waiting(&self) -> usize {
        self.0.as_ref().map_or(0, |(counts, _)| lock(counts).all_waiting())
    }

    /// From now on so many questions.
    pub(crate) fn change(&self, questions: usize) {
        if let Some((counts, _)) = &self.0 {
            lock(counts).questions = questions;
        }
    }

    /// A journal, opened once for all sessions: each would else read, and check, what every other
    /// one writes.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn journal(&self, dir: &Path, options: Options) -> Result<Journal, StoreError> {
        let Some((counts, _)) = &self.0 else { return Journal::open_with(dir, options) };
        let shelf = Arc::clone(&lock(counts).journals);
        let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        let there = shelf.get(dir).filter(|(how, _)| *how == options);
        if let Some(journal) = there.and_then(|(_, journal)| journal.another()) {
            return Ok(journal);
        }
        let journal = Journal::open_with(dir, options)?;
        // One that is as it was opened can be shared.
        if let Some(another) = journal.another() {
            shelf.insert(dir.to_owned(), (options, another));
        }
        Ok(journal)
    }

    /// The database of a state directory, opened once for all sessions.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub(crate) fn database(&self, state: &Path) -> Result<Database, StoreError> {
        let Some((counts, _)) = &self.0 else { return Database::open(state) };
        let shelf = Arc::clone(&lock(counts).databases);
        let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(database) = shelf.get(state).filter(|database| database.is_there()) {
            return Ok(database.clone());
        }
        let database = Database::open(state)?;
        shelf.insert(state.to_owned(), database.clone());
        Ok(database)
    }

    /// Bytes that all sessions of a principal keep, counted together while there is one.
    pub(crate) fn kept(&self, principal: &Principal) -> Arc<AtomicUsize> {
        self.0.as_ref().map(|(counts, _)| lock(counts).kept(principal)).unwrap_or_default()
    }

    /// A session's part in it.
    pub(crate) fn bond(&self, principal: &Principal, server: &ServerName) -> Option<Bond> {
        let (counts, metrics) = self.0.clone()?;
        let waiting = Arc::new(AtomicUsize::default());
        lock(&counts).joins(principal, &waiting);
        let (principal, server) = (principal.clone(), server.clone());
        Some(Bond { counts, metrics, principal, server, waiting })
    }
}

impl Bond {
    /// So many questions of this session wait for a person.
    pub(crate) fn waits(&self, questions: usize) {
        self.waiting.store(questions, Ordering::Release);
    }
}

impl Tally for Bond {
    fn spend(
        &self,
        what: &str,
        burst: u32,
        period: Duration,
        now: Instant,
    ) -> Result<(), Duration> {
        let key = (self.principal.clone(), self.server.clone(), what.to_owned());
        lock(&self.counts).spend(key, burst, period, now)
    }

    fn may_ask(&self) -> bool {
        lock(&self.counts).asks(&self.principal, &self.waiting)
    }
}

impl Counts {
    fn spend(
        &mut self,
        key: Key,
        burst: u32,
        period: Duration,
        now: Instant,
    ) -> Result<(), Duration> {
        if self.quotas.len() >= QUOTAS && !self.quotas.contains_key(&key) {
            self.quotas.retain(|_, quota| !quota.is_whole(now));
            if self.quotas.len() >= QUOTAS {
                return Err(LATER);
            }
        }
        let fresh = Quota::new(burst, period);
        let quota = self.quotas.entry(key).or_insert_with(|| fresh.clone());
        // What was configured may have changed; what was used stays used.
        quota.becomes(&fresh);
        quota.spend(now)
    }

    fn joins(&mut self, principal: &Principal, waiting: &Arc<AtomicUsize>) {
        self.waiting.retain(|_, all| {
            all.retain(|one| one.strong_count() > 0);
            !all.is_empty()
        });
        self.waiting.entry(principal.clone()).or_default().push(Arc::downgrade(waiting));
    }

    fn kept(&mut self, principal: &Principal) -> Arc<AtomicUsize> {
        if let Some(kept) = self.kept.get(principal).and_then(Weak::upgrade) {
            return kept;
        }
        self.kept.retain(|_, kept| kept.strong_count() > 0);
        let kept = Arc::default();
        self.kept.insert(principal.clone(), Arc::downgrade(&kept));
        kept
    }

    fn all_waiting(&self) -> usize {
        let all = self.waiting.values().flatten().filter_map(Weak::upgrade);
        all.map(|one| one.load(Ordering::Acquire)).sum()
    }

    /// One more question of this session, where its principal may have one. It counts from here on,
    /// so that of several sessions that ask at once none takes another's place.
    fn asks(&self, principal: &Principal, session: &AtomicUsize) -> bool {
        let all = self.waiting.get(principal).into_iter().flatten().filter_map(Weak::upgrade);
        let waiting: usize = all.map(|one| one.load(Ordering::Acquire)).sum();
        let fits = waiting < self.questions;
        if fits {
            session.fetch_add(1, Ordering::AcqRel);
        }
        fits
    }
}

fn lock(counts: &Mutex<Counts>) -> MutexGuard<'_, Counts> {
    counts.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(name: &str) -> ServerName {
        ServerName::new(name).unwrap()
    }

    #[test]
    fn a_second_session_doubles_nothing_and_others_lose_nothing() {
        let shared = Shared::between_sessions(2);
        let (ada, bob) = (Principal::token("ada"), Principal::token("bob"));
        let bond = |who: &Principal, at: &str| shared.bond(who, &server(at)).unwrap();
        let (one, two) = (bond(&ada, "files"), bond(&ada, "files"));
        let (his, mail) = (bond(&bob, "files"), bond(&ada, "mail"));
        let minute = Duration::from_secs(60);
        let now = Instant::now();
        let spend = |bond: &Bond, what: &str, now| bond.spend(what, 2, minute, now);
        assert!(spend(&one, "calls", now).is_ok());
        assert!(spend(&two, "calls", now).is_ok());
        assert_eq!(spend(&one, "calls", now), Err(Duration::from_secs(30)));
        assert_eq!(spend(&two, "calls", now), Err(Duration::from_secs(30)));
        for (bond, what) in [(&his, "calls"), (&mail, "calls"), (&one, "2 in 60 s")] {
            assert!(spend(bond, what, now).is_ok(), "{what} of {bond:?}");
        }
        // A session that begins anew does not begin with everything.
        drop(one);
        assert!(spend(&bond(&ada, "files"), "calls", now).is_err());
        assert!(spend(&two, "calls", now + Duration::from_secs(30)).is_ok());
    }

    #[test]
    fn questions_of_all_sessions_count_while_they_last() {
        let shared = Shared::between_sessions(3);
        let ada = Principal::token("ada");
        let (one, two) = (shared.bond(&ada, &server("a")), shared.bond(&ada, &server("b")));
        let (one, two) = (one.unwrap(), two.unwrap());
        one.waits(2);
        assert!(two.may_ask());
        two.waits(1);
        assert!(!one.may_ask() && !two.may_ask());
        let bob = shared.bond(&Principal::token("bob"), &server("a")).unwrap();
        assert!(bob.may_ask(), "somebody else's questions are not his");
        drop(one);
        assert!(two.may_ask(), "who is gone asks nothing");
        shared.change(1);
        assert!(!two.may_ask());
    }

    #[test]
    fn of_sessions_that_ask_at_once_none_takes_anothers_place() {
        let shared = Shared::between_sessions(1);
        let ada = Principal::token("ada");
        let (one, two) = (shared.bond(&ada, &server("a")), shared.bond(&ada, &server("b")));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert!(one.may_ask());
        assert!(!two.may_ask(), "nobody said yet how many wait, and one does");
        one.waits(0);
        assert!(two.may_ask());
    }

    #[test]
    fn what_is_kept_is_bounded_and_what_is_whole_makes_room() {
        let mut counts = Counts::default();
        let now = Instant::now();
        let minute = Duration::from_secs(60);
        let key = |n: usize| (Principal::token(&n.to_string()), server("a"), "calls".to_owned());
        for n in 0..QUOTAS {
            assert!(counts.spend(key(n), 1, minute, now).is_ok());
        }
        assert_eq!(counts.spend(key(QUOTAS), 1, minute, now), Err(LATER));
        assert_eq!(counts.quotas.len(), QUOTAS);
        assert!(counts.spend(key(QUOTAS), 1, minute, now + minute).is_ok());
        assert_eq!(counts.quotas.len(), 1);
    }
}
