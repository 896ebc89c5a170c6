//! One message on its way into a response, and the room that it takes meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::Bytes;
use portcullis_policy::Permitted;
use portcullis_transport::http::SessionId;
use portcullis_transport::http::sse::{self, EventId};
use portcullis_wire::Message;
use portcullis_wire::write::Address;
use tokio::sync::Notify;
use tokio::sync::mpsc::UnboundedSender;

use crate::traces::Opening;

/// Bytes of one session, queued or kept, at which whoever is the reason for them is no longer read.
const FULL: usize = 8 << 20;

/// A response that can be written to.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    /// Its number, unique in its session.
    pub(crate) number: u64,
    /// What its events are called by, where a client may come back to them.
    pub(super) name: Option<SessionId>,
    /// Where its messages go.
    pub(super) to: UnboundedSender<Parcel>,
    /// What the headers of its request say of a call's arguments (2026-07-28).
    pub(crate) mirrored: Option<Vec<(String, String)>>,
    /// The span of its request.
    pub(crate) opening: Option<Box<Opening>>,
}

/// One message on its way into a response.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    /// The message, without a newline.
    pub(super) json: Bytes,
    /// What it is called in its stream, once it is in one.
    pub(super) event: Option<EventId>,
    /// The error code that it carries, when it is one.
    pub(super) code: Option<i64>,
    /// It is an answer.
    pub(super) last: bool,
    _place: Arc<Place>,
}

impl Parcel {
    /// A message that may leave.
    pub(super) fn new(message: &Permitted<Message>, address: &Address, room: &Arc<Room>) -> Self {
        let json = sse::json(message, address);
        let place = Arc::new(Place::taken(json.len(), room));
        Self { json, event: None, code: None, last: false, _place: place }
    }

    /// The same as an answer; with the code of the error, when it is one.
    pub(super) fn answering(self, code: Option<i64>) -> Self {
        Self { code, last: true, ..self }
    }

    /// An answer of the door's own, in the place of a session.
    pub(super) fn of_the_door(json: Bytes) -> Self {
        let place = Arc::new(Place { bytes: 0, room: Arc::default() });
        Self { json, event: None, code: None, last: true, _place: place }
    }
}

/// What a parcel takes of a session's room, until all of its copies are dropped.
#[derive(Debug)]
pub(super) struct Place {
    bytes: usize,
    room: Arc<Room>,
}

impl Place {
    /// So many bytes are under way.
    pub(super) fn taken(bytes: usize, room: &Arc<Room>) -> Self {
        room.taken.fetch_add(bytes, Ordering::AcqRel);
        room.all.fetch_add(bytes, Ordering::AcqRel);
        Self { bytes, room: Arc::clone(room) }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes, Ordering::AcqRel);
        self.room.all.fetch_sub(self.bytes, Ordering::AcqRel);
        self.room.left.notify_one();
    }
}

/// What all parcels of a session take.
#[derive(Debug, Default)]
pub(super) struct Room {
    taken: AtomicUsize,
    /// The same of all sessions.
    all: Arc<AtomicUsize>,
    left: Notify,
}

impl Room {
    /// Of a session whose parcels count among these.
    pub(super) fn among(all: Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self { all, ..Self::default() })
    }

    pub(super) fn is_full(&self) -> bool {
        self.taken.load(Ordering::Acquire) >= FULL
    }

    /// Waits until there is room.
    ///
    /// # Cancel safety
    /// Safe: it only waits.
    pub(super) async fn left(&self) {
        while self.is_full() {
            self.left.notified().await;
        }
    }
}
