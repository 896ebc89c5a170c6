//! One timer for all deadlines, set anew only when it must ring earlier.
//!
//! A deadline moves with every call. Registering a timer wakes the runtime by a
//! system call when it is the next one due; an alarm that rings too early costs
//! less: it is a tick that finds nothing to do.

use std::future::pending;
use std::pin::Pin;
use std::time::Instant;

use tokio::time::{Sleep, sleep_until};

/// Rings at or before the moment that was asked for last.
#[derive(Debug, Default)]
pub(crate) struct Alarm(Option<Pin<Box<Sleep>>>);

impl Alarm {
    /// Makes sure that it rings no later than `moment`.
    pub(crate) fn no_later_than(&mut self, moment: Option<Instant>) {
        let Some(moment) = moment.map(tokio::time::Instant::from_std) else { return };
        match &mut self.0 {
            Some(sleep) if sleep.deadline() <= moment => {}
            Some(sleep) => sleep.as_mut().reset(moment),
            None => self.0 = Some(Box::pin(sleep_until(moment))),
        }
    }

    /// Waits until it rings.
    ///
    /// # Cancel safety
    /// Safe: what is set stays set.
    pub(crate) async fn rings(&mut self) {
        match &mut self.0 {
            Some(sleep) => sleep.as_mut().await,
            None => pending().await,
        }
        self.0 = None;
    }
}
