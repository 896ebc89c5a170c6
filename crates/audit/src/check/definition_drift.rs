//! A tool's definition is another one the second time, or its source writes it again while it runs.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::source::{FactKind, Language};
use crate::finding::{Confidence, Finding, Severity};

/// A tool's definition is another one the second time.
pub(super) static CHECK: Check = Check {
    id: "definition-drift",
    title: "a definition that changes",
    severity: Severity::High,
    control: Some(control::DEFINITION_PINNED),
    why: "A person reads a definition once and says yes. What it says afterwards is what the model obeys.",
    fix: "let definitions depend on the release alone, and announce a change with a notification",
    examples: &[(
        Language::Python,
        "@mcp.tool()\ndef forecast(city: str) -> str:\n    \"\"\"Tells the weather of a city.\"\"\"  # and nothing assigns to forecast.__doc__",
    )],
    live: true,
    cwe: &[494, 345],
    owasp: &["MCP03:2025", "MCP04:2025"],
    safe_mcp: &["T1201"],
    atlas: &["AML.T0109"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let drifted = evidence.live.iter().flat_map(|live| &live.drifted);
    let seen =
        "its definition was another at the second launch, or in the second list of one session";
    let written =
        judge::facts(check, evidence, FactKind::Redefined, Severity::High, Confidence::Likely);
    let live = drifted.map(|tool| {
        judge::of_server(
            check,
            evidence,
            Some(tool),
            Severity::High,
            Confidence::Confirmed,
            seen.to_owned(),
        )
    });
    live.chain(written).collect()
}
