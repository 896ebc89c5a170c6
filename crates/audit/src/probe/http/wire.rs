//! One request, one answer: bounded in number, in time and in bytes, and each written down.

use std::os::fd::OwnedFd;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use hyper::http::HeaderMap;
use hyper::{Method, StatusCode};
use portcullis_guard::egress::Url;
use portcullis_guard::{bounded, redact, visible};
use portcullis_transport::http::fetch::{self, Fetcher, Reach, Roots, Sockets};
use portcullis_wire::events::Events;
use portcullis_wire::{Id, Json, Message, Outcome, Response};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use super::{Credential, Order, streams};
use crate::evidence::http::{Answer, Exchange, Header, Meaning, Question, Sent};
use crate::probe::clock::Clock;
use crate::probe::machine::tells;
use crate::probe::old::{self, Stream, is_stream};

/// Requests that are sent at most.
const MOST: usize = 160;
/// The longest answer that is read, in bytes.
pub(super) const BYTES: usize = 8 << 20;
/// How much of an answer is kept, in characters.
const SAID: usize = 2_000;
/// How long a stream that was taken up again may take to repeat something.
pub(super) const REPEATED: Duration = Duration::from_secs(2);
/// What is shorter than this is no secret, in bytes.
const SECRET: usize = 4;
/// The headers of an answer that are kept.
const KEPT: [&str; 7] = [
    "content-type",
    "www-authenticate",
    "access-control-allow-origin",
    "access-control-allow-credentials",
    "allow",
    "location",
    SESSION,
];
/// Which session a request belongs to.
pub(super) const SESSION: &str = "mcp-session-id";

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// We, as the order says.
    Us,
    /// Somebody without a credential.
    Nobody,
    /// Somebody with one that is none.
    Impostor,
}

/// How a request gets there, and its answer back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// It is posted, and that is answered.
    Post,
    /// A stream of its own is opened for it, as in 2024-11-05.
    Fresh,
    /// It is posted to where our stream said, and answered on that.
    Ours,
}

/// A request before it is sent.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) question: Question,
    pub(super) method: Method,
    /// Where to, when that is not the server's address.
    pub(super) to: Option<Url>,
    /// The name that is asked for, when it is not the address's.
    pub(super) host: Option<String>,
    /// Names, values, and how these are shown.
    pub(super) headers: Vec<(&'static str, String, String)>,
    pub(super) body: Option<String>,
    pub(super) who: Who,
    /// The request whose answer ends a stream.
    pub(super) id: Option<Id>,
    pub(super) way: Way,
}

impl Ask {
    /// With a header, in place of one of that name; or without it.
    pub(super) fn with(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.headers.retain(|(known, ..)| *known != name);
        self.headers.extend(value.map(|value| (name, value.to_owned(), value.to_owned())));
        self
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Came {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) outcome: Option<Outcome>,
    /// The names of a stream's events.
    pub(super) events: Vec<String>,
    /// As it was written.
    pub(super) text: String,
    /// The stream that was opened for it.
    pub(super) stream: Option<Box<Stream>>,
}

impl Came {
    /// The result, when it is one.
    pub(super) fn result(self) -> Option<Json> {
        match self.outcome {
            Some(Outcome::Result(result)) => Some(result),
            _ => None,
        }
    }

    /// Whether it was done as asked.
    pub(super) fn is_done(&self) -> bool {
        matches!(self.outcome, Some(Outcome::Result(_)))
    }

    /// A header, in visible letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The name of the session that was opened.
    pub(super) fn name(&self) -> Option<String> {
        match &self.stream {
            Some(stream) => old::session_in(&stream.endpoint),
            None => self.header(SESSION).map(str::to_owned),
        }
    }

    /// With nothing in it yet.
    pub(super) fn empty(status: StatusCode, headers: HeaderMap) -> Self {
        let (events, text) = (Vec::new(), String::new());
        Self { status, headers, outcome: None, events, text, stream: None }
    }
}

/// The way to the server.
#[derive(Debug)]
pub(super) struct Wire {
    runtime: Runtime,
    fetcher: Fetcher,
    pub(super) url: Url,
    credentials: Vec<(HeaderName, HeaderValue, String)>,
    clock: Clock,
    pub(super) exchanges: Vec<Exchange>,
    /// On which we are answered, where the server speaks as in 2024-11-05.
    pub(super) stream: Option<Box<Stream>>,
}

impl Wire {
    /// The way to where the order leads, over sockets that were made elsewhere if there are some.
    pub(super) fn new(
        order: &Order,
        sockets: Option<Vec<OwnedFd>>,
        clock: Clock,
    ) -> Result<Self, String> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let mut reach = Reach::default().and_own(order.url.origin());
        if let Some(other) = other_address(&order.url) {
            reach = reach.and_own(other.origin());
        }
        let mut fetcher = Fetcher::new(reach, Roots::system());
        if let Some(sockets) = sockets {
            fetcher = fetcher.over(Sockets::new(sockets));
        }
        let read = |it: &Credential| {
            let value = HeaderValue::try_from(it.value.expose("as a header of a request"));
            let unfit = || format!("header `{}` cannot be sent", it.name);
            let name = HeaderName::try_from(it.name.as_str()).map_err(|_| unfit())?;
            let mut value = value.map_err(|_| unfit())?;
            value.set_sensitive(true);
            Ok::<_, String>((name, value, it.shown.clone()))
        };
        Ok(Self {
            runtime: runtime.map_err(|error| error.to_string())?,
            fetcher,
            url: order.url.clone(),
            credentials: order.credentials.iter().map(read).collect::<Result<_, _>>()?,
            clock,
            exchanges: Vec::new(),
            stream: None,
        })
    }

    /// Whether nothing more can be asked.
    pub(super) fn is_over(&self) -> bool {
        self.clock.is_over() || self.exchanges.len() >= MOST
    }

    /// How long there is for what is left to do.
    pub(super) fn left(&self) -> Duration {
        self.clock.left()
    }

    /// By what we identify ourselves.
    pub(super) fn headers(&self) -> HeaderMap {
        self.credentials.iter().map(|(name, value, _)| (name.clone(), value.clone())).collect()
    }

    /// Whether we identify ourselves.
    pub(super) fn identifies(&self) -> bool {
        !self.credentials.is_empty()
    }

    /// Whether it said that it wants to know who we are.
    pub(super) fn is_barred(&self) -> bool {
        self.exchanges.iter().any(|it| matches!(it.status(), Some(401 | 403)))
    }

    /// Why nothing came back at all, when nothing did.
    pub(super) fn heard_nothing(&self) -> Option<String> {
        let none = self.exchanges.iter().all(|it| it.answer.is_none());
        let why = self.exchanges.iter().find_map(|it| it.remark.clone());
        none.then(|| why.unwrap_or_else(|| "there was no answer".to_owned()))
    }

    /// Says more about the last exchange.
    pub(super) fn remark(&mut self, what: &str) {
        if let Some(last) = self.exchanges.last_mut() {
            last.remark = Some(what.to_owned());
        }
    }

    /// Sends a request and writes down what came of it; `None` when nothing came, or nothing more may be asked.
    pub(super) fn send(&mut self, ask: Ask) -> Option<Came> {
        if self.is_over() {
            return None;
        }
        let mut ours = self.stream.take();
        let shown = streams::shown(&ask, ours.as_deref());
        let (request, sent) = self.dressed(&shown);
        let left = self.clock.left().min(self.clock.call());
        let heard = async {
            let heard = async {
                match ask.way {
                    Way::Post => heard(&self.fetcher, &request, &ask).await,
                    Way::Fresh => streams::fresh(self, &ask).await,
                    Way::Ours => streams::ours(&self.fetcher, &request, &ask, &mut ours).await,
                }
            };
            match tokio::time::timeout(left, heard).await {
                Ok(heard) => heard,
                Err(_) => Err("there was no answer in time".to_owned()),
            }
        };
        let mut heard = self.runtime.block_on(heard);
        self.stream = ours;
        let sent = self.without_names(sent);
        if let Ok(came) = &mut heard {
            came.text = self.hide(&came.text);
        }
        let (answer, remark) = match &heard {
            Ok(came) => (Some(self.written(came, &ask)), None),
            Err(why) => (None, Some(why.clone())),
        };
        let (question, started) = (ask.question, false);
        self.exchanges.push(Exchange { question, request: sent, answer, started, remark });
        heard.ok()
    }

    /// A text without that by which we identify ourselves, as it is or as it stands in JSON.
    pub(super) fn hide(&self, text: &str) -> String {
        let all = self.credentials.iter().filter_map(|(_, value, shown)| {
            let value = value.to_str().ok()?;
            let token = value.rsplit_once(' ').map_or(value, |(_, token)| token);
            let shown = shown.rsplit_once(' ').map_or(shown.as_str(), |(_, shown)| shown);
            Some((token, shown)).filter(|(token, _)| token.len() >= SECRET)
        });
        all.fold(text.to_owned(), |text, (token, shown)| {
            let quoted = Value::from(token).to_string();
            text.replace(quoted.trim_matches('"'), shown).replace(token, shown)
        })
    }

    /// As it goes, and as it is shown.
    pub(super) fn dressed(&self, ask: &Ask) -> (fetch::Ask, Sent) {
        let url = ask.to.as_ref().unwrap_or(&self.url);
        let mut headers = Vec::new();
        let mut request = match &ask.body {
            // The kind of a body is among the headers.
            Some(body) => fetch::Ask::post(url.clone(), "", body.clone().into_bytes().into()),
            None => fetch::Ask::new(ask.method.clone(), url.clone()),
        };
        if let Some(host) = ask.host.as_ref().and_then(|host| HeaderValue::try_from(host).ok()) {
            request = request.named(host);
            let host = |value| Header { name: "host".to_owned(), value, variable: false };
            headers.extend(ask.host.clone().map(host));
        }
        for (name, value, shown) in &ask.headers {
            if let Ok(sent) = HeaderValue::try_from(value) {
                request = request.with(HeaderName::from_static(name), sent);
                let (name, variable) = ((*name).to_owned(), value != shown);
                headers.push(Header { name, value: shown.clone(), variable });
            }
        }
        for (name, value, shown) in &self.credentials {
            let (value, shown) = match ask.who {
                Who::Us => (value.clone(), shown.clone()),
                Who::Nobody => continue,
                Who::Impostor => {
                    let none = impostor(shown);
                    (HeaderValue::try_from(&none).unwrap_or(HeaderValue::from_static("x")), none)
                }
            };
            request = request.with(name.clone(), value);
            let variable = ask.who == Who::Us;
            headers.push(Header { name: name.to_string(), value: shown, variable });
        }
        let sent = Sent {
            method: ask.method.to_string(),
            url: url.text(),
            headers,
            body: ask.body.as_deref().map(|body| bounded(&visible(body), SAID)),
        };
        (request, sent)
    }

    /// The name of our session, where it stands in an address.
    fn name(&self) -> Option<String> {
        old::session_in(&self.stream.as_ref()?.endpoint)
    }

    /// A request in whose address the name of our session does not stand.
    fn without_names(&self, mut sent: Sent) -> Sent {
        if let Some(name) = self.name() {
            sent.url = sent.url.replace(&name, "$SESSION");
        }
        sent
    }

    /// The way there.
    pub(super) fn fetcher(&self) -> &Fetcher {
        &self.fetcher
    }

    /// What is kept of an answer.
    fn written(&self, came: &Came, ask: &Ask) -> Answer {
        let kept = KEPT.iter().filter_map(|name| {
            let value = came.headers.get(*name)?;
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            let value = match *name {
                SESSION => "$SESSION".to_owned(),
                _ => bounded(&visible(&redact(&value)), SAID),
            };
            Some(Header { name: (*name).to_owned(), value, variable: false })
        });
        let meaning = match &came.outcome {
            Some(Outcome::Result(_)) => Meaning::Result,
            Some(Outcome::Error(error)) => Meaning::Error { code: error.code },
            None if came.status == StatusCode::OK && says_stream(&came.headers) => Meaning::Stream,
            None => Meaning::Nothing,
        };
        let request = ask.body.clone().unwrap_or_default();
        // What was done as asked says what it offers; what was refused should say nothing more.
        let leak =
            if meaning == Meaning::Result { None } else { tells(&came.text, &request, None) };
        let leak = leak.and_then(|(kind, range)| {
            let leak = visible(&redact(came.text.get(range)?));
            Some(format!("{}: {}", kind.as_str(), bounded(&leak, 200)))
        });
        let mut said: String = came.text.chars().take(2 * SAID).collect();
        for name in came.name().into_iter().chain(self.name()).filter(|name| name.len() > 3) {
            said = said.replace(&name, "$SESSION");
        }
        Answer {
            status: came.status.as_u16(),
            headers: kept.collect(),
            meaning,
            said: bounded(&visible(&redact(&said)), SAID),
            leak,
        }
    }
}

/// Another address of this machine, by which a server that listens on every address is reached too.
pub(super) fn other_address(url: &Url) -> Option<Url> {
    let origin = url.origin();
    if origin.is_https() || !origin.is_this_machine() {
        return None;
    }
    let host = if url.authority().starts_with("127.0.0.2:") { "127.0.0.3" } else { "127.0.0.2" };
    Url::new(&format!("http://{host}:{}{}", origin.target().port, url.path())).ok()
}

/// A credential of the same form that is none.
fn impostor(shown: &str) -> String {
    let before = shown.split_once('$').map_or("", |(before, _)| before);
    format!("{before}portcullis-audit-{}", crate::probe::dice::word())
}

fn says_stream(headers: &HeaderMap) -> bool {
    let said = headers.get("content-type").and_then(|value| value.to_str().ok());
    said.unwrap_or_default().to_ascii_lowercase().starts_with("text/event-stream")
}

/// Sends, and hears the answer to its end, or as far as it is wanted.
async fn heard(fetcher: &Fetcher, request: &fetch::Ask, ask: &Ask) -> Result<Came, String> {
    let answer = fetcher.send(request).await.map_err(|error| error.to_string())?;
    whole(answer, ask).await
}

/// An answer to its end, or as far as it is wanted.
pub(super) async fn whole(mut answer: fetch::Answer, ask: &Ask) -> Result<Came, String> {
    let mut came = Came::empty(answer.status(), answer.headers().clone());
    if is_stream(&answer) {
        let followed = follow(&mut answer, &mut came, ask);
        // Nothing more may come of a stream that only listens.
        match ask.id {
            Some(_) => followed.await?,
            None => {
                let _ = tokio::time::timeout(REPEATED, followed).await;
            }
        }
        return Ok(came);
    }
    let mut body = Vec::new();
    while let Ok(Some(piece)) = answer.next().await {
        if piece.len() > BYTES - body.len() {
            return Err("the answer is too large".to_owned());
        }
        body.extend_from_slice(&piece);
    }
    came.outcome = message(&body).map(|response| response.outcome);
    came.text = String::from_utf8_lossy(&body).into_owned();
    Ok(came)
}

/// Hears a stream until the answer to the request is in it.
async fn follow(answer: &mut fetch::Answer, came: &mut Came, ask: &Ask) -> Result<(), String> {
    let mut events = Events::new(BYTES);
    let mut bytes = 0;
    while let Ok(Some(piece)) = answer.next().await {
        bytes += piece.len();
        if bytes > BYTES {
            return Err("the answer is too large".to_owned());
        }
        // Line by line, so that the name of each event is seen.
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let before = events.last.clone();
            let all = events.push(part).map_err(|_| "an event is too long".to_owned())?;
            let named = events.last.clone().filter(|name| Some(name) != before.as_ref());
            came.events.extend(named);
            for event in all.into_iter().filter(|event| !event.data.is_empty()) {
                came.text.push_str(&String::from_utf8_lossy(&event.data));
                came.text.push('\n');
                let found = message(&event.data).filter(|it| it.id.is_none() || it.id == ask.id);
                if let Some(response) = found.filter(|_| ask.id.is_some()) {
                    came.outcome = Some(response.outcome);
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

pub(super) fn message(text: &[u8]) -> Option<Response> {
    match old::message(text, BYTES) {
        Some(Message::Response(response)) => Some(response),
        _ => None,
    }
}
