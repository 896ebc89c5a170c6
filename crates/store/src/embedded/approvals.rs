//! Approvals in SQLite: `<state>/portcullis.db`, shared by all processes of a user.
//!
//! Arguments are stored whole, because the person who approves a call must see
//! it; the file is readable by its owner only, and rows go after thirty days.
//!
//! Time. An approval that has ended must not come back when the clock is set
//! back. What has ended is stored as ended by whoever writes next, and the latest
//! moment that a writer saw is kept, to the second: a `now` that is up to two
//! seconds earlier counts as that moment, and one that is earlier still ends
//! everything that is open.

use std::path::Path;
use std::time::Duration;

use portcullis_journal::Timestamp;
use portcullis_mediation::{ApprovalId, ApprovalKey, Fact, Question};
use rusqlite::{OptionalExtension as _, Row as Columns, Transaction, named_params};

use super::answer::{self, Yes};
use super::standing;
use crate::approval::{
    ApprovalStore, CLOCK_SLACK, Decided, Filter, KEPT, NotDecided, NotEdited, Row, State, Taken,
    Verdict,
};
use crate::{Content, Database, StoreError};

/// Questions to people, and their answers.
#[derive(Debug)]
pub struct Approvals {
    db: Database,
}

type Sql<T> = Result<T, rusqlite::Error>;

impl Approvals {
    /// Opens or creates `<state>/portcullis.db`.
    ///
    /// # Errors
    /// When the directory or file is not safe, or is damaged: it is never
    /// replaced silently.
    pub fn open(state: &Path) -> Result<Self, StoreError> {
        Ok(Self::of(&Database::open(state)?))
    }

    /// Those of a database that is open.
    #[must_use]
    pub fn of(database: &Database) -> Self {
        Self { db: database.clone() }
    }

    /// The directory that the database is in.
    pub(super) fn state(&self) -> &Path {
        self.db.path().parent().unwrap_or(self.db.path())
    }

    /// One immediate transaction: no other process writes meanwhile.
    pub(super) fn write<T>(
        &mut self,
        what: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Sql<T>,
    ) -> Result<T, StoreError> {
        self.db.write(what, work)
    }

    /// One transaction that only reads, so that all of it is one moment.
    pub(super) fn look<T>(
        &mut self,
        what: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Sql<T>,
    ) -> Result<T, StoreError> {
        self.db.look(what, work)
    }
}

impl ApprovalStore for Approvals {
    fn ask(&mut self, question: &Question, now: Timestamp) -> Result<(), StoreError> {
        let reasons = serde_json::Value::from(question.reasons.clone()).to_string();
        let seal = self.seal()?;
        self.write("store a question", |transaction| {
            let now = Clock::advance(transaction, now)?;
            let mut insert = transaction.prepare_cached(
                "INSERT INTO approval (id, kind, state, principal, server, session, tool,
                     definition_pin, arguments_digest, policy, arguments, risk, reasons, created, expires)
                 VALUES (:id, :kind, 'pending', :principal, :server, :session, :tool,
                     :definition_pin, :arguments_digest, :policy, :arguments, :risk, :reasons, :created, :expires)",
            )?;
            let key = &question.key;
            insert.execute(named_params! {
                ":id": question.approval.as_str(),
                ":kind": key.matter.as_str(),
                ":principal": key.principal.as_str(),
                ":server": key.server.as_str(),
                ":session": key.session,
                ":tool": key.tool,
                ":definition_pin": key.definition_pin.as_str(),
                ":arguments_digest": key.arguments_digest.as_str(),
                ":policy": key.policy.as_str(),
                ":arguments": question.arguments,
                ":risk": question.risk.as_str(),
                ":reasons": reasons,
                ":created": micros(now),
                ":expires": micros(now.after(question.patience)),
            })?;
            standing::beside(transaction, &seal, question)
        })
    }

    fn consult(&mut self, key: &ApprovalKey, now: Timestamp) -> Result<Fact, StoreError> {
        let seal = self.seal()?;
        self.write("look for an approval", |transaction| {
            let now = Clock::advance(transaction, now)?;
            let Some((id, state, expires)) = newest_open(transaction, key)? else {
                return Ok(Fact::Unknown);
            };
            Ok(match state {
                State::Approved => match answer::use_up(transaction, &seal, &id)? {
                    Some(Yes { edited: Some(edited) }) => Fact::Edited(id, edited),
                    Some(Yes { edited: None }) => Fact::Approved(id),
                    None => Fact::Unknown,
                },
                State::Denied => Fact::Denied(id),
                State::Pending => Fact::Pending(id, expires.since(now)),
                _ => Fact::Unknown,
            })
        })
    }

    fn take(
        &mut self,
        id: &ApprovalId,
        key: &ApprovalKey,
        now: Timestamp,
    ) -> Result<Taken, StoreError> {
        let seal = self.seal()?;
        self.write("take an answer", |transaction| {
            Clock::advance(transaction, now)?;
            let state = state_for(transaction, id, key)?;
            Ok(match state {
                Some(State::Approved) => match answer::use_up(transaction, &seal, id)? {
                    Some(Yes { edited: Some(edited) }) => Taken::Edited(edited),
                    Some(Yes { edited: None }) => Taken::Approved,
                    None => Taken::Gone,
                },
                Some(State::Denied) => Taken::Denied,
                Some(State::Pending) => Taken::Pending,
                _ => Taken::Gone,
            })
        })
    }

    fn decide(
        &mut self,
        id: &ApprovalId,
        verdict: Verdict,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<Decided, NotDecided>, StoreError> {
        let seal = self.seal()?;
        self.write("store an answer", |transaction| {
            let now = Clock::advance(transaction, now)?;
            answer::answered(transaction, &seal, id, verdict, by, now)
        })
    }

    fn edit(
        &mut self,
        id: &ApprovalId,
        content: &str,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<Decided, NotEdited>, StoreError> {
        let seal = self.seal()?;
        self.write("store an edited answer", |transaction| {
            let now = Clock::advance(transaction, now)?;
            answer::edited(transaction, &seal, id, content, by, now)
        })
    }

    fn withdraw(&mut self, id: &ApprovalId) -> Result<bool, StoreError> {
        self.write("withdraw a question", |transaction| {
            let sql = "UPDATE approval SET state = 'expired' WHERE id = ?1
                       AND (state = 'pending' OR state = 'expired' AND decided_by IS NULL)";
            Ok(transaction.prepare_cached(sql)?.execute([id.as_str()])? > 0)
        })
    }

    fn list(&mut self, filter: &Filter, now: Timestamp) -> Result<Vec<Row>, StoreError> {
        self.look("list approvals", |transaction| {
            let clock = Clock::read(transaction, now)?;
            // What has ended is most of what is kept: whoever asks for what waits reads none of
            // it. A row may have ended since it was written, never the other way round.
            let open = match filter.state {
                Some(State::Pending) => {
                    "WHERE state IN ('pending', 'approved', 'denied') AND state = 'pending'"
                }
                _ => "",
            };
            let sql = format!("SELECT {COLUMNS} FROM approval {open} ORDER BY created, id");
            let mut select = transaction.prepare_cached(&sql)?;
            let rows = select.query_map([], from_columns)?;
            let rows: Vec<Row> = rows.collect::<Sql<_>>()?;
            let seen = rows.into_iter().map(|row| clock.at(row));
            Ok(seen.filter(|row| wanted(filter, row)).collect())
        })
    }

    fn get(&mut self, id: &ApprovalId, now: Timestamp) -> Result<Option<Row>, StoreError> {
        self.look("show an approval", |transaction| {
            let clock = Clock::read(transaction, now)?;
            Ok(row(transaction, id)?.map(|row| clock.at(row)))
        })
    }

    fn changes(&mut self) -> Result<u64, StoreError> {
        self.db.version()
    }

    fn sweep(&mut self, now: Timestamp) -> Result<u64, StoreError> {
        self.write("remove old approvals", |transaction| {
            let now = Clock::advance(transaction, now)?;
            let oldest = now.0.saturating_sub(micros_of(KEPT));
            let sql = "DELETE FROM approval WHERE created < ?1";
            let removed = transaction.execute(sql, [micros(Timestamp(oldest))])?;
            standing::sweep(transaction, Timestamp(oldest))?;
            Ok(removed as u64)
        })
    }
}

/// What the database's memory of time makes of a caller's `now`.
pub(super) struct Clock {
    pub(super) now: Timestamp,
    /// The clock was set back: nothing that is open stays open.
    pub(super) jumped: bool,
    /// The latest moment that was stored.
    seen: Timestamp,
}

impl Clock {
    pub(super) fn read(transaction: &Transaction<'_>, now: Timestamp) -> Sql<Self> {
        let sql = "SELECT seen FROM clock";
        let seen = transaction.prepare_cached(sql)?.query_row([], |row| timestamp(row, 0))?;
        let jumped = now.after(CLOCK_SLACK) < seen;
        let now = if jumped { now } else { now.max(seen) };
        Ok(Self { now, jumped, seen })
    }

    /// Reads, writes what it learnt, and ends what has ended by then: an end
    /// that is stored cannot be undone by any clock.
    pub(super) fn advance(transaction: &Transaction<'_>, now: Timestamp) -> Sql<Timestamp> {
        let clock = Self::read(transaction, now)?;
        // Once a second is enough, and most calls then write nothing at all.
        if clock.jumped || clock.now.since(clock.seen) >= Duration::from_secs(1) {
            let sql = "UPDATE clock SET seen = ?1";
            transaction.prepare_cached(sql)?.execute([micros(clock.now)])?;
        }
        // By the index of what is open: most calls find nothing, among however many that wait.
        let sql = "UPDATE approval SET state = 'expired'
                   WHERE state IN ('pending', 'approved', 'denied') AND expires <= ?1";
        let end = if clock.jumped { i64::MAX } else { micros(clock.now) };
        transaction.prepare_cached(sql)?.execute([end])?;
        standing::end(transaction, clock.jumped, clock.now)?;
        Ok(clock.now)
    }

    /// A row as it is at this moment.
    fn at(&self, row: Row) -> Row {
        let open = matches!(row.state, State::Pending | State::Approved | State::Denied);
        if open && (self.jumped || row.expires <= self.now) {
            return Row { state: State::Expired, ..row };
        }
        row
    }
}

/// What is open for exactly this key: a no before a yes before a question, because
/// when two answers disagree the strictest wins (invariant 11).
fn newest_open(
    transaction: &Transaction<'_>,
    key: &ApprovalKey,
) -> Sql<Option<(ApprovalId, State, Timestamp)>> {
    let mut select = transaction.prepare_cached(
        "SELECT id, state, expires FROM approval
         WHERE arguments_digest = :arguments_digest AND principal = :principal AND server = :server
           AND session = :session AND kind = :kind AND tool = :tool
           AND definition_pin = :definition_pin AND policy = :policy
           AND state IN ('pending', 'approved', 'denied')
         ORDER BY CASE state WHEN 'denied' THEN 0 WHEN 'approved' THEN 1 ELSE 2 END, created, id
         LIMIT 1",
    )?;
    let parameters = named_params! {
        ":arguments_digest": key.arguments_digest.as_str(),
        ":kind": key.matter.as_str(),
        ":principal": key.principal.as_str(),
        ":server": key.server.as_str(),
        ":session": key.session,
        ":tool": key.tool,
        ":definition_pin": key.definition_pin.as_str(),
        ":policy": key.policy.as_str(),
    };
    let found = |row: &Columns<'_>| Ok((id(row, 0)?, state(row, 1)?, timestamp(row, 2)?));
    select.query_row(parameters, found).optional()
}

/// Where one approval stands, if it is for this key.
fn state_for(
    transaction: &Transaction<'_>,
    id: &ApprovalId,
    key: &ApprovalKey,
) -> Sql<Option<State>> {
    let mut select = transaction.prepare_cached(
        "SELECT state FROM approval
         WHERE id = :id AND kind = :kind AND principal = :principal AND server = :server
           AND session = :session AND tool = :tool AND definition_pin = :definition_pin
           AND arguments_digest = :arguments_digest AND policy = :policy",
    )?;
    let parameters = named_params! {
        ":id": id.as_str(),
        ":kind": key.matter.as_str(),
        ":principal": key.principal.as_str(),
        ":server": key.server.as_str(),
        ":session": key.session,
        ":tool": key.tool,
        ":definition_pin": key.definition_pin.as_str(),
        ":arguments_digest": key.arguments_digest.as_str(),
        ":policy": key.policy.as_str(),
    };
    select.query_row(parameters, |row| state(row, 0)).optional()
}

pub(super) fn row(transaction: &Transaction<'_>, id: &ApprovalId) -> Sql<Option<Row>> {
    let sql = format!("SELECT {COLUMNS} FROM approval WHERE id = ?1");
    transaction.prepare_cached(&sql)?.query_row([id.as_str()], from_columns).optional()
}

fn wanted(filter: &Filter, row: &Row) -> bool {
    filter.state.is_none_or(|state| state == row.state)
        && filter.server.as_ref().is_none_or(|server| *server == row.server)
}

const COLUMNS: &str = "id, state, kind, server, tool, arguments, risk, reasons, principal, \
                       created, expires, definition_pin, arguments_digest, decided_by, edited";

fn from_columns(row: &Columns<'_>) -> Sql<Row> {
    Ok(Row {
        id: id(row, 0)?,
        state: state(row, 1)?,
        kind: row.get(2)?,
        server: row.get(3)?,
        tool: row.get(4)?,
        arguments: content(row.get(5)?, 5)?,
        risk: row.get(6)?,
        reasons: json(row, 7)?,
        principal: row.get(8)?,
        created: timestamp(row, 9)?,
        expires: timestamp(row, 10)?,
        definition_pin: row.get(11)?,
        arguments_digest: row.get(12)?,
        decided_by: row.get(13)?,
        edited: row.get::<_, Option<String>>(14)?.map(|text| content(text, 14)).transpose()?,
    })
}

fn id(row: &Columns<'_>, column: usize) -> Sql<ApprovalId> {
    let text: String = row.get(column)?;
    ApprovalId::parse(&text).ok_or_else(|| unreadable(column, "not an approval's name"))
}

fn state(row: &Columns<'_>, column: usize) -> Sql<State> {
    let text: String = row.get(column)?;
    State::parse(&text).ok_or_else(|| unreadable(column, "not a state"))
}

fn timestamp(row: &Columns<'_>, column: usize) -> Sql<Timestamp> {
    let micros: i64 = row.get(column)?;
    u64::try_from(micros).map(Timestamp).map_err(|_| unreadable(column, "before 1970"))
}

fn json<T: serde::de::DeserializeOwned>(row: &Columns<'_>, column: usize) -> Sql<T> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text).map_err(|_| unreadable(column, "not JSON"))
}

fn content(text: String, column: usize) -> Sql<Content> {
    Content::new(text).map_err(|_| unreadable(column, "not JSON"))
}

fn unreadable(column: usize, why: &str) -> rusqlite::Error {
    let kind = rusqlite::types::Type::Text;
    rusqlite::Error::FromSqlConversionFailure(column, kind, why.into())
}

/// SQLite's integers end 292,000 years from now.
pub(super) fn micros(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

fn micros_of(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
