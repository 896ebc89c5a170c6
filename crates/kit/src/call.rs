//! What a tool is given beside its arguments.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::mpsc::Sender;

use crate::layer::Turn;
use crate::refusal::Refusal;
use crate::roots::Roots;

/// One call, as its tool sees it. Clones are the same call: a clone may go to another
/// thread.
#[derive(Debug, Clone)]
pub struct Call {
    id: Arc<str>,
    roots: Arc<Roots>,
    stop: Stop,
    progress: Option<Sender<Step>>,
    /// Others wait until the last clone is gone.
    _turn: Option<Turn>,
}

/// How far a call has come.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Step {
    pub(crate) done: f64,
    pub(crate) total: Option<f64>,
    pub(crate) message: String,
}

/// The call was taken back, or its time is over: whatever runs for it ends now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

impl From<Stopped> for Refusal {
    fn from(_: Stopped) -> Self {
        // Nobody reads it: the layer has answered already.
        Self::new("the call was stopped")
    }
}

impl Call {
    pub(crate) fn new(
        id: &str,
        roots: Arc<Roots>,
        stop: Stop,
        turn: Option<Turn>,
        progress: Option<Sender<Step>>,
    ) -> Self {
        Self { id: id.into(), roots, stop, progress, _turn: turn }
    }

    /// A call outside of a conversation, for tests of tools.
    #[must_use]
    pub fn detached(roots: Roots) -> Self {
        Self::new("call", Arc::new(roots), Stop::default(), None, None)
    }

    /// The name of this call in the journal and in errors.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The directories in force when the call was made.
    #[must_use]
    pub fn roots(&self) -> &Roots {
        &self.roots
    }

    pub(crate) fn roots_in_force(&self) -> Arc<Roots> {
        Arc::clone(&self.roots)
    }

    /// Whether to go on. Long work asks often; it costs one load.
    ///
    /// # Errors
    /// [`Stopped`] when nobody waits any more.
    pub fn goes_on(&self) -> Result<(), Stopped> {
        if self.stop.0.load(Ordering::Relaxed) { Err(Stopped) } else { Ok(()) }
    }

    /// Tells the client how far the work is, if it asked to be told. Never waits:
    /// what comes faster than it can be sent is left out.
    pub fn progress(&self, done: f64, total: Option<f64>, message: impl Into<String>) {
        if let Some(sender) = &self.progress {
            let _full = sender.try_send(Step { done, total, message: message.into() });
        }
    }

    /// Runs work that blocks on a thread of its own.
    ///
    /// # Errors
    /// What the work says; or a failure when it panicked.
    pub async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let call = self.clone();
        let done = tokio::task::spawn_blocking(move || work(&call)).await;
        done.unwrap_or_else(|broken| Err(Refusal::failed("the tool", broken)))
    }
}

/// Whether a call goes on, for everything that runs for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Says stop when it is dropped, whatever the reason.
    pub(crate) fn leash(&self) -> Leash {
        Leash(Arc::clone(&self.0))
    }
}

/// Ends what still runs for a call when the call is over.
#[derive(Debug)]
pub(crate) struct Leash(Arc<AtomicBool>);

impl Drop for Leash {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_whose_leash_is_gone_stops_on_every_thread() {
        let call = Call::detached(Roots::none());
        let leash = call.stop.leash();
        assert_eq!(call.goes_on(), Ok(()));
        drop(leash);
        assert_eq!(call.clone().goes_on(), Err(Stopped));
    }
}
