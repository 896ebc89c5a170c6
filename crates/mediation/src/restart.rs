//! The server's process was exchanged for a fresh one, and the host need not know.
//!
//! The new process is greeted with the `initialize` that the host sent, clamped as
//! it was then, and what the host had set up is set up again. Meanwhile requests
//! wait. What the old process was doing is answered with an error: nothing is ever
//! tried twice, because nobody knows how far it had come.
//!
//! ```text
//!  restarted ─▶ initialize ─▶ initialized, what stands ─▶ tools/list ─▶ requests go on
//!                   │ another revision, an error, silence: the server is gone
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use portcullis_catalog::control::{REVISION_AGREED, SERVER_CONFINED};
use portcullis_journal::{Event, Outcome as Ended};
use portcullis_policy::{Decision, Effect};
use portcullis_wire::view::lifecycle::Initialized;
use portcullis_wire::{Id, Json, Message, Notification, Object, Peer, Request, Revision};

use crate::Session;
use crate::approval::Fingerprint;
use crate::control::calls_sent_once;
use crate::control::capability_frozen::{clamp_server, under};
use crate::control::extensions_agreed::both;
use crate::correlate::Purpose;
use crate::fetch::Wanted;
use crate::output::Closing;
use crate::state::Phase;

/// More subscriptions than any host has; the rest is not set up again.
const STANDING: usize = 1024;

/// A remote server that forgets the conversation more often than this in a minute is gone.
const FORGOTTEN: usize = 5;
const MINUTE: Duration = Duration::from_secs(60);

/// What a host did once and a fresh process must be told again.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// The parameters of `initialize` as the server got them.
    opening: Option<Json>,
    /// The log level and the subscriptions, by what they are about.
    requests: BTreeMap<(String, String), Json>,
    /// The tools that the old process listed.
    tools: BTreeMap<String, Fingerprint>,
    /// When a remote server forgot the conversation, in the last minute.
    forgotten: VecDeque<Instant>,
}

impl Session {
    /// A remote server forgot the conversation, which begins anew. False when it cannot, or did
    /// so too often: then the server is gone. `why` is for the journal.
    #[must_use]
    pub fn forgotten(&mut self, why: &str, now: Instant) -> bool {
        let times = &mut self.standing.forgotten;
        while times.pop_front_if(|then| now >= *then + MINUTE).is_some() {}
        if times.len() >= FORGOTTEN || !self.may_restart() {
            return false;
        }
        self.standing.forgotten.push_back(now);
        self.restarted(why, now);
        true
    }

    /// The conversation is at a point at which the process may be exchanged: not
    /// in the middle of a handshake, which only the host can finish.
    #[must_use]
    pub fn may_restart(&self) -> bool {
        matches!(self.phase, Phase::Greeting | Phase::Legacy(_) | Phase::Modern(_))
    }

    /// The server works on nothing that somebody waits for, with or without a task. A
    /// stream that is open is no work: it would never end.
    #[must_use]
    pub fn server_is_quiet(&mut self, now: Instant) -> bool {
        self.tasks.expire(now);
        let quiet = self.bridge.is_quiet();
        quiet && self.to_server.count(|row| row.carries.stream.is_none()) + self.tasks.owing() == 0
    }

    /// The server's process is another one from now on. `why` is for the journal.
    pub fn restarted(&mut self, why: &str, now: Instant) {
        if self.is_closed() {
            return;
        }
        let mut record = self.record(Event::Notice);
        let told = format!("the server was started anew: {}", portcullis_guard::text::visible(why));
        record.decision = Decision::because(Effect::Allow, SERVER_CONFINED, told);
        self.note(record);
        self.told = Some(now);
        self.end_old_process(now);
        self.bridge.restarted();
        self.standing.tools = self.tools.pins();
        self.tools.doubt();
        match self.phase {
            Phase::Legacy(_) => self.begin_again(Wanted::Handshake, now),
            Phase::Modern(_) => self.begin_again(Wanted::Tools, now),
            _ => {}
        }
    }

    /// Whoever waits for the old process waits in vain.
    fn end_old_process(&mut self, now: Instant) {
        for row in self.to_server.drain() {
            let mut record = self.ended(&row, Ended::ServerGone, now);
            let why = "the server was started anew";
            record.decision = Decision::because(Effect::Allow, SERVER_CONFINED, why);
            self.note(record);
            if !row.purpose.is_ours() {
                self.fail_client(&row, "the server was restarted before it answered");
            }
        }
        for task in self.tasks.drain(now) {
            let mut record = self.ended(&task.call, Ended::ServerGone, now);
            let why = "its task is lost with the server, which was started anew";
            record.decision = Decision::because(Effect::Allow, SERVER_CONFINED, why);
            self.note(record);
        }
        self.forget_all_asked();
        for (minted, _) in self.to_client.drain_foreign() {
            let said = Notification::cancelled(&Id::Number(minted));
            self.reply(Peer::Client, Message::Notification(said));
        }
    }

    /// Remembers what a fresh process would have to be told.
    pub(crate) fn remember(&mut self, request: &Request, params: Option<&Json>) {
        let members = params.and_then(Json::object);
        let about = || members.as_ref()?.get("uri")?.as_text();
        let (method, about) = match request.method.as_str() {
            "initialize" => {
                let mut opening = members.unwrap_or_default();
                opening.remove("_meta");
                self.standing.opening = Some(opening.to_json());
                return;
            }
            "logging/setLevel" => ("logging/setLevel", Some(String::new())),
            "resources/subscribe" | "resources/unsubscribe" => ("resources/subscribe", about()),
            _ => return,
        };
        let Some(about) = about else { return };
        let key = (method.to_owned(), about);
        let requests = &mut self.standing.requests;
        match params {
            Some(params) if request.method == method && requests.len() < STANDING => {
                let mut params = params.object().unwrap_or_default();
                params.remove("_meta");
                requests.insert(key, params.to_json());
            }
            _ => drop(requests.remove(&key)),
        }
    }

    /// The parameters with which a fresh process is greeted.
    pub(crate) fn opening_again(&self) -> Object {
        self.standing.opening.as_ref().and_then(Json::object).unwrap_or_default()
    }

    /// The fresh process answered the greeting: it must be who the old one was.
    pub(crate) fn greeted_again(&mut self, result: &Json, now: Instant) {
        let Phase::Legacy(agreed) = &self.phase else { return };
        let revision = agreed.revision;
        let answer = Initialized::read(result).ok();
        let same = answer.filter(|a| Revision::parse(&a.protocol_version) == Some(revision));
        let Some(answer) = same else {
            let mut record = self.record(Event::Denied);
            let why = "the restarted server does not agree to the revision of this session";
            record.decision = Decision::deny(REVISION_AGREED, why);
            self.note(record);
            return self.close(Closing::ServerGone, now);
        };
        let allowed = &self.settings.extensions;
        let declared = clamp_server(&answer.capabilities, allowed, revision);
        let (_, grown) = under(&agreed.server, &both(declared, &agreed.client));
        let has_tools = agreed.server.get("tools").is_some();
        if !grown.is_empty() {
            self.note_growth("server", &grown);
        }
        let method = "notifications/initialized".to_owned();
        self.reply(Peer::Server, Message::Notification(Notification { method, params: None }));
        for ((method, _), params) in self.standing.requests.clone() {
            self.ask_again(&method, params, now);
        }
        if has_tools { self.begin_again(Wanted::Tools, now) } else { self.resume(now) }
    }

    fn ask_again(&mut self, method: &str, params: Json, now: Instant) {
        let judged = calls_sent_once::judge(method);
        if judged.effect == Effect::Deny {
            let mut record = self.record(Event::Denied);
            record.method = Some(method.to_owned());
            record.decision = judged;
            return self.note(record);
        }
        let minted = self.to_server.mint();
        self.next_call += 1;
        let row = self.our_row(minted, Purpose::OurReplay, method, now);
        self.to_server.insert(minted, row);
        let mut record = self.record(Event::Intent);
        record.method = Some(method.to_owned());
        record.call = Some(self.next_call);
        record.note = Some("said again after a restart".to_owned());
        let (id, method) = (Id::Number(minted), method.to_owned());
        let request = Request { id, method, params: Some(params) };
        self.forward(Peer::Server, Message::Request(request), record, None);
    }

    /// The fresh process listed its tools. The host is told if they are others;
    /// what changed is asked about, as any change is.
    pub(crate) fn listed_again(&mut self) {
        let before = std::mem::take(&mut self.standing.tools);
        let Phase::Legacy(agreed) = &self.phase else { return };
        let announces = agreed.server.pointer("/tools/listChanged") == Some(&true.into());
        if before.is_empty() || before == self.tools.pins() || !announces {
            return;
        }
        let method = "notifications/tools/list_changed".to_owned();
        self.reply(Peer::Client, Message::Notification(Notification { method, params: None }));
    }
}
