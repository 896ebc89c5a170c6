//! The server writes where programs are started from.

use portcullis_catalog::control;

use crate::check::{Check, judge};
use crate::evidence::Evidence;
use crate::evidence::source::{FactKind, Language};
use crate::finding::{Confidence, Finding, Severity};

/// The server writes where programs are started from.
pub(super) static CHECK: Check = Check {
    id: "plants-itself",
    title: "it writes where programs are started from",
    severity: Severity::High,
    control: Some(control::SERVER_CONFINED),
    why: "What stands there is started again when the server is long gone, and nobody is asked. A server for a model has no reason to be in such a place.",
    fix: "write below the server's own directory, and leave what starts with the machine to whoever installs it",
    examples: &[
        (Language::Python, "(DATA / \"schedule.json\").write_text(jobs)"),
        (Language::TypeScript, "await fs.writeFile(path.join(DATA, \"schedule.json\"), jobs);"),
        (Language::JavaScript, "await fs.writeFile(path.join(DATA, \"schedule.json\"), jobs);"),
    ],
    live: false,
    cwe: &[506],
    owasp: &["MCP04:2025"],
    safe_mcp: &["T1203"],
    atlas: &["AML.T0010"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    judge::facts(check, evidence, FactKind::Plants, Severity::High, Confidence::Likely)
}
