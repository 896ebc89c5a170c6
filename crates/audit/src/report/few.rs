//! Many of a kind: how many of them a report lists one by one.

use std::collections::BTreeMap;

use crate::check::Check;
use crate::finding::{Confidence, Finding, Location, Severity};

/// Findings at a server that one check makes and that are listed, for each severity and confidence. What a server offers
/// is up to the server, and thousands of them would hide the rest; of source all are told.
const LISTED: usize = 100;
/// Findings of one check that a terminal shows where nobody asked for all.
const SHOWN: usize = 5;

/// The same findings, where many of a kind at one server became one that says how many.
pub(super) fn folded(findings: Vec<Finding>) -> Vec<Finding> {
    let mut counts: BTreeMap<(String, Severity, Confidence), usize> = BTreeMap::new();
    let mut out: Vec<Finding> = Vec::with_capacity(findings.len());
    for mut finding in findings {
        let Location::Server { server, .. } = &finding.location else {
            out.push(finding);
            continue;
        };
        let kind = (finding.check.clone(), finding.severity, finding.confidence);
        let count = counts.entry(kind).or_default();
        *count += 1;
        if *count <= LISTED {
            out.push(finding);
        } else if *count == LISTED + 1 {
            finding.location =
                Location::Server { server: server.clone(), tool: None, parameter: None };
            finding.reproducer = None;
            finding.steps = Vec::new();
            out.push(finding);
        }
    }
    // The last of each kind stands for those that are not listed.
    let mut at: BTreeMap<(String, Severity, Confidence), usize> = BTreeMap::new();
    for finding in out.iter_mut().filter(|it| it.location.place().is_none()) {
        let kind = (finding.check.clone(), finding.severity, finding.confidence);
        let all = counts.get(&kind).copied().unwrap_or_default();
        let seen = at.entry(kind).or_default();
        *seen += 1;
        if *seen == LISTED + 1 {
            let title = Check::find(&finding.check).map_or("the same", |check| check.title);
            let more = all - LISTED;
            finding.title = format!("{title}: {more} more at this server");
            finding.evidence = format!("{all} in all; the first {LISTED} are listed");
        }
    }
    out
}

/// What a terminal shows: each finding, and how many of the same check follow that it does not show.
pub(super) fn shown(findings: &[Finding], all: bool) -> Vec<(&Finding, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in findings {
        *counts.entry(&finding.check).or_default() += 1;
    }
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    let mut out = Vec::new();
    for finding in findings {
        let count = counts.get(finding.check.as_str()).copied().unwrap_or_default();
        let at = seen.entry(&finding.check).or_default();
        *at += 1;
        // One that is left over is shown: the line that counts it is no shorter.
        if all || count <= SHOWN + 1 || *at < SHOWN {
            out.push((finding, 0));
        } else if *at == SHOWN {
            out.push((finding, count - SHOWN));
        }
    }
    out
}
