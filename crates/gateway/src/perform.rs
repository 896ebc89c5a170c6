//! Doing what the session says, in order.

use std::time::Instant;

use portcullis_journal::Record;
use portcullis_mediation::grant::{GrantKey, Remembered};
use portcullis_mediation::{ApprovalId, ApprovalKey, Fact, Output, Question, Ticket};
use portcullis_policy::Permitted;
use portcullis_store::{ApprovalStore as _, GrantStore as _};
use portcullis_wire::{Message, Peer};

use crate::driver::{Driver, wall_clock};

impl Driver {
    /// Drains the session's outputs. A record that cannot be written stops
    /// everything that was to follow it (invariant 6).
    pub(crate) fn perform(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Record(record) => self.record(&record),
                Output::Forward(peer, message) | Output::Reply(peer, message) => {
                    self.send(peer, message)
                }
                Output::Look(root) => self.look_at_newcomer(&root),
                Output::Admit(admission) => self.admit_newcomer(*admission),
                Output::Roots(roots) => self.roots_in_force(*roots, Instant::now()),
                Output::Together(Peer::Client, messages) => {
                    messages.iter().for_each(|message| self.answered(message));
                    self.to_client.send_together(messages);
                }
                Output::Together(Peer::Server, messages) => self.to_server.send_together(&messages),
                Output::Consult(ticket, key) => self.consult(ticket, *key),
                Output::Ask(ticket, question) => self.ask(ticket, *question),
                Output::Decided(approval, answer, by) => self.decided(&approval, answer, &by),
                Output::Unanswered(approval) => self.call_next(&approval),
                Output::Accept(acceptance) => self.accept(&acceptance),
                Output::Sighted(sighting) => self.sighted(&sighting),
                Output::Withdraw(approval) => self.withdraw(&approval),
                Output::Log(line) => self.side.keep(&line),
                Output::Close(closing) => self.over = Some(closing),
            }
        }
        if let Some(bond) = &self.bond {
            bond.waits(self.session.questions_waiting());
        }
    }

    fn record(&mut self, record: &Record) {
        if let Some(bond) = &self.bond {
            bond.metrics.saw(record);
            let (session, is_piped) = (&self.session, self.custody.is_some());
            self.asked.saw(record, is_piped, |tool| {
                let is_listed = session.lists_tool(tool);
                is_listed.then(|| bond.metrics.tool(record.server.as_str(), tool)).flatten()
            });
        }
        if let Err(error) = self.journal.append(record, wall_clock()) {
            tell!("portcullis: the journal cannot be written, so calls stop: {error}");
            self.session.journal_failed();
        }
    }

    fn send(&mut self, to: Peer, message: Permitted<Message>) {
        match to {
            Peer::Client => {
                self.answered(&message);
                self.to_client.send(message);
            }
            Peer::Server => {
                let session = &self.session;
                self.to_server.send(&message, || session.mirrored_arguments(message.get()));
            }
        }
    }

    /// The span of a request ends with its answer.
    fn answered(&mut self, message: &Permitted<Message>) {
        if let Message::Response(response) = message.get() {
            self.asked.answered(response);
        }
    }

    fn consult(&mut self, ticket: Ticket, key: ApprovalKey) {
        let fact = self.approvals.consult(&key, wall_clock()).unwrap_or_else(|error| {
            tell!("portcullis: approvals cannot be read, so the answer is no: {error}");
            Fact::Unavailable
        });
        let remembered = self.remembered(&key);
        if let Fact::Pending(approval, _) = &fact {
            self.watch.join(ticket, approval.clone(), key);
        }
        self.session.advise_with(ticket, fact, &remembered, Instant::now());
    }

    /// What stands beside earlier answers to exactly this call; what cannot be read
    /// stands for nothing.
    pub(crate) fn remembered(&mut self, key: &ApprovalKey) -> Remembered {
        let (session, project) = self.session.binds();
        let found = self.approvals.remembered(&GrantKey::from(key), session, project, wall_clock());
        found.unwrap_or_else(|error| {
            tell!("portcullis: grants cannot be read, so none counts: {error}");
            Remembered::default()
        })
    }

    fn ask(&mut self, ticket: Ticket, question: Question) {
        if let Err(error) = self.approvals.ask(&question, wall_clock()) {
            tell!("portcullis: the question cannot be stored, so the answer is no: {error}");
            return self.session.advise(ticket, Fact::Unavailable, Instant::now());
        }
        self.watch.asked(ticket, &question);
        self.call(ticket, question);
    }

    /// Nobody waits any more. Only a question that nobody answered lapses; a yes
    /// that waits for its retry stays.
    fn withdraw(&mut self, approval: &ApprovalId) {
        // One that cannot be closed now ends by its own patience, in the store.
        if let Ok(true) = self.approvals.withdraw(approval) {
            self.session.lapsed(approval);
        }
        self.watch.forget(approval);
        self.calling.over(approval);
    }
}
