//! A tool answers that is not listed.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::live::{Attack, Effect};
use crate::finding::{Finding, Severity};

/// A tool answers that is not listed.
pub(super) static CHECK: Check = Check {
    id: "hidden-tool",
    title: "a tool that is not listed answers",
    severity: Severity::High,
    control: Some(control::TOOL_KNOWN),
    why: "A person approves what is listed. What is only callable was seen by nobody (CVE-2026-46519).",
    fix: "answer only for names that the list has, with the same filter in both places",
    examples: &[],
    live: true,
    cwe: &[424, 862],
    owasp: &["MCP07:2025"],
    safe_mcp: &["T1104"],
    atlas: &["AML.T0053"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    judge::hits(evidence, &[Attack::Hidden])
        .filter(|(_, effect)| matches!(effect, Effect::Accepted { .. } | Effect::Executed { .. }))
        .map(|(trial, effect)| judge::of_trial(check, evidence, trial, effect, Severity::High))
        .collect()
}
