//! What a caller sends becomes objects that can run code.

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::source::Language;
use crate::evidence::source::{Flow, GuardKind, Sink};
use crate::finding::{Confidence, Finding, Severity};

/// What a caller sends becomes objects that can run code.
pub(super) static CHECK: Check = Check {
    id: "unsafe-deserialisation",
    title: "the caller's bytes become objects",
    severity: Severity::Critical,
    control: None,
    why: "Formats such as pickle say which functions to call while they are read. Whoever writes the bytes runs the code.",
    fix: "read a format that knows only data, and hold it against a schema",
    examples: &[(Language::Python, "value = yaml.safe_load(text)")],
    live: false,
    cwe: &[502],
    owasp: &["MCP05:2025"],
    safe_mcp: &["T1101"],
    atlas: &["AML.T0050"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    judge::both(check, evidence, &[Sink::Deserialise], of_flow, &[], |_| false)
}

fn of_flow(flow: &Flow) -> Option<(Severity, Confidence)> {
    judge::unless(flow, &[GuardKind::AllowList, GuardKind::Number], Severity::Critical)
}
