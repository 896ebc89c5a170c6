//! What checks of a server over HTTP share: a finding of an exchange, with the request that does it again.

use serde_json::json;

use crate::check::Check;
use crate::evidence::Evidence;
use crate::evidence::http::{Exchange, Http};
use crate::finding::{Confidence, Finding, Location, Severity};

/// How it was answered over HTTP, when it was asked.
pub(super) fn http(evidence: &Evidence) -> impl Iterator<Item = &Http> {
    evidence.http.iter()
}

/// A finding of an exchange: it was done.
pub(super) fn of(
    check: &Check,
    evidence: &Evidence,
    exchange: &Exchange,
    severity: Severity,
    seen: &str,
) -> Finding {
    let again = json!({ "curl": exchange.again() });
    let status = exchange.status().map(|status| format!(" (status {status})")).unwrap_or_default();
    let mut finding = whole(check, evidence, severity, Confidence::Confirmed, seen);
    finding.reproducer = Some(again);
    finding.evidence = format!("{seen}{status}");
    if exchange.started {
        finding.severity = Severity::Critical;
        finding.evidence = format!("{seen}{status}, and started the program that it names");
    }
    finding
}

/// A finding about the server as a whole. What it is called stays the same whatever was measured.
pub(super) fn whole(
    check: &Check,
    evidence: &Evidence,
    severity: Severity,
    confidence: Confidence,
    seen: &str,
) -> Finding {
    Finding {
        check: check.id.to_owned(),
        severity,
        confidence,
        title: check.title.to_owned(),
        location: Location::Server { server: evidence.target.clone(), tool: None, parameter: None },
        steps: Vec::new(),
        reproducer: None,
        evidence: seen.to_owned(),
    }
}

/// The same finding about one part of what is asked, so that two of them are two.
pub(super) fn part(mut finding: Finding, part: &str) -> Finding {
    finding.title = format!("{}: {part}", finding.title);
    finding
}

/// Severe where nobody is asked who they are, and mild where a caller needs what no page and no stranger has.
pub(super) fn if_open(http: &Http, open: Severity, closed: Severity) -> Severity {
    match http.is_open() {
        Some(false) => closed,
        Some(true) | None => open,
    }
}
