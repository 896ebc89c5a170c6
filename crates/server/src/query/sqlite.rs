//! SQLite: a file, opened for no more than a query needs.
//!
//! The file must be a plain one under its own name; a link, a pipe or a device is
//! not opened. A connection that reads cannot write: by its flags, by `query_only`
//! and by the [`authorizer`]. Schema and content of the file are taken for hostile:
//! no function that is not known to be harmless runs from a view or a trigger.
//! Every thousand steps somebody looks whether to go on.

mod authorizer;

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use portcullis_kit::{Call, Refusal};
use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, ErrorCode, OpenFlags, Statement};
use serde_json::Value;

use super::table::{Room, Table, blob, fraction, text, too_large, whole};
use super::value::Bound;
use super::{Asked, BYTES, Database, Needs, Order, said, too_slow};
use authorizer::Mode;

/// Steps of SQLite's machine between two looks at the clock; of a stranger's text fewer,
/// for one step may be the search of a long text in another.
const STRIDE: i32 = 1_000;
const STRIDE_OF_STRANGERS: i32 = 20;
/// The longest value that a stranger's text may meet, in bytes: such a search takes no
/// more than a moment.
const LONGEST_OF_STRANGERS: usize = 256 << 10;
/// Steps of one query, whatever the clock says.
const STEPS: u64 = 2_000_000_000;
/// Connections that wait for the next query.
const IDLE: usize = 4;
/// Memory of all SQLite connections of the process together, in bytes.
const HEAP: u64 = 256 << 20;

/// An SQLite database.
#[derive(Debug, Clone)]
pub(crate) struct File {
    path: PathBuf,
    idle: Arc<Mutex<Vec<Idle>>>,
}

/// A connection that nobody uses now.
#[derive(Debug)]
struct Idle {
    mode: Mode,
    file: Identity,
    connection: Connection,
}

/// Which file a path leads to.
type Identity = (u64, u64);

impl File {
    /// The file at an absolute path. Links are followed in the directories above it,
    /// which are the operator's, and now; not in its own name, and not later.
    pub(crate) fn new(path: &Path) -> Result<Self, String> {
        let name = path.file_name().ok_or("it has no name")?;
        let above = path.parent().ok_or("it has no directory")?;
        let above = above.canonicalize().map_err(|error| error.to_string())?;
        let file = Self { path: above.join(name), idle: Arc::default() };
        file.identity()?;
        Ok(file)
    }

    fn identity(&self) -> Result<Identity, String> {
        let found = fs::symlink_metadata(&self.path).map_err(|error| error.to_string())?;
        if found.is_file() {
            Ok((found.dev(), found.ino()))
        } else {
            Err("no plain file".to_owned())
        }
    }

    /// Whether the file is in WAL mode, as its header says (byte 18 is 2: the file
    /// format of SQLite, 1.3.3). What cannot be read has none.
    fn has_a_log(&self) -> bool {
        let mut header = [0; 19];
        let read = fs::File::open(&self.path).and_then(|mut file| file.read_exact(&mut header));
        read.is_ok() && header.last() == Some(&2)
    }

    /// A connection for this mode, from those that wait or a new one.
    fn take(&self, mode: Mode) -> Result<Idle, Refusal> {
        let failed = |why: String| Refusal::failed("opening the database", why);
        let file = self.identity().map_err(failed)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|waiting| waiting.file == file);
        if let Some(place) = idle.iter().position(|waiting| waiting.mode == mode) {
            return Ok(idle.swap_remove(place));
        }
        drop(idle);
        let connection = open(&self.path, mode).map_err(|error| failed(error.to_string()))?;
        if self.identity().map_err(failed)? != file {
            return Err(failed("the file was exchanged while it was opened".to_owned()));
        }
        Ok(Idle { mode, file, connection })
    }

    fn give_back(&self, used: Idle) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(used);
        }
    }

    fn run(&self, order: &Order, call: &Call) -> Result<Table, Refusal> {
        let mode = match (order.writes, order.stranger) {
            (true, _) => Mode::Writes,
            (false, true) => Mode::Stranger,
            (false, false) => Mode::Reads,
        };
        let mut used = self.take(mode)?;
        let end = Instant::now() + order.timeout;
        watch(&mut used, call.clone(), end).map_err(|error| trouble(order, &error))?;
        let answer = if order.writes {
            whole_or_nothing(&used.connection, order)
        } else {
            rows(&used.connection, order)
        };
        let answer = answer?;
        // One that failed is not used again.
        self.give_back(used);
        Ok(answer)
    }
}

impl Database for File {
    /// Beside a file that is written, or has a log, SQLite makes others: then its
    /// directory is needed.
    fn needs(&self, writes: bool) -> Needs {
        let mut needs = Needs::default();
        if writes || self.has_a_log() {
            needs.write.extend(self.path.parent().map(Path::to_owned));
        } else {
            needs.read.push(self.path.clone());
        }
        needs
    }

    fn ask<'a>(&'a self, order: Order, call: &'a Call) -> Asked<'a> {
        let file = self.clone();
        Box::pin(call.blocking(move |call| file.run(&order, call)))
    }
}

fn open(path: &Path, mode: Mode) -> rusqlite::Result<Connection> {
    let access = match mode {
        Mode::Writes => OpenFlags::SQLITE_OPEN_READ_WRITE,
        Mode::Reads | Mode::Stranger => OpenFlags::SQLITE_OPEN_READ_ONLY,
    };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(1))?;
    for (setting, value) in [
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_WRITABLE_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_FTS3_TOKENIZER, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DML, false),
        (DbConfig::SQLITE_DBCONFIG_DQS_DDL, false),
    ] {
        connection.set_db_config(setting, value)?;
    }
    let bytes = if mode == Mode::Stranger { LONGEST_OF_STRANGERS } else { BYTES };
    let bytes = i32::try_from(bytes).unwrap_or(i32::MAX);
    for (limit, value) in [
        (Limit::SQLITE_LIMIT_LENGTH, bytes),
        (Limit::SQLITE_LIMIT_SQL_LENGTH, 64 << 10),
        (Limit::SQLITE_LIMIT_COLUMN, 500),
        (Limit::SQLITE_LIMIT_COMPOUND_SELECT, 50),
        (Limit::SQLITE_LIMIT_FUNCTION_ARG, 32),
        (Limit::SQLITE_LIMIT_ATTACHED, 0),
        (Limit::SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 500),
        (Limit::SQLITE_LIMIT_TRIGGER_DEPTH, 10),
        (Limit::SQLITE_LIMIT_WORKER_THREADS, 0),
    ] {
        connection.set_limit(limit, value)?;
    }
    connection.execute_batch(&format!(
        "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;
         PRAGMA foreign_keys = ON; PRAGMA hard_heap_limit = {HEAP};"
    ))?;
    if mode != Mode::Writes {
        connection.execute_batch("PRAGMA query_only = ON;")?;
    }
    authorizer::install(&mut connection, mode)?;
    Ok(connection)
}

/// Ends a query whose call is over, whose time is, or that takes too many steps.
fn watch(used: &mut Idle, call: Call, end: Instant) -> rusqlite::Result<()> {
    let mut strides = 0_u64;
    let stride = if used.mode == Mode::Stranger { STRIDE_OF_STRANGERS } else { STRIDE };
    used.connection.progress_handler(
        stride,
        Some(move || {
            strides += 1;
            strides > STEPS / u64::from(stride.unsigned_abs())
                || Instant::now() >= end
                || call.goes_on().is_err()
        }),
    )
}

fn whole_or_nothing(connection: &Connection, order: &Order) -> Result<Table, Refusal> {
    let failed = |error| trouble(order, &error);
    connection.execute_batch("BEGIN IMMEDIATE").map_err(failed)?;
    let before = connection.total_changes();
    let done = rows(connection, order).and_then(|mut table| {
        if table.is_cut() {
            let why = "the query returns more rows than are allowed; nothing was changed";
            return Err(Refusal::new(why));
        }
        table.set_changed(connection.total_changes() - before);
        connection.execute_batch("COMMIT").map_err(failed)?;
        Ok(table)
    });
    if done.is_err() && !connection.is_autocommit() {
        // Nothing more is asked of this connection: it goes, and takes the transaction along.
        let _closed = connection.execute_batch("ROLLBACK");
    }
    done
}

fn rows(connection: &Connection, order: &Order) -> Result<Table, Refusal> {
    let failed = |error| trouble(order, &error);
    let mut statement = connection.prepare_cached(&order.text).map_err(failed)?;
    if !order.writes && !statement.readonly() {
        return Err(Refusal::failed("the query", "SQLite says that it writes"));
    }
    bind(&mut statement, &order.values).map_err(failed)?;
    let columns = statement.column_names().map(str::to_owned).collect::<Vec<_>>();
    let width = columns.len();
    let mut table = Table::new(columns, order.rows);
    let mut rows = statement.raw_query();
    while let Some(row) = rows.next().map_err(failed)? {
        let values = (0..width).map(|place| row.get_ref(place).map(json));
        if table.push(values.collect::<Result<_, _>>().map_err(failed)?)? == Room::Full {
            break;
        }
    }
    Ok(table)
}

fn bind(statement: &mut Statement<'_>, values: &[Bound]) -> rusqlite::Result<()> {
    for (place, value) in (1..).zip(values) {
        match value {
            Bound::Text(value) => statement.raw_bind_parameter(place, value)?,
            Bound::Integer(value) => statement.raw_bind_parameter(place, value)?,
            Bound::Number(value) => statement.raw_bind_parameter(place, value)?,
            Bound::Boolean(value) => statement.raw_bind_parameter(place, value)?,
        }
    }
    Ok(())
}

fn json(value: ValueRef<'_>) -> Value {
    match value {
        ValueRef::Null => Value::Null,
        ValueRef::Integer(number) => whole(number),
        ValueRef::Real(number) => fraction(number),
        ValueRef::Text(bytes) => text(bytes),
        ValueRef::Blob(bytes) => blob(bytes),
    }
}

fn trouble(order: &Order, error: &rusqlite::Error) -> Refusal {
    match error.sqlite_error_code() {
        Some(ErrorCode::OperationInterrupted) => too_slow(order.timeout),
        Some(ErrorCode::TooBig) => too_large(),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            Refusal::new("the database is busy: try again").because(error)
        }
        Some(ErrorCode::ConstraintViolation) => {
            Refusal::new("the database refuses this change: a constraint does not hold")
                .because(error)
        }
        // What a damaged file is called is said by SQLite, with no word of the file.
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Refusal::failed("reading the database", error)
        }
        _ => match error {
            rusqlite::Error::SqlInputError { msg, .. } => said(order, msg),
            rusqlite::Error::SqliteFailure(_, Some(message)) => said(order, message),
            other => Refusal::failed("the query", other),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stand() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let sql = "create table t (a); create index i on t (a); insert into t values (1)";
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        (folder, path)
    }

    /// The judgement of texts left out: what a connection holds alone.
    #[test]
    fn a_connection_holds_without_any_judgement_of_its_text() {
        let (folder, path) = stand();
        let other = folder.path().join("other.db").display().to_string();
        let everywhere = [
            "drop table t".to_owned(),
            "create table u (a)".to_owned(),
            "create temp table u (a)".to_owned(),
            "alter table t add column b".to_owned(),
            format!("attach database '{other}' as other"),
            format!("vacuum into '{other}'"),
            "vacuum".to_owned(),
            "pragma writable_schema = on".to_owned(),
            "pragma journal_mode = off".to_owned(),
            "pragma query_only = off".to_owned(),
            "pragma trusted_schema = on".to_owned(),
            "update sqlite_master set sql = ''".to_owned(),
            "delete from sqlite_master".to_owned(),
            "select load_extension('/tmp/evil.so')".to_owned(),
            "select fts3_tokenizer('simple', x'4141414141414141')".to_owned(),
            "savepoint s".to_owned(),
            "analyze".to_owned(),
            "reindex".to_owned(),
            "select * from pragma_database_list".to_owned(),
        ];
        let reading = ["insert into t values (2)", "update t set a = 2", "delete from t", "begin"];
        let stranger = ["select * from sqlite_master", "select randomblob(10)", "select changes()"];
        for (mode, more) in [
            (Mode::Writes, Vec::new()),
            (Mode::Reads, reading.to_vec()),
            (Mode::Stranger, [&reading[..], &stranger[..]].concat()),
        ] {
            for sql in everywhere.iter().map(String::as_str).chain(more) {
                let connection = open(&path, mode).unwrap();
                assert!(connection.execute_batch(sql).is_err(), "{mode:?}: {sql}");
            }
        }
        assert!(!Path::new(&other).exists());
        let left: i64 = Connection::open(&path)
            .unwrap()
            .query_row("select count(*) from t where a = 1", [], |row| row.get(0))
            .unwrap();
        assert_eq!(left, 1);
    }

    /// Every list of the authorizer left out: the flags of the file hold alone.
    #[test]
    fn a_connection_that_reads_holds_without_its_authorizer() {
        let (_folder, path) = stand();
        for mode in [Mode::Reads, Mode::Stranger] {
            let mut connection = open(&path, mode).unwrap();
            let none: Option<
                fn(rusqlite::hooks::AuthContext<'_>) -> rusqlite::hooks::Authorization,
            > = None;
            connection.authorizer(none).unwrap();
            for sql in ["insert into t values (2)", "delete from t", "drop table t"] {
                assert!(connection.execute_batch(sql).is_err(), "{sql}");
            }
            assert!(connection.execute_batch("pragma query_only = off; delete from t").is_err());
        }
    }

    #[test]
    fn a_query_whose_time_is_over_is_ended() {
        let (_folder, path) = stand();
        let file = File::new(&path).unwrap();
        let mut used = file.take(Mode::Reads).unwrap();
        let stopped = Instant::now();
        watch(&mut used, Call::detached(portcullis_kit::Roots::none()), stopped).unwrap();
        let endless =
            "with recursive x(n) as (select 1 union all select n + 1 from x) select max(n) from x";
        let error = used.connection.query_row(endless, [], |row| row.get::<_, i64>(0)).unwrap_err();
        assert_eq!(error.sqlite_error_code(), Some(ErrorCode::OperationInterrupted));
    }
}
