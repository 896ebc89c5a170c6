//! Requests at once on all connections that have several: strangers have a few places of their own,
//! so that they take none of whoever is known.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Limits;
use super::caller::Standing;

/// The places of all connections.
#[derive(Clone, Debug)]
pub(super) struct Places {
    known: Arc<Semaphore>,
    strangers: Arc<Semaphore>,
}

/// What one connection may take of them.
#[derive(Clone, Debug)]
pub(super) struct Share {
    places: Places,
    standing: Standing,
}

/// Taken by one request.
#[derive(Debug)]
pub(super) struct Place {
    share: Share,
    _held: OwnedSemaphorePermit,
    is_strangers: bool,
}

impl Places {
    pub(super) fn new(limits: &Limits) -> Self {
        let of = |most| Arc::new(Semaphore::new(most));
        Self { known: of(limits.all_streams), strangers: of(limits.strangers_streams) }
    }

    pub(super) const fn of(self, standing: Standing) -> Share {
        Share { places: self, standing }
    }
}

impl Share {
    /// One more request, if there is a place for it.
    pub(super) fn take(&self) -> Option<Place> {
        let is_strangers = !self.standing.is_proven();
        let all = if is_strangers { &self.places.strangers } else { &self.places.known };
        let _held = Arc::clone(all).try_acquire_owned().ok()?;
        Some(Place { share: self.clone(), _held, is_strangers })
    }
}

impl Place {
    /// Waits for an answer. Whoever turns out to be known leaves the strangers' place at once, and
    /// the answer to a stranger has none: how long it takes to be read is up to them.
    ///
    /// # Cancel safety
    /// What has been done of the answer is lost, the place is free.
    pub(super) async fn until<T>(mut self, answer: impl Future<Output = T>) -> (T, Option<Self>) {
        let mut answer = pin!(answer);
        let answer = poll_fn(|context| {
            let polled = answer.as_mut().poll(context);
            if self.is_strangers
                && let Some(place) = self.share.take()
            {
                self = place;
            }
            polled
        });
        let answer = answer.await;
        let is_known = self.share.standing.is_proven();
        (answer, is_known.then_some(self))
    }
}
