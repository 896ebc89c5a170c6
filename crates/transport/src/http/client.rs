//! A server that is somewhere else, spoken to over Streamable HTTP.
//!
//! What is said and what is heard are two values, because whoever has them waits for both at once
//! ([`begin`]): [`Speech`] takes messages that may leave, [`Hearing`] sends each as a request of its
//! own and gives back what comes. Read in this order: `talk` (what holds for the whole
//! conversation), `headers` (what is said beside a message), `exchange` (one message and its
//! answer), `stream` (events, and a stream that broke), `listen` (what comes unasked),
//! [`credential`] (how we identify ourselves).
//!
//! Whoever waits is answered: where nothing comes back, [`Heard::Failed`] says for which request,
//! and [`Heard::Barred`] where it is for want of a credential.

pub mod credential;
mod exchange;
mod headers;
mod listen;
mod stream;
mod talk;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hyper::Method;
use hyper::body::Bytes;
use hyper::http::HeaderMap;
use portcullis_policy::Permitted;
use portcullis_wire::view::mirrored::Mirrored;
use portcullis_wire::write::Address;
use portcullis_wire::{Id, Json, Limits, Malformed, Message};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

pub use credential::{Credential, Nobody};
pub use headers::value as header_of;

use super::fetch::{Ask, Fetcher, Url};
use super::sse;
use talk::Talk;

/// Requests under way at once; the next ones wait.
const MOST: usize = 64;
/// Queued bytes at which whoever fills the queue is no longer read.
const FULL: usize = 8 << 20;
/// What was heard and not taken yet.
const AHEAD: usize = 16;
/// How long the end of a conversation may take.
const FAREWELL: Duration = Duration::from_secs(1);

/// Where a server is, and how it is spoken to.
#[derive(Debug)]
pub struct Remote {
    /// Its address.
    pub url: Url,
    /// What brings requests there.
    pub fetcher: Fetcher,
    /// Headers beside ours, which win.
    pub headers: HeaderMap,
    /// How we identify ourselves.
    pub credential: Arc<dyn Credential>,
    /// What a message may be.
    pub limits: Limits,
    /// How long an answer may take at all.
    pub ceiling: Duration,
}

/// Something that came, or did not.
#[derive(Debug)]
pub enum Heard {
    /// A message.
    Message(Box<Message>),
    /// A message in the answer to this request, and not the answer itself: it belongs to it.
    Within(Id, Box<Message>),
    /// Several in one text (2025-03-26).
    Several(Vec<u8>),
    /// Something that is no message.
    Malformed(Malformed),
    /// This request is not answered. The words are for the operator.
    Failed(Id, String),
    /// This request was not taken for want of a credential, so nothing was heard of the server.
    /// The words are for the operator.
    Barred(Id, String),
    /// The server forgot the conversation.
    Lost,
    /// For the operator: something did not arrive.
    Told(String),
}

/// A message on its way.
#[derive(Debug)]
struct Order {
    json: Bytes,
    kind: Kind,
    /// What its headers say of it.
    mirrored: Mirrored,
    /// Its arguments that travel as headers.
    arguments: Vec<(String, String)>,
    _place: Place,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Request(Id),
    /// With the request that it takes back.
    Notification(Option<Id>),
    Response,
}

impl Order {
    fn method(&self) -> &str {
        self.mirrored.method.as_deref().unwrap_or_default()
    }

    /// Of 2026-07-28, where each request stands for itself.
    fn is_modern(&self) -> bool {
        self.mirrored.version.is_some()
    }
}

/// Room that an order takes in the queue.
#[derive(Debug)]
struct Place(usize, Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.1.fetch_sub(self.0, Ordering::AcqRel);
    }
}

/// What is said to the server.
#[derive(Debug)]
pub struct Speech {
    // Boxed, as a channel has room for 32 of what it carries.
    orders: mpsc::UnboundedSender<Box<Order>>,
    queued: Arc<AtomicUsize>,
}

impl Speech {
    /// Sends a message that may leave, with those of its arguments that travel as headers.
    pub fn send(&mut self, message: &Permitted<Message>, arguments: Vec<(String, String)>) {
        let json = sse::json(message, &Address::default());
        let kind = match message.get() {
            Message::Request(request) => Kind::Request(request.id.clone()),
            Message::Notification(said) if said.method == "notifications/cancelled" => {
                let members = said.params.as_ref().and_then(Json::object);
                let id = members.and_then(|members| Id::from_json(members.get("requestId")?));
                Kind::Notification(id)
            }
            Message::Notification(_) => Kind::Notification(None),
            Message::Response(_) => Kind::Response,
        };
        self.queued.fetch_add(json.len(), Ordering::AcqRel);
        let place = Place(json.len(), Arc::clone(&self.queued));
        let mirrored = Mirrored::of(message.get());
        // Nobody takes it when the conversation is over.
        let _ =
            self.orders.send(Box::new(Order { json, kind, mirrored, arguments, _place: place }));
    }

    /// So much waits to be sent that whoever says it must wait.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.queued.load(Ordering::Acquire) >= FULL
    }
}

/// What is heard of the server.
pub struct Hearing {
    talk: Arc<Talk>,
    orders: mpsc::UnboundedReceiver<Box<Order>>,
    heard: mpsc::Receiver<Heard>,
    tasks: JoinSet<()>,
    /// Requests that wait until others have ended.
    parked: VecDeque<Order>,
    /// Requests that nobody answered yet.
    waiting: BTreeMap<Id, AbortHandle>,
    /// The last message that everything after it waits for.
    before: Option<watch::Receiver<bool>>,
    /// Since when what belongs to no request is listened for.
    listens: bool,
}

/// Begins a conversation; nothing is sent yet.
#[must_use]
pub fn begin(remote: Remote) -> (Speech, Hearing) {
    let (orders, taken) = mpsc::unbounded_channel();
    let (say, heard) = mpsc::channel(AHEAD);
    let hearing = Hearing {
        talk: Arc::new(Talk::new(remote, say)),
        orders: taken,
        heard,
        tasks: JoinSet::new(),
        parked: VecDeque::new(),
        waiting: BTreeMap::new(),
        before: None,
        listens: false,
    };
    (Speech { orders, queued: Arc::default() }, hearing)
}

impl Hearing {
    /// The next thing. Messages are sent only while somebody waits here.
    ///
    /// # Cancel safety
    /// Safe: nothing that came is lost.
    pub async fn next(&mut self) -> Heard {
        loop {
            tokio::select! {
                Some(heard) = self.heard.recv() => {
                    if let Some(heard) = self.judged(heard) {
                        return heard;
                    }
                }
                Some(order) = self.orders.recv() => self.take(*order),
                Some(_) = self.tasks.join_next(), if !self.tasks.is_empty() => {
                    if let Some(order) = self.parked.pop_front() {
                        self.start(order);
                    }
                }
            }
        }
    }

    /// A request that is answered, or was taken back, fails no more.
    fn judged(&mut self, heard: Heard) -> Option<Heard> {
        match &heard {
            Heard::Message(message) | Heard::Within(_, message) => {
                if let Message::Response(response) = &**message
                    && let Some(id) = &response.id
                {
                    self.waiting.remove(id);
                }
            }
            Heard::Failed(id, _) | Heard::Barred(id, _) => {
                self.waiting.remove(id)?;
            }
            Heard::Lost => self.forget(),
            Heard::Several(_) | Heard::Malformed(_) | Heard::Told(_) => {}
        }
        Some(heard)
    }

    /// What takes a request back does not wait for room.
    fn take(&mut self, order: Order) {
        let is_request = matches!(order.kind, Kind::Request(_));
        if is_request && self.tasks.len() >= MOST {
            return self.parked.push_back(order);
        }
        if let Kind::Notification(Some(id)) = &order.kind
            && let Some(at) = self.parked.iter().position(|it| it.kind == Kind::Request(id.clone()))
        {
            // The server never heard of it.
            self.parked.remove(at);
            return;
        }
        self.start(order);
    }

    fn start(&mut self, order: Order) {
        let before = self.before.clone();
        match &order.kind {
            Kind::Request(id) => {
                let id = id.clone();
                let task = exchange::request(Arc::clone(&self.talk), order, id.clone(), before);
                let handle = self.tasks.spawn(task);
                self.waiting.insert(id, handle);
            }
            Kind::Notification(taken_back) => {
                if let Some(id) = taken_back
                    && let Some(handle) = self.waiting.remove(id)
                {
                    // Closing the answer takes the request back (2026-07-28).
                    handle.abort();
                }
                if !(order.is_modern() || taken_back.is_some() && !self.talk.is_legacy()) {
                    self.tell(order, before);
                }
            }
            Kind::Response => self.tell(order, before),
        }
    }

    /// What follows waits until the server took it.
    fn tell(&mut self, order: Order, before: Option<watch::Receiver<bool>>) {
        let (done, taken) = watch::channel(false);
        self.before = Some(taken);
        let opens = order.method() == "notifications/initialized" && !self.listens;
        let talk = Arc::clone(&self.talk);
        self.tasks.spawn(exchange::telling(talk, order, before, done));
        if opens {
            self.listens = true;
            let after = self.before.clone();
            self.tasks.spawn(listen::listen(Arc::clone(&self.talk), after));
        }
    }

    /// Begins anew, under no name: what was under way belongs to the old conversation.
    fn forget(&mut self) {
        self.tasks.abort_all();
        self.parked.clear();
        while self.orders.try_recv().is_ok() {}
        self.waiting.clear();
        self.before = None;
        self.listens = false;
        self.talk.forget();
        while self.heard.try_recv().is_ok() {}
    }

    /// Ends the conversation, and says so where it has a name.
    pub async fn end(&mut self) {
        self.tasks.shutdown().await;
        let Some(name) = self.talk.name() else { return };
        let ask = Ask::new(Method::DELETE, self.talk.url()).within(FAREWELL);
        let Ok(ask) = self.talk.dressed(ask, Some(name)).await else { return };
        // A server may know no end (405), and one that is gone needs none.
        let _ = self.talk.remote.fetcher.send(&ask).await;
    }
}

impl fmt::Debug for Hearing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hearing").field("waiting", &self.waiting.len()).finish_non_exhaustive()
    }
}
