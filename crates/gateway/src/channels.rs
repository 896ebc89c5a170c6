//! Calling a person: one channel after the other, in the operator's order, until one of
//! them is there. The list of approvals is there in any case, and calls nobody.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Instant, SystemTime};

use portcullis_console::{Words, in_host};
use portcullis_mediation::{ApprovalId, Question, Ticket};
use portcullis_policy::Channel;
use portcullis_store::{ApprovalStore as _, State, Window};

use crate::driver::{Driver, wall_clock};

/// Questions for which a person was called, and how else one could be.
#[derive(Debug, Default)]
pub(crate) struct Calling {
    order: Vec<Channel>,
    questions: BTreeMap<ApprovalId, Called>,
}

#[derive(Debug)]
struct Called {
    ticket: Ticket,
    question: Question,
    left: VecDeque<Channel>,
    until: Instant,
}

impl Calling {
    /// Persons are called in this order.
    pub(crate) fn in_order(order: &[Channel]) -> Self {
        Self { order: order.to_vec(), questions: BTreeMap::new() }
    }

    /// Nobody needs to be called for it any more.
    pub(crate) fn over(&mut self, approval: &ApprovalId) {
        self.questions.remove(approval);
    }
}

impl Driver {
    /// A question was stored: somebody is called.
    pub(crate) fn call(&mut self, ticket: Ticket, question: Question) {
        // One over the budget calls nobody.
        if question.standing.quiet {
            return;
        }
        let now = Instant::now();
        let calling = &mut self.calling;
        calling.questions.retain(|_, called| called.until > now);
        let (approval, until) = (question.approval.clone(), now + question.patience);
        let left = calling.order.iter().copied().collect();
        calling.questions.insert(approval.clone(), Called { ticket, question, left, until });
        self.call_next(&approval);
    }

    /// The channels that were not tried yet, until one of them is there.
    pub(crate) fn call_next(&mut self, approval: &ApprovalId) {
        let Some(mut called) = self.calling.questions.remove(approval) else { return };
        let row = self.approvals.get(approval, wall_clock()).ok().flatten();
        if row.is_none_or(|row| row.state != State::Pending) {
            return;
        }
        while let Some(channel) = called.left.pop_front() {
            if self.is_called(channel, &called) {
                self.calling.questions.insert(approval.clone(), called);
                return;
            }
        }
        let (key, content) = (&called.question.key, &called.question.arguments);
        let words = Words::of(key.matter, key.server.as_str(), &key.tool, content);
        tell!(
            "portcullis: {}? see `portcullis approvals show {approval}`, then \
             `portcullis approvals approve {approval}` or `deny`",
            words.asks
        );
    }

    fn is_called(&mut self, channel: Channel, called: &Called) -> bool {
        let question = &called.question;
        match channel {
            Channel::Terminal => self.watch.show(question),
            Channel::Elicitation => {
                let place = Window::find(self.origin.state());
                let shown = in_host(question, SystemTime::now(), place.as_deref());
                self.session.ask_in_host(called.ticket, &shown, Instant::now())
            }
            // It shows whatever waits, by itself.
            Channel::Console => Window::find(self.origin.state()).is_some(),
        }
    }
}
