//! What waits for a person in the host's hands (2026-07-28): its request was answered with
//! `input_required` and a state of ours, and goes on when it comes back with it.
//!
//! ```text
//!  Asking ── a form of ours, or the hold ends ─▶ away ── comes back ─▶ Consulting
//!                                                  └ patience ends ──▶ refused, recorded
//! ```
//!
//! The state names what waits and says nothing else: it is sealed, bound to the same
//! request, and used once. What a person said meanwhile is in the store.

use std::time::Instant;

use portcullis_catalog::control::{SILENCE_IS_NO, STATE_SEALED};
use portcullis_journal::Event;
use portcullis_policy::{Decision, Obligation};
use portcullis_wire::view::input_request::InputResponses;
use portcullis_wire::view::lifecycle::Meta;
use portcullis_wire::{Era, Json, Object, Outcome, Request};

use crate::Session;
use crate::call::NOT_APPROVED;
use crate::carries::Carries;
use crate::control::subcapabilities_declared::declared;
use crate::in_host::Form;
use crate::input::{Inquiry, written};
use crate::question::Parked;
use crate::sealed::{self, Kept};
use crate::settle::Refusal;
use crate::waiting::Waiting;

/// How often the same request is left open. SDKs come back ten times at most.
pub(crate) const LEGS: u32 = 9;

/// The name of our question beside those of servers.
const NAME: &str = "portcullis-approval";

/// Something that waits there.
#[derive(Debug)]
pub(crate) struct Away {
    parked: Parked,
    /// What the host shows meanwhile.
    form: Option<Form>,
    pub(crate) until: Instant,
}

impl Session {
    /// Hands what waits to the host. What cannot be handed over comes back.
    pub(crate) fn leave(
        &mut self,
        mut parked: Parked,
        form: Option<(Form, Json)>,
        now: Instant,
    ) -> Result<(), Box<Parked>> {
        let Some((approval, until)) = parked.asks() else { return Err(Box::new(parked)) };
        let limit = self.settings.limits.questions;
        let (Some(bound), Some(id)) =
            (self.left_bound(&parked.waiting), parked.waiting.asked_by_client().cloned())
        else {
            return Err(Box::new(parked));
        };
        if parked.legs >= LEGS || self.in_host.away.len() >= limit {
            return Err(Box::new(parked));
        }
        parked.legs += 1;
        let serial = self.seals.serial();
        self.seals.give(serial);
        let since = self.seals.clock(now);
        let kept = Kept { serial, since, round: parked.legs, private: true, ..Kept::default() };
        let envelope = sealed::seal(&self.settings.seal, &kept, &bound);
        let mut result = Object::new();
        result.set("resultType", Json::string("input_required"));
        if let Some((_, params)) = &form {
            let inquiry = Inquiry::ours(NAME, params.clone());
            result.set("inputRequests", written(&[inquiry]));
        }
        result.set("requestState", Json::string(&envelope));
        match &form {
            Some((form, _)) => self.note_shown(form),
            None => {
                let mut record = self.about_waiting(Event::Notice, &parked.waiting);
                record.approval = Some(approval.to_string());
                let why = format!("a person is still asked, for the {}. time", parked.legs);
                let open = Decision::because(portcullis_policy::Effect::Allow, STATE_SEALED, why);
                record.decision = open.owing(Obligation::Rewritten);
                self.note(record);
            }
        }
        self.questions.release(&parked);
        let form = form.map(|(form, _)| form);
        self.in_host.away.insert(serial, Away { parked, form, until });
        self.answer_client(id, Outcome::Result(result.to_json()));
        Ok(())
    }

    /// What the state of something that waits is bound to; nothing where its request
    /// cannot be left open.
    fn left_bound(&self, waiting: &Waiting) -> Option<String> {
        if self.phase.era() == Era::Legacy {
            return None;
        }
        let request = match waiting {
            Waiting::Call(call) => &call.request,
            Waiting::Brought(brought) => &brought.request,
            Waiting::Open(open) => {
                let bound = open.row.carries.bound.strip_prefix("state")?;
                return Some(format!("approval{bound}"));
            }
            Waiting::Request(_) | Waiting::Answer(..) | Waiting::Root(_) | Waiting::Drift(_) => {
                return None;
            }
        };
        Self::may_go_on(&request.method).then(|| self.bound("approval", request))
    }

    /// Whether a request comes back to something that waits, and to what.
    pub(crate) fn comes_back(&self, request: &Request) -> Result<Option<u64>, Refusal> {
        if self.phase.era() == Era::Legacy || !Self::may_go_on(&request.method) {
            return Ok(None);
        }
        let given = InputResponses::read(request.params.as_ref()).unwrap_or_default();
        let bound = self.bound("approval", request);
        let open = |state: String| sealed::open(&self.settings.seal, &state, &bound);
        let Some(kept) = given.state.and_then(open) else { return Ok(None) };
        if !self.seals.is_open(kept.serial) {
            let decision = Decision::deny(STATE_SEALED, "the state was used already");
            return Err(Refusal::error(decision, -32602, "`requestState` is not valid"));
        }
        if !self.in_host.away.contains_key(&kept.serial) {
            let decision =
                Decision::deny(SILENCE_IS_NO, "it came back after the question was over");
            return Err(match request.method.as_str() {
                "tools/call" => Refusal::tool(decision, NOT_APPROVED),
                _ => Refusal::error(decision, -32603, NOT_APPROVED),
            });
        }
        Ok(Some(kept.serial))
    }

    /// It is here again: what the host brought goes to the store, which is then asked.
    pub(crate) fn came_back(&mut self, serial: u64, request: &Request, now: Instant) {
        self.seals.spend(serial);
        let Some(Away { mut parked, form, .. }) = self.in_host.away.remove(&serial) else { return };
        if let Some(form) = form {
            let given = InputResponses::read(request.params.as_ref()).unwrap_or_default();
            let answer = given.responses.into_iter().find(|(name, _)| name == NAME);
            let answer = answer.map(|(_, answer)| Outcome::Result(answer));
            self.heard_in_host(&form, answer.as_ref(), now);
        }
        parked.waiting.carried_by(request);
        self.park_again(parked);
    }

    /// Whoever did not come back in time was not approved.
    pub(crate) fn expire_away(&mut self, now: Instant) {
        let away = self.in_host.away.extract_if(.., |_, away| away.until <= now);
        for (_, Away { parked, form, .. }) in away.collect::<Vec<_>>() {
            if let Some(form) = form {
                self.unanswered(&form, now);
            }
            self.never_back(&parked, "no answer, and the host did not come back");
        }
    }

    /// The session ends, and with it what waits in the host's hands.
    pub(crate) fn end_away(&mut self) {
        for away in std::mem::take(&mut self.in_host.away).into_values() {
            self.never_back(&away.parked, "the session ended");
        }
    }

    fn never_back(&mut self, parked: &Parked, why: &str) {
        let mut record = self.about_waiting(Event::Denied, &parked.waiting);
        record.approval = parked.asks().map(|(approval, _)| approval.to_string());
        record.decision = parked.decision.clone().and(Decision::deny(SILENCE_IS_NO, why));
        self.note(record);
    }
}

impl Waiting {
    /// The same request under a new id: what it says of itself is what it says now.
    fn carried_by(&mut self, request: &Request) {
        let meta = Meta::read(request.params.as_ref()).unwrap_or_default();
        match self {
            Self::Call(call) => again(&mut call.request, request),
            Self::Brought(brought) => again(&mut brought.request, request),
            Self::Open(open) => {
                open.row.id = request.id.clone();
                (open.row.token, open.row.progress) = (meta.progress_token, None);
                let said = meta.client_capabilities.as_ref();
                let carries = &mut open.row.carries;
                let declared = said.map(declared).unwrap_or_default();
                *carries = Carries { declared, ..std::mem::take(carries) };
            }
            Self::Request(_) | Self::Answer(..) | Self::Root(_) | Self::Drift(_) => {}
        }
    }
}

fn again(first: &mut Request, now: &Request) {
    first.id = now.id.clone();
    let mut params = first.params.as_ref().and_then(Json::object).unwrap_or_default();
    let meta = now.params.as_ref().and_then(Json::object);
    match meta.and_then(|params| params.get("_meta").cloned()) {
        Some(meta) => params.set("_meta", meta),
        None => drop(params.remove("_meta")),
    }
    first.params = Some(params.to_json());
}
