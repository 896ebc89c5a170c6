//! A response that lasts: messages as server-sent events, until the answer.
//!
//! Dropping it is how a closed connection is noticed: then the session is told.

use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Bytes;
use portcullis_transport::http::{Feed, sse};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use super::posts::Parcel;
use super::sessions::Open;

/// How often something is said on a stream that has nothing to say, so that proxies and clients
/// keep it, and a client that is gone is noticed.
const ALIVE: Duration = Duration::from_secs(15);

/// What comes for one response.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) parcels: UnboundedReceiver<Parcel>,
    /// Tells the session when this is dropped.
    pub(super) _open: Open,
    /// How many answers there will be; of a stream that answers nothing, none.
    pub(super) left: usize,
}

/// The same, as the body of a response.
#[derive(Debug)]
pub(super) struct Stream {
    answers: Answers,
    /// What came before it was clear that there would be a stream.
    first: Option<Parcel>,
    alive: Interval,
    over: bool,
}

impl Stream {
    pub(super) fn new(answers: Answers, first: Option<Parcel>) -> Self {
        let mut alive = interval_at(Instant::now() + ALIVE, ALIVE);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { answers, first, alive, over: false }
    }
}

impl Feed for Stream {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.over {
            return Poll::Ready(None);
        }
        let parcel = match self.first.take() {
            Some(parcel) => Some(parcel),
            None => match self.answers.parcels.poll_recv(context) {
                Poll::Ready(parcel) => parcel,
                Poll::Pending => {
                    return self.alive.poll_tick(context).map(|_| Some(sse::still_here()));
                }
            },
        };
        let Some(parcel) = parcel else {
            self.over = true;
            return Poll::Ready(None);
        };
        if parcel.last {
            self.answers.left = self.answers.left.saturating_sub(1);
            self.over = self.answers.left == 0;
        }
        self.alive.reset();
        Poll::Ready(Some(sse::framed(&parcel.json)))
    }
}
