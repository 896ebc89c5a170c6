//! Each line of a checklist names a test that shows it.

use super::{Complaint, pages, promises};
use crate::generate::checklist::{CLIENT, Line, List, SERVER, TRANSPORT, lines};
use crate::repo::Tree;

const RULE: &str = "checklist";

/// Every line of each list, and every test that it names.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    [SERVER, CLIENT, TRANSPORT].iter().flat_map(|list| one(tree, list)).collect()
}

fn one(tree: &Tree, list: &List) -> Vec<Complaint> {
    let complain = |what: String| Complaint::new(RULE, list.file, 0, what);
    match lines(tree, list) {
        Err(why) => vec![complain(why)],
        Ok(lines) => lines.iter().flat_map(|line| judge(tree, line)).map(complain).collect(),
    }
}

fn judge(tree: &Tree, line: &Line) -> Vec<String> {
    if line.tests.is_empty() {
        return vec![format!("\"{}\" names no test", line.what)];
    }
    let gone = line.tests.iter().filter(|test| !is_shown(tree, test));
    gone.map(|test| format!("\"{}\": there is no test `{test}`", line.what)).collect()
}

/// A test, or a case of the casebook, which both drivers play: `casebook/PAGE.md#case`.
fn is_shown(tree: &Tree, test: &str) -> bool {
    let is_case = |(file, anchor): (&str, &str)| {
        let page = pages(tree).into_iter().find(|(path, _)| path == file);
        page.is_some_and(|(_, page)| page.cases.iter().any(|case| case.anchor == anchor))
    };
    promises::is_test(tree, test) || test.split_once('#').is_some_and(is_case)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_shows_something_too() {
        let page = "# silence-is-no\ntext\n## No answer\n```case\nclient  ping\n```\n";
        let list = |case: &str| {
            let file = "casebook/approval/silence-is-no.md";
            format!("[[line]]\nwhat = \"a\"\nhow = \"x\"\ntests = [\"{file}#{case}\"]\n")
        };
        for (case, complaints) in [("no-answer", 0), ("gone", 1)] {
            let list = list(case);
            let files = [("casebook/approval/silence-is-no.md", page), (CLIENT.file, &list)];
            assert_eq!(check(&Tree::of(&files)).len(), complaints, "{case}");
        }
    }

    #[test]
    fn a_line_without_its_test_is_found() {
        let list = "[[line]]\nwhat = \"good\"\nhow = \"x\"\ntests = [\"a/b.rs::holds\"]\n\
            [[line]]\nwhat = \"bare\"\nhow = \"x\"\ntests = []\n\
            [[line]]\nwhat = \"gone\"\nhow = \"x\"\ntests = [\"a/b.rs::holds\", \"a/b.rs::gone\"]\n";
        for file in [SERVER.file, CLIENT.file, TRANSPORT.file] {
            let tree = Tree::of(&[(file, list), ("a/b.rs", "#[test]\nfn holds() {}")]);
            let found: Vec<_> = check(&tree).into_iter().map(|it| it.what).collect();
            let expect = ["\"bare\" names no test", "\"gone\": there is no test `a/b.rs::gone`"];
            assert_eq!(found, expect);
            assert_eq!(check(&Tree::of(&[(file, "line = [1]")])).len(), 1);
        }
    }
}
