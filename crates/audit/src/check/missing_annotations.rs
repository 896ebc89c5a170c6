//! A tool says nothing of what it does.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::source::HandlerKind;
use crate::evidence::source::Language;
use crate::finding::Location;
use crate::finding::{Confidence, Finding, Severity};
use serde_json::Value;

/// A tool says nothing of what it does.
pub(super) static CHECK: Check = Check {
    id: "missing-annotations",
    title: "no annotations",
    severity: Severity::Medium,
    control: Some(control::ANNOTATIONS_REWRITTEN),
    why: "A host decides by the annotations which call it shows to a person. Without them it has to ask about every call, until people say yes without reading, or about none.",
    fix: "say all four of each tool, and say the truth",
    examples: &[
        (
            Language::Python,
            "@server.tool(annotations=ToolAnnotations(readOnlyHint=True, destructiveHint=False, idempotentHint=True, openWorldHint=False))",
        ),
        (
            Language::TypeScript,
            "server.registerTool(\"read\", { annotations: { readOnlyHint: true, openWorldHint: false } }, read);",
        ),
        (
            Language::JavaScript,
            "server.registerTool(\"read\", { annotations: { readOnlyHint: true, openWorldHint: false } }, read);",
        ),
        (
            Language::Go,
            "mcp.AddTool(server, &mcp.Tool{Name: \"read\", Annotations: &mcp.ToolAnnotations{ReadOnlyHint: true}}, read)",
        ),
        (
            Language::Rust,
            "#[tool(annotations(read_only_hint = true))]\nasync fn read(&self, Parameters(asked): Parameters<Asked>) -> Result<CallToolResult, McpError> {",
        ),
    ],
    live: true,
    cwe: &[1059],
    owasp: &["MCP03:2025"],
    safe_mcp: &["T1406"],
    atlas: &["AML.T0110"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    // A running server says what its clients see; the source is asked where none ran.
    match &evidence.live {
        Some(live) if !live.tools.is_empty() => {
            live.tools.iter().filter_map(|it| of_tool(check, evidence, it)).collect()
        }
        _ => of_source(check, evidence),
    }
}

fn of_tool(check: &Check, evidence: &Evidence, tool: &Value) -> Option<Finding> {
    let hint = |name: &str| {
        tool.get("annotations").and_then(|hints| hints.get(name)).is_some_and(Value::is_boolean)
    };
    let name = tool.get("name")?.as_str()?;
    let severity = severity(hint("readOnlyHint"), hint("destructiveHint"))?;
    let seen = "the listed definition does not say whether it only reads, nor whether it destroys"
        .to_owned();
    Some(judge::of_server(check, evidence, Some(name), severity, Confidence::Confirmed, seen))
}

fn of_source(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let handlers = evidence.source.iter().flat_map(|source| &source.handlers);
    let of = |handler: &crate::evidence::source::Handler| {
        let hints = handler.annotations.clone().unwrap_or_default();
        let severity = severity(hints.read_only.is_some(), hints.destructive.is_some())?;
        Some(Finding {
            check: check.id.to_owned(),
            severity,
            confidence: Confidence::Likely,
            title: format!("{}: `{}`", check.title, handler.name),
            location: Location::Source(handler.place.clone()),
            steps: Vec::new(),
            reproducer: None,
            evidence:
                "the registration does not say whether it only reads, nor whether it destroys"
                    .to_owned(),
        })
    };
    handlers.filter(|it| it.kind == HandlerKind::Tool && it.name != "*").filter_map(of).collect()
}

/// Either of the two lets a host decide; who says neither says nothing.
fn severity(reads: bool, destroys: bool) -> Option<Severity> {
    (!reads && !destroys).then_some(Severity::Medium)
}
