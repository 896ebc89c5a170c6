//! Several messages in one line, which 2025-03-26 alone has (basic, Batching):
//! taken apart on arrival, each judged on its own, and their answers joined into
//! one line again. The other side only ever sees single messages.

use std::time::Instant;

use portcullis_policy::Permitted;
use portcullis_wire::{
    Id, Limits, Malformed, MalformedKind, Message, Outcome, Peer, Response, Revision,
};

use crate::Session;
use crate::output::Output;
use crate::state::Phase;

/// Messages in one batch. Each is recorded and answered like any other, so this
/// bounds what one line can set off, not what a peer may say.
const MOST: usize = 64;

/// A batch whose requests are not all answered yet.
#[derive(Debug)]
pub(crate) struct Batch {
    peer: Peer,
    waiting: Vec<Id>,
    answers: Vec<Permitted<Message>>,
    /// Then those that are there leave, and the others as they come.
    deadline: Instant,
    /// Its members are being read: an answer without an id is to one of them.
    reading: bool,
}

impl Session {
    /// A peer sent an array. In a session of 2025-03-26 it is a batch, and
    /// anywhere else a line that is no message.
    pub fn receive_batch(&mut self, from: Peer, line: &[u8], limits: &Limits, now: Instant) {
        if self.is_closed() {
            return;
        }
        if from == Peer::Server && self.bridge.legacy().is_some_and(Revision::has_batches) {
            return self.server_batch(line, limits, now);
        }
        let batches = match &self.phase {
            Phase::Shaken(agreed) | Phase::Legacy(agreed) => agreed.revision.has_batches(),
            _ => false,
        };
        let members = if batches {
            portcullis_wire::batch(line, limits, MOST)
        } else {
            Err(Malformed { kind: MalformedKind::Batch, id: None })
        };
        match members {
            Ok(members) => self.take_apart(from, members, now),
            Err(malformed) => self.malformed(from, &malformed, now),
        }
    }

    /// A legacy server under a modern client: its answers come one by one all the same.
    fn server_batch(&mut self, line: &[u8], limits: &Limits, now: Instant) {
        match portcullis_wire::batch(line, limits, MOST) {
            Ok(members) => members.into_iter().for_each(|member| match member {
                Ok(message) => self.receive(Peer::Server, message, now),
                Err(malformed) => self.malformed(Peer::Server, &malformed, now),
            }),
            Err(malformed) => self.malformed(Peer::Server, &malformed, now),
        }
    }

    fn take_apart(&mut self, from: Peer, members: Vec<Result<Message, Malformed>>, now: Instant) {
        let wants = |member: &Result<Message, Malformed>| match member {
            Ok(Message::Request(request)) => Some(request.id.clone()),
            Err(malformed) => malformed.id.clone(),
            Ok(_) => None,
        };
        let waiting = members.iter().filter_map(wants).collect();
        let deadline = now + self.settings.limits.call_timeout;
        let (answers, reading) = (Vec::new(), true);
        self.batches.push(Batch { peer: from, waiting, answers, deadline, reading });
        for member in members {
            match member {
                Ok(message) => self.receive(from, message, now),
                Err(malformed) => self.malformed(from, &malformed, now),
            }
        }
        self.batches.iter_mut().for_each(|batch| batch.reading = false);
        self.send_whole();
    }

    /// Keeps an answer that belongs to a batch; any other message comes back.
    pub(crate) fn gather(
        &mut self,
        to: Peer,
        message: Permitted<Message>,
    ) -> Option<Permitted<Message>> {
        let Message::Response(Response { id, .. }) = message.get() else { return Some(message) };
        let batch = self.batches.iter_mut().find(|batch| {
            batch.peer == to && id.as_ref().map_or(batch.reading, |id| batch.waiting.contains(id))
        });
        let Some(batch) = batch else { return Some(message) };
        let place = batch.waiting.iter().position(|waits| Some(waits) == id.as_ref());
        if let Some(place) = place {
            batch.waiting.remove(place);
        }
        batch.answers.push(message);
        self.send_whole();
        None
    }

    /// A request that was taken back gets no answer, so nobody waits for it.
    pub(crate) fn unwait(&mut self, peer: Peer, id: &Id) {
        for batch in self.batches.iter_mut().filter(|batch| batch.peer == peer) {
            batch.waiting.retain(|waits| waits != id);
        }
        self.send_whole();
    }

    /// Sends what every request of a batch has answered.
    fn send_whole(&mut self) {
        let whole = |batch: &mut Batch| !batch.reading && batch.waiting.is_empty();
        let whole: Vec<Batch> = self.batches.extract_if(.., whole).collect();
        self.send_answers(whole);
    }

    /// Sends what is there of batches that waited long enough.
    pub(crate) fn expire_batches(&mut self, now: Instant) {
        let late = self.batches.extract_if(.., |batch| batch.deadline <= now).collect();
        self.send_answers(late);
    }

    /// The session is over: what is there leaves, and nobody waits for the rest.
    pub(crate) fn end_batches(&mut self) {
        let all = std::mem::take(&mut self.batches);
        self.send_answers(all);
    }

    /// Notifications and answers alone are answered by nothing.
    fn send_answers(&mut self, batches: Vec<Batch>) {
        for Batch { peer, answers, .. } in batches {
            if !answers.is_empty() {
                self.outputs.push_back(Output::Together(peer, answers));
            }
        }
    }

    /// The journal failed: answers of the other side that wait in a batch may not
    /// be recorded, so none of them passes.
    pub(crate) fn spoil_batches(&mut self) {
        for batch in std::mem::take(&mut self.batches) {
            self.spoil(batch.peer, batch.answers);
            // Whoever still waits is answered one by one.
        }
    }

    /// Answers of ours in place of some that may not pass.
    pub(crate) fn spoil(&mut self, to: Peer, answers: Vec<Permitted<Message>>) {
        for message in &answers {
            let Message::Response(Response { id, outcome }) = message.get() else { continue };
            let code = match outcome {
                Outcome::Error(error) => error.code,
                Outcome::Result(_) => -32603,
            };
            let response = Response::error(id.clone(), code, "the gateway cannot record calls");
            self.reply(to, Message::Response(response));
        }
    }

    /// When the first batch has waited long enough.
    pub(crate) fn next_batch(&self) -> Option<Instant> {
        self.batches.iter().map(|batch| batch.deadline).min()
    }
}
