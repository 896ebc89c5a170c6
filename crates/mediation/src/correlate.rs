//! Who waits for which answer: ids and progress tokens are re-minted, so a peer
//! can answer only what was asked of it, once (MCP-LIM-03, MCP-LIM-04).

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use portcullis_wire::Id;

use crate::carries::Carries;
use crate::control::policy_obeyed::Owed;
use crate::settings::Limits;

/// Why a request is in flight, which decides what its answer meets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Purpose {
    /// The legacy handshake.
    Initialize,
    /// The modern capability question of the client.
    Discover,
    /// A listing of tools, whose definitions we learn and rewrite.
    ToolsList,
    /// A tool call.
    ToolCall,
    /// The server wants the host's roots.
    RootsList,
    /// The server wants the host's model.
    Sampling,
    /// The server wants the person.
    Elicitation,
    /// A stream of notifications that lives as long as the request.
    Listen,
    /// Nothing special.
    Plain,
    /// Our own question: which capabilities does the server have?
    OurDiscover,
    /// Our own question: which tools does the server have?
    OurToolsList,
    /// Our own question to the host: which roots does it offer now?
    OurRootsList,
    /// The greeting of a process that takes another's place.
    OurInitialize,
    /// Something the host once asked for, said again to such a process.
    OurReplay,
}

impl Purpose {
    /// Nobody outside waits for the answer.
    pub(crate) fn is_ours(&self) -> bool {
        matches!(
            self,
            Self::OurDiscover
                | Self::OurToolsList
                | Self::OurRootsList
                | Self::OurInitialize
                | Self::OurReplay
        )
    }
}

/// A request that was forwarded and not yet answered.
#[derive(Clone, Debug)]
pub(crate) struct InFlight {
    /// The asker's own id.
    pub(crate) id: Id,
    pub(crate) purpose: Purpose,
    pub(crate) method: String,
    /// The tool, prompt or resource, for records.
    pub(crate) subject: Option<String>,
    /// Pairs the outcome's record with the intent's.
    pub(crate) call: u64,
    /// The asker's own progress token.
    pub(crate) token: Option<Id>,
    pub(crate) progress: Option<f64>,
    /// The request asked for log messages (2026-07-28).
    pub(crate) wants_logs: bool,
    pub(crate) sent: Instant,
    pub(crate) deadline: Instant,
    pub(crate) ceiling: Instant,
    /// What its answer is judged with.
    pub(crate) carries: Carries,
    /// What policies want in return.
    pub(crate) owed: Owed,
}

impl InFlight {
    /// Progress buys time, never beyond the ceiling.
    pub(crate) fn extend(&mut self, now: Instant, limits: &Limits) {
        self.deadline = (now + self.owed.patience(limits.call_timeout)).min(self.ceiling);
    }
}

/// One direction's requests in flight, by the id that we minted.
#[derive(Debug, Default)]
pub(crate) struct Table {
    rows: BTreeMap<i64, InFlight>,
    next: i64,
}

impl Table {
    /// The id that the next request will carry. Never reused in a session.
    pub(crate) fn mint(&mut self) -> i64 {
        self.next += 1;
        self.next
    }

    pub(crate) fn insert(&mut self, minted: i64, row: InFlight) {
        self.rows.insert(minted, row);
    }

    /// Ends a request: whoever answers second finds nothing.
    pub(crate) fn take(&mut self, minted: &Id) -> Option<InFlight> {
        let Id::Number(number) = minted else { return None };
        self.rows.remove(number)
    }

    pub(crate) fn rows_mut(&mut self) -> impl Iterator<Item = &mut InFlight> {
        self.rows.values_mut()
    }

    /// The live request behind a minted id or token.
    pub(crate) fn get_mut(&mut self, minted: i64) -> Option<&mut InFlight> {
        self.rows.get_mut(&minted)
    }

    /// The minted id of the asker's own.
    pub(crate) fn minted(&self, id: &Id) -> Option<i64> {
        self.rows
            .iter()
            .find(|(_, row)| !row.purpose.is_ours() && row.id == *id)
            .map(|(key, _)| *key)
    }

    pub(crate) fn any(&self, test: impl Fn(&InFlight) -> bool) -> bool {
        self.rows.values().any(test)
    }

    pub(crate) fn count(&self, test: impl Fn(&InFlight) -> bool) -> usize {
        self.rows.values().filter(|row| test(row)).count()
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Ends every request whose deadline passed.
    pub(crate) fn late(&mut self, now: Instant) -> Vec<(i64, InFlight)> {
        let late: Vec<i64> =
            self.rows.iter().filter(|(_, row)| row.deadline <= now).map(|(key, _)| *key).collect();
        late.into_iter().filter_map(|key| self.rows.remove(&key).map(|row| (key, row))).collect()
    }

    /// Ends every request.
    pub(crate) fn drain(&mut self) -> Vec<InFlight> {
        std::mem::take(&mut self.rows).into_values().collect()
    }

    /// Ends every request that is not ours.
    pub(crate) fn drain_foreign(&mut self) -> Vec<(i64, InFlight)> {
        self.rows.extract_if(.., |_, row| !row.purpose.is_ours()).collect()
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.rows.values().map(|row| row.deadline).min()
    }
}

/// The client's requests that still wait for an answer, wherever they are.
#[derive(Debug, Default)]
pub(crate) struct Open {
    ids: BTreeSet<Id>,
    /// What headers said of the arguments of each; none where there are no headers.
    mirrored: Option<BTreeMap<Id, Vec<(String, String)>>>,
}

impl Open {
    /// False when the id is already in use: the request must be refused.
    pub(crate) fn begin(&mut self, id: &Id) -> bool {
        self.ids.insert(id.clone())
    }

    /// False when it was answered already: nothing may be sent.
    pub(crate) fn end(&mut self, id: &Id) -> bool {
        self.unmirror(id);
        self.ids.remove(id)
    }

    /// A request that is about to come has these headers. From now on one that came without
    /// them has none.
    pub(crate) fn mirror(&mut self, id: Id, said: Vec<(String, String)>) {
        self.mirrored.get_or_insert_default().insert(id, said);
    }

    /// A request is not opened after all.
    pub(crate) fn unmirror(&mut self, id: &Id) {
        if let Some(mirrored) = &mut self.mirrored {
            mirrored.remove(id);
        }
    }

    /// What headers said of a request's arguments, where requests have headers.
    pub(crate) fn mirrored(&self, id: &Id) -> Option<&[(String, String)]> {
        let mirrored = self.mirrored.as_ref()?;
        Some(mirrored.get(id).map(Vec::as_slice).unwrap_or_default())
    }

    /// Whether it was not answered yet.
    pub(crate) fn has(&self, id: &Id) -> bool {
        self.ids.contains(id)
    }

    pub(crate) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(crate) fn drain(&mut self) -> BTreeSet<Id> {
        if let Some(mirrored) = &mut self.mirrored {
            mirrored.clear();
        }
        std::mem::take(&mut self.ids)
    }
}

/// A moment so far ahead that it never comes within a session.
pub(crate) fn never(now: Instant) -> Instant {
    now + Duration::from_secs(365 * 24 * 3600)
}
