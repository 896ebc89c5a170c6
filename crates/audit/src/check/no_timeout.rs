//! A request or a program is waited for without end.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::source::FactKind;
use crate::evidence::source::Language;
use crate::finding::{Confidence, Finding, Severity};

/// A request or a program is waited for without end.
pub(super) static CHECK: Check = Check {
    id: "no-timeout",
    title: "it waits without end",
    severity: Severity::Low,
    control: Some(control::DEADLINE_KEPT),
    why: "A call that never ends holds its thread, its connection and the person's patience. A few of them are a server that answers nobody.",
    fix: "give everything that waits an end, and say in the answer that it came",
    examples: &[
        (Language::Python, "subprocess.run(words, timeout=10)"),
        (Language::TypeScript, "await fetch(url, { signal: AbortSignal.timeout(10_000) });"),
        (Language::JavaScript, "await fetch(url, { signal: AbortSignal.timeout(10_000) });"),
        (
            Language::Go,
            "ctx, cancel := context.WithTimeout(ctx, 10*time.Second)\ndefer cancel()\nout, err := exec.CommandContext(ctx, \"wc\", \"-w\", \"--\", name).Output()",
        ),
        (
            Language::Rust,
            "let out = timeout(Duration::from_secs(10), Command::new(\"wc\").args([\"-w\", \"--\", name]).output()).await??;",
        ),
    ],
    live: false,
    cwe: &[400],
    owasp: &["MCP02:2025"],
    safe_mcp: &["T2102"],
    atlas: &["AML.T0034.002"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    judge::facts(check, evidence, FactKind::NoTimeout, Severity::Low, Confidence::Likely)
}
