//! What a caller sends is a regular expression.

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::source::Language;
use crate::evidence::source::{Flow, GuardKind, Sink};
use crate::finding::{Confidence, Finding, Severity};

/// What a caller sends is a regular expression.
pub(super) static CHECK: Check = Check {
    id: "slow-pattern",
    title: "the caller writes a pattern",
    severity: Severity::Low,
    control: None,
    why: "An expression with nested repetition takes longer than the age of the earth on a short text. The process answers nobody meanwhile.",
    fix: "search for plain text, or use an engine without backtracking",
    examples: &[
        (Language::Python, "found = [line for line in lines if text in line]"),
        (Language::TypeScript, "const found = lines.filter((line) => line.includes(text));"),
        (Language::JavaScript, "const found = lines.filter((line) => line.includes(text));"),
        (
            Language::Rust,
            "// The `regex` crate takes no longer than the text is long.\nlet pattern = regex::Regex::new(text)?;",
        ),
    ],
    live: false,
    cwe: &[1333],
    owasp: &["MCP02:2025"],
    safe_mcp: &["T2102"],
    atlas: &["AML.T0034.002"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    judge::both(check, evidence, &[Sink::Pattern], of_flow, &[], |_| false)
}

fn of_flow(flow: &Flow) -> Option<(Severity, Confidence)> {
    judge::unless(
        flow,
        &[GuardKind::AllowList, GuardKind::Number, GuardKind::Quoted],
        Severity::Low,
    )
}
