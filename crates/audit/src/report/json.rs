//! For scripts: one JSON object, whose shape only grows.

use serde_json::{Value, json};

use super::{Report, SEVERITIES, check_of, fingerprint};
use crate::evidence::config::{Entry, Way};
use crate::finding::Finding;

/// The number of this shape.
pub const VERSION: u32 = 1;

/// The whole report. Its fields are those of `docs/reference/interface` and stay.
#[must_use]
pub fn report(report: &Report) -> Value {
    let live = report.evidence.live.as_ref();
    let config = report.evidence.config.as_ref();
    let package = report.evidence.package.as_ref();
    let bundle = report.evidence.bundle.as_ref();
    let counts: serde_json::Map<String, Value> =
        SEVERITIES.iter().map(|it| (it.word().to_owned(), report.count(*it).into())).collect();
    let mut value = json!({
        "version": VERSION,
        "target": report.evidence.target,
        "checklist": report.checklist,
        "findings": report.findings.iter().map(|it| finding(report, it)).collect::<Vec<_>>(),
        "untested": live.map(|live| &live.untested),
        "servers": config.map(|config| config.servers.iter().map(server).collect::<Vec<_>>()),
        "package": package,
        "bundle": bundle,
        "left_out": report.left_out().collect::<Vec<_>>(),
        "void_comments": report.void,
        "summary": { "grade": report.grade, "worst": report.worst(), "counts": counts, "known": report.known, "silenced": report.silenced },
    });
    // Only where it was asked for: whoever does not know it misses nothing.
    if let (Some(fields), Some(guarded)) = (value.as_object_mut(), &report.guarded) {
        fields.insert("guarded".to_owned(), json!({ "honest": guarded.honest }));
    }
    value
}

/// A server of a host's config.
fn server(entry: &Entry) -> Value {
    let way = match entry.way {
        Way::Started => "stdio",
        Way::Reached => "http",
        Way::Built => "built-in",
    };
    json!({ "name": entry.called(), "transport": way, "guarded": entry.guard.is_some(), "off": entry.off })
}

fn finding(report: &Report, finding: &Finding) -> Value {
    let check = check_of(finding);
    let mut value = serde_json::to_value(finding).unwrap_or_default();
    if let (Some(fields), Some(verdict)) = (value.as_object_mut(), report.verdict(finding)) {
        let mut told = json!(verdict);
        if let Some(told) = told.as_object_mut() {
            told.insert("words".to_owned(), verdict.words().into());
        }
        fields.insert("guarded".to_owned(), told);
    }
    if let (Some(fields), Some(check)) = (value.as_object_mut(), check) {
        fields.insert("fingerprint".to_owned(), fingerprint(finding).into());
        fields.insert("control".to_owned(), check.control.map(|it| it.as_str()).into());
        fields.insert("why".to_owned(), check.why.into());
        fields.insert("fix".to_owned(), check.fix.into());
        let cwe: Vec<String> = check.cwe.iter().map(|number| format!("CWE-{number}")).collect();
        fields.insert("cwe".to_owned(), cwe.into());
        for (name, ids) in
            [("owasp", check.owasp), ("safe_mcp", check.safe_mcp), ("atlas", check.atlas)]
        {
            fields.insert(name.to_owned(), ids.to_vec().into());
        }
    }
    value
}
