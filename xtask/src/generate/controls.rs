//! `docs/reference/controls.md`: what is enforced, and where each promise is kept.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use portcullis_casebook::{Case, Page};
use portcullis_catalog::control::{CONTROLS, Control, Kind};
use portcullis_catalog::promise::{self, Part, Promise};

use crate::repo::Tree;
use crate::tidy::{pages, proofs};

const HEAD: &str = "\
# Controls and promises

Written by `cargo xtask generate` from `crates/catalog` and the casebook; do not edit.

A **control** is one built-in enforcement. A **promise** is one line of the checklist that a reviewer may hold us to:
what the protocol's specification, its security lesson, or we ourselves ask for. A promise is kept where a case plays it, through
the pure session and through the real binary, or where a test shows it. Everything else says `planned`, names the part of the
product that it waits for, and is not claimed.

";

/// Families of promises, by the middle of their ids, in words.
const FAMILIES: &[(&str, &str)] = &[
    ("APPR", "Approval"),
    ("AUTH", "Authorization"),
    ("CAP", "Capabilities"),
    ("ELIC", "Elicitation"),
    ("HTTP", "HTTP"),
    ("LIM", "Limits"),
    ("LOG", "Journal and logs"),
    ("RES", "Resources"),
    ("ROOT", "Roots"),
    ("SAMP", "Sampling"),
    ("SESS", "Sessions"),
    ("STDIO", "Standard input and output"),
    ("SUP", "Supply chain"),
    ("TOOL", "Tools"),
    ("TRUST", "Trust"),
    ("VAL", "Validation"),
];

/// The whole page.
pub(super) fn page(tree: &Tree) -> Result<String, String> {
    let book = Book { pages: pages(tree), tests: proofs(tree)? };
    let mut text = HEAD.to_owned();
    let kept = promise::all().filter(|promise| !book.proofs(promise).is_empty()).count();
    let all = promise::all().count();
    let _ = writeln!(text, "Kept: {kept} of {all} promises.\n");
    parts(&mut text, &book);
    controls(&mut text, &book);
    promises(&mut text, &book);
    Ok(text)
}

fn parts(text: &mut String, book: &Book) {
    text.push_str("| kept by | promises | kept | planned |\n|---|---|---|---|\n");
    let mut rows: BTreeMap<Part, (usize, usize)> = BTreeMap::new();
    for promise in promise::all() {
        let (all, kept) = rows.entry(promise.part()).or_default();
        *all += 1;
        *kept += usize::from(!book.proofs(promise).is_empty());
    }
    for (part, (all, kept)) in rows {
        let _ = writeln!(text, "| {} | {all} | {kept} | {} |", part.as_str(), all - kept);
    }
    text.push('\n');
}

fn controls(text: &mut String, book: &Book) {
    text.push_str(
        "## Controls\n\n| control | layer | statement | `--observe` | cases | promises |\n",
    );
    text.push_str("|---|---|---|---|---|---|\n");
    for control in CONTROLS {
        let observe = match control.kind {
            Kind::Protocol => "still enforced",
            Kind::Policy => "records only",
        };
        let name = match book.page(control) {
            Some((path, _)) => format!("[`{}`](../../{path})", control.id),
            None => format!("`{}`", control.id),
        };
        let tested = control.promises.iter().all(|id| book.tests.contains_key(*id));
        let without = if tested { "tests" } else { "planned" };
        let cases = book
            .page(control)
            .map_or_else(|| without.to_owned(), |it| it.1.cases.len().to_string());
        let promises: Vec<_> =
            control.promises.iter().map(|id| format!("[{id}](#{})", id.to_lowercase())).collect();
        let (layer, statement) = (control.layer.folder(), cell(control.statement));
        let promises = promises.join(", ");
        let _ =
            writeln!(text, "| {name} | {layer} | {statement} | {observe} | {cases} | {promises} |");
    }
}

fn promises(text: &mut String, book: &Book) {
    let mut family = "";
    for promise in promise::all() {
        let next = family_of(promise.id);
        if next != family {
            family = next;
            let name =
                FAMILIES.iter().find(|(short, _)| *short == family).map_or(family, |it| it.1);
            let _ = writeln!(text, "\n## {name}");
        }
        let _ = writeln!(text, "\n### {}\n\n{}\n", promise.id, promise.statement);
        let revisions = promise.revisions.join(", ");
        let _ = writeln!(text, "- level: {}; revisions: {revisions}", promise.level.as_str());
        let _ = writeln!(text, "- source: {}", promise.source);
        let by: Vec<_> =
            book.controls(promise).map(|control| format!("`{}`", control.id)).collect();
        if !by.is_empty() {
            let _ = writeln!(text, "- control: {}", by.join(", "));
        }
        match book.proofs(promise).as_slice() {
            [] => {
                let _ = writeln!(text, "- kept by: `planned`, with {}", promise.part().as_str());
            }
            proofs => {
                let _ = writeln!(text, "- kept by: {}", proofs.join("; "));
            }
        }
    }
}

/// The middle of an id: `CAP` of `MCP-CAP-01`.
fn family_of(id: &str) -> &str {
    id.strip_prefix("MCP-").and_then(|it| it.rsplit_once('-')).map_or(id, |(family, _)| family)
}

/// A text that does not end its cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// Everything that keeps promises.
struct Book {
    pages: Vec<(String, Page)>,
    tests: BTreeMap<String, Vec<String>>,
}

impl Book {
    fn page(&self, control: &Control) -> Option<&(String, Page)> {
        self.pages.iter().find(|(_, page)| page.control == control.id.as_str())
    }

    fn controls(&self, promise: &Promise) -> impl Iterator<Item = &'static Control> {
        CONTROLS.iter().filter(|control| control.promises.contains(&promise.id))
    }

    /// Links to the cases and tests that keep a promise.
    fn proofs(&self, promise: &Promise) -> Vec<String> {
        let pages = self.controls(promise).filter_map(|control| self.page(control));
        // A case that names promises keeps those; one that names none keeps its control's.
        let keeps = |case: &Case| !case.story.contains("MCP-") || case.story.contains(promise.id);
        let cases = pages.flat_map(|(path, page)| {
            page.cases
                .iter()
                .filter(move |case| keeps(case))
                .map(move |case| format!("[{}](../../{path}#{})", case.title, case.anchor))
        });
        let tests = self.tests.get(promise.id).into_iter().flatten();
        let tests = tests.map(|test| {
            let (path, name) = test.split_once("::").unwrap_or((test, test));
            format!("[`{name}`](../../{path})")
        });
        cases.chain(tests).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_planned_until_something_keeps_it() {
        let bare = page(&Tree::default()).expect("a page");
        assert!(bare.contains("Kept: 0 of 200 promises."));
        assert!(bare.contains("- kept by: `planned`, with the HTTP gateway"));
        let case = "# silence-is-no\ntext\n## No answer\n```case\nclient  ping\n```\n\
            ## Other\nFor MCP-CAP-02.\n```case\nclient  ping\n```\n";
        let tree = Tree::of(&[
            ("casebook/approval/silence-is-no.md", case),
            ("casebook/tests.toml", "MCP-CAP-01 = [\"crates/a/tests/b.rs::holds\"]"),
        ]);
        let text = page(&tree).expect("a page");
        assert!(text.contains("Kept: 2 of 200 promises."));
        assert!(
            text.contains(
                "kept by: [No answer](../../casebook/approval/silence-is-no.md#no-answer)"
            )
        );
        assert!(!text.contains("#other)"), "it keeps only what it names");
        assert!(text.contains("kept by: [`holds`](../../crates/a/tests/b.rs)"));
    }

    #[test]
    fn every_family_has_a_name() {
        for promise in promise::all() {
            let family = family_of(promise.id);
            assert!(FAMILIES.iter().any(|(short, _)| *short == family), "{family}");
        }
    }
}
