//! Roots that change while the conversation goes on.
//!
//! The host may say what it offers, the operator may take a root back, and a
//! directory may vanish. Whoever says so, the roots in force change before the
//! next message is judged, the caller is told to change the box, and the server is
//! told in its own words.

use std::time::Instant;

use portcullis_catalog::control::{ROOTS_ANSWERED, ROOTS_FOLLOWED, SERVER_CONFINED};
use portcullis_guard::path::Roots;
use portcullis_journal::{Event, Outcome as Ended};
use portcullis_policy::{Decision, Effect};
use portcullis_wire::{Id, Json, Message, Notification, Outcome, Peer, Request, Response};
use serde_json::json;

use crate::Session;
use crate::control::{roots_answered, roots_followed};
use crate::correlate::{InFlight, Purpose};
use crate::output::Output;
use crate::state::Phase;

/// How much of what a server reached for stands in one question.
const WISHES: usize = 3;

const CHANGED: &str = "notifications/roots/list_changed";

impl Session {
    /// The operator's ceiling is this from now on: something was taken back,
    /// vanished, or returned. `why` is for the journal.
    pub fn set_ceiling(&mut self, ceiling: Roots, why: &str) {
        if self.is_closed() || *self.scope.ceiling() == ceiling {
            return;
        }
        self.note_roots(why);
        self.scope.set_ceiling(ceiling);
        self.settle_roots(false);
    }

    /// Keeps a record of something about roots that the caller saw.
    pub fn note_roots(&mut self, why: &str) {
        let mut record = self.record(Event::Notice);
        let why = portcullis_guard::text::visible(why);
        record.decision = Decision::because(Effect::Allow, ROOTS_FOLLOWED, why);
        self.note(record);
    }

    /// The server reached for something outside of its box, and did not get it.
    /// Whoever is asked about it next is told.
    pub fn wanted(&mut self, what: &str) {
        let what = portcullis_guard::text::visible(&portcullis_guard::secret::redact(what));
        let mut record = self.record(Event::Notice);
        record.decision = Decision::because(Effect::Allow, SERVER_CONFINED, what.as_str());
        self.note(record);
        if self.wishes.len() < WISHES {
            self.wishes.push(what);
        }
    }

    /// What the host offers, cut to the ceiling; in force from here on.
    pub(crate) fn hear_roots(&mut self, answer: &Json) -> (Json, Decision) {
        let cut = roots_answered::rewrite(answer, self.scope.ceiling(), &self.newcomers);
        self.scope.heard(answer.clone());
        self.settle_roots(false);
        self.meet_newcomers(answer);
        cut
    }

    /// Makes the roots in force what they should be.
    fn settle_roots(&mut self, announce: bool) {
        let roots = self.scope.in_force();
        let changed = roots != self.settings.roots;
        if changed {
            let mut record = self.record(Event::Notice);
            record.decision = roots_followed::told(&self.settings.roots, &roots);
            self.note(record);
            self.settings.cwd = self.scope.cwd(&roots);
            self.settings.policy = self.scope.policy(&roots);
            self.settings.roots = roots.clone();
            self.outputs.push_back(Output::Roots(Box::new(roots)));
        }
        if changed || announce {
            self.announce_roots();
        }
    }

    /// Tells the server that its roots changed, if it was told that it would be.
    fn announce_roots(&mut self) {
        let Phase::Legacy(agreed) = &self.phase else { return };
        if agreed.client.pointer("/roots/listChanged") != Some(&true.into()) {
            return;
        }
        let said = Notification { method: CHANGED.to_owned(), params: None };
        self.reply(Peer::Server, Message::Notification(said));
    }

    /// The host says that its roots changed: what they are now, only it knows.
    pub(crate) fn host_roots_changed(&mut self, now: Instant) {
        self.scope.asking = true;
        self.scope.announced = true;
        if self.to_client.any(|row| row.purpose == Purpose::OurRootsList) {
            // It may be answering the earlier question already: that answer is
            // taken, and the next one asked for, when it comes.
            self.scope.again = true;
            return;
        }
        self.ask_host_roots(now);
    }

    /// A conversation begins in which a person may be asked about what the host offers: no
    /// server needs to ask for that.
    pub(crate) fn learn_host_roots(&mut self, now: Instant) {
        let declared =
            matches!(&self.phase, Phase::Legacy(agreed) if agreed.client.get("roots").is_some());
        if declared && !self.newcomers.are_none() {
            self.scope.asking = true;
            self.ask_host_roots(now);
        }
    }

    fn ask_host_roots(&mut self, now: Instant) {
        let minted = self.to_client.mint();
        self.next_call += 1;
        let row = self.our_row(minted, Purpose::OurRootsList, "roots/list", now);
        self.to_client.insert(minted, row);
        let method = "roots/list".to_owned();
        let request = Request { id: Id::Number(minted), method, params: None };
        let mut record = self.heard(Event::Intent, Peer::Server);
        record.method = Some("roots/list".to_owned());
        record.call = Some(self.next_call);
        record.note = Some("asked by the gateway".to_owned());
        self.forward(Peer::Client, Message::Request(request), record, None);
    }

    /// The host answered our own question. One that it refuses, or never
    /// answers, leaves nothing: what it no longer offers is not in force.
    pub(crate) fn host_roots_answered(
        &mut self,
        row: &InFlight,
        outcome: Option<Outcome>,
        now: Instant,
    ) {
        let (ended, answer) = match outcome {
            Some(Outcome::Result(result)) => (Ended::Ok, result),
            Some(Outcome::Error(_)) => (Ended::Error, Json::from_value(&json!({"roots": []}))),
            None => (Ended::TimedOut, Json::from_value(&json!({"roots": []}))),
        };
        let (_, decision) = roots_answered::rewrite(&answer, self.scope.ceiling(), &self.newcomers);
        let mut record = self.ended(row, ended, now);
        record.direction = Some(portcullis_journal::Direction::ClientToServer);
        record.decision = decision;
        self.note(record);
        self.scope.heard(answer.clone());
        self.scope.asking = self.scope.again;
        let announced = std::mem::take(&mut self.scope.announced);
        self.settle_roots(announced);
        self.meet_newcomers(&answer);
        if std::mem::take(&mut self.scope.again) {
            self.ask_host_roots(now);
        }
    }

    /// `roots/list` of the server, when we know the answer: it comes from our own
    /// table, and the host is not troubled.
    pub(crate) fn answer_roots(&mut self, request: &Request) -> bool {
        let Some(host) = self.scope.host().filter(|_| request.method == "roots/list") else {
            return false;
        };
        let (roots, _) = roots_answered::rewrite(host, self.scope.ceiling(), &self.newcomers);
        let mut record = self.heard(Event::Outcome, Peer::Server);
        record.method = Some(request.method.clone());
        record.outcome = Some(Ended::Ok);
        let why = "answered with the roots in force";
        record.decision = Decision::because(Effect::Allow, ROOTS_ANSWERED, why);
        self.note(record);
        let outcome = Outcome::Result(roots);
        let response = Response { id: Some(request.id.clone()), outcome };
        self.reply(Peer::Server, Message::Response(response));
        true
    }
}
