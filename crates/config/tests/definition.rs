//! The definition keeps its word: its examples read, its defaults hold, and no
//! key is accepted without being read.

use portcullis_config::Config;
use portcullis_config::definition::{FILE, Key, Kind};
use portcullis_config::reference::{json_schema, reference_markdown};

/// Every key that holds a value, with the table it lives in.
fn values(keys: &'static [Key], table: &str) -> Vec<(String, &'static Key)> {
    let mut all = Vec::new();
    for key in keys {
        let dot = if table.is_empty() { "" } else { "." };
        match key.kind {
            Kind::Table(inner) => all.extend(values(inner, &format!("{table}{dot}{}", key.name))),
            Kind::Named(inner) => all.extend(values(inner, &format!("{table}{dot}{}.x", key.name))),
            Kind::Later => {}
            _ => all.push((table.to_owned(), key)),
        }
    }
    all
}

#[test]
fn every_example_and_every_default_reads() {
    for (table, key) in values(FILE, "") {
        assert!(!key.example.is_empty() && !key.meaning.is_empty(), "{table}.{}", key.name);
        for value in [Some(key.example.to_owned()), key.default()].into_iter().flatten() {
            let text = format!("[{table}]\n{} = {value}\n", key.name);
            assert!(Config::read(&text, "x").is_ok(), "{text} {:?}", Config::read(&text, "x"));
        }
    }
}

#[test]
fn no_key_is_accepted_unread() {
    for (table, key) in values(FILE, "") {
        let text = format!("[{table}]\n{} = 1979-05-27\n", key.name);
        let found = Config::read(&text, "x").expect_err(&text);
        assert_eq!((found[0].line, found[0].column), (2, key.name.len() + 4), "{text}");
    }
}

#[test]
fn the_page_and_the_schema_name_every_key() {
    let (page, schema) = (reference_markdown(), json_schema());
    for (table, key) in values(FILE, "") {
        assert!(page.contains(&format!("| `{}` |", key.name)), "{table}.{}", key.name);
        assert!(schema.contains(&format!("\"{}\"", key.name)), "{table}.{}", key.name);
    }
    assert!(page.contains("## `[server.NAME.limits]`"), "{page}");
    assert!(!page.contains("keyring") && !schema.contains("\"serve\""));
}
