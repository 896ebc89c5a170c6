//! What is known already, and by what it is known again.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::Report;
use crate::finding::{Finding, Location};

/// What stays the same of a finding when lines move: its check, where it is without line and column, what it is about,
/// and the words of its line, of which credentials are covered. 16 hexadecimal digits.
#[must_use]
pub fn fingerprint(finding: &Finding) -> String {
    let (place, line) = match &finding.location {
        Location::Source(place) => (place.file.clone(), line_of(finding)),
        Location::Server { tool, parameter, .. } => (
            format!(
                "{}/{}",
                tool.as_deref().unwrap_or_default(),
                parameter.as_deref().unwrap_or_default()
            ),
            "",
        ),
    };
    let mut hash = Sha256::new();
    for part in [finding.check.as_str(), &place, &finding.title, line] {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// The words of the line: a flow ends on it, and what is seen on a line alone is told as nothing else.
fn line_of(finding: &Finding) -> &str {
    let seen = || finding.evidence.strip_prefix('`')?.strip_suffix('`');
    finding.steps.last().map(|step| step.text.as_str()).or_else(seen).unwrap_or_default()
}

/// Takes out of the findings what the baseline knows, and says how many that were. Each of its lines stands for one
/// finding: a third on two that are known is new. What the reader asked for is known before what is in doubt.
pub(super) fn forget(
    findings: &mut Vec<Finding>,
    baseline: &[String],
    wanted: impl Fn(&Finding) -> bool,
) -> usize {
    let mut left = counted(baseline.iter().cloned());
    let before = findings.len();
    for asked in [true, false] {
        findings.retain(|finding| {
            if wanted(finding) != asked {
                return true;
            }
            match left.get_mut(&fingerprint(finding)) {
                Some(some) if *some > 0 => {
                    *some -= 1;
                    false
                }
                _ => true,
            }
        });
    }
    before - findings.len()
}

/// The baseline of what was found: each fingerprint as often as in the report that has the most of it.
#[must_use]
pub fn known_of(reports: &[Report]) -> Vec<String> {
    let mut most: BTreeMap<String, usize> = BTreeMap::new();
    for report in reports {
        for (one, count) in counted(report.findings.iter().map(fingerprint)) {
            let known = most.entry(one).or_default();
            *known = count.max(*known);
        }
    }
    most.into_iter().flat_map(|(one, count)| std::iter::repeat_n(one, count)).collect()
}

fn counted(all: impl Iterator<Item = String>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    counts
}
