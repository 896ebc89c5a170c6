//! Two tools have names that a person takes for one.

use portcullis_catalog::control;
use portcullis_guard::text;
use serde_json::Value;

use crate::check::{Check, judge};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Severity};

/// Two tools have names that a person takes for one.
pub(super) static CHECK: Check = Check {
    id: "shadowed-tool",
    title: "a name that looks like another's",
    severity: Severity::High,
    control: Some(control::NAMES_DISTINCT),
    why: "A person approves a name as it looks. Letters of another script, an invisible one or another case make two of \
          it.",
    fix: "use plain letters, digits and underscores, and names that differ by more than one of them",
    examples: &[],
    live: true,
    cwe: &[345, 1007],
    owasp: &["MCP03:2025"],
    safe_mcp: &["T1004", "T1301"],
    atlas: &["AML.T0110"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let tools = evidence.live.iter().flat_map(|live| &live.tools);
    let names: Vec<&str> =
        tools.filter_map(|tool| tool.get("name").and_then(Value::as_str)).collect();
    let mut found = Vec::new();
    for (at, name) in names.iter().enumerate() {
        let Some(other) = names.iter().take(at).find(|other| alike(name, other)) else { continue };
        let seen = match other == name {
            true => format!("`{}` is listed twice", text::visible(name)),
            false => format!("`{}` looks like `{}`", text::visible(name), text::visible(other)),
        };
        found.push(judge::of_server(
            check,
            evidence,
            Some(name),
            Severity::High,
            Confidence::Likely,
            seen,
        ));
    }
    for beside in &evidence.beside {
        for name in &names {
            let Some(other) = beside.tools.iter().find(|it| alike(name, it)) else { continue };
            let (what, server) = (text::visible(name), text::visible(&beside.server));
            // Two honest servers may each have a `search`: then it is only unclear which one is meant.
            let (severity, seen) = match other == name {
                true => (Severity::Medium, format!("`{server}` has a tool `{what}` as well")),
                false => (
                    Severity::High,
                    format!("`{what}` looks like `{}` of `{server}`", text::visible(other)),
                ),
            };
            let likely = Confidence::Likely;
            found.push(judge::of_server(check, evidence, Some(name), severity, likely, seen));
        }
    }
    found
}

/// Two names of plain letters are told apart by any of them; others by how they look.
fn alike(one: &str, other: &str) -> bool {
    match one.is_ascii() && other.is_ascii() {
        true => one.eq_ignore_ascii_case(other),
        false => text::folded(one) == text::folded(other),
    }
}
