//! What reading may not go beyond, whatever is read: an end of its time, and an end of its memory.
//!
//! What is made of source is counted where it is made, so that the same tree ends at the same place. That is an estimate;
//! this looks at what the process really holds, from beside the reader.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::Budget;

pub(super) const TIME: &str = "the time was used up";
pub(super) const MEMORY: &str = "the memory was used up";
pub(super) const STEPS: &str = "one function took all the steps that it may";

/// How long a reader may take to see that it is over one of its ends, before nobody waits for it any more.
const LATE: Duration = Duration::from_secs(5);
/// What it may take beyond its memory until then, as a part of it.
const MORE: u64 = 6;

/// Both ends.
#[derive(Debug)]
pub(super) struct Wall {
    deadline: Instant,
    /// What the process may hold, in bytes, and where one that does not stop at that is left.
    most: u64,
    last: u64,
    full: OnceLock<Instant>,
}

impl Wall {
    pub(super) fn new(budget: &Budget) -> Self {
        let most = held().saturating_add(budget.memory);
        let last = most.saturating_add(budget.memory / MORE);
        Self { deadline: budget.deadline, most, last, full: OnceLock::new() }
    }

    pub(super) fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    /// Whether so much was held once. What is freed after that is not given back to the reader.
    pub(super) fn is_full(&self) -> bool {
        self.full.get().is_some()
    }

    /// Looks at what is held, and says whether the reader is over one of its ends and does not see it.
    pub(super) fn is_broken(&self) -> bool {
        self.breaks_at(Instant::now(), held())
    }

    fn breaks_at(&self, now: Instant, held: u64) -> bool {
        if held >= self.most {
            let _first = self.full.get_or_init(|| now);
        }
        let over = |end: Instant| now.saturating_duration_since(end) >= LATE;
        held >= self.last || over(self.deadline) || self.full.get().is_some_and(|end| over(*end))
    }

    pub(super) fn why(&self) -> &'static str {
        if self.is_full() { MEMORY } else { TIME }
    }
}

/// What this process holds of the memory, in bytes; nothing where the system does not tell.
fn held() -> u64 {
    let told = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(now: Instant) -> Wall {
        let deadline = now + Duration::from_secs(60);
        Wall { deadline, most: 600, last: 700, full: OnceLock::new() }
    }

    #[test]
    fn a_reader_is_told_of_its_end_and_left_a_while_later() {
        let now = Instant::now();
        let seconds = Duration::from_secs;
        let full = wall(now);
        assert!(!full.breaks_at(now, 599) && !full.is_full());
        // It is told, and has five seconds, also when it holds less by then.
        assert!(!full.breaks_at(now, 600) && full.is_full());
        assert!(!full.breaks_at(now + seconds(4), 100));
        assert!(full.breaks_at(now + seconds(5), 100));
        assert_eq!(full.why(), MEMORY);
        // One that takes a sixth more by then is not waited for.
        assert!(wall(now).breaks_at(now, 700));
        let late = wall(now);
        assert!(!late.breaks_at(now + seconds(64), 0) && late.breaks_at(now + seconds(65), 0));
        assert_eq!(late.why(), TIME);
    }

    #[test]
    fn what_is_held_is_told_by_the_system() {
        assert!(held() > 1 << 20, "{}", held());
    }
}
