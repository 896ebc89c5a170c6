//! Which answer goes to which HTTP request.
//!
//! A session speaks to one host; over HTTP that host is many requests, each with a response of
//! its own, and sometimes several programs at once (2026-07-28 knows no sessions, so all of one
//! person's programs that declare the same share a conversation). Here a message that may leave
//! finds the response that waits for it, and nothing is told to anybody else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use hyper::body::Bytes;
use portcullis_policy::Permitted;
use portcullis_transport::http::sse;
use portcullis_wire::view::lifecycle::{Meta, PROGRESS_TOKEN};
use portcullis_wire::write::Address;
use portcullis_wire::{Id, Json, Malformed, Message, Notification, Request};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Notify, OwnedSemaphorePermit};

/// Queued bytes of one session at which whoever is the reason for them is no longer read.
const FULL: usize = 8 << 20;
/// What is kept for a client that has no stream open for it.
const BACKLOG: usize = 64;

/// What the HTTP side tells a session.
#[derive(Debug)]
pub(crate) enum Said {
    /// A message; a request brings the response that waits for its answer.
    Message(Box<Message>, Option<Post>),
    /// Something that is no message, and was told so.
    Malformed(Malformed),
    /// A stream for what belongs to no request (until 2025-11-25).
    Listens(Post),
    /// Whoever waited for this does not any more.
    Left(u64),
}

/// The same on its way. What clients send takes room, so that whoever sends much waits; that
/// somebody left takes none, and is never lost.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) said: Said,
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

/// A response that can be written to.
#[derive(Clone, Debug)]
pub(crate) struct Post {
    /// Its name, unique in its session.
    pub(crate) number: u64,
    /// Where its messages go.
    pub(crate) to: UnboundedSender<Parcel>,
}

/// One message on its way into a response.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// The message, without a newline.
    pub(crate) json: Bytes,
    /// The error code that it carries, when it is one.
    pub(crate) code: Option<i64>,
    /// It is the answer: nothing follows.
    pub(crate) last: bool,
    _place: Place,
}

impl Parcel {
    /// An answer of the door's own, in the place of a session.
    pub(super) fn of_the_door(json: Bytes) -> Self {
        let place = Place { bytes: 0, room: Arc::default() };
        Self { json, code: None, last: true, _place: place }
    }
}

/// What parcels take of a session's room, until they are dropped.
#[derive(Debug)]
struct Place {
    bytes: usize,
    room: Arc<Room>,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.room.taken.fetch_sub(self.bytes, Ordering::AcqRel);
        self.room.left.notify_one();
    }
}

#[derive(Debug, Default)]
struct Room {
    taken: AtomicUsize,
    left: Notify,
}

/// A request that is answered later.
#[derive(Debug)]
struct Waiting {
    post: Post,
    /// The asker's own id and token, where they are not what the session knows.
    own: Option<(Id, Option<Json>)>,
    /// The progress token as the session knows it.
    token: Option<Json>,
}

/// The responses of one session that are open.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    /// By the id that the session knows. The same id twice is refused by the session at once,
    /// so the refusal is the next answer and belongs to whoever came last.
    waiting: BTreeMap<Id, Vec<Waiting>>,
    general: Option<Post>,
    backlog: VecDeque<Parcel>,
    room: Arc<Room>,
    /// What the session answers next under this id was answered already.
    answered: Option<Id>,
    /// Several programs share the session: ids and tokens are re-minted.
    shared: bool,
    minted: i64,
}

impl Posts {
    /// For a session that several programs share, or one program has for itself.
    pub(crate) fn new(shared: bool) -> Self {
        Self { shared, ..Self::default() }
    }

    /// Something came that is no message: its sender was told so, and what the session says to it,
    /// at once, is for nobody.
    pub(crate) fn hears_malformed(&mut self, malformed: &Malformed) {
        self.answered = malformed.id.clone();
    }

    /// A message came: what the session is to hear of it.
    pub(crate) fn hears(&mut self, message: Message, post: Option<Post>) -> Message {
        self.answered = None;
        match (message, post) {
            (Message::Request(request), Some(post)) => self.opens(request, post),
            (message, _) => message,
        }
    }

    fn opens(&mut self, mut request: Request, post: Post) -> Message {
        let own_token = token(request.params.as_ref());
        let mut waiting = Waiting { post, own: None, token: own_token.clone() };
        if self.shared {
            self.minted += 1;
            let minted = Id::from(self.minted);
            if own_token.is_some() {
                let theirs = minted.to_json();
                request.params = request.params.map(|params| with_token(&params, theirs.clone()));
                waiting.token = Some(theirs);
            }
            waiting.own = Some((std::mem::replace(&mut request.id, minted), own_token));
        }
        self.waiting.entry(request.id.clone()).or_default().push(waiting);
        Message::Request(request)
    }

    /// A stream for what belongs to no request; it gets what was kept for it.
    pub(crate) fn listens(&mut self, post: Post) {
        for parcel in self.backlog.drain(..) {
            let _ = post.to.send(parcel);
        }
        self.general = Some(post);
    }

    /// A response is gone. The request that waited for it, by the id that the session knows.
    pub(crate) fn left(&mut self, number: u64) -> Option<Id> {
        if self.general.as_ref().is_some_and(|post| post.number == number) {
            self.general = None;
        }
        let is_it = |waiting: &Waiting| waiting.post.number == number;
        let found = self.waiting.iter().find(|(_, all)| all.iter().any(is_it));
        found.map(|(id, _)| id.clone())
    }

    /// Several programs share the session.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// So much waits to be read that the server must wait.
    pub(crate) fn is_full(&self) -> bool {
        self.room.taken.load(Ordering::Acquire) >= FULL
    }

    /// Waits until there is room.
    ///
    /// # Cancel safety
    /// Safe: it only waits.
    pub(crate) async fn room(&self) {
        while self.is_full() {
            self.room.left.notified().await;
        }
    }

    /// Sends a message to whoever it is for. What is for nobody is kept for a stream, where
    /// there can be one, and dropped where there cannot.
    pub(crate) fn send(&mut self, message: &Permitted<Message>) {
        match message.get() {
            Message::Response(response) => {
                let Some(id) = &response.id else { return };
                if self.answered.take_if(|answered| answered == id).is_some() {
                    return;
                }
                let Some(waiting) = self.answered(id) else { return };
                let own = waiting.own.map(|(id, _)| id);
                let address = Address { id: own, ..Address::default() };
                let code = match &response.outcome {
                    portcullis_wire::Outcome::Error(error) => Some(error.code),
                    portcullis_wire::Outcome::Result(_) => None,
                };
                let parcel = Parcel { code, last: true, ..self.parcel(message, &address) };
                let _ = waiting.post.to.send(parcel);
            }
            Message::Notification(said) => self.tell(said, message),
            Message::Request(_) => {
                let parcel = self.parcel(message, &Address::default());
                self.ask(parcel);
            }
        }
    }

    fn answered(&mut self, id: &Id) -> Option<Waiting> {
        let all = self.waiting.get_mut(id)?;
        let waiting = all.pop();
        if all.is_empty() {
            self.waiting.remove(id);
        }
        waiting
    }

    fn tell(&mut self, said: &Notification, message: &Permitted<Message>) {
        let meta = Meta::read(said.params.as_ref()).unwrap_or_default();
        let found = if let Some(stream) = &meta.subscription_id {
            self.waiting.get(stream).and_then(|all| all.last())
        } else if let Some(token) = token_of_progress(said) {
            self.waiting.values().flatten().find(|it| it.token.as_ref() == Some(&token))
        } else {
            // Of one request alone it is certain what it belongs to.
            self.only().filter(|_| said.method == "notifications/message")
        };
        let Some(waiting) = found else {
            let parcel = self.parcel(message, &Address::default());
            return self.tell_all(parcel);
        };
        let mut address = Address::default();
        if let Some((id, token)) = &waiting.own {
            address.progress_token = token.clone();
            address.subscription = meta.subscription_id.map(|_| id.clone());
        }
        let to = waiting.post.to.clone();
        let _ = to.send(self.parcel(message, &address));
    }

    /// A question to the client belongs to what it asked; where that is several things, to the
    /// stream that belongs to none of them.
    fn ask(&mut self, parcel: Parcel) {
        if self.shared {
            return;
        }
        let only = self.only().map(|it| it.post.to.clone());
        match only {
            Some(to) => drop(to.send(parcel)),
            None => self.tell_all(parcel),
        }
    }

    /// The one request that is open.
    fn only(&self) -> Option<&Waiting> {
        let mut all = self.waiting.values().flatten();
        all.next().filter(|_| all.next().is_none())
    }

    fn tell_all(&mut self, parcel: Parcel) {
        if self.shared {
            return;
        }
        let parcel = match &self.general {
            None => parcel,
            Some(post) => match post.to.send(parcel) {
                Ok(()) => return,
                Err(unsent) => unsent.0,
            },
        };
        if self.backlog.len() >= BACKLOG {
            self.backlog.pop_front();
        }
        self.backlog.push_back(parcel);
    }

    fn parcel(&self, message: &Permitted<Message>, address: &Address) -> Parcel {
        let json = sse::json(message, address);
        let bytes = json.len();
        self.room.taken.fetch_add(bytes, Ordering::AcqRel);
        let place = Place { bytes, room: Arc::clone(&self.room) };
        Parcel { json, code: None, last: false, _place: place }
    }
}

/// The token that a request wants its progress told by.
fn token(params: Option<&Json>) -> Option<Json> {
    let meta = params?.object()?.get("_meta")?.object()?;
    meta.get(PROGRESS_TOKEN).cloned()
}

fn with_token(params: &Json, token: Json) -> Json {
    let Some(mut members) = params.object() else { return params.clone() };
    let Some(mut meta) = members.get("_meta").and_then(Json::object) else { return params.clone() };
    meta.set(PROGRESS_TOKEN, token);
    members.set("_meta", meta.to_json());
    members.to_json()
}

fn token_of_progress(said: &Notification) -> Option<Json> {
    if said.method != "notifications/progress" {
        return None;
    }
    said.params.as_ref()?.object()?.get(PROGRESS_TOKEN).cloned()
}
