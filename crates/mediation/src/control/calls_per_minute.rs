//! Calls per minute (MCP-LIM-01), by the generic cell rate algorithm: one
//! moment of memory, no timers, the same arithmetic in every store.
//!
//! Where a principal may have several sessions with a server, whoever runs them brings a [`Tally`],
//! and a second session doubles nothing.

use std::time::{Duration, Instant};

use crate::Session;

/// The time that calls are counted in.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// What the sessions of one principal with one server count together.
pub trait Tally: std::fmt::Debug + Send {
    /// Uses one of `burst` in `period` that go by this name, or says how long until the next is
    /// there.
    ///
    /// # Errors
    /// How long to wait.
    fn spend(&self, what: &str, burst: u32, period: Duration, now: Instant)
    -> Result<(), Duration>;

    /// One more question may wait for a person. It counts from here on, and whoever asked says soon
    /// how many of theirs wait.
    fn may_ask(&self) -> bool;
}

impl Session {
    /// One more call, of this session and of all that count with it.
    pub(crate) fn spend_call(&mut self, now: Instant) -> Result<(), Duration> {
        if let Some(tally) = &self.settings.tally {
            tally.spend("calls", self.settings.limits.calls_per_minute, MINUTE, now)?;
        }
        self.calls.spend(now)
    }

    /// There is room for one more question to a person, here and in the sessions beside this one.
    pub(crate) fn may_ask(&self) -> bool {
        let tally = self.settings.tally.as_ref();
        self.questions.count() < self.settings.limits.questions
            && tally.is_none_or(|tally| tally.may_ask())
    }

    /// Questions that wait for a person, here or in the host.
    #[must_use]
    pub fn questions_waiting(&self) -> usize {
        self.questions.count() + self.in_host.away.len()
    }
}

/// A quota of `burst` at once, refilled evenly over `period`.
#[derive(Clone, Debug)]
pub struct Quota {
    interval: Duration,
    tolerance: Duration,
    /// When the next call would be on time.
    arrival: Option<Instant>,
}

impl Quota {
    /// `burst` uses per `period`; zero allows none.
    #[must_use]
    pub fn new(burst: u32, period: Duration) -> Self {
        let interval = period.checked_div(burst).unwrap_or(Duration::MAX);
        Self { interval, tolerance: period.saturating_sub(interval), arrival: None }
    }

    /// Uses one, or says how long until the next is there.
    ///
    /// # Errors
    /// How long to wait.
    pub fn spend(&mut self, now: Instant) -> Result<(), Duration> {
        self.spend_all(1, now)
    }

    /// Uses so many, all of them or none, or says how long until they are there. More than there
    /// ever are at once are never there.
    ///
    /// # Errors
    /// How long to wait.
    pub fn spend_all(&mut self, many: u32, now: Instant) -> Result<(), Duration> {
        let Some(beside) = many.checked_sub(1) else { return Ok(()) };
        self.room_beside(beside, now)?;
        self.owe(many, now);
        Ok(())
    }

    /// There is one left, or so long until there is.
    ///
    /// # Errors
    /// How long to wait.
    pub fn room(&self, now: Instant) -> Result<(), Duration> {
        self.room_beside(0, now)
    }

    fn room_beside(&self, many: u32, now: Instant) -> Result<(), Duration> {
        if self.interval == Duration::MAX {
            return Err(MINUTE);
        }
        let ahead = self.arrival.unwrap_or(now).saturating_duration_since(now);
        let ahead = ahead.saturating_add(self.interval.saturating_mul(many));
        if ahead > self.tolerance { Err(ahead - self.tolerance) } else { Ok(()) }
    }

    /// So many were used, whether they were there or not: then whoever used them waits longer.
    pub fn owe(&mut self, many: u32, now: Instant) {
        let arrival = self.arrival.unwrap_or(now).max(now);
        let used = self.interval.saturating_mul(many);
        self.arrival = Some(arrival.checked_add(used).unwrap_or(arrival));
    }

    /// From now on it is as large as this one; what was used of it stays used.
    pub fn becomes(&mut self, other: &Self) {
        (self.interval, self.tolerance) = (other.interval, other.tolerance);
    }

    /// All of it is there again: forgetting it forgets nothing.
    #[must_use]
    pub fn is_whole(&self, now: Instant) -> bool {
        self.arrival.is_none_or(|arrival| arrival <= now)
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

    #[test]
    fn several_are_used_together_or_not_at_all() {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary epoch")]
        let start = Instant::now();
        let mut quota = Quota::new(3, MINUTE);
        assert!(quota.spend_all(4, start).is_err(), "more than there are");
        assert!(quota.spend_all(0, start).is_ok() && quota.is_whole(start));
        assert!(quota.spend_all(2, start).is_ok());
        assert_eq!(quota.spend_all(2, start), Err(Duration::from_secs(20)));
        assert!(quota.spend_all(1, start).is_ok(), "nothing was used in vain");
        assert!(quota.spend(start).is_err());
    }

    #[test]
    fn a_debt_is_waited_for_and_then_forgotten() {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary epoch")]
        let start = Instant::now();
        let mut quota = Quota::new(60, MINUTE);
        assert!(quota.is_whole(start));
        quota.owe(90, start);
        assert_eq!(quota.room(start), Err(Duration::from_secs(31)));
        assert!(quota.room(start + Duration::from_secs(31)).is_ok());
        assert!(!quota.is_whole(start + Duration::from_secs(89)));
        assert!(quota.is_whole(start + Duration::from_secs(90)));
    }
}
