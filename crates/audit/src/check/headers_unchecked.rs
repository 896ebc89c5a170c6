//! A request whose headers say something else than its body is done.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::asked;
use crate::evidence::Evidence;
use crate::evidence::http::{Http, Question};
use crate::finding::{Finding, Severity};

/// A request whose headers say something else than its body is done.
pub(super) static CHECK: Check = Check {
    id: "headers-unchecked",
    title: "headers and body may disagree",
    severity: Severity::Medium,
    control: Some(control::HEADERS_ANNOTATED),
    why: "What stands before a server judges by the headers, and the server acts on the body: whoever can let them differ gets past the judge. A revision that does not exist, or is older than what was agreed, can switch off a look that only the newer one has (CVE-2026-11719).",
    fix: "compare every header that mirrors the body with it, and refuse with 400 what differs, is missing, or names a revision that you do not speak",
    examples: &[],
    live: true,
    cwe: &[436, 20],
    owasp: &["MCP07:2025"],
    safe_mcp: &["T1005"],
    atlas: &["AML.T0049"],
    run,
};

/// What should be refused.
const CASES: [(Question, Severity, &str); 4] = [
    (
        Question::OtherMethod,
        Severity::Medium,
        "a request was done whose header names another method",
    ),
    (
        Question::OtherRevision,
        Severity::Medium,
        "a request was done whose header names another revision",
    ),
    (Question::NoMethod, Severity::Medium, "a request was done whose header names no method"),
    (
        Question::UnknownRevision,
        Severity::Low,
        "a request was done whose header names a revision that never was",
    ),
];

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let of = |http: &Http| {
        CASES.iter().find_map(|(question, severity, seen)| {
            let done = http.about(*question).find(|it| it.is_done())?;
            Some(asked::of(check, evidence, done, *severity, seen))
        })
    };
    asked::http(evidence).filter_map(of).collect()
}
