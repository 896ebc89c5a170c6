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

/// A token that was not refused for so many seconds was one that worked.
const WORKED: u64 = 60;

/// How often a server has asked for more, and what a person did not give it.
#[derive(Clone, Debug, Default)]
pub struct Elevations {
    times: BTreeMap<Scopes, u32>,
    refused: BTreeSet<Scopes>,
    all: u32,
    last: Option<Got>,
}

/// The last token.
#[derive(Clone, Copy, Debug)]
struct Got {
    /// When it was got, in seconds.
    at: u64,
    /// Nobody was asked for it.
    refreshed: bool,
    /// It was found to have worked, which counts once.
    worked: bool,
}

impl Elevations {
    /// How often the same is asked for.
    const SAME: u32 = 2;
    /// How often anything more is asked for, in one session.
    const MOST: u32 = 8;

    /// Counts one more time that a server wants these. After a token that worked the count begins
    /// anew; what was refused stays refused.
    ///
    /// # Errors
    /// When it was refused before, or is too often.
    pub fn ask(&mut self, wanted: &Scopes, now: u64) -> Result<(), Why> {
        if let Some(last) = self.last.as_mut().filter(|it| !it.worked && it.lasted(now)) {
            last.worked = true;
            self.times.clear();
            self.all = 0;
        }
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

    /// What was counted ended in trouble before anybody was asked: it counts for nothing.
    pub fn uncount(&mut self, wanted: &Scopes) {
        if let Some(times) = self.times.get_mut(wanted).filter(|times| **times > 0) {
            *times -= 1;
            self.all = self.all.saturating_sub(1);
        }
    }

    /// A token was got; `refreshed` when nobody was asked for it.
    pub fn got(&mut self, now: u64, refreshed: bool) {
        self.last = Some(Got { at: now, refreshed, worked: false });
    }

    /// Whether the last token was refreshed and is refused all the same: that is not tried again.
    #[must_use]
    pub fn refreshed_in_vain(&self, now: u64) -> bool {
        self.last.is_some_and(|last| last.refreshed && !last.worked && !last.lasted(now))
    }

    /// A person, or the authorization server, did not give these.
    pub fn refuse(&mut self, wanted: &Scopes) {
        self.refused.insert(wanted.clone());
    }
}

impl Got {
    fn lasted(&self, now: u64) -> bool {
        now.saturating_sub(self.at) > WORKED
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
            assert_eq!(elevations.ask(&scopes("a"), 0), Ok(()));
        }
        assert_eq!(elevations.ask(&scopes("a"), 0), Err(Why::TooOften(2)));
        assert_eq!(elevations.ask(&scopes("b"), 0), Ok(()));
        elevations.refuse(&scopes("b"));
        assert_eq!(elevations.ask(&scopes("b"), 0), Err(Why::RefusedBefore));
        assert_eq!(
            elevations.ask(&scopes("b c"), 0),
            Err(Why::RefusedBefore),
            "with more beside it"
        );
        let others = (0..Elevations::MOST).map(|number| scopes(&format!("s{number}")));
        let asked = others.map(|wanted| elevations.ask(&wanted, 0)).filter(Result::is_ok).count();
        assert_eq!(asked, usize::try_from(Elevations::MOST - 3).unwrap());
    }

    #[test]
    fn a_no_outlives_every_token_and_the_count_begins_anew_once_for_each() {
        let (mut elevations, more) = (Elevations::default(), scopes("a b"));
        assert_eq!(elevations.ask(&scopes("b"), 0), Ok(()));
        elevations.refuse(&scopes("b"));
        elevations.got(10, true);
        assert!(elevations.refreshed_in_vain(70) && !elevations.refreshed_in_vain(71));
        for later in [20, 71, 1_000, 1_000_000] {
            assert_eq!(elevations.ask(&scopes("b"), later), Err(Why::RefusedBefore), "{later}");
            assert_eq!(elevations.ask(&more, later), Err(Why::RefusedBefore), "{later}");
        }
        // One token that worked is one new count, however long it is ago.
        let asked = (0..20).filter(|more| elevations.ask(&scopes("c"), 2_000 + more * 100).is_ok());
        assert_eq!(asked.count(), 2);
        elevations.uncount(&scopes("c"));
        elevations.uncount(&scopes("d"));
        assert_eq!(elevations.ask(&scopes("c"), 9_000), Ok(()), "an attempt that asked nobody");
        assert_eq!(elevations.ask(&scopes("c"), 9_000), Err(Why::TooOften(2)));
        elevations.got(10_000, false);
        assert_eq!(elevations.ask(&scopes("c"), 10_060), Err(Why::TooOften(2)), "not at once");
        assert_eq!(elevations.ask(&scopes("c"), 10_061), Ok(()));
    }
}
