//! A credential stands in the source.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::source::FactKind;
use crate::evidence::source::Language;
use crate::finding::{Confidence, Finding, Severity};

/// A credential stands in the source.
pub(super) static CHECK: Check = Check {
    id: "hard-coded-secret",
    title: "a credential in the source",
    severity: Severity::High,
    control: Some(control::RESULTS_INSPECTED),
    why: "Whoever has the source has the credential, and so has everybody who ever had it. It is in every copy, and it cannot be changed without a release.",
    fix: "read it from the environment or a file that only the server's account may read, and change the one that was published",
    examples: &[
        (Language::Python, "token = os.environ[\"TOKEN\"]"),
        (Language::TypeScript, "const token = process.env.TOKEN;"),
        (Language::JavaScript, "const token = process.env.TOKEN;"),
        (Language::Go, "token := os.Getenv(\"TOKEN\")"),
        (Language::Rust, "let token = std::env::var(\"TOKEN\")?;"),
    ],
    live: false,
    cwe: &[798],
    owasp: &["MCP01:2025"],
    safe_mcp: &["T1503"],
    atlas: &["AML.T0055"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    judge::facts(check, evidence, FactKind::Secret, Severity::High, Confidence::Likely)
}
