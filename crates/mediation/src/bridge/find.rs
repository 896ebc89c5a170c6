//! Which era does the server speak? Its first answer says so, or what it says when it is
//! asked in the other era's way.
//!
//! ```text
//!  the client's first request, as it is ─▶ a result ────────────────▶ same
//!        │ an error, or silence                ▲
//!        ▼                                     │ its result comes all the same
//!  `server/discover` or `initialize` ──────────┘
//!        ├─ a result that fits ─▶ the other era
//!        └─ anything else ──────▶ the client gets the error it would have had
//! ```
//!
//! No code decides alone. Of a modern server's own errors, three say that it is one. What the
//! server did not take for want of a credential decides nothing.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use portcullis_wire::view::lifecycle::{
    CLIENT_CAPABILITIES, CLIENT_INFO, Discovered, Initialize, Initialized, Meta, PROTOCOL_VERSION,
};
use portcullis_wire::{
    Era, Id, Json, Message, Object, Outcome, Request, Response, Revision, RpcError,
};
use serde_json::json;

use super::down::Down;
use super::up::Up;
use super::{Desk, Turn};

/// How long a server may be silent before it is asked in the other way. Many are fetched
/// when they are first started, so this is long; what is asked too early does no harm.
const SILENCE: Duration = Duration::from_secs(15);

/// Messages that are held back at most while the server is asked.
const HELD: usize = 1024;

/// What the server turned out to be.
#[derive(Debug)]
pub(super) enum Found {
    Modern(Box<Down>),
    Legacy(Box<Up>),
}

/// Nothing is known for sure yet.
#[derive(Debug, Default)]
pub(super) struct Finding {
    /// Requests that went to the server as they are, and have no answer.
    pub(super) tried: BTreeMap<i64, Request>,
    /// What comes after them while the server is asked.
    pub(super) held: Vec<Message>,
    /// Waits for the session's word.
    pub(super) found: Option<Found>,
    /// The first request, whose declaration the server is asked under.
    opening: Option<Request>,
    /// When silence has lasted too long.
    patience: Option<Instant>,
    probe: Option<Probe>,
    /// Asked in the other way without success, for a client of this era.
    in_vain: Option<Era>,
}

#[derive(Debug)]
struct Probe {
    id: Id,
    /// What the client gets when nothing comes of it.
    error: Option<Response>,
    until: Instant,
}

impl Finding {
    /// Held back while the server is being asked; else it goes on as it is.
    pub(super) fn takes(&mut self, message: &Message, now: Instant) -> bool {
        let failed = self.probe.as_ref().is_some_and(|probe| probe.error.is_some());
        if failed || self.found.is_some() {
            if self.held.len() < HELD {
                self.held.push(message.clone());
            }
            return true;
        }
        if let Message::Request(request) = message
            && let (Id::Number(id), Some(era)) = (&request.id, era(request))
        {
            self.tried.insert(*id, request.clone());
            if self.in_vain != Some(era) && self.probe.is_none() {
                self.opening.get_or_insert_with(|| request.clone());
                self.patience.get_or_insert(now + SILENCE);
            }
        }
        false
    }

    /// What the session hears of it, and whether both speak the same.
    pub(super) fn hears(
        &mut self,
        message: Message,
        desk: &mut Desk,
        now: Instant,
    ) -> (Option<Message>, bool) {
        let Message::Response(response) = message else { return (Some(message), false) };
        if self.probe.as_ref().is_some_and(|probe| response.id.as_ref() == Some(&probe.id)) {
            self.probed(response, desk);
            return (None, false);
        }
        let Some(Id::Number(id)) = response.id else {
            return (Some(Message::Response(response)), false);
        };
        let Some(tried) = self.tried.remove(&id) else {
            return (Some(Message::Response(response)), false);
        };
        match &response.outcome {
            Outcome::Result(_) => (Some(Message::Response(response)), true),
            Outcome::Error(error) if is_modern(&tried, error) => {
                (Some(Message::Response(response)), true)
            }
            Outcome::Error(_) if self.found.is_some() => (None, false),
            Outcome::Error(_) => {
                if self.may_ask(&tried) {
                    self.tried.insert(id, tried);
                    self.ask(Some(response), desk, now);
                    return (None, false);
                }
                (Some(Message::Response(response)), false)
            }
        }
    }

    /// The server did not take this request, so whoever sent it is told so, and nothing follows.
    pub(super) fn not_taken(&mut self, answer: Response, desk: &mut Desk) -> Option<Response> {
        if self.probe.as_ref().is_some_and(|probe| answer.id.as_ref() == Some(&probe.id)) {
            self.lets_go(desk, "the server could not be asked what it speaks");
            return None;
        }
        if let Some(Id::Number(id)) = &answer.id {
            self.tried.remove(id);
        }
        if self.tried.is_empty() && self.probe.is_none() {
            (self.opening, self.patience) = (None, None);
        }
        Some(answer)
    }

    fn may_ask(&self, tried: &Request) -> bool {
        let error = self.probe.as_ref().is_some_and(|probe| probe.error.is_some());
        !error && self.in_vain != era(tried)
    }

    /// Asks the server in the other era's way, unless that is under way.
    fn ask(&mut self, error: Option<Response>, desk: &mut Desk, now: Instant) {
        self.patience = None;
        if let Some(probe) = &mut self.probe {
            probe.error = error;
            return;
        }
        let Some(opening) = &self.opening else { return };
        let id = desk.id();
        let (method, params) = match era(opening) {
            Some(Era::Legacy) => ("server/discover", discover(opening)),
            _ => ("initialize", initialize(opening)),
        };
        desk.ask(id.clone(), method, params);
        self.probe = Some(Probe { id, error, until: now + SILENCE });
    }

    /// The server answered what we asked.
    fn probed(&mut self, response: Response, desk: &mut Desk) {
        let found = match (&response.outcome, &self.opening) {
            (Outcome::Result(result), Some(opening)) => found(opening, result),
            _ => None,
        };
        let Some((revision, found)) = found else { return self.in_vain(desk) };
        self.probe = None;
        self.found = Some(found);
        desk.turns.push_back(Turn::Spoke(revision));
    }

    /// Nothing came of it: the client gets what it would have got, and so does what waited.
    fn in_vain(&mut self, desk: &mut Desk) {
        self.in_vain = self.opening.take().and_then(|opening| era(&opening));
        // Nobody knows in which way it could be asked.
        self.lets_go(desk, "the server speaks no revision that is known here");
    }

    /// Whoever waits for what we asked waits no more.
    fn lets_go(&mut self, desk: &mut Desk, why: &str) {
        let Some(probe) = self.probe.take() else { return };
        if let Some(error) = probe.error {
            if let Some(Id::Number(id)) = error.id {
                self.tried.remove(&id);
            }
            desk.hear(Message::Response(error));
        }
        for message in std::mem::take(&mut self.held) {
            if let Message::Request(Request { id: Id::Number(id), .. }) = &message {
                desk.fail(*id, -32603, why);
            }
        }
    }

    pub(super) fn expire(&mut self, desk: &mut Desk, now: Instant) {
        if let Some(probe) = self.probe.as_ref().filter(|probe| probe.until <= now) {
            // Whoever answers nothing at all may wait for a person that signs in.
            match probe.error {
                Some(_) => self.in_vain(desk),
                None => self.probe = None,
            }
            return;
        }
        if self.patience.is_some_and(|until| until <= now) {
            self.patience = None;
            if !self.tried.is_empty() {
                self.ask(None, desk, now);
            }
        }
    }

    pub(super) fn next(&self) -> Option<Instant> {
        let probe = self.probe.as_ref().map(|probe| probe.until);
        let patience = self.patience.filter(|_| self.probe.is_none());
        probe.into_iter().chain(patience).min()
    }
}

/// The era in which a request is made; nothing when it is one of neither.
fn era(request: &Request) -> Option<Era> {
    if request.method == "initialize" {
        return Some(Era::Legacy);
    }
    let meta = Meta::read(request.params.as_ref()).ok()?;
    meta.protocol_version.map(|_| Era::Modern)
}

/// Codes that only 2026-07-28 has (basic/index, Error Codes), and only for its requests.
fn is_modern(tried: &Request, error: &RpcError) -> bool {
    era(tried) == Some(Era::Modern) && (-32022..=-32020).contains(&error.code)
}

fn discover(opening: &Request) -> Json {
    let opened = Initialize::read(opening.params.as_ref()).ok();
    let members = opening.params.as_ref().and_then(Json::object).unwrap_or_default();
    let mut meta = Object::new();
    meta.set(PROTOCOL_VERSION, Json::string(Revision::V2026_07_28.as_str()));
    let declared = opened.map_or_else(|| json!({}), |opened| opened.capabilities);
    meta.set(CLIENT_CAPABILITIES, super::words::client(&declared));
    if let Some(info) = members.get("clientInfo") {
        meta.set(CLIENT_INFO, info.clone());
    }
    let mut params = Object::new();
    params.set("_meta", meta.to_json());
    params.to_json()
}

pub(super) fn initialize(opening: &Request) -> Json {
    let meta = Meta::read(opening.params.as_ref()).unwrap_or_default();
    let written = opening.params.as_ref().and_then(Json::object);
    let written = written.and_then(|params| params.get("_meta")?.object());
    let info = written.and_then(|meta| meta.get(CLIENT_INFO).cloned());
    let unnamed = || Json::from_value(&json!({"name": "unnamed", "version": "0"}));
    let mut params = Object::new();
    params.set("protocolVersion", Json::string(Revision::latest_legacy().as_str()));
    let declared = meta.client_capabilities.unwrap_or_else(|| json!({}));
    params.set("capabilities", super::words::client(&declared));
    params.set("clientInfo", info.unwrap_or_else(unnamed));
    params.to_json()
}

/// What a server is that gave this result, if it is one.
fn found(opening: &Request, result: &Json) -> Option<(Revision, Found)> {
    if era(opening) == Some(Era::Legacy) {
        let answer = Discovered::read(result).ok()?;
        let modern = Revision::V2026_07_28;
        answer.supported_versions.iter().find(|version| *version == modern.as_str())?;
        let params = discover(opening).object()?.get("_meta")?.clone();
        return Some((modern, Found::Modern(Box::new(Down::new(opening, params, result)))));
    }
    let answer = Initialized::read(result).ok()?;
    let revision = Revision::parse(&answer.protocol_version)?;
    let legacy = revision <= Revision::latest_legacy();
    let up = || Box::new(Up::new(revision, initialize(opening), result));
    legacy.then(|| (revision, Found::Legacy(up())))
}
