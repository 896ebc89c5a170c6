//! What a search found: the first so many in the order of the paths, whichever
//! thread found them when.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use portcullis_confine::beneath::Kind;

use super::{Line, Match};

/// A file that matches.
#[derive(Debug)]
pub(super) struct Hit {
    pub(super) kind: Kind,
    pub(super) lines: Vec<Line>,
    pub(super) more: bool,
}

/// What was found so far.
#[derive(Debug, Default)]
pub(super) struct Hits {
    hits: BTreeMap<PathBuf, Hit>,
    weight: usize,
    limit: usize,
    pub(super) searched: u64,
    pub(super) binary: u64,
    pub(super) unreadable: u64,
    /// Whether there may be more behind the last of them.
    pub(super) cut: bool,
}

impl Hits {
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Adds a hit, and lets go of those that are beyond the limit by now.
    pub(super) fn add(&mut self, path: &Path, hit: Hit) {
        self.weight += weight(&hit);
        self.hits.insert(path.to_owned(), hit);
        while let Some((last, hit)) = self.hits.pop_last() {
            let without = self.weight - weight(&hit);
            if without < self.limit {
                self.hits.insert(last, hit);
                break;
            }
            self.weight = without;
            self.cut = true;
        }
    }

    /// The path behind which nothing counts any more, once there is one.
    pub(super) fn bound(&self) -> Option<&Path> {
        let full = self.weight >= self.limit;
        self.hits.last_key_value().filter(|_| full).map(|(path, _)| path.as_path())
    }

    /// Where the answer ends.
    pub(super) fn last(&self) -> Option<String> {
        self.hits.last_key_value().map(|(path, _)| path.to_string_lossy().into_owned())
    }

    pub(super) fn into_matches(self) -> Vec<Match> {
        let one = |(path, hit): (PathBuf, Hit)| Match {
            path: path.to_string_lossy().into_owned(),
            kind: hit.kind.as_str(),
            lines: hit.lines,
            more_lines: hit.more,
        };
        self.hits.into_iter().map(one).collect()
    }
}

fn weight(hit: &Hit) -> usize {
    hit.lines.len().max(1)
}
