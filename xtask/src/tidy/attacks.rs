//! The history of attacks is a table of tests: a row without a case is a claim.

use portcullis_catalog::ControlId;

use super::{Complaint, Pages, links, pages, promises};
use crate::repo::Tree;

const RULE: &str = "attacks";
const PAGE: &str = "docs/attacks.md";

/// Every row: advisory or paper | control | case | verdict.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let pages = pages(tree);
    let mut complaints = Vec::new();
    let lines = tree.text(PAGE).unwrap_or_default().lines().enumerate();
    for (at, line) in lines {
        let Some(cells) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            continue;
        };
        let cells: Vec<&str> = cells.split('|').map(str::trim).collect();
        let head = cells.iter().any(|cell| cell.starts_with("---") || *cell == "verdict");
        if !head {
            let wrong = row(&cells, tree, &pages).err();
            complaints.extend(wrong.map(|what| Complaint::new(RULE, PAGE, at + 1, what)));
        }
    }
    complaints
}

fn row(cells: &[&str], tree: &Tree, pages: &Pages) -> Result<(), String> {
    let [attack, controls, proof, verdict] = cells else {
        return Err("a row has four cells: attack, control, case, verdict".to_owned());
    };
    if attack.is_empty() || verdict.is_empty() {
        return Err("a row names the attack and the verdict".to_owned());
    }
    for control in controls.split(',').map(|it| it.trim().trim_matches('`')) {
        if ControlId::find(control).is_none() {
            return Err(format!("the catalog has no control `{control}`"));
        }
    }
    let mut proofs = 0;
    for target in links::targets(proof) {
        proofs += 1;
        if !is_case(&target, pages) {
            return Err(format!("`{target}` is not a case"));
        }
    }
    for test in proof.split('`').filter(|part| part.contains(".rs::")) {
        proofs += 1;
        if !promises::is_test(tree, test) {
            return Err(format!("there is no test `{test}`"));
        }
    }
    if proofs == 0 { Err("a row names a case or a test".to_owned()) } else { Ok(()) }
}

fn is_case(target: &str, pages: &Pages) -> bool {
    let Some((file, anchor)) = target.split_once('#') else { return false };
    let page = pages.iter().find(|(path, _)| file.strip_prefix("../") == Some(path));
    page.is_some_and(|(_, page)| page.cases.iter().any(|case| case.anchor == anchor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(row: &str) -> Vec<String> {
        let page = "# silence-is-no\ntext\n## No answer\n```case\nclient  ping\n```\n";
        let table = format!("| attack | control | case | verdict |\n|---|---|---|---|\n{row}\n");
        let tree = Tree::of(&[
            ("casebook/approval/silence-is-no.md", page),
            ("crates/a/tests/b.rs", "fn holds() {}"),
            (PAGE, &table),
        ]);
        check(&tree).into_iter().map(|complaint| complaint.what).collect()
    }

    #[test]
    fn a_row_has_a_case_that_exists() {
        let case = "[c](../casebook/approval/silence-is-no.md#no-answer)";
        assert_eq!(found(&format!("| x | `silence-is-no` | {case} | denied |")), [""; 0]);
        assert_eq!(
            found("| x | `silence-is-no` | `crates/a/tests/b.rs::holds` | denied |"),
            [""; 0]
        );
        for (wrong, expected) in [
            (format!("| x | `nobody` | {case} | denied |"), "the catalog has no control `nobody`"),
            ("| x | `silence-is-no` | soon | denied |".into(), "a row names a case or a test"),
            (
                "| x | `silence-is-no` | [c](../casebook/a.md#b) | denied |".into(),
                "`../casebook/a.md#b` is not a case",
            ),
            (
                "| x | `silence-is-no` | `crates/a/tests/b.rs::gone` | denied |".into(),
                "there is no test `crates/a/tests/b.rs::gone`",
            ),
            ("| x | y |".into(), "a row has four cells: attack, control, case, verdict"),
        ] {
            assert_eq!(found(&wrong), [expected]);
        }
    }
}
