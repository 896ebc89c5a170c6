//! Which answer goes to which HTTP request.
//!
//! A session speaks to one host; over HTTP that host is many requests, each with a response of
//! its own, and sometimes several programs at once (2026-07-28 knows no sessions, so all of one
//! person's programs that declare the same share a conversation). Here a message that may leave
//! finds the response that waits for it, and nothing is told to anybody else.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Instant;

use portcullis_policy::Permitted;
use portcullis_transport::http::sse::EventId;
use portcullis_wire::view::lifecycle::{Meta, PROGRESS_TOKEN};
use portcullis_wire::view::notification::Cancelled;
use portcullis_wire::write::Address;
use portcullis_wire::{Id, Json, Malformed, Message, Notification, Request};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::member::Passed;
use super::parcel::{Parcel, Post, Room};
use super::tracks::Tracks;
use super::turnstile::Place;
use crate::traces::Opening;

/// A request whose answer is a stream of its own (2026-07-28).
pub(super) const LISTEN: &str = "subscriptions/listen";
/// What is kept for a client that has no stream open for it: so many messages, and their bytes.
const BACKLOG: usize = 64;
const BACKLOG_BYTES: usize = 1 << 20;

/// What the HTTP side tells a session.
#[derive(Debug)]
pub(crate) enum Said {
    /// A message; a request brings the response that waits for its answer.
    Message(Box<Message>, Option<Post>),
    /// Something that is no message, and was told so.
    Malformed(Malformed),
    /// A stream for what belongs to no request (until 2025-11-25).
    Listens(Post),
    /// The one stream of a session, which everything goes into (2024-11-05).
    Opens(Post),
    /// A request that is answered there, and takes its place until it is.
    Asks(Box<Request>, Place, Option<Box<Opening>>),
    /// A stream that broke goes on in another response (until 2025-11-25).
    Resumes(Resumes),
    /// Whoever waited for this does not any more.
    Left(Left),
    /// An aggregate goes on with it.
    Passed(Box<Passed>),
}

/// Somebody comes back to a stream.
#[derive(Debug)]
pub(crate) struct Resumes {
    /// Where it goes on.
    pub(super) post: Post,
    /// The last event that arrived.
    pub(super) last: EventId,
    /// How many answers follow; nothing when there is no such event.
    pub(super) found: oneshot::Sender<Option<usize>>,
}

/// A response is gone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    pub(super) number: u64,
    /// Its client knows the name of an event, so it may come back.
    pub(super) told: bool,
}

/// The same on its way. What clients send takes room, so that whoever sends much waits; that
/// somebody left takes none, and is never lost.
#[derive(Debug)]
pub(crate) struct Told {
    /// Responses that were over before: they come along, so that nobody is woken for them alone.
    pub(crate) before: Vec<Left>,
    pub(crate) said: Said,
    pub(super) _room: Option<OwnedSemaphorePermit>,
}

/// A request that is answered later.
#[derive(Debug)]
struct Waiting {
    /// The stream that its answer ends.
    track: u64,
    /// The asker's own id and token, where they are not what the session knows.
    own: Option<(Id, Option<Json>)>,
    /// The progress token as the session knows it.
    token: Option<Json>,
    /// It is a stream of its own: what belongs to it says so.
    listens: bool,
    /// What it takes of its principal's share, where no response that is open does.
    _place: Option<Place>,
}

/// The responses of one session that are open.
#[derive(Debug, Default)]
pub(crate) struct Posts {
    /// By the id that the session knows. The same id twice is refused by the session at once,
    /// so the refusal is the next answer and belongs to whoever came last.
    waiting: BTreeMap<Id, Vec<Waiting>>,
    tracks: Tracks,
    /// The stream for what belongs to no request.
    general: Option<u64>,
    backlog: VecDeque<Parcel>,
    room: Arc<Room>,
    /// What the session answers next under this id was answered already.
    answered: Option<Id>,
    /// Several programs share the session: ids and tokens are re-minted.
    shared: bool,
    /// Everything goes into this stream (2024-11-05).
    one: Option<u64>,
    minted: i64,
}

impl Posts {
    /// For a session that several programs share, or one program has for itself. Its bytes count
    /// among `all` that wait, and what it keeps among all that is `kept` for its principal.
    pub(crate) fn new(shared: bool, all: Arc<AtomicUsize>, kept: Arc<AtomicUsize>) -> Self {
        let (room, tracks) = (Room::among(all), Tracks::among(kept));
        Self { shared, room, tracks, ..Self::default() }
    }

    /// When something that is kept for a client is kept no longer.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        self.tracks.next_end()
    }

    /// Forgets what was kept for long enough.
    pub(crate) fn age(&mut self, now: Instant) {
        self.tracks.age(now);
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
            (Message::Notification(said), _) => {
                if let Some(id) = taken_back(&said) {
                    self.forgets(&id);
                }
                Message::Notification(said)
            }
            (message, _) => message,
        }
    }

    fn opens(&mut self, mut request: Request, post: Post) -> Message {
        let own_token = token(request.params.as_ref());
        let token = own_token.clone();
        let listens = request.method == LISTEN;
        let mut waiting = Waiting { track: post.number, own: None, token, listens, _place: None };
        self.tracks.owes(post);
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
        let number = post.number;
        if let Some(before) = self.general.replace(number) {
            self.tracks.ends(before);
        }
        self.tracks.lasts(post);
        self.empty_backlog(number);
    }

    /// The one stream of a session.
    pub(crate) fn opens_all(&mut self, post: Post) {
        self.one = Some(post.number);
        self.listens(post);
    }

    /// A request that is answered in the one stream. Without one it is answered nowhere.
    pub(crate) fn asks(&mut self, request: Request, place: Place) -> Message {
        self.answered = None;
        if let Some(track) = self.one {
            let token = token(request.params.as_ref());
            let waiting = Waiting { track, own: None, token, listens: false, _place: Some(place) };
            self.waiting.entry(request.id.clone()).or_default().push(waiting);
        }
        Message::Request(request)
    }

    /// A stream that broke goes on: with what it got since, and with nothing of any other.
    pub(crate) fn resumes(&mut self, Resumes { post, last, found }: Resumes) {
        let resumed = self.tracks.resumes(&last, post);
        // Whoever asked may be gone again: then their response says so.
        let _ = found.send(resumed.map(|(_, left)| left));
        if let Some((number, _)) = resumed.filter(|(number, _)| self.general == Some(*number)) {
            self.empty_backlog(number);
        }
    }

    fn empty_backlog(&mut self, number: u64) {
        for parcel in std::mem::take(&mut self.backlog) {
            if let Err(parcel) = self.tracks.say(number, parcel) {
                self.backlog.push_back(parcel);
            }
        }
    }

    /// A response is gone. The request that waited for it, by the id that the session knows.
    pub(crate) fn left(&mut self, left: Left) -> Option<Id> {
        let number = self.tracks.left(left)?;
        let is_it = |waiting: &Waiting| waiting.track == number;
        let found = self.waiting.iter().find(|(_, all)| all.iter().any(is_it));
        let id = found.map(|(id, _)| id.clone())?;
        if self.shared {
            self.forgets(&id);
        }
        Some(id)
    }

    /// A request was taken back: it is not answered any more.
    fn forgets(&mut self, id: &Id) {
        for waiting in self.waiting.remove(id).unwrap_or_default() {
            self.tracks.forgives(waiting.track);
        }
    }

    /// Several programs share the session.
    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// So much waits to be read that the server must wait.
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
                if self.one.is_some() {
                    let parcel = self.parcel(message, &Address::default());
                    return self.tell_all(parcel);
                }
                let own = waiting.own.map(|(id, _)| id);
                let address = Address { id: own, ..Address::default() };
                let code = match &response.outcome {
                    portcullis_wire::Outcome::Error(error) => Some(error.code),
                    portcullis_wire::Outcome::Result(_) => None,
                };
                let parcel = self.parcel(message, &address).answering(code);
                self.tracks.answers(waiting.track, parcel);
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
        let track = waiting.track;
        let parcel = self.parcel(message, &address);
        // Of what nobody waits for any more, nobody wants to know how it goes on.
        let _ = self.tracks.says(track, parcel);
    }

    /// A question to the client belongs to what it asked; where that is several things, to the
    /// stream that belongs to none of them.
    fn ask(&mut self, parcel: Parcel) {
        if self.shared {
            return;
        }
        let unsaid = match self.only().map(|it| it.track) {
            Some(track) => self.tracks.says(track, parcel),
            None => Err(parcel),
        };
        if let Err(parcel) = unsaid {
            self.tell_all(parcel);
        }
    }

    /// The one request that is under way.
    fn only(&self) -> Option<&Waiting> {
        let mut all = self.waiting.values().flatten().filter(|it| !it.listens);
        all.next().filter(|_| all.next().is_none())
    }

    fn tell_all(&mut self, parcel: Parcel) {
        if self.shared {
            return;
        }
        let parcel = match self.general.map(|number| self.tracks.say(number, parcel.clone())) {
            Some(Ok(())) => return,
            Some(Err(_)) | None => parcel,
        };
        self.backlog.push_back(parcel);
        let bytes = |all: &VecDeque<Parcel>| all.iter().map(|it| it.json.len()).sum::<usize>();
        while self.backlog.len() > BACKLOG || bytes(&self.backlog) > BACKLOG_BYTES {
            self.backlog.pop_front();
        }
    }

    fn parcel(&self, message: &Permitted<Message>, address: &Address) -> Parcel {
        Parcel::new(message, address, &self.room)
    }
}

/// The request that a client takes back.
fn taken_back(said: &Notification) -> Option<Id> {
    if said.method != "notifications/cancelled" {
        return None;
    }
    Cancelled::read(said.params.as_ref()).ok()?.request_id
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
