//! `docs/reference/channels.md` names a test that exists for each cell, or says why there
//! can be none.

use std::fs;
use std::path::Path;

const KINDS: [&str; 6] =
    ["tool call", "sampling", "sampling answer", "elicitation form", "elicitation URL", "root"];
const CELLS: &str = "crates/cli/tests/channels/cells.rs";

fn project(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The cells of each row of the tables, without what stands above and below.
fn rows(page: &str) -> Vec<Vec<String>> {
    let cells = |line: &str| {
        let inside = line.trim_matches('|').split('|');
        inside.map(|cell| cell.trim().to_owned()).collect::<Vec<_>>()
    };
    let lines = page.lines().filter(|line| line.starts_with('|') && !line.starts_with("|---"));
    lines.map(cells).collect()
}

/// The names in a cell; a path holds for those that follow it.
fn tests(cell: &str, usual: &str) -> Vec<(String, String)> {
    let mut file = usual.to_owned();
    let mut found = Vec::new();
    for name in cell.split('`').skip(1).step_by(2) {
        let name = match name.split_once("::") {
            Some((path, name)) => {
                path.clone_into(&mut file);
                name
            }
            None => name,
        };
        found.push((file.clone(), name.to_owned()));
    }
    found
}

/// A test by this name: a function, or a line of a table of tests.
fn exists(file: &str, name: &str) -> bool {
    let text = project(file);
    text.contains(&format!("fn {name}()")) || text.contains(&format!("    {name}: "))
}

#[test]
fn every_cell_has_a_test_or_a_reason() {
    let page = project("docs/reference/channels.md");
    let all = rows(&page);
    let matrix: Vec<_> = all.iter().filter(|row| row.len() == 7).skip(1).collect();
    let named = |row: &&Vec<String>| (row[0].clone(), row[1].clone());
    let expected = KINDS
        .iter()
        .flat_map(|kind| ["legacy", "2026-07-28"].map(|era| ((*kind).to_owned(), era.to_owned())));
    assert_eq!(matrix.iter().map(named).collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    let sdks = all.iter().filter(|row| row.len() == 3).skip(1);
    let first = "crates/cli/tests/peers/channels.rs";
    let cells = matrix.iter().flat_map(|row| row[2..].iter().map(|cell| (cell, CELLS)));
    let cells: Vec<_> =
        cells.chain(sdks.flat_map(|row| row[1..].iter().map(|cell| (cell, first)))).collect();
    assert!(cells.len() >= 50, "{}", cells.len());
    for (cell, usual) in cells {
        let named = tests(cell, usual);
        let reason = cell.strip_prefix("cannot be: ").is_some_and(|why| !why.is_empty());
        let known = reason || !named.is_empty();
        assert!(known, "neither a test nor a reason: {cell}");
        for (file, name) in named {
            assert!(exists(&file, &name), "{file} has no test {name}");
        }
    }
}

#[test]
fn a_name_that_is_none_is_found() {
    assert!(exists(CELLS, "tool_legacy_console") && !exists(CELLS, "tool_legacy_pigeon"));
    let named = tests("`a/b.rs::one`, `two`", CELLS);
    let file = || "a/b.rs".to_owned();
    assert_eq!(named, [(file(), "one".to_owned()), (file(), "two".to_owned())]);
}
