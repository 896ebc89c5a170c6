//! What a request says of resources, prompts, places in a list and calls left open:
//! judged before it leaves, and put into the server's own words on its way.

use std::collections::BTreeMap;
use std::time::Instant;

use portcullis_catalog::control::{CURSORS_OURS, STATE_SEALED};
use portcullis_policy::{Decision, Effect, Extension};
use portcullis_wire::view::completion::{Completion, Target};
use portcullis_wire::view::input_request::InputResponses;
use portcullis_wire::view::subscription::Filter;
use portcullis_wire::view::{prompt::PromptGet, resource};
use portcullis_wire::{Era, Json, Object, Request, canonical};

use crate::Session;
use crate::approval::Fingerprint;
use crate::carries::{Carries, Stream};
use crate::client::misfit;
use crate::control::answers_match_questions::Asked;
use crate::control::links_judged::{Judge, Named};
use crate::control::{answers_match_questions, completions_bounded, subscriptions_agreed};
use crate::sealed::{self, Kept, millis};
use crate::settle::Refusal;

/// What is listed in pages.
pub(crate) const LISTS: &[&str] =
    &["tools/list", "prompts/list", "resources/list", "resources/templates/list", "tasks/list"];
/// What a server may leave open until it was told more (2026-07-28, basic/patterns/mrtr).
const MAY_GO_ON: &[&str] = &["tools/call", "prompts/get", "resources/read"];
/// What stands in parameters beside what is asked for.
const BESIDE: &[&str] = &["_meta", "cursor", "inputResponses", "requestState"];

impl Session {
    /// Judges what a request names, and what it brings back to the server.
    pub(crate) fn judge_lists(
        &mut self,
        request: &Request,
        now: Instant,
    ) -> Result<Decision, Refusal> {
        let task = self.judge_tasks(request, now)?;
        self.judge_state(request, now)?;
        self.judge_cursor(request)?;
        let params = request.params.as_ref();
        match request.method.as_str() {
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => {
                let uri = resource::uri(params).map_err(misfit)?;
                let decision = self.judge().of(Named::Resource(&uri));
                let listed = self.unless(decision, self.not_found(), "resource not found")?;
                Ok(listed.and(self.room_for(&request.method, &uri)?))
            }
            "prompts/get" => {
                let name = PromptGet::read(params).map_err(misfit)?.name;
                let decision = self.judge().of(Named::Prompt(&name));
                self.unless(decision, -32602, "prompt not found")
            }
            "completion/complete" => self.judge_completion(params, now),
            "subscriptions/listen" => {
                let filter = Filter::read(params).map_err(misfit)?;
                if !filter.task_ids.is_empty() {
                    self.must_declare(request, Extension::Tasks)?;
                }
                let streams = self.to_server.count(|row| row.carries.stream.is_some());
                let decision = subscriptions_agreed::judge(&filter, streams);
                self.unless(decision, -32602, "too many subscriptions")
            }
            _ => Ok(task),
        }
    }

    pub(crate) fn judge(&self) -> Judge<'_> {
        Judge { settings: &self.settings, apps: self.agreed_on(Extension::Ui) }
    }

    /// The code for a resource that is not there, in the era's numbers (MCP-RES-03).
    pub(crate) fn not_found(&self) -> i64 {
        if self.phase.era() == Era::Modern { -32602 } else { -32002 }
    }

    /// A denial becomes the refusal that the peer reads.
    fn unless(&self, decision: Decision, code: i64, told: &str) -> Result<Decision, Refusal> {
        match decision.effect {
            Effect::Deny => Err(Refusal::error(decision, code, told)),
            _ => Ok(decision),
        }
    }

    fn judge_completion(
        &mut self,
        params: Option<&Json>,
        now: Instant,
    ) -> Result<Decision, Refusal> {
        let asked = Completion::read(params).map_err(misfit)?;
        let bounded = completions_bounded::judge(&asked, self.rates.completion(now));
        let bounded = self.unless(bounded, -32602, "too much to complete")?;
        let judge = self.judge();
        let listed = match &asked.target {
            Target::Prompt(name) => judge.of(Named::Prompt(name)),
            Target::Resource(template) => judge.of(Named::Template(template)),
            Target::Other => Decision::default(),
        };
        Ok(bounded.and(self.unless(listed, -32602, "there is nothing to complete")?))
    }

    /// A cursor goes back to the list that it came from, or nowhere (MCP-RES-09).
    fn judge_cursor(&self, request: &Request) -> Result<(), Refusal> {
        if !LISTS.contains(&request.method.as_str()) {
            return Ok(());
        }
        let Some(cursor) = member(request, "cursor") else { return Ok(()) };
        let opened = cursor.as_text().and_then(|cursor| self.open_cursor(request, &cursor));
        if opened.is_some() {
            return Ok(());
        }
        let why = "the cursor is none that this list was given with";
        Err(Refusal::error(Decision::deny(CURSORS_OURS, why), -32602, "invalid cursor"))
    }

    fn open_cursor(&self, request: &Request, cursor: &str) -> Option<Kept> {
        sealed::open(&self.settings.seal, cursor, &self.bound("cursor", request))
    }

    /// The state of a call that the server left open is what the server gave, comes
    /// back with the same call, in time and once (MCP-SESS-07 to -09).
    pub(crate) fn judge_state(&mut self, request: &Request, now: Instant) -> Result<(), Refusal> {
        // Answers to what a task asks belong to the task.
        if self.phase.era() != Era::Modern || request.method == "tasks/update" {
            return Ok(());
        }
        let given = InputResponses::read(request.params.as_ref()).map_err(misfit)?;
        if given.is_empty() {
            return Ok(());
        }
        let refuse = |why: &str| {
            let decision = Decision::deny(STATE_SEALED, why);
            Err(Refusal::error(decision, -32602, "`requestState` is not valid"))
        };
        if !MAY_GO_ON.contains(&request.method.as_str()) {
            return refuse("nothing of this method can be left open");
        }
        let Some(state) = given.state.as_ref() else {
            return refuse("answers came without the state that they belong to");
        };
        let Some(kept) = self.open_state(request, state) else {
            return refuse("the state is none that this request was given");
        };
        if self.seals.clock(now).saturating_sub(kept.since) > self.story() {
            return refuse("the state is too old");
        }
        if !self.seals.is_open(kept.serial) {
            return refuse("the state was used already");
        }
        let answers = answers_match_questions::judge(&given, &kept.asked);
        let answers = answers.and(self.judge_brought(&given, &kept.asked));
        self.unless(answers, -32602, "`inputResponses` do not answer what was asked").map(drop)
    }

    /// What was asked with the state that a request brings back.
    pub(crate) fn state_asked(&self, request: &Request) -> BTreeMap<String, Asked> {
        let state = member(request, "requestState").and_then(|state| state.as_text());
        let kept = state.and_then(|state| self.open_state(request, &state));
        kept.map(|kept| kept.asked).unwrap_or_default()
    }

    fn open_state(&self, request: &Request, state: &str) -> Option<Kept> {
        sealed::open(&self.settings.seal, state, &self.bound("state", request))
    }

    /// Whether a call of this method can be left open.
    pub(crate) fn may_go_on(method: &str) -> bool {
        MAY_GO_ON.contains(&method)
    }

    /// How long a call may take with all of its rounds, in milliseconds.
    pub(crate) fn story(&self) -> u64 {
        millis(self.settings.limits.call_ceiling)
    }

    /// What an envelope holds good for: whose it is, and the request without what
    /// changes from one round to the next.
    pub(crate) fn bound(&self, kind: &str, request: &Request) -> String {
        let mut params = request.params.as_ref().and_then(Json::object).unwrap_or_default();
        for name in BESIDE {
            params.remove(name);
        }
        let digest = Fingerprint::of(&canonical(&params.to_json()));
        let (principal, server) = (&self.settings.principal, &self.settings.server);
        format!("{kind}\n{principal}\n{server}\n{}\n{}", request.method, digest.as_str())
    }

    /// What is remembered of a request that leaves now; a state is used up with it.
    pub(crate) fn carry(&mut self, request: &Request, now: Instant) -> Carries {
        let since = self.seals.clock(now);
        let method = request.method.as_str();
        let params = request.params.as_ref();
        let mut carries = Carries { since, ..Carries::default() };
        carries.may_task = self.may_task(request);
        carries.task = self.carried_task(request);
        if LISTS.contains(&method) {
            self.rates.looked(method);
            carries.bound = self.bound("cursor", request);
            let cursor = member(request, "cursor").and_then(|cursor| cursor.as_text());
            if let Some(kept) = cursor.and_then(|cursor| self.open_cursor(request, &cursor)) {
                (carries.round, carries.private) = (kept.round, kept.private);
                carries.cursor = kept.inner;
            }
        } else if MAY_GO_ON.contains(&method) && self.phase.era() == Era::Modern {
            carries.bound = self.bound("state", request);
            let state = member(request, "requestState").and_then(|state| state.as_text());
            if let Some(kept) = state.and_then(|state| self.open_state(request, &state)) {
                self.seals.spend(kept.serial);
                (carries.since, carries.round, carries.idle) = (kept.since, kept.round, kept.idle);
                carries.retry = true;
                carries.people = kept.people;
            }
        }
        match method {
            "resources/read" => carries.uri = resource::uri(params).ok(),
            "resources/subscribe" | "resources/unsubscribe" => {
                carries.uri = resource::uri(params).ok();
                self.subscribe(method, carries.uri.as_deref());
            }
            "completion/complete" => {
                if let Ok(Completion { target: Target::Resource(template), variable, .. }) =
                    Completion::read(params)
                {
                    (carries.uri, carries.variable) = (Some(template), Some(variable));
                }
            }
            "subscriptions/listen" => {
                let asked = self.heard_filter(params).0;
                carries.stream = Some(Stream { asked, agreed: None });
            }
            _ => {}
        }
        carries
    }

    /// Puts what the client kept for us back into the server's words, and takes out
    /// what it may not ask for.
    pub(crate) fn restore(&self, request: &Request, params: &mut Object) -> Decision {
        let text = |params: &Object, name: &str| params.get(name).and_then(Json::as_text);
        if LISTS.contains(&request.method.as_str()) {
            let kept = text(params, "cursor").and_then(|it| self.open_cursor(request, &it));
            if let Some(inner) = kept.and_then(|kept| kept.inner) {
                params.set("cursor", Json::string(&inner));
            }
        }
        let task = self.restore_task(request, params);
        if request.method == "subscriptions/listen" {
            return self.cut_filter(request.params.as_ref(), params);
        }
        let kept = text(params, "requestState").and_then(|it| self.open_state(request, &it));
        let Some(kept) = kept.filter(|_| self.phase.era() == Era::Modern) else {
            return task;
        };
        match &kept.inner {
            Some(inner) => params.set("requestState", Json::string(inner)),
            None => {
                params.remove("requestState");
            }
        }
        answers_match_questions::cut(params, &kept.asked)
    }
}

fn member(request: &Request, name: &str) -> Option<Json> {
    request.params.as_ref()?.object()?.get(name).cloned()
}
