//! What is kept of every call: a record before it, a record after it, in the same
//! sealed journal that the gateway writes.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use portcullis_journal::{Event, Outcome, Record, Timestamp};
use portcullis_policy::{Effect, Principal, ServerName};
use portcullis_store::{Journal, StoreError};
use serde_json::Value;

/// Longest note in a record, in characters.
const NOTE: usize = 1000;

/// Where a server's calls are recorded.
#[derive(Debug)]
pub struct Evidence {
    server: ServerName,
    principal: Principal,
    session: String,
    journal: Option<Mutex<Journal>>,
}

/// No journal can be written there.
#[derive(Debug, thiserror::Error)]
pub enum NoEvidence {
    /// The name does not do.
    #[error("`{0}` is no name for a server: letters, digits, `-`, `_` and `.`")]
    Name(String),
    /// The journal cannot be opened or written.
    #[error("the journal cannot be used: {0}")]
    Journal(#[from] StoreError),
    /// No random number could be had.
    #[error("no randomness: {0}")]
    Dice(getrandom::Error),
}

impl Evidence {
    /// Records into `<state>/journal`, under this server's name.
    ///
    /// # Errors
    /// [`NoEvidence`].
    pub fn open(state: &Path, server: &str) -> Result<Self, NoEvidence> {
        let journal = Journal::open(&state.join("journal"))?;
        Ok(Self { journal: Some(Mutex::new(journal)), ..Self::nowhere(server)? })
    }

    /// Records nothing: for tests, and for servers behind a gateway that records.
    ///
    /// # Errors
    /// [`NoEvidence::Name`], [`NoEvidence::Dice`].
    pub fn nowhere(server: &str) -> Result<Self, NoEvidence> {
        let name = ServerName::new(server).map_err(|_| NoEvidence::Name(server.to_owned()))?;
        let uid = portcullis_confine::own::uid();
        let session = session().map_err(NoEvidence::Dice)?;
        Ok(Self { server: name, principal: Principal::user(uid), session, journal: None })
    }

    /// The name of this conversation; with a call's number it names the call.
    #[must_use]
    pub fn session(&self) -> &str {
        &self.session
    }

    /// The server runs, confined as this says.
    ///
    /// # Errors
    /// What could not be recorded must not happen.
    pub fn started(&self, confinement: Value) -> Result<(), StoreError> {
        self.record(Event::Started, |record, _| record.confinement = Some(confinement))
    }

    pub(crate) fn intent(
        &self,
        call: u64,
        tool: &str,
        arguments: &Value,
    ) -> Result<(), StoreError> {
        self.record(Event::Intent, |record, journal| {
            record.arguments = Some(journal.redactor().arguments(arguments));
            of_call(record, call, tool);
        })
    }

    pub(crate) fn outcome(
        &self,
        call: u64,
        tool: &str,
        ended: (Outcome, Duration),
        note: Option<&str>,
    ) -> Result<(), StoreError> {
        self.record(Event::Outcome, |record, journal| {
            of_call(record, call, tool);
            record.outcome = Some(ended.0);
            record.duration_us = u64::try_from(ended.1.as_micros()).ok();
            record.note = note.map(|note| journal.redactor().text(note, NOTE));
        })
    }

    pub(crate) fn denied(&self, call: u64, tool: &str, why: &str) -> Result<(), StoreError> {
        self.record(Event::Denied, |record, journal| {
            of_call(record, call, tool);
            record.decision.effect = Effect::Deny;
            record.note = Some(journal.redactor().text(why, NOTE));
        })
    }

    fn record(
        &self,
        event: Event,
        fill: impl FnOnce(&mut Record, &Journal),
    ) -> Result<(), StoreError> {
        let Some(journal) = &self.journal else { return Ok(()) };
        let mut journal = journal.lock().unwrap_or_else(PoisonError::into_inner);
        let mut record = Record::new(event, &self.session, &self.server, &self.principal);
        fill(&mut record, &journal);
        journal.append(&record, now())?;
        Ok(())
    }
}

fn of_call(record: &mut Record, call: u64, tool: &str) {
    record.method = Some("tools/call".to_owned());
    record.tool = Some(portcullis_guard::bounded(&portcullis_guard::visible(tool), 128));
    record.call = Some(call);
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp::default().after(since)
}

/// A name that nobody guesses and everybody can read out: twelve letters.
fn session() -> Result<String, getrandom::Error> {
    const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut dice = [0_u8; 12];
    getrandom::fill(&mut dice)?;
    Ok(dice.iter().map(|byte| char::from(LETTERS[usize::from(byte % 32)])).collect())
}
