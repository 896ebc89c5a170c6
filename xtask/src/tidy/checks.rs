//! Each check of the auditor has a page, and for every language that it claims a fixture on which it speaks and one on
//! which it keeps silent.

use portcullis_audit::check::{CHECKS, Check};
use portcullis_audit::evidence::source::Language;

use super::Complaint;
use crate::repo::Tree;

const RULE: &str = "checks";
const LIST: &str = "crates/audit/src/check.rs";
const HEADINGS: [&str; 3] = ["## What it finds", "## Why it matters", "## What to do instead"];

/// Looks at pages and fixtures.
pub(super) fn check(tree: &Tree) -> Vec<Complaint> {
    // A tree without the auditor is one of a test.
    if tree.text(LIST).is_none() {
        return Vec::new();
    }
    CHECKS
        .iter()
        .flat_map(|check| page(tree, check).into_iter().chain(fixtures(tree, check)))
        .collect()
}

fn page(tree: &Tree, check: &Check) -> Vec<Complaint> {
    let file = format!("docs/checks/{}.md", check.id);
    let Some(text) = tree.text(&file) else {
        return vec![Complaint::new(
            RULE,
            LIST,
            0,
            format!("`{}` has no page: write {file}", check.id),
        )];
    };
    let mut wrong = Vec::new();
    let said = [("why it matters", check.why), ("what it is called", check.title)];
    for heading in HEADINGS.into_iter().filter(|heading| !text.contains(heading)) {
        wrong.push(Complaint::new(RULE, &file, 0, format!("`{heading}` is missing")));
    }
    for (what, words) in said.into_iter().filter(|(_, words)| !text.contains(words)) {
        wrong.push(Complaint::new(
            RULE,
            &file,
            0,
            format!("{what} is not said as in the check: `{words}`"),
        ));
    }
    wrong
}

fn fixtures(tree: &Tree, check: &Check) -> Vec<Complaint> {
    let wanted = check.examples.iter().flat_map(|(language, _)| {
        ["fires", "silent"]
            .map(|name| format!("crates/audit/fixtures/{}/{name}.{}", check.id, ending(*language)))
    });
    let configs = check.judges_configs().then_some(["fires", "silent"]).into_iter().flatten();
    let configs = configs.map(|name| format!("crates/audit/fixtures/{}/{name}.json", check.id));
    let packages = check.judges_packages().then_some(["fires", "silent"]).into_iter().flatten();
    let packages =
        packages.map(|name| format!("crates/audit/fixtures/{}/{name}.evidence", check.id));
    wanted
        .chain(configs)
        .chain(packages)
        .filter(|file| tree.text(file).is_none())
        .map(|file| Complaint::new(RULE, LIST, 0, format!("`{}` has no fixture {file}", check.id)))
        .collect()
}

fn ending(language: Language) -> &'static str {
    match language {
        Language::Python => "py",
        Language::JavaScript => "js",
        Language::TypeScript => "ts",
        Language::Go => "go",
        Language::Rust => "rs",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_without_page_or_fixture_is_told() {
        let complaints = check(&Tree::of(&[(LIST, "")]));
        for check in CHECKS {
            let told = |what: &str| complaints.iter().any(|it| it.what.contains(what));
            assert!(told(&format!("docs/checks/{}.md", check.id)));
            let fixture =
                !check.examples.is_empty() || check.judges_configs() || check.judges_packages();
            assert!(!fixture || told(&format!("fixtures/{}/fires.", check.id)));
        }
        let empty = format!("docs/checks/{}.md", CHECKS[0].id);
        let complaints = check(&Tree::of(&[(LIST, ""), (&empty, "nothing")]));
        assert_eq!(complaints.iter().filter(|it| it.file == empty).count(), HEADINGS.len() + 2);
    }
}
