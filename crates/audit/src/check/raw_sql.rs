//! A caller writes the text of an SQL statement.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::live::{Attack, Effect};
use crate::evidence::source::Language;
use crate::evidence::source::{Flow, GuardKind, Sink};
use crate::finding::{Confidence, Finding, Severity};

/// A caller writes the text of an SQL statement.
pub(super) static CHECK: Check = Check {
    id: "raw-sql",
    title: "the caller writes SQL",
    severity: Severity::Critical,
    control: Some(control::APPROVE_BY_RISK),
    why: "A tool that takes SQL gives its caller everything that the connection may do. Nobody notices, for the tool is called `query` and the call looks like a question.",
    fix: "keep the SQL in the server, with placeholders for values and a list for everything that is no value; open the database read-only",
    examples: &[
        (
            Language::Python,
            "shop.execute(\"SELECT name, price FROM products WHERE name = ?\", [name])",
        ),
        (
            Language::TypeScript,
            "db.prepare(\"SELECT name, price FROM products WHERE name = ?\").all(name);",
        ),
        (
            Language::JavaScript,
            "db.prepare(\"SELECT name, price FROM products WHERE name = ?\").all(name);",
        ),
        (
            Language::Go,
            "shop.QueryContext(ctx, \"SELECT name, price FROM products WHERE name = ?\", name)",
        ),
        (
            Language::Rust,
            "sqlx::query(\"SELECT name, price FROM products WHERE name = ?\").bind(name)",
        ),
    ],
    live: true,
    cwe: &[89],
    owasp: &["MCP05:2025", "MCP02:2025"],
    safe_mcp: &["T1803"],
    atlas: &["AML.T0101"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let counts = |effect: &Effect| matches!(effect, Effect::Database { .. });
    let mut found = judge::both(
        check,
        evidence,
        &[Sink::Sql],
        of_flow,
        &[Attack::SqlWrite, Attack::SqlRead],
        counts,
    );
    // What is only read cannot destroy: power that is bounded by the connection.
    let wrote = |tool: &str| {
        judge::hits(evidence, &[Attack::SqlWrite])
            .any(|(trial, effect)| trial.tool == tool && counts(effect))
    };
    for finding in &mut found {
        if let crate::finding::Location::Server { tool: Some(tool), .. } = &finding.location
            && !wrote(tool)
        {
            finding.severity = Severity::High;
        }
    }
    found
}

fn of_flow(flow: &Flow) -> Option<(Severity, Confidence)> {
    if judge::passes(flow, &[GuardKind::FirstWord]) {
        return None;
    }
    let severity = judge::of_statement(flow);
    judge::unless(flow, &[GuardKind::AllowList, GuardKind::Number], severity)
}
