//! Queries as tools: what a client sees of them, and what a call becomes.

use std::sync::Arc;
use std::time::Duration;

use portcullis_config::queries::{Database as Declared, Query};
use portcullis_guard::sql::{self, Dialect};
use portcullis_kit::tool::{Object, Running};
use portcullis_kit::{Answer, Call, Definition, Hints, Refusal, Tool};
use serde_json::{Value, json};

use super::{Database, Order, value};

/// A tool that asks a database.
#[derive(Debug)]
pub enum QueryTool {
    /// With a query of the operator's.
    Named(Box<NamedQuery>),
    /// With a text that comes with the call.
    Adhoc(Box<AdhocQuery>),
}

impl Tool for QueryTool {
    fn definition(&self) -> &Definition {
        match self {
            Self::Named(tool) => tool.definition(),
            Self::Adhoc(tool) => tool.definition(),
        }
    }

    fn call<'a>(&'a self, arguments: Object, call: &'a Call) -> Running<'a> {
        match self {
            Self::Named(tool) => tool.call(arguments, call),
            Self::Adhoc(tool) => tool.call(arguments, call),
        }
    }
}

/// What holds for every result.
const RESULT: &str = "Rows are arrays in the order of `columns`; `truncated` says that there are \
    more. Bytes are {\"base64\": …}, whole numbers beyond 2^53 and exact decimals are strings, \
    NULL is null.";

/// A query of the operator's.
#[derive(Debug)]
pub struct NamedQuery {
    definition: Definition,
    query: Query,
    timeout: Duration,
    database: Arc<dyn Database>,
}

impl NamedQuery {
    pub(crate) fn new(
        name: &str,
        query: &Query,
        timeout: Duration,
        database: Arc<dyn Database>,
    ) -> Self {
        let hints = match (query.writes(), query.additive) {
            (false, _) => Hints::reads(),
            (true, true) => Hints::adds(),
            (true, false) => Hints::destroys(),
        };
        let definition = Definition {
            name: name.to_owned(),
            title: name.replace('_', " "),
            description: format!("{}\n\n{RESULT}", query.about),
            hints,
            input: object(query.input_schema()),
            output: object(output(query.writes())),
        };
        Self { definition, query: query.clone(), timeout, database }
    }
}

impl Tool for NamedQuery {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    fn call<'a>(&'a self, arguments: Object, call: &'a Call) -> Running<'a> {
        Box::pin(async move {
            let order = Order {
                text: self.query.judged.text().to_owned(),
                values: value::bind(&self.query, &arguments)?,
                writes: self.query.writes(),
                stranger: false,
                rows: usize::try_from(self.query.rows).unwrap_or(usize::MAX),
                timeout: self.timeout,
            };
            let table = self.database.ask(order, call).await?;
            Ok(Answer::structured(table.into_json()))
        })
    }
}

/// A database that may be asked with any text that only reads.
#[derive(Debug)]
pub struct AdhocQuery {
    definition: Definition,
    dialect: Dialect,
    rows: usize,
    timeout: Duration,
    database: Arc<dyn Database>,
}

impl AdhocQuery {
    pub(crate) fn new(name: &str, declared: &Declared, database: Arc<dyn Database>) -> Self {
        let dialect = declared.dialect();
        let about = declared.about.as_ref().map(|about| format!("{about}\n\n")).unwrap_or_default();
        let definition = Definition {
            name: format!("query_{name}"),
            title: format!("query {name}"),
            description: format!(
                "Reads the database `{name}` with one SELECT in the SQL of {}. Functions that only \
                 compute can be called; nothing is changed.\n\n{about}{RESULT}",
                dialect.name()
            ),
            hints: Hints::reads(),
            input: object(json!({
                "type": "object",
                "properties": { "sql": {
                    "type": "string",
                    "description": "one SELECT statement",
                    "minLength": 1,
                    "maxLength": Dialect::LONGEST,
                } },
                "required": ["sql"],
                "additionalProperties": false,
            })),
            output: object(output(false)),
        };
        let rows = usize::try_from(declared.rows).unwrap_or(usize::MAX);
        Self { definition, dialect, rows, timeout: declared.timeout, database }
    }
}

impl Tool for AdhocQuery {
    fn definition(&self) -> &Definition {
        &self.definition
    }

    fn call<'a>(&'a self, arguments: Object, call: &'a Call) -> Running<'a> {
        Box::pin(async move {
            let text = arguments.get("sql").and_then(Value::as_str).unwrap_or_default();
            let judged = sql::adhoc(self.dialect, text)
                .map_err(|unfit| Refusal::new(format!("not run: {unfit}")))?;
            let order = Order {
                text: judged.text().to_owned(),
                values: Vec::new(),
                writes: false,
                stranger: true,
                rows: self.rows,
                timeout: self.timeout,
            };
            let table = self.database.ask(order, call).await?;
            Ok(Answer::structured(table.into_json()))
        })
    }
}

fn output(writes: bool) -> Value {
    let mut properties = json!({
        "columns": { "type": "array", "items": { "type": "string" } },
        "rows": { "type": "array", "items": { "type": "array" } },
        "truncated": { "type": "boolean" },
    });
    let mut required = vec!["columns", "rows", "truncated"];
    if writes && let Some(properties) = properties.as_object_mut() {
        properties.insert("changed".to_owned(), json!({ "type": "integer", "minimum": 0 }));
        required.push("changed");
    }
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

fn object(value: Value) -> Arc<Object> {
    match value {
        Value::Object(object) => Arc::new(object),
        _ => Arc::default(),
    }
}
