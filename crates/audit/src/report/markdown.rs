//! For a pull request: a short table.

use std::fmt::Write as _;

use portcullis_guard::text::visible;

use super::{Report, check_of};
use crate::checklist::Status;
use crate::finding::Finding;

/// The most findings that are listed.
const MOST: usize = 50;
/// The most lines of what was not looked at.
const UNSEEN: usize = 10;

/// The report as Markdown.
#[must_use]
pub fn report(report: &Report) -> String {
    let mut out = String::new();
    let unseen = report.unseen();
    let grade = report.grade.map_or("none".to_owned(), String::from);
    let _ = writeln!(
        out,
        "### Audit of {}\n\n{} · grade {grade}{}\n",
        inert(&report.evidence.target),
        report.summary(),
        match unseen.len() {
            0 => String::new(),
            some => format!(" · {some} not looked at"),
        }
    );
    if let Some(why) = report.unbrought() {
        let _ = writeln!(out, "It could not be brought: {}\n", inert(&why.replace('\n', " ")));
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
            title(finding),
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
            let _ = writeln!(out, "- {}: {}", inert(tool), honest.words());
        }
    }
    if report.silenced > 0 {
        let _ =
            writeln!(out, "\n{} findings are silenced by comments in the source", report.silenced);
    }
    for comment in report.void.iter().take(MOST) {
        let _ = writeln!(out, "\n{}", inert(&comment.to_string()));
    }
    if !unseen.is_empty() {
        out.push_str("\nNot looked at:\n\n");
        for line in unseen.iter().take(UNSEEN) {
            let _ = writeln!(out, "- {}", inert(line));
        }
    }
    if unseen.len() > UNSEEN {
        let _ = writeln!(out, "- and {} more", unseen.len() - UNSEEN);
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

/// A title in a cell: what the check says of all its findings, and what the rest of it is about.
fn title(finding: &Finding) -> String {
    let known = check_of(finding).map_or("", |check| check.title);
    match finding.title.strip_prefix(known).and_then(|it| it.strip_prefix(": ")) {
        Some(rest) if !known.is_empty() => format!("{known}: {}", cell(rest)),
        _ => cell(&finding.title),
    }
}

/// Somebody's words in a cell of a table, which a bar would end.
fn cell(text: &str) -> String {
    inert(text).replace('|', "\\|")
}

/// Somebody's words. Where they are more than words they stand as code, in which nothing is markup, no address becomes a
/// link, and nobody is called by their name: of all that, a backslash holds up only the first.
fn inert(text: &str) -> String {
    let text = visible(text);
    if text.chars().all(|it| it.is_alphanumeric() || matches!(it, ' ' | ',' | '-')) {
        // A line that begins with `-` is a list.
        return text.trim().trim_start_matches('-').to_owned();
    }
    let runs = text.split(|it| it != '`').map(str::len);
    let fence = "`".repeat(runs.max().unwrap_or_default() + 1);
    let gap = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{gap}{text}{gap}{fence}")
}
