//! Pins in SQLite, beside the approvals: shared by all processes of a user.

use std::collections::BTreeMap;
use std::path::Path;

use portcullis_journal::Timestamp;
use portcullis_mediation::pin::{
    Definition, Part, Pinned, Pins as Kept, Section, Sighting, Surroundings, resembles,
};
use rusqlite::{Row as Columns, Transaction, named_params};

use crate::pin::{Accepted, MOST_PARTS, PinRow, PinStore};
use crate::{Database, StoreError};

/// What is pinned, what was seen in its place, and which sections were seen whole.
pub(super) const TABLES: &str = "
    CREATE TABLE pin (
        server            TEXT NOT NULL,
        section           TEXT NOT NULL,
        name              TEXT NOT NULL,
        definition        TEXT,
        surroundings      TEXT,
        seen              TEXT,
        seen_surroundings TEXT,
        gone              INTEGER NOT NULL DEFAULT 0,
        since             INTEGER NOT NULL,
        accepted_by       TEXT,
        PRIMARY KEY (server, section, name)
    ) STRICT;
    CREATE TABLE pin_whole (
        server  TEXT NOT NULL,
        section TEXT NOT NULL,
        PRIMARY KEY (server, section)
    ) STRICT;
";

/// What a person was shown last of a part: its definition, or that it is gone.
pub(super) const SHOWN: &str = "ALTER TABLE pin ADD COLUMN shown TEXT;";

/// The definitions that were approved, and those that wait.
#[derive(Debug)]
pub struct Pins {
    db: Database,
}

type Sql<T> = Result<T, rusqlite::Error>;

impl Pins {
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

    /// One immediate transaction: no other process writes meanwhile.
    fn write<T>(
        &mut self,
        what: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Sql<T>,
    ) -> Result<T, StoreError> {
        self.db.write(what, work)
    }

    fn look<T>(
        &mut self,
        what: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Sql<T>,
    ) -> Result<T, StoreError> {
        self.db.look(what, work)
    }
}

impl PinStore for Pins {
    fn load(&mut self, server: &str) -> Result<Kept, StoreError> {
        self.look("read pins", |transaction| load(transaction, server))
    }

    fn sighted(
        &mut self,
        server: &str,
        sighting: &Sighting,
        now: Timestamp,
    ) -> Result<Option<Kept>, StoreError> {
        self.write("store pins", |transaction| {
            let mut others = false;
            for (part, definition) in &sighting.first {
                others |= !pin(transaction, server, part, definition, sighting, now)?;
            }
            for (part, (then, better)) in &sighting.risen {
                others |= !rise(transaction, server, part, (then, better), sighting, now)?;
            }
            for (part, definition) in &sighting.drifted {
                note(transaction, server, part, definition, sighting, now)?;
            }
            forget(transaction, server, sighting)?;
            full(transaction, server)?;
            if others { load(transaction, server).map(Some) } else { Ok(None) }
        })
    }

    fn show(&mut self, server: &str) -> Result<Vec<PinRow>, StoreError> {
        self.write("note what is shown", |transaction| {
            let sql = format!("UPDATE pin SET shown = {WAITS} WHERE server = ?1");
            transaction.execute(&sql, [server])?;
            rows(transaction, Some(server))
        })
    }

    fn accept(
        &mut self,
        server: &str,
        named: Option<&str>,
        by: &str,
        now: Timestamp,
    ) -> Result<Accepted, StoreError> {
        self.write("accept pins", |transaction| {
            let mut accepted = Accepted::default();
            for row in rows(transaction, Some(server))? {
                let wanted = named.is_none_or(|name| name == row.part.name);
                if !wanted || row.seen.is_none() && !row.gone {
                    continue;
                }
                if !was_shown(transaction, &row)? {
                    accepted.unseen.push(row.part);
                    continue;
                }
                take(transaction, &row, by, now)?;
                if named.is_none() {
                    whole(transaction, server, row.part.section)?;
                }
                accepted.parts.push(row.part);
            }
            Ok(accepted)
        })
    }

    fn answered(
        &mut self,
        server: &str,
        part: &Part,
        (seen, told): (&Definition, &Surroundings),
        by: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        self.write("accept a pin", |transaction| {
            let sql =
                "UPDATE pin SET definition = seen, surroundings = seen_surroundings, seen = NULL,
                           seen_surroundings = NULL, gone = 0, since = ?5, accepted_by = ?6
                       WHERE server = ?1 AND section = ?2 AND name = ?3 AND seen = ?4
                         AND seen_surroundings = ?7";
            let (section, seen, told) = (part.section.as_str(), json_of(seen)?, json_of(told)?);
            let values = (server, section, &part.name, seen, micros(now), by, told);
            Ok(transaction.prepare_cached(sql)?.execute(values)? == 1)
        })
    }

    fn reset(&mut self, server: &str) -> Result<u64, StoreError> {
        self.write("forget pins", |transaction| {
            transaction.execute("DELETE FROM pin_whole WHERE server = ?1", [server])?;
            let gone = transaction.execute("DELETE FROM pin WHERE server = ?1", [server])?;
            Ok(u64::try_from(gone).unwrap_or(u64::MAX))
        })
    }

    fn rows(&mut self) -> Result<Vec<PinRow>, StoreError> {
        self.look("read pins", |transaction| rows(transaction, None))
    }

    fn neighbours(
        &mut self,
        server: &str,
    ) -> Result<BTreeMap<String, (String, String)>, StoreError> {
        self.look("read pins", |transaction| {
            let sql = "SELECT name, server FROM pin WHERE section = 'tool' AND server <> ?1
                       AND definition IS NOT NULL ORDER BY server DESC, name DESC LIMIT 100000";
            let mut select = transaction.prepare_cached(sql)?;
            let found = select.query_map([server], |row| Ok((row.get(0)?, row.get(1)?)))?;
            let look = |found: Sql<(String, String)>| {
                found.map(|(tool, server)| (resembles(&tool), (tool, server)))
            };
            found.map(look).collect()
        })
    }

    fn changes(&mut self) -> Result<u64, StoreError> {
        self.db.version()
    }
}

/// Pins one part; false when it is pinned already, as something else.
fn pin(
    transaction: &Transaction<'_>,
    server: &str,
    part: &Part,
    definition: &Definition,
    sighting: &Sighting,
    now: Timestamp,
) -> Sql<bool> {
    let definition = json_of(definition)?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO pin (server, section, name, definition, surroundings, since)
         VALUES (:server, :section, :name, :definition, :surroundings, :now)
         ON CONFLICT DO UPDATE SET definition = :definition, surroundings = :surroundings,
             since = :now, seen = NULL WHERE definition IS NULL",
    )?;
    let pinned = insert.execute(named_params! {
        ":server": server, ":section": part.section.as_str(), ":name": part.name,
        ":definition": definition, ":surroundings": json_of(&sighting.surroundings)?,
        ":now": micros(now),
    })?;
    if pinned == 1 {
        return Ok(true);
    }
    let sql = "SELECT definition = ?4 FROM pin WHERE server = ?1 AND section = ?2 AND name = ?3";
    let key = (server, part.section.as_str(), &part.name, definition);
    transaction.prepare_cached(sql)?.query_row(key, |row| row.get(0))
}

/// Pins one part as something better than it was; false when it was something else.
fn rise(
    transaction: &Transaction<'_>,
    server: &str,
    part: &Part,
    (then, better): (&Definition, &Definition),
    sighting: &Sighting,
    now: Timestamp,
) -> Sql<bool> {
    let mut update = transaction.prepare_cached(
        "UPDATE pin SET definition = :better, surroundings = :surroundings, since = :now,
             seen = NULL, seen_surroundings = NULL, accepted_by = NULL
         WHERE server = :server AND section = :section AND name = :name AND definition = :then",
    )?;
    let risen = update.execute(named_params! {
        ":server": server, ":section": part.section.as_str(), ":name": part.name,
        ":then": json_of(then)?, ":better": json_of(better)?,
        ":surroundings": json_of(&sighting.surroundings)?, ":now": micros(now),
    })?;
    Ok(risen == 1)
}

/// Notes what was seen in place of what is pinned.
fn note(
    transaction: &Transaction<'_>,
    server: &str,
    part: &Part,
    definition: &Definition,
    sighting: &Sighting,
    now: Timestamp,
) -> Sql<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO pin (server, section, name, seen, seen_surroundings, since)
         VALUES (:server, :section, :name, :seen, :surroundings, :now)
         ON CONFLICT DO UPDATE SET seen = :seen, seen_surroundings = :surroundings, gone = 0",
    )?;
    insert.execute(named_params! {
        ":server": server, ":section": part.section.as_str(), ":name": part.name,
        ":seen": json_of(definition)?, ":surroundings": json_of(&sighting.surroundings)?,
        ":now": micros(now),
    })?;
    Ok(())
}

/// Clears what is as pinned again, and marks what is listed no more.
fn forget(transaction: &Transaction<'_>, server: &str, sighting: &Sighting) -> Sql<()> {
    let each = |sql: &str, parts: &std::collections::BTreeSet<Part>| -> Sql<()> {
        let mut statement = transaction.prepare_cached(sql)?;
        for part in parts {
            statement.execute((server, part.section.as_str(), &part.name))?;
        }
        Ok(())
    };
    let key = "WHERE server = ?1 AND section = ?2 AND name = ?3";
    each(&format!("UPDATE pin SET seen = NULL, gone = 0 {key}"), &sighting.same)?;
    each(&format!("UPDATE pin SET seen = NULL, gone = 1 {key}"), &sighting.gone)?;
    match sighting.whole {
        Some(section) => whole(transaction, server, section),
        None => Ok(()),
    }
}

fn whole(transaction: &Transaction<'_>, server: &str, section: Section) -> Sql<()> {
    let sql = "INSERT OR IGNORE INTO pin_whole (server, section) VALUES (?1, ?2)";
    transaction.prepare_cached(sql)?.execute((server, section.as_str()))?;
    Ok(())
}

/// Refuses a server that would fill the disk; the transaction is taken back.
fn full(transaction: &Transaction<'_>, server: &str) -> Sql<()> {
    let sql = "SELECT COUNT(*) FROM pin WHERE server = ?1";
    let count: i64 = transaction.prepare_cached(sql)?.query_row([server], |row| row.get(0))?;
    if usize::try_from(count).is_ok_and(|count| count <= MOST_PARTS) {
        return Ok(());
    }
    Err(rusqlite::Error::ToSqlConversionFailure("the server has too many parts to pin".into()))
}

/// What waits for a person, as text: where it was seen belongs to it, because it
/// decides what the definition is taken to say.
const WAITS: &str = "CASE WHEN seen IS NOT NULL THEN seen || char(10) || \
                     coalesce(seen_surroundings, '') WHEN gone THEN 'gone' END";

fn was_shown(transaction: &Transaction<'_>, row: &PinRow) -> Sql<bool> {
    let sql = format!(
        "SELECT coalesce(shown = {WAITS}, 0) FROM pin
         WHERE server = ?1 AND section = ?2 AND name = ?3"
    );
    let key = (row.server.as_str(), row.part.section.as_str(), row.part.name.as_str());
    transaction.prepare_cached(&sql)?.query_row(key, |row| row.get(0))
}

/// What was seen is what is pinned now; what is gone is forgotten.
fn take(transaction: &Transaction<'_>, row: &PinRow, by: &str, now: Timestamp) -> Sql<()> {
    let key = (row.server.as_str(), row.part.section.as_str(), row.part.name.as_str());
    if row.seen.is_none() {
        let sql = "DELETE FROM pin WHERE server = ?1 AND section = ?2 AND name = ?3";
        transaction.prepare_cached(sql)?.execute(key)?;
        return Ok(());
    }
    let sql = "UPDATE pin SET definition = seen, surroundings = seen_surroundings, seen = NULL,
                   seen_surroundings = NULL, gone = 0, since = ?4, accepted_by = ?5
               WHERE server = ?1 AND section = ?2 AND name = ?3";
    transaction.prepare_cached(sql)?.execute((key.0, key.1, key.2, micros(now), by))?;
    Ok(())
}

fn load(transaction: &Transaction<'_>, server: &str) -> Sql<Kept> {
    let pinned = |row: PinRow| Some((row.part, row.pinned?));
    let parts = rows(transaction, Some(server))?.into_iter().filter_map(pinned).collect();
    let mut select =
        transaction.prepare_cached("SELECT section FROM pin_whole WHERE server = ?1")?;
    let whole = select.query_map([server], |row| section(row, 0))?.collect::<Sql<_>>()?;
    Ok(Kept { parts, whole })
}

fn rows(transaction: &Transaction<'_>, server: Option<&str>) -> Sql<Vec<PinRow>> {
    let mut select = transaction.prepare_cached(
        "SELECT server, section, name, definition, surroundings, seen, seen_surroundings, gone,
             since, accepted_by
         FROM pin WHERE ?1 IS NULL OR server = ?1 ORDER BY server, section, name",
    )?;
    let mut rows = select.query_map([server], from_columns)?.collect::<Sql<Vec<_>>>()?;
    // In the order in which a server is looked at.
    rows.sort_by(|a, b| (&a.server, &a.part).cmp(&(&b.server, &b.part)));
    Ok(rows)
}

fn from_columns(row: &Columns<'_>) -> Sql<PinRow> {
    let name: String = row.get(2)?;
    let definition: Option<Definition> = json(row, 3)?;
    let surroundings: Option<Surroundings> = json(row, 4)?;
    let seen: Option<Definition> = json(row, 5)?;
    let seen_surroundings: Option<Surroundings> = json(row, 6)?;
    let since: i64 = row.get(8)?;
    Ok(PinRow {
        server: row.get(0)?,
        part: Part { section: section(row, 1)?, name },
        pinned: definition.map(|definition| Pinned {
            definition,
            surroundings: surroundings.unwrap_or_default(),
        }),
        seen: seen.map(|seen| (seen, seen_surroundings.unwrap_or_default())),
        gone: row.get(7)?,
        since: Timestamp(u64::try_from(since).unwrap_or_default()),
        by: row.get(9)?,
    })
}

fn section(row: &Columns<'_>, column: usize) -> Sql<Section> {
    let text: String = row.get(column)?;
    Section::parse(&text).ok_or_else(|| unreadable(column, "not a section".into()))
}

fn json<T: serde::de::DeserializeOwned>(row: &Columns<'_>, column: usize) -> Sql<Option<T>> {
    let text: Option<String> = row.get(column)?;
    let read = |text: String| {
        serde_json::from_str(&text).map_err(|error| unreadable(column, error.into()))
    };
    text.map(read).transpose()
}

fn json_of(value: &impl serde::Serialize) -> Sql<String> {
    serde_json::to_string(value)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

fn unreadable(column: usize, why: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, why)
}

/// SQLite's integers end 292,000 years from now.
fn micros(time: Timestamp) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}
