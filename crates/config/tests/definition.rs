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

/// What a key does not stand without: a query its database, a database its place.
fn company(table: &str, key: &str, value: &str) -> String {
    let server = "url = { env = \"URL\" }\n";
    let outer = if table == "queries.x" { key } else { "" };
    let query = |known: &[(&str, &str)]| {
        let usual = [("database", "\"shop\""), ("about", "\"x\""), ("sql", "\"select 1\"")];
        let lines = usual.iter().filter(|(name, _)| *name != outer);
        let lines = lines.map(|(name, usual)| {
            let said = known.iter().find(|(other, _)| other == name);
            format!("{name} = {}\n", said.map_or(*usual, |(_, said)| *said))
        });
        lines.collect::<String>()
    };
    let shop = "[databases.shop]\nfile = \"/shop.db\"\n";
    match (table, key) {
        ("databases.x", "kind") if value != "\"sqlite\"" => server.to_owned(),
        ("databases.x", "url") => "kind = \"mysql\"\n".to_owned(),
        ("databases.x", "file") => String::new(),
        ("databases.x", _) => "file = \"/shop.db\"\n".to_owned(),
        ("serve.tls", key) => {
            let files = [("certificate", "/c.pem"), ("key", "/k.pem")];
            let files = files.iter().filter(|(name, _)| *name != key);
            files.map(|(name, file)| format!("{name} = \"{file}\"\n")).collect()
        }
        ("serve.traces", "endpoint") => String::new(),
        ("serve.traces", _) => "endpoint = \"http://127.0.0.1:4318/v1/traces\"\n".to_owned(),
        ("serve.issuers.x", "issuer") => String::new(),
        ("serve.issuers.x", _) => "issuer = \"https://login.example.com\"\n".to_owned(),
        ("serve.issuers.x.introspection", key) => {
            let all = [
                ("url", "\"https://login.example.com/i\""),
                ("client", "\"gate\""),
                ("secret", "{ env = \"S\" }"),
            ];
            let others = all.iter().filter(|(name, _)| *name != key);
            let others = others.map(|(name, value)| format!("{name} = {value}\n"));
            let issuer = "[serve.issuers.x]\nissuer = \"https://login.example.com\"\n";
            others.collect::<String>() + issuer
        }
        ("server.x", "headers") => "url = \"https://x.test/mcp\"\n".to_owned(),
        ("server.x.auth.oauth", key) => {
            let also = match key {
                "client_secret" | "private_key" => "client_id = \"c\"\n",
                "client_credentials" => "client_id = \"c\"\nclient_secret = { env = \"S\" }\n",
                _ => "",
            };
            format!("{also}[server.x]\nurl = \"https://x.test/mcp\"\n")
        }
        ("server.x.auth", _) => "[server.x]\nurl = \"https://x.test/mcp\"\n".to_owned(),
        ("queries.x", "sql") => format!("{}parameters.customer = {{}}\n{shop}", query(&[])),
        ("queries.x", "writes") if value == "true" => {
            format!("{}{shop}", query(&[("sql", "\"delete from orders\"")]))
        }
        ("queries.x", "additive") if value == "true" => {
            format!(
                "writes = true\n{}{shop}",
                query(&[("sql", "\"insert into orders values (1)\"")])
            )
        }
        ("queries.x", _) => query(&[]) + shop,
        ("queries.x.parameters.x", _) => {
            let number = if matches!(key, "least" | "most") { "type = \"number\"\n" } else { "" };
            format!("{number}[queries.x]\n{}{shop}", query(&[("sql", "\"select :x\"")]))
        }
        _ => String::new(),
    }
}

#[test]
fn every_example_and_every_default_reads() {
    for (table, key) in values(FILE, "") {
        assert!(!key.example.is_empty() && !key.meaning.is_empty(), "{table}.{}", key.name);
        for value in [Some(key.example.to_owned()), key.default()].into_iter().flatten() {
            let company = company(&table, key.name, &value);
            let text = format!("[{table}]\n{} = {value}\n{company}", key.name);
            assert!(Config::read(&text, "x").is_ok(), "{text} {:?}", Config::read(&text, "x"));
        }
    }
}

#[test]
fn no_key_is_accepted_unread() {
    for (table, key) in values(FILE, "") {
        let text = format!("[{table}]\n{} = 1979-05-27\n", key.name);
        let found = Config::read(&text, "x").expect_err(&text);
        let place = (2, key.name.len() + 4);
        assert!(found.iter().any(|wrong| (wrong.line, wrong.column) == place), "{text}: {found:?}");
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
    assert!(!page.contains("keyring") && !schema.contains("\"keyring\""));
}
