//! Comments in the source that were to silence something, and do not.

use serde::Serialize;

use crate::check::CHECKS;
use crate::evidence::source::Ignore;
use crate::evidence::{Evidence, Place};

/// A comment that counts for nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Void {
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// What it names.
    pub check: String,
    /// Why it counts for nothing.
    pub why: String,
}

impl std::fmt::Display for Void {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: ignore[{}]: {}", self.place.file, self.place.line, self.check, self.why)
    }
}

/// Those that name no check, or give no reason.
pub(super) fn void(evidence: &Evidence) -> Vec<Void> {
    let all = evidence.source.iter().flat_map(|source| &source.ignores);
    all.filter_map(one).collect()
}

fn one(comment: &Ignore) -> Option<Void> {
    let known = CHECKS.iter().any(|check| check.id == comment.check);
    let why = match (known, comment.reason.is_empty()) {
        (true, false) => return None,
        (true, true) => "a reason is missing, so it counts for nothing".to_owned(),
        (false, _) => match nearest(&comment.check) {
            Some(id) => format!("there is no such check; `{id}` is one"),
            None => "there is no such check".to_owned(),
        },
    };
    Some(Void { place: comment.place.clone(), check: comment.check.clone(), why })
}

/// The check whose name a mistyped one is closest to: two letters away at most.
fn nearest(name: &str) -> Option<&'static str> {
    let name: Vec<char> = name.to_lowercase().replace('_', "-").chars().take(60).collect();
    let all = CHECKS.iter().map(|check| (apart(&name, check.id), check.id));
    all.filter(|(far, _)| *far <= 2).min().map(|(_, id)| id)
}

/// In how many letters two names differ: added, missing or others (Levenshtein's distance).
fn apart(one: &[char], other: &str) -> usize {
    let mut row: Vec<usize> = (0..=one.len()).collect();
    for (down, letter) in other.chars().enumerate() {
        let mut next = vec![down + 1];
        for (at, (own, pair)) in one.iter().zip(row.windows(2)).enumerate() {
            let (corner, above) = match pair {
                [corner, above] => (*corner, *above),
                _ => continue,
            };
            let left = next.get(at).copied().unwrap_or_default();
            next.push((corner + usize::from(*own != letter)).min(above + 1).min(left + 1));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
