//! What a config starts may be another program tomorrow.

use portcullis_catalog::control;
use portcullis_guard::launch::{Registry, Version, package};

use crate::check::{Check, configured};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Severity};

/// What a config starts may be another program tomorrow.
pub(super) static CHECK: Check = Check {
    id: "floating-version",
    title: "no fixed version",
    severity: Severity::Medium,
    control: Some(control::DEFINITION_PINNED),
    why: "Whoever publishes the package decides at the next start what runs here, and so does whoever takes over their account. A server that was looked at says nothing about the one that comes after it.",
    fix: "name one version (`npx -y pkg@1.2.3`, `uvx pkg==1.2.3`, an image by `@sha256:…`), and change it after a look",
    examples: &[],
    live: false,
    cwe: &[494, 829],
    owasp: &["MCP04:2025"],
    safe_mcp: &["T1002", "T1201"],
    atlas: &["AML.T0109"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let floating = configured::used(evidence).filter_map(|entry| {
        let words = entry.words();
        let package = package(&words)?;
        let why = package.version.floats()?;
        let word = entry.command.iter().find(|word| word.text.contains(&package.written));
        let place = word.map_or(&entry.place, |word| &word.place);
        // A tag of an image that is a version moves seldom, and the registry tells of it.
        let tagged = package.registry == Registry::Image
            && matches!(&package.version, Version::Moving(tag) if tag.starts_with(|c: char| c.is_ascii_digit()));
        let held = entry.guard.is_some() && package.registry != Registry::Image;
        let severity = if tagged || held { Severity::Low } else { Severity::Medium };
        let mut seen = format!("`{}` {why}", package.written);
        if held {
            seen.push_str("; `portcullis run` chose a version once, and asks before it starts another");
        }
        let about = format!("`{}`", entry.called());
        Some(configured::at(check, place, (severity, Confidence::Likely), &about, seen))
    });
    floating.collect()
}
