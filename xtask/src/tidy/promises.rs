//! Promises are named by ids that exist, and tests that keep one are there.

use std::collections::BTreeMap;

use portcullis_catalog::promise;

use super::Complaint;
use crate::repo::{File, Tree};

const RULE: &str = "promises";
const FILE: &str = "casebook/tests.toml";

/// What keeps promises that no case can play: promise id → `path::test name`.
pub(crate) fn proofs(tree: &Tree) -> Result<BTreeMap<String, Vec<String>>, String> {
    let Some(text) = tree.text(FILE) else { return Ok(BTreeMap::new()) };
    let table: toml::Table = text.parse().map_err(|error| format!("{FILE}: {error}"))?;
    let mut proofs = BTreeMap::new();
    for (id, tests) in table {
        let tests = tests.as_array().ok_or_else(|| format!("{FILE}: `{id}` is not a list"))?;
        let tests = tests.iter().map(|it| it.as_str().map(str::to_owned));
        let tests: Option<Vec<String>> = tests.collect();
        proofs.insert(id.clone(), tests.ok_or_else(|| format!("{FILE}: `{id}` lists texts"))?);
    }
    Ok(proofs)
}

/// Whether `path::name` is a test function of that file.
pub(super) fn is_test(tree: &Tree, named: &str) -> bool {
    let Some((path, name)) = named.split_once("::") else { return false };
    let name = name.rsplit("::").next().unwrap_or(name);
    let head = format!("fn {name}(");
    tree.text(path).is_some_and(|text| text.contains(&head))
}

/// Every id that is mentioned anywhere, and every test of the table.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let mut complaints: Vec<Complaint> = tree.files.iter().flat_map(unknown).collect();
    match proofs(tree) {
        Err(why) => complaints.push(Complaint::new(RULE, FILE, 0, why)),
        Ok(proofs) => {
            let named = proofs.iter().flat_map(|(id, tests)| tests.iter().map(move |it| (id, it)));
            complaints.extend(named.filter(|(_, test)| !is_test(tree, test)).map(|(id, test)| {
                Complaint::new(RULE, FILE, 0, format!("{id}: there is no test `{test}`"))
            }));
        }
    }
    complaints
}

fn unknown(file: &File) -> Vec<Complaint> {
    let mut complaints = Vec::new();
    for (at, line) in file.text.lines().enumerate().filter(|(_, line)| line.contains("MCP-")) {
        for word in line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
            if is_id(word) && promise::find(word).is_none() {
                let what = format!("the catalog has no promise `{word}`");
                complaints.push(Complaint::new(RULE, &file.path, at + 1, what));
            }
        }
    }
    complaints
}

/// `MCP-LETTERS-DIGITS`
fn is_id(word: &str) -> bool {
    let Some((layer, number)) = word.strip_prefix("MCP-").and_then(|it| it.rsplit_once('-')) else {
        return false;
    };
    layer.chars().all(|c| c.is_ascii_uppercase() || c == '-')
        && !number.is_empty()
        && number.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_promise_is_found() {
        let wrong = format!("fine MCP-CAP-01\nsee MCP-{}-77.\n", "CAP");
        let found = check(&Tree::of(&[("docs/a.md", &wrong)]));
        let found: Vec<_> = found.iter().map(|it| (it.line, it.what.as_str())).collect();
        let what = format!("the catalog has no promise `MCP-{}-77`", "CAP");
        assert_eq!(found, [(2, what.as_str())]);
    }

    #[test]
    fn a_test_that_is_not_there_is_found() {
        let table = "MCP-CAP-01 = [\"crates/a/src/b.rs::works\", \"crates/a/src/b.rs::gone\"]\n";
        let tree = Tree::of(&[(FILE, table), ("crates/a/src/b.rs", "#[test]\nfn works() {}")]);
        let found: Vec<_> = check(&tree).into_iter().map(|complaint| complaint.what).collect();
        assert_eq!(found, ["MCP-CAP-01: there is no test `crates/a/src/b.rs::gone`"]);
        assert_eq!(check(&Tree::of(&[(FILE, "MCP-CAP-01 = 1")])).len(), 1);
    }
}
