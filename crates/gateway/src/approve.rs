//! Waiting for a person: the store is the one truth, this looks at it, and the
//! terminal is a view that writes to it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::{Duration, Instant};

use portcullis_console::Said;
use portcullis_journal::Timestamp;
use portcullis_mediation::grant::Lasts;
use portcullis_mediation::{ApprovalId, ApprovalKey, Fact, Question, Ticket};
use portcullis_policy::Answer;
use portcullis_store::{
    ApprovalStore as _, Choice, GrantStore as _, State, StoreError, Taken, Verdict,
};

use crate::driver::{Driver, wall_clock};
use crate::prompt::Prompt;

/// How often the store is looked at while something waits.
const LOOK: Duration = Duration::from_millis(150);

/// Who answers there.
const TERMINAL: &str = "terminal";

/// Every call that waits for an answer in the store.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    waiting: BTreeMap<Ticket, Waiting>,
    next: Option<Instant>,
    /// The store as it was at the last look.
    version: Option<u64>,
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

    /// A question was stored: its answer is looked for there.
    pub(crate) fn asked(&mut self, ticket: Ticket, question: &Question) {
        let (key, approval) = (question.key.clone(), question.approval.clone());
        self.waiting.insert(ticket, Waiting { key, approval, joined: false });
        self.next.get_or_insert_with(|| Instant::now() + LOOK);
    }

    /// Shows a question on the terminal, if a person sits there.
    pub(crate) fn show(&mut self, question: &Question) -> bool {
        self.next.get_or_insert_with(|| Instant::now() + LOOK);
        self.prompt.show(question)
    }

    /// Somebody answered just now, here.
    pub(crate) fn look_now(&mut self) {
        self.version = None;
        self.next = Some(Instant::now());
    }

    pub(crate) fn forget(&mut self, approval: &ApprovalId) {
        self.waiting.retain(|_, waiting| waiting.approval != *approval);
        self.prompt.withdraw(approval);
    }

    /// Another process wrote since the last look.
    fn wrote(&mut self, version: Option<u64>) -> bool {
        std::mem::replace(&mut self.version, version) != version || version.is_none()
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
        let told = self.write_down_terminal_answers();
        let wrote = self.watch.wrote(self.approvals.changes().ok());
        let tickets: Vec<Ticket> = self.watch.waiting.keys().copied().collect();
        for ticket in tickets {
            self.look_at(ticket, told || wrote, now);
        }
        self.clear_terminal();
        let waits = !self.watch.waiting.is_empty() || self.watch.prompt.is_asking();
        self.watch.next = waits.then(|| now + LOOK);
    }

    fn look_at(&mut self, ticket: Ticket, news: bool, now: Instant) {
        let Some(waiting) = self.watch.waiting.get(&ticket) else { return };
        if !self.session.is_waiting(ticket) {
            // The host stopped waiting: a yes stays in the store, for the same call tried again.
            self.watch.waiting.remove(&ticket);
            return;
        }
        let (approval, key) = (waiting.approval.clone(), waiting.key.clone());
        let taken = self.approvals.take(&approval, &waiting.key, wall_clock());
        let joined = waiting.joined;
        if matches!(taken, Ok(Taken::Pending)) {
            if news {
                self.look_for_grants(ticket, now);
            }
            return;
        }
        self.watch.waiting.remove(&ticket);
        self.watch.prompt.withdraw(&approval);
        match taken {
            Ok(Taken::Approved) => self.session.answer(ticket, Answer::Approve, now),
            Ok(Taken::Edited(edited)) => self.session.answer_edited(ticket, &edited, now),
            // Somebody else's call used the yes up: this one is asked anew.
            Ok(Taken::Gone) if joined => {
                let remembered = self.remembered(&key);
                self.session.advise_with(ticket, Fact::Unknown, &remembered, now);
            }
            Ok(Taken::Denied) => self.session.answer(ticket, Answer::Reject, now),
            // What is recorded as a person's no is one.
            Ok(Taken::Gone | Taken::Pending) => self.session.advise(ticket, Fact::Lapsed, now),
            Err(error) => {
                tell!("portcullis: approvals cannot be read, so the answer is no: {error}");
                self.session.advise(ticket, Fact::Unavailable, now);
            }
        }
    }

    /// Somebody wrote to the store: perhaps a grant that answers for this call too.
    fn look_for_grants(&mut self, ticket: Ticket, now: Instant) {
        let Some(waiting) = self.watch.waiting.get(&ticket) else { return };
        let (key, approval) = (waiting.key.clone(), waiting.approval.clone());
        let grants = self.remembered(&key).grants;
        if self.session.stand(ticket, &grants, now) {
            self.watch.waiting.remove(&ticket);
            self.watch.prompt.withdraw(&approval);
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

    /// True when somebody said something that may be about other calls too.
    fn write_down_terminal_answers(&mut self) -> bool {
        let mut stands = false;
        for typed in self.watch.prompt.answers() {
            let (now, approval) = (wall_clock(), typed.approval.clone());
            let kept = match typed.said {
                Said::Once => self.decide(&approval, Verdict::Approve, TERMINAL, now),
                Said::No => self.decide(&approval, Verdict::Deny, TERMINAL, now),
                Said::Standing(cover) => {
                    stands = true;
                    let choice = Choice { cover, lasts: Lasts::Session };
                    kept(self.approvals.give(&approval, choice, TERMINAL, now))
                }
            };
            if let Err(why) = &kept {
                tell!("portcullis: {approval} was not decided: {why}");
                // It is on the terminal no more; elsewhere it may still be answered.
                self.watch.prompt.withdraw(&approval);
            }
            typed.tell(kept);
        }
        stands
    }

    /// A person answered in the host: that is an answer like any other.
    pub(crate) fn decided(&mut self, approval: &ApprovalId, answer: Answer, by: &str) {
        let verdict = match answer {
            Answer::Approve => Verdict::Approve,
            Answer::Reject => Verdict::Deny,
        };
        if let Err(why) = self.decide(approval, verdict, by, wall_clock()) {
            tell!("portcullis: {approval} was not decided: {why}");
        }
        self.watch.look_now();
    }

    fn decide(
        &mut self,
        approval: &ApprovalId,
        verdict: Verdict,
        by: &str,
        now: Timestamp,
    ) -> Result<(), String> {
        kept(self.approvals.decide(approval, verdict, by, now))
    }
}

/// What the store made of an answer, or why it made nothing of it.
pub(crate) fn kept<T, N: Display>(said: Result<Result<T, N>, StoreError>) -> Result<(), String> {
    match said {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(why)) => Err(why.to_string()),
        Err(error) => Err(format!("the answer cannot be stored: {error}")),
    }
}
