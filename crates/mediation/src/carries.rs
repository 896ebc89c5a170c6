//! What a request in flight remembers of its parameters until its answer is there.

use std::collections::{BTreeMap, BTreeSet};

use portcullis_wire::view::subscription::Filter;
use portcullis_wire::{Json, Need};

use crate::approval::Fingerprint;
use crate::control::answers_match_questions::Asked;
use crate::control::flows_apart::Brings;
use crate::input::Inquiry;

/// What a host declared of itself.
pub(crate) type Declared = BTreeSet<Need>;

/// Beside its id and its purpose.
#[derive(Clone, Debug, Default)]
pub(crate) struct Carries {
    /// What an envelope made of the answer is bound to; empty when none may be made.
    pub(crate) bound: String,
    /// When the story began, in milliseconds of the session.
    pub(crate) since: u64,
    /// Which page of a list, or which round of a call, this is.
    pub(crate) round: u32,
    /// How many of the last rounds asked for nothing.
    pub(crate) idle: u32,
    /// The answer goes on with an earlier one that was nobody else's.
    pub(crate) private: bool,
    /// It goes on with a call that a server left open, so its answer is no cache's.
    pub(crate) retry: bool,
    /// The server's own cursor that was asked with.
    pub(crate) cursor: Option<String>,
    /// The resource that is read, subscribed to or completed; the template's variable.
    pub(crate) uri: Option<String>,
    pub(crate) variable: Option<String>,
    /// What the request itself declared (2026-07-28): nothing is inferred from others.
    pub(crate) declared: Declared,
    /// What its answer brings into the session.
    pub(crate) brings: Brings,
    /// What a listener asked for, and what the server agreed to.
    pub(crate) stream: Option<Stream>,
    /// It may be answered with a task.
    pub(crate) may_task: bool,
    /// The number under which it was sent, which is its progress token, where progress
    /// may outlive the answer.
    pub(crate) minted: Option<i64>,
    /// The tasks that are asked about.
    pub(crate) task: Option<About>,
    /// How many questions for the person came with it, or while it was under way.
    pub(crate) people: u32,
    /// Questions in its answer that may go on, each under its name.
    pub(crate) let_through: BTreeMap<String, Fingerprint>,
    /// What a person put in the place of some of them.
    pub(crate) edits: BTreeMap<Fingerprint, Json>,
    /// What a server's own question asked, as far as its answer is judged by it.
    pub(crate) asked: Option<Asked>,
    /// It stands for a call whose result comes later.
    pub(crate) late: Option<Late>,
}

impl Carries {
    /// Whether exactly this question may go on under exactly this name.
    pub(crate) fn lets(&self, inquiry: &Inquiry) -> bool {
        self.let_through.get(&inquiry.name) == Some(&inquiry.digest())
    }

    /// It may go on, until it is answered.
    pub(crate) fn let_on(&mut self, inquiry: &Inquiry) {
        self.let_through.insert(inquiry.name.clone(), inquiry.digest());
    }

    /// It was answered: whoever asks it again asks anew, and is judged anew.
    pub(crate) fn answered(&mut self, name: &str) {
        if let Some(digest) = self.let_through.remove(name) {
            self.edits.remove(&digest);
        }
    }

    /// The questions as a person left them.
    pub(crate) fn edit(&self, inquiries: &mut [Inquiry]) {
        for inquiry in inquiries.iter_mut().filter(|inquiry| inquiry.matter().is_some()) {
            if let Some(edited) = self.edits.get(&inquiry.digest()) {
                inquiry.params = Some(edited.clone());
            }
        }
    }
}

/// The tasks that a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    /// One, by our id.
    One(String),
    /// Whatever a list shows.
    All,
}

impl About {
    /// Our id of the task, when it is about one.
    pub(crate) fn one(&self) -> Option<&str> {
        match self {
            Self::One(id) => Some(id),
            Self::All => None,
        }
    }
}

/// The result of an earlier call, asked for by another request.
#[derive(Clone, Debug)]
pub(crate) struct Late {
    /// Our id of the task.
    pub(crate) task: String,
    /// What it was asked for with.
    pub(crate) method: String,
    /// The number of the call that began it.
    pub(crate) began: u64,
}

/// One `subscriptions/listen`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stream {
    pub(crate) asked: Filter,
    pub(crate) agreed: Option<Filter>,
}
