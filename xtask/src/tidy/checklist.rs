//! Each line of the server's checklist names a test that shows it.

use super::{Complaint, promises};
use crate::generate::checklist::{FILE, Line, lines};
use crate::repo::Tree;

const RULE: &str = "checklist";

/// Every line, and every test that it names.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    let complain = |what: String| Complaint::new(RULE, FILE, 0, what);
    match lines(tree) {
        Err(why) => vec![complain(why)],
        Ok(lines) => lines.iter().flat_map(|line| judge(tree, line)).map(complain).collect(),
    }
}

fn judge(tree: &Tree, line: &Line) -> Vec<String> {
    if line.tests.is_empty() {
        return vec![format!("\"{}\" names no test", line.what)];
    }
    let gone = line.tests.iter().filter(|test| !promises::is_test(tree, test));
    gone.map(|test| format!("\"{}\": there is no test `{test}`", line.what)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_without_its_test_is_found() {
        let list = "[[line]]\nwhat = \"good\"\nhow = \"x\"\ntests = [\"a/b.rs::holds\"]\n\
            [[line]]\nwhat = \"bare\"\nhow = \"x\"\ntests = []\n\
            [[line]]\nwhat = \"gone\"\nhow = \"x\"\ntests = [\"a/b.rs::holds\", \"a/b.rs::gone\"]\n";
        let tree = Tree::of(&[(FILE, list), ("a/b.rs", "#[test]\nfn holds() {}")]);
        let found: Vec<_> = check(&tree).into_iter().map(|it| it.what).collect();
        assert_eq!(found, ["\"bare\" names no test", "\"gone\": there is no test `a/b.rs::gone`"]);
        assert_eq!(check(&Tree::of(&[(FILE, "line = [1]")])).len(), 1);
    }
}
