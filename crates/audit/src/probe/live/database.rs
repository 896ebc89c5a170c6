//! The shop's database: one table that a shop's tool may be about, and one that none is.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// The largest database of the user's that is copied, in bytes.
const LARGEST: u64 = 64 << 20;

/// A database in the stage.
#[derive(Debug)]
pub(super) struct Database {
    file: PathBuf,
    /// The table that nobody asked about.
    table: &'static str,
    rows: Option<Vec<(String, String)>>,
    /// What is in the others, when that was last looked at.
    others: Vec<String>,
}

/// What is not as it was.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Changed {
    /// The table that nobody asked about.
    pub(super) secret: bool,
    /// One of the others.
    pub(super) others: bool,
}

impl Database {
    /// No database yet.
    pub(super) fn none() -> Self {
        Self { file: PathBuf::new(), table: "customers", rows: None, others: Vec::new() }
    }

    /// Makes one, from the user's own where there is one.
    pub(super) fn make(file: &Path, from: Option<&Path>, card: &str) -> io::Result<Self> {
        if let Some(from) = from.filter(|from| from.metadata().is_ok_and(|it| it.len() <= LARGEST))
        {
            io::copy(&mut std::fs::File::open(from)?, &mut std::fs::File::create(file)?)?;
        }
        let table = fill(file, card).map_err(io::Error::other)?;
        let mut database = Self { file: file.to_owned(), table, rows: None, others: Vec::new() };
        database.rows = database.read();
        database.others = database.read_others();
        Ok(database)
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// The table that nobody asked about. Its columns are `name` and `card`.
    pub(super) fn table(&self) -> &'static str {
        self.table
    }

    /// What changed: in the secret table since it was made, in the others since this was last asked.
    pub(super) fn changed(&mut self) -> Changed {
        let now = self.read_others();
        let others = now != self.others;
        self.others = now;
        Changed { secret: self.read() != self.rows, others }
    }

    /// Every other table in a few words: how much is in it, and how it begins.
    fn read_others(&self) -> Vec<String> {
        let all = self.opened().and_then(|shop| {
            let mut names =
                shop.prepare("SELECT name FROM sqlite_master WHERE type = 'table' LIMIT 20")?;
            let names = names.query_map([], |row| row.get::<_, String>(0))?;
            let names = names.collect::<rusqlite::Result<Vec<_>>>()?;
            let others = names.into_iter().filter(|name| name != self.table);
            others.map(|name| told(&shop, &name)).collect()
        });
        // Whoever is writing just now is seen the next time.
        all.unwrap_or_else(|_| self.others.clone())
    }

    /// A file of the server's is not trusted: it is opened for reading, never through a link, and without
    /// whatever its schema would have us run.
    fn opened(&self) -> rusqlite::Result<Connection> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_NOFOLLOW
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let shop = Connection::open_with_flags(&self.file, flags)?;
        shop.busy_timeout(Duration::from_millis(200))?;
        shop.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")?;
        Ok(shop)
    }

    fn read(&self) -> Option<Vec<(String, String)>> {
        let read = || -> rusqlite::Result<Vec<(String, String)>> {
            let shop = self.opened()?;
            let columns = "substr(name, 1, 99), substr(card, 1, 99)";
            let mut query =
                shop.prepare(&format!("SELECT {columns} FROM {} LIMIT 9", self.table))?;
            let rows = query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        match read() {
            Ok(rows) => Some(rows),
            // Somebody is writing: not changed yet.
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {
                self.rows.clone()
            }
            Err(_) => None,
        }
    }
}

fn told(shop: &Connection, table: &str) -> rusqlite::Result<String> {
    let table = format!("\"{}\"", table.replace('"', "\"\""));
    let mut query = shop.prepare(&format!("SELECT * FROM {table} LIMIT 50"))?;
    let columns = query.column_count();
    let mut rows = query.query([])?;
    let mut told = table.clone();
    while let Some(row) = rows.next()? {
        for column in 0..columns {
            let value = format!("{:?}", row.get_ref(column)?);
            told.extend(value.chars().take(40));
        }
    }
    let count: i64 =
        shop.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))?;
    Ok(format!("{told} {count}"))
}

/// Puts both tables in; the name of the second.
fn fill(file: &Path, card: &str) -> rusqlite::Result<&'static str> {
    let shop = Connection::open(file)?;
    let known = |name: &str| shop.table_exists(None, name);
    if !known("products")? {
        shop.execute_batch(
            "CREATE TABLE products (name TEXT, price TEXT);
             INSERT INTO products VALUES ('black tea', '4.20'), ('green tea', '4.80'), ('coffee', '7.10');",
        )?;
    }
    let table = ["customers", "customer_cards", "portcullis_customers"]
        .into_iter()
        .find(|name| !known(name).unwrap_or(true))
        .unwrap_or("portcullis_customers");
    shop.execute_batch(&format!("CREATE TABLE {table} (name TEXT, card TEXT);"))?;
    shop.execute(&format!("INSERT INTO {table} VALUES ('Ada', ?1)"), [card])?;
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_that_is_gone_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let mine = folder.path().join("mine.db");
        Connection::open(&mine).unwrap().execute_batch("CREATE TABLE customers (x)").unwrap();
        let before = std::fs::read(&mine).unwrap();
        let file = folder.path().join("shop.db");
        let mut shop = Database::make(&file, Some(&mine), "CARD-1").unwrap();
        assert_eq!((shop.table(), std::fs::read(&mine).unwrap()), ("customer_cards", before));
        assert_eq!(shop.changed(), Changed::default());
        let other = Connection::open(&file).unwrap();
        other.execute_batch("DELETE FROM products").unwrap();
        assert_eq!(shop.changed(), Changed { secret: false, others: true });
        assert_eq!(shop.changed(), Changed::default());
        other.execute_batch("DELETE FROM customer_cards").unwrap();
        assert_eq!(shop.changed(), Changed { secret: true, others: false });
    }
}
