//! The server's side of a driver: a process behind pipes, or a server that is somewhere else.
//!
//! As in `host.rs`, what is heard and what is said are two values. A remote server has no box, no
//! process and no stderr; here is the only place where the two differ.

use std::io;
use std::time::Instant;

use portcullis_journal::Event as Happened;
use portcullis_policy::Permitted;
use portcullis_transport::http::client::{Heard as Remote, Hearing, Speech};
use portcullis_transport::{Lane, Lines};
use portcullis_wire::{Frame, Id, Message, Peer, Response, code};

use crate::driver::Driver;

/// What a peer is told of a request that was lost; why is for the operator.
const UNANSWERED: &str = "the server could not be asked: whoever operates it is told why";

/// Where the server is heard.
#[derive(Debug)]
pub(crate) enum Ears {
    /// Lines of a pipe.
    Pipe(Lines),
    /// Answers that come over HTTP.
    Remote(Box<Hearing>),
}

/// Something that a server said.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A line, or one too long to keep.
    Line(Frame),
    /// From a remote server.
    Remote(Remote),
}

impl Ears {
    /// The next thing; `None` when the server is gone.
    ///
    /// # Errors
    /// When reading fails; the server is then as good as gone.
    ///
    /// # Cancel safety
    /// Safe: nothing that was read is lost.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Heard>> {
        match self {
            Self::Pipe(lines) => Ok(lines.next().await?.map(Heard::Line)),
            Self::Remote(hearing) => Ok(Some(Heard::Remote(hearing.next().await))),
        }
    }

    /// Ends a conversation over HTTP; a process ends by its closed input.
    pub(crate) async fn end(&mut self) {
        if let Self::Remote(hearing) = self {
            hearing.end().await;
        }
    }
}

/// Where the server is spoken to.
#[derive(Debug)]
pub(crate) enum Mouth {
    /// Lines of a pipe.
    Pipe(Lane),
    /// Requests over HTTP.
    Remote(Speech),
}

impl Mouth {
    /// Sends what may leave. `arguments` are those that travel as headers too, where there are any.
    pub(crate) fn send(
        &mut self,
        message: &Permitted<Message>,
        arguments: impl FnOnce() -> Vec<(String, String)>,
    ) {
        match self {
            Self::Pipe(lane) => lane.send(message),
            Self::Remote(speech) => speech.send(message, arguments()),
        }
    }

    /// Sends the answers to one batch.
    pub(crate) fn send_together(&mut self, messages: &[Permitted<Message>]) {
        match self {
            Self::Pipe(lane) => lane.send_together(messages),
            Self::Remote(speech) => {
                messages.iter().for_each(|message| speech.send(message, Vec::new()));
            }
        }
    }

    /// Nothing waits to be written; over HTTP it is sent by whoever hears.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Pipe(lane) => lane.is_empty(),
            Self::Remote(_) => true,
        }
    }

    /// So much waits that whoever is the reason for it must wait too.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Pipe(lane) => lane.is_full(),
            Self::Remote(speech) => speech.is_full(),
        }
    }

    /// Writes what is queued.
    ///
    /// # Errors
    /// When the server closed its end.
    ///
    /// # Cancel safety
    /// Safe: what was written in part goes on where it stopped.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Pipe(lane) => lane.flush().await,
            Self::Remote(_) => Ok(()),
        }
    }

    /// Closes our end; what is still queued is lost.
    pub(crate) fn end(&mut self) {
        if let Self::Pipe(lane) = self {
            lane.end();
        }
    }
}

impl Driver {
    /// A remote server said something, or nothing where something should have come.
    pub(crate) fn heard(&mut self, heard: Remote, now: Instant) {
        match heard {
            Remote::Message(message) => self.session.receive(Peer::Server, *message, now),
            Remote::Within(id, message) => self.session.receive_within(&id, *message, now),
            Remote::Several(text) => {
                self.session.receive_batch(Peer::Server, &text, &self.limits, now);
            }
            Remote::Malformed(malformed) => self.session.malformed(Peer::Server, &malformed, now),
            Remote::Failed(id, why) => {
                let answer = self.unanswered(id, &why);
                self.session.receive(Peer::Server, Message::Response(answer), now);
            }
            Remote::Barred(id, why) => {
                let answer = self.unanswered(id, &why);
                self.session.not_taken(answer, now);
            }
            Remote::Lost => self.begins_anew(now),
            Remote::Told(told) => self.trouble(&told),
        }
    }

    /// The server forgot the conversation: the host keeps its own.
    fn begins_anew(&mut self, now: Instant) {
        let why = "the remote server forgot the session";
        if self.session.forgotten(why, now) {
            tell!("portcullis: {why}, which begins anew");
        } else {
            self.trouble(why);
            self.session.closed(Peer::Server, now);
        }
    }

    /// What stands in for an answer that does not come.
    fn unanswered(&mut self, id: Id, why: &str) -> Response {
        self.trouble(why);
        Response::error(Some(id), code::INTERNAL_ERROR, UNANSWERED)
    }

    /// What an operator has to know of a remote server, without words of the server's.
    fn trouble(&mut self, told: &str) {
        tell!("portcullis: {told}");
        self.side.keep(told);
        let mut record = self.session.record(Happened::Notice);
        record.note = Some(told.to_owned());
        self.session.note(record);
    }
}
