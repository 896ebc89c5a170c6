//! Calls per minute (MCP-LIM-01), by the generic cell rate algorithm: one
//! moment of memory, no timers, the same arithmetic in every store.

use std::time::{Duration, Instant};

/// A quota of `burst` at once, refilled evenly over `period`.
#[derive(Debug)]
pub(crate) struct Quota {
    interval: Duration,
    tolerance: Duration,
    /// When the next call would be on time.
    arrival: Option<Instant>,
}

impl Quota {
    /// `burst` uses per `period`; zero allows none.
    pub(crate) fn new(burst: u32, period: Duration) -> Self {
        let interval = period.checked_div(burst).unwrap_or(Duration::MAX);
        Self { interval, tolerance: period.saturating_sub(interval), arrival: None }
    }

    /// Uses one, or says how long until the next is there.
    pub(crate) fn spend(&mut self, now: Instant) -> Result<(), Duration> {
        if self.interval == Duration::MAX {
            return Err(Duration::from_secs(60));
        }
        let arrival = self.arrival.unwrap_or(now).max(now);
        let ahead = arrival.duration_since(now);
        if ahead > self.tolerance {
            return Err(ahead - self.tolerance);
        }
        self.arrival = Some(arrival + self.interval);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_then_an_even_refill() {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary epoch")]
        let start = Instant::now();
        let mut quota = Quota::new(3, Duration::from_secs(60));
        for _ in 0..3 {
            assert!(quota.spend(start).is_ok());
        }
        assert_eq!(quota.spend(start), Err(Duration::from_secs(20)));
        assert!(quota.spend(start + Duration::from_secs(20)).is_ok());
        assert!(quota.spend(start + Duration::from_secs(21)).is_err());
        assert!(Quota::new(0, Duration::from_secs(60)).spend(start).is_err());
    }
}
