//! What waits, for those who hand it to the host and take it back.

use std::time::Instant;

use crate::Session;
use crate::approval::ApprovalId;
use crate::output::{Output, Ticket};
use crate::question::{Parked, Questions, Stage};
use crate::waiting::Waiting;

impl Parked {
    /// The question that it waits for, and until when; nothing before a person is asked.
    pub(crate) fn asks(&self) -> Option<(ApprovalId, Instant)> {
        match &self.stage {
            Stage::Consulting => None,
            Stage::Asking(asking) => Some((asking.approval.clone(), asking.patience)),
        }
    }
}

impl Questions {
    /// Everything that waits.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.parked.values().map(|parked| &parked.waiting)
    }

    /// What waits for a person under this ticket.
    pub(crate) fn asking(&self, ticket: Ticket) -> Option<&Parked> {
        self.parked.get(&ticket).filter(|parked| parked.asks().is_some())
    }

    pub(crate) fn take(&mut self, ticket: Ticket) -> Option<Parked> {
        self.parked.remove(&ticket)
    }

    pub(crate) fn put_back(&mut self, ticket: Ticket, parked: Parked) {
        self.parked.insert(ticket, parked);
    }

    /// Somebody still waits for the answer to this question, or will come for it.
    pub(crate) fn waits_for(&self, approval: &ApprovalId) -> bool {
        let asked = |parked: &Parked| parked.asks().is_some_and(|(asked, _)| asked == *approval);
        self.released.contains_key(approval) || self.parked.values().any(asked)
    }

    /// The question outlives the hold of what waits for it.
    pub(crate) fn release(&mut self, parked: &Parked) {
        if let Stage::Asking(asking) = &parked.stage
            && !asking.joined
        {
            self.released.insert(asking.approval.clone(), asking.patience);
        }
    }

    /// It called nobody, so nobody is waited for.
    pub(crate) fn is_quiet(&self, approval: &ApprovalId) -> bool {
        self.quiet.contains(approval)
    }
}

impl Session {
    /// Something came back while a person was asked about it: the store says how it stands.
    pub(crate) fn park_again(&mut self, mut parked: Parked) {
        parked.stage = Stage::Consulting;
        self.questions.next_ticket += 1;
        let ticket = Ticket(self.questions.next_ticket);
        self.outputs.push_back(Output::Consult(ticket, Box::new(parked.key.clone())));
        self.questions.parked.insert(ticket, parked);
    }
}
