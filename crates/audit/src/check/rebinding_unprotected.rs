//! The protection of the HTTP transport against DNS rebinding is switched off.

use portcullis_catalog::control;

use crate::check::Check;
use crate::check::{asked, judge};
use crate::evidence::Evidence;
use crate::evidence::http::Question;
use crate::evidence::source::FactKind;
use crate::evidence::source::Language;
use crate::finding::{Confidence, Finding, Severity};

/// The protection of the HTTP transport against DNS rebinding is switched off.
pub(super) static CHECK: Check = Check {
    id: "rebinding-unprotected",
    title: "no protection against DNS rebinding",
    severity: Severity::High,
    control: Some(control::CALLERS_AUTHENTICATED),
    why: "A page in any browser can give its own name the address of this machine, and then its requests are of the same origin. Only a look at `Host` and `Origin` tells them apart (CVE-2025-9611).",
    fix: "leave the protection on and list the hosts and origins that may call",
    examples: &[
        (
            Language::Python,
            "TransportSecuritySettings(enable_dns_rebinding_protection=True, allowed_hosts=[\"127.0.0.1:8000\"])",
        ),
        (
            Language::TypeScript,
            "new StreamableHTTPServerTransport({ enableDnsRebindingProtection: true, allowedHosts: [\"127.0.0.1:8000\"] });",
        ),
        (
            Language::JavaScript,
            "new StreamableHTTPServerTransport({ enableDnsRebindingProtection: true, allowedHosts: [\"127.0.0.1:8000\"] });",
        ),
        (
            Language::Rust,
            "StreamableHttpServerConfig::default().with_allowed_hosts([\"127.0.0.1:8000\"]);",
        ),
    ],
    live: true,
    cwe: &[346, 350],
    owasp: &["MCP07:2025"],
    safe_mcp: &["T1005"],
    atlas: &["AML.T0105"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let mut found =
        judge::facts(check, evidence, FactKind::RebindingOff, Severity::High, Confidence::Likely);
    // With a certificate, a page of another name gets no connection at all.
    for http in asked::http(evidence).filter(|http| !http.encrypted) {
        let done = http.done(&[Question::Rebound]).min_by_key(|it| !it.started);
        let Some(done) = done else { continue };
        let severity = asked::if_open(http, Severity::High, Severity::Low);
        let seen =
            "a request under another name, of a page of that name, was answered with a result";
        found.push(asked::of(check, evidence, done, severity, seen));
    }
    found
}
