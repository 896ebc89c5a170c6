//! A parameter takes anything of any size.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::live::{Attack, Effect};
use crate::evidence::source::HandlerKind;
use crate::evidence::source::Language;
use crate::finding::Location;
use crate::finding::{Confidence, Finding, Severity};

/// A parameter takes anything of any size.
pub(super) static CHECK: Check = Check {
    id: "unbounded-input",
    title: "a parameter without bounds",
    severity: Severity::Medium,
    control: Some(control::ARGUMENTS_MATCH_SCHEMA),
    why: "A text without a length and a number without a range are promises to accept anything. What comes back floods the model's context, costs money, and pushes out what the model was told before.",
    fix: "write the bounds into the schema, where every client sees them and the SDK enforces them, and bound what you answer",
    examples: &[
        (
            Language::Python,
            "def read(path: Annotated[str, Field(max_length=255)], lines: Annotated[int, Field(ge=1, le=200)] = 200) -> str:",
        ),
        (
            Language::TypeScript,
            "inputSchema: { path: z.string().max(255), lines: z.number().int().min(1).max(200).default(200) }",
        ),
        (
            Language::JavaScript,
            "inputSchema: { path: z.string().max(255), lines: z.number().int().min(1).max(200).default(200) }",
        ),
        (
            Language::Go,
            "mcp.NewTool(\"read\", mcp.WithString(\"path\", mcp.Required(), mcp.MaxLength(255)))",
        ),
        (
            Language::Rust,
            "#[derive(Deserialize, JsonSchema)]\nstruct Asked {\n    #[schemars(length(max = 255))]\n    path: String,\n}",
        ),
    ],
    live: true,
    cwe: &[20, 770, 1284],
    owasp: &["MCP05:2025"],
    safe_mcp: &["T1101"],
    atlas: &["AML.T0034.002"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let mut found: Vec<(String, Finding)> = Vec::new();
    for handler in evidence.source.iter().flat_map(|source| &source.handlers) {
        let open: Vec<String> = handler
            .parameters
            .iter()
            .filter(|it| !it.bounded)
            .map(|it| format!("`{}`", it.name))
            .collect();
        if open.is_empty() || handler.kind != HandlerKind::Tool || handler.name == "*" {
            continue;
        }
        found.push((
            handler.name.clone(),
            Finding {
                check: check.id.to_owned(),
                severity: Severity::Low,
                confidence: Confidence::Likely,
                title: format!("{}: `{}`", check.title, handler.name),
                location: Location::Source(handler.place.clone()),
                steps: Vec::new(),
                reproducer: None,
                evidence: format!("no length, range, pattern or list: {}", open.join(", ")),
            },
        ));
    }
    // What was flooded or took what its schema forbids is worse than a schema without bounds.
    let flooded = evidence.live.iter().flat_map(|live| &live.trials);
    let flooded = flooded.filter_map(|trial| Some((trial, trial.effect.as_ref()?)));
    for (trial, effect) in flooded {
        let counts = matches!(effect, Effect::Flood { .. })
            || (trial.attack == Attack::Invalid && matches!(effect, Effect::Accepted { .. }));
        if !counts {
            continue;
        }
        match found.iter_mut().find(|(tool, _)| *tool == trial.tool) {
            Some((_, finding)) if finding.confidence == Confidence::Confirmed => {}
            Some((_, finding)) => {
                finding.severity = Severity::Medium;
                finding.confidence = Confidence::Confirmed;
                finding.reproducer = Some(trial.request.clone());
                finding.evidence = format!("{}; done: {}", finding.evidence, judge::told(effect));
            }
            None => {
                let mut finding = judge::of_trial(check, evidence, trial, effect, Severity::Medium);
                finding.title = format!("{}: `{}`", check.title, trial.tool);
                found.push((trial.tool.clone(), finding));
            }
        }
    }
    found.into_iter().map(|(_, finding)| finding).collect()
}
