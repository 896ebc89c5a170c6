//! For a person at a terminal: the worst first, the checklist last, and flows when asked for.

use std::fmt::Write as _;

use portcullis_guard::text::visible;

use super::{Report, check_of, few, language_of, sure};
use crate::checklist::Status;
use crate::evidence::Package;
use crate::evidence::live::Conduct;
use crate::finding::Finding;

/// The report as lines. Everything that came from a server is written out, so that none of it speaks to the terminal.
#[must_use]
pub fn report(report: &Report, verbose: bool) -> String {
    let mut out = String::new();
    head(&mut out, report);
    // What came of each behind the gateway was asked for finding by finding.
    let all = verbose || report.guarded.is_some();
    for (finding, more) in few::shown(&report.findings, all) {
        one(&mut out, report, finding, verbose);
        if more > 0 {
            let _ = writeln!(out, "and {more} more like it [{}] (--verbose)\n", finding.check);
        }
    }
    honest(&mut out, report);
    checklist(&mut out, report);
    not_looked_at(&mut out, report, verbose);
    void(&mut out, report, verbose);
    let grade = report.grade.map_or("none: nothing could be tested".to_owned(), String::from);
    let _ = writeln!(
        out,
        "\n{}: {} · grade {grade}",
        visible(&report.evidence.target),
        report.summary()
    );
    if report.known > 0 {
        let _ = writeln!(out, "{} more are in the baseline", report.known);
    }
    if report.silenced > 0 {
        let _ = writeln!(
            out,
            "{} more are silenced by comments in the source (--persona auditor shows them)",
            report.silenced
        );
    }
    out
}

fn head(out: &mut String, report: &Report) {
    if let Some(source) = &report.evidence.source {
        let lines: u32 = source.files.iter().map(|file| file.lines).sum();
        let _ = writeln!(
            out,
            "read {} ({lines} lines): {} tools, resources and prompts",
            match source.files.len() {
                1 => "1 file".to_owned(),
                files => format!("{files} files"),
            },
            source.offered().count()
        );
    }
    if let Some(package) = &report.evidence.package {
        brought(out, package);
    }
    if let Some(bundle) = &report.evidence.bundle {
        let named = bundle.manifest.as_ref().map(|it| format!("{} {}", it.name, it.version));
        let _ = writeln!(
            out,
            "unpacked {} into a place that is thrown away: {} entries, {} bytes{}",
            visible(named.as_deref().unwrap_or("a bundle without a name")),
            bundle.entries,
            bundle.bytes,
            match &bundle.unstarted {
                Some(why) => visible(&format!("; it was not started: {why}")),
                None => String::new(),
            }
        );
    }
    if let Some(config) = &report.evidence.config {
        let guarded = config.servers.iter().filter(|it| it.guard.is_some()).count();
        let _ = writeln!(
            out,
            "read a host's config ({}): {} servers, {guarded} of them behind `portcullis run`; none was started",
            config.form,
            config.servers.len()
        );
    }
    if let Some(live) = &report.evidence.live {
        let who = live
            .server
            .as_deref()
            .map(visible)
            .unwrap_or_else(|| "a server that did not answer".to_owned());
        let began = match live.box_level.as_str() {
            "remote" => format!("spoke with {who}"),
            level => format!("started {who} in a box (level {})", visible(level)),
        };
        let asked = match &report.evidence.http {
            Some(http) => format!("{} requests to {}", http.exchanges.len(), visible(&http.url)),
            None => format!("{} calls", live.trials.len()),
        };
        let _ = writeln!(out, "{began}: {} tools, {asked}", live.tools.len());
        for conduct in &live.conduct {
            if let Conduct::NotStarted { why } = conduct {
                let _ = writeln!(out, "it did not start: {}", visible(why));
            }
            if let Conduct::NotListening { why } = conduct {
                let _ = writeln!(out, "it was started, and {}", visible(why));
            }
        }
        for what in &live.staging {
            let _ = writeln!(out, "{}", visible(what));
        }
    }
    out.push('\n');
}

/// A package, and what came with it, or why nothing did.
fn brought(out: &mut String, package: &Package) {
    let (name, version) = (visible(&package.name), visible(&package.version));
    let Some(why) = &package.failed else {
        let _ = writeln!(
            out,
            "brought {name} {version} into a place that is thrown away, with {} packages in all; no script of theirs ran",
            package.packages
        );
        return;
    };
    let _ = writeln!(out, "{name} {version} could not be brought:");
    for line in why.lines() {
        let _ = writeln!(out, "   {}", visible(line));
    }
}

fn one(out: &mut String, report: &Report, finding: &Finding, verbose: bool) {
    let _ = writeln!(
        out,
        "{} ({}) {} [{}]",
        finding.severity.word(),
        sure(finding.confidence),
        visible(&finding.title),
        finding.check
    );
    let _ = writeln!(out, "   at   {}", visible(&finding.location.to_string()));
    let _ = writeln!(out, "   seen {}", visible(&finding.evidence));
    if let Some(verdict) = report.verdict(finding) {
        let _ = writeln!(out, "   run  {}", visible(&verdict.words()));
    }
    let Some(check) = check_of(finding) else { return };
    let _ = writeln!(out, "   fix  {}", check.fix);
    if !verbose {
        out.push('\n');
        return;
    }
    let _ = writeln!(out, "   why  {}", check.why);
    for step in &finding.steps {
        let _ =
            writeln!(out, "   flow {}: {}", visible(&step.place.to_string()), visible(&step.text));
    }
    if let Some(request) = &finding.reproducer {
        match request.get("curl").and_then(serde_json::Value::as_str) {
            Some(line) => drop(writeln!(out, "   again {}", visible(line))),
            None => drop(writeln!(out, "   again tools/call {}", visible(&request.to_string()))),
        }
    }
    if let Some((language, code)) = check.example(language_of(finding, &report.evidence)) {
        let _ = writeln!(out, "   like ({language:?})");
        for line in code.lines() {
            let _ = writeln!(out, "        {line}");
        }
    }
    if let Some(control) = check.control {
        let _ = writeln!(out, "   held by `portcullis run`: {control}");
    }
    let cwe: Vec<String> = check.cwe.iter().map(|number| format!("CWE-{number}")).collect();
    let _ = writeln!(out, "   ids  {}, {}\n", cwe.join(", "), check.owasp.join(", "));
}

/// What became of honest calls behind the gateway: an armour in which nobody can move is none.
fn honest(out: &mut String, report: &Report) {
    let Some(guarded) = &report.guarded else { return };
    let _ = writeln!(out, "behind `portcullis run`, honest calls of:");
    for (tool, honest) in &guarded.honest {
        let _ = writeln!(out, "   {:<20}  {}", honest.words(), visible(tool));
    }
    out.push('\n');
}

fn checklist(out: &mut String, report: &Report) {
    for row in &report.checklist {
        let _ = writeln!(out, "{:<14}  {}", row.status.words(), row.statement);
        if row.status != Status::NotApplicable {
            let _ = writeln!(out, "{:<14}  {}", "", visible(&row.evidence));
        }
    }
}

/// What was not read and what could not be asked: never silent.
fn not_looked_at(out: &mut String, report: &Report, verbose: bool) {
    listed(out, "not looked at", &report.unseen(), verbose);
}

/// Comments that their author believes in, and that silence nothing.
fn void(out: &mut String, report: &Report, verbose: bool) {
    let all: Vec<String> = report.void.iter().map(ToString::to_string).collect();
    listed(out, "comments that silence nothing", &all, verbose);
}

fn listed(out: &mut String, head: &str, all: &[String], verbose: bool) {
    let most = if verbose { usize::MAX } else { 5 };
    if !all.is_empty() {
        let _ = writeln!(out, "\n{head}:");
    }
    for line in all.iter().take(most) {
        let _ = writeln!(out, "   {}", visible(line));
    }
    if all.len() > most {
        let _ = writeln!(out, "   and {} more (--verbose)", all.len() - most);
    }
}
