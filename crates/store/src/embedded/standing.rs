//! Grants in SQLite, beside the questions that they were the answers to.

use std::collections::BTreeSet;
use std::time::Duration;

use portcullis_journal::Timestamp;
use portcullis_mediation::grant::{Grant, GrantId, GrantKey, Lasts, Remembered, Standing};
use portcullis_mediation::{ApprovalId, Cover, Matter, Question};
use rusqlite::{OptionalExtension as _, Row as Columns, Transaction, named_params};

use super::answer::answered;
use super::approvals::{Approvals, Clock, micros, row};
use super::seal::Seal;
use crate::StoreError;
use crate::approval::{NotDecided, State, Verdict};
use crate::standing::{Choice, Given, GrantRow, GrantState, GrantStore, NotGiven};

/// The tables of them.
pub(crate) const TABLES: &str = "
    CREATE TABLE standing (
        approval TEXT PRIMARY KEY,
        covers   TEXT NOT NULL,
        answers  TEXT NOT NULL,
        session  TEXT NOT NULL,
        project  TEXT NOT NULL,
        quiet    INTEGER NOT NULL CHECK (quiet IN (0, 1))
    ) STRICT;
    CREATE TABLE grants (
        id             TEXT PRIMARY KEY,
        state          TEXT NOT NULL CHECK (state IN ('standing', 'revoked', 'ended')),
        approval       TEXT NOT NULL,
        principal      TEXT NOT NULL,
        server         TEXT NOT NULL,
        tool           TEXT NOT NULL,
        definition_pin TEXT NOT NULL,
        policy         TEXT NOT NULL,
        cover          TEXT NOT NULL,
        answers        TEXT NOT NULL,
        lasts          TEXT NOT NULL,
        bound_to       TEXT NOT NULL,
        created        INTEGER NOT NULL,
        expires        INTEGER NOT NULL,
        given_by       TEXT NOT NULL,
        changed        INTEGER,
        changed_by     TEXT,
        seal           TEXT NOT NULL
    ) STRICT;
    CREATE INDEX grants_standing ON grants (server, tool) WHERE state = 'standing';
";

/// What is offered for a question is sealed since it was first kept; what was kept before
/// offers nothing.
pub(crate) const SEALED: &str = "ALTER TABLE standing ADD COLUMN seal TEXT NOT NULL DEFAULT '';";

/// More grants than anybody gives for one tool; what is beyond is asked about.
const CANDIDATES: usize = 256;

/// The time that the budget of questions counts.
const HOUR: Duration = Duration::from_secs(60 * 60);

type Sql<T> = Result<T, rusqlite::Error>;

impl GrantStore for Approvals {
    fn covers(&mut self, id: &ApprovalId) -> Result<Vec<Cover>, StoreError> {
        let seal = self.seal()?;
        self.look("look what may stand", |transaction| {
            Ok(offered(transaction, &seal, id)?.map(|standing| standing.covers).unwrap_or_default())
        })
    }

    fn give(
        &mut self,
        id: &ApprovalId,
        choice: Choice,
        by: &str,
        now: Timestamp,
    ) -> Result<Result<Given, NotGiven>, StoreError> {
        let seal = self.seal()?;
        self.write("store a grant", |transaction| {
            let moment = Clock::advance(transaction, now)?;
            let Some(question) = row(transaction, id)? else {
                return Ok(Err(NotDecided::Unknown.into()));
            };
            if question.state != State::Pending {
                return Ok(Err(NotDecided::Already(question.state).into()));
            }
            let standing = offered(transaction, &seal, id)?.unwrap_or_default();
            if standing.covers.is_empty() {
                return Ok(Err(NotGiven::OneByOne));
            }
            let chosen = choice.cover.checked_sub(1).and_then(|at| standing.covers.get(at));
            let Some(cover) = chosen else {
                return Ok(Err(NotGiven::NoSuchCover(standing.covers.len())));
            };
            let decided = match answered(transaction, &seal, id, Verdict::Approve, by, moment)? {
                Ok(decided) => decided,
                Err(not) => return Ok(Err(not.into())),
            };
            let kept = Kept::new(transaction, id, cover, &standing, choice.lasts, by, moment)?;
            kept.insert(transaction, &seal)?;
            Ok(Ok(Given { decided, grant: kept.row(GrantState::Standing) }))
        })
    }

    fn remembered(
        &mut self,
        key: &GrantKey,
        session: &str,
        project: &str,
        now: Timestamp,
    ) -> Result<Remembered, StoreError> {
        let seal = self.seal()?;
        self.look("look for grants", |transaction| {
            let clock = Clock::read(transaction, now)?;
            let (asked, drifts) = asked_lately(transaction, key.server.as_str(), clock.now)?;
            let mut select = transaction.prepare_cached(&format!(
                "{SELECT} WHERE server = :server AND tool = :tool AND state = 'standing'
                   AND principal = :principal AND definition_pin = :pin AND policy = :policy
                   AND bound_to IN ('', :session, :project) ORDER BY created, id LIMIT {CANDIDATES}"
            ))?;
            let parameters = named_params! {
                ":server": key.server.as_str(), ":tool": key.tool,
                ":principal": key.principal.as_str(), ":pin": key.definition_pin.as_str(),
                ":policy": key.policy.as_str(), ":session": session, ":project": project,
            };
            let all: Vec<Kept> = select.query_map(parameters, Kept::read)?.collect::<Sql<_>>()?;
            let counts = |kept: &Kept| {
                let bound = kept.bound_to(session, project) == Some(kept.bound.as_str());
                bound && kept.state(&seal, &clock) == GrantState::Standing
            };
            let grants = all.iter().filter(|kept| counts(kept)).filter_map(|kept| kept.grant(key));
            Ok(Remembered { grants: grants.collect(), asked, drifts })
        })
    }

    fn grants(&mut self, now: Timestamp) -> Result<Vec<GrantRow>, StoreError> {
        let seal = self.seal()?;
        self.look("read the grants", |transaction| {
            let clock = Clock::read(transaction, now)?;
            let mut select =
                transaction.prepare_cached(&format!("{SELECT} ORDER BY created, id"))?;
            let all = select.query_map([], Kept::read)?;
            all.map(|kept| kept.map(|kept| kept.row(kept.state(&seal, &clock)))).collect()
        })
    }

    fn revoke(
        &mut self,
        id: &GrantId,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<GrantRow>, StoreError> {
        let seal = self.seal()?;
        self.write("take a grant back", |transaction| {
            let moment = Clock::advance(transaction, now)?;
            let sql = "UPDATE grants SET state = 'revoked', seal = '', changed = :now,
                           changed_by = :by
                       WHERE id = :id AND state = 'standing'";
            let values = named_params! { ":id": id.as_str(), ":now": micros(moment), ":by": by };
            transaction.prepare_cached(sql)?.execute(values)?;
            let mut select = transaction.prepare_cached(&format!("{SELECT} WHERE id = ?1"))?;
            let kept = select.query_row([id.as_str()], Kept::read).optional()?;
            let clock = Clock::read(transaction, now)?;
            Ok(kept.map(|kept| kept.row(kept.state(&seal, &clock))))
        })
    }

    fn end_session(&mut self, session: &str) -> Result<(), StoreError> {
        self.write("end a session's grants", |transaction| {
            let sql = "UPDATE grants SET state = 'ended', seal = ''
                       WHERE state = 'standing' AND lasts = 'session' AND bound_to = ?1";
            transaction.prepare_cached(sql)?.execute([session]).map(drop)
        })
    }
}

impl Approvals {
    /// The key, read anew: another process may have made it.
    pub(super) fn seal(&self) -> Result<Seal, StoreError> {
        Seal::open(self.state())
    }
}

/// Keeps what may stand beside a question that is stored.
pub(crate) fn beside(transaction: &Transaction<'_>, seal: &Seal, question: &Question) -> Sql<()> {
    let Standing { covers, answers, session, project, quiet } = &question.standing;
    let (covers, answers) = (text(covers)?, text(answers)?);
    // Read back as it was stored, so that what is sealed is what will be read.
    let question_of = as_stored(transaction, &question.approval)?.unwrap_or_default();
    let seal = sealed_offer(seal, &question_of, [&covers, &answers, session, project]);
    let sql = "INSERT INTO standing (approval, covers, answers, session, project, quiet, seal)
               VALUES (:approval, :covers, :answers, :session, :project, :quiet, :seal)";
    let values = named_params! {
        ":approval": question.approval.as_str(), ":covers": covers, ":answers": answers,
        ":session": session, ":project": project, ":quiet": quiet, ":seal": seal,
    };
    transaction.prepare_cached(sql)?.execute(values).map(drop)
}

/// What has ended by now is stored as ended; a clock that was set back ends everything.
pub(crate) fn end(transaction: &Transaction<'_>, jumped: bool, now: Timestamp) -> Sql<()> {
    let sql = "UPDATE grants SET state = 'ended', seal = ''
               WHERE state = 'standing' AND (?1 OR expires <= ?2)";
    transaction.prepare_cached(sql)?.execute((jumped, micros(now))).map(drop)
}

/// What stood beside questions that are no longer kept goes with them, and grants that
/// were over before.
pub(crate) fn sweep(transaction: &Transaction<'_>, oldest: Timestamp) -> Sql<()> {
    let sql = "DELETE FROM standing WHERE approval NOT IN (SELECT id FROM approval)";
    transaction.execute(sql, [])?;
    let sql = "DELETE FROM grants WHERE state <> 'standing' AND expires < ?1";
    transaction.execute(sql, [micros(oldest)]).map(drop)
}

/// What a question is, as it is stored: everything that a person is shown of it, and
/// everything that a yes to it is for.
fn as_stored(transaction: &Transaction<'_>, id: &ApprovalId) -> Sql<Option<Vec<String>>> {
    let sql = "SELECT id, kind, principal, server, tool, definition_pin, policy, arguments_digest,
                   arguments, risk, reasons, session FROM approval WHERE id = ?1";
    let read = |row: &Columns<'_>| (0..12).map(|place| row.get(place)).collect();
    transaction.prepare_cached(sql)?.query_row([id.as_str()], read).optional()
}

/// The seal of what is offered for a question: of the question, too, so that neither is
/// another one when a person answers.
fn sealed_offer(seal: &Seal, question: &[String], offer: [&str; 4]) -> String {
    // No name of a grant, which the seal of a grant begins with.
    let question = question.iter().map(String::as_str);
    seal.of(["offer"].into_iter().chain(question).chain(offer))
}

/// Whether a question is as it was asked.
pub(crate) fn is_as_asked(
    transaction: &Transaction<'_>,
    seal: &Seal,
    id: &ApprovalId,
) -> Sql<bool> {
    Ok(offered(transaction, seal, id)?.is_some())
}

/// What a person may choose from; nothing when that, or the question, was edited.
fn offered(transaction: &Transaction<'_>, seal: &Seal, id: &ApprovalId) -> Sql<Option<Standing>> {
    let Some(question) = as_stored(transaction, id)? else { return Ok(None) };
    let sql = "SELECT covers, answers, session, project, seal, quiet FROM standing
               WHERE approval = ?1";
    let read = |row: &Columns<'_>| {
        let mut texts: [String; 4] = Default::default();
        for (place, text) in texts.iter_mut().enumerate() {
            *text = row.get(place)?;
        }
        let kept: String = row.get(4)?;
        if sealed_offer(seal, &question, texts.each_ref().map(String::as_str)) != kept {
            return Ok(None);
        }
        let [.., session, project] = texts;
        let (covers, answers) = (json(row, 0)?, json(row, 1)?);
        Ok(Some(Standing { covers, answers, session, project, quiet: row.get(5)? }))
    };
    let found = transaction.prepare_cached(sql)?.query_row([id.as_str()], read).optional()?;
    Ok(found.flatten())
}

/// How many questions called a person, and how many there were about drift.
fn asked_lately(transaction: &Transaction<'_>, server: &str, now: Timestamp) -> Sql<(u32, u32)> {
    let since = Timestamp(now.0.saturating_sub(u64::try_from(HOUR.as_micros()).unwrap_or(0)));
    let sql = "SELECT COUNT(*) FILTER (WHERE kind <> ?3 AND NOT EXISTS
                   (SELECT 1 FROM standing WHERE standing.approval = approval.id AND quiet = 1)),
                   COUNT(*) FILTER (WHERE kind = ?3)
               FROM approval WHERE created > ?1 AND server = ?2";
    let drift = Matter::Capability.as_str();
    let mut select = transaction.prepare_cached(sql)?;
    select.query_row((micros(since), server, drift), |row| Ok((row.get(0)?, row.get(1)?)))
}

const SELECT: &str = "SELECT id, state, approval, principal, server, tool, definition_pin, policy, \
     cover, answers, lasts, bound_to, created, expires, given_by, changed, changed_by, seal FROM grants";

/// One row, as it is written.
struct Kept {
    id: String,
    state: String,
    approval: String,
    principal: String,
    server: String,
    tool: String,
    pin: String,
    policy: String,
    cover: String,
    answers: String,
    lasts: String,
    bound: String,
    created: i64,
    expires: i64,
    given_by: String,
    changed: Option<i64>,
    changed_by: Option<String>,
    seal: String,
}

impl Kept {
    fn new(
        transaction: &Transaction<'_>,
        id: &ApprovalId,
        cover: &Cover,
        standing: &Standing,
        lasts: Lasts,
        by: &str,
        now: Timestamp,
    ) -> Sql<Self> {
        let bound = match lasts {
            Lasts::Session => standing.session.clone(),
            Lasts::Project => standing.project.clone(),
            Lasts::Minutes(_) | Lasts::Always => String::new(),
        };
        let sql =
            "SELECT principal, server, tool, definition_pin, policy FROM approval WHERE id = ?1";
        transaction.prepare_cached(sql)?.query_row([id.as_str()], |row| {
            Ok(Self {
                id: GrantId::of(id).to_string(),
                state: "standing".to_owned(),
                approval: id.to_string(),
                principal: row.get(0)?,
                server: row.get(1)?,
                tool: row.get(2)?,
                pin: row.get(3)?,
                policy: row.get(4)?,
                cover: text(cover)?,
                answers: text(&standing.answers)?,
                lasts: lasts.to_string(),
                bound,
                created: micros(now),
                expires: micros(now.after(lasts.longest())),
                given_by: by.to_owned(),
                changed: None,
                changed_by: None,
                seal: String::new(),
            })
        })
    }

    fn read(row: &Columns<'_>) -> Sql<Self> {
        Ok(Self {
            id: row.get(0)?,
            state: row.get(1)?,
            approval: row.get(2)?,
            principal: row.get(3)?,
            server: row.get(4)?,
            tool: row.get(5)?,
            pin: row.get(6)?,
            policy: row.get(7)?,
            cover: row.get(8)?,
            answers: row.get(9)?,
            lasts: row.get(10)?,
            bound: row.get(11)?,
            created: row.get(12)?,
            expires: row.get(13)?,
            given_by: row.get(14)?,
            changed: row.get(15)?,
            changed_by: row.get(16)?,
            seal: row.get(17)?,
        })
    }

    /// Everything that makes it count, in an order.
    fn sealed(&self, seal: &Seal) -> String {
        let (created, expires) = (self.created.to_string(), self.expires.to_string());
        seal.of([
            self.id.as_str(),
            &self.approval,
            &self.principal,
            &self.server,
            &self.tool,
            &self.pin,
            &self.policy,
            &self.cover,
            &self.answers,
            &self.lasts,
            &self.bound,
            &created,
            &expires,
            &self.given_by,
        ])
    }

    fn insert(&self, transaction: &Transaction<'_>, seal: &Seal) -> Sql<()> {
        let sql =
            "INSERT INTO grants (id, state, approval, principal, server, tool, definition_pin,
                       policy, cover, answers, lasts, bound_to, created, expires, given_by, seal)
                   VALUES (:id, 'standing', :approval, :principal, :server, :tool, :pin,
                       :policy, :cover, :answers, :lasts, :bound_to, :created, :expires, :given_by,
                       :seal)";
        let values = named_params! {
            ":id": self.id, ":approval": self.approval, ":principal": self.principal,
            ":server": self.server, ":tool": self.tool, ":pin": self.pin, ":policy": self.policy,
            ":cover": self.cover, ":answers": self.answers, ":lasts": self.lasts,
            ":bound_to": self.bound, ":created": self.created, ":expires": self.expires,
            ":given_by": self.given_by, ":seal": self.sealed(seal),
        };
        transaction.prepare_cached(sql)?.execute(values).map(drop)
    }

    /// What it must be bound to for a call in this session of this project.
    fn bound_to<'a>(&self, session: &'a str, project: &'a str) -> Option<&'a str> {
        match Lasts::parse(&self.lasts)? {
            Lasts::Session => Some(session),
            Lasts::Project => Some(project),
            Lasts::Minutes(_) | Lasts::Always => Some(""),
        }
    }

    /// Where it stands now. One that does not stand has no seal, so that it cannot be
    /// made to stand again.
    fn state(&self, seal: &Seal, clock: &Clock) -> GrantState {
        let intact = || self.sealed(seal) == self.seal && self.cover().is_some();
        let over = clock.jumped || self.expires <= micros(clock.now);
        match self.state.as_str() {
            "standing" if !intact() => GrantState::Damaged,
            "standing" if over => GrantState::Ended,
            "standing" => GrantState::Standing,
            "revoked" => GrantState::Revoked,
            _ => GrantState::Ended,
        }
    }

    fn cover(&self) -> Option<Cover> {
        serde_json::from_str(&self.cover).ok()
    }

    /// What the mind judges; every text of it as it is in the row.
    fn grant(&self, key: &GrantKey) -> Option<Grant> {
        let answers: BTreeSet<String> = serde_json::from_str(&self.answers).ok()?;
        let same = key.principal.as_str() == self.principal
            && key.server.as_str() == self.server
            && key.tool == self.tool
            && key.definition_pin.as_str() == self.pin
            && key.policy.as_str() == self.policy;
        let id = GrantId::parse(&self.id)?;
        same.then_some(Grant { id, key: key.clone(), cover: self.cover()?, answers })
    }

    fn row(&self, state: GrantState) -> GrantRow {
        let time = |micros: i64| Timestamp(u64::try_from(micros).unwrap_or_default());
        let covers = self.cover().map_or_else(|| "nothing".to_owned(), |cover| cover.told());
        GrantRow {
            id: self.id.clone(),
            kind: "call".to_owned(),
            state,
            server: self.server.clone(),
            tool: self.tool.clone(),
            covers,
            lasts: self.lasts.clone(),
            bound_to: self.bound.clone(),
            principal: self.principal.clone(),
            definition_pin: self.pin.clone(),
            policy: self.policy.clone(),
            answers: serde_json::from_str(&self.answers).unwrap_or_default(),
            approval: self.approval.clone(),
            created: time(self.created),
            expires: time(self.expires),
            given_by: self.given_by.clone(),
            changed: self.changed.map(time),
            changed_by: self.changed_by.clone(),
        }
    }
}

fn text(value: &impl serde::Serialize) -> Sql<String> {
    let unfit = |error: serde_json::Error| rusqlite::Error::ToSqlConversionFailure(error.into());
    serde_json::to_string(value).map_err(unfit)
}

fn json<T: serde::de::DeserializeOwned>(row: &Columns<'_>, column: usize) -> Sql<T> {
    let text: String = row.get(column)?;
    // What cannot be read offers nothing.
    serde_json::from_str(&text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
    })
}
