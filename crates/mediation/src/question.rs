//! A person is asked: what waits is kept here, and silence is a no (invariant 12).
//! What it is, and what becomes of it, stands in `waiting.rs`.
//!
//! ```text
//!  consult ─▶ Consulting ── store: approved ─────────────────────▶ sent
//!                 │  └───── store: denied, unavailable, lapsed ──▶ refused
//!                 ├ store: unknown, pending, a grant covers it ──▶ sent
//!                 └ store: unknown, pending ─▶ Asking ── yes ────▶ sent
//!                                               │ └───── no ─────▶ refused
//!                                               │ a grant came ──▶ sent
//!                                               │ patience ends ─▶ refused
//!                                               └ hold ends ─────▶ pending result;
//!                                    an identical call may pass until patience ends
//! ```

mod hands;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use portcullis_catalog::control::{
    APPROVAL_EXACT, CONCURRENCY_CAPPED, FLOWS_APART, GRANTS_NARROW, SILENCE_IS_NO,
};
use portcullis_journal::{Event, Outcome as Ended};
use portcullis_policy::{Answer, Decision, Effect, Obligation};
use portcullis_wire::{Id, Json, Message, Notification, Peer};
use serde_json::json;

use crate::Session;
use crate::approval::{ApprovalId, ApprovalKey, Fact, Question};
use crate::call::{Call, shown};
use crate::control::grants_narrow;
use crate::correlate::Purpose;
use crate::drift::{self, Put};
use crate::edit::Edited;
use crate::grant::{Grant, Remembered, Standing};
use crate::listing::Lookup;
use crate::output::{Output, Ticket};
use crate::waiting::Waiting;

/// How often a host is told that its call still waits.
const BEAT: Duration = Duration::from_secs(10);

/// How long a question that called nobody waits for a person to look.
const QUIET: Duration = Duration::from_secs(60 * 60);

/// How many questions may wait after their call has ended: more than anybody looks through.
const RELEASED: usize = 256;

/// Everything that waits for a person, and every question that outlived its call.
#[derive(Debug)]
pub(crate) struct Questions {
    dice: u64,
    next_ticket: u64,
    parked: BTreeMap<Ticket, Parked>,
    /// Asked, but the host stopped waiting; a yes serves an identical call.
    released: BTreeMap<ApprovalId, Instant>,
    /// Those of them that called nobody: nothing is held for them.
    quiet: BTreeSet<ApprovalId>,
}

/// Something that waits.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) waiting: Waiting,
    pub(crate) key: ApprovalKey,
    /// What the person is shown of it, whole.
    pub(crate) content: String,
    pub(crate) decision: Decision,
    /// How often it was handed back to the host (2026-07-28).
    pub(crate) legs: u32,
    stage: Stage,
}

/// What it waits for.
#[derive(Debug)]
enum Stage {
    /// The store, which answers at once.
    Consulting,
    /// A person.
    Asking(Asking),
}

#[derive(Debug)]
struct Asking {
    approval: ApprovalId,
    /// Another call asked this question; it is not ours to withdraw.
    joined: bool,
    hold: Instant,
    patience: Instant,
    beat: Instant,
    beats: u32,
}

impl Parked {
    /// The question that it waits for.
    fn approval(&self) -> Option<ApprovalId> {
        match &self.stage {
            Stage::Consulting => None,
            Stage::Asking(asking) => Some(asking.approval.clone()),
        }
    }
}

impl Questions {
    pub(crate) fn new(dice: u64) -> Self {
        Self {
            dice,
            next_ticket: 0,
            parked: BTreeMap::new(),
            released: BTreeMap::new(),
            quiet: BTreeSet::new(),
        }
    }

    /// SplitMix64: distinct names from one seed of the caller's entropy.
    fn entropy(&mut self) -> u64 {
        self.dice = self.dice.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.dice ^ (self.dice >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn count(&self) -> usize {
        self.parked.len()
    }

    pub(crate) fn is_asking(&self, ticket: Ticket) -> bool {
        let parked = self.parked.get(&ticket);
        parked.is_some_and(|parked| matches!(parked.stage, Stage::Asking(_)))
    }

    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let asking = self.parked.values().filter_map(|parked| match &parked.stage {
            Stage::Consulting => None,
            Stage::Asking(asking) => {
                let beat = parked.waiting.beat().map(|_| asking.beat);
                Some(asking.hold.min(asking.patience).min(beat.unwrap_or(asking.patience)))
            }
        });
        asking.chain(self.released.values().copied()).min()
    }
}

impl Session {
    /// Parks a call and asks the store whether a person answered it before.
    pub(crate) fn consult(&mut self, call: Call, decision: Decision) {
        let (key, content) = (self.approval_key(&call), shown(&call.canonical));
        self.park(Waiting::Call(call), key, content, decision);
    }

    /// Parks something and asks the store whether a person answered it before.
    pub(crate) fn park(
        &mut self,
        waiting: Waiting,
        key: ApprovalKey,
        content: String,
        decision: Decision,
    ) {
        let parked = Parked { waiting, key, content, decision, legs: 0, stage: Stage::Consulting };
        if !self.may_ask() {
            let why = "too many questions wait for a person";
            return self.not_approved(parked, None, CONCURRENCY_CAPPED, why);
        }
        self.questions.next_ticket += 1;
        let ticket = Ticket(self.questions.next_ticket);
        self.outputs.push_back(Output::Consult(ticket, Box::new(parked.key.clone())));
        self.questions.parked.insert(ticket, parked);
    }

    /// What the store knows of what is parked. Only what a person said of exactly this
    /// comes before a grant: a no above all.
    pub(crate) fn store_answered(
        &mut self,
        ticket: Ticket,
        fact: Fact,
        remembered: &Remembered,
        now: Instant,
    ) {
        let Some(parked) = self.questions.parked.remove(&ticket) else { return };
        let approval = parked.approval();
        if matches!(fact, Fact::Unknown | Fact::Pending(..))
            && let Some(grant) = self.grant_for(&parked, &remembered.grants)
        {
            return self.passes_by(parked, grant, now);
        }
        match fact {
            Fact::Approved(approval) => self.go_on(parked, &approval, now),
            Fact::Edited(approval, edited) => self.go_on_edited(parked, &edited, &approval, now),
            Fact::Denied(approval) => {
                let why = match parked.waiting {
                    Waiting::Call(_) => "a person said no to this call",
                    _ => "a person said no to this",
                };
                self.not_approved(parked, Some(&approval), APPROVAL_EXACT, why);
            }
            Fact::Unavailable => {
                self.withdraw_own(&parked);
                let why = "approvals cannot be read or stored";
                self.not_approved(parked, approval.as_ref(), SILENCE_IS_NO, why);
            }
            Fact::Lapsed => {
                let why = "the question is over, with no answer for this call";
                self.not_approved(parked, approval.as_ref(), SILENCE_IS_NO, why);
            }
            Fact::Pending(approval, remaining) => {
                self.wait_for(ticket, parked, approval, true, remaining, now);
            }
            // What came back finds its question over, and is not asked about again.
            Fact::Unknown if parked.legs > 0 => {
                let why = "the question is over, with no answer for this call";
                self.not_approved(parked, None, SILENCE_IS_NO, why);
            }
            Fact::Unknown => self.ask(ticket, parked, remembered, now),
        }
    }

    /// The grant that answers for a parked call, as things are now.
    fn grant_for<'a>(&self, parked: &Parked, grants: &'a [Grant]) -> Option<&'a Grant> {
        let call = match &parked.waiting {
            Waiting::Call(call) => call,
            Waiting::Root(_) => return self.newcomer_granted(parked, grants),
            _ => return None,
        };
        let grant = self.granted(call, &parked.decision, grants)?;
        self.gathers_as_shown(call, &parked.decision).then_some(grant)
    }

    /// Somebody gave a grant while this call waited. True when it answers for it.
    pub(crate) fn grants_came(&mut self, ticket: Ticket, grants: &[Grant], now: Instant) -> bool {
        let waits = self.questions.parked.get(&ticket);
        let waits = waits.filter(|parked| matches!(parked.stage, Stage::Asking(_)));
        let Some(grant) = waits.and_then(|parked| self.grant_for(parked, grants)) else {
            return false;
        };
        match self.questions.parked.remove(&ticket) {
            Some(parked) => self.passes_by(parked, grant, now),
            None => return false,
        }
        true
    }

    /// A yes to calls like this one.
    fn passes_by(&mut self, parked: Parked, grant: &Grant, now: Instant) {
        self.withdraw_own(&parked);
        if let Waiting::Root(_) = parked.waiting {
            return self.newcomer_let_in(parked, None, Some(grant));
        }
        let Waiting::Call(call) = parked.waiting else { return };
        let mut record = self.about_call(Event::Intent, &call);
        let yes = Decision::because(Effect::Allow, GRANTS_NARROW, grants_narrow::told(grant));
        record.decision = parked.decision.and(yes).owing(Obligation::Approved);
        record.grant = Some(grant.id.to_string());
        self.tools.used(&call.tool);
        let answer = Some(Answer::Approve);
        self.send_reviewed(&call.request, Purpose::ToolCall, record, answer, now);
    }

    /// Puts the question to a person; over the budget it calls nobody, and waits in the
    /// store until somebody looks.
    fn ask(&mut self, ticket: Ticket, parked: Parked, remembered: &Remembered, now: Instant) {
        let most = self.settings.limits.questions_per_hour;
        let put = match parked.waiting {
            Waiting::Drift(_) => drift::put(remembered.drifts, most),
            _ if remembered.asked >= most => Put::Quiet,
            _ => Put::Loud,
        };
        if matches!(put, Put::Never) {
            let why = "it changes too often to be asked about: see `portcullis pins diff`";
            return self.not_approved(parked, None, CONCURRENCY_CAPPED, why);
        }
        let quiet = matches!(put, Put::Quiet);
        if quiet && self.questions.released.len() >= RELEASED {
            let why = "too many questions wait for a person to look";
            return self.not_approved(parked, None, CONCURRENCY_CAPPED, why);
        }
        let approval = ApprovalId::from_entropy(self.questions.entropy());
        let because = &parked.decision.because;
        let mut reasons: Vec<String> = because.iter().map(|because| because.why.clone()).collect();
        let call = match &parked.waiting {
            Waiting::Call(call) => Some(call),
            _ => None,
        };
        if call.is_some_and(|call| self.continues(call).is_some()) {
            reasons.push("it goes on with a call that the server left open".to_owned());
        }
        if call.is_some() {
            reasons.append(&mut self.wishes);
        }
        reasons.extend(parked.waiting.place());
        let standing = match &parked.waiting {
            Waiting::Call(call) => self.standing(call, &parked.decision),
            Waiting::Root(_) => self.newcomer_standing(&parked.content),
            _ => Standing::default(),
        };
        let patience = self.settings.patience;
        let may_wait = parked.waiting.asked_by_server().is_none();
        let patience = if quiet && may_wait { patience.max(QUIET) } else { patience };
        // A host can be told to come back, a server cannot: its request is held.
        if quiet && parked.waiting.asked_by_client().is_some() {
            self.questions.quiet.insert(approval.clone());
        }
        let question = Question {
            approval: approval.clone(),
            key: parked.key.clone(),
            arguments: parked.content.clone(),
            risk: parked.waiting.risk(),
            reasons,
            patience,
            standing: Standing { quiet, ..standing },
        };
        let mut record = self.about_waiting(Event::Asked, &parked.waiting);
        record.decision = parked.decision.clone();
        record.approval = Some(approval.to_string());
        self.note(record);
        self.outputs.push_back(Output::Ask(ticket, Box::new(question)));
        self.wait_for(ticket, parked, approval, false, patience, now);
    }

    fn wait_for(
        &mut self,
        ticket: Ticket,
        mut parked: Parked,
        approval: ApprovalId,
        joined: bool,
        remaining: Duration,
        now: Instant,
    ) {
        // A question that outlived its call is ours again, to be withdrawn by us.
        let ours = self.questions.released.remove(&approval).is_some();
        // A host is told to come back; a server waits to the end.
        let held = match parked.waiting.asked_by_client() {
            Some(_) => self.settings.hold,
            None => remaining,
        };
        let quiet = self.questions.quiet.contains(&approval);
        parked.stage = Stage::Asking(Asking {
            approval,
            joined: joined && !ours,
            hold: now + held,
            patience: now + remaining,
            beat: now + BEAT,
            beats: 0,
        });
        if quiet {
            // Nobody was called, so nobody is waited for.
            return self.stop_holding(parked, now);
        }
        self.questions.parked.insert(ticket, parked);
    }

    /// Takes out what waits for a person under a ticket, and under which name it is asked.
    fn asked_under(&mut self, ticket: Ticket) -> Option<(Parked, ApprovalId)> {
        let approval = match &self.questions.parked.get(&ticket)?.stage {
            Stage::Consulting => return None,
            Stage::Asking(asking) => asking.approval.clone(),
        };
        Some((self.questions.parked.remove(&ticket)?, approval))
    }

    /// A person's yes to what they put in the place of what waits.
    pub(crate) fn person_edited(&mut self, ticket: Ticket, edited: &Edited, now: Instant) {
        let Some((parked, approval)) = self.asked_under(ticket) else { return };
        self.go_on_edited(parked, edited, &approval, now);
    }

    /// A person's word on what waits for it.
    pub(crate) fn person_answered(&mut self, ticket: Ticket, answer: Answer, now: Instant) {
        let Some((parked, approval)) = self.asked_under(ticket) else { return };
        match answer {
            Answer::Approve => self.go_on(parked, &approval, now),
            Answer::Reject => {
                self.not_approved(parked, Some(&approval), APPROVAL_EXACT, "a person said no");
            }
        }
    }

    /// A yes to a call that is used up now. It counts only for what the person was shown.
    pub(crate) fn call_approved(&mut self, parked: Parked, approval: &ApprovalId, now: Instant) {
        let Waiting::Call(call) = &parked.waiting else { return };
        let current = match self.tools.find(&call.tool) {
            Lookup::Known(tool) => Some(tool.pin.clone()),
            Lookup::Unsure | Lookup::Absent => None,
        };
        if current.as_ref() != Some(&parked.key.definition_pin) {
            let why = "the tool changed while a person was asked about it";
            return self.not_approved(parked, Some(approval), APPROVAL_EXACT, why);
        }
        if parked.key.policy != self.settings.policy {
            let why = "what is granted changed while a person was asked";
            return self.not_approved(parked, Some(approval), APPROVAL_EXACT, why);
        }
        if !self.gathers_as_shown(call, &parked.decision) {
            let why =
                "private data and content from outside came together while a person was asked";
            return self.not_approved(parked, Some(approval), FLOWS_APART, why);
        }
        self.settle_flow(&parked.decision);
        let Waiting::Call(call) = parked.waiting else { return };
        let mut record = self.about_call(Event::Intent, &call);
        let yes = Decision::because(Effect::Allow, APPROVAL_EXACT, "a person said yes");
        record.decision = parked.decision.and(yes).owing(Obligation::Approved);
        record.approval = Some(approval.to_string());
        self.tools.used(&call.tool);
        let answer = Some(Answer::Approve);
        self.send_reviewed(&call.request, Purpose::ToolCall, record, answer, now);
    }

    pub(crate) fn not_approved(
        &mut self,
        parked: Parked,
        approval: Option<&ApprovalId>,
        control: portcullis_catalog::ControlId,
        why: &str,
    ) {
        self.end_question(parked, approval, Decision::deny(control, why));
    }

    fn end_question(&mut self, parked: Parked, approval: Option<&ApprovalId>, no: Decision) {
        let sentence = parked.waiting.not_approved();
        self.give_up(parked.waiting, approval, parked.decision.and(no), sentence);
    }

    /// Patience, holds and heartbeats.
    pub(crate) fn expire_questions(&mut self, now: Instant) {
        let due = |parked: &Parked| match &parked.stage {
            Stage::Consulting => false,
            Stage::Asking(asking) => asking.hold.min(asking.patience) <= now,
        };
        let tickets: Vec<Ticket> = self
            .questions
            .parked
            .iter()
            .filter(|(_, parked)| due(parked))
            .map(|(key, _)| *key)
            .collect();
        for ticket in tickets {
            if let Some(parked) = self.questions.parked.remove(&ticket) {
                self.stop_holding(parked, now);
            }
        }
        let released = &mut self.questions.released;
        let over: Vec<ApprovalId> =
            released.extract_if(.., |_, end| *end <= now).map(|(id, _)| id).collect();
        for id in &over {
            self.questions.quiet.remove(id);
        }
        self.outputs.extend(over.into_iter().map(Output::Withdraw));
        self.expire_away(now);
        self.beat(now);
    }

    /// The hold or the patience of one call is over.
    fn stop_holding(&mut self, parked: Parked, now: Instant) {
        let Stage::Asking(Asking { approval, joined, patience, .. }) = &parked.stage else {
            return;
        };
        let (approval, joined, patience) = (approval.clone(), *joined, *patience);
        if patience <= now {
            self.withdraw_own(&parked);
            let why = format!("no answer in {} s", self.settings.patience.as_secs());
            let no = Decision::deny(SILENCE_IS_NO, why);
            return self.end_question(parked, Some(&approval), no);
        }
        let parked = match self.questions.is_quiet(&approval) {
            true => parked,
            false => match self.leave(parked, None, now) {
                Ok(()) => return,
                Err(parked) => *parked,
            },
        };
        if !joined {
            self.questions.released.insert(approval.clone(), patience);
        }
        let no = Decision::deny(
            SILENCE_IS_NO,
            "no answer yet; the host was told that approval is pending",
        );
        let sentence = parked.waiting.pending(&approval);
        self.give_up(parked.waiting, Some(&approval), parked.decision.and(no), &sentence);
    }

    /// Hosts that gave a progress token are told that their call still waits.
    fn beat(&mut self, now: Instant) {
        let mut told = Vec::new();
        for parked in self.questions.parked.values_mut() {
            let Stage::Asking(asking) = &mut parked.stage else { continue };
            if asking.beat <= now {
                asking.beat = now + BEAT;
                asking.beats += 1;
                // Far below any real progress, so that the server's may follow.
                let more = f64::from(asking.beats) * 1e-6;
                told.extend(parked.waiting.beat().map(|(token, before)| (token, before + more)));
            }
        }
        for (token, progress) in told {
            self.tell_waiting(&token, progress);
        }
    }

    fn tell_waiting(&mut self, token: &Id, progress: f64) {
        let params = json!({"progress": progress, "message": "waiting for a person's approval"});
        let mut params = Json::from_value(&params).object().unwrap_or_default();
        params.set("progressToken", token.to_json());
        let method = "notifications/progress".to_owned();
        let said = Notification { method, params: Some(params.to_json()) };
        self.reply(Peer::Client, Message::Notification(said));
    }

    /// The server took back a question of its own: nobody waits for an answer any more.
    pub(crate) fn forget_asked(&mut self, id: &Id) -> bool {
        self.forget_question_of(|waiting| waiting.asked_by_server() == Some(id))
    }

    /// Something of the kind waits for a person.
    pub(crate) fn is_parked(&self, test: impl Fn(&Waiting) -> bool) -> bool {
        self.questions.waiting().any(test)
    }

    /// Nobody needs an answer to what waits there any more.
    pub(crate) fn forget_question_of(&mut self, test: impl Fn(&Waiting) -> bool) -> bool {
        let Some(parked) = self.taken_back(test) else { return false };
        let mut record = self.about_waiting(Event::Outcome, &parked.waiting);
        record.outcome = Some(Ended::Cancelled);
        record.approval = parked.approval().map(|approval| approval.to_string());
        record.decision = parked.decision.clone();
        self.note(record);
        self.withdraw_own(&parked);
        true
    }

    /// The old process is gone, and whatever it asked by itself with it.
    pub(crate) fn forget_all_asked(&mut self) {
        while let Some(parked) = self.taken_back(|waiting| waiting.asked_by_server().is_some()) {
            let mut record = self.about_waiting(Event::Outcome, &parked.waiting);
            record.outcome = Some(Ended::ServerGone);
            record.approval = parked.approval().map(|approval| approval.to_string());
            self.note(record);
            self.withdraw_own(&parked);
        }
    }

    /// A question of the server waits for somebody, so its own call is not idle.
    pub(crate) fn server_is_asking(&self) -> bool {
        self.questions.parked.values().any(|parked| parked.waiting.asked_by_server().is_some())
    }

    fn taken_back(&mut self, test: impl Fn(&Waiting) -> bool) -> Option<Parked> {
        let found = self.questions.parked.iter().find(|(_, parked)| test(&parked.waiting));
        let ticket = found.map(|(ticket, _)| *ticket)?;
        self.questions.parked.remove(&ticket)
    }

    /// The client took back a call that waits. The question stays: a host that
    /// gave up early may try the same call again.
    pub(crate) fn forget_question(&mut self, id: &Id) -> bool {
        let Some(parked) = self.taken_back(|waiting| waiting.asked_by_client() == Some(id)) else {
            return false;
        };
        let mut record = self.about_waiting(Event::Outcome, &parked.waiting);
        record.outcome = Some(Ended::Cancelled);
        record.decision = parked.decision;
        if let Stage::Asking(asking) = parked.stage {
            record.approval = Some(asking.approval.to_string());
            if !asking.joined {
                self.questions.released.insert(asking.approval, asking.patience);
            }
        }
        self.note(record);
        true
    }

    /// The session ends: every question is answered no.
    pub(crate) fn end_questions(&mut self) {
        self.end_away();
        self.end_forms();
        let released = std::mem::take(&mut self.questions.released);
        self.outputs.extend(released.into_keys().map(Output::Withdraw));
        for parked in std::mem::take(&mut self.questions.parked).into_values() {
            let approval = parked.approval();
            self.withdraw_own(&parked);
            self.not_approved(parked, approval.as_ref(), SILENCE_IS_NO, "the session ended");
        }
    }

    /// Nobody waits for the answer to this call's own question any more.
    fn withdraw_own(&mut self, parked: &Parked) {
        if let Stage::Asking(Asking { approval, joined: false, .. }) = &parked.stage {
            self.outputs.push_back(Output::Withdraw(approval.clone()));
        }
    }

    /// The store withdrew a question that nobody had answered.
    pub fn lapsed(&mut self, approval: &ApprovalId) {
        let mut record = self.record(Event::Answered);
        record.decision = Decision::deny(SILENCE_IS_NO, "no answer");
        record.approval = Some(approval.to_string());
        self.note(record);
    }
}
