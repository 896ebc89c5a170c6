//! A response that lasts: messages as server-sent events, until the answer.
//!
//! Dropping it is how a closed connection is noticed: then the session is told.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Bytes;
use portcullis_transport::http::{Feed, SessionId, sse};
use portcullis_wire::Revision;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, Interval, MissedTickBehavior, Sleep, interval_at, sleep_until};

use super::parcel::{Parcel, Post};
use super::sessions::{Open, Session};
use super::tracks;

/// How often something is said on a stream that has nothing to say, so that proxies and clients
/// keep it, and a client that is gone is noticed.
const ALIVE: Duration = Duration::from_secs(15);
/// How long a client waits before it comes back to a stream that broke.
const RETRY: Duration = Duration::from_secs(1);

/// What comes for one response.
#[derive(Debug)]
pub(super) struct Answers {
    pub(super) parcels: UnboundedReceiver<Parcel>,
    /// Tells the session when this is dropped.
    pub(super) open: Open,
    /// How many answers there will be; of a stream that answers nothing, none.
    pub(super) left: usize,
    /// What comes before every message: a name to come back with (since 2025-11-25).
    pub(super) prelude: Option<Bytes>,
}

impl Answers {
    /// A response of a session, and where the session writes to it. Since 2025-03-26 a client may
    /// come back to it, where there are sessions.
    ///
    /// # Errors
    /// When there is no entropy for its name.
    pub(super) fn open(session: &Arc<Session>, left: usize) -> io::Result<(Post, Self)> {
        let agreed = session.revision.get();
        let since = |revision: Revision| agreed.is_some_and(|agreed| *agreed >= revision);
        let name = since(Revision::V2025_03_26).then(SessionId::roll).transpose()?;
        let primed = name.as_ref().filter(|_| since(Revision::V2025_11_25));
        let prime = primed.and_then(|name| tracks::event(name, 0));
        let prelude = prime.map(|prime| sse::prime(&prime, Some(RETRY)));
        let (to, parcels) = unbounded_channel();
        let open = session.opens();
        let post = Post { number: open.number, name, to, mirrored: None, opening: None };
        Ok((post, Self { parcels, open, left, prelude }))
    }
}

/// The same, as the body of a response.
#[derive(Debug)]
pub(super) struct Stream {
    answers: Answers,
    /// What came before it was clear that there would be a stream.
    first: Option<Parcel>,
    alive: Interval,
    /// When whoever listens may not any more: their token ends, and they show the next one with a
    /// request of their own.
    until: Option<Pin<Box<Sleep>>>,
    over: bool,
}

impl Stream {
    pub(super) fn new(
        answers: Answers,
        first: Option<Parcel>,
        until: Option<std::time::Instant>,
    ) -> Self {
        let mut alive = interval_at(Instant::now() + ALIVE, ALIVE);
        alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let until = until.map(|until| Box::pin(sleep_until(until.into())));
        Self { answers, first, alive, until, over: false }
    }
}

impl Feed for Stream {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(until) = &mut self.until
            && until.as_mut().poll(context).is_ready()
        {
            self.over = true;
        }
        if self.over {
            return Poll::Ready(None);
        }
        if let Some(prelude) = self.answers.prelude.take() {
            self.answers.open.told = true;
            return Poll::Ready(Some(prelude));
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
            self.answers.open.done |= self.over;
        }
        self.answers.open.told |= parcel.event.is_some();
        self.alive.reset();
        Poll::Ready(Some(sse::framed(&parcel.json, parcel.event.as_ref())))
    }
}
