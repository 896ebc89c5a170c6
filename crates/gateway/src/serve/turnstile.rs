//! Lets through what one principal may take of the gateway, and whoever has to wait hears it before
//! any session does: 429, and how long. What is counted, and what is too much, says
//! `mediation/src/shares.rs`.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use hyper::{Method, StatusCode};
use portcullis_config::serve::Most;
use portcullis_mediation::shares::{self, Kind, Shares, Wait};
use portcullis_policy::Principal;
use portcullis_transport::http::{Body, Content, Feed, Refusal, Reply};

use super::front::{CHANGED, Front};
use super::granted::Away;
use super::visit::Visit;

/// A second begun is a second to wait.
const BEGUN: Duration = Duration::from_secs(1);

pub(super) fn refused(wait: &Wait) -> Refusal {
    let mut refusal = Refusal::new(StatusCode::TOO_MANY_REQUESTS, wait.why);
    refusal.retry_after = Some(wait.time + BEGUN);
    refusal
}

fn counted(most: &Most) -> shares::Most {
    shares::Most {
        requests_per_minute: most.requests_per_minute,
        requests: most.requests,
        streams: most.streams,
        bytes_per_minute: most.bytes_per_minute,
    }
}

/// Lets requests through.
#[derive(Clone, Debug)]
pub(super) struct Turnstile(Arc<Mutex<Shares>>);

/// A place that is taken until all of this are dropped.
#[derive(Clone, Debug)]
pub(crate) struct Place(Arc<Taken>);

#[derive(Debug)]
struct Taken {
    turnstile: Turnstile,
    who: Principal,
    kind: Mutex<Kind>,
    /// Messages that came in one with it, and wait for answers of their own.
    beside: AtomicU32,
}

impl Turnstile {
    pub(super) fn new(most: &Most) -> Self {
        Self(Arc::new(Mutex::new(Shares::new(counted(most)))))
    }

    pub(super) fn change(&self, most: &Most) {
        self.lock().change(counted(most));
    }

    /// Requests that are under way, whoever's.
    pub(super) fn under_way(&self) -> u64 {
        self.lock().under_way()
    }

    pub(super) fn enter(&self, who: &Principal, method: &Method) -> Result<Place, Wait> {
        let kind = if method == Method::GET { Kind::Stream } else { Kind::Request };
        self.lock().enter(who, kind, Instant::now())?;
        let (who, kind) = (who.clone(), Mutex::new(kind));
        Ok(Place(Arc::new(Taken { turnstile: self.clone(), who, kind, beside: AtomicU32::new(0) })))
    }

    fn lock(&self) -> MutexGuard<'_, Shares> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Front {
    /// The bytes of a message, and the room that they take; who has to wait for room is told so.
    pub(super) async fn reads(
        &self,
        body: Body,
        visit: &Visit<'_>,
    ) -> Result<Result<(Bytes, Held), Reply>, Away> {
        let mut held = match visit.place.reads(body.most()) {
            Ok(held) => held,
            Err(wait) => {
                return Ok(Err(self.told_to_wait(&visit.caller, &visit.guest.principal, &wait)));
            }
        };
        let bytes = body.read().await?;
        held.was(bytes.len());
        // A body may take its time, and who asks was judged before it.
        if self.sessions().config != self.config {
            return Err(CHANGED.into());
        }
        visit.place.carried(bytes.len());
        Ok(Ok((bytes, held)))
    }
}

impl Place {
    /// It is the place of a stream that answers nothing, from now on.
    pub(super) fn lasts(&self) -> Result<(), Wait> {
        let mut kind = self.0.kind();
        if *kind == Kind::Request {
            self.0.turnstile.lock().lasts(&self.0.who)?;
            *kind = Kind::Stream;
        }
        Ok(())
    }

    /// So many messages came in one request, and so many of them wait for an answer: each counts as
    /// if it had come by itself.
    pub(super) fn is_of(&self, messages: usize, waiting: usize) -> Result<(), Wait> {
        let but_one = |many: usize| u32::try_from(many.saturating_sub(1)).unwrap_or(u32::MAX);
        let (messages, waiting) = (but_one(messages), but_one(waiting));
        let Taken { turnstile, who, beside, .. } = &*self.0;
        turnstile.lock().beside(who, messages, waiting, Instant::now())?;
        beside.fetch_add(waiting, Ordering::AcqRel);
        Ok(())
    }

    /// A message is read that may have so many bytes: it takes room until what is given is dropped.
    pub(super) fn reads(&self, bytes: u64) -> Result<Held, Wait> {
        let Taken { turnstile, who, .. } = &*self.0;
        turnstile.lock().holds(who, bytes)?;
        Ok(Held { turnstile: turnstile.clone(), who: who.clone(), bytes })
    }

    pub(super) fn carried(&self, bytes: usize) {
        let Taken { turnstile, who, .. } = &*self.0;
        turnstile.lock().carried(who, bytes, Instant::now());
    }

    /// The place is taken as long as the answer lasts, and what the answer carries counts.
    pub(super) fn until_the_end_of(self, reply: Reply) -> Reply {
        reply.map(|content| match content {
            Content::Whole(bytes) => {
                self.carried(bytes.as_ref().map_or(0, Bytes::len));
                Content::Whole(bytes)
            }
            Content::Stream(feed) => Content::Stream(Box::new(Taking { feed, place: self })),
        })
    }
}

impl Taken {
    fn kind(&self) -> MutexGuard<'_, Kind> {
        self.kind.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let (kind, beside) = (*self.kind(), self.beside.load(Ordering::Acquire));
        let mut shares = self.turnstile.lock();
        shares.leave(&self.who, kind);
        (0..beside).for_each(|_| shares.leave(&self.who, Kind::Request));
    }
}

/// Room for a message that is on its way in.
#[derive(Debug)]
pub(super) struct Held {
    turnstile: Turnstile,
    who: Principal,
    bytes: u64,
}

impl Held {
    /// It turned out to have so many bytes.
    pub(super) fn was(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX).min(self.bytes);
        self.turnstile.lock().lets_go(&self.who, self.bytes - bytes);
        self.bytes = bytes;
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.turnstile.lock().lets_go(&self.who, self.bytes);
    }
}

/// A stream that takes a place.
#[derive(Debug)]
struct Taking {
    feed: Box<dyn Feed>,
    place: Place,
}

impl Feed for Taking {
    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let piece = self.feed.poll_next(context);
        if let Poll::Ready(Some(bytes)) = &piece {
            self.place.carried(bytes.len());
        }
        piece
    }
}
