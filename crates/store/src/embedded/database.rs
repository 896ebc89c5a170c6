//! The SQLite file: where it is, who may read it, and how its tables grew.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::dir::{Dir, system};
use crate::StoreError;

pub(super) const NAME: &str = "portcullis.db";
/// Statements that each connection keeps ready: about as many as there are.
const STATEMENTS: usize = 64;

/// How long to wait for another process's transaction; they are short.
const BUSY: Duration = Duration::from_secs(5);

/// The tables, one step after the other; `user_version` counts the steps taken.
/// A step that was released is never edited.
const STEPS: [&str; 11] = [
    "
    CREATE TABLE approval (
        id               TEXT PRIMARY KEY,
        kind             TEXT NOT NULL,
        state            TEXT NOT NULL
            CHECK (state IN ('pending', 'approved', 'denied', 'expired', 'used')),
        principal        TEXT NOT NULL,
        server           TEXT NOT NULL,
        tool             TEXT NOT NULL,
        definition_pin   TEXT NOT NULL,
        arguments_digest TEXT NOT NULL,
        policy           TEXT NOT NULL,
        arguments        TEXT NOT NULL,
        risk             TEXT NOT NULL,
        reasons          TEXT NOT NULL,
        created          INTEGER NOT NULL,
        expires          INTEGER NOT NULL,
        decided          INTEGER,
        decided_by       TEXT
    ) STRICT;
    CREATE INDEX approval_open ON approval (arguments_digest)
        WHERE state IN ('pending', 'approved', 'denied');
    CREATE INDEX approval_created ON approval (created);
    CREATE TABLE clock (seen INTEGER NOT NULL) STRICT;
    INSERT INTO clock VALUES (0);
",
    super::grants::TABLE,
    super::pins::TABLES,
    super::pins::SHOWN,
    super::standing::TABLES,
    super::standing::SEALED,
    // What was open before it had one is for no session.
    "ALTER TABLE approval ADD COLUMN session TEXT NOT NULL DEFAULT '';",
    "CREATE INDEX approval_expires ON approval (expires)
        WHERE state IN ('pending', 'approved', 'denied');",
    super::answer::TABLES,
    super::grants::SESSIONS,
    super::vault::TABLE,
];

/// Opens the database of a state directory, creating it when there is none.
pub(crate) fn open(state: &Path) -> Result<(Connection, PathBuf), StoreError> {
    let dir = Dir::state(state)?;
    if dir.read(NAME)?.is_none() {
        create(&dir)?;
    }
    let path = dir.path(NAME);
    let mut db = connect(&dir, NAME)?;
    migrate(&mut db, &path)?;
    Ok((db, path))
}

/// Makes a complete database under another name and then gives it its own, so
/// that an empty or half-made `portcullis.db` is always a damaged one.
fn create(dir: &Dir) -> Result<(), StoreError> {
    let log = format!("{NAME}-wal");
    if dir.read(&log)?.is_some() {
        let why = format!("is there without `{NAME}`, to which it belongs");
        return Err(StoreError::Damaged { path: dir.path(&log), why });
    }
    let name = super::dir::temporary_name(NAME)?;
    drop(dir.create(&name)?);
    let made = fill(dir, &name).and_then(|()| dir.link(&name, NAME));
    dir.remove(&name);
    made?;
    dir.sync()
}

fn fill(dir: &Dir, name: &str) -> Result<(), StoreError> {
    let mut db = connect(dir, name)?;
    let path = dir.path(name);
    let failed = |source| failed("create tables", &path, source);
    let transaction = db.transaction().map_err(failed)?;
    transaction.execute_batch(&STEPS.concat()).map_err(failed)?;
    transaction.pragma_update(None, "user_version", version_of(STEPS.len())).map_err(failed)?;
    transaction.commit().map_err(failed)?;
    // Nobody else has this file open yet; later, two that switch at once would collide.
    db.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    db.close().map_err(|(_, source)| failed(source))
}

fn connect(dir: &Dir, name: &str) -> Result<Connection, StoreError> {
    // SQLite refuses a link anywhere in the path; above our directory links are fine.
    let own = dir.own_path();
    let path = own.canonicalize().map_err(|source| system("find", own, source))?.join(name);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    let failed = |source| failed("open the database", &path, source);
    let db = Connection::open_with_flags(&path, flags).map_err(failed)?;
    db.busy_timeout(BUSY).map_err(failed)?;
    db.set_prepared_statement_cache_capacity(STATEMENTS);
    // A yes that was used must stay used when the power fails.
    db.pragma_update(None, "synchronous", "FULL").map_err(failed)?;
    db.pragma_update(None, "trusted_schema", "OFF").map_err(failed)?;
    Ok(db)
}

fn migrate(db: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| failed("read the tables", path, source);
    let damaged = |why: String| StoreError::Damaged { path: path.to_owned(), why };
    let known = version_of(STEPS.len());
    let version: u32 =
        db.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    match version {
        0 => Err(damaged("it is not a database of ours".to_owned())),
        version if version > known => {
            Err(damaged(format!("it was written by a newer version (schema {version})")))
        }
        version if version == known => Ok(()),
        _ => climb(db, path),
    }?;
    let mode: String =
        db.pragma_query_value(None, "journal_mode", |row| row.get(0)).map_err(failed)?;
    if mode == "wal" { Ok(()) } else { Err(damaged(format!("its journal mode is {mode}"))) }
}

/// Takes the steps that are missing, all or none, whoever else does the same.
fn climb(db: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let failed = |source| failed("update the tables", path, source);
    let transaction =
        db.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(failed)?;
    let version: u32 =
        transaction.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(failed)?;
    for (step, done) in STEPS.iter().zip(1..) {
        if done > version {
            transaction.execute_batch(step).map_err(failed)?;
            transaction.pragma_update(None, "user_version", done).map_err(failed)?;
        }
    }
    transaction.commit().map_err(failed)
}

fn version_of(steps: usize) -> u32 {
    u32::try_from(steps).unwrap_or(u32::MAX)
}

/// What SQLite said; a damaged file gets its own words.
pub(crate) fn failed(what: &'static str, path: &Path, source: rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
    let path = path.to_owned();
    match source.sqlite_error_code() {
        Some(DatabaseCorrupt | NotADatabase) => {
            StoreError::Damaged { path, why: source.to_string() }
        }
        _ => StoreError::Database { what, path, source },
    }
}
