//! A bundle's server offers other tools than its manifest names.

use std::collections::BTreeSet;

use portcullis_catalog::control;
use portcullis_guard::text::bounded;

use crate::check::{Check, asked};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Severity};

/// A bundle's server offers other tools than its manifest names.
pub(super) static CHECK: Check = Check {
    id: "undeclared-tool",
    title: "a tool that the manifest does not name",
    severity: Severity::Medium,
    control: Some(control::DEFINITION_PINNED),
    why: "A person decides by the list that is shown before the bundle is installed. What comes afterwards was never part of that decision.",
    fix: "name every tool in `tools`; say `\"tools_generated\": true` only where they are made when it runs, and what makes them",
    examples: &[],
    live: true,
    cwe: &[345, 912],
    owasp: &["MCP03:2025"],
    safe_mcp: &["T1201"],
    atlas: &["AML.T0109"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let manifest = evidence.bundle.as_ref().and_then(|bundle| bundle.manifest.as_ref());
    let live = evidence.live.as_ref().filter(|live| live.revision.is_some());
    let Some(((live, manifest), declared)) =
        live.zip(manifest).and_then(|both| Some((both, both.1.tools.as_ref()?)))
    else {
        return Vec::new();
    };
    let declared: BTreeSet<&str> = declared.iter().map(String::as_str).collect();
    let names = live.tools.iter().filter_map(|it| it.get("name")?.as_str());
    let offered: BTreeSet<&str> = names.collect();
    let tell = |name: &str, severity, seen: &str| {
        let name = bounded(name, 100);
        let seen = format!("`{name}` {seen}");
        let finding = asked::whole(check, evidence, severity, Confidence::Confirmed, &seen);
        asked::part(finding, &format!("`{name}`"))
    };
    let severity = if manifest.generated { Severity::Note } else { Severity::Medium };
    let more = offered.difference(&declared).take(50);
    let more =
        more.map(|name| tell(name, severity, "is offered, and the manifest does not name it"));
    let gone = declared.difference(&offered).take(50);
    let gone =
        gone.map(|name| tell(name, Severity::Low, "is named by the manifest, and not offered"));
    more.chain(gone).collect()
}
