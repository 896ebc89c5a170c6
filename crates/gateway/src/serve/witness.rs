//! Who was turned away at the door, in the journal: no session ever heard of it.
//!
//! Anybody who reaches the port can cause such records, so there are a few each minute, and of the
//! others their number. Whoever is known has records that strangers cannot use up, and what a
//! control says of one of them no other can: each has as many, and as many for sessions of others.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use portcullis_journal::{Event, Record};
use portcullis_mediation::not_theirs;
use portcullis_policy::{Decision, Principal, ServerName};
use portcullis_store::Journal;
use portcullis_transport::http::Caller;

use crate::driver::wall_clock;
use crate::fault::Fault;
use crate::launch::{Plan, open_journal};

/// Records of one minute: of strangers, and as many of whoever is known.
const MOST: u32 = 30;
/// Who has records of their own at once; all others share.
const OWN: usize = 1024;
const MINUTE: Duration = Duration::from_secs(60);
/// What records of no session carry in its place.
const DOOR: &str = "door";

/// Writes down who was turned away.
#[derive(Debug)]
pub(super) struct Witness(Mutex<Seen>);

#[derive(Debug)]
struct Seen {
    journal: Journal,
    /// Names us, where no server was reached.
    us: ServerName,
    strangers: Budget,
    known: Budget,
    judged: BTreeMap<(Principal, Matter), Budget>,
    /// Of those for whom there is no room there.
    others: Budget,
}

/// What was judged of somebody known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Matter {
    /// They named a session that somebody else began.
    Session,
    Other,
}

/// How much is written in a minute, and how much was not.
#[derive(Debug)]
struct Budget {
    since: Instant,
    written: u32,
    unwritten: u32,
}

impl Budget {
    const fn new(now: Instant) -> Self {
        Self { since: now, written: 0, unwritten: 0 }
    }

    /// One more is written, and so many before it were not; or it is not, and counted.
    fn spend(&mut self, now: Instant) -> Option<u32> {
        if now >= self.since + MINUTE {
            (self.since, self.written) = (now, 0);
        }
        if self.written >= MOST {
            self.unwritten = self.unwritten.saturating_add(1);
            return None;
        }
        self.written += 1;
        Some(std::mem::take(&mut self.unwritten))
    }

    /// It says no more than a new one would.
    fn is_over(&self, now: Instant) -> bool {
        self.unwritten == 0 && now >= self.since + MINUTE
    }

    /// So many were not written in a minute that is over.
    fn left_over(&mut self, now: Instant) -> Option<u32> {
        let over = self.unwritten > 0 && now >= self.since + MINUTE;
        over.then(|| std::mem::take(&mut self.unwritten))
    }
}

impl Seen {
    const fn new(journal: Journal, us: ServerName, now: Instant) -> Self {
        let [strangers, known, others] = [Budget::new(now), Budget::new(now), Budget::new(now)];
        Self { journal, us, strangers, known, judged: BTreeMap::new(), others }
    }

    /// What this is written under.
    fn budget(&mut self, turned: &Turned<'_>, now: Instant) -> &mut Budget {
        let Some(principal) = turned.principal else { return &mut self.strangers };
        let Some(decision) = &turned.decision else { return &mut self.known };
        let matter = if *decision == not_theirs() { Matter::Session } else { Matter::Other };
        let key = (principal.clone(), matter);
        if self.judged.len() >= OWN && !self.judged.contains_key(&key) {
            self.judged.retain(|_, budget| !budget.is_over(now));
        }
        if self.judged.len() >= OWN && !self.judged.contains_key(&key) {
            return &mut self.others;
        }
        self.judged.entry(key).or_insert_with(|| Budget::new(now))
    }

    /// So many were not written, of whom, in minutes that are over.
    fn left_over(&mut self, now: Instant) -> Vec<(String, u32)> {
        let left = |of: &str, budget: &mut Budget| Some((of.to_owned(), budget.left_over(now)?));
        let mut all: Vec<_> = left("strangers", &mut self.strangers).into_iter().collect();
        all.extend(left("whoever is known", &mut self.known));
        all.extend(left("others that are known", &mut self.others));
        for ((principal, _), budget) in &mut self.judged {
            all.extend(left(&principal.to_string(), budget));
        }
        self.judged.retain(|_, budget| !budget.is_over(now));
        all
    }
}

/// Somebody who is turned away.
#[derive(Clone, Debug)]
pub(super) struct Turned<'a> {
    pub(super) caller: &'a Caller,
    pub(super) principal: Option<&'a Principal>,
    pub(super) server: Option<&'a ServerName>,
    /// What they wanted to call.
    pub(super) tool: Option<String>,
    /// What a control of the catalog says of it, where one does.
    pub(super) decision: Option<Decision>,
    pub(super) why: &'a str,
}

impl Witness {
    /// In the journal of this server, which is that of all of them.
    pub(super) fn open(plan: &Plan) -> Result<Self, Fault> {
        let journal = open_journal(plan)?;
        let us = ServerName::new("serve").map_err(|error| Fault::ours("we have no name", error))?;
        Ok(Self(Mutex::new(Seen::new(journal, us, Instant::now()))))
    }

    /// Somebody was turned away, for this reason of ours.
    pub(super) fn turned_away(&self, turned: Turned<'_>) {
        self.records(turned);
    }

    /// Somebody known takes more than their share.
    pub(super) fn told_to_wait(&self, caller: &Caller, who: &Principal, decision: Decision) {
        self.records(Turned {
            caller,
            principal: Some(who),
            server: None,
            tool: None,
            decision: Some(decision),
            why: "told to wait",
        });
    }

    /// Something of the gateway's own happened that an operator should read.
    pub(super) fn notice(&self, what: &str) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let us = crate::whoever_started_us();
        let mut record = Record::new(Event::Notice, DOOR, &seen.us, &us);
        record.note = Some(what.to_owned());
        if let Err(error) = seen.journal.append(&record, wall_clock()) {
            tell!("portcullis: what happened cannot be recorded: {error}");
        }
    }

    /// Says how many were not written down, once the minute of it is over. What begins a new one
    /// says it, too.
    pub(super) fn look(&self, now: Instant) {
        let left = self.0.lock().unwrap_or_else(PoisonError::into_inner).left_over(now);
        for (of, many) in left {
            let what = "were turned away at the door and not written down";
            self.notice(&format!("{many} requests of {of} {what}"));
        }
    }

    /// The same at the end, when there is no other minute.
    pub(super) fn ends(&self) {
        self.look(Instant::now() + MINUTE);
    }

    fn records(&self, turned: Turned<'_>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let Some(before) = seen.budget(&turned, now).spend(now) else { return };
        let Turned { caller, principal, server, tool, decision, why } = turned;
        let known = match (principal, caller.uid) {
            (Some(principal), _) => principal.clone(),
            (None, Some(uid)) => Principal::user(uid),
            (None, None) => Principal::unknown(),
        };
        let server = server.unwrap_or(&seen.us).clone();
        let mut record = Record::new(Event::Denied, DOOR, &server, &known);
        let before = match before {
            0 => String::new(),
            many => format!("; {many} others before were not written down"),
        };
        record.tool = tool;
        record.decision = decision.unwrap_or(record.decision);
        record.note = Some(format!("turned away at the door: {why}{before}"));
        if let Err(error) = seen.journal.append(&record, wall_clock()) {
            tell!("portcullis: who was turned away cannot be recorded: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_is_not_written_in_a_minute_is_counted_and_said_once() {
        let start = Instant::now();
        let mut budget = Budget::new(start);
        for _ in 0..MOST {
            assert_eq!(budget.spend(start), Some(0));
        }
        assert_eq!((budget.spend(start), budget.spend(start)), (None, None));
        assert_eq!(budget.left_over(start), None, "it may be said with the next record");
        let next = start + MINUTE;
        assert_eq!(budget.spend(next), Some(2));
        assert_eq!(budget.left_over(next + MINUTE), None);
        for _ in 0..=MOST {
            budget.spend(next);
        }
        assert_eq!(budget.left_over(next + MINUTE), Some(2));
        assert_eq!(budget.left_over(next + MINUTE), None);
    }

    #[test]
    fn what_is_judged_of_one_is_written_whatever_others_do() {
        let folder = tempfile::tempdir().unwrap();
        let us = ServerName::new("serve").unwrap();
        let start = Instant::now();
        let journal = Journal::open(&folder.path().join("journal")).unwrap();
        let mut seen = Seen::new(journal, us, start);
        let caller = Caller {
            uid: None,
            address: None,
            certificate: None,
            standing: portcullis_transport::http::Standing::default(),
        };
        let mut written = |name: &str, decision: Option<Decision>| {
            let principal = Principal::token(name);
            let turned = Turned {
                caller: &caller,
                principal: Some(&principal),
                server: None,
                tool: None,
                decision,
                why: "",
            };
            seen.budget(&turned, start).spend(start).is_some()
        };
        let theft = || Some(not_theirs());
        let scope = || {
            let needed = BTreeSet::from(["write".to_owned()]);
            Some(portcullis_mediation::judge_scopes(&needed, Some(&BTreeSet::new())))
        };
        // Whatever nobody decided is of all together.
        let plain = (0..40).filter(|_| written("bob", None)).count();
        assert_eq!(plain, 30);
        let scopes = (0..40).filter(|_| written("bob", scope())).count();
        assert_eq!((scopes, written("ada", None)), (30, false));
        assert!(written("bob", theft()), "a theft is not hidden behind anything else");
        assert!(written("ada", scope()) && written("ada", theft()));
        let many = (0..2 * OWN).filter(|at| written(&format!("n{at}"), scope())).count();
        assert!(many < OWN + 30, "the rest is bounded: {many}");
        let left = seen.left_over(start + MINUTE);
        assert!(left.contains(&("token:bob".to_owned(), 10)), "{left:?}");
        assert!(seen.judged.is_empty(), "nobody is remembered for nothing");
    }
}
