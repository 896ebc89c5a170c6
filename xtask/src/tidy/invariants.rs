//! Each invariant of ARCHITECTURE.md names a test that shows it.

use super::{Complaint, promises};
use crate::repo::Tree;

const RULE: &str = "invariants";
const PAGE: &str = "ARCHITECTURE.md";

/// Every numbered item under *Invariants*, with the lines that belong to it.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let text = tree.text(PAGE).unwrap_or_default();
    let lines = text.lines().enumerate().skip_while(|(_, line)| !line.starts_with("## Invariants"));
    let section = lines.skip(1).take_while(|(_, line)| !line.starts_with("## "));
    let mut items: Vec<(usize, String)> = Vec::new();
    for (at, line) in section {
        if line.starts_with(|c: char| c.is_ascii_digit()) {
            items.push((at + 1, line.to_owned()));
        } else if let Some((_, item)) = items.last_mut() {
            item.push_str(line);
        }
    }
    items.iter().flat_map(|(line, item)| judge(tree, *line, item)).collect()
}

fn judge(tree: &Tree, line: usize, item: &str) -> Vec<Complaint> {
    let complain = |what: String| Complaint::new(RULE, PAGE, line, what);
    let named: Vec<&str> = item.split('`').filter(|part| part.contains(".rs::")).collect();
    if named.is_empty() {
        return vec![complain("an invariant names a test, as `path::name`".to_owned())];
    }
    let gone = named.into_iter().filter(|test| !promises::is_test(tree, test));
    gone.map(|test| complain(format!("there is no test `{test}`"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invariant_without_its_test_is_found() {
        let page = "1. elsewhere\n## Invariants\n1. **Good.**\n   `a/b.rs::holds`.\n2. **Bare.**\n\
                    3. **Gone.** `a/b.rs::gone`\n## After\n4. no invariant\n";
        let tree = Tree::of(&[(PAGE, page), ("a/b.rs", "#[test]\nfn holds() {}")]);
        let found: Vec<_> = check(&tree).into_iter().map(|it| (it.line, it.what)).collect();
        let bare = "an invariant names a test, as `path::name`".to_owned();
        assert_eq!(found, [(5, bare), (6, "there is no test `a/b.rs::gone`".to_owned())]);
    }
}
