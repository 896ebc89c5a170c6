//! For a pull request: a short table.

use std::fmt::Write as _;

use portcullis_guard::text::visible;

use super::Report;
use crate::checklist::Status;

/// The most findings that are listed.
const MOST: usize = 50;

/// The report as Markdown.
#[must_use]
pub fn report(report: &Report) -> String {
    let mut out = String::new();
    let grade = report.grade.map_or("none".to_owned(), String::from);
    let _ = writeln!(
        out,
        "### Audit of {}\n\n{} · grade {grade}\n",
        cell(&report.evidence.target),
        report.summary()
    );
    if let Some(why) = report.unbrought() {
        let _ = writeln!(out, "It could not be brought: {}\n", cell(&why.replace('\n', " ")));
    }
    if !report.findings.is_empty() {
        out.push_str(match report.guarded.is_some() {
            true => "| severity | confidence | finding | where | behind `portcullis run` |\n|---|---|---|---|---|\n",
            false => "| severity | confidence | finding | where |\n|---|---|---|---|\n",
        });
    }
    for finding in report.findings.iter().take(MOST) {
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} |{}",
            finding.severity.word(),
            finding.confidence.word(),
            cell(&finding.title),
            cell(&finding.location.to_string()),
            report
                .verdict(finding)
                .map(|it| format!(" {} |", cell(&it.words())))
                .unwrap_or_default()
        );
    }
    if report.findings.len() > MOST {
        let _ = writeln!(out, "\nand {} more", report.findings.len() - MOST);
    }
    if let Some(guarded) = &report.guarded {
        out.push_str("\nHonest calls behind `portcullis run`:\n\n");
        for (tool, honest) in &guarded.honest {
            let _ = writeln!(out, "- {}: {}", cell(tool), honest.words());
        }
    }
    if report.silenced > 0 {
        let _ =
            writeln!(out, "\n{} findings are silenced by comments in the source", report.silenced);
    }
    for comment in report.void.iter().take(MOST) {
        let _ = writeln!(out, "\n{}", cell(&comment.to_string()));
    }
    let count = |status: Status| report.checklist.iter().filter(|row| row.status == status).count();
    let _ = writeln!(
        out,
        "\nChecklist: {} passed, {} failed, {} not testable, {} not applicable",
        count(Status::Pass),
        count(Status::Fail),
        count(Status::Unknown),
        count(Status::NotApplicable)
    );
    out
}

/// A text in a cell: nothing in it is markup.
fn cell(text: &str) -> String {
    let mut out = String::new();
    for letter in visible(text).chars() {
        if letter.is_ascii_punctuation()
            && !matches!(letter, ',' | '.' | ':' | '/' | '-' | '(' | ')')
        {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}
