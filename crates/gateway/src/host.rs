//! The host's side of a driver: a pair of pipes, or requests that came over HTTP.
//!
//! What is heard and what is said are two values, because a driver waits for both at once.

use std::io;
use std::time::Instant;

use portcullis_policy::Permitted;
use portcullis_transport::{Lane, Lines};
use portcullis_wire::{Frame, Message};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::serve::member::Reports;
use crate::serve::posts::{Left, Posts, Said, Told};

/// Where the host is heard.
#[derive(Debug)]
pub(crate) enum Ears {
    /// Lines of a pipe.
    Pipe(Lines),
    /// What the HTTP gateway was told for this session.
    Posts(UnboundedReceiver<Told>),
}

/// Something that a host said.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A line, or one too long to keep.
    Line(Frame),
    /// Through the HTTP gateway, after these were over.
    Said(Vec<Left>, Said),
}

impl Ears {
    /// The next thing; `None` when the host is gone.
    ///
    /// # Errors
    /// When reading fails; the host is then as good as gone.
    ///
    /// # Cancel safety
    /// Safe: nothing that was read is lost.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Heard>> {
        match self {
            Self::Pipe(lines) => Ok(lines.next().await?.map(Heard::Line)),
            Self::Posts(said) => {
                Ok(said.recv().await.map(|told| Heard::Said(told.before, told.said)))
            }
        }
    }
}

/// Where the host is spoken to.
#[derive(Debug)]
pub(crate) enum Mouth {
    /// Lines of a pipe.
    Pipe(Lane),
    /// The answers of the HTTP gateway.
    Posts(Posts),
    /// An aggregate, which is the client of several servers.
    Reports(Reports),
}

impl Mouth {
    /// Sends what may leave.
    pub(crate) fn send(&mut self, message: Permitted<Message>) {
        match self {
            Self::Pipe(lane) => lane.send(&message),
            Self::Posts(posts) => posts.send(&message),
            Self::Reports(reports) => reports.send(message),
        }
    }

    /// Sends the answers to one batch.
    pub(crate) fn send_together(&mut self, messages: Vec<Permitted<Message>>) {
        match self {
            Self::Pipe(lane) => lane.send_together(&messages),
            Self::Posts(posts) => messages.iter().for_each(|message| posts.send(message)),
            Self::Reports(reports) => messages.into_iter().for_each(|it| reports.send(it)),
        }
    }

    /// Nothing waits to be written.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Pipe(lane) => lane.is_empty(),
            Self::Posts(posts) => !posts.is_full(),
            Self::Reports(reports) => !reports.is_full(),
        }
    }

    /// When something that is kept for a host that may come back is kept no longer.
    pub(crate) fn next_end(&self) -> Option<Instant> {
        match self {
            Self::Pipe(_) | Self::Reports(_) => None,
            Self::Posts(posts) => posts.next_end(),
        }
    }

    /// Forgets what was kept for long enough.
    pub(crate) fn age(&mut self, now: Instant) {
        if let Self::Posts(posts) = self {
            posts.age(now);
        }
    }

    /// So much waits that whoever is the reason for it must wait too.
    pub(crate) fn is_full(&self) -> bool {
        match self {
            Self::Pipe(lane) => lane.is_full(),
            Self::Posts(posts) => posts.is_full(),
            Self::Reports(reports) => reports.is_full(),
        }
    }

    /// Writes what is queued; over HTTP, until there is room again.
    ///
    /// # Errors
    /// When the host closed its end.
    ///
    /// # Cancel safety
    /// Safe: what was written in part goes on where it stopped.
    pub(crate) async fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Pipe(lane) => lane.flush().await,
            Self::Posts(posts) => {
                posts.room().await;
                Ok(())
            }
            Self::Reports(reports) => {
                reports.room().await;
                Ok(())
            }
        }
    }
}
