//! A server over HTTP, spoken with as if it had pipes: each message of ours is a request of its own, and each message
//! that comes back is a line.
//!
//! What comes is bounded like what comes out of pipes. Where an answer comes that is no message, the line says so in the
//! server's place; where none comes, it is told that none will: whoever asked goes on, and nothing is taken for tried.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender};
use std::time::Duration;

use hyper::Method;
use hyper::StatusCode;
use hyper::header::{ACCEPT, HeaderName, HeaderValue};
use hyper::http::HeaderMap;
use portcullis_guard::egress::Url;
use portcullis_transport::http::client::header_of;
use portcullis_transport::http::fetch::{Answer, Ask, Fetcher, Reach, Roots, Sockets};
use portcullis_wire::code::INTERNAL_ERROR;
use portcullis_wire::events::Events;
use portcullis_wire::view::mirrored::Mirrored;
use portcullis_wire::{Id, Message, Response};
use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local};

use super::pipes::{Heard, MESSAGE, SESSION, UNREAD, thread};
use crate::probe::old::{self, Opened, Stream, is_stream};

const NAMED: HeaderName = HeaderName::from_static("mcp-session-id");
const VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
const METHOD: HeaderName = HeaderName::from_static("mcp-method");
const NAME: HeaderName = HeaderName::from_static("mcp-name");
/// How long the head of an answer may take: whoever asked gives up long before.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a stream may take to end behind its last message.
const REST: Duration = Duration::from_millis(250);
/// So many sockets are left that a burst of calls may not get through: another launch has new ones.
const FEW: usize = 36;
/// How much of an answer that is no message is told.
const SAID: usize = 2_000;

/// Where it is, and how it is reached.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) url: Url,
    /// How we identify ourselves.
    pub(super) headers: HeaderMap,
    /// It speaks HTTP with SSE.
    pub(super) old: bool,
    /// Sockets that lead there.
    pub(super) dials: Vec<OwnedFd>,
}

/// Begins: what is said to the returned end is sent, and what comes is told. The threads end when that end is dropped.
pub(super) fn begin(
    way: Way,
    tell: SyncSender<Heard>,
    spoken: Receiver<Vec<u8>>,
) -> std::io::Result<()> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let (hand, orders) = mpsc::channel(UNREAD);
    thread("audit-say", move || {
        for line in spoken {
            if hand.blocking_send(line).is_err() {
                return;
            }
        }
    })?;
    thread("audit-post", move || LocalSet::new().block_on(&runtime, posting(way, tell, orders)))
}

/// One conversation.
struct Talk {
    old: bool,
    url: Url,
    headers: HeaderMap,
    fetcher: Fetcher,
    sockets: Sockets,
    tell: SyncSender<Heard>,
    /// What the answer to `initialize` said of the conversation: its name, and its revision.
    named: RefCell<HeaderMap>,
    /// What was heard so far, in bytes.
    heard: Cell<u64>,
    /// Requests that are answered on a stream, and not yet.
    waiting: RefCell<BTreeSet<i64>>,
    /// On whose stream nothing more comes.
    over: Cell<bool>,
}

async fn posting(way: Way, tell: SyncSender<Heard>, mut orders: mpsc::Receiver<Vec<u8>>) {
    let reach = Reach::default().and_own(way.url.origin());
    let sockets = Sockets::new(way.dials);
    let fetcher = Fetcher::new(reach, Roots::system()).over(sockets.clone());
    let mut talk = Talk {
        old: way.old,
        url: way.url,
        headers: way.headers,
        fetcher,
        sockets,
        tell,
        named: RefCell::default(),
        heard: Cell::new(0),
        waiting: RefCell::default(),
        over: Cell::new(false),
    };
    let stream = if talk.old { talk.open().await } else { None };
    let talk = Rc::new(talk);
    if let Some(stream) = stream {
        let talk = Rc::clone(&talk);
        drop(spawn_local(async move { talk.follow(stream).await }));
    }
    while let Some(line) = orders.recv().await {
        let Some(message) = read(&line) else { continue };
        let talk = Rc::clone(&talk);
        match &message {
            // What opens the conversation comes before everything else in it.
            Message::Request(request) if request.method == "initialize" => {
                talk.post(line, &message).await;
            }
            Message::Notification(said) if said.method == "notifications/initialized" => {
                talk.post(line, &message).await;
                if !talk.old {
                    drop(spawn_local(async move { talk.listen().await }));
                }
            }
            _ => drop(spawn_local(async move { talk.post(line, &message).await })),
        }
    }
}

fn read(text: &[u8]) -> Option<Message> {
    old::message(text, MESSAGE)
}

impl Talk {
    /// Opens the stream on which everything is answered; from here on it is posted to where that says.
    async fn open(&mut self) -> Option<Box<Stream>> {
        let ask = self.dressed(Ask::new(Method::GET, self.url.clone()), "text/event-stream");
        match Stream::open(&self.fetcher, &ask, &self.url, (MESSAGE, SESSION)).await {
            Ok(Opened::Stream(stream)) => {
                self.url = stream.endpoint.clone();
                Some(stream)
            }
            Ok(Opened::Refused(_)) | Err(_) => {
                self.over.set(true);
                None
            }
        }
    }

    /// Tells every message on it, to its end: whoever still waits then waits for nothing.
    async fn follow(&self, mut stream: Box<Stream>) {
        let flood = loop {
            match stream.next().await {
                Ok(Some(line)) => {
                    let all = self.heard.get().saturating_add(line.len() as u64);
                    self.heard.set(all);
                    if all > SESSION {
                        break Some(all);
                    }
                    if let Some(Message::Response(Response { id: Some(Id::Number(id)), .. })) =
                        read(&line)
                    {
                        self.waiting.borrow_mut().remove(&id);
                    }
                    if self.say(Heard::Line(line)).is_err() {
                        return;
                    }
                }
                Ok(None) => break None,
                Err(_) => break Some(self.heard.get()).filter(|all| *all > MESSAGE as u64),
            }
        };
        self.over.set(true);
        if let Some(bytes) = flood {
            return self.told(Heard::Flood(bytes));
        }
        self.told(Heard::Worn);
        for id in self.waiting.take() {
            self.told(Heard::Unheard(id));
        }
    }

    /// Brings one message, and tells what comes of it.
    async fn post(&self, line: Vec<u8>, message: &Message) {
        let id = match message {
            Message::Request(request) => Some(&request.id),
            _ => None,
        };
        if self.over.get() {
            self.told(Heard::Worn);
            return self.unheard(id);
        }
        if let (true, Some(Id::Number(id))) = (self.old, id) {
            let _new = self.waiting.borrow_mut().insert(*id);
        }
        let ask = Ask::post(self.url.clone(), "application/json", line.into());
        let mut ask = self.dressed(ask, "application/json, text/event-stream");
        let mirrored = Mirrored::of(message);
        if let Some(version) = &mirrored.version {
            let all = [
                (VERSION, Some(version)),
                (METHOD, mirrored.method.as_ref()),
                (NAME, mirrored.name.as_ref()),
            ];
            for (name, text) in all {
                if let Some(text) = text {
                    ask = ask.with(name, header_of(text));
                }
            }
        }
        let mut answer = match self.fetcher.send(&ask).await {
            Ok(answer) => answer,
            // Nothing is known of what became of it.
            Err(_) => return self.unheard(id),
        };
        let begins = matches!(message, Message::Request(it) if it.method == "initialize");
        if begins && let Some(name) = answer.headers().get(NAMED) {
            let _ = self.named.borrow_mut().insert(NAMED, name.clone());
        }
        if answer.status() == StatusCode::NOT_FOUND && self.named.borrow().contains_key(NAMED) {
            // It forgot the conversation: another one is begun by whoever asks next.
            self.told(Heard::Worn);
            return self.unheard(id);
        }
        // What is taken is answered on the stream.
        let taken = self.old && answer.status().is_success() && !is_stream(&answer);
        let answered = match taken {
            true => Ok(true),
            false => self.hear(&mut answer, id, begins).await,
        };
        // Heard to its end, its connection carries the next request.
        let rest = async { while let Ok(Some(_)) = answer.next().await {} };
        let _ = tokio::time::timeout(REST, rest).await;
        if self.sockets.left() < FEW {
            self.told(Heard::Worn);
        }
        // Who takes a request and never answers it said nothing; who does not take it has said no.
        if matches!(answered, Ok(false)) && answer.status().is_success() {
            return self.unheard(id);
        }
        if let (Some(id), Ok(false)) = (id, answered) {
            let said = format!("the answer has the status {}", answer.status().as_u16());
            self.answer_for(id, &said);
        }
    }

    /// What belongs to no request, where the server offers it.
    async fn listen(&self) {
        let ask = self.dressed(Ask::new(Method::GET, self.url.clone()), "text/event-stream");
        if let Ok(mut answer) = self.fetcher.send(&ask).await
            && answer.status() == StatusCode::OK
            && is_stream(&answer)
        {
            let _ = self.hear(&mut answer, None, false).await;
        }
    }

    fn dressed(&self, ask: Ask, accept: &'static str) -> Ask {
        ask.with(ACCEPT, HeaderValue::from_static(accept))
            .with_all(self.headers.clone())
            .with_all(self.named.borrow().clone())
            .within(PATIENCE)
    }

    /// Tells every message of an answer; whether one of them answers the request. `Err` when nobody listens any more.
    async fn hear(&self, answer: &mut Answer, id: Option<&Id>, begins: bool) -> Result<bool, ()> {
        let mut events = is_stream(answer).then(|| Events::new(MESSAGE));
        let (mut body, mut answered) = (Vec::new(), false);
        while let Ok(Some(piece)) = answer.next().await {
            let all = self.heard.get().saturating_add(piece.len() as u64);
            self.heard.set(all);
            if all > SESSION {
                return self.say(Heard::Flood(all)).map(|()| false);
            }
            match &mut events {
                Some(events) => {
                    let Ok(new) = events.push(&piece) else {
                        return self.say(Heard::TooLong(MESSAGE as u64)).map(|()| answered);
                    };
                    for event in new.into_iter().filter(|event| !event.data.is_empty()) {
                        answered |= self.line(event.data, id, begins)?;
                    }
                    if answered {
                        return Ok(true);
                    }
                }
                None if piece.len() > MESSAGE - body.len() => {
                    return self.say(Heard::TooLong(MESSAGE as u64)).map(|()| answered);
                }
                None => body.extend_from_slice(&piece),
            }
        }
        match (events, read(&body)) {
            (None, Some(_)) => self.line(body, id, begins),
            // What is no message is what an answer says that refuses one, and is told as such.
            (None, None) if answer.status().is_success() && !body.is_empty() => {
                self.line(body, id, begins)
            }
            (None, None) => {
                let (Some(id), false) = (id, body.is_empty()) else { return Ok(answered) };
                let text = String::from_utf8_lossy(&body);
                let text: String = text.chars().take(SAID).collect();
                self.answer_for(id, &format!("{}: {text}", answer.status().as_u16()));
                Ok(true)
            }
            (Some(_), _) => Ok(answered),
        }
    }

    /// Tells one message; whether it answers the request.
    fn line(&self, line: Vec<u8>, id: Option<&Id>, begins: bool) -> Result<bool, ()> {
        let answers = match read(&line) {
            Some(Message::Response(response)) if response.id.as_ref() == id => {
                if begins {
                    self.agreed(&response);
                }
                id.is_some()
            }
            // An error that names no request is of the one that it was the answer to.
            Some(Message::Response(Response { id: None, outcome })) => {
                let Some(id) = id else { return Ok(false) };
                let told = Message::Response(Response { id: Some(id.clone()), outcome });
                return self.say(Heard::Line(encoded(&told))).map(|()| true);
            }
            _ => false,
        };
        self.say(Heard::Line(line)).map(|()| answers)
    }

    /// The revision that was agreed on stands in every request from here on (2025-06-18).
    fn agreed(&self, response: &Response) {
        let portcullis_wire::Outcome::Result(result) = &response.outcome else { return };
        let members = result.object();
        let version = members.as_ref().and_then(|it| it.get("protocolVersion")?.as_text());
        if let Some(version) = version {
            let _ = self.named.borrow_mut().insert(VERSION, header_of(&version));
        }
    }

    /// Nobody answers this request any more.
    fn unheard(&self, id: Option<&Id>) {
        if let Some(Id::Number(id)) = id {
            self.told(Heard::Unheard(*id));
        }
    }

    /// An answer in the server's place: none came.
    fn answer_for(&self, id: &Id, why: &str) {
        let response = Response::error(Some(id.clone()), INTERNAL_ERROR, why);
        self.told(Heard::Line(encoded(&Message::Response(response))));
    }

    fn told(&self, heard: Heard) {
        // Nobody is left who asked.
        let _ = self.say(heard);
    }

    fn say(&self, heard: Heard) -> Result<(), ()> {
        self.tell.send(heard).map_err(drop)
    }
}

fn encoded(message: &Message) -> Vec<u8> {
    let mut line = Vec::new();
    #[expect(clippy::disallowed_methods, reason = "it is said to ourselves")]
    portcullis_wire::write::encode(message, &mut line);
    line
}
