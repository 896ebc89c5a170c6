//! Approvals in memory: what `portcullis-store` promises of any backend, on a
//! clock that is moved by hand.

use std::time::{Duration, Instant};

use portcullis_mediation::edit::{self, Edited};
use portcullis_mediation::grant::{Grant, GrantId, GrantKey, Lasts, Remembered};
use portcullis_mediation::{ApprovalId, ApprovalKey, Fact, Matter, Question};
use portcullis_policy::Answer;

/// How long a yes waits for its call to be tried again.
const APPROVAL_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// How long a no stands.
const DENIAL_LIFETIME: Duration = Duration::from_secs(60);

/// Where an approval stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum State {
    /// A no; it sorts first because the strictest answer wins.
    Denied,
    /// A yes that was not used.
    Approved,
    /// A question.
    Pending,
    /// Over, one way or the other.
    Ended,
}

/// What [`Store::take`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// Yes, and it is used up now.
    Approved,
    /// Yes, to this in its place, and it is used up now.
    Edited(Edited),
    /// No.
    Denied,
    /// Not answered yet.
    Pending,
    /// Unknown, expired, used, or for another call.
    Gone,
}

/// One question and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Under which name it is answered, and what a yes covers.
    pub(crate) question: Question,
    /// Where it stands.
    pub(crate) state: State,
    edited: Option<Edited>,
    asked: Instant,
    expires: Instant,
}

/// One grant and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) grant: Grant,
    /// The session or project that it is bound to.
    bound: Option<String>,
    pub(crate) revoked: bool,
    expires: Instant,
}

/// Every question of one case, and every grant.
#[derive(Debug, Default)]
pub(crate) struct Store(pub(crate) Vec<Row>, pub(crate) Vec<Kept>);

impl Store {
    /// Stores a question.
    pub(crate) fn ask(&mut self, question: Question, now: Instant) {
        let expires = now + question.patience;
        self.0.push(Row { question, state: State::Pending, edited: None, asked: now, expires });
    }

    /// What is known of exactly this call; a yes found here is used up.
    pub(crate) fn consult(&mut self, key: &ApprovalKey, now: Instant) -> Fact {
        self.expire(now);
        let open =
            self.0.iter_mut().filter(|row| row.question.key == *key && row.state != State::Ended);
        let Some(row) = open.min_by_key(|row| row.state) else { return Fact::Unknown };
        let id = row.question.approval.clone();
        match row.state {
            State::Denied => Fact::Denied(id),
            State::Approved => {
                row.state = State::Ended;
                match row.edited.take() {
                    Some(edited) => Fact::Edited(id, edited),
                    None => Fact::Approved(id),
                }
            }
            State::Pending => Fact::Pending(id, row.expires.duration_since(now)),
            State::Ended => Fact::Unknown,
        }
    }

    /// Takes the answer to one question; a yes is used up by this.
    pub(crate) fn take(&mut self, id: &ApprovalId, key: &ApprovalKey, now: Instant) -> Taken {
        self.expire(now);
        let mut rows = self.0.iter_mut();
        match rows.find(|row| row.question.approval == *id && row.question.key == *key) {
            Some(Row { state: State::Pending, .. }) => Taken::Pending,
            Some(Row { state: State::Denied, .. }) => Taken::Denied,
            Some(row) if row.state == State::Approved => {
                row.state = State::Ended;
                row.edited.take().map_or(Taken::Approved, Taken::Edited)
            }
            _ => Taken::Gone,
        }
    }

    /// A person's answer; it counts only for a question that is open.
    pub(crate) fn decide(&mut self, id: &ApprovalId, answer: Answer, now: Instant) {
        self.expire(now);
        let row = self.0.iter_mut().find(|row| row.question.approval == *id);
        if let Some(row) = row.filter(|row| row.state == State::Pending) {
            (row.state, row.expires) = match answer {
                Answer::Approve => (State::Approved, now + APPROVAL_LIFETIME),
                Answer::Reject => (State::Denied, now + DENIAL_LIFETIME),
            };
        }
    }

    /// A person's yes to something else in the place of what was asked.
    pub(crate) fn edit(
        &mut self,
        id: &ApprovalId,
        content: &str,
        now: Instant,
    ) -> Result<(), String> {
        self.expire(now);
        let row = self.0.iter_mut().find(|row| row.question.approval == *id);
        let row = row.filter(|row| row.state == State::Pending).ok_or("it is not open")?;
        let Question { key, arguments, .. } = &row.question;
        let content = edit::judge(key.matter, arguments, content).map_err(|why| why.to_string())?;
        row.edited = Some(Edited { content, by: "somebody".to_owned() });
        (row.state, row.expires) = (State::Approved, now + APPROVAL_LIFETIME);
        Ok(())
    }

    /// A person's yes to a question and, for a while, to calls of one of its covers.
    pub(crate) fn give(
        &mut self,
        id: &ApprovalId,
        lasts: Lasts,
        cover: usize,
        now: Instant,
    ) -> bool {
        self.expire(now);
        let row = self.0.iter_mut().find(|row| row.question.approval == *id);
        let Some(row) = row.filter(|row| row.state == State::Pending) else { return false };
        let standing = &row.question.standing;
        let Some(cover) = cover.checked_sub(1).and_then(|at| standing.covers.get(at)) else {
            return false;
        };
        let grant = Grant {
            id: GrantId::of(id),
            key: GrantKey::from(&row.question.key),
            cover: cover.clone(),
            answers: standing.answers.clone(),
        };
        let bound = match lasts {
            Lasts::Session => Some(standing.session.clone()),
            Lasts::Project => Some(standing.project.clone()),
            Lasts::Minutes(_) | Lasts::Always => None,
        };
        self.1.push(Kept { grant, bound, revoked: false, expires: now + lasts.longest() });
        (row.state, row.expires) = (State::Approved, now + APPROVAL_LIFETIME);
        true
    }

    /// What may count for a call in this session of this project.
    pub(crate) fn remembered(&self, bound: (&str, &str), now: Instant) -> Remembered {
        let here = |kept: &&Kept| {
            let bound_here = kept.bound.as_deref().is_none_or(|it| it == bound.0 || it == bound.1);
            bound_here && !kept.revoked && kept.expires > now
        };
        let grants = self.1.iter().filter(here).map(|kept| kept.grant.clone()).collect();
        let hour = Duration::from_secs(3600);
        let is_drift = |row: &&Row| row.question.key.matter == Matter::Capability;
        let lately = self.0.iter().filter(|row| row.asked + hour > now);
        let drifts = lately.clone().filter(is_drift).count();
        let called = |row: &&Row| !row.question.standing.quiet && !is_drift(row);
        let asked = lately.filter(called).count();
        let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
        Remembered { grants, asked: number(asked), drifts: number(drifts) }
    }

    /// A person takes the last grant back.
    pub(crate) fn revoke(&mut self) -> bool {
        self.1.last_mut().is_some_and(|kept| !std::mem::replace(&mut kept.revoked, true))
    }

    /// Closes a question that nobody waits for; false when it was answered.
    pub(crate) fn withdraw(&mut self, id: &ApprovalId) -> bool {
        let row = self.0.iter_mut().find(|row| row.question.approval == *id);
        match row.filter(|row| matches!(row.state, State::Pending | State::Ended)) {
            Some(row) => {
                row.state = State::Ended;
                true
            }
            None => false,
        }
    }

    /// The oldest question that waits for a person.
    pub(crate) fn oldest(&mut self, now: Instant) -> Option<&Question> {
        self.expire(now);
        self.0.iter().find(|row| row.state == State::Pending).map(|row| &row.question)
    }

    fn expire(&mut self, now: Instant) {
        for row in self.0.iter_mut().filter(|row| row.expires <= now) {
            row.state = State::Ended;
        }
    }
}
