//! Which denials are told one by one, and which are counted: a server that knocks
//! without end must not fill a disk.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::why::Denial;

/// Most denials told one by one in a window.
const MOST: usize = 30;
/// How long the same denial is only counted.
const WINDOW: Duration = Duration::from_secs(60);

/// What is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// One denial, for the first time in this window.
    First(Denial),
    /// The same again, so many times.
    Again(Denial, u64),
    /// So many others, which nobody kept apart.
    Others(u64),
}

/// Counts denials.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    since: Option<Instant>,
    seen: BTreeMap<Denial, u64>,
    others: u64,
}

impl Tally {
    /// Counts one; what is to be told because of it.
    pub fn count(&mut self, denial: Denial, now: Instant) -> Vec<Told> {
        let mut told = self.close_window(now);
        self.since.get_or_insert(now);
        if let Some(times) = self.seen.get_mut(&denial) {
            *times += 1;
        } else if self.seen.len() < MOST {
            self.seen.insert(denial.clone(), 0);
            told.push(Told::First(denial));
        } else {
            self.others += 1;
        }
        told
    }

    /// When a window ends whose counts nobody has heard of yet.
    #[must_use]
    pub fn ends(&self) -> Option<Instant> {
        let owed = self.others > 0 || self.seen.values().any(|times| *times > 0);
        self.since.filter(|_| owed).map(|since| since + WINDOW)
    }

    /// What a window that is over owes.
    pub fn close_window(&mut self, now: Instant) -> Vec<Told> {
        match self.since {
            Some(since) if now >= since + WINDOW => self.flush(),
            _ => Vec::new(),
        }
    }

    /// Everything that is owed, at the end.
    pub fn flush(&mut self) -> Vec<Told> {
        self.since = None;
        let seen = std::mem::take(&mut self.seen);
        let again = seen.into_iter().filter(|(_, times)| *times > 0);
        let mut told: Vec<_> = again.map(|(denial, times)| Told::Again(denial, times)).collect();
        let others = std::mem::take(&mut self.others);
        told.extend((others > 0).then_some(Told::Others(others)));
        told
    }
}

impl Told {
    /// Nothing was denied: what was let through did not work.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        match self {
            Self::First(denial) | Self::Again(denial, _) => denial.why.is_failure(),
            Self::Others(_) => false,
        }
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::First(denial) => denial.fmt(f),
            Self::Again(denial, times) => write!(f, "{denial} ({times} more times)"),
            Self::Others(count) => {
                write!(f, "the server wanted {count} more that were not kept apart")
            }
        }
    }
}
