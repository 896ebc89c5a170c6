//! How much time is left: for all of it, and for the one thing that is being done.

use std::time::{Duration, Instant};

/// The time that a target has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clock {
    end: Instant,
    call: Duration,
}

impl Clock {
    /// Starts now. `whole` is for everything, `call` the most that one request may take.
    pub(super) fn start(whole: Duration, call: Duration) -> Self {
        Self { end: Instant::now() + whole, call }
    }

    /// What is left.
    pub(super) fn left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }

    /// The most that one request may take.
    pub(super) fn call(&self) -> Duration {
        self.call
    }

    /// Whether nothing new shall be begun.
    pub(super) fn is_over(&self) -> bool {
        self.left().is_zero()
    }

    /// The latest moment for the answer to a request that is sent now.
    pub(super) fn deadline(&self) -> Instant {
        self.within(self.call)
    }

    /// The latest moment for something that may take so long.
    pub(super) fn within(&self, patience: Duration) -> Instant {
        Instant::now() + patience.min(self.left())
    }

    /// A clock for a part of the time: a share of what is left.
    pub(super) fn share(&self, parts: usize) -> Self {
        let parts = u32::try_from(parts).unwrap_or(u32::MAX).max(1);
        Self { end: Instant::now() + self.left() / parts, call: self.call }
    }
}
