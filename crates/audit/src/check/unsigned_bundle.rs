//! Nobody put their name to a bundle.

use crate::check::{Check, asked};
use crate::evidence::Evidence;
use crate::evidence::bundle::Signature;
use crate::finding::{Confidence, Finding, Severity};

/// Nobody put their name to a bundle.
pub(super) static CHECK: Check = Check {
    id: "unsigned-bundle",
    title: "a bundle that nobody signed",
    severity: Severity::Low,
    control: None,
    why: "Whoever passes the file on can change it, and a host that installs it cannot tell. The name and the author in its manifest are words that anybody may write.",
    fix: "sign it (`mcpb sign`), and say where its digest can be compared; whoever installs it takes it from its maker",
    examples: &[],
    live: false,
    cwe: &[347, 494],
    owasp: &["MCP04:2025"],
    safe_mcp: &["T1002"],
    atlas: &["AML.T0010.005"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let unsigned = evidence
        .bundle
        .iter()
        .filter(|bundle| bundle.entries > 0 && bundle.signature == Signature::None);
    let of = |_| {
        let seen = "no signature lies behind the archive";
        asked::whole(check, evidence, Severity::Low, Confidence::Likely, seen)
    };
    unsigned.map(of).collect()
}
