//! MySQL and MariaDB: one connection for one query, as in [`super::postgres`].
//!
//! Tables whose engine knows no transactions keep what was written before an error:
//! that is theirs, and InnoDB is not among them.

mod decode;

use std::fmt;
use std::future::poll_fn;

use portcullis_kit::{Call, Refusal};
use sqlx::mysql::{
    MySqlArguments, MySqlConnectOptions, MySqlDatabaseError, MySqlRow, MySqlSslMode,
};
use sqlx::{
    Arguments, AssertSqlSafe, Column, ConnectOptions, Either, Error, Executor, MySqlConnection,
    Row, SqlSafeStr, Statement,
};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::settle::settle;
use super::table::{Room, Table};
use super::value::Bound;
use super::{Asked, CONNECTIONS, Database, Needs, Order, Unshown, said, too_slow};

/// A server of MySQL or MariaDB.
pub(crate) struct Server {
    options: MySqlConnectOptions,
    slots: Semaphore,
}

/// A query that was run, in its transaction.
type Run<'a> = (SemaphorePermit<'a>, MySqlConnection, Table);

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("mysql::Server").field("options", &Unshown).finish()
    }
}

impl Server {
    /// From `mysql://USER:PASSWORD@HOST/NAME`. Elsewhere than on this machine the
    /// server must prove who it is, unless the address says another `ssl-mode`.
    pub(crate) fn new(url: &str) -> Result<Self, String> {
        let wrong = || "it is not `mysql://USER:PASSWORD@HOST/NAME`".to_owned();
        if !url.starts_with("mysql://") && !url.starts_with("mariadb://") {
            return Err(wrong());
        }
        let mut options: MySqlConnectOptions = url.parse().map_err(|_| wrong())?;
        let local = options.get_socket().is_some() || super::is_local(options.get_host());
        if !local && !super::says_how_to_encrypt(url) {
            options = options.ssl_mode(MySqlSslMode::VerifyIdentity);
        }
        let options = options.statement_cache_capacity(0).disable_statement_logging();
        Ok(Self { options, slots: Semaphore::new(CONNECTIONS) })
    }

    async fn run(&self, order: &Order) -> Result<Run<'_>, Refusal> {
        let unreachable = |error| Refusal::failed("reaching the database", error);
        let slot = self.slots.acquire().await;
        let slot = slot.map_err(|error| Refusal::failed("the query", error))?;
        let mut connection = self.options.connect().await.map_err(unreachable)?;
        prepare(&mut connection, order).await.map_err(|error| trouble(order, &error))?;
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

/// The session's bounds, then its one transaction.
async fn prepare(connection: &mut MySqlConnection, order: &Order) -> Result<(), Error> {
    let version: String =
        sqlx::query_scalar("SELECT VERSION()").fetch_one(&mut *connection).await?;
    let milliseconds = order.timeout.as_millis();
    let (seconds, rest) = (milliseconds / 1_000, milliseconds % 1_000);
    let limit = if version.to_ascii_lowercase().contains("mariadb") {
        format!("max_statement_time = {seconds}.{rest:03}")
    } else {
        format!("max_execution_time = {milliseconds}")
    };
    let wait = seconds.max(1);
    let shown =
        if order.writes { "DEFAULT".to_owned() } else { order.rows.saturating_add(1).to_string() };
    let session = format!(
        "SET SESSION {limit}, innodb_lock_wait_timeout = {wait}, lock_wait_timeout = {wait}, \
         sql_select_limit = {shown}"
    );
    connection.execute(AssertSqlSafe(session)).await?;
    let begin =
        if order.writes { "START TRANSACTION READ WRITE" } else { "START TRANSACTION READ ONLY" };
    connection.execute(begin).await?;
    Ok(())
}

async fn rows(connection: &mut MySqlConnection, order: &Order) -> Result<Table, Refusal> {
    let failed = |error: Error| trouble(order, &error);
    let text = AssertSqlSafe(order.text.clone()).into_sql_str();
    let statement = connection.prepare(text).await.map_err(failed)?;
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

fn arguments(values: &[Bound]) -> Result<MySqlArguments, Refusal> {
    let mut arguments = MySqlArguments::default();
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

fn values(row: &MySqlRow) -> Result<Vec<serde_json::Value>, Refusal> {
    let columns = row.columns().iter();
    columns
        .map(|column| {
            decode::value(row, column).map_err(|error| Refusal::failed("reading the result", error))
        })
        .collect()
}

fn trouble(order: &Order, error: &Error) -> Refusal {
    let Error::Database(told) = error else {
        return Refusal::failed("the query", error);
    };
    let number =
        told.try_downcast_ref::<MySqlDatabaseError>().map_or(0, MySqlDatabaseError::number);
    // The servers' lists of errors: MySQL's, and from 1900 on MariaDB's.
    match number {
        3024 | 1969 | 1317 => too_slow(order.timeout),
        1792 => Refusal::new("this changes something, and only reading is allowed"),
        1205 | 1213 => Refusal::new("the database is busy: try again").because(error),
        1044 | 1142 | 1143 | 1227 | 1370 => {
            Refusal::new("the database's own account may not do this").because(error)
        }
        1048 | 1062 | 1451 | 1452 | 3819 | 4025 => {
            Refusal::new("the database refuses this change: a constraint does not hold")
                .because(error)
        }
        _ => said(order, told.message()),
    }
}
