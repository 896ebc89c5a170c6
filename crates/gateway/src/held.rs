//! What the host says while a fresh process waits for the server to finish.
//!
//! Requests wait, because the old process should get no more work. What the old one needs
//! to finish does not: the host's answers to it, calls that are taken back, and what is
//! asked about tasks, which are the old one's and end only for whoever asks.

use std::collections::VecDeque;

use portcullis_wire::{Frame, Id, Malformed, MalformedKind, Message};

/// Lines that wait at most; then the host's pipe is not read on.
const LINES: usize = 64;
/// What they hold together, in bytes, before it is not read on either.
const BYTES: usize = 4 << 20;

/// Something that the host said, and nobody heard yet.
#[derive(Debug)]
pub(crate) enum Kept {
    /// A line of its pipe.
    Line(Frame),
    /// A message that came over HTTP.
    Message(Box<Message>),
}

/// Lines of the host, in their order.
#[derive(Debug, Default)]
pub(crate) struct Held {
    lines: VecDeque<Kept>,
    /// The requests among them.
    ids: Vec<Id>,
    /// A batch is among them: which requests it holds is found when it is judged.
    batched: bool,
    bytes: usize,
}

impl Held {
    /// Whether another line would be one too many.
    pub(crate) fn is_full(&self) -> bool {
        self.lines.len() >= LINES || self.bytes >= BYTES
    }

    /// Keeps a line that has to wait; one that has not comes back.
    pub(crate) fn take(
        &mut self,
        parsed: &Result<Message, Malformed>,
        frame: Frame,
    ) -> Option<Frame> {
        if !self.must_wait(parsed) {
            return Some(frame);
        }
        if let Frame::Line(line) = &frame {
            self.bytes += line.len();
        }
        self.lines.push_back(Kept::Line(frame));
        None
    }

    /// The same for a message that came over HTTP.
    pub(crate) fn take_message(&mut self, message: Message) -> Option<Message> {
        let parsed = Ok(message);
        let waits = self.must_wait(&parsed);
        let message = parsed.ok()?;
        if !waits {
            return Some(message);
        }
        self.bytes += size(&message);
        self.lines.push_back(Kept::Message(Box::new(message)));
        None
    }

    /// Whether it has to wait; a request that has is remembered.
    fn must_wait(&mut self, parsed: &Result<Message, Malformed>) -> bool {
        match parsed {
            Ok(Message::Response(_)) => false,
            Ok(Message::Request(request)) if request.method.starts_with("tasks/") => false,
            Ok(Message::Request(request)) => {
                self.ids.push(request.id.clone());
                true
            }
            Ok(Message::Notification(said)) if said.method == "notifications/cancelled" => {
                let members = said.params.as_ref().and_then(portcullis_wire::Json::object);
                let id = members.and_then(|members| Id::from_json(members.get("requestId")?));
                self.batched || id.is_some_and(|id| self.ids.contains(&id))
            }
            Err(Malformed { kind: MalformedKind::Batch, .. }) => {
                self.batched = true;
                true
            }
            Ok(Message::Notification(_)) | Err(_) => !self.lines.is_empty(),
        }
    }

    /// All of them: nothing waits any more.
    pub(crate) fn release(&mut self) -> VecDeque<Kept> {
        std::mem::take(self).lines
    }
}

/// How much a message carries, in bytes.
fn size(message: &Message) -> usize {
    let carried = match message {
        Message::Request(request) => request.params.as_ref(),
        Message::Notification(said) => said.params.as_ref(),
        Message::Response(_) => None,
    };
    carried.map_or(0, portcullis_wire::Json::len)
}

#[cfg(test)]
mod tests {
    use portcullis_wire::{Json, Notification, Request, Response};
    use serde_json::json;

    use super::*;

    fn request(id: i64) -> Result<Message, Malformed> {
        asked(id, "tools/call")
    }

    fn asked(id: i64, method: &str) -> Result<Message, Malformed> {
        let method = method.to_owned();
        Ok(Message::Request(Request { id: Id::Number(id), method, params: None }))
    }

    fn said(method: &str, params: &serde_json::Value) -> Result<Message, Malformed> {
        let params = Some(Json::from_value(params));
        Ok(Message::Notification(Notification { method: method.to_owned(), params }))
    }

    #[test]
    fn requests_wait_and_what_the_old_process_needs_does_not() {
        let mut held = Held::default();
        let answer = || Ok(Message::Response(Response::error(Some(Id::Number(1)), -1, "no")));
        let broken = |kind| Err(Malformed { kind, id: None });
        let cancelled = |id: i64| said("notifications/cancelled", &json!({"requestId": id}));
        let news = || said("notifications/roots/list_changed", &json!({}));
        for (at, (parsed, expect)) in [
            (answer(), false),
            (news(), false),
            (broken(MalformedKind::TooLong), false),
            (cancelled(2), false),
            (request(2), true),
            (cancelled(2), true),
            (cancelled(3), false),
            (asked(4, "tasks/get"), false),
            (asked(5, "tasks/result"), false),
            (cancelled(5), false),
            (answer(), false),
            (broken(MalformedKind::Batch), true),
            // It may be one of the batch's.
            (cancelled(3), true),
            (news(), true),
        ]
        .into_iter()
        .enumerate()
        {
            let waits = held.take(&parsed, Frame::Line(Vec::new())).is_none();
            assert_eq!(waits, expect, "{at}: {parsed:?}");
        }
        assert_eq!((held.release().len(), held.lines.len()), (5, 0));
        assert!(held.take(&cancelled(3), Frame::Line(Vec::new())).is_some());
        for id in 0..64 {
            assert!(!held.is_full());
            held.take(&request(id), Frame::Line(Vec::new()));
        }
        assert!(held.is_full());
        assert_eq!(held.release().len(), 64);
        held.take(&request(1), Frame::Line(vec![b' '; BYTES - 1]));
        assert!(!held.is_full());
        held.take(&request(2), Frame::Line(vec![b' ']));
        assert!(held.is_full());
    }
}
