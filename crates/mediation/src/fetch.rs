//! Questions of our own to the server: what a request needs us to know first.
//!
//! A call may come before any listing, and a modern request before any
//! discovery. Then we ask, the request waits, and is judged again afterwards.

use std::time::Instant;

use portcullis_catalog::control::{CAPABILITY_FROZEN, TOOL_KNOWN};
use portcullis_journal::{Event, Outcome as Ended};
use portcullis_policy::Decision;
use portcullis_wire::view::lifecycle::{CLIENT_CAPABILITIES, Discovered, Meta};
use portcullis_wire::{Id, Json, Message, Object, Outcome, Peer, Request};

use crate::Session;
use crate::control::capability_frozen::{clamp_server, under};
use crate::correlate::{InFlight, Purpose};
use crate::listing::Page;
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
        };
        let mut params = Object::new();
        if let Some(cursor) = cursor {
            params.set("cursor", Json::string(cursor));
        }
        if let Some(meta) = &fetch.meta {
            params.set("_meta", meta.clone());
        }
        let minted = self.to_server.mint();
        self.next_call += 1;
        let limits = &self.settings.limits;
        let deadline = now + limits.call_timeout;
        let row = InFlight {
            id: Id::Number(minted),
            purpose,
            method: method.to_owned(),
            subject: None,
            call: self.next_call,
            token: None,
            progress: None,
            wants_logs: false,
            sent: now,
            deadline,
            ceiling: deadline,
        };
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

    /// The server answered a question of ours.
    pub(crate) fn fetched(&mut self, row: &InFlight, outcome: Outcome, now: Instant) {
        let ended = if let Outcome::Result(_) = outcome { Ended::Ok } else { Ended::Error };
        let mut record = self.ended(row, ended, now);
        let Outcome::Result(result) = outcome else {
            self.note(record);
            return self.fetch_failed("the server refused to say");
        };
        if row.purpose == Purpose::OurDiscover {
            self.note(record);
            return self.discovered_for_us(&result, now);
        }
        let page = self.read_listing(&result);
        if let Some(page) = &page {
            record.decision = page.decision.clone();
        }
        self.note(record);
        self.listed_for_us(page, now);
    }

    fn discovered_for_us(&mut self, result: &Json, now: Instant) {
        let Ok(discovered) = Discovered::read(result) else {
            return self.fetch_failed("the server's answer does not fit");
        };
        let declared = clamp_server(&discovered.capabilities);
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
                self.resume(now);
            }
        }
    }

    /// Judges the waiting requests again, now that we know.
    fn resume(&mut self, now: Instant) {
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
            Wanted::Tools => TOOL_KNOWN,
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
