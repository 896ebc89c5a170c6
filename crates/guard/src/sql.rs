//! SQL: what one query text does, before a database reads it.
//!
//! A text is read twice, by our own [`lex`] and by the parser, and the two must find the
//! same literals; what they read apart is refused. Comments are taken out, parameters
//! become the driver's positions, and the text that comes out is the one that is
//! sent: what was judged is what is run. A text that an operator wrote ([`named`]) may
//! write when it says so, and call functions that we do not know; a text that
//! arrives with a call ([`adhoc`]) only reads, and only with functions that we know.
//! The database has its own say later: read-only, with a deadline.
//!
//! Reading order: here, `lex` (the letters), `tree` (what they do), `functions` (which
//! functions do what), `why` (what is said about a refusal).

mod functions;
mod lex;
mod tree;
mod why;

pub use why::{Unfit, Why};

use lex::Lexed;

/// Who will read the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dialect {
    /// SQLite 3.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    MySql,
}

/// What a text does to the database, the mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Effect {
    /// Nothing changes, and no row is locked.
    Reads,
    /// Rows are added, or numbers of a sequence taken; what was there stays as it was.
    Adds,
    /// Something may change, or be locked.
    Writes,
}

/// One statement, understood. Made by [`named`] and [`adhoc`] alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    text: String,
    effect: Effect,
    order: Vec<usize>,
}

impl Judged {
    /// What is sent: without comments, parameters as the driver counts them.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether it only reads, or only adds.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Which declared parameter each value is that the driver binds, in its order.
    /// SQLite and PostgreSQL bind each parameter once, MySQL once for each use.
    pub fn order(&self) -> &[usize] {
        &self.order
    }
}

impl Dialect {
    /// The longest text, in bytes.
    pub const LONGEST: usize = 32 << 10;

    /// How a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
        }
    }
}

/// Judges a query that an operator wrote, with the parameters that it declares:
/// each is used as `:name` at least once, and nothing else is.
///
/// # Errors
/// Why it is no single statement, or one that no query may be.
pub fn named(dialect: Dialect, text: &str, declared: &[&str]) -> Result<Judged, Unfit> {
    let lexed = lex::read(dialect, text, declared)?;
    let unused = declared.iter().enumerate().find(|(place, _)| !lexed.uses.contains(place));
    if let Some((_, name)) = unused {
        return Err(Why::Unused((*name).to_owned()).into());
    }
    judged(dialect, lexed, tree::Author::Operator)
}

/// Judges a text that arrived with a call: it reads, calls functions that are known
/// to only compute, and has no parameters.
///
/// # Errors
/// Why it is not run.
pub fn adhoc(dialect: Dialect, text: &str) -> Result<Judged, Unfit> {
    judged(dialect, lex::read(dialect, text, &[])?, tree::Author::Stranger)
}

/// Whether a function, by its name in lower case, is known to only compute.
pub fn computes(dialect: Dialect, name: &str) -> bool {
    functions::computes(dialect, name)
}

/// Whether a function, by its name in lower case, is known to reach beyond the data.
pub fn reaches(dialect: Dialect, name: &str) -> bool {
    functions::reaches(dialect, name)
}

fn judged(dialect: Dialect, lexed: Lexed, author: tree::Author) -> Result<Judged, Unfit> {
    let effect = tree::judge(dialect, &lexed, author)?;
    if effect != Effect::Reads && author == tree::Author::Stranger {
        return Err(Why::Writes.into());
    }
    let order = match dialect {
        Dialect::MySql => lexed.uses,
        Dialect::Sqlite | Dialect::Postgres => lexed.order,
    };
    Ok(Judged { text: lexed.text, effect, order })
}
