//! A name stands twice in one table of a config.

use crate::check::{Check, configured};
use crate::evidence::Evidence;
use crate::finding::{Confidence, Finding, Severity};

/// A name stands twice in one table of a config.
pub(super) static CHECK: Check = Check {
    id: "config-ambiguous",
    title: "a name that stands twice",
    severity: Severity::Medium,
    control: None,
    why: "One program takes the first, another the last: what was reviewed is not what is started. It is also how a server is put behind the back of whoever reads the file from the top.",
    fix: "keep one of the two",
    examples: &[],
    live: false,
    cwe: &[436, 694],
    owasp: &["MCP09:2025"],
    safe_mcp: &["T1206"],
    atlas: &["AML.T0081"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let twice = configured::config(evidence).flat_map(|config| &config.twice);
    let of = |it: &crate::evidence::config::Twice| {
        let weight = (Severity::Medium, Confidence::Likely);
        configured::at(check, &it.place, weight, &it.what, it.what.clone())
    };
    twice.map(of).collect()
}
