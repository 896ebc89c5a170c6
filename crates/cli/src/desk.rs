//! What the console's pages need, from the state directory and the config.
//!
//! Files are opened for each page, so that nothing that is shown was remembered.

pub(crate) mod journal;
pub(crate) mod servers;
mod trust;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use portcullis_console::Desk;
use portcullis_console::api::{
    Asked, Decided, Found, Grant, Line, Said, Seal, Search, Server, Session, Trouble, Trust,
};
use portcullis_journal::Timestamp;
use portcullis_mediation::{ApprovalId, Cover};
use portcullis_store::{
    ApprovalStore as _, Approvals, Choice, Filter, GrantRow, GrantState, GrantStore as _, Grants,
    NotDecided, NotEdited, NotGiven, Row, State, StoreError, Verdict,
};

use crate::args::Places;
use crate::checklist;
use crate::command::now;
use crate::documents::InForce;
use crate::exit::Trouble as Failed;

/// The desk of one state directory.
#[derive(Debug)]
pub(crate) struct StateDesk {
    approvals: Mutex<Approvals>,
    /// Who answers here, in the list of approvals.
    by: &'static str,
    state: PathBuf,
    places: Places,
}

impl StateDesk {
    /// Opens what must be there for a question to be answered.
    pub(crate) fn open(state: &Path, places: &Places, by: &'static str) -> Result<Self, Failed> {
        let approvals = Mutex::new(Approvals::open(state)?);
        Ok(Self { approvals, by, state: state.to_owned(), places: places.clone() })
    }

    fn in_force(&self) -> Result<InForce, Trouble> {
        InForce::read(&self.places).map_err(failed)
    }

    fn records(&self) -> PathBuf {
        self.state.join("journal")
    }

    fn approvals(&self) -> MutexGuard<'_, Approvals> {
        self.approvals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk for StateDesk {
    fn changes(&self) -> Result<u64, Trouble> {
        self.approvals().changes().map_err(trouble)
    }

    fn questions(&self) -> Result<Vec<Asked>, Trouble> {
        let now = now();
        let rows = self.approvals().list(&Filter::pending(), now).map_err(trouble)?;
        Ok(rows.into_iter().map(|row| asked(row, now)).collect())
    }

    fn question(&self, id: &str) -> Result<Option<Asked>, Trouble> {
        let now = now();
        let Some(id) = ApprovalId::parse(id) else { return Ok(None) };
        let mut approvals = self.approvals();
        let Some(row) = approvals.get(&id, now).map_err(trouble)? else { return Ok(None) };
        let covers = approvals.covers(&id).map_err(trouble)?;
        let covers = covers.iter().map(Cover::told).collect();
        Ok(Some(Asked { covers, ..asked(row, now) }))
    }

    fn decide(&self, id: &str, answer: Said) -> Result<Decided, Trouble> {
        let Some(id) = ApprovalId::parse(id) else { return Ok(Decided::Unknown) };
        let verdict = match answer {
            Said::Once => Verdict::Approve,
            Said::Deny => Verdict::Deny,
            Said::Stands { cover, lasts } => {
                let choice = Choice { cover, lasts };
                let given = self.approvals().give(&id, choice, self.by, now()).map_err(trouble)?;
                return Ok(match given {
                    Ok(_) => Decided::Stored,
                    Err(NotGiven::Question(why)) => late(why),
                    Err(why) => Decided::Refused(why.to_string()),
                });
            }
        };
        let decided = self.approvals().decide(&id, verdict, self.by, now()).map_err(trouble)?;
        Ok(decided.map_or_else(late, |_| Decided::Stored))
    }

    fn edit(&self, id: &str, content: &str) -> Result<Decided, Trouble> {
        let Some(id) = ApprovalId::parse(id) else { return Ok(Decided::Unknown) };
        let edited = self.approvals().edit(&id, content, self.by, now()).map_err(trouble)?;
        Ok(match edited {
            Ok(_) => Decided::Stored,
            Err(NotEdited::Question(why)) => late(why),
            Err(NotEdited::Unfit(why)) => Decided::Refused(why.to_string()),
        })
    }

    fn servers(&self) -> Result<Vec<Server>, Trouble> {
        servers::all(&self.state, &self.in_force()?).map_err(failed)
    }

    fn sessions(&self) -> Result<Vec<Session>, Trouble> {
        journal::sessions(&self.records()).map_err(trouble)
    }

    fn journal(&self, search: &Search) -> Result<Found, Trouble> {
        journal::search(&self.records(), search).map_err(trouble)
    }

    fn seal(&self, wanted: bool) -> Seal {
        journal::seal(&self.records(), wanted)
    }

    fn grants(&self) -> Result<Vec<Grant>, Trouble> {
        let roots = Grants::open(&self.state).and_then(|grants| grants.list()).map_err(trouble)?;
        let calls = self.approvals().grants(now()).map_err(trouble)?;
        Ok(roots.into_iter().map(root).chain(calls.into_iter().map(standing)).collect())
    }

    fn trust(&self) -> Result<Vec<Trust>, Trouble> {
        Ok(trust::table(&self.state, &self.in_force()?))
    }

    fn checklist(&self) -> Result<Vec<Line>, Trouble> {
        checklist::lines(&self.state, &self.in_force()?).map_err(failed)
    }
}

fn late(why: NotDecided) -> Decided {
    match why {
        NotDecided::Already(state) => Decided::TooLate(state.to_string()),
        NotDecided::Unknown => Decided::Unknown,
        NotDecided::Altered => Decided::Refused(why.to_string()),
    }
}

/// A yes that stands for calls to come.
fn standing(grant: GrantRow) -> Grant {
    let change = match grant.state {
        GrantState::Standing => format!("portcullis grants revoke {}", grant.id),
        _ => String::new(),
    };
    Grant {
        change,
        id: grant.id,
        server: grant.server,
        what: format!("{} with {}, {}", grant.tool, grant.covers, grant.lasts),
        state: grant.state.as_str().to_owned(),
        since: second(grant.changed.unwrap_or(grant.created)),
    }
}

/// A directory that a server was given.
fn root(grant: portcullis_store::Grant) -> Grant {
    let change = if grant.revoked { "restore" } else { "revoke" };
    Grant {
        change: format!("portcullis grants {change} {}", grant.id),
        state: grant.word(now()).to_owned(),
        since: second(grant.ended.or(grant.changed).unwrap_or(grant.given)),
        id: grant.id,
        server: grant.server,
        what: format!("root {} ({})", grant.root, grant.access),
    }
}

/// A moment to the second, as people read it.
fn second(time: Timestamp) -> String {
    let text = time.to_string();
    format!("{} UTC", text.split('.').next().unwrap_or_default().replace('T', " "))
}

fn asked(row: Row, now: Timestamp) -> Asked {
    Asked {
        id: row.id.to_string(),
        state: row.state.to_string(),
        waits: row.state == State::Pending,
        kind: row.kind,
        server: row.server,
        tool: row.tool,
        arguments: row.arguments.to_string(),
        risk: row.risk,
        reasons: row.reasons,
        caller: row.principal,
        asked: second(row.created),
        until: second(row.expires),
        left: row.expires.since(now),
        definition: row.definition_pin,
        digest: row.arguments_digest,
        covers: Vec::new(),
        edited: row.edited.map(|edited| edited.to_string()),
        decided_by: row.decided_by,
    }
}

fn trouble(error: StoreError) -> Trouble {
    failed(Failed::from(error))
}

fn failed(failed: Failed) -> Trouble {
    Trouble(failed.said.join("; "))
}
