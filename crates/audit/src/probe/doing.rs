//! What is being done right now, for whoever waits: it is written by the probes, and looked at by somebody else.

use std::sync::{Arc, Mutex, PoisonError};

/// One sentence without an end, the last that was said. What came from a server is in it as it came.
#[derive(Debug, Clone, Default)]
pub struct Doing(Arc<Mutex<String>>);

impl Doing {
    /// From now on it is this.
    pub fn now(&self, what: impl Into<String>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = what.into();
    }

    /// What it is; nothing before anything began.
    #[must_use]
    pub fn what(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
