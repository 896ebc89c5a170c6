//! The end of a query on a server: what reads is left, what writes is kept or undone.

use std::time::Duration;

use portcullis_kit::Refusal;
use sqlx::{Connection, Error, Executor};
use tokio::time::timeout;

use super::Order;
use super::table::Table;

/// How long a server is given to hear that its client leaves.
const GOODBYE: Duration = Duration::from_secs(1);
/// How long the end of a transaction may take.
const LAST: Duration = Duration::from_secs(10);

/// Ends the transaction of a query that was run, and its connection. `trouble` tells
/// what an error of this server means.
///
/// # Errors
/// When a change was not kept, or nobody knows whether it was.
pub(super) async fn settle<C: Connection>(
    mut connection: C,
    order: &Order,
    table: Table,
    trouble: fn(&Order, &Error) -> Refusal,
) -> Result<Table, Refusal>
where
    for<'c> &'c mut C: Executor<'c, Database = C::Database>,
{
    if !order.writes {
        // Without its client, the transaction is rolled back: no answer is waited for.
        if !table.is_cut() {
            let _ = timeout(GOODBYE, connection.close()).await;
        }
        return Ok(table);
    }
    if table.is_cut() {
        let why = "the query returns more rows than are allowed; nothing was changed";
        return Err(Refusal::new(why));
    }
    match timeout(LAST, connection.execute("COMMIT")).await {
        Ok(done) => done.map_err(|error| trouble(order, &error))?,
        Err(_) => return Err(super::unknown_end()),
    };
    let _ = timeout(LAST, connection.close()).await;
    Ok(table)
}
