//! A statement is taken for a question because of the word that it begins with.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::live::{Attack, Effect};
use crate::evidence::source::Language;
use crate::evidence::source::{Flow, GuardKind, Sink};
use crate::finding::{Confidence, Finding, Severity};

/// A statement is taken for a question because of the word that it begins with.
pub(super) static CHECK: Check = Check {
    id: "sql-first-word",
    title: "it begins with SELECT",
    severity: Severity::Critical,
    control: Some(control::APPROVE_BY_RISK),
    why: "The first word of a statement says little: `WITH … DELETE` writes, and a SELECT reads every table there is. A check of words plays against a whole language, and the language wins.",
    fix: "let the database say no: a read-only connection, an authorizer that knows one table, and queries that only the server writes",
    examples: &[
        (
            Language::Python,
            "shop = sqlite3.connect(\"file:shop.db?mode=ro\", uri=True)\nshop.set_authorizer(reads_products)",
        ),
        (Language::TypeScript, "const db = new Database(\"shop.db\", { readonly: true });"),
        (Language::JavaScript, "const db = new Database(\"shop.db\", { readonly: true });"),
        (Language::Go, "shop, err := sql.Open(\"sqlite3\", \"file:shop.db?mode=ro\")"),
        (
            Language::Rust,
            "let shop = Connection::open_with_flags(\"shop.db\", OpenFlags::SQLITE_OPEN_READ_ONLY)?;",
        ),
    ],
    live: false,
    cwe: &[89, 184],
    owasp: &["MCP05:2025"],
    safe_mcp: &["T1803"],
    atlas: &["AML.T0101"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    judge::both(check, evidence, &[Sink::Sql], of_flow, &[], |_| false)
        .into_iter()
        .map(|finding| done(finding, evidence))
        .collect()
}

/// A statement that wrote, or read what the tool is not about, proves this one for every handler that trusts a word.
fn done(mut finding: Finding, evidence: &Evidence) -> Finding {
    let attacks = [Attack::SqlWrite, Attack::SqlRead];
    let mut hits = judge::hits(evidence, &attacks);
    let named = |tool: &str| finding.title.ends_with(&format!("`{tool}`"));
    if let Some((trial, effect)) =
        hits.find(|(trial, effect)| matches!(effect, Effect::Database { .. }) && named(&trial.tool))
    {
        finding.confidence = Confidence::Confirmed;
        finding.reproducer = Some(trial.request.clone());
        finding.evidence = format!("{}; done: {}", finding.evidence, judge::told(effect));
    }
    finding
}

fn of_flow(flow: &Flow) -> Option<(Severity, Confidence)> {
    let held = [GuardKind::AllowList, GuardKind::Number];
    let word = judge::passes(flow, &[GuardKind::FirstWord]) && !judge::passes(flow, &held);
    word.then_some((judge::of_statement(flow), Confidence::Likely))
}
