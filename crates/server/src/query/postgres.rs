//! PostgreSQL: one connection for one query.
//!
//! A session's settings, locks and temporary tables end with the call that made
//! them. What reads runs in a read-only transaction that is rolled back; what writes
//! is committed as a whole, or not at all. The server ends what takes too long
//! itself, and a row that is too large does not leave it. Values go as parameters
//! of a prepared statement, which is a single one by the protocol.

mod decode;

use std::fmt;
use std::future::poll_fn;

use portcullis_kit::{Call, Refusal};
use sqlx::postgres::{PgArguments, PgConnectOptions, PgRow, PgSslMode, PgTypeInfo};
use sqlx::{
    Arguments, AssertSqlSafe, Column, ConnectOptions, Either, Error, Executor, PgConnection, Row,
    SqlSafeStr, Statement, TypeInfo, ValueRef,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::settle::settle;
use super::table::{Room, Table, too_large};
use super::value::Bound;
use super::{Asked, BYTES, CONNECTIONS, Database, Needs, Order, Unshown, said, too_slow};

/// What the server says when a row is too large.
const TOO_LARGE: &str = "portcullis: row too large";

/// A server of PostgreSQL.
pub(crate) struct Server {
    options: PgConnectOptions,
    slots: Semaphore,
}

/// A query that was run, in its transaction.
type Run<'a> = (SemaphorePermit<'a>, PgConnection, Table);

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("postgres::Server").field("options", &Unshown).finish()
    }
}

impl Server {
    /// From `postgres://USER:PASSWORD@HOST/NAME`. Elsewhere than on this machine the
    /// server must prove who it is, unless the address says another `sslmode`.
    pub(crate) fn new(url: &str) -> Result<Self, String> {
        let wrong = || "it is not `postgres://USER:PASSWORD@HOST/NAME`".to_owned();
        if !url.starts_with("postgres://") && !url.starts_with("postgresql://") {
            return Err(wrong());
        }
        let mut options: PgConnectOptions = url.parse().map_err(|_| wrong())?;
        let local = options.get_socket().is_some() || super::is_local(options.get_host());
        if !local && !super::says_how_to_encrypt(url) {
            options = options.ssl_mode(PgSslMode::VerifyFull);
        }
        let options = options
            .application_name("portcullis")
            .statement_cache_capacity(0)
            .disable_statement_logging();
        Ok(Self { options, slots: Semaphore::new(CONNECTIONS) })
    }

    async fn connect(&self, order: &Order) -> Result<PgConnection, Error> {
        let limit = order.timeout.as_millis().to_string();
        let reads = if order.writes { "off" } else { "on" };
        let options = self.options.clone().options([
            ("statement_timeout", limit.as_str()),
            ("lock_timeout", limit.as_str()),
            ("idle_in_transaction_session_timeout", limit.as_str()),
            ("default_transaction_read_only", reads),
            ("standard_conforming_strings", "on"),
        ]);
        options.connect().await
    }

    /// Everything but the end of a transaction that writes.
    async fn run(&self, order: &Order) -> Result<Run<'_>, Refusal> {
        let unreachable = |error| Refusal::failed("reaching the database", error);
        let slot = self.slots.acquire().await;
        let slot = slot.map_err(|error| Refusal::failed("the query", error))?;
        let mut connection = self.connect(order).await.map_err(unreachable)?;
        let begin = if order.writes { "BEGIN READ WRITE" } else { "BEGIN READ ONLY" };
        connection.execute(begin).await.map_err(|error| trouble(order, &error))?;
        let table = rows(&mut connection, order).await?;
        Ok((slot, connection, table))
    }
}

impl Database for Server {
    fn needs(&self, _writes: bool) -> Needs {
        let options = &self.options;
        super::needs_of(options.get_host(), options.get_port(), options.get_socket().is_some())
    }

    fn ask<'a>(&'a self, order: Order, _call: &'a Call) -> Asked<'a> {
        Box::pin(async move {
            let run = timeout(order.timeout, self.run(&order)).await;
            let (_slot, connection, table) = run.map_err(|_| too_slow(order.timeout))??;
            settle(connection, &order, table, trouble).await
        })
    }
}

async fn rows(connection: &mut PgConnection, order: &Order) -> Result<Table, Refusal> {
    let failed = |error: Error| trouble(order, &error);
    let text = if order.writes { order.text.clone() } else { bounded(order) };
    let types: Vec<PgTypeInfo> = order.values.iter().map(declared).collect();
    let text = AssertSqlSafe(text).into_sql_str();
    let statement = connection.prepare_with(text, &types).await.map_err(failed)?;
    let columns = statement.columns().iter().map(|column| column.name().to_owned()).collect();
    let mut table = Table::new(columns, order.rows);
    let mut changed = 0;
    {
        let query = statement.query_with(arguments(&order.values)?);
        let mut stream = (&mut *connection).fetch_many(query);
        while let Some(next) = poll_fn(|context| stream.as_mut().poll_next(context)).await {
            match next.map_err(failed)? {
                Either::Left(done) => changed += done.rows_affected(),
                Either::Right(row) => {
                    if table.push(values(&row)?)? == Room::Full {
                        break;
                    }
                }
            }
        }
    }
    if order.writes {
        table.set_changed(changed);
    }
    Ok(table)
}

/// The query inside one that ends it: one row more than is shown, and an error in
/// place of a row that nobody could take. The text is one whole query: it was judged.
fn bounded(order: &Order) -> String {
    let (text, rows) = (&order.text, order.rows.saturating_add(1));
    // The error depends on the row, else it would be raised while planning.
    format!(
        "select portcullis_row.* from ({text}) as portcullis_row where case \
         when octet_length((portcullis_row.*)::text) > {BYTES} \
         then ('{TOO_LARGE}' || left((portcullis_row.*)::text, 0))::integer is null \
         else true end limit {rows}"
    )
}

fn declared(value: &Bound) -> PgTypeInfo {
    PgTypeInfo::with_name(match value {
        Bound::Text(_) => "text",
        Bound::Integer(_) => "int8",
        Bound::Number(_) => "float8",
        Bound::Boolean(_) => "bool",
    })
}

fn arguments(values: &[Bound]) -> Result<PgArguments, Refusal> {
    let mut arguments = PgArguments::default();
    for value in values {
        let added = match value {
            Bound::Text(value) => arguments.add(value.clone()),
            Bound::Integer(value) => arguments.add(*value),
            Bound::Number(value) => arguments.add(*value),
            Bound::Boolean(value) => arguments.add(*value),
        };
        added.map_err(|error| Refusal::failed("the query", error))?;
    }
    Ok(arguments)
}

fn values(row: &PgRow) -> Result<Vec<serde_json::Value>, Refusal> {
    let columns = row.columns().iter();
    columns
        .map(|column| {
            let failed = |why: String| Refusal::failed("reading the result", why);
            let value =
                row.try_get_raw(column.ordinal()).map_err(|error| failed(error.to_string()))?;
            if value.is_null() {
                return Ok(serde_json::Value::Null);
            }
            let bytes = value.as_bytes().map_err(|error| failed(error.to_string()))?;
            decode::value(column.type_info(), bytes).ok_or_else(|| {
                let (name, kind) = (column.name(), column.type_info().name());
                Refusal::new(format!("column `{name}` has the type {kind}: cast it to text"))
            })
        })
        .collect()
}

fn trouble(order: &Order, error: &Error) -> Refusal {
    let Error::Database(told) = error else {
        return Refusal::failed("the query", error);
    };
    let code = told.code().unwrap_or_default();
    // PostgreSQL, appendix A: classes and codes of SQLSTATE.
    match code.as_ref() {
        "57014" => too_slow(order.timeout),
        "22P02" if told.message().contains(TOO_LARGE) => too_large().because(TOO_LARGE),
        "25006" => Refusal::new("this changes something, and only reading is allowed"),
        "40001" | "40P01" | "55P03" => {
            Refusal::new("the database is busy: try again").because(error)
        }
        "42501" => Refusal::new("the database's own account may not do this").because(error),
        class if class.starts_with("23") => {
            Refusal::new("the database refuses this change: a constraint does not hold")
                .because(error)
        }
        _ => said(order, told.message()),
    }
}
