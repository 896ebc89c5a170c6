//! A version that is known to be vulnerable, or malicious.

use portcullis_guard::launch::{Version, package};

use crate::check::{Check, asked, configured};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Severity};
use crate::supply::advisory::{self, Advisory};

/// A version that is known to be vulnerable, or malicious.
pub(super) static CHECK: Check = Check {
    id: "known-vulnerable",
    title: "a version with a known flaw",
    severity: Severity::Critical,
    control: None,
    why: "How it is attacked is public, and so is the version in which it was mended. Whoever looks for targets looks for these first.",
    fix: "take a version in which it is mended; each record of the table says which",
    examples: &[],
    live: false,
    cwe: &[1395],
    owasp: &["MCP04:2025"],
    safe_mcp: &["T1002"],
    atlas: &["AML.T0010.005"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let mut found = of_package(check, evidence);
    for entry in configured::used(evidence) {
        let words = entry.words();
        let Some(package) = package(&words) else { continue };
        let Version::Exact(version) = &package.version else { continue };
        let word = entry.command.iter().find(|word| word.text.contains(&package.written));
        let place = word.map_or(&entry.place, |word| &word.place);
        for known in advisory::about(package.registry, &package.name, version) {
            let about = format!("{} in `{}`", known.id, entry.called());
            let seen = told(known, version);
            let weight = (known.severity, Confidence::Likely);
            found.push(configured::at(check, place, weight, &about, seen));
        }
    }
    found
}

/// A package that was looked at by its name.
fn of_package(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let Some(package) = &evidence.package else { return Vec::new() };
    let known = advisory::about(package.published.registry(), &package.name, &package.version);
    let of = |known: &'static Advisory| {
        let seen = told(known, &package.version);
        let finding = asked::whole(check, evidence, known.severity, Confidence::Likely, &seen);
        asked::part(finding, known.id)
    };
    known.map(of).collect()
}

fn told(known: &Advisory, version: &str) -> String {
    format!("`{}` {version} is affected ({}): {}", known.package, known.told(), known.what)
}
