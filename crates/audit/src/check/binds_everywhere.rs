//! The server listens on every address of the machine.

use crate::check::Check;
use crate::check::{asked, judge};
use crate::evidence::Evidence;
use crate::evidence::http::Question;
use crate::evidence::source::FactKind;
use crate::evidence::source::Language;
use crate::finding::{Confidence, Finding, Severity};

/// The server listens on every address of the machine.
pub(super) static CHECK: Check = Check {
    id: "binds-everywhere",
    title: "it listens on every address",
    severity: Severity::Medium,
    control: None,
    why: "Everybody in the same network can call its tools. A server for one person on one machine needs one address, loopback.",
    fix: "bind to 127.0.0.1, and put authentication and TLS before anything else",
    examples: &[
        (Language::Python, "server = FastMCP(\"notes\", host=\"127.0.0.1\")"),
        (Language::TypeScript, "app.listen(3000, \"127.0.0.1\");"),
        (Language::JavaScript, "app.listen(3000, \"127.0.0.1\");"),
        (Language::Go, "http.ListenAndServe(\"127.0.0.1:3000\", handler)"),
        (Language::Rust, "let listener = TcpListener::bind(\"127.0.0.1:3000\").await?;"),
    ],
    live: true,
    cwe: &[1327],
    owasp: &["MCP07:2025"],
    safe_mcp: &["T1005"],
    atlas: &["AML.T0105"],
    run,
};

fn run(check: &Check, evidence: &Evidence) -> Vec<Finding> {
    let mut found =
        judge::facts(check, evidence, FactKind::BindsAll, Severity::Medium, Confidence::Likely);
    for http in asked::http(evidence) {
        // Whatever it says there: it listens.
        let heard = http.about(Question::OtherAddress);
        let heard = heard.filter(|it| it.started || it.answer.is_some());
        let Some(heard) = heard.min_by_key(|it| !it.started) else { continue };
        let severity = asked::if_open(http, Severity::Medium, Severity::Low);
        let seen = format!("it is also reached at `{}`", heard.request.url);
        found.push(asked::of(check, evidence, heard, severity, &seen));
    }
    found
}
