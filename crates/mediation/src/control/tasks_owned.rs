//! A task is reached under an id of ours, by the session that began it
//! (MCP-SESS-12).
//!
//! The server's ids stay on its side. The host gets 128 bits that only the holder
//! of the session's key can make; whatever else it asks for is answered without
//! asking the server, which cannot know whose a task is. A list shows what this
//! session began.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use portcullis_catalog::control::TASKS_OWNED;
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::view::task::RELATED_TASK;
use portcullis_wire::{Json, Object};

use super::answers_match_questions::Asked;
use super::calls_per_minute::Quota;
use crate::correlate::InFlight;
use crate::listing::Tool;

/// Tasks that a session remembers, running or over; each with its tool's output schema.
const REMEMBERED: usize = 64;
/// Longest id of a server's, in bytes.
const LONGEST: usize = 1024;

/// A call that goes on after its answer.
#[derive(Debug)]
pub(crate) struct Task {
    /// The server's id.
    pub(crate) theirs: String,
    /// The call as it was sent: what policies want of its result.
    pub(crate) call: InFlight,
    /// The tool as it was when the call was judged.
    pub(crate) tool: Option<Tool>,
    /// What the task asked when it was last looked at.
    pub(crate) asked: BTreeMap<String, Asked>,
    /// Which of it the host answered, before the server said that it heard.
    pub(crate) answered: BTreeSet<String>,
    /// It has not ended, as far as the server said.
    pub(crate) open: bool,
    /// Its result was not told yet.
    pub(crate) owes: bool,
    /// How often it was asked about.
    pub(crate) polls: Quota,
    /// When it is forgotten.
    pub(crate) until: Instant,
}

/// The tasks of one session.
#[derive(Debug, Default)]
pub(crate) struct Owned {
    /// By our id.
    tasks: BTreeMap<String, Task>,
    /// Our id by theirs.
    ours: BTreeMap<String, String>,
    last: u64,
}

impl Owned {
    /// A number that no other task has.
    pub(crate) fn serial(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Remembers a task under our id.
    pub(crate) fn begin(&mut self, ours: &str, task: Task, now: Instant) -> Result<(), Decision> {
        let no = |why: &str| Err(Decision::deny(TASKS_OWNED, why));
        self.expire(now);
        if task.theirs.is_empty() || task.theirs.len() > LONGEST {
            return no("the task's id is empty or too long");
        }
        if self.ours.contains_key(&task.theirs) {
            return no("the task's id is another task's");
        }
        if self.tasks.len() >= REMEMBERED && !self.forget_one() {
            return no("too many tasks are remembered");
        }
        self.ours.insert(task.theirs.clone(), ours.to_owned());
        self.tasks.insert(ours.to_owned(), task);
        Ok(())
    }

    /// A task by our id, if it is this session's and not forgotten.
    pub(crate) fn find(&self, ours: &str) -> Option<&Task> {
        self.tasks.get(ours)
    }

    pub(crate) fn find_mut(&mut self, ours: &str) -> Option<&mut Task> {
        self.tasks.get_mut(ours)
    }

    /// The call of a task that is at work, by the number under which it was sent: its
    /// progress goes on (2025-11-25, basic/utilities/tasks).
    pub(crate) fn at_work(&mut self, minted: i64) -> Option<&mut InFlight> {
        let open = self.tasks.values_mut().filter(|task| task.open);
        open.map(|task| &mut task.call).find(|call| call.carries.minted == Some(minted))
    }

    /// Our id for one of theirs.
    pub(crate) fn ours(&self, theirs: &str) -> Option<&String> {
        self.ours.get(theirs)
    }

    pub(crate) fn open(&self) -> usize {
        self.tasks.values().filter(|task| task.open).count()
    }

    /// How many the host still waits for.
    pub(crate) fn owing(&self) -> usize {
        self.tasks.values().filter(|task| task.owes).count()
    }

    /// The host has the result, or does not want it.
    pub(crate) fn settle(&mut self, ours: &str) {
        if let Some(task) = self.tasks.get_mut(ours) {
            task.owes = false;
        }
    }

    /// Forgets what nobody keeps any more.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.tasks.retain(|_, task| task.until > now);
        let tasks = &self.tasks;
        self.ours.retain(|_, ours| tasks.contains_key(ours));
    }

    /// Forgets the task that is over and would be forgotten first.
    fn forget_one(&mut self) -> bool {
        let over = self.tasks.iter().filter(|(_, task)| !task.open);
        let Some(first) = over.min_by_key(|(_, task)| task.until).map(|(ours, _)| ours.clone())
        else {
            return false;
        };
        if let Some(task) = self.tasks.remove(&first) {
            self.ours.remove(&task.theirs);
        }
        true
    }

    /// The process that had them is gone: those that the host still waits for.
    pub(crate) fn drain(&mut self, now: Instant) -> Vec<Task> {
        self.expire(now);
        self.ours.clear();
        std::mem::take(&mut self.tasks).into_values().filter(|task| task.owes).collect()
    }

    /// The tasks of a list that are this session's, each with our id for it.
    pub(crate) fn known(&self, listed: Vec<Json>) -> (Vec<(String, Object)>, usize) {
        let (mut known, mut left_out, mut seen) = (Vec::new(), 0, BTreeSet::new());
        for entry in listed {
            let members = entry.object().unwrap_or_default();
            let ours = members.get("taskId").and_then(Json::as_text);
            match ours.and_then(|theirs| self.ours(&theirs).cloned()) {
                Some(ours) if seen.insert(ours.clone()) => known.push((ours, members)),
                _ => left_out += 1,
            }
        }
        (known, left_out)
    }

    /// What a message of the server says it belongs to, under our id; what belongs to
    /// a task that is none of this session's says nothing of it.
    pub(crate) fn related(&self, whole: &Json) -> Option<(Json, Decision)> {
        let (mut members, mut meta, id) = related(whole)?;
        let decision = match id.and_then(|theirs| self.ours(&theirs)) {
            Some(ours) => {
                set_related(&mut meta, ours);
                Decision::default()
            }
            None => {
                meta.remove(RELATED_TASK);
                let why = "belongs to a task that is none of this session's";
                let cut = Decision::because(Effect::Allow, TASKS_OWNED, why);
                cut.owing(Obligation::Rewritten)
            }
        };
        members.set("_meta", meta.to_json());
        Some((members.to_json(), decision))
    }

    /// The same of a message of the host, under the server's own id.
    pub(crate) fn related_back(&self, whole: &Json) -> Option<Json> {
        let (mut members, mut meta, id) = related(whole)?;
        match id.and_then(|ours| self.find(&ours)) {
            Some(task) => set_related(&mut meta, &task.theirs),
            None => {
                meta.remove(RELATED_TASK);
            }
        }
        members.set("_meta", meta.to_json());
        Some(members.to_json())
    }
}

fn related(whole: &Json) -> Option<(Object, Object, Option<String>)> {
    let members = whole.object()?;
    let meta = members.get("_meta").and_then(Json::object)?;
    let id = meta.get(RELATED_TASK)?.object().and_then(|it| it.get("taskId")?.as_text());
    Some((members, meta, id))
}

fn set_related(meta: &mut Object, id: &str) {
    let mut related = Object::new();
    related.set("taskId", Json::string(id));
    meta.set(RELATED_TASK, related.to_json());
}
