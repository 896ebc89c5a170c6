//! Databases and named queries: what `portcullis server` makes tools of.
//!
//! A query is judged where it is written: a text that does more than it declares, or
//! whose parameters differ from its declaration, is a mistake in the file, with its
//! line and column.

mod read;

use std::collections::BTreeMap;
use std::time::Duration;

use portcullis_guard::sql::{Dialect, Effect, Judged};
use serde_json::{Map, Value, json};

use crate::config::Source;

/// What the file says of databases and queries.
#[derive(Clone, Debug, Default)]
pub struct Queries {
    /// The databases, by name.
    pub databases: BTreeMap<String, Database>,
    /// The queries, by name; each asks one of the databases.
    pub queries: BTreeMap<String, Query>,
}

/// A database that may be asked.
#[derive(Clone, Debug)]
pub struct Database {
    /// Where it is.
    pub place: Place,
    /// What it holds, for a model that writes its own queries.
    pub about: Option<String>,
    /// Whether a call may bring its own reading query.
    pub adhoc: Adhoc,
    /// How long one query may take.
    pub timeout: Duration,
    /// How many rows are shown.
    pub rows: u32,
}

/// Where a database is.
#[derive(Clone, Debug)]
pub enum Place {
    /// An SQLite file, as written.
    File(String),
    /// A server; its address is a secret, for it holds the password.
    Server(Dialect, Source),
}

/// Whether a call may bring its own query.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Adhoc {
    /// Only named queries are run.
    #[default]
    None,
    /// One that only reads.
    Read,
}

/// A query that an operator wrote and named.
#[derive(Clone, Debug)]
pub struct Query {
    /// The name of its database.
    pub database: String,
    /// What it is for.
    pub about: String,
    /// Its text, judged.
    pub judged: Judged,
    /// Its parameters, in the order of their names.
    pub parameters: Vec<Parameter>,
    /// Whether it adds only: by its text, and by the word of its operator, who knows
    /// the triggers.
    pub additive: bool,
    /// How many rows are shown.
    pub rows: u32,
}

/// One parameter of a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name: letters, digits and `_`.
    pub name: String,
    /// What it means.
    pub about: Option<String>,
    /// What it may be.
    pub kind: ParameterKind,
    /// Whether it may be left out.
    pub optional: bool,
}

/// What a parameter may be.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterKind {
    /// A string.
    Text {
        /// Most characters.
        max: u32,
        /// The expression that the whole of it fits.
        pattern: Option<String>,
        /// The strings that it may be; any when empty.
        one_of: Vec<String>,
    },
    /// A whole number.
    Integer {
        /// The least.
        least: Option<i64>,
        /// The greatest.
        most: Option<i64>,
    },
    /// A number.
    Number {
        /// The least.
        least: Option<f64>,
        /// The greatest.
        most: Option<f64>,
    },
    /// `true` or `false`.
    Boolean,
}

impl Database {
    /// How long a query may take unless somebody says otherwise.
    pub const TIMEOUT: Duration = Duration::from_secs(5);
    /// How many rows are shown unless somebody says otherwise.
    pub const ROWS: u32 = 1_000;

    /// Which SQL it speaks.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match &self.place {
            Place::File(_) => Dialect::Sqlite,
            Place::Server(dialect, _) => *dialect,
        }
    }
}

impl Query {
    pub(crate) fn rows_by_default() -> u32 {
        Database::ROWS
    }

    /// Whether it changes something.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.judged.effect() != Effect::Reads
    }

    /// The JSON Schema (2020-12) of a call's arguments.
    #[must_use]
    pub fn input_schema(&self) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        for parameter in &self.parameters {
            properties.insert(parameter.name.clone(), parameter.schema());
            if !parameter.optional {
                required.push(Value::from(parameter.name.clone()));
            }
        }
        json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        })
    }
}

impl Parameter {
    /// Most characters of a string, unless somebody says otherwise.
    pub const LONGEST: u32 = 1_000;

    fn schema(&self) -> Value {
        let mut schema = Map::new();
        let mut say = |key: &str, value: Option<Value>| {
            if let Some(value) = value {
                schema.insert(key.to_owned(), value);
            }
        };
        match &self.kind {
            ParameterKind::Text { max, pattern, one_of } => {
                say("type", Some("string".into()));
                say("maxLength", Some((*max).into()));
                say("pattern", pattern.as_ref().map(|text| format!("^(?:{text})$").into()));
                say("enum", (!one_of.is_empty()).then(|| one_of.clone().into()));
            }
            ParameterKind::Integer { least, most } => {
                say("type", Some("integer".into()));
                say("minimum", Some(least.unwrap_or(i64::MIN).into()));
                say("maximum", Some(most.unwrap_or(i64::MAX).into()));
            }
            ParameterKind::Number { least, most } => {
                say("type", Some("number".into()));
                say("minimum", least.map(Value::from));
                say("maximum", most.map(Value::from));
            }
            ParameterKind::Boolean => say("type", Some("boolean".into())),
        }
        say("description", self.about.clone().map(Value::from));
        Value::Object(schema)
    }
}
