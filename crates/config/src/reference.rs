//! The manual's page and the editor's schema, printed from the definition.

use std::fmt::Write as _;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::definition::{FILE, Key, Kind};
use crate::values::{show_duration, show_size};

/// `docs/reference/config.md`.
#[must_use]
pub fn reference_markdown() -> String {
    let mut page = "# `portcullis.toml`\n\n\
        Generated from `crates/config/src/definition.rs` by `cargo xtask generate`.\n\n\
        Every key is optional. A key that is not listed here is an error with its place and the \
        nearest right key. With examples: [questions](../guide/approvals.md), [policies](../guide/policy.md), \
        [the network](../guide/network.md), [databases and queries](../guide/queries.md), \
        [programs](../guide/commands.md).\n"
        .to_owned();
    section(&mut page, "", FILE);
    page
}

/// One heading with a table of its plain keys, then the tables below it.
fn section(page: &mut String, name: &str, keys: &[Key]) {
    let plain: Vec<_> = supported(keys).filter(|key| inner(key).is_none()).collect();
    if !plain.is_empty() {
        let _ =
            write!(page, "\n## `[{name}]`\n\n| key | what may be written | default | meaning |\n");
        page.push_str("|---|---|---|---|\n");
    }
    for key in plain {
        let default = key.default().map_or_else(|| "–".to_owned(), |text| format!("`{text}`"));
        let (kind, meaning, example) = (kind_words(&key.kind), key.meaning, key.example);
        let name = key.name;
        let _ =
            writeln!(page, "| `{name}` | {kind}, such as `{example}` | {default} | {meaning} |");
    }
    for key in supported(keys) {
        let dot = if name.is_empty() { "" } else { "." };
        match (&key.kind, inner(key)) {
            (Kind::Named(_), Some(keys)) => {
                section(page, &format!("{name}{dot}{}.NAME", key.name), keys)
            }
            (_, Some(keys)) => section(page, &format!("{name}{dot}{}", key.name), keys),
            _ => {}
        }
    }
}

fn supported(keys: &[Key]) -> impl Iterator<Item = &Key> {
    keys.iter().filter(|key| !matches!(key.kind, Kind::Later))
}

/// The keys of a table that gets a heading of its own.
fn inner(key: &Key) -> Option<&'static [Key]> {
    match key.kind {
        Kind::Table(keys) | Kind::Named(keys) => Some(keys),
        _ => None,
    }
}

fn kind_words(kind: &Kind) -> String {
    match kind {
        Kind::Duration(range) => {
            let show = |number| show_duration(Duration::from_millis(number));
            format!("a duration from {} to {}", show(*range.start()), show(*range.end()))
        }
        Kind::Size(range) => {
            format!("a size from {} to {}", show_size(*range.start()), show_size(*range.end()))
        }
        Kind::Count(range) => format!("a number from {} to {}", range.start(), range.end()),
        Kind::Flag => "`true` or `false`".to_owned(),
        Kind::Word(words) => {
            words.iter().map(|word| format!("`\"{word}\"`")).collect::<Vec<_>>().join(" or ")
        }
        Kind::Words(words) => {
            let words: Vec<_> = words.iter().map(|word| format!("`\"{word}\"`")).collect();
            format!("a list of {}", words.join(", "))
        }
        Kind::Text => "a text".to_owned(),
        Kind::Command => "a list of texts".to_owned(),
        Kind::Places => "a list of paths relative to the root".to_owned(),
        Kind::Patterns => "a list of names, `*` standing for anything".to_owned(),
        Kind::Uris => "a list of URIs, `*` within a component, `**` across them".to_owned(),
        Kind::Roots(keys) => {
            format!("a list of `\"DIR\"`, `\"DIR:rw\"` or tables of {}", names(keys))
        }
        Kind::Network => "a list of hosts, `\"none\"` or `\"host\"`".to_owned(),
        Kind::Variables(keys) => {
            format!("a table from names to texts or to a table of one of {}", names(keys))
        }
        Kind::Files => "a list of files, `*` standing for anything in a name".to_owned(),
        Kind::Examples(keys) => format!("tables `[[policy.example]]` of {}", names(keys)),
        Kind::Json => "a table of anything that JSON can say".to_owned(),
        Kind::Number => "a number".to_owned(),
        Kind::Texts => "a list of texts".to_owned(),
        Kind::Lists => "a table from names to lists of texts".to_owned(),
        Kind::Reference(keys) => format!("a table of one of {}", names(keys)),
        Kind::Table(_) | Kind::Named(_) | Kind::Later => "a table".to_owned(),
    }
}

fn names(keys: &[Key]) -> String {
    supported(keys).map(|key| format!("`{}`", key.name)).collect::<Vec<_>>().join(", ")
}

/// `schema/config.json`, for editors.
#[must_use]
pub fn json_schema() -> String {
    let mut schema = table_schema(FILE);
    if let Value::Object(object) = &mut schema {
        object.insert("$schema".to_owned(), "https://json-schema.org/draft/2020-12/schema".into());
        object.insert("title".to_owned(), "portcullis.toml".into());
    }
    format!("{schema:#}\n")
}

fn table_schema(keys: &[Key]) -> Value {
    let properties: Map<_, _> =
        supported(keys).map(|key| (key.name.to_owned(), key_schema(key))).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn key_schema(key: &Key) -> Value {
    let mut schema = kind_schema(&key.kind);
    if let Value::Object(object) = &mut schema {
        object.insert("description".to_owned(), key.meaning.into());
        // What is a scalar in TOML reads the same in JSON.
        if let Some(Ok(default)) = key.default().map(|text| serde_json::from_str::<Value>(&text)) {
            object.insert("default".to_owned(), default);
        }
    }
    schema
}

fn kind_schema(kind: &Kind) -> Value {
    let text = || json!({ "type": "string" });
    let texts = || json!({ "type": "array", "items": { "type": "string", "minLength": 1 } });
    match kind {
        Kind::Duration(_) => json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h)$" }),
        Kind::Size(_) => json!({ "type": "string", "pattern": "^[0-9]+(B|KiB|MiB|GiB)$" }),
        Kind::Count(range) => count_schema(range),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Word(words) => json!({ "enum": words }),
        Kind::Words(words) => json!({ "type": "array", "items": { "enum": words } }),
        Kind::Text => text(),
        Kind::Command | Kind::Patterns | Kind::Places | Kind::Uris => texts(),
        Kind::Roots(keys) => {
            json!({ "type": "array", "items": { "anyOf": [text(), table_schema(keys)] } })
        }
        Kind::Network => {
            json!({ "anyOf": [text(), { "type": "array", "items": text() }] })
        }
        Kind::Variables(keys) => json!({
            "type": "object",
            "additionalProperties": { "anyOf": [text(), one_of(keys)] },
        }),
        Kind::Reference(keys) => one_of(keys),
        Kind::Number => json!({ "type": "number" }),
        Kind::Texts => texts(),
        Kind::Lists => json!({ "type": "object", "additionalProperties": texts() }),
        Kind::Files => {
            json!({ "type": "array", "items": { "type": "string", "pattern": "\\.cedar$" } })
        }
        Kind::Examples(keys) => json!({ "type": "array", "items": table_schema(keys) }),
        Kind::Json => json!({ "type": "object" }),
        Kind::Table(keys) => table_schema(keys),
        Kind::Named(keys) => {
            json!({ "type": "object", "additionalProperties": table_schema(keys) })
        }
        Kind::Later => json!(false),
    }
}

/// A table of exactly one of these keys.
fn one_of(keys: &[Key]) -> Value {
    let mut table = table_schema(keys);
    if let Value::Object(object) = &mut table {
        object.insert("minProperties".to_owned(), 1.into());
        object.insert("maxProperties".to_owned(), 1.into());
    }
    table
}

fn count_schema(range: &RangeInclusive<u64>) -> Value {
    json!({ "type": "integer", "minimum": range.start(), "maximum": range.end() })
}
