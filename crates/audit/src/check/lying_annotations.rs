//! A tool says that it only reads, and changes things.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::live::{Attack, Effect, Trial};
use crate::evidence::source::Language;
use crate::evidence::source::Sink;
use crate::finding::{Confidence, Finding, Severity};
use serde_json::Value;

/// A tool says that it only reads, and changes things.
pub(super) static CHECK: Check = Check {
    id: "lying-annotations",
    title: "it says that it only reads",
    severity: Severity::High,
    control: Some(control::ANNOTATIONS_REWRITTEN),
    why: "A host asks nobody about a tool that only reads. A hint that lies turns every such rule against its person.",
    fix: "say the truth in all four annotations, or say nothing",
    examples: &[
        (
            Language::Python,
            "@server.tool(annotations=ToolAnnotations(readOnlyHint=False, destructiveHint=True))",
        ),
        (
            Language::TypeScript,
            "server.registerTool(\"remove\", { annotations: { readOnlyHint: false, destructiveHint: true } }, remove);",
        ),
        (
            Language::JavaScript,
            "server.registerTool(\"remove\", { annotations: { readOnlyHint: false, destructiveHint: true } }, remove);",
        ),
        (
            Language::Go,
            "mcp.AddTool(server, &mcp.Tool{Name: \"remove\", Annotations: &mcp.ToolAnnotations{ReadOnlyHint: false}}, remove)",
        ),
        (
            Language::Rust,
            "#[tool(annotations(read_only_hint = false, destructive_hint = true))]\nasync fn remove(&self, Parameters(asked): Parameters<Asked>) -> Result<CallToolResult, McpError> {",
        ),
    ],
    live: true,
    cwe: &[345],
    owasp: &["MCP03:2025"],
    safe_mcp: &["T1406"],
    atlas: &["AML.T0110"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let mut found = Vec::new();
    for (trial, effect) in judge::hits(evidence, &[Attack::Benign]) {
        let changed = matches!(
            effect,
            Effect::RootChanged { .. } | Effect::CanaryWritten { .. } | Effect::Database { .. }
        );
        if changed && says_read_only(evidence, trial) {
            found.push(judge::of_trial(check, evidence, trial, effect, Severity::High));
        }
    }
    for flow in judge::flows(evidence, &[Sink::FileWrite]) {
        let handlers = evidence.source.iter().flat_map(|source| &source.handlers);
        let says =
            handlers.filter(|it| it.name == flow.handler).filter_map(|it| it.annotations.as_ref());
        if says.into_iter().any(|hints| hints.read_only == Some(true)) {
            found.push(judge::of_source(check, flow, Severity::High, Confidence::Likely));
        }
    }
    found
}

fn says_read_only(evidence: &Evidence, trial: &Trial) -> bool {
    let tools = evidence.live.iter().flat_map(|live| &live.tools);
    let named = |tool: &&Value| tool.get("name").and_then(Value::as_str) == Some(&trial.tool);
    let hint = |tool: &Value| tool.pointer("/annotations/readOnlyHint").and_then(Value::as_bool);
    tools.filter(named).any(|tool| hint(tool) == Some(true))
}
