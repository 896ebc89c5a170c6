//! Any text as a query: what only reads has no writing node, whoever parses it.
//!
//! The first byte chooses the dialect and who wrote the text. What was judged is
//! parsed once more, alone, and looked through by the names of its nodes; judging it
//! again says the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use portcullis_guard::sql::{self, Dialect, Effect};
use sqlparser::dialect::{Dialect as Grammar, MySqlDialect, PostgreSqlDialect, SQLiteDialect};
use sqlparser::parser::Parser;

/// What is in no tree of a reading.
const WRITING: [&str; 10] = [
    "Insert(",
    "Update(",
    "Delete(",
    "Merge(",
    "Copy {",
    "Call(",
    "into: Some",
    "LockClause {",
    "Explain {",
    "Assignment,",
];
/// What no text may call, as the trees have it when nothing is quoted.
const REACHING: [&str; 4] = ["pg_read_file", "load_file", "load_extension", "dblink"];

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, rest)) = bytes.split_first() else { return };
    let text = String::from_utf8_lossy(rest);
    let (dialect, grammar): (_, &dyn Grammar) = match choice % 3 {
        0 => (Dialect::Sqlite, &SQLiteDialect {}),
        1 => (Dialect::Postgres, &PostgreSqlDialect {}),
        _ => (Dialect::MySql, &MySqlDialect {}),
    };
    let judged = match choice / 3 % 2 {
        0 => sql::adhoc(dialect, &text),
        _ => sql::named(dialect, &text, &["p"]),
    };
    let judged = match judged {
        Ok(judged) => judged,
        Err(unfit) => return assert!(!unfit.to_string().is_empty()),
    };
    assert!(judged.order().iter().all(|place| *place == 0), "one parameter was declared");
    let tree = Parser::parse_sql(grammar, judged.text()).expect("what was judged is understood");
    assert_eq!(tree.len(), 1, "one statement: {:?}", judged.text());
    if judged.effect() != Effect::Reads {
        return;
    }
    let tree = format!("{tree:?}");
    let found = nodes(&tree);
    for node in WRITING {
        assert!(!found.contains(node), "{node} in {:?}", judged.text());
    }
    for name in REACHING {
        let call =
            format!("Function(Function {{ name: ObjectName([Identifier(Ident {{ value: \"{name}\"");
        assert!(!tree.contains(&call), "{name} in {:?}", judged.text());
    }
    if judged.order().is_empty() {
        let again = sql::named(dialect, judged.text(), &[]).expect("judged again");
        assert_eq!(again.effect(), Effect::Reads);
    }
});

/// What a tree shows, without what stands between quotes.
fn nodes(tree: &str) -> String {
    let (mut nodes, mut inside, mut escaped) = (String::new(), false, false);
    for c in tree.chars() {
        match (inside, c) {
            (true, _) if escaped => escaped = false,
            (true, '\\') => escaped = true,
            (_, '"') => inside = !inside,
            (true, _) => {}
            (false, _) => nodes.push(c),
        }
    }
    nodes
}
