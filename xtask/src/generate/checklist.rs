//! `docs/reference/server-checklist.md`: what a server's author has to see to, and what shows it here.

use std::fmt::Write as _;

use toml::{Table, Value};

use crate::repo::Tree;

/// The list itself, which lies beside the server that keeps it.
pub(crate) const FILE: &str = "crates/server/checklist.toml";
const HEAD: &str = "\
# What a server's author has to see to

Written by `cargo xtask generate` from `crates/server/checklist.toml`; do not edit. `portcullis server --checklist` prints it.

Half of MCP's security is the server author's. Each line says how `portcullis server` does it, and names the tests that show it.

| what | how `portcullis server` does it | shown by |
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
pub(crate) fn lines(tree: &Tree) -> Result<Vec<Line>, String> {
    let text = tree.text(FILE).unwrap_or_default();
    let table: Table = text.parse().map_err(|error| format!("{FILE}: {error}"))?;
    let lines = table.get("line").and_then(Value::as_array).into_iter().flatten();
    lines.map(|line| understood(line).ok_or_else(|| wrong(line))).collect()
}

fn understood(line: &Value) -> Option<Line> {
    let word = |key| line.get(key)?.as_str().map(str::to_owned);
    let tests = line.get("tests")?.as_array()?.iter().map(|it| it.as_str().map(str::to_owned));
    Some(Line { what: word("what")?, how: word("how")?, tests: tests.collect::<Option<_>>()? })
}

fn wrong(line: &Value) -> String {
    format!("{FILE}: a line has the texts `what` and `how` and the list `tests`: {line}")
}

/// The whole page.
pub(super) fn page(tree: &Tree) -> Result<String, String> {
    let mut text = HEAD.to_owned();
    for Line { what, how, tests } in lines(tree)? {
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
        let text = page(&Tree::of(&[(FILE, list)])).expect("a page");
        assert!(text.ends_with("|\n| No shell | words | `a.rs::b`<br>`a.rs::c` |\n"), "{text}");
        let short = page(&Tree::of(&[(FILE, "[[line]]\nwhat = \"No shell\"\n")]));
        assert!(short.is_err_and(|why| why.contains("a line has")));
    }
}
