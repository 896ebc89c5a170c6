//! Calls that go on after their answer: as tasks of the core of 2025-11-25, or of
//! the extension `io.modelcontextprotocol/tasks` since then (SEP-2663).
//!
//! ```text
//!  tools/call ─▶ judged as any call ─▶ the server answers with a task ─▶ remembered,
//!  told under our id ─▶ tasks/get, tasks/result, notifications: each judged as the
//!  call's own answer would be ─▶ forgotten when its time is over
//! ```
//!
//! What is judged stands in `control/`: `extensions_agreed` (may there be tasks),
//! `tasks_owned` (whose), `tasks_bounded` (how many, how long), `late_results_judged`
//! and `task_questions_judged` (what they bring).

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use portcullis_catalog::control::{
    METHOD_KNOWN, TASK_QUESTIONS_JUDGED, TASKS_BOUNDED, TASKS_OWNED,
};
use portcullis_journal::{Event, Outcome as Ended};
use portcullis_policy::{Decision, Effect, Extension, Obligation};
use portcullis_wire::leaves::Place;
use portcullis_wire::view::input_request::{InputResponses, ResultType};
use portcullis_wire::view::task;
use portcullis_wire::{
    Era, Json, Message, Notification, Object, Outcome, Peer, Request, array, elements,
};

use crate::Session;
use crate::answer::is_failure;
use crate::carries::About;
use crate::client::misfit;
use crate::control::answers_match_questions::Asked;
use crate::control::flows_apart::Brings;
use crate::control::tasks_owned::Task;
use crate::control::trace_context_checked;
use crate::control::{answers_match_questions, apps_contained, tasks_bounded};
use crate::correlate::{InFlight, Purpose};
use crate::input::{Inquiry, written};
use crate::sealed;
use crate::settle::Refusal;
use crate::waiting::Part;

/// What a task is known by (2025-11-25), and what an answer has around it.
const LEGACY: &[&str] = &[
    "taskId",
    "status",
    "statusMessage",
    "createdAt",
    "lastUpdatedAt",
    "ttl",
    "pollInterval",
    "_meta",
];
/// The same since 2026-07-28.
const MODERN: &[&str] = &[
    "taskId",
    "status",
    "statusMessage",
    "createdAt",
    "lastUpdatedAt",
    "ttlMs",
    "pollIntervalMs",
    "resultType",
    "_meta",
];
/// What a request about a task carries.
const ASKED: &[&str] = &["taskId", "inputResponses", "_meta"];
/// What a request for a list of them carries.
const LISTED: &[&str] = &["cursor", "_meta"];

/// The one request that is about all of them.
const LIST: &str = "tasks/list";
/// The method with which a host answers what a task asks.
const UPDATE: &str = "tasks/update";

/// Whether a request is about tasks.
fn is_about_tasks(method: &str) -> bool {
    method.starts_with("tasks/")
}

impl Session {
    /// Judges whose task a request is about, and whether there is room for one more.
    pub(crate) fn judge_tasks(
        &mut self,
        request: &Request,
        now: Instant,
    ) -> Result<Decision, Refusal> {
        // Whose time is over takes no room, whether or not somebody asks for it.
        self.tasks.expire(now);
        if request.method == "tools/call" {
            return self.judge_wish(request);
        }
        if !is_about_tasks(&request.method) {
            return Ok(Decision::default());
        }
        let often = |spent: Result<(), _>| match spent {
            Ok(()) => Ok(()),
            Err(_) => {
                let why = "too many requests about a task in too short a time";
                let decision = Decision::deny(TASKS_BOUNDED, why);
                Err(Refusal::error(decision, -32603, "too many requests about tasks"))
            }
        };
        if request.method == LIST {
            return often(self.listings.spend(now)).map(|()| Decision::default());
        }
        let params = request.params.as_ref();
        let id = task::id(params).map_err(misfit)?;
        let Some(task) = self.tasks.find_mut(&id) else {
            let decision = Decision::deny(TASKS_OWNED, "no task of this session has that id");
            return Err(Refusal::error(decision, -32602, "task not found"));
        };
        often(task.polls.spend(now))?;
        let given = InputResponses::read(params).map_err(misfit)?;
        let asked = task.asked.clone();
        let answers = answers_match_questions::judge(&given, &asked);
        let answers = answers.and(self.judge_brought(&given, &asked));
        if answers.effect == Effect::Deny {
            let told = "`inputResponses` do not answer what was asked";
            return Err(Refusal::error(answers, -32602, told));
        }
        if request.method == UPDATE
            && let Some(task) = self.tasks.find_mut(&id)
        {
            task.answered.extend(given.responses.into_iter().map(|(name, _)| name));
        }
        Ok(answers)
    }

    /// A call of 2025-11-25 that wants to be a task.
    fn judge_wish(&self, request: &Request) -> Result<Decision, Refusal> {
        if self.phase.era() == Era::Modern || !self.wishes_task(request) {
            return Ok(Decision::default());
        }
        let decision = tasks_bounded::judge(self.open_tasks());
        match decision.effect {
            Effect::Deny => {
                let told = "not permitted now: too many tasks are open";
                Err(Refusal::tool(decision, told))
            }
            _ => Ok(decision),
        }
    }

    /// Tasks that are open, and calls that may become one.
    fn open_tasks(&self) -> usize {
        self.tasks.open() + self.to_server.count(|row| row.carries.may_task)
    }

    /// A call that the host would take back as a task, where that was agreed on.
    fn wishes_task(&self, request: &Request) -> bool {
        match self.phase.era() {
            Era::Modern => self.declares(request.params.as_ref(), Extension::Tasks),
            Era::Legacy => {
                let members = request.params.as_ref().and_then(Json::object);
                self.has_core_tasks() && members.is_some_and(|it| it.get("task").is_some())
            }
        }
    }

    /// Whether this call may be answered with a task.
    pub(crate) fn may_task(&self, request: &Request) -> bool {
        request.method == "tools/call"
            && self.wishes_task(request)
            && tasks_bounded::judge(self.open_tasks()).effect == Effect::Allow
    }

    /// The parameters of a request about a task, in the server's words.
    pub(crate) fn restore_task(&self, request: &Request, params: &mut Object) -> Decision {
        if !is_about_tasks(&request.method) {
            return Decision::default();
        }
        if request.method == LIST {
            return only(params, LISTED);
        }
        let cut = only(params, ASKED);
        let id = params.get("taskId").and_then(Json::as_text).unwrap_or_default();
        let Some(task) = self.tasks.find(&id) else { return cut };
        params.set("taskId", Json::string(&task.theirs));
        cut.and(answers_match_questions::cut(params, &task.asked))
    }

    /// The tool of the task that a request is about, for its record.
    pub(crate) fn tool_of_task(&self, request: &Request) -> Option<String> {
        let About::One(id) = self.carried_task(request)? else { return None };
        self.tasks.find(&id)?.call.subject.clone()
    }

    /// The tasks that a request is about.
    pub(crate) fn carried_task(&self, request: &Request) -> Option<About> {
        if request.method == LIST {
            return Some(About::All);
        }
        let id = task::id(request.params.as_ref()).ok().filter(|_| is_about_tasks(&request.method));
        id.filter(|id| self.tasks.find(id).is_some()).map(About::One)
    }

    /// Whether an answer is a task instead of what was asked for.
    pub(crate) fn is_task(&self, row: &InFlight, result: &Json) -> bool {
        row.carries.may_task
            && match self.phase.era() {
                Era::Modern => ResultType::read(result) == Ok(ResultType::Task),
                Era::Legacy => result.object().is_some_and(|it| it.get("task").is_some()),
            }
    }

    /// The call goes on as a task.
    pub(crate) fn task_created(
        &mut self,
        row: &InFlight,
        result: &Json,
        sifted: Decision,
        now: Instant,
    ) {
        let whole = result.object().unwrap_or_default();
        let (mut task, era) = match self.phase.era() {
            Era::Modern => (whole.clone(), Era::Modern),
            Era::Legacy => {
                (whole.get("task").and_then(Json::object).unwrap_or_default(), Era::Legacy)
            }
        };
        let ours = match self.begin_task(row, &task, now) {
            Ok(ours) => ours,
            Err(why) => return self.refuse_result(row, why, now),
        };
        let mut decision = sifted.and(self.tell_of(&ours, &mut task));
        let told = match era {
            Era::Modern => task,
            Era::Legacy => {
                let mut whole = whole;
                decision = decision.and(only(&mut whole, &["task", "_meta"]));
                decision = decision.and(self.no_page(&mut whole));
                whole.set("task", task.to_json());
                whole
            }
        };
        let why = "the call goes on as a task";
        decision = decision.and(Decision::because(Effect::Allow, TASKS_OWNED, why));
        // It is no result yet, so no schema of one holds.
        let mut begun = InFlight { purpose: Purpose::Plain, ..row.clone() };
        begun.carries.brings = Brings::default();
        let told = Outcome::Result(told.to_json());
        self.pass_back(&begun, told, decision.owing(Obligation::Rewritten), Ended::Ok, now);
    }

    fn begin_task(
        &mut self,
        row: &InFlight,
        task: &Object,
        now: Instant,
    ) -> Result<String, Decision> {
        let theirs = task.get("taskId").and_then(Json::as_text).unwrap_or_default();
        let ttl = task.get(if self.phase.era() == Era::Modern { "ttlMs" } else { "ttl" });
        let until = now + tasks_bounded::kept(ttl);
        let tool = self.called(row).map(crate::listing::Tool::remembered);
        let ours = sealed::name(&self.settings.seal, "task", self.tasks.serial());
        let (call, asked) = (row.clone(), BTreeMap::new());
        let polls = tasks_bounded::polls();
        let begun = Task {
            theirs,
            call,
            tool,
            asked,
            answered: BTreeSet::new(),
            open: true,
            owes: true,
            polls,
            until,
        };
        self.tasks.begin(&ours, begun, now)?;
        Ok(ours)
    }

    /// A task as the host may read of it: under our id, within our limits, and nothing
    /// but what the revision gives to a task.
    fn tell_of(&mut self, ours: &str, told: &mut Object) -> Decision {
        let era = self.phase.era();
        let known = if era == Era::Modern { MODERN } else { LEGACY };
        let cut = only(told, known).and(tasks_bounded::clamp(told, era)).and(self.no_page(told));
        told.set("taskId", Json::string(ours));
        let status = told.get("status").and_then(Json::as_text).unwrap_or_default();
        if let Some(task) = self.tasks.find_mut(ours) {
            // What is over does not begin again.
            task.open &= ["working", "input_required"].contains(&status.as_str());
        }
        cut
    }

    /// What is said of a task brings no page that its call's own result could not.
    fn no_page(&self, told: &mut Object) -> Decision {
        let Some((left, cut)) = apps_contained::clean(told, self.agreed_on(Extension::Ui)) else {
            return Decision::default();
        };
        *told = left;
        cut
    }

    /// The server answers a request about tasks.
    pub(crate) fn tasks_answered(
        &mut self,
        row: &InFlight,
        result: &Json,
        sifted: Decision,
        now: Instant,
    ) {
        if row.carries.task == Some(About::All) {
            let (told, decision) = self.tasks_listed(result);
            let (told, decision) = self.page(row, told, sifted.and(decision));
            return self.pass_back(row, Outcome::Result(told), decision, Ended::Ok, now);
        }
        let mut members = result.object().unwrap_or_default();
        let acknowledges = ["tasks/update", "tasks/cancel"].contains(&row.method.as_str());
        if self.phase.era() == Era::Modern && acknowledges {
            // The answers to these say nothing.
            if let ("tasks/cancel", Some(About::One(ours))) =
                (row.method.as_str(), &row.carries.task)
            {
                self.tasks.settle(ours);
            }
            // From here on the server has heard the answers.
            if let Some(About::One(ours)) = &row.carries.task
                && let Some(task) = self.tasks.find_mut(ours)
            {
                for name in std::mem::take(&mut task.answered) {
                    task.call.carries.answered(&name);
                }
            }
            let cut = only(&mut members, &["resultType", "_meta"]).and(self.no_page(&mut members));
            let told = Outcome::Result(members.to_json());
            return self.pass_back(row, told, sifted.and(cut), Ended::Ok, now);
        }
        match self.task_asks(row, &members, now) {
            Ok(asks) if asks.is_empty() => {}
            Ok(asks) => return self.park_open(row, result, Part::Task, asks),
            Err(why) => return self.refuse_result(row, why, now),
        }
        match self.task_told(row, members, now) {
            Ok((told, decision, ended)) => {
                let told = Outcome::Result(told);
                self.deliver(row, told, sifted.and(decision), ended, now);
            }
            Err(why) => self.refuse_result(row, why, now),
        }
    }

    fn tasks_listed(&mut self, result: &Json) -> (Json, Decision) {
        let mut members = result.object().unwrap_or_default();
        let page = self.no_page(&mut members);
        let listed = members.get("tasks").and_then(elements).unwrap_or_default();
        let (known, left_out) = self.tasks.known(listed);
        let (mut told, mut decision) = (Vec::new(), page);
        for (ours, mut task) in known {
            decision = decision.and(self.tell_of(&ours, &mut task));
            told.push(task.to_json());
        }
        members.set("tasks", array(&told));
        if left_out > 0 {
            let why = format!("{left_out} tasks are none of this session's, and were left out");
            let cut = Decision::because(Effect::Allow, TASKS_OWNED, why);
            decision = decision.and(cut.owing(Obligation::Rewritten));
        }
        (members.to_json(), decision)
    }

    /// What a task tells of itself, with all that it brings along; inspected.
    fn task_told(
        &mut self,
        row: &InFlight,
        mut members: Object,
        now: Instant,
    ) -> Result<(Json, Decision, Ended), Decision> {
        let theirs = members.get("taskId").and_then(Json::as_text).unwrap_or_default();
        let ours = self.tasks.ours(&theirs).cloned();
        let about = row.carries.task.as_ref().and_then(About::one);
        let Some(ours) = ours.filter(|ours| about == Some(ours.as_str())) else {
            return Err(Decision::deny(TASKS_OWNED, "the server speaks of another task"));
        };
        let Some(late) = self.late(row, &ours) else {
            return Err(Decision::deny(TASKS_OWNED, "the task is forgotten"));
        };
        let asked = members.remove("inputRequests");
        let (result, error) = (members.remove("result"), members.remove("error"));
        let questions = asked.map(|asked| self.judge_task_questions(row, asked)).transpose()?;
        let mut questions = questions.unwrap_or_default();
        self.all_let_through(&ours, &questions)?;
        if let Some(task) = self.tasks.find(&ours) {
            task.call.carries.edit(&mut questions);
        }
        let asked_before = answers_match_questions::asked_by(&questions)?;
        let mut decision = self.tell_of(&ours, &mut members);
        for question in &questions {
            decision =
                decision.and(Decision { effect: Effect::Allow, ..question.decision.clone() });
        }
        let era = self.phase.era();
        let status = members.get("status").and_then(Json::as_text).unwrap_or_default();
        if let Some(task) = self.tasks.find_mut(&ours) {
            task.asked = asked_before;
            // The core's results are asked for afterwards.
            task.owes &= task.open || (era == Era::Legacy && status != "cancelled");
        }
        let (told, seen) = self.inspect_told(members.to_json());
        if seen.effect == Effect::Deny {
            return Err(decision.and(seen));
        }
        decision = decision.and(seen);
        let (told, leaks) = match status.as_str() {
            // What it says of a failure is an error's text.
            "failed" => self.sanitise(&late, told, is_status_message),
            _ => (told, Decision::default()),
        };
        decision = decision.and(leaks);
        let (mut told, mut ended) = (told.object().unwrap_or_default(), Ended::Ok);
        if !questions.is_empty() && status == "input_required" {
            // They were inspected one by one.
            told.set("inputRequests", written(&questions));
        }
        match (status.as_str(), era) {
            ("completed", Era::Modern) => {
                let (result, judged) = self.late_result(&late, result.unwrap_or_else(empty), now);
                ended = if is_failure(&result) { Ended::ToolError } else { Ended::Ok };
                told.set("result", result);
                decision = decision.and(judged);
            }
            ("failed", Era::Modern) => {
                let error = error.unwrap_or_else(empty);
                let (error, judged) = self.late_error(&late, &error, now);
                ended = Ended::Error;
                told.set("error", error);
                decision = decision.and(judged);
            }
            _ => {}
        }
        Ok((told.to_json(), decision.owing(Obligation::Rewritten), ended))
    }

    /// The questions of a task that a person is asked about, before the host sees them.
    fn task_asks(
        &mut self,
        row: &InFlight,
        members: &Object,
        now: Instant,
    ) -> Result<Vec<Inquiry>, Decision> {
        let about = row.carries.task.as_ref().and_then(About::one).map(str::to_owned);
        let (Some(ours), Some(asked)) = (about, members.get("inputRequests")) else {
            return Ok(Vec::new());
        };
        let questions = self.judge_task_questions(row, asked.clone())?;
        let Some(task) = self.tasks.find_mut(&ours) else { return Ok(Vec::new()) };
        // What a person just said yes to is let through for as long as the task lives.
        let mut carries = std::mem::take(&mut task.call.carries);
        carries.let_through.extend(row.carries.let_through.clone());
        carries.edits.extend(row.carries.edits.clone());
        let asks = self.sort_questions(&mut carries, &questions, now);
        if let Some(task) = self.tasks.find_mut(&ours) {
            task.call.carries = carries;
        }
        asks
    }

    /// A notification brings no question that the host was not given already: a person is
    /// asked when the host asks for the task.
    fn all_let_through(&self, ours: &str, questions: &[Inquiry]) -> Result<(), Decision> {
        let Some(task) = self.tasks.find(ours) else { return Ok(()) };
        let known =
            |inquiry: &Inquiry| inquiry.matter().is_none() || task.call.carries.lets(inquiry);
        if questions.iter().all(known) {
            return Ok(());
        }
        let why = "its questions wait until the host asks for the task";
        Err(Decision::deny(TASK_QUESTIONS_JUDGED, why))
    }

    /// What the task that a request is about has asked.
    pub(crate) fn task_asked(&self, request: &Request) -> Option<BTreeMap<String, Asked>> {
        let About::One(id) = self.carried_task(request)? else { return None };
        Some(self.tasks.find(&id)?.asked.clone())
    }

    /// What a task says beside its result.
    pub(crate) fn inspect_told(&self, told: Json) -> (Json, Decision) {
        let (told, cut) =
            trace_context_checked::clean_in(&told).unwrap_or((told, Decision::default()));
        let (told, seen) = self.inspect_texts(told, |_| false);
        (told, cut.and(seen))
    }

    /// The server tells of a task unasked.
    pub(crate) fn tell_of_task(&mut self, said: &Notification, now: Instant) {
        let params = said.params.clone().unwrap_or_else(empty);
        let (params, cut) = self.tasks.related(&params).unwrap_or((params, Decision::default()));
        let members = params.object().unwrap_or_default();
        let theirs = members.get("taskId").and_then(Json::as_text).unwrap_or_default();
        let Some(ours) = self.tasks.ours(&theirs).cloned() else {
            let decision = Decision::deny(TASKS_OWNED, "tells of no task of this session");
            return self.drop_said(Peer::Server, said, decision);
        };
        let Some(task) = self.tasks.find(&ours) else { return };
        let mut about = task.call.clone();
        let tool = task.call.subject.clone();
        about.carries.task = Some(About::One(ours));
        about.method.clone_from(&said.method);
        match self.task_told(&about, members, now) {
            Ok((told, decision, _)) => {
                let said = Notification { method: said.method.clone(), params: Some(told) };
                // It was inspected part by part.
                let mut record = self.heard(Event::Intent, Peer::Server);
                record.method = Some(said.method.clone());
                record.tool = tool;
                record.decision = cut.and(decision);
                self.forward(Peer::Client, Message::Notification(said), record, None);
            }
            Err(why) => self.drop_said(Peer::Server, said, why),
        }
    }
}

fn is_status_message(place: &Place<'_>) -> bool {
    place.member(0).as_deref() == Some("statusMessage")
}

fn empty() -> Json {
    Object::new().to_json()
}

/// Takes the members out that nobody knows.
fn only(members: &mut Object, known: &[&str]) -> Decision {
    let unknown = members.iter().map(|(name, _)| name).filter(|name| !known.contains(name));
    let unknown: Vec<String> = unknown.map(str::to_owned).collect();
    if unknown.is_empty() {
        return Decision::default();
    }
    for name in &unknown {
        members.remove(name);
    }
    let names: String = unknown.join(", ").chars().take(200).collect();
    let why = format!(
        "a task has no {}, which is not passed on",
        portcullis_guard::text::visible(&names)
    );
    Decision::because(Effect::Allow, METHOD_KNOWN, why).owing(Obligation::Rewritten)
}
