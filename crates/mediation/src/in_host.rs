//! The host as a channel: a question of ours, shown to the person who sits there.
//!
//! Until 2025-11-25 it is a request of our own beside the call that waits; on 2026-07-28
//! the call itself is answered with what is asked, and waits in the host's hands until it
//! comes back (`away.rs`). Either way the host only says what somebody answered: whether
//! that is a yes, [`Reply::of`] decides, and the store decides whether it still counts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use portcullis_catalog::control::APPROVED_IN_HOST;
use portcullis_guard::text::{bounded, visible};
use portcullis_journal::{Direction, Event};
use portcullis_policy::{Answer, Decision, Effect};
use portcullis_wire::view::lifecycle::{Implementation, Meta};
use portcullis_wire::{
    Era, Id, Json, Message, Need, Notification, Object, Outcome, Peer, Request, Response, Revision,
};
use serde_json::json;

use crate::Session;
use crate::approval::{ApprovalId, Matter};
use crate::away::Away;
use crate::carries::Declared;
use crate::control::answers_match_questions::Asked;
use crate::control::subcapabilities_declared::declared;
use crate::input::PERSON;
use crate::output::{Output, Ticket};
use crate::question::Parked;
use crate::state::Phase;
use crate::waiting::Waiting;

/// What comes back sooner was read by nobody.
const READING_TIME: Duration = Duration::from_secs(1);

/// The field of our form, and the words that can be chosen in it.
const FIELD: &str = "answer";
const YES: &str = "approve";
const NO: &str = "deny";

/// A question in the words in which a host may show it.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// All of it, for a form; nothing when it is too large to be shown whole.
    pub form: Option<String>,
    /// A place to send the person to, when there is one.
    pub place: Option<Place>,
}

/// A page of ours to which a host may send its person. To have been there is no answer.
#[derive(Clone, Debug)]
pub struct Place {
    /// What the host says beside it.
    pub message: String,
    /// The address.
    pub url: String,
}

/// What a session remembers of the host as a channel.
#[derive(Debug, Default)]
pub(crate) struct InHost {
    /// Who the host says that it is.
    name: Option<String>,
    /// It says so differently from time to time.
    unsteady: bool,
    /// It was asked before, and nobody was there.
    deaf: bool,
    /// Our requests that it has not answered, by our id.
    open: BTreeMap<i64, Form>,
    /// What waits in its hands, by the serial of the state.
    pub(crate) away: BTreeMap<u64, Away>,
}

/// A question that the host shows.
#[derive(Clone, Debug)]
pub(crate) struct Form {
    pub(crate) approval: ApprovalId,
    pub(crate) way: Way,
    shown: Instant,
    pub(crate) until: Instant,
}

/// How it shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// A form, whose answer is one.
    Form,
    /// A page of ours; what is answered there is answered there.
    Place,
}

/// What a host brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// Somebody chose yes, or no.
    Person(Answer),
    /// The person goes to our page.
    Went,
    /// Nobody answered, and why that is so; whether somebody would another time.
    Nobody { why: &'static str, again: bool },
}

impl Reply {
    /// What an answer to a question of ours means; only the exact word is a yes.
    pub(crate) fn of(form: &Form, outcome: Option<&Outcome>, now: Instant) -> Self {
        let nobody = |why, again| Self::Nobody { why, again };
        let answer = match outcome {
            None => return nobody("came back without an answer", true),
            Some(Outcome::Error(_)) => return nobody("could not show it", false),
            Some(Outcome::Result(answer)) => answer,
        };
        if now.saturating_duration_since(form.shown) < READING_TIME {
            return nobody("answered before anybody could read it", false);
        }
        let asked = Asked::of("answer", PERSON, Some(&form.way.params("", "")));
        if asked.is_ok_and(|asked| asked.judge("answer", answer).effect == Effect::Deny) {
            return nobody("answered something that is no answer", false);
        }
        let members = answer.object().unwrap_or_default();
        let text = |members: &Object, name: &str| members.get(name).and_then(Json::as_text);
        let chosen = members.get("content").and_then(Json::object);
        let chosen = chosen.and_then(|content| text(&content, FIELD));
        match (form.way, text(&members, "action").as_deref(), chosen.as_deref()) {
            (Way::Form, Some("accept"), Some(YES)) => Self::Person(Answer::Approve),
            (Way::Form, Some("accept"), Some(NO)) => Self::Person(Answer::Reject),
            (Way::Form, Some("decline"), _) => Self::Person(Answer::Reject),
            (Way::Place, Some("accept"), _) => Self::Went,
            _ => nobody("was dismissed", true),
        }
    }
}

impl Way {
    /// The parameters of the question.
    fn params(self, message: &str, url: &str) -> Json {
        Json::from_value(&match self {
            Self::Form => json!({"message": message, "requestedSchema": {
                "type": "object",
                "properties": {FIELD: {
                    "type": "string", "title": "May it?", "enum": [NO, YES],
                }},
                "required": [FIELD],
            }}),
            Self::Place => json!({"mode": "url", "message": message, "url": url}),
        })
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Form => "a form",
            Self::Place => "a page of ours",
        }
    }
}

impl InHost {
    /// The host says who it is, at the start or with each request.
    pub(crate) fn named(&mut self, info: Option<&Implementation>) {
        let name = info.map(|info| info.name.as_str()).unwrap_or_default();
        self.unsteady |= self.name.as_deref().is_some_and(|before| before != name);
        self.name = Some(name.to_owned());
    }

    /// Its name for a person; nobody vouches for it.
    fn shown(&self) -> String {
        visible(&bounded(self.name.as_deref().unwrap_or_default(), 64))
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let open = self.open.values().map(|form| form.until);
        open.chain(self.away.values().map(|away| away.until)).min()
    }
}

impl Session {
    /// Puts a stored question to the person at the host. False when the host is no channel
    /// for it: then nothing was sent.
    pub fn ask_in_host(&mut self, ticket: Ticket, shown: &Shown, now: Instant) -> bool {
        let Some((way, params)) = self.way_in_host(ticket, shown) else { return false };
        let asked = self.questions.asking(ticket).and_then(Parked::asks);
        let Some((approval, until)) = asked else { return false };
        let form = Form { approval, way, shown: now, until };
        match self.phase.era() {
            Era::Legacy => self.send_form(form, &params),
            Era::Modern => {
                let Some(parked) = self.questions.take(ticket) else { return false };
                if let Err(parked) = self.leave(parked, Some((form, params)), now) {
                    self.questions.put_back(ticket, *parked);
                    return false;
                }
            }
        }
        true
    }

    /// How the host can show a question, if it can.
    fn way_in_host(&self, ticket: Ticket, shown: &Shown) -> Option<(Way, Json)> {
        let parked = self.questions.asking(ticket)?;
        // What the host would show by itself is not asked about in the same place.
        if self.in_host.deaf || parked.key.matter == Matter::Elicitation {
            return None;
        }
        let declared = self.declared_with(&parked.waiting);
        let revision = self.phase.revision()?;
        if let Some(text) = &shown.form
            && self.trusts_host()
            && revision >= Revision::V2025_06_18
            && declared.contains(&Need::ElicitationForm)
        {
            return Some((Way::Form, Way::Form.params(text, "")));
        }
        let place = shown.place.as_ref()?;
        let may = revision >= Revision::V2025_11_25 && declared.contains(&Need::ElicitationUrl);
        may.then(|| (Way::Place, Way::Place.params(&place.message, &place.url)))
    }

    /// The operator says that this host puts a person there.
    fn trusts_host(&self) -> bool {
        let trusted = &self.settings.trusted_hosts;
        let name = self.in_host.name.as_ref().filter(|_| !self.in_host.unsteady);
        name.is_some_and(|name| trusted.contains(name))
    }

    /// What the host declared, for the session or with the request that waits.
    fn declared_with(&self, waiting: &Waiting) -> Declared {
        let Phase::Modern(_) = self.phase else {
            return self.phase.claimed_capabilities().map(declared).unwrap_or_default();
        };
        let request = match waiting {
            Waiting::Call(call) => &call.request,
            Waiting::Brought(brought) => &brought.request,
            Waiting::Open(open) => return open.row.carries.declared.clone(),
            Waiting::Request(_) | Waiting::Answer(..) | Waiting::Root(_) | Waiting::Drift(_) => {
                return Declared::new();
            }
        };
        let meta = Meta::read(request.params.as_ref()).unwrap_or_default();
        meta.client_capabilities.as_ref().map(declared).unwrap_or_default()
    }

    fn send_form(&mut self, form: Form, params: &Json) {
        self.note_shown(&form);
        let minted = self.to_client.mint();
        let mut params = params.object().unwrap_or_default();
        if form.way == Way::Place {
            // 2025-11-25 wants a name of its own for the place.
            params.set("elicitationId", Json::string(form.approval.as_str()));
        }
        self.in_host.open.insert(minted, form);
        let (id, method) = (Id::Number(minted), PERSON.to_owned());
        let request = Request { id, method, params: Some(params.to_json()) };
        self.reply(Peer::Client, Message::Request(request));
    }

    pub(crate) fn note_shown(&mut self, form: &Form) {
        let mut record = self.heard(Event::Notice, Peer::Server);
        record.method = Some(PERSON.to_owned());
        record.approval = Some(form.approval.to_string());
        let (name, way) = (self.in_host.shown(), form.way.as_str());
        record.note = Some(format!("the host `{name}` is given {way} to show"));
        self.note(record);
    }

    /// The host answers a question of ours; nothing when it is not one.
    pub(crate) fn host_answers(&mut self, response: &Response, now: Instant) -> bool {
        let Some(Id::Number(minted)) = &response.id else { return false };
        let Some(form) = self.in_host.open.remove(minted) else { return false };
        self.heard_in_host(&form, Some(&response.outcome), now);
        true
    }

    /// What the host brought, on its way to the store.
    pub(crate) fn heard_in_host(&mut self, form: &Form, outcome: Option<&Outcome>, now: Instant) {
        let mut reply = Reply::of(form, outcome, now);
        // Another may have taken its place since, with what was given to the first.
        if form.way == Way::Form && !self.trusts_host() {
            let why = "it is not the host that was trusted with the form";
            reply = Reply::Nobody { again: false, why };
        }
        let name = self.in_host.shown();
        let (effect, why) = match &reply {
            Reply::Person(Answer::Approve) => (Effect::Allow, "the person said yes".to_owned()),
            Reply::Person(Answer::Reject) => (Effect::Deny, "the person said no".to_owned()),
            Reply::Went => (Effect::Allow, "the person was sent to our page".to_owned()),
            Reply::Nobody { why, .. } => (Effect::Deny, (*why).to_owned()),
        };
        let mut record = self.heard(Event::Answered, Peer::Client);
        record.direction = Some(Direction::ClientToServer);
        record.method = Some(PERSON.to_owned());
        record.approval = Some(form.approval.to_string());
        let why = format!("the host `{name}`: {why}");
        record.decision = Decision::because(effect, APPROVED_IN_HOST, why);
        self.note(record);
        match reply {
            Reply::Person(answer) => {
                let by = format!("host {name}");
                self.outputs.push_back(Output::Decided(form.approval.clone(), answer, by));
            }
            Reply::Went => {}
            Reply::Nobody { again, .. } => {
                self.in_host.deaf |= !again;
                self.outputs.push_back(Output::Unanswered(form.approval.clone()));
            }
        }
    }

    /// Forms that nobody needs to answer any more are taken back.
    pub(crate) fn take_back_forms(&mut self, now: Instant) {
        let questions = &self.questions;
        let over: Vec<(i64, Form)> = self
            .in_host
            .open
            .extract_if(.., |_, form| form.until <= now || !questions.waits_for(&form.approval))
            .collect();
        for (minted, form) in over {
            self.unanswered(&form, now);
            self.take_back(minted);
        }
    }

    /// The session ends, and with it whatever the host still shows for us.
    pub(crate) fn end_forms(&mut self) {
        for minted in std::mem::take(&mut self.in_host.open).into_keys() {
            self.take_back(minted);
        }
    }

    fn take_back(&mut self, minted: i64) {
        let mut params = Object::new();
        params.set("requestId", Id::Number(minted).to_json());
        let method = "notifications/cancelled".to_owned();
        let said = Notification { method, params: Some(params.to_json()) };
        self.reply(Peer::Client, Message::Notification(said));
    }

    /// A host that showed a form until the end, and brought nothing, is not asked again.
    pub(crate) fn unanswered(&mut self, form: &Form, now: Instant) {
        if form.until > now || form.way == Way::Place || self.in_host.deaf {
            return;
        }
        self.in_host.deaf = true;
        let mut record = self.heard(Event::Notice, Peer::Client);
        record.approval = Some(form.approval.to_string());
        let name = self.in_host.shown();
        record.note = Some(format!("the host `{name}` answered nothing, and is not asked again"));
        self.note(record);
    }
}
