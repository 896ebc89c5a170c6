//! The end: nobody begins anything any more, and what is under way is answered, for so long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hyper::StatusCode;
use portcullis_transport::http::Refusal;

use super::turnstile::Turnstile;

/// How often it is looked whether everything is answered.
const LOOK: Duration = Duration::from_millis(20);
/// When another gateway may have taken our place.
const LATER: Duration = Duration::from_secs(5);

/// Whether we are about to end.
#[derive(Clone, Debug, Default)]
pub(super) struct Lull(Arc<AtomicBool>);

impl Lull {
    pub(super) fn is_on(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Nothing begins from now on; over when nothing is under way, or too late.
    ///
    /// # Cancel safety
    /// Safe: it stays on.
    pub(super) async fn falls(&self, turnstile: &Turnstile, deadline: Instant) {
        self.0.store(true, Ordering::Release);
        while turnstile.under_way() > 0 && Instant::now() < deadline {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// For whoever wants to begin something.
pub(super) fn ends() -> Refusal {
    let mut refusal = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "the gateway is about to end");
    refusal.retry_after = Some(LATER);
    refusal
}
