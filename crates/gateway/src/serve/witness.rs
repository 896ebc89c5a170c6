//! Who was turned away at the door, in the journal: no session ever heard of it.
//!
//! Anybody who reaches the port can cause such records, so there are a few each minute, and of the
//! others their number.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use portcullis_journal::{Event, Record};
use portcullis_policy::{Decision, Principal, ServerName};
use portcullis_store::Journal;
use portcullis_transport::http::Caller;

use crate::driver::wall_clock;
use crate::fault::Fault;
use crate::launch::{Plan, open_journal};

/// Records of one minute.
const MOST: u32 = 30;
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
    since: Instant,
    written: u32,
    unwritten: u32,
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
        let seen = Seen { journal, us, since: Instant::now(), written: 0, unwritten: 0 };
        Ok(Self(Mutex::new(seen)))
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

    fn records(&self, turned: Turned<'_>) {
        let Turned { caller, principal, server, tool, decision, why } = turned;
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if now >= seen.since + MINUTE {
            (seen.since, seen.written) = (now, 0);
        }
        if seen.written >= MOST {
            seen.unwritten = seen.unwritten.saturating_add(1);
            return;
        }
        seen.written += 1;
        let known = match (principal, caller.uid) {
            (Some(principal), _) => principal.clone(),
            (None, Some(uid)) => Principal::user(uid),
            (None, None) => Principal::unknown(),
        };
        let server = server.unwrap_or(&seen.us).clone();
        let mut record = Record::new(Event::Denied, DOOR, &server, &known);
        let before = match std::mem::take(&mut seen.unwritten) {
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
