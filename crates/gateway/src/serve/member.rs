//! A session whose client is an aggregate: the same driver, the same box, the same judge, and in
//! place of HTTP requests what `aggregate.rs` passes on.

use std::sync::Arc;

use portcullis_policy::Permitted;
use portcullis_transport::http::sse;
use portcullis_wire::Message;
use portcullis_wire::write::Address;
use tokio::sync::mpsc::UnboundedSender;

use super::parcel::{Place, Room};
use crate::traces::Opening;

/// What an aggregate has for one of its servers.
#[derive(Debug)]
pub(crate) struct Passed {
    pub(crate) message: Message,
    /// What the headers of the client's request say of a call's arguments (2026-07-28).
    pub(crate) mirrored: Option<Vec<(String, String)>>,
    /// The span of the client's request.
    pub(crate) opening: Option<Box<Opening>>,
}

/// What a session of an aggregate has to say to it.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) member: usize,
    /// Which of its sessions: one that ended may have one after it.
    pub(super) turn: u64,
    /// Nothing, when it is over.
    pub(super) said: Option<Permitted<Message>>,
    _place: Option<Place>,
}

/// Where a session of an aggregate speaks to. That it is over is told when this is dropped.
#[derive(Debug)]
pub(crate) struct Reports {
    member: usize,
    turn: u64,
    to: UnboundedSender<Report>,
    room: Arc<Room>,
}

impl Reports {
    pub(super) fn new(
        member: usize,
        turn: u64,
        to: UnboundedSender<Report>,
        room: Arc<Room>,
    ) -> Self {
        Self { member, turn, to, room }
    }

    /// Says something that may leave.
    pub(crate) fn send(&self, message: Permitted<Message>) {
        let bytes = sse::json(&message, &Address::default()).len();
        let place = Some(Place::taken(bytes, &self.room));
        let Self { member, turn, .. } = *self;
        // An aggregate that is over hears nothing.
        let _ = self.to.send(Report { member, turn, said: Some(message), _place: place });
    }

    /// So much was not heard that whoever is the reason for it must wait.
    pub(crate) fn is_full(&self) -> bool {
        self.room.is_full()
    }

    /// Waits until there is room.
    ///
    /// # Cancel safety
    /// Safe: it only waits.
    pub(crate) async fn room(&self) {
        self.room.left().await;
    }
}

impl Drop for Reports {
    fn drop(&mut self) {
        let Self { member, turn, .. } = *self;
        let _ = self.to.send(Report { member, turn, said: None, _place: None });
    }
}
