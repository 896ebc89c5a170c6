//! Databases and queries: what a file may say, and what is a mistake in it, where.
#![expect(clippy::panic, reason = "tests stop at the first surprise")]

use portcullis_config::queries::{Adhoc, ParameterKind, Place};
use portcullis_config::{Config, Document, Documents, Source};
use portcullis_guard::sql::Dialect;
use serde_json::json;

const SHOP: &str = r#"
[databases.shop]
file = "/srv/shop.db"

[databases.big]
kind = "postgres"
url = { file = "~/.secrets/big" }
adhoc = "read"
timeout = "250ms"
rows = 7
"#;

fn read(text: &str) -> Config {
    let text = format!("{SHOP}{text}");
    Config::read(&text, "p.toml").unwrap_or_else(|wrong| panic!("{text}{wrong:?}"))
}

/// The complaints, each with its place.
fn wrong(text: &str) -> Vec<String> {
    match Config::read(text, "p.toml") {
        Ok(_) => Vec::new(),
        Err(wrong) => wrong.iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn a_query_is_understood_where_it_is_written() {
    let config = read(
        r#"
[queries.orders_of]
database = "big"
about = "The orders of a customer"
sql = "select * from orders where customer = :customer and total between :low and :high"
parameters.customer = { max = 64, pattern = "[a-z]+", about = "who" }
parameters.low = { type = "number", optional = true }
parameters.high = { type = "integer", least = -5, most = 100 }

[queries.forget]
database = "shop"
about = "Removes orders"
sql = "delete from orders where state = :state"
writes = true
parameters.state = { enum = ["paid", "void"] }
"#,
    );
    let big = &config.queries.databases["big"];
    assert!(
        matches!(&big.place, Place::Server(Dialect::Postgres, Source::File(path)) if path == "~/.secrets/big")
    );
    assert_eq!((big.adhoc, big.timeout.as_millis(), big.rows), (Adhoc::Read, 250, 7));
    let shop = &config.queries.databases["shop"];
    assert_eq!((shop.adhoc, shop.dialect(), shop.rows), (Adhoc::None, Dialect::Sqlite, 1_000));
    let orders = &config.queries.queries["orders_of"];
    assert!(!orders.writes());
    assert_eq!(orders.rows, 7, "its database's");
    assert!(orders.judged.text().contains(" $1 "));
    assert_eq!(
        orders.input_schema(),
        json!({
            "type": "object",
            "properties": {
                "customer": {"type": "string", "maxLength": 64, "pattern": "^(?:[a-z]+)$", "description": "who"},
                "high": {"type": "integer", "minimum": -5, "maximum": 100},
                "low": {"type": "number"},
            },
            "required": ["customer", "high"],
            "additionalProperties": false,
        })
    );
    let forget = &config.queries.queries["forget"];
    assert!(forget.writes() && !forget.additive);
    let state = &forget.parameters[0].kind;
    assert!(matches!(state, ParameterKind::Text { one_of, .. } if *one_of == ["paid", "void"]));
}

#[test]
fn a_text_that_does_more_than_it_says_is_a_mistake() {
    let query = |sql: &str, more: &str| {
        format!(
            "{SHOP}\n[queries.q]\ndatabase = \"shop\"\nabout = \"x\"\nsql = '''{sql}'''\n{more}"
        )
    };
    for (sql, more, place, what) in [
        ("delete from orders", "", 15, "say `writes = true`"),
        ("select 1", "writes = true", 12, "it only reads"),
        ("select 1; drop table orders", "", 15, "more than one statement"),
        ("drop table orders", "writes = true", 15, "only a query can be run"),
        ("select load_extension('x')", "", 15, "reaches beyond the data"),
        ("select * from orders where id = :id", "", 15, "`:id` is no declared parameter"),
        ("select 1", "parameters.id = {}", 15, "`:id` is declared and not used"),
        ("select :id", "parameters.id = { type = \"integer\", max = 3 }", 16, "`max` does not fit"),
        ("select :id", "parameters.id = { type = \"integer\", least = 0.5 }", 16, "whole number"),
        ("select :id", "parameters.id = { pattern = \"(\" }", 12, "cannot be checked"),
        ("select :id", "parameters.id = { enum = [] }", 16, "lists nothing"),
        ("select :id", "parameters.id = { type = \"text\" }", 16, "text"),
        ("select 1", "additive = true", 12, "`additive` is said of a query that `writes`"),
        ("delete from orders", "writes = true\nadditive = true", 15, "what only inserts"),
        ("replace into orders values (1)", "writes = true\nadditive = true", 15, "only inserts"),
        ("select 1", "colour = 1", 16, "unknown key `colour`"),
    ] {
        let wrong = wrong(&query(sql, more));
        let first = wrong.first().unwrap_or_else(|| panic!("{sql} {more}: nothing is wrong"));
        assert!(first.starts_with(&format!("p.toml:{place}:")), "{sql} {more}: {first}");
        assert!(first.contains(what), "{sql} {more}: {first}");
    }
}

#[test]
fn a_mistake_in_a_text_of_several_lines_has_its_own_place() {
    let text = format!(
        "{SHOP}[queries.q]\ndatabase = \"shop\"\nabout = \"x\"\nsql = '''\nselect *\nfrom orders\nwhere id = :id'''\n"
    );
    let wrong = wrong(&text);
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].starts_with("p.toml:17:12: `:id` is no declared parameter"), "{wrong:?}");
}

#[test]
fn a_database_is_a_file_or_a_server_and_its_address_a_reference() {
    for (text, what) in [
        ("[databases.a]", "has a `file`"),
        ("[databases.a]\nfile = \"shop.db\"", "is relative"),
        ("[databases.a]\nkind = \"mysql\"\nfile = \"/a.db\"", "has a `url`"),
        ("[databases.a]\nurl = { env = \"A\" }", "has a `file`"),
        (
            "[databases.a]\nkind = \"postgres\"\nurl = \"postgres://me:hunter2@host/a\"",
            "holds a password",
        ),
        ("[databases.a]\nkind = \"postgres\"\nurl = { env = \"A\", file = \"/x\" }", "has one key"),
        ("[databases.a]\nkind = \"oracle\"\nfile = \"/x\"", "oracle"),
        ("[databases.\"a b\"]\nfile = \"/x\"", "a name has"),
        ("[databases.a]\nfile = \"/x\"\nadhoc = \"write\"", "write"),
        ("[databases.a]\nfile = \"/x\"\nrows = 0", "between 1 and"),
        ("[queries.q]\ndatabase = \"a\"\nabout = \"x\"\nsql = \"select 1\"", "no database `a`"),
        (
            "[databases.a]\nfile = \"/x\"\n[queries.q]\ndatabase = \"a\"",
            "has a `database`, `about` and `sql`",
        ),
    ] {
        let wrong = wrong(text).join("\n");
        assert!(wrong.contains(what), "{text}: {wrong}");
        assert!(!wrong.contains("hunter2"), "{wrong}");
    }
}

#[test]
fn the_guides_file_is_right() {
    let page = include_str!("../../../docs/guide/queries.md");
    let toml = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let config = Config::read(toml, "guide.toml").unwrap_or_else(|wrong| panic!("{wrong:?}"));
    assert_eq!(config.queries.databases.len(), 2);
    assert!(config.queries.queries["close_order"].writes());
}

#[test]
fn queries_are_the_persons_and_the_administrators_and_no_projects() {
    let document = |file: &str, text: &str| {
        let config = Config::read(text, file).unwrap_or_else(|wrong| panic!("{wrong:?}"));
        Document { file: file.to_owned(), config }
    };
    let query = |database: &str, name: &str| {
        format!("[queries.{name}]\ndatabase = \"{database}\"\nabout = \"x\"\nsql = \"select 1\"\n")
    };
    let mine = "[databases.mine]\nfile = \"/mine.db\"\n[databases.shop]\nfile = \"/own.db\"\n";
    let mine = format!("{mine}{}{}", query("mine", "a"), query("shop", "b"));
    let fixed = format!("[databases.shop]\nfile = \"/fixed.db\"\n{}", query("shop", "c"));
    let documents = Documents {
        administrator: Some(document("/etc/p.toml", &fixed)),
        user: Some(document("p.toml", &mine)),
        projects: Vec::new(),
    };
    let all = documents.queries().unwrap();
    assert!(matches!(&all.databases["shop"].place, Place::File(path) if path == "/fixed.db"));
    // The person's query of what is the administrator's now is gone.
    assert_eq!(all.queries.keys().collect::<Vec<_>>(), ["a", "c"]);
    let projects = vec![document("/w/.portcullis.toml", "[databases.x]\nfile = \"/x.db\"")];
    let wrong = Documents { projects, ..documents }.queries().unwrap_err();
    assert_eq!(
        wrong.iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["/w/.portcullis.toml: a project's file adds no databases and queries"]
    );
}
