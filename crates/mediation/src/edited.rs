//! A person said yes to something else than what was asked: it is judged as if it had been
//! asked, recorded with the digests of both, and then goes on in its place.
//!
//! What the controls would change once more does not go on at all: the person said yes to
//! these words and to no others.

use std::collections::BTreeSet;
use std::time::Instant;

use portcullis_catalog::control::{
    ANSWERS_MATCH_QUESTIONS, APPROVAL_EXACT, SAMPLING_EDITED, SHAPE_CHECKED,
};
use portcullis_journal::Event;
use portcullis_policy::{Decision, Effect};
use portcullis_wire::{
    Era, Json, Kind, Outcome, Revision, array, canonical, input_request, leaves,
};

use crate::Session;
use crate::approval::{ApprovalId, Matter};
use crate::control::answers_match_questions::Asked;
use crate::control::sampling_bounded;
use crate::correlate::InFlight;
use crate::edit::{self, Edited};
use crate::input::MODEL;
use crate::question::Parked;
use crate::waiting::Waiting;
use crate::without::Layer;

/// Deepest content that is read; `edit.rs` reads no deeper.
const DEPTH: usize = 64;

impl Session {
    /// A person's yes to what they put in the place of what waits.
    pub(crate) fn go_on_edited(
        &mut self,
        mut parked: Parked,
        edited: &Edited,
        approval: &ApprovalId,
        now: Instant,
    ) {
        let asked = parked.content.clone();
        let put = self.put(&mut parked.waiting, parked.key.matter, &asked, &edited.content);
        let content = match put {
            Ok(content) => content,
            Err(why) => {
                let why = parked.decision.clone().and(why);
                let sentence = parked.waiting.not_approved();
                return self.give_up(parked.waiting, Some(approval), why, sentence);
            }
        };
        let mut record = self.about_waiting(Event::Rewritten, &parked.waiting);
        let redactor = &self.settings.redactor;
        record.arguments = None;
        record.arguments_digest = Some(redactor.digest(content.as_bytes()));
        record.asked_digest = Some(redactor.digest(asked.as_bytes()));
        record.edited_by = Some(portcullis_guard::text::visible(&edited.by));
        record.approval = Some(approval.to_string());
        let why = "a person put other content in its place";
        record.decision = Decision::because(Effect::Allow, SAMPLING_EDITED, why);
        self.note(record);
        self.go_on(parked, approval, now);
    }

    /// Puts edited content in the place of what waits; the content in its one order.
    fn put(
        &self,
        waiting: &mut Waiting,
        matter: Matter,
        asked: &str,
        edited: &str,
    ) -> Result<String, Decision> {
        let content = edit::judge(matter, asked, edited).map_err(|why| no(&why.to_string()))?;
        let json = Json::parse(&content, DEPTH).map_err(|_| no("it is no JSON"))?;
        match waiting {
            Waiting::Call(_) | Waiting::Root(_) | Waiting::Drift(_) => {
                return Err(Decision::deny(APPROVAL_EXACT, "this is not edited"));
            }
            Waiting::Request(request) => {
                let params =
                    self.judge_edited(&request.method, request.params.as_ref(), asked, &json)?;
                request.params = Some(params);
            }
            Waiting::Open(open) => {
                let params =
                    self.judge_edited(&open.now.method, open.now.params.as_ref(), asked, &json)?;
                open.row.carries.edits.insert(open.now.digest(), params);
            }
            Waiting::Answer(row, answer) => {
                self.judge_edited_answer(row.carries.asked.as_ref(), &json)?;
                self.fits_its_request(row, &json)?;
                *answer = json;
            }
            Waiting::Brought(brought) => {
                let asked = self.asked_before(&brought.request);
                self.judge_edited_answer(asked.get(&brought.now.name), &json)?;
                let params = brought.request.params.as_ref().and_then(Json::object);
                let mut params = params.unwrap_or_default();
                let given = params.get("inputResponses").and_then(Json::object);
                let mut given = given.unwrap_or_default();
                given.set(&brought.now.name, json);
                params.set("inputResponses", given.to_json());
                brought.request.params = Some(params.to_json());
            }
        }
        Ok(content)
    }

    /// An edited request for the model, with what nobody was shown of it as it was.
    fn judge_edited(
        &self,
        method: &str,
        before: Option<&Json>,
        asked: &str,
        edited: &Json,
    ) -> Result<Json, Decision> {
        self.inspect_new_words(asked, edited)?;
        let (bound, cut) = sampling_bounded::bound(edited, &self.settings.may_ask.sampling)?;
        unchanged(edited, &bound, cut)?;
        let mut params = edited.object().unwrap_or_default();
        let meta = before.and_then(Json::object).and_then(|before| before.get("_meta").cloned());
        if let Some(meta) = meta {
            params.set("_meta", meta);
        }
        let params = params.to_json();
        self.has_shape_of(method, &params)?;
        Ok(params)
    }

    /// What was there was looked at before; what a person put in is looked at now.
    fn inspect_new_words(&self, asked: &str, edited: &Json) -> Result<(), Decision> {
        let mut known = BTreeSet::new();
        if let Ok(asked) = Json::parse(asked, DEPTH) {
            leaves::each(&asked, |leaf| known.extend([leaf.text.to_string()]));
        }
        let mut new = Vec::new();
        leaves::each(edited, |leaf| {
            if !known.contains(leaf.text.as_ref()) {
                new.push(Json::string(&leaf.text));
            }
        });
        let new = array(&new);
        let (left, seen) = self.inspect_texts(new.clone(), |_| false);
        unchanged(&new, &left, seen)
    }

    fn has_shape_of(&self, method: &str, params: &Json) -> Result<(), Decision> {
        if self.settings.without.is(Layer::Schema) {
            return Ok(());
        }
        if self.phase.era() == Era::Legacy {
            let row = self.server_method(Kind::Request, method);
            return row.map_or_else(
                || Err(no("nobody knows it")),
                |row| self.has_shape(row, Some(params)),
            );
        }
        let known =
            input_request(Revision::V2026_07_28, method).ok_or_else(|| no("nobody knows it"))?;
        let fits = known.params.holds_params(Some(params), Revision::V2026_07_28);
        fits.map_err(|misfit| {
            Decision::deny(SHAPE_CHECKED, format!("`{method}` does not fit: {misfit}"))
        })
    }

    fn judge_edited_answer(&self, asked: Option<&Asked>, edited: &Json) -> Result<(), Decision> {
        let Some(asked) = asked else {
            let why = "the question that it answers is not known any more";
            return Err(Decision::deny(ANSWERS_MATCH_QUESTIONS, why));
        };
        let fits = asked.judge("answer", edited);
        let (left, seen) = self.judge_answered(MODEL, edited);
        unchanged(edited, &left, fits.and(seen))
    }

    fn fits_its_request(&self, row: &InFlight, edited: &Json) -> Result<(), Decision> {
        match self.fitting_answer(row, Outcome::Result(edited.clone()))? {
            Outcome::Result(left) => unchanged(edited, &left, Decision::default()),
            Outcome::Error(_) => Err(no("it is no answer")),
        }
    }
}

/// Nothing but what a person said yes to goes on.
fn unchanged(edited: &Json, left: &Json, seen: Decision) -> Result<(), Decision> {
    if seen.effect == Effect::Deny {
        return Err(seen);
    }
    if canonical(edited) != canonical(left) {
        return Err(seen.and(no("it would have to be changed once more")));
    }
    Ok(())
}

fn no(why: &str) -> Decision {
    Decision::deny(SAMPLING_EDITED, format!("what a person put in its place does not pass: {why}"))
}
