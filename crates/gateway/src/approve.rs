//! Waiting for a person: the store is the one truth, this looks at it, and the
//! terminal is a view that writes to it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use portcullis_mediation::{ApprovalId, ApprovalKey, Fact, Question, Ticket};
use portcullis_policy::Answer;
use portcullis_store::{ApprovalStore as _, State, Taken};

use crate::driver::{Driver, wall_clock};
use crate::prompt::Prompt;

/// How often the store is looked at while something waits.
const LOOK: Duration = Duration::from_millis(150);

/// Every call that waits for an answer in the store.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    waiting: BTreeMap<Ticket, Waiting>,
    next: Option<Instant>,
    prompt: Prompt,
}

#[derive(Debug)]
struct Waiting {
    key: ApprovalKey,
    approval: ApprovalId,
    joined: bool,
}

impl Watch {
    /// A watch whose questions are also shown on the terminal.
    pub(crate) fn new(prompt: Prompt) -> Self {
        Self { prompt, ..Self::default() }
    }

    pub(crate) fn join(&mut self, ticket: Ticket, approval: ApprovalId, key: ApprovalKey) {
        self.waiting.insert(ticket, Waiting { key, approval, joined: true });
        self.next.get_or_insert_with(|| Instant::now() + LOOK);
    }

    /// A question was stored: show it where a person can see it.
    pub(crate) fn asked(&mut self, ticket: Ticket, question: &Question) {
        let (key, approval) = (question.key.clone(), question.approval.clone());
        self.waiting.insert(ticket, Waiting { key, approval, joined: false });
        self.next.get_or_insert_with(|| Instant::now() + LOOK);
        self.prompt.show(question);
    }

    pub(crate) fn forget(&mut self, approval: &ApprovalId) {
        self.waiting.retain(|_, waiting| waiting.approval != *approval);
        self.prompt.withdraw(approval);
    }

    pub(crate) fn next_look(&self) -> Option<Instant> {
        self.next
    }
}

impl Driver {
    /// Looks whether a person answered something.
    pub(crate) fn look_for_answers(&mut self, now: Instant) {
        if self.watch.next.is_none_or(|next| now < next) {
            return;
        }
        self.write_down_terminal_answers();
        let tickets: Vec<Ticket> = self.watch.waiting.keys().copied().collect();
        for ticket in tickets {
            self.look_at(ticket, now);
        }
        self.clear_terminal();
        let waits = !self.watch.waiting.is_empty() || self.watch.prompt.is_asking();
        self.watch.next = waits.then(|| now + LOOK);
    }

    fn look_at(&mut self, ticket: Ticket, now: Instant) {
        let Some(waiting) = self.watch.waiting.get(&ticket) else { return };
        if !self.session.is_waiting(ticket) {
            // The host stopped waiting: a yes stays in the store, for the same call tried again.
            self.watch.waiting.remove(&ticket);
            return;
        }
        let approval = waiting.approval.clone();
        let taken = self.approvals.take(&approval, &waiting.key, wall_clock());
        let joined = waiting.joined;
        if let Ok(Taken::Pending) = taken {
            return;
        }
        self.watch.waiting.remove(&ticket);
        self.watch.prompt.withdraw(&approval);
        match taken {
            Ok(Taken::Approved) => self.session.answer(ticket, Answer::Approve, now),
            // Somebody else's call used the yes up: this one is asked anew.
            Ok(Taken::Gone) if joined => self.session.advise(ticket, Fact::Unknown, now),
            Ok(Taken::Denied) => self.session.answer(ticket, Answer::Reject, now),
            // What is recorded as a person's no is one.
            Ok(Taken::Gone | Taken::Pending) => self.session.advise(ticket, Fact::Lapsed, now),
            Err(error) => {
                eprintln!("portcullis: approvals cannot be read, so the answer is no: {error}");
                self.session.advise(ticket, Fact::Unavailable, now);
            }
        }
    }

    /// A question whose host gave up stays on the terminal until somebody answers it.
    fn clear_terminal(&mut self) {
        for approval in self.watch.prompt.asking() {
            let row = self.approvals.get(&approval, wall_clock()).ok().flatten();
            if row.is_none_or(|row| row.state != State::Pending) {
                self.watch.prompt.withdraw(&approval);
            }
        }
    }

    fn write_down_terminal_answers(&mut self) {
        for (approval, verdict) in self.watch.prompt.answers() {
            let decided = self.approvals.decide(&approval, verdict, "terminal", wall_clock());
            if !matches!(decided, Ok(Ok(_))) {
                eprintln!("portcullis: {approval} was not decided: it is no longer open");
            }
        }
    }
}
