//! Where a file is wrong, and what was probably meant.

use std::fmt;
use std::ops::Range;

use portcullis_policy::Place;

use crate::definition::{Key, Kind};

/// One mistake in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnosis {
    /// The file, as its reader named it.
    pub file: String,
    /// The line, from one.
    pub line: usize,
    /// The column in characters, from one.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What the key decides, when a key is known.
    pub meaning: Option<&'static str>,
    /// The right key nearest to an unknown one.
    pub nearest: Option<&'static str>,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.what)?;
        match (self.nearest, self.meaning) {
            (Some(nearest), Some(meaning)) => write!(f, "; did you mean `{nearest}`: {meaning}?"),
            (Some(nearest), None) => write!(f, "; did you mean `{nearest}`?"),
            (None, Some(meaning)) => write!(f, " ({meaning})"),
            (None, None) => Ok(()),
        }
    }
}

impl std::error::Error for Diagnosis {}

/// Collects mistakes while a file is read.
#[derive(Debug)]
pub(crate) struct Diagnoses<'a> {
    text: &'a str,
    file: &'a str,
    found: Vec<(usize, Diagnosis)>,
}

impl<'a> Diagnoses<'a> {
    pub(crate) fn new(text: &'a str, file: &'a str) -> Self {
        Self { text, file, found: Vec::new() }
    }

    /// Something is wrong at a place.
    pub(crate) fn wrong(
        &mut self,
        at: &Range<usize>,
        key: Option<&'static Key>,
        what: impl Into<String>,
    ) {
        self.add(at, what.into(), key.map(|key| key.meaning), None);
    }

    /// Where a part of the file was written.
    pub(crate) fn place(&self, at: &Range<usize>) -> Place {
        Place::of_byte(self.file, self.text, at.start)
    }

    /// A place inside of a text, where the text is written as it is meant; else where it
    /// begins.
    pub(crate) fn inside(
        &self,
        at: &Range<usize>,
        text: &str,
        place: Option<usize>,
    ) -> Range<usize> {
        let written = self.text.get(at.clone()).unwrap_or_default();
        match (written.find(text), place) {
            (Some(start), Some(place)) => at.start + start + place..at.end,
            _ => at.clone(),
        }
    }

    /// A key nobody knows.
    pub(crate) fn unknown(
        &mut self,
        at: &Range<usize>,
        name: &str,
        section: &str,
        keys: &'static [Key],
    ) {
        let near = nearest(name, keys);
        let what = format!("unknown key `{name}` in {section}");
        self.add(at, what, near.map(|key| key.meaning), near.map(|key| key.name));
    }

    fn add(
        &mut self,
        at: &Range<usize>,
        what: String,
        meaning: Option<&'static str>,
        nearest: Option<&'static str>,
    ) {
        let (line, column) = place(self.text, at.start);
        let file = self.file.to_owned();
        self.found.push((at.start, Diagnosis { file, line, column, what, meaning, nearest }));
    }

    /// Everything found, in the order of the file; nothing means that it is right.
    pub(crate) fn finish(mut self) -> Result<(), Vec<Diagnosis>> {
        self.found.sort_by_key(|(at, _)| *at);
        if self.found.is_empty() {
            return Ok(());
        }
        Err(self.found.into_iter().map(|(_, diagnosis)| diagnosis).collect())
    }
}

/// Line and column of a byte, both from one, the column in characters.
fn place(text: &str, byte: usize) -> (usize, usize) {
    let before = text.get(..byte).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

/// The right key nearest to a wrong one, if one is near at all.
fn nearest(name: &str, keys: &'static [Key]) -> Option<&'static Key> {
    let supported = keys.iter().filter(|key| !matches!(key.kind, Kind::Later));
    let (distance, key) = supported
        .map(|key| (distance(name, key.name), key))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= key.name.chars().count().div_ceil(3).max(1)).then_some(key)
}

/// How many letters must be added, dropped, changed or swapped with their
/// neighbour to turn one word into the other.
fn distance(from: &str, to: &str) -> usize {
    let fold = |text: &str| text.replace('-', "_").to_lowercase().chars().collect::<Vec<_>>();
    let (from, to) = (fold(from), fold(to));
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, left) in from.iter().enumerate() {
        let mut current = vec![row + 1];
        for (column, right) in to.iter().enumerate() {
            let at =
                |line: &[usize], place: usize| line.get(place).copied().unwrap_or(usize::MAX - 1);
            let change = at(&last, column) + usize::from(left != right);
            let mut best = change.min(at(&last, column + 1) + 1).min(at(&current, column) + 1);
            let swapped = row > 0
                && column > 0
                && from.get(row - 1) == Some(right)
                && to.get(column - 1) == Some(left);
            if swapped {
                best = best.min(at(&before_last, column - 1) + 1);
            }
            current.push(best);
        }
        before_last = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances() {
        for (from, to, expect) in [
            ("patience", "patience", 0),
            ("patiense", "patience", 1),
            ("Patience", "patience", 0),
            ("call-timeout", "call_timeout", 0),
            ("netwrok", "network", 1),
            ("", "ask", 3),
            ("ask", "", 3),
            ("roots", "tools", 2),
        ] {
            assert_eq!(distance(from, to), expect, "{from} {to}");
        }
    }

    #[test]
    fn places_count_characters_not_bytes() {
        let text = "a\nöß = 1\n";
        for (byte, expect) in [(0, (1, 1)), (2, (2, 1)), (4, (2, 2)), (7, (2, 4)), (99, (3, 1))] {
            assert_eq!(place(text, byte), expect, "{byte}");
        }
    }
}
