//! The certificate of the other side is not verified.

use crate::check::Check;
use crate::check::judge;
use crate::evidence::Evidence;
use crate::evidence::source::FactKind;
use crate::evidence::source::Language;
use crate::finding::{Confidence, Finding, Severity};

/// The certificate of the other side is not verified.
pub(super) static CHECK: Check = Check {
    id: "certificates-ignored",
    title: "certificates are not verified",
    severity: Severity::High,
    control: None,
    why: "Encryption to whoever answers is encryption to an attacker too. What is sent there, credentials first, is theirs.",
    fix: "verify, and add your own authority to the trusted ones where you have one",
    examples: &[
        (Language::Python, "httpx.get(url, verify=\"/etc/ssl/our-ca.pem\")"),
        (Language::TypeScript, "https.request({ ca: fs.readFileSync(\"our-ca.pem\") });"),
        (Language::JavaScript, "https.request({ ca: fs.readFileSync(\"our-ca.pem\") });"),
        (Language::Go, "&tls.Config{RootCAs: ours}"),
        (Language::Rust, "reqwest::Client::builder().add_root_certificate(ours);"),
    ],
    live: false,
    cwe: &[295],
    owasp: &["MCP07:2025"],
    safe_mcp: &["T1407"],
    atlas: &["AML.T0010.005"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    judge::facts(check, evidence, FactKind::CertificatesIgnored, Severity::High, Confidence::Likely)
}
