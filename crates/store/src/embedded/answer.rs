//! A person's answer as it is kept: sealed with the question that it was the answer to.
//!
//! A yes counts when the question was as it was asked, and the row is as it was answered.
//! A row that was edited, copied or approved by something that only had the database is
//! no yes; what is kept of it ends.

use portcullis_journal::Timestamp;
use portcullis_mediation::edit::{self, Edited};
use portcullis_mediation::{ApprovalId, Matter};
use rusqlite::{OptionalExtension as _, Transaction, named_params};

use super::approvals::{micros, row};
use super::seal::Seal;
use super::standing;
use crate::approval::{
    APPROVAL_LIFETIME, DENIAL_LIFETIME, Decided, NotDecided, NotEdited, State, Verdict,
};

/// What a person put in the place of the content, and the seal of a yes.
pub(crate) const TABLES: &str = "
    ALTER TABLE approval ADD COLUMN edited TEXT;
    ALTER TABLE approval ADD COLUMN seal TEXT NOT NULL DEFAULT '';
";

type Sql<T> = Result<T, rusqlite::Error>;

/// A yes that was used up.
pub(crate) struct Yes {
    pub(crate) edited: Option<Edited>,
}

/// Stores a person's answer to a question that is open and as it was asked.
pub(crate) fn answered(
    transaction: &Transaction<'_>,
    seal: &Seal,
    id: &ApprovalId,
    verdict: Verdict,
    by: &str,
    now: Timestamp,
) -> Sql<Result<Decided, NotDecided>> {
    store(transaction, seal, id, verdict, None, by, now)
}

/// Stores a person's yes to something else.
pub(crate) fn edited(
    transaction: &Transaction<'_>,
    seal: &Seal,
    id: &ApprovalId,
    content: &str,
    by: &str,
    now: Timestamp,
) -> Sql<Result<Decided, NotEdited>> {
    let Some(question) = row(transaction, id)? else { return Ok(Err(NotDecided::Unknown.into())) };
    if question.state != State::Pending {
        return Ok(Err(NotDecided::Already(question.state).into()));
    }
    let matter = Matter::parse(&question.kind).unwrap_or(Matter::Tool);
    let sql = "SELECT arguments FROM approval WHERE id = ?1";
    let asked: String =
        transaction.prepare_cached(sql)?.query_row([id.as_str()], |row| row.get(0))?;
    let content = match edit::judge(matter, &asked, content) {
        Ok(content) => content,
        Err(unfit) => return Ok(Err(unfit.into())),
    };
    let stored = store(transaction, seal, id, Verdict::Approve, Some(&content), by, now)?;
    Ok(stored.map_err(NotEdited::from))
}

fn store(
    transaction: &Transaction<'_>,
    seal: &Seal,
    id: &ApprovalId,
    verdict: Verdict,
    edited: Option<&str>,
    by: &str,
    now: Timestamp,
) -> Sql<Result<Decided, NotDecided>> {
    let (state, lifetime) = match verdict {
        Verdict::Approve => (State::Approved, APPROVAL_LIFETIME),
        Verdict::Deny => (State::Denied, DENIAL_LIFETIME),
    };
    let Some(question) = row(transaction, id)? else { return Ok(Err(NotDecided::Unknown)) };
    if question.state != State::Pending {
        return Ok(Err(NotDecided::Already(question.state)));
    }
    // A no to whatever stands there is a no.
    if verdict == Verdict::Approve && !standing::is_as_asked(transaction, seal, id)? {
        end(transaction, id)?;
        return Ok(Err(NotDecided::Altered));
    }
    let expires = now.after(lifetime);
    let sql = "UPDATE approval SET state = :state, decided_by = :by, decided = :now,
                   expires = :expires, edited = :edited WHERE id = :id AND state = 'pending'";
    transaction.prepare_cached(sql)?.execute(named_params! {
        ":state": state.as_str(), ":by": by, ":now": micros(now), ":edited": edited,
        ":expires": micros(expires), ":id": id.as_str(),
    })?;
    if let Some(sealed) = sealed(transaction, seal, id)?.filter(|_| verdict == Verdict::Approve) {
        let sql = "UPDATE approval SET seal = ?1 WHERE id = ?2";
        transaction.prepare_cached(sql)?.execute((sealed, id.as_str()))?;
    }
    let Some(row) = row(transaction, id)? else { return Ok(Err(NotDecided::Unknown)) };
    Ok(Ok(Decided { expires, row }))
}

/// Uses a yes up; nothing when it was none, or not as it was given.
pub(crate) fn use_up(
    transaction: &Transaction<'_>,
    seal: &Seal,
    id: &ApprovalId,
) -> Sql<Option<Yes>> {
    let kept = transaction
        .prepare_cached("SELECT seal, edited, decided_by FROM approval WHERE id = ?1")?
        .query_row([id.as_str()], |row| {
            let (seal, content, by) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok::<(String, Option<String>, Option<String>), _>((seal, content, by))
        })
        .optional()?;
    let Some((kept, content, by)) = kept else { return Ok(None) };
    if sealed(transaction, seal, id)?.is_none_or(|sealed| sealed != kept) {
        end(transaction, id)?;
        return Ok(None);
    }
    let sql = "UPDATE approval SET state = 'used', seal = '' WHERE id = ?1 AND state = 'approved'";
    if transaction.prepare_cached(sql)?.execute([id.as_str()])? != 1 {
        return Ok(None);
    }
    let by = by.unwrap_or_default();
    Ok(Some(Yes { edited: content.map(|content| Edited { content, by }) }))
}

fn end(transaction: &Transaction<'_>, id: &ApprovalId) -> Sql<()> {
    let sql = "UPDATE approval SET state = 'expired', seal = '' WHERE id = ?1";
    transaction.prepare_cached(sql)?.execute([id.as_str()]).map(drop)
}

/// The seal of everything that makes an answer count.
fn sealed(transaction: &Transaction<'_>, seal: &Seal, id: &ApprovalId) -> Sql<Option<String>> {
    let sql = "SELECT id, kind, principal, server, tool, definition_pin, arguments_digest, policy,
                   session, arguments, COALESCE(edited, ''), COALESCE(decided_by, ''), edited IS NULL,
                   decided, expires
               FROM approval WHERE id = ?1";
    let texts = transaction.prepare_cached(sql)?.query_row([id.as_str()], |row| {
        let mut texts: Vec<String> = Vec::new();
        for place in 0..12 {
            texts.push(row.get(place)?);
        }
        for place in 12..15 {
            texts.push(row.get::<_, Option<i64>>(place)?.unwrap_or_default().to_string());
        }
        Ok(texts)
    });
    // No name of a grant, and no offer, with which the other seals begin.
    let seal = |texts: Vec<String>| {
        seal.of(std::iter::once("answer").chain(texts.iter().map(String::as_str)))
    };
    Ok(texts.optional()?.map(seal))
}
