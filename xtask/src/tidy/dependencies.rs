//! A dependency is a decision: one line each in `docs/dependencies.md`.

use std::collections::BTreeSet;

use super::Complaint;
use crate::repo::Tree;

const RULE: &str = "dependencies";
const PAGE: &str = "docs/dependencies.md";

/// The workspace's table against the page, both ways.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let complain = |file: &str, what: String| Complaint::new(RULE, file, 0, what);
    let manifest = tree.text("Cargo.toml").unwrap_or_default();
    let Ok(manifest) = manifest.parse::<toml::Table>() else {
        return vec![complain("Cargo.toml", "not TOML".to_owned())];
    };
    let table = manifest.get("workspace").and_then(|it| it.get("dependencies"));
    let table = table.and_then(toml::Value::as_table).into_iter().flatten();
    let used: BTreeSet<&str> = table
        .filter(|(_, value)| value.get("path").is_none())
        .map(|(name, _)| name.as_str())
        .collect();
    let rows: Vec<Row<'_>> =
        tree.text(PAGE).unwrap_or_default().lines().filter_map(Row::read).collect();
    let named: BTreeSet<&str> = rows.iter().map(|row| row.name).collect();

    let mut complaints = Vec::new();
    for name in used.difference(&named) {
        complaints.push(complain(PAGE, format!("`{name}` is used and has no line")));
    }
    for name in named.difference(&used) {
        complaints.push(complain(PAGE, format!("`{name}` has a line and is not used")));
    }
    for row in rows.iter().filter(|row| !row.complete) {
        complaints.push(complain(PAGE, format!("`{}`: say what for and what else", row.name)));
    }
    complaints
}

/// `` | `name` | what for | what else we looked at | ``
struct Row<'a> {
    name: &'a str,
    complete: bool,
}

impl<'a> Row<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let mut cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim);
        let name = cells.next()?.strip_prefix('`')?.strip_suffix('`')?;
        let rest: Vec<&str> = cells.collect();
        Some(Self { name, complete: rest.len() == 2 && rest.iter().all(|cell| !cell.is_empty()) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_and_the_manifest_agree() {
        let manifest =
            "[workspace.dependencies]\na = \"1\"\nb = \"1\"\nc = \"1\"\nours = { path = \"x\" }\n";
        let page = "| crate | for | else |\n|---|---|---|\n| `a` | x | y |\n| `b` | x | |\n| `d` | x | y |\n";
        let found = check(&Tree::of(&[("Cargo.toml", manifest), (PAGE, page)]));
        let found: Vec<_> = found.into_iter().map(|complaint| complaint.what).collect();
        assert_eq!(
            found,
            [
                "`c` is used and has no line",
                "`d` has a line and is not used",
                "`b`: say what for and what else"
            ]
        );
    }
}
