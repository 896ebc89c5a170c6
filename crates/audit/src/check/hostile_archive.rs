//! A bundle holds what no honest tool packs.

use crate::check::{Check, asked};
use crate::evidence::Evidence;
use crate::evidence::bundle::FlawKind;
use crate::finding::{Confidence, Finding, Severity};

/// A bundle holds what no honest tool packs.
pub(super) static CHECK: Check = Check {
    id: "hostile-archive",
    title: "an archive that unpacks to something else",
    severity: Severity::High,
    control: None,
    why: "A host unpacks the bundle before it knows what is in it, with all that the person may do. A name that leads out or a link writes over other files, and an entry that two programs read in two ways passes a review that never saw it.",
    fix: "pack it anew with `mcpb pack`: ordinary files, each once, under plain relative names",
    examples: &[],
    live: false,
    cwe: &[22, 59, 409],
    owasp: &["MCP04:2025"],
    safe_mcp: &["T1002"],
    atlas: &["AML.T0010.005"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let flaws = evidence.bundle.iter().flat_map(|bundle| &bundle.flaws);
    let of = |flaw: &crate::evidence::bundle::Flaw| {
        let severity = match flaw.kind {
            FlawKind::LeadsOut
            | FlawKind::Link
            | FlawKind::Device
            | FlawKind::Bomb
            | FlawKind::Overlaps
            | FlawKind::Disagrees => Severity::High,
            FlawKind::Twice
            | FlawKind::Collides
            | FlawKind::Encrypted
            | FlawKind::OddName
            | FlawKind::Broken
            | FlawKind::Behind => Severity::Medium,
        };
        let more = match flaw.times.saturating_sub(1) {
            0 => String::new(),
            more => format!(", and {more} more"),
        };
        let seen = format!("`{}` {}{more}", flaw.name, flaw.kind.words());
        let finding = asked::whole(check, evidence, severity, Confidence::Confirmed, &seen);
        asked::part(finding, &format!("`{}`", flaw.name))
    };
    flaws.map(of).collect()
}
