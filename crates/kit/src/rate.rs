//! How many calls a session may make: the generic cell rate algorithm (ITU-T
//! I.371), which needs one number for each session.

use std::time::{Duration, Instant};

/// One session's rate. A burst of the whole minute's calls passes at once; then they
/// come back one by one.
#[derive(Debug)]
pub struct Rate {
    every: Duration,
    burst: Duration,
    /// When the last admitted call would have been due.
    due: Option<Instant>,
}

impl Rate {
    /// At most this many calls a minute, at least one.
    #[must_use]
    pub fn per_minute(calls: u32) -> Self {
        let minute = Duration::from_secs(60);
        Self { every: minute / calls.max(1), burst: minute, due: None }
    }

    /// Counts a call, or says how long to wait before the next one.
    ///
    /// # Errors
    /// How long until a call would be admitted.
    pub fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        let due = self.due.map_or(now, |due| due.max(now)) + self.every;
        let ahead = due.duration_since(now);
        if ahead > self.burst {
            return Err(ahead - self.burst);
        }
        self.due = Some(due);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minutes_calls_pass_and_the_next_one_waits() {
        let (mut rate, start) = (Rate::per_minute(60), Instant::now());
        for call in 0..60 {
            assert_eq!(rate.admit(start), Ok(()), "call {call}");
        }
        assert_eq!(rate.admit(start), Err(Duration::from_secs(1)));
        assert_eq!(rate.admit(start + Duration::from_secs(1)), Ok(()));
        assert_eq!(rate.admit(start + Duration::from_secs(1)), Err(Duration::from_secs(1)));
        assert_eq!(rate.admit(start + Duration::from_secs(3600)), Ok(()));
    }

    #[test]
    fn no_calls_a_minute_is_one() {
        let mut rate = Rate::per_minute(0);
        let now = Instant::now();
        assert_eq!(rate.admit(now), Ok(()));
        assert!(rate.admit(now).is_err());
    }
}
