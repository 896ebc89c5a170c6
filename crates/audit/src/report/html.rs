//! For reading and printing: one file that loads nothing.

use std::fmt::Write as _;

use portcullis_guard::text::visible;

use super::{Report, check_of, language_of};
use crate::finding::Finding;

const HEAD: &str = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Audit</title><style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h2 { font-size: 1.1rem; margin: 0; } article { border-left: .4rem solid #777; padding: .5rem 1rem; margin: 1rem 0; break-inside: avoid; }
.critical { border-color: #b00020; } .high { border-color: #d35400; } .medium { border-color: #b8860b; }
pre { overflow-x: auto; white-space: pre-wrap; } td, th { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; }
@media print { body { margin: 0; max-width: none; } }
</style></head><body>
"#;

/// All reports of one run, as one page.
#[must_use]
pub fn reports(reports: &[Report]) -> String {
    let mut out = HEAD.to_owned();
    reports.iter().for_each(|report| one_target(&mut out, report));
    out.push_str("</body></html>\n");
    out
}

fn one_target(out: &mut String, report: &Report) {
    let grade = report.grade.map_or("none".to_owned(), String::from);
    let _ = writeln!(
        out,
        "<h1>{}</h1><p>{} · grade {grade}</p>",
        inert(&report.evidence.target),
        report.summary()
    );
    if let Some(why) = report.unbrought() {
        let lines: Vec<String> = why.lines().map(inert).collect();
        let _ = writeln!(out, "<p>It could not be brought:</p><pre>{}</pre>", lines.join("\n"));
    }
    report.findings.iter().for_each(|finding| one(out, report, finding));
    if let Some(guarded) = &report.guarded {
        out.push_str("<h2>Honest calls behind <code>portcullis run</code></h2><ul>\n");
        for (tool, honest) in &guarded.honest {
            let _ = writeln!(out, "<li>{}: {}</li>", inert(tool), honest.words());
        }
        out.push_str("</ul>\n");
    }
    out.push_str("<table><caption>Checklist</caption><thead><tr><th scope=\"col\">Status</th><th scope=\"col\">What</th><th scope=\"col\">Why we say so</th></tr></thead><tbody>\n");
    for row in &report.checklist {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td>{}</td></tr>",
            row.status.words(),
            inert(&row.statement),
            inert(&row.evidence)
        );
    }
    out.push_str("</tbody></table>\n");
    let all = report.unseen();
    if !all.is_empty() {
        out.push_str("<h2>Not looked at</h2><ul>\n");
        for line in &all {
            let _ = writeln!(out, "<li>{}</li>", inert(line));
        }
        out.push_str("</ul>\n");
    }
    if !report.void.is_empty() {
        out.push_str("<h2>Comments that silence nothing</h2><ul>\n");
        for comment in &report.void {
            let _ = writeln!(out, "<li>{}</li>", inert(&comment.to_string()));
        }
        out.push_str("</ul>\n");
    }
}

fn one(out: &mut String, report: &Report, finding: &Finding) {
    let _ = writeln!(
        out,
        "<article class=\"{}\"><h2>{}</h2><p>{}, {} · <code>{}</code> · {}</p><p>{}</p>",
        finding.severity.word(),
        inert(&finding.title),
        finding.severity.word(),
        finding.confidence.word(),
        inert(&finding.check),
        inert(&finding.location.to_string()),
        inert(&finding.evidence)
    );
    if let Some(verdict) = report.verdict(finding) {
        let words = inert(&verdict.words());
        let _ =
            writeln!(out, "<p>Behind <code>portcullis run</code>: <strong>{words}</strong></p>");
    }
    if !finding.steps.is_empty() {
        out.push_str("<ol>\n");
        for step in &finding.steps {
            let _ = writeln!(
                out,
                "<li>{} <code>{}</code></li>",
                inert(&step.place.to_string()),
                inert(&step.text)
            );
        }
        out.push_str("</ol>\n");
    }
    if let Some(request) = &finding.reproducer {
        let _ = writeln!(
            out,
            "<p>Again: <code>tools/call</code></p><pre>{}</pre>",
            inert(&request.to_string())
        );
    }
    if let Some(check) = check_of(finding) {
        let _ = writeln!(out, "<p>{}</p><p>Fix: {}</p>", inert(check.why), inert(check.fix));
        if let Some((_, code)) = check.example(language_of(finding, &report.evidence)) {
            let lines: Vec<String> = code.lines().map(inert).collect();
            let _ = writeln!(out, "<pre>{}</pre>", lines.join("\n"));
        }
    }
    out.push_str("</article>\n");
}

/// A text in which nothing is markup and nothing is hidden.
fn inert(text: &str) -> String {
    visible(text)
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
