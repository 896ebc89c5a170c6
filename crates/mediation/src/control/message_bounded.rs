//! A peer that floods is cut off; one that stutters is not (MCP-LIM-05).

use std::time::{Duration, Instant};

/// How long a strike counts.
const WINDOW: Duration = Duration::from_secs(10);
/// Strikes in a window that get a record each.
const TOLD: u32 = 20;

/// Malformed lines of one peer, counted in windows of ten seconds.
#[derive(Debug, Default)]
pub(crate) struct Strikes {
    since: Option<Instant>,
    count: u32,
}

/// What to do about one more malformed line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Record it.
    Tell,
    /// Record that there are more, once.
    Summarise,
    /// Drop it; it was announced.
    Hush,
    /// Cut the peer off.
    Flood,
}

impl Strikes {
    /// Counts one.
    pub(crate) fn strike(&mut self, now: Instant, limit: u32) -> Verdict {
        if self.since.is_none_or(|since| now.duration_since(since) >= WINDOW) {
            *self = Self { since: Some(now), count: 0 };
        }
        self.count = self.count.saturating_add(1);
        match self.count {
            count if count > limit => Verdict::Flood,
            count if count <= TOLD => Verdict::Tell,
            count if count == TOLD + 1 => Verdict::Summarise,
            _ => Verdict::Hush,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_ends_and_a_flood_does_not_pass() {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary epoch")]
        let start = Instant::now();
        let mut strikes = Strikes::default();
        let mut verdict = |count: u32, now| {
            (0..count).map(|_| strikes.strike(now, 30)).last().expect("at least one")
        };
        assert_eq!(verdict(TOLD, start), Verdict::Tell);
        assert_eq!(verdict(1, start), Verdict::Summarise);
        assert_eq!(verdict(9, start), Verdict::Hush);
        assert_eq!(verdict(1, start + WINDOW - Duration::from_millis(1)), Verdict::Flood);
        assert_eq!(verdict(1, start + WINDOW), Verdict::Tell);
    }
}
