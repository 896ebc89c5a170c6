//! What SQLite may do for a query: a list, and nothing else.
//!
//! SQLite asks while it compiles a statement, for the statement itself and for every
//! view and trigger that it runs through, so what hides in a schema is asked too.

use portcullis_guard::sql::{self, Dialect};
use rusqlite::Connection;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

/// For whom a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// A text that came with a call.
    Stranger,
    /// A named query that reads.
    Reads,
    /// A named query that writes.
    Writes,
}

pub(super) fn install(connection: &mut Connection, mode: Mode) -> rusqlite::Result<()> {
    connection.authorizer(Some(move |context: AuthContext<'_>| judge(mode, &context.action)))
}

fn judge(mode: Mode, action: &AuthAction<'_>) -> Authorization {
    let fine = match action {
        AuthAction::Select | AuthAction::Recursive => true,
        AuthAction::Read { table_name, .. } => mode != Mode::Stranger || !internal(table_name),
        AuthAction::Function { function_name } => calls(mode, function_name),
        // Full-text search asks this of itself.
        AuthAction::Pragma { pragma_name, pragma_value: None } => {
            pragma_name.eq_ignore_ascii_case("data_version")
        }
        AuthAction::Insert { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Update { table_name, .. } => mode == Mode::Writes && !internal(table_name),
        // Our own BEGIN and its end: no judged text is one.
        AuthAction::Transaction { .. } => mode == Mode::Writes,
        _ => false,
    };
    if fine { Authorization::Allow } else { Authorization::Deny }
}

fn calls(mode: Mode, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let operator = matches!(name.as_str(), "match" | "->" | "->>" | "regexp");
    match mode {
        Mode::Stranger => operator || sql::computes(Dialect::Sqlite, &name),
        Mode::Reads | Mode::Writes => !sql::reaches(Dialect::Sqlite, &name),
    }
}

/// Tables that SQLite keeps for itself, and what its pragmas look like as tables.
fn internal(table: &str) -> bool {
    let table = table.to_ascii_lowercase();
    table.starts_with("sqlite_") || table.starts_with("pragma_")
}
