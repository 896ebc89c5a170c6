//! What a caller sends is run as code.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::live::{Attack, Effect};
use crate::evidence::source::Language;
use crate::evidence::source::{Flow, GuardKind, Sink};
use crate::finding::{Confidence, Finding, Severity};

/// What a caller sends is run as code.
pub(super) static CHECK: Check = Check {
    id: "code-execution",
    title: "the caller's text is run as code",
    severity: Severity::Critical,
    control: Some(control::APPROVE_BY_RISK),
    why: "An evaluator gives its caller the whole process: its files, its credentials, its network. Taking names away from it was never enough in any language.",
    fix: "parse the value as data, or calculate with a parser that knows only numbers and operators",
    examples: &[
        (Language::Python, "value = ast.literal_eval(text)"),
        (Language::TypeScript, "const value = JSON.parse(text);"),
        (Language::JavaScript, "const value = JSON.parse(text);"),
        (Language::Go, "number, err := strconv.ParseFloat(text, 64)"),
        (Language::Rust, "let number: f64 = text.parse()?;"),
    ],
    live: true,
    cwe: &[94, 95],
    owasp: &["MCP05:2025"],
    safe_mcp: &["T1101"],
    atlas: &["AML.T0050"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let counts = |effect: &Effect| {
        matches!(
            effect,
            Effect::Executed { .. } | Effect::CanaryWritten { .. } | Effect::CanaryRead { .. }
        )
    };
    judge::both(check, evidence, &[Sink::Code], of_flow, &[Attack::CodeInjection], counts)
}

fn of_flow(flow: &Flow) -> Option<(Severity, Confidence)> {
    judge::unless(flow, &[GuardKind::AllowList, GuardKind::Number], Severity::Critical)
}
