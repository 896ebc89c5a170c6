//! For code scanning: SARIF 2.1.0 (OASIS Standard, 27 March 2020). Only this file knows its shape.

mod base;

use std::path::Path;

use serde_json::{Value, json};

use super::{Report, check_of, fingerprint};
use crate::check::{CHECKS, Check};
use base::Base;
use portcullis_guard::text::visible;

use crate::checklist::Row;
use crate::evidence::Place;
use crate::finding::{Finding, Location, Severity};

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// All reports of one run, of which somebody at `here` named the targets.
#[must_use]
pub fn reports(reports: &[Report], here: Option<&Path>) -> Value {
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": reports.iter().map(|report| run(report, here)).collect::<Vec<_>>(),
    })
}

fn run(report: &Report, here: Option<&Path>) -> Value {
    let base = Base::of(&report.evidence, here);
    let shown = |row: &Row| Row { evidence: visible(&row.evidence), ..row.clone() };
    let rows: Vec<Row> = report.checklist.iter().map(shown).collect();
    let mut run = json!({
        "tool": { "driver": {
            "name": "portcullis",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": CHECKS.iter().map(|check| rule(check)).collect::<Vec<_>>(),
            "supportedTaxonomies": [{ "name": "CWE" }],
        } },
        "taxonomies": [taxonomy()],
        "columnKind": "unicodeCodePoints",
        "results": report.findings.iter().map(|it| result(report, it, &base)).collect::<Vec<_>>(),
        "properties": { "target": visible(&report.evidence.target), "checklist": rows, "grade": report.grade },
    });
    if let (Some(root), Some(fields)) = (base.declared(), run.as_object_mut()) {
        fields.insert("originalUriBaseIds".to_owned(), root);
    }
    run
}

/// The weaknesses that our checks name.
fn taxonomy() -> Value {
    let mut numbers: Vec<u16> = CHECKS.iter().flat_map(|check| check.cwe.iter().copied()).collect();
    numbers.sort_unstable();
    numbers.dedup();
    let taxa: Vec<Value> =
        numbers.iter().map(|number| json!({ "id": number.to_string() })).collect();
    json!({ "name": "CWE", "organization": "MITRE", "shortDescription": { "text": "Common Weakness Enumeration" }, "taxa": taxa })
}

fn rule(check: &Check) -> Value {
    let related: Vec<Value> = check
        .cwe
        .iter()
        .map(|number| json!({ "target": { "id": number.to_string(), "toolComponent": { "name": "CWE" } }, "kinds": ["superset"] }))
        .collect();
    json!({
        "id": check.id,
        "shortDescription": { "text": check.title },
        "fullDescription": { "text": check.why },
        "help": { "text": check.fix },
        "defaultConfiguration": { "level": level(check.severity) },
        "relationships": related,
        "properties": {
            "tags": ["security", "mcp"],
            "security-severity": security_severity(check.severity),
            "owasp": check.owasp, "safe-mcp": check.safe_mcp, "atlas": check.atlas,
        },
    })
}

fn result(report: &Report, finding: &Finding, base: &Base) -> Value {
    let mut value = json!({
        "ruleId": finding.check,
        "level": level(finding.severity),
        "message": { "text": said(&format!("{}. {}", finding.title, finding.evidence)) },
        "locations": [location(&finding.location, base)],
        "partialFingerprints": { "portcullis/v1": fingerprint(finding) },
        "properties": {
            "severity": finding.severity, "confidence": finding.confidence, "reproducer": finding.reproducer,
            "security-severity": security_severity(finding.severity),
        },
    });
    if let Some(fields) = value.as_object_mut() {
        let index = CHECKS.iter().position(|check| check.id == finding.check);
        fields.extend(index.map(|at| ("ruleIndex".to_owned(), at.into())));
        if let Some(verdict) = report.verdict(finding) {
            let properties = fields.get_mut("properties").and_then(Value::as_object_mut);
            properties.map(|it| it.insert("guarded".to_owned(), json!(verdict)));
        }
        if !finding.steps.is_empty() {
            let steps: Vec<Value> = finding
                .steps
                .iter()
                .map(|step| {
                    let mut place = physical(&step.place, base);
                    let message = json!({ "text": said(&step.text) });
                    place
                        .as_object_mut()
                        .map(|fields| fields.insert("message".to_owned(), message));
                    json!({ "location": place })
                })
                .collect();
            fields.insert(
                "codeFlows".to_owned(),
                json!([{ "threadFlows": [{ "locations": steps }] }]),
            );
        }
        debug_assert!(check_of(finding).is_some(), "a finding is of a check that exists");
    }
    value
}

/// Somebody's words in a message, where `[text](address)` is a link (SARIF 2.1.0, section 3.11.6) unless a backslash
/// stands before the bracket.
fn said(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in visible(text).chars() {
        if matches!(letter, '[' | ']' | '\\') {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

fn location(location: &Location, base: &Base) -> Value {
    match location {
        Location::Source(place) => physical(place, base),
        Location::Server { .. } => json!({
            "logicalLocations": [{ "fullyQualifiedName": visible(&location.to_string()), "kind": "function" }],
        }),
    }
}

fn physical(place: &Place, base: &Base) -> Value {
    json!({ "physicalLocation": {
        "artifactLocation": base.artifact(&place.file),
        "region": { "startLine": place.line.max(1), "startColumn": place.column.max(1) },
    } })
}

/// A relative path as a URI reference (RFC 3986, section 4.2): what is neither a letter, a digit nor one of `/-._~` is
/// written out.
fn uri(file: &str) -> String {
    let mut out = String::new();
    for byte in file.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte))
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "note",
        Severity::Low | Severity::Medium => "warning",
        Severity::High | Severity::Critical => "error",
    }
}

/// The number that code scanning sorts by: from 0.0 to 10.0, in the bands of CVSS.
fn security_severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Note => "0.0",
        Severity::Low => "3.0",
        Severity::Medium => "5.5",
        Severity::High => "8.0",
        Severity::Critical => "9.5",
    }
}
