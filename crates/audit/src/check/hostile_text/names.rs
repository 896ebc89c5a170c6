//! The names of tools, and where they stand in a text: all of them in one pass, however many a server has.

use std::collections::BTreeSet;
use std::ops::Bound;

use aho_corasick::{AhoCorasick, MatchKind};

/// The longest name that is looked for, in bytes. The protocol allows 128 characters; what is longer is nobody's name.
const LONGEST: usize = 256;

/// Names, made ready once for all texts.
#[derive(Debug)]
pub(super) struct Names<'a> {
    /// Those that are looked for, in the order of the patterns.
    sought: Vec<&'a str>,
    finder: Option<AhoCorasick>,
    /// All of them, small and from their ends.
    ends: BTreeSet<String>,
}

impl<'a> Names<'a> {
    /// Of all names those are looked for that a text would not have by chance.
    pub(super) fn new(all: impl Iterator<Item = &'a str>, sought: fn(&str) -> bool) -> Self {
        let all: Vec<&str> = all.filter(|it| it.len() <= LONGEST).collect();
        let ends = all.iter().map(|it| backwards(&it.to_lowercase())).collect();
        let sought: Vec<&str> = all.into_iter().filter(|it| it.len() > 4 && sought(it)).collect();
        // Of two names that begin alike the longer is meant.
        let finder = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(sought.iter().map(|it| it.to_lowercase()));
        Self { sought, finder: finder.ok(), ends }
    }

    /// The first name other than its own in a text of small letters, and where it stands there.
    pub(super) fn other_in<'s>(
        &'s self,
        low: &'s str,
        own: &'s str,
    ) -> impl Iterator<Item = (&'a str, usize, usize)> + 's {
        let found = self.finder.iter().flat_map(move |it| it.find_iter(low));
        found
            .filter_map(|it| {
                Some((*self.sought.get(it.pattern().as_usize())?, it.start(), it.end()))
            })
            .filter(move |(name, ..)| *name != own)
    }

    /// Whether a word names one of them, in full or without what stands before every name.
    pub(super) fn is_listed(&self, word: &str) -> bool {
        let word = backwards(word);
        let from = (Bound::Included(word.as_str()), Bound::Unbounded);
        self.ends.range::<str, _>(from).next().is_some_and(|it| it.starts_with(&word))
    }
}

fn backwards(text: &str) -> String {
    text.chars().rev().collect()
}
