//! Grants in SQLite: which directories the operator's servers were given, and
//! which of them a person took back.
//!
//! A gateway writes down what its server was given; a person takes one back from
//! anywhere, and the gateway that runs looks. What was taken back stays so, over
//! every restart, until a person gives it again.

use std::collections::BTreeSet;
use std::path::Path;

use portcullis_journal::Timestamp;
use rusqlite::{OptionalExtension as _, Row as Columns, named_params};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use portcullis_mediation::grant::LONGEST_SESSION;

use crate::{Database, StoreError};

/// The table of them.
pub(crate) const TABLE: &str = "
    CREATE TABLE root_grant (
        id         TEXT PRIMARY KEY,
        server     TEXT NOT NULL,
        root       TEXT NOT NULL,
        access     TEXT NOT NULL,
        revoked    INTEGER NOT NULL CHECK (revoked IN (0, 1)),
        given      INTEGER NOT NULL,
        changed    INTEGER,
        changed_by TEXT
    ) STRICT;
";

/// Of those that a person let in while a server ran: its session, and when that ended.
pub(crate) const SESSIONS: &str = "
    ALTER TABLE root_grant ADD COLUMN session TEXT;
    ALTER TABLE root_grant ADD COLUMN ended INTEGER;
";

/// Grants of one state directory.
#[derive(Debug)]
pub struct Grants {
    db: Database,
}

/// One directory that one server was given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grant {
    /// Its name: `grt_` and twelve characters, the same for the same server and root.
    pub id: String,
    /// The server.
    pub server: String,
    /// The directory.
    pub root: String,
    /// `ro` or `rw`.
    pub access: String,
    /// A person took it back.
    pub revoked: bool,
    /// When the server last started with it.
    pub given: Timestamp,
    /// The session that it was let in for, when the config does not give it at every start.
    pub session: Option<String>,
    /// When that session ended.
    pub ended: Option<Timestamp>,
    /// When a person last took it back, or gave it again.
    pub changed: Option<Timestamp>,
    /// Who did.
    pub changed_by: Option<String>,
}

impl Grant {
    /// Where it stands, in a word: `given`, `over` or `taken back`. A session that nobody
    /// ended, because its gateway was killed, is over after the longest that there is.
    #[must_use]
    pub fn word(&self, now: Timestamp) -> &'static str {
        let long_ago = self.session.is_some() && now.since(self.given) > LONGEST_SESSION;
        match (self.revoked, self.ended.is_some() || long_ago) {
            (true, _) => "taken back",
            (false, true) => "over",
            (false, false) => "given",
        }
    }
}

impl Grants {
    /// Opens or creates `<state>/portcullis.db`.
    ///
    /// # Errors
    /// When the directory or file is not safe, or is damaged.
    pub fn open(state: &Path) -> Result<Self, StoreError> {
        Ok(Self::of(&Database::open(state)?))
    }

    /// Those of a database that is open.
    #[must_use]
    pub fn of(database: &Database) -> Self {
        Self { db: database.clone() }
    }

    /// A server has this root: from its start on, or let in for a session. What a person took
    /// back stays taken back.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn give(
        &mut self,
        server: &str,
        root: &str,
        access: &str,
        session: Option<&str>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "INSERT INTO root_grant (id, server, root, access, revoked, given, session)
             VALUES (:id, :server, :root, :access, 0, :given, :session)
             ON CONFLICT (id) DO UPDATE SET access = excluded.access, given = excluded.given,
                 session = excluded.session, ended = NULL";
        let values = named_params! {
            ":id": name(server, root), ":server": server, ":root": root, ":access": access,
            ":given": micros(now), ":session": session,
        };
        self.db.with("store a grant", |db| db.execute(sql, values).map(drop))
    }

    /// A session ended, and with it what was let in for it.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn end_session(&mut self, session: &str, now: Timestamp) -> Result<(), StoreError> {
        let sql = "UPDATE root_grant SET ended = ?2 WHERE session = ?1 AND ended IS NULL";
        let values = (session, micros(now));
        self.db.with("end a session's grants", |db| db.execute(sql, values).map(drop))
    }

    /// Every grant, by server and root.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn list(&self) -> Result<Vec<Grant>, StoreError> {
        self.db.with("read the grants", |db| {
            let mut rows = db.prepare_cached("SELECT * FROM root_grant ORDER BY server, root")?;
            rows.query_map([], read)?.collect()
        })
    }

    /// The roots of a server that a person took back.
    ///
    /// # Errors
    /// When they cannot be read: then none of them may be shown.
    pub fn revoked(&self, server: &str) -> Result<BTreeSet<String>, StoreError> {
        let sql = "SELECT root FROM root_grant WHERE server = ?1 AND revoked = 1";
        self.db.with("read the grants", |db| {
            db.prepare_cached(sql)?.query_map([server], |row| row.get(0))?.collect()
        })
    }

    /// A person takes a grant back, or gives it again. None if there is no such.
    ///
    /// # Errors
    /// When it cannot be stored.
    pub fn set_revoked(
        &mut self,
        id: &str,
        revoked: bool,
        by: &str,
        now: Timestamp,
    ) -> Result<Option<Grant>, StoreError> {
        let sql = "UPDATE root_grant SET revoked = :revoked, changed = :now, changed_by = :by
             WHERE id = :id RETURNING *";
        let values =
            named_params! { ":id": id, ":revoked": revoked, ":now": micros(now), ":by": by };
        self.db.with("change a grant", |db| db.query_row(sql, values, read).optional())
    }
}

fn read(row: &Columns<'_>) -> Result<Grant, rusqlite::Error> {
    let time = |micros: i64| Timestamp(u64::try_from(micros).unwrap_or_default());
    Ok(Grant {
        id: row.get("id")?,
        server: row.get("server")?,
        root: row.get("root")?,
        access: row.get("access")?,
        revoked: row.get("revoked")?,
        given: time(row.get("given")?),
        session: row.get("session")?,
        ended: row.get::<_, Option<i64>>("ended")?.map(time),
        changed: row.get::<_, Option<i64>>("changed")?.map(time),
        changed_by: row.get("changed_by")?,
    })
}

/// The same server and root have the same name, so that a person's word lasts.
fn name(server: &str, root: &str) -> String {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let digest = Sha256::digest(format!("{server}\0{root}").as_bytes());
    let letter =
        |byte: &u8| char::from(ALPHABET.get(usize::from(byte & 31)).copied().unwrap_or(b'0'));
    "grt_".chars().chain(digest.iter().take(12).map(letter)).collect()
}

fn micros(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_back_stays_so_until_it_is_given_again() {
        let state = tempfile::tempdir().unwrap();
        let mut gateway = Grants::open(state.path()).unwrap();
        let mut person = Grants::open(state.path()).unwrap();
        let at = |seconds: u64| Timestamp(seconds * 1_000_000);
        for (server, root, access) in [("a", "/p", "rw"), ("a", "/q", "ro"), ("b", "/p", "ro")] {
            gateway.give(server, root, access, None, at(1)).unwrap();
        }
        let listed = person.list().unwrap();
        let shown: Vec<_> = listed.iter().map(|g| (g.server.as_str(), g.root.as_str())).collect();
        assert_eq!(shown, [("a", "/p"), ("a", "/q"), ("b", "/p")]);
        let id = listed[0].id.clone();
        assert!(gateway.revoked("a").unwrap().is_empty());
        let row = person.set_revoked(&id, true, "uid:1000", at(2)).unwrap().unwrap();
        assert!(row.revoked && row.changed == Some(at(2)));
        assert_eq!(gateway.revoked("a").unwrap(), BTreeSet::from(["/p".to_owned()]));
        assert!(gateway.revoked("b").unwrap().is_empty());
        // The next start of the same server.
        gateway.give("a", "/p", "rw", None, at(3)).unwrap();
        assert_eq!(gateway.revoked("a").unwrap().len(), 1);
        assert!(!person.set_revoked(&id, false, "uid:1000", at(4)).unwrap().unwrap().revoked);
        assert!(gateway.revoked("a").unwrap().is_empty());
        assert_eq!(person.set_revoked("grt_000000000000", true, "x", at(5)).unwrap(), None);
    }

    #[test]
    fn what_was_let_in_for_a_session_is_over_with_it() {
        let state = tempfile::tempdir().unwrap();
        let mut gateway = Grants::open(state.path()).unwrap();
        let mut person = Grants::open(state.path()).unwrap();
        let at = |seconds: u64| Timestamp(seconds * 1_000_000);
        gateway.give("a", "/always", "ro", None, at(1)).unwrap();
        gateway.give("a", "/one", "ro", Some("s1"), at(1)).unwrap();
        gateway.give("a", "/two", "ro", Some("s2"), at(1)).unwrap();
        let words = |now| -> Vec<_> {
            person.list().unwrap().iter().map(|grant| grant.word(now)).collect()
        };
        assert_eq!(words(at(2)), ["given", "given", "given"]);
        gateway.end_session("s1", at(3)).unwrap();
        assert_eq!(words(at(4)), ["given", "over", "given"]);
        // Its gateway was killed, and said nothing.
        assert_eq!(words(at(90_000)), ["given", "over", "over"]);
        // Let in once more, by another session or by the config.
        gateway.give("a", "/one", "ro", Some("s3"), at(5)).unwrap();
        assert_eq!(words(at(6)), ["given", "given", "given"]);
        gateway.end_session("s1", at(7)).unwrap();
        assert_eq!(words(at(8)), ["given", "given", "given"]);
        let one = person.list().unwrap()[1].id.clone();
        gateway.end_session("s3", at(9)).unwrap();
        person.set_revoked(&one, true, "uid:1000", at(9)).unwrap();
        let words: Vec<_> = person.list().unwrap().iter().map(|it| it.word(at(9))).collect();
        assert_eq!(words, ["given", "taken back", "given"]);
    }
}
