//! Databases and queries: each named query is a tool, and where an operator allows
//! it, a text that only reads.
//!
//! What a query does was judged before (`guard::sql`, where its file was read); what
//! stands here holds it to that: a database is opened for reading unless the query
//! writes, a call has a deadline, a result has an end, and what fails leaves nothing
//! half done. Reading order: here, [`tool`] (what a client sees), [`value`] (from JSON to
//! a driver), [`table`] (and back), then [`sqlite`], [`postgres`] and [`mysql`],
//! which both end in [`settle`].

mod mysql;
mod postgres;
mod settle;
mod sqlite;
mod table;
mod tool;
mod value;

use std::fmt::{self, Debug};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use portcullis_config::queries::{Adhoc, Place, Queries};
use portcullis_config::{SecretString, Source, values};
use portcullis_guard::sql::Dialect;
use portcullis_kit::{Call, Refusal};

use table::Table;
pub use tool::{AdhocQuery, NamedQuery, QueryTool};

use value::Bound;

/// The most that a result may hold, in bytes: what a gateway passes on.
pub(crate) const BYTES: usize = 2 << 20;

/// Connections to one server at once: who comes later waits, within its own time.
pub(crate) const CONNECTIONS: usize = 8;

/// One run of one query.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// The judged text.
    pub(crate) text: String,
    /// What is bound, in the driver's order.
    pub(crate) values: Vec<Bound>,
    /// Whether it may change something.
    pub(crate) writes: bool,
    /// Whether the text came with the call.
    pub(crate) stranger: bool,
    /// How many rows are shown.
    pub(crate) rows: usize,
    /// How long it may take.
    pub(crate) timeout: Duration,
}

/// An answer on its way.
pub(crate) type Asked<'a> = Pin<Box<dyn Future<Output = Result<Table, Refusal>> + Send + 'a>>;

/// A database: the same to a tool, whichever it is.
pub(crate) trait Database: Debug + Send + Sync {
    /// Runs a query to its end; what fails before its `COMMIT` leaves no trace.
    ///
    /// # Cancel safety
    /// Dropped before its `COMMIT`, it changes nothing: what was begun is rolled back.
    /// Dropped while the `COMMIT` is under way, the change is kept or not, and nobody
    /// hears which.
    fn ask<'a>(&'a self, order: Order, call: &'a Call) -> Asked<'a>;

    /// What it touches, when some of its queries write.
    fn needs(&self, writes: bool) -> Needs;
}

/// Why the tools of a configuration cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum Unready {
    /// A reference leads nowhere; which, and why.
    #[error("the address of database `{name}`: {why}")]
    Address {
        /// The database.
        name: String,
        /// What is wrong, without the address.
        why: String,
    },
    /// An SQLite file is not what it should be.
    #[error("the file of database `{name}`: {why}")]
    File {
        /// The database.
        name: String,
        /// What is wrong.
        why: String,
    },
}

/// The tools of a configuration, and what they touch.
#[derive(Debug, Default)]
pub struct Ready {
    /// One for each query, and one for each database that may be asked freely.
    pub tools: Vec<QueryTool>,
    /// What a box around them has to leave open.
    pub needs: Needs,
}

/// What databases touch.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Files that are only read.
    pub read: Vec<PathBuf>,
    /// Directories in which files are written, and made.
    pub write: Vec<PathBuf>,
    /// TCP ports of servers.
    pub ports: Vec<u16>,
    /// Whether names of servers are resolved.
    pub names: bool,
    /// Whether a server is reached over a socket of this machine.
    pub sockets: bool,
}

impl Needs {
    fn add(&mut self, more: Self) {
        self.read.extend(more.read);
        self.write.extend(more.write);
        self.ports.extend(more.ports);
        self.names |= more.names;
        self.sockets |= more.sockets;
    }
}

impl Ready {
    /// The tools of all queries, and of the databases that may be asked freely. Files
    /// are looked at, servers are not asked yet. `home` is what `~` stands for;
    /// `resolve` reads a reference.
    ///
    /// # Errors
    /// [`Unready`] when a file or an address is not usable.
    pub fn of(
        queries: &Queries,
        home: Option<&Path>,
        resolve: &dyn Fn(&Source) -> Result<SecretString, String>,
    ) -> Result<Self, Unready> {
        let mut ready = Self::default();
        for (name, database) in &queries.databases {
            let opened = match &database.place {
                Place::File(path) => {
                    let located =
                        values::expand_home(path, home).ok_or("there is no home".to_owned());
                    let opened = located.and_then(|path| sqlite::File::new(&path));
                    let opened = opened.map_err(|why| Unready::File { name: name.clone(), why })?;
                    Arc::new(opened) as Arc<dyn Database>
                }
                Place::Server(dialect, source) => {
                    let unready = |why| Unready::Address { name: name.clone(), why };
                    let url = resolve(source).map_err(unready)?;
                    server(*dialect, &url).map_err(unready)?
                }
            };
            let mut writes = false;
            let own = queries.queries.iter().filter(|(_, query)| query.database == *name);
            for (query, meaning) in own {
                writes |= meaning.writes();
                let tool = NamedQuery::new(query, meaning, database.timeout, Arc::clone(&opened));
                ready.tools.push(QueryTool::Named(Box::new(tool)));
            }
            ready.needs.add(opened.needs(writes));
            if database.adhoc == Adhoc::Read {
                let tool = AdhocQuery::new(name, database, opened);
                ready.tools.push(QueryTool::Adhoc(Box::new(tool)));
            }
        }
        Ok(ready)
    }
}

fn server(dialect: Dialect, url: &SecretString) -> Result<Arc<dyn Database>, String> {
    let url = url.expose("to connect to a database").trim();
    Ok(match dialect {
        Dialect::Postgres => Arc::new(postgres::Server::new(url)?),
        Dialect::MySql => Arc::new(mysql::Server::new(url)?),
        Dialect::Sqlite => return Err("an SQLite database is a file".to_owned()),
    })
}

/// Stands where a derived `Debug` would print an address.
pub(crate) struct Unshown;

impl Debug for Unshown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// Whether a host is this machine.
pub(crate) fn is_local(host: &str) -> bool {
    matches!(host, "localhost" | "127.0.0.1" | "::1" | "[::1]")
}

/// A server at a host and a port, or at a socket.
pub(crate) fn needs_of(host: &str, port: u16, socket: bool) -> Needs {
    if socket {
        return Needs { sockets: true, ..Needs::default() };
    }
    let names = host.parse::<std::net::IpAddr>().is_err();
    Needs { ports: vec![port], names, ..Needs::default() }
}

/// Whether an address says itself how it is encrypted: by a key behind its `?`, and not
/// by letters of its password or of a value.
pub(crate) fn says_how_to_encrypt(url: &str) -> bool {
    let address = url.split('#').next().unwrap_or_default();
    let (_, pairs) = address.split_once('?').unwrap_or_default();
    let mut keys = pairs.split('&').filter_map(|pair| Some(pair.split_once('=')?.0));
    keys.any(|key| matches!(key, "sslmode" | "ssl-mode"))
}

/// The end of a transaction that nobody heard of.
pub(crate) fn unknown_end() -> Refusal {
    Refusal::new("the database did not say whether the change was kept: look before trying again")
}

/// The deadline is over.
pub(crate) fn too_slow(timeout: Duration) -> Refusal {
    let milliseconds = timeout.as_millis();
    Refusal::new(format!(
        "the query took longer than {milliseconds} ms and was ended; nothing was changed"
    ))
}

/// What a database says of a text that came with the call goes back to who wrote it;
/// what it says of the operator's stays in the journal.
pub(crate) fn said(order: &Order, message: &str) -> Refusal {
    if !order.stranger {
        return Refusal::failed("the query", message);
    }
    let message: String = message.chars().take(300).collect();
    Refusal::new(format!("the database says: {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_key_of_the_address_says_how_it_is_encrypted() {
        for (url, expect) in [
            ("postgres://me@db.example/shop", false),
            ("postgres://me@db.example/shop?sslmode=disable", true),
            ("mysql://me@db.example/shop?charset=utf8&ssl-mode=REQUIRED", true),
            ("postgres://me:sslmode=x@db.example/shop", false),
            ("mysql://me:ssl-mode=x@db.example/shop?charset=utf8", false),
            ("postgres://me@db.example/sslmode=disable", false),
            ("postgres://me@db.example/shop?application_name=sslmode=disable", false),
            ("postgres://me@db.example/shop?xsslmode=disable", false),
            ("postgres://me@db.example/shop#?sslmode=disable", false),
        ] {
            assert_eq!(says_how_to_encrypt(url), expect, "{url}");
        }
    }
}
