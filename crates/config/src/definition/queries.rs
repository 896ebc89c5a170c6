//! The keys of `[databases.NAME]` and `[queries.NAME]`.

use super::{HOUR, Key, Kind, REFERENCE, key};
use crate::queries::{Database, Parameter, Query};
use crate::values::show_duration;

pub(super) const TABLE_OF_DATABASES: Key =
    key("databases", Kind::Named(DATABASE), "a database that queries may ask, by name");
pub(super) const TABLE_OF_QUERIES: Key =
    key("queries", Kind::Named(QUERY), "a query that becomes a tool of the reference server");

static DATABASE: &[Key] = &[
    key("kind", Kind::Word(&["sqlite", "postgres", "mysql"]), "which one it is")
        .usually(r#""sqlite""#)
        .such_as(r#""postgres""#),
    key("file", Kind::Text, "the file of an SQLite database: absolute, or starting with ~/")
        .such_as(r#""~/data/shop.db""#),
    key("url", Kind::Reference(REFERENCE), "where the address of a server is, password and all")
        .such_as(r#"{ file = "~/.secrets/shop-url" }"#),
    key("about", Kind::Text, "what it holds, tables and columns, for a model that asks ad hoc")
        .such_as(r#""orders(id, customer, total, day), customers(name, city)""#),
    key(
        "adhoc",
        Kind::Word(&["none", "read"]),
        "whether a model may write its own reading queries, with the tool `query_NAME`",
    )
    .usually(r#""none""#)
    .such_as(r#""read""#),
    key("timeout", Kind::Duration(10..=HOUR), "how long one query may take")
        .computed(|| super::quoted(&show_duration(Database::TIMEOUT)))
        .such_as(r#""500ms""#),
    key("rows", Kind::Count(1..=100_000), "how many rows are shown of a result")
        .computed(|| Database::ROWS.to_string())
        .such_as("100"),
];

static QUERY: &[Key] = &[
    key("database", Kind::Text, "which database it asks").such_as(r#""shop""#),
    key("about", Kind::Text, "what it is for: a model chooses by it")
        .such_as(r#""The orders of one customer, newest first""#),
    key("sql", Kind::Text, "one statement, its values written as `:name`")
        .such_as(r#""select * from orders where customer = :customer""#),
    key("parameters", Kind::Named(PARAMETER), "each `:name` of the text"),
    key("writes", Kind::Flag, "whether it may change something").usually("false").such_as("true"),
    key("additive", Kind::Flag, "it adds, and changes nothing that was there")
        .usually("false")
        .such_as("true"),
    key("rows", Kind::Count(1..=100_000), "how many rows are shown, instead of its database's")
        .computed(|| Query::rows_by_default().to_string())
        .such_as("20"),
];

static PARAMETER: &[Key] = &[
    key("type", Kind::Word(&["string", "integer", "number", "boolean"]), "what it is")
        .usually(r#""string""#)
        .such_as(r#""integer""#),
    key("about", Kind::Text, "what it means, for a model").such_as(r#""the customer's name""#),
    key("max", Kind::Count(1..=1_000_000), "how many characters a string may have")
        .computed(|| Parameter::LONGEST.to_string())
        .such_as("64"),
    key("pattern", Kind::Text, "the regular expression that all of a string fits")
        .such_as(r#""[a-z]{1,20}""#),
    key("enum", Kind::Texts, "the strings that it may be").such_as(r#"["open", "paid"]"#),
    key("least", Kind::Number, "the least number").such_as("1"),
    key("most", Kind::Number, "the greatest number").such_as("100"),
    key("optional", Kind::Flag, "it may be left out, and is NULL then")
        .usually("false")
        .such_as("true"),
];
