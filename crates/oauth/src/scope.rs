//! What is asked for: which scopes, and how often more of them (MCP-AUTH-19).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::why::Why;

/// A set of scopes (RFC 6749, 3.3).
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scopes(BTreeSet<String>);

impl Scopes {
    /// More than anybody asks for.
    const MOST: usize = 128;

    /// Reads scopes with spaces between them.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let words = text.split(' ').filter(|word| !word.is_empty());
        Self::of(words.map(str::to_owned))
    }

    /// From a list.
    #[must_use]
    pub fn of(words: impl IntoIterator<Item = String>) -> Option<Self> {
        let words: BTreeSet<String> = words.into_iter().collect();
        let letter = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
        let fits = words.len() <= Self::MOST
            && words
                .iter()
                .all(|word| !word.is_empty() && word.len() <= 256 && word.bytes().all(letter));
        fits.then_some(Self(words))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Both together.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self(self.0.union(&other.0).cloned().collect())
    }

    /// Whether all of another are in it.
    #[must_use]
    pub fn holds(&self, other: &Self) -> bool {
        other.0.is_subset(&self.0)
    }

    /// Whether one is in it.
    #[must_use]
    pub fn has(&self, scope: &str) -> bool {
        self.0.contains(scope)
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, scope: &str) -> Self {
        self.0.insert(scope.to_owned());
        self
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<&str> = self.0.iter().map(String::as_str).collect();
        f.write_str(&all.join(" "))
    }
}

/// How often a server has asked for more, and what a person did not give it.
#[derive(Clone, Debug, Default)]
pub struct Elevations {
    times: BTreeMap<Scopes, u32>,
    refused: BTreeSet<Scopes>,
    all: u32,
}

impl Elevations {
    /// How often the same is asked for.
    const SAME: u32 = 2;
    /// How often anything more is asked for, in one session.
    const MOST: u32 = 8;

    /// Counts one more time that a server wants these.
    ///
    /// # Errors
    /// When it was refused before, or is too often.
    pub fn ask(&mut self, wanted: &Scopes) -> Result<(), Why> {
        if self.refused.iter().any(|refused| wanted.holds(refused)) {
            return Err(Why::RefusedBefore);
        }
        let times = self.times.entry(wanted.clone()).or_default();
        if *times >= Self::SAME || self.all >= Self::MOST {
            return Err(Why::TooOften(*times));
        }
        *times += 1;
        self.all += 1;
        Ok(())
    }

    /// A person, or the authorization server, did not give these.
    pub fn refuse(&mut self, wanted: &Scopes) {
        self.refused.insert(wanted.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(text: &str) -> Scopes {
        Scopes::parse(text).unwrap()
    }

    #[test]
    fn scopes_are_a_set_of_plain_words() {
        assert_eq!(scopes("b a  a").to_string(), "a b");
        assert!(scopes("a b").holds(&scopes("b")) && !scopes("b").holds(&scopes("a b")));
        assert_eq!(scopes("a").and(&scopes("b")), scopes("a b"));
        for odd in ["a\tb", "a\"", "\u{e4}", "a\\"] {
            assert_eq!(Scopes::parse(odd), None, "{odd}");
        }
        let many = (0..=Scopes::MOST).map(|number| format!("s{number}"));
        assert_eq!(Scopes::of(many), None);
    }

    #[test]
    fn more_is_asked_for_a_few_times_and_not_after_a_no() {
        let mut elevations = Elevations::default();
        for _ in 0..Elevations::SAME {
            assert_eq!(elevations.ask(&scopes("a")), Ok(()));
        }
        assert_eq!(elevations.ask(&scopes("a")), Err(Why::TooOften(2)));
        assert_eq!(elevations.ask(&scopes("b")), Ok(()));
        elevations.refuse(&scopes("b"));
        assert_eq!(elevations.ask(&scopes("b")), Err(Why::RefusedBefore));
        assert_eq!(elevations.ask(&scopes("b c")), Err(Why::RefusedBefore), "with more beside it");
        let others = (0..Elevations::MOST).map(|number| scopes(&format!("s{number}")));
        let asked = others.map(|wanted| elevations.ask(&wanted)).filter(Result::is_ok).count();
        assert_eq!(asked, usize::try_from(Elevations::MOST - 3).unwrap());
    }
}
