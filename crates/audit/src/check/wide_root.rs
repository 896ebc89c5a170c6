//! A server is handed a whole home, a drive, or everything.

use portcullis_catalog::control;
use portcullis_guard::launch::{is_wide, places};

use crate::check::{Check, configured};
use crate::evidence::Evidence;
use crate::evidence::config::{Entry, Word};
use crate::finding::{Confidence, Finding, Severity};

/// A server is handed a whole home, a drive, or everything.
pub(super) static CHECK: Check = Check {
    id: "wide-root",
    title: "a root that is far too wide",
    severity: Severity::High,
    control: Some(control::SERVER_CONFINED),
    why: "What a server may open is what a poisoned text can have it send away, keys and logins first. A root is the one wall that holds when everything else is talked over.",
    fix: "name the directories of the work at hand, read-only where nothing is written",
    examples: &[],
    live: false,
    cwe: &[250, 732],
    owasp: &["MCP02:2025"],
    safe_mcp: &["T1104", "T1105"],
    atlas: &["AML.T0085.001"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    configured::used(evidence).flat_map(|entry| of(check, entry)).collect()
}

fn of(check: &Check, entry: &Entry) -> Vec<Finding> {
    // Behind a gateway the roots are what it was told; what the server is told it cannot reach.
    let words: &[Word] = match &entry.guard {
        Some(guard) => &guard.options,
        None => &entry.command,
    };
    let mut texts: Vec<String> = words.iter().map(|word| word.text.clone()).collect();
    if entry.guard.is_some() {
        texts.insert(0, "run".to_owned());
    }
    let first = texts.len().saturating_sub(words.len());
    let wide = places(&texts).into_iter().filter_map(|named| {
        let why = is_wide(&named.place)?;
        let word = words.get(named.word.checked_sub(first)?)?;
        let severity = if named.mounted { Severity::Critical } else { Severity::High };
        let severity = if entry.guard.is_some() { Severity::Medium } else { severity };
        let about = format!("`{}` for `{}`", named.place, entry.called());
        let seen = format!("`{}` {why}", named.place);
        Some(configured::at(check, &word.place, (severity, Confidence::Likely), &about, seen))
    });
    wide.collect()
}
