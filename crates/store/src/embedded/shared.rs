//! The database as everything in this process uses it: opened once, and lent.
//!
//! A connection to SQLite has a cache, prepared statements and files of its own, so a gateway with
//! a thousand sessions does not have thousands of them. Whoever needs one borrows it for one
//! transaction and gives it back; whoever finds none there opens another, so that nobody waits for
//! anybody else's. A few that were given back are kept.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::database::{self, NAME};
use super::dir::system;
use crate::StoreError;

/// Connections that nobody uses and that are kept.
const KEPT: usize = 2;

/// The database of a state directory. Cloning it gives another handle on the same one.
#[derive(Clone, Debug)]
pub struct Database(Arc<Common>);

type Sql<T> = Result<T, rusqlite::Error>;

#[derive(Debug)]
struct Common {
    state: PathBuf,
    path: PathBuf,
    /// Which file it is: device and inode.
    file: (u64, u64),
    idle: Mutex<Vec<Connection>>,
    /// Writes nothing, so that whatever is written is another's.
    watch: Mutex<Option<Connection>>,
}

impl Database {
    /// Opens or creates `<state>/portcullis.db`.
    ///
    /// # Errors
    /// When the directory or file is not safe, or is damaged.
    pub fn open(state: &Path) -> Result<Self, StoreError> {
        let (db, path) = database::open(state)?;
        let file = identity(&state.join(NAME))?;
        let (idle, watch) = (Mutex::new(vec![db]), Mutex::default());
        Ok(Self(Arc::new(Common { state: state.to_owned(), path, file, idle, watch })))
    }

    /// It is what is at its place now: nobody took the file away or put another there.
    #[must_use]
    pub fn is_there(&self) -> bool {
        identity(&self.0.state.join(NAME)).is_ok_and(|file| file == self.0.file)
    }

    /// Where it is, for whoever says what went wrong.
    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    /// Lends a connection for one piece of work. One that failed is not used again, nor is one to
    /// a file that is not at its place any more: what it writes would be nowhere.
    pub(super) fn with<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&mut Connection) -> Sql<T>,
    ) -> Result<T, StoreError> {
        let there = lock(&self.0.idle).pop().filter(|_| self.is_there());
        let mut db = there.map_or_else(|| self.another(), Ok)?;
        let done = work(&mut db).map_err(|source| database::failed(what, self.path(), source))?;
        let mut idle = lock(&self.0.idle);
        if idle.len() < KEPT {
            idle.push(db);
        }
        Ok(done)
    }

    /// One immediate transaction: no other process writes meanwhile.
    pub(super) fn write<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Sql<T>,
    ) -> Result<T, StoreError> {
        self.with(what, |db| {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let value = work(&transaction)?;
            transaction.commit()?;
            Ok(value)
        })
    }

    /// One transaction that only reads, so that all of it is one moment.
    pub(super) fn look<T>(
        &self,
        what: &'static str,
        work: impl FnOnce(&Transaction<'_>) -> Sql<T>,
    ) -> Result<T, StoreError> {
        self.with(what, |db| work(&db.transaction()?))
    }

    /// A number that is another one when anything was written since.
    pub(super) fn version(&self) -> Result<u64, StoreError> {
        let mut watch = lock(&self.0.watch);
        let db = match watch.take() {
            Some(db) => db,
            None => self.another()?,
        };
        let version: Result<i64, _> =
            watch.insert(db).pragma_query_value(None, "data_version", |row| row.get(0));
        let failed = |source| database::failed("look for changes", self.path(), source);
        version.map(i64::cast_unsigned).map_err(failed)
    }

    fn another(&self) -> Result<Connection, StoreError> {
        let (db, path) = database::open(&self.0.state)?;
        match self.is_there() {
            true => Ok(db),
            false => {
                let why = "another file took its place while it was in use".to_owned();
                Err(StoreError::Damaged { path, why })
            }
        }
    }
}

/// Which file is there.
fn identity(path: &Path) -> Result<(u64, u64), StoreError> {
    // Not opened: closing it would take SQLite's locks away (POSIX, `fcntl`).
    let file = std::fs::symlink_metadata(path).map_err(|source| system("find", path, source))?;
    Ok((file.dev(), file.ino()))
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_a_connection_and_few_are_kept() {
        let state = tempfile::tempdir().unwrap();
        let all = Database::open(state.path()).unwrap();
        let count = |db: &mut Connection| db.query_row("SELECT seen FROM clock", [], |_| Ok(()));
        all.with("a", |_| {
            all.with("b", |_| all.with("c", count).map_err(|_| rusqlite::Error::InvalidQuery))
                .map_err(|_| rusqlite::Error::InvalidQuery)
        })
        .unwrap();
        assert_eq!(lock(&all.0.idle).len(), KEPT);
        all.with("fail", |_| Err::<(), _>(rusqlite::Error::InvalidQuery)).unwrap_err();
        assert_eq!(lock(&all.0.idle).len(), KEPT - 1, "one that failed is not used again");
    }

    #[test]
    fn whatever_is_written_is_seen_whoever_wrote_it() {
        let state = tempfile::tempdir().unwrap();
        let one = Database::open(state.path()).unwrap();
        let (same, other) = (one.clone(), Database::open(state.path()).unwrap());
        for writer in [&same, &other] {
            let before = one.version().unwrap();
            assert_eq!(one.version().unwrap(), before);
            writer.write("write", |db| db.execute("UPDATE clock SET seen = seen + 1", [])).unwrap();
            assert_ne!(one.version().unwrap(), before);
        }
    }

    #[test]
    fn another_file_in_its_place_is_not_taken_for_it() {
        let state = tempfile::tempdir().unwrap();
        let all = Database::open(state.path()).unwrap();
        assert!(all.is_there());
        let path = state.path().join(NAME);
        std::fs::rename(&path, state.path().join("old")).unwrap();
        assert!(!all.is_there());
        for log in ["-wal", "-shm"] {
            let _ = std::fs::remove_file(state.path().join(format!("{NAME}{log}")));
        }
        let fresh = Database::open(state.path()).unwrap();
        assert!(fresh.is_there() && !all.is_there());
        let count = |db: &mut Connection| db.query_row("SELECT seen FROM clock", [], |_| Ok(()));
        assert!(matches!(all.with("count", count), Err(StoreError::Damaged { .. })));
        assert!(matches!(all.version(), Err(StoreError::Damaged { .. })));
    }
}
