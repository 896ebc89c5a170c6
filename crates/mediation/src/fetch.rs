//! Questions of our own to the server: what a request needs us to know first.
//!
//! A call may come before any listing, and a modern request before any
//! discovery. Then we ask, the request waits, and is judged again afterwards.

use std::time::Instant;

use portcullis_catalog::control::{CAPABILITY_FROZEN, TOOL_KNOWN};
use portcullis_journal::{Event, Outcome as Ended};
use portcullis_policy::Decision;
use portcullis_wire::view::lifecycle::{CLIENT_CAPABILITIES, Discovered, Meta};
use portcullis_wire::{Id, Json, Message, Object, Outcome, Peer, Request, Revision};
use serde_json::Value;

use crate::Session;
use crate::carries::Carries;
use crate::control::capability_frozen::{clamp_server, under};
use crate::control::extensions_agreed::both;
use crate::control::policy_obeyed::Owed;
use crate::correlate::{InFlight, Purpose};
use crate::listing::Page;
use crate::output::Closing;
use crate::settle::Refusal;
use crate::state::Phase;

/// Pages of one listing before we stop asking.
const PAGES: u32 = 64;

/// Something about the server that a request needs us to know first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// `server/discover`.
    Capabilities,
    /// `tools/list`, all pages.
    Tools,
    /// `initialize`, of a process that takes another's place.
    Handshake,
}

/// A question of our own, and the requests that wait for its answer.
#[derive(Debug)]
pub(crate) struct Fetch {
    wanted: Wanted,
    pages: u32,
    /// The modern `_meta` of the request that caused it, clamped.
    meta: Option<Json>,
    waiting: Vec<Request>,
}

impl Session {
    /// Parks a request until we know what it needs.
    pub(crate) fn fetch_first(&mut self, wanted: Wanted, request: Request, now: Instant) {
        match &mut self.fetch {
            Some(fetch) => fetch.waiting.push(request),
            None => {
                let meta = self.own_meta(&request);
                let waiting = vec![request];
                self.fetch = Some(Fetch { wanted, pages: 0, meta, waiting });
                self.ask_server(None, now);
            }
        }
    }

    /// The `_meta` under which we ask: the causing request's, without its token.
    fn own_meta(&self, request: &Request) -> Option<Json> {
        let meta = Meta::read(request.params.as_ref()).ok()?;
        let clamped = self.clamped(&meta)?;
        let mut members = request.params.as_ref()?.object()?.get("_meta")?.object()?;
        members.remove("progressToken");
        members.set(CLIENT_CAPABILITIES, Json::from_value(&clamped));
        Some(members.to_json())
    }

    fn ask_server(&mut self, cursor: Option<&str>, now: Instant) {
        let Some(fetch) = &self.fetch else { return };
        let (method, purpose) = match fetch.wanted {
            Wanted::Capabilities => ("server/discover", Purpose::OurDiscover),
            Wanted::Tools => ("tools/list", Purpose::OurToolsList),
            Wanted::Handshake => ("initialize", Purpose::OurInitialize),
        };
        let mut params = match fetch.wanted {
            Wanted::Handshake => self.opening_again(),
            Wanted::Capabilities | Wanted::Tools => Object::new(),
        };
        // Who looks for the client looks as it would: the next change is news.
        self.rates.looked(method);
        if let Some(cursor) = cursor {
            params.set("cursor", Json::string(cursor));
        }
        if let Some(meta) = &fetch.meta {
            params.set("_meta", meta.clone());
        }
        let minted = self.to_server.mint();
        self.next_call += 1;
        let row = self.our_row(minted, purpose, method, now);
        let mut record = self.record(Event::Intent);
        record.method = Some(method.to_owned());
        record.call = Some(self.next_call);
        record.note = Some("asked by the gateway".to_owned());
        self.to_server.insert(minted, row);
        let request = Request {
            id: Id::Number(minted),
            method: method.to_owned(),
            params: Some(params.to_json()),
        };
        self.forward(Peer::Server, Message::Request(request), record, None);
    }

    /// The row of a request of our own.
    pub(crate) fn our_row(
        &self,
        minted: i64,
        purpose: Purpose,
        method: &str,
        now: Instant,
    ) -> InFlight {
        let deadline = now + self.settings.limits.call_timeout;
        InFlight {
            id: Id::Number(minted),
            purpose,
            method: method.to_owned(),
            subject: None,
            call: self.next_call,
            token: None,
            progress: None,
            wants_logs: false,
            owed: Owed::default(),
            sent: now,
            deadline,
            ceiling: deadline,
            carries: Carries::default(),
        }
    }

    /// Asks a process that took another's place, before anything else goes there.
    /// Whoever waited for the old one's answer waits for this one's.
    pub(crate) fn begin_again(&mut self, wanted: Wanted, now: Instant) {
        let before = self.fetch.take();
        let (meta, waiting) =
            before.map_or((None, Vec::new()), |fetch| (fetch.meta, fetch.waiting));
        if wanted != Wanted::Handshake && waiting.is_empty() && self.era_is_modern() {
            // A modern process is asked under the declaration of whoever asks next.
            return;
        }
        self.fetch = Some(Fetch { wanted, pages: 0, meta, waiting });
        self.ask_server(None, now);
    }

    /// A process that takes another's place has not been greeted yet.
    pub(crate) fn is_greeting_again(&self) -> bool {
        self.fetch.as_ref().is_some_and(|fetch| fetch.wanted == Wanted::Handshake)
    }

    fn era_is_modern(&self) -> bool {
        matches!(self.phase, Phase::Modern(_))
    }

    /// The server answered a question of ours.
    pub(crate) fn fetched(&mut self, row: &InFlight, outcome: Outcome, now: Instant) {
        let ended = if let Outcome::Result(_) = outcome { Ended::Ok } else { Ended::Error };
        let mut record = self.ended(row, ended, now);
        if row.purpose == Purpose::OurReplay {
            return self.note(record);
        }
        let Outcome::Result(result) = outcome else {
            self.note(record);
            if row.purpose == Purpose::OurInitialize {
                return self.close(Closing::ServerGone, now);
            }
            return self.fetch_failed("the server refused to say");
        };
        let (result, sifted) = match self.fitting(row, result) {
            Ok(fitting) => fitting,
            Err(misfit) => {
                record.decision = misfit;
                self.note(record);
                return self.fetch_failed("the server's answer does not fit");
            }
        };
        if row.purpose == Purpose::OurDiscover {
            self.note(record);
            self.speaks_modern();
            return self.discovered_for_us(&result, now);
        }
        if row.purpose == Purpose::OurInitialize {
            self.note(record);
            return self.greeted_again(&result, now);
        }
        let page = self.read_listing(&result);
        if let Some(page) = &page {
            record.decision = sifted.and(page.decision.clone());
        }
        self.note(record);
        self.listed_for_us(page, now);
    }

    fn discovered_for_us(&mut self, result: &Json, now: Instant) {
        let Ok(discovered) = Discovered::read(result) else {
            return self.fetch_failed("the server's answer does not fit");
        };
        let declared = self.declared_by_server(&discovered.capabilities);
        let mut grown = Vec::new();
        if let Phase::Modern(modern) = &mut self.phase {
            // The client's own discovery may have been answered meanwhile: the first stands.
            (_, grown) = under(modern.server.get_or_insert_with(|| declared.clone()), &declared);
            modern.sure = true;
        }
        if !grown.is_empty() {
            self.note_growth("server", &grown);
        }
        self.resume(now);
    }

    /// What a modern server may use of what it declares.
    pub(crate) fn declared_by_server(&self, declared: &Value) -> Value {
        let (allowed, revision) = (&self.settings.extensions, Revision::V2026_07_28);
        let declared = clamp_server(declared, allowed, revision);
        match self.phase.client_capabilities() {
            Some(client) => both(declared, client),
            None => declared,
        }
    }

    fn listed_for_us(&mut self, page: Option<Page>, now: Instant) {
        let Some(page) = page else {
            return self.fetch_failed("the server's list does not fit");
        };
        let pages = self.fetch.as_mut().map_or(PAGES, |fetch| {
            fetch.pages += 1;
            fetch.pages
        });
        match page.next {
            Some(cursor) if pages < PAGES => self.ask_server(Some(&cursor), now),
            Some(_) => self.fetch_failed("the server's list has no end"),
            None => {
                self.tools.finish();
                self.listed_again();
                self.resume(now);
            }
        }
    }

    /// Judges the waiting requests again, now that we know.
    pub(crate) fn resume(&mut self, now: Instant) {
        let waiting = self.fetch.take().map(|fetch| fetch.waiting).unwrap_or_default();
        for request in waiting {
            self.route(request, now);
        }
    }

    /// We could not find out: everybody who waits is refused.
    pub(crate) fn fetch_failed(&mut self, why: &str) {
        let Some(fetch) = self.fetch.take() else { return };
        let control = match fetch.wanted {
            Wanted::Capabilities => CAPABILITY_FROZEN,
            Wanted::Tools | Wanted::Handshake => TOOL_KNOWN,
        };
        for request in fetch.waiting {
            let decision = Decision::deny(control, why);
            let refusal = Refusal::error(decision, -32603, "the server did not say what it offers");
            self.refuse(&request, refusal);
        }
    }

    /// The client took back a request that waits for a fetch.
    pub(crate) fn forget_waiting(&mut self, id: &Id) -> bool {
        let Some(fetch) = &mut self.fetch else { return false };
        let Some(place) = fetch.waiting.iter().position(|request| request.id == *id) else {
            return false;
        };
        let request = fetch.waiting.remove(place);
        let mut record = self.about(Event::Outcome, &request);
        record.outcome = Some(Ended::Cancelled);
        self.note(record);
        true
    }

    /// The session ends: whoever waits for a fetch is refused.
    pub(crate) fn end_fetch(&mut self) {
        self.fetch_failed("the session ended");
    }
}
