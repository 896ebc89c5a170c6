//! What a caller sends is read by a shell.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::live::{Attack, Effect};
use crate::evidence::source::Language;
use crate::evidence::source::{Flow, GuardKind, Sink};
use crate::finding::{Confidence, Finding, Severity};

/// What a caller sends is read by a shell.
pub(super) static CHECK: Check = Check {
    id: "shell-execution",
    title: "a shell reads what the caller sends",
    severity: Severity::Critical,
    control: Some(control::APPROVE_BY_RISK),
    why: "A shell reads `;`, `$(`, `|` and a newline as commands, wherever they stand. No list of bad characters is complete, because the shell has more of them than anybody remembers.",
    fix: "start the program yourself with a list of words: then a word stays a word",
    examples: &[
        (
            Language::Python,
            "subprocess.run([\"wc\", \"-w\", \"--\", name], stdin=subprocess.DEVNULL, timeout=10)",
        ),
        (
            Language::TypeScript,
            "execFile(\"wc\", [\"-w\", \"--\", name], { timeout: 10_000 }, done);",
        ),
        (
            Language::JavaScript,
            "execFile(\"wc\", [\"-w\", \"--\", name], { timeout: 10_000 }, done);",
        ),
        (Language::Go, "exec.CommandContext(ctx, \"wc\", \"-w\", \"--\", name)"),
        (Language::Rust, "Command::new(\"wc\").args([\"-w\", \"--\", name]);"),
    ],
    live: true,
    cwe: &[78],
    owasp: &["MCP05:2025"],
    safe_mcp: &["T1101"],
    atlas: &["AML.T0050"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let counts = |effect: &Effect| {
        matches!(
            effect,
            Effect::Executed { .. } | Effect::CanaryWritten { .. } | Effect::RootChanged { .. }
        )
    };
    judge::both(check, evidence, &[Sink::Shell], of_flow, &[Attack::CommandInjection], counts)
}

fn of_flow(flow: &Flow) -> Option<(Severity, Confidence)> {
    judge::unless(
        flow,
        &[GuardKind::AllowList, GuardKind::Number, GuardKind::Quoted],
        Severity::Critical,
    )
}
