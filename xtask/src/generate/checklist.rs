//! `docs/reference/{server,client,transport}-checklist.md`: what a server's author, and whoever runs servers,
//! has to see to, and what shows it here.

use std::fmt::Write as _;

use toml::{Table, Value};

use crate::repo::Tree;

/// A list, which lies beside what keeps it, and its page.
pub(crate) struct List {
    /// The list itself.
    pub(crate) file: &'static str,
    head: &'static str,
}

/// For a server's author.
pub(crate) const SERVER: List = List { file: "crates/server/checklist.toml", head: SERVER_HEAD };
/// For whoever runs servers.
pub(crate) const CLIENT: List = List { file: "crates/console/checklist.toml", head: CLIENT_HEAD };

/// For whoever reaches servers over a network.
pub(crate) const TRANSPORT: List =
    List { file: "crates/transport/checklist.toml", head: TRANSPORT_HEAD };

const SERVER_HEAD: &str = "\
# What a server's author has to see to

Written by `cargo xtask generate` from `crates/server/checklist.toml`; do not edit. `portcullis server --checklist` prints it.

Half of MCP's security is the server author's. Each line says how `portcullis server` does it, and names the tests that show it.

| what | how `portcullis server` does it | shown by |
|---|---|---|
";

const CLIENT_HEAD: &str = "\
# What whoever runs MCP servers has to see to

Written by `cargo xtask generate` from `crates/console/checklist.toml`; do not edit. `portcullis status --checklist` and the checklist page of
`portcullis console` say of each line where it stands on a machine.

| what | how `portcullis run` sees to it | shown by |
|---|---|---|
";

const TRANSPORT_HEAD: &str = "\
# What whoever reaches MCP servers over a network has to see to

Written by `cargo xtask generate` from `crates/transport/checklist.toml`; do not edit. `portcullis serve --checklist` says of each line where it stands in a config.

| what | how `portcullis serve` sees to it | shown by |
|---|---|---|
";

/// One line of the list.
pub(crate) struct Line {
    /// What an author has to see to.
    pub(crate) what: String,
    how: String,
    /// `path::name` of each test that shows it.
    pub(crate) tests: Vec<String>,
}

/// The list as it is written.
pub(crate) fn lines(tree: &Tree, list: &List) -> Result<Vec<Line>, String> {
    let text = tree.text(list.file).unwrap_or_default();
    let table: Table = text.parse().map_err(|error| format!("{}: {error}", list.file))?;
    let lines = table.get("line").and_then(Value::as_array).into_iter().flatten();
    lines.map(|line| understood(line).ok_or_else(|| wrong(list, line))).collect()
}

fn understood(line: &Value) -> Option<Line> {
    let word = |key| line.get(key)?.as_str().map(str::to_owned);
    let tests = line.get("tests")?.as_array()?.iter().map(|it| it.as_str().map(str::to_owned));
    Some(Line { what: word("what")?, how: word("how")?, tests: tests.collect::<Option<_>>()? })
}

fn wrong(list: &List, line: &Value) -> String {
    let file = list.file;
    format!("{file}: a line has the texts `what` and `how` and the list `tests`: {line}")
}

/// The whole page.
pub(super) fn page(tree: &Tree, list: &List) -> Result<String, String> {
    let mut text = list.head.to_owned();
    for Line { what, how, tests } in lines(tree, list)? {
        let tests: Vec<_> = tests.iter().map(|test| format!("`{test}`")).collect();
        let _ = writeln!(text, "| {what} | {how} | {} |", tests.join("<br>"));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_row() {
        let list =
            "[[line]]\nwhat = \"No shell\"\nhow = \"words\"\ntests = [\"a.rs::b\", \"a.rs::c\"]\n";
        let text = page(&Tree::of(&[(SERVER.file, list)]), &SERVER).expect("a page");
        assert!(text.ends_with("|\n| No shell | words | `a.rs::b`<br>`a.rs::c` |\n"), "{text}");
        let short = page(&Tree::of(&[(CLIENT.file, "[[line]]\nwhat = \"No shell\"\n")]), &CLIENT);
        assert!(short.is_err_and(|why| why.contains("a line has")));
    }
}
