//! HTTP with SSE, as 2024-11-05 has it: a stream whose first event says where to post, and on which every answer comes.
//!
//! What opens a stream, whom the address leads to and how much comes on it is the server's choice: the address is of
//! the same origin or not used, the events are bounded, and whoever waits says for how long.

use std::collections::VecDeque;
use std::time::Duration;

use hyper::StatusCode;
use portcullis_guard::egress::Url;
use portcullis_transport::http::fetch::{Answer, Ask, FetchError, Fetcher};
use portcullis_wire::events::Events;
use portcullis_wire::{Limits, Message};

/// Nesting that a message may have.
const DEPTH: usize = 64;
/// How long a stream may take to say where to post: it is its first event.
const NAMED: Duration = Duration::from_secs(5);
/// The longest address that is taken, in bytes.
const ADDRESS: usize = 4 << 10;

/// A message of at most so many bytes.
pub(super) fn message(text: &[u8], most: usize) -> Option<Message> {
    let limits = Limits { message_bytes: most, depth: DEPTH, ..Limits::default() };
    portcullis_wire::parse(text, &limits).ok()
}

/// Whether an answer is a stream of events.
pub(super) fn is_stream(answer: &Answer) -> bool {
    answer.status() == StatusCode::OK && answer.media_type().as_deref() == Some("text/event-stream")
}

/// A stream that said where to post.
#[derive(Debug)]
pub(super) struct Stream {
    answer: Answer,
    events: Events,
    ready: VecDeque<Vec<u8>>,
    /// What may still come on it, in bytes.
    room: u64,
    /// Where its client posts.
    pub(super) endpoint: Url,
}

/// What came of opening one.
#[derive(Debug)]
pub(super) enum Opened {
    /// It is open, and said where to post.
    Stream(Box<Stream>),
    /// It is something else.
    Refused(Box<Answer>),
}

impl Stream {
    /// Opens a stream at an address, on which nothing is longer than `most` bytes, and nothing more than `all` comes.
    ///
    /// # Errors
    /// When nobody answers, or the stream names no address of the same origin in time.
    pub(super) async fn open(
        fetcher: &Fetcher,
        ask: &Ask,
        at: &Url,
        (most, all): (usize, u64),
    ) -> Result<Opened, String> {
        // A connection that was kept may have been closed meanwhile; to listen twice changes nothing.
        let answer = match fetcher.send(ask).await {
            Err(FetchError::Broken(_)) => fetcher.send(ask).await,
            answer => answer,
        };
        let answer = answer.map_err(|error| error.to_string())?;
        if !is_stream(&answer) {
            return Ok(Opened::Refused(Box::new(answer)));
        }
        let mut stream = Self {
            answer,
            events: Events::new(most),
            ready: VecDeque::new(),
            room: all,
            endpoint: at.clone(),
        };
        match tokio::time::timeout(NAMED, stream.named(at)).await {
            Ok(named) => named?,
            Err(_) => return Err("its stream did not say where to post".to_owned()),
        }
        Ok(Opened::Stream(Box::new(stream)))
    }

    /// Waits for the event that says where to post.
    async fn named(&mut self, at: &Url) -> Result<(), String> {
        loop {
            let pieces = self.piece().await?;
            let Some(pieces) = pieces else {
                return Err("its stream ended before it said where to post".to_owned());
            };
            let mut found = None;
            for event in pieces {
                match event.is_message {
                    false if found.is_none() => found = Some(event.data),
                    false => {}
                    true if event.data.is_empty() => {}
                    true => self.ready.push_back(event.data),
                }
            }
            let Some(found) = found else { continue };
            let text = String::from_utf8(found).ok().filter(|text| text.len() <= ADDRESS);
            let endpoint = text.and_then(|text| at.join(text.trim()).ok());
            let endpoint = endpoint.filter(|it| it.origin() == at.origin());
            let elsewhere = "its stream said to post elsewhere, which is not done";
            let endpoint = endpoint.ok_or(elsewhere)?;
            self.endpoint = endpoint;
            return Ok(());
        }
    }

    /// The next message on it; nothing at its end.
    ///
    /// # Errors
    /// When it breaks off, or more comes than is taken.
    ///
    /// # Cancel safety
    /// Safe: what came is kept.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, String> {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Ok(Some(message));
            }
            let Some(events) = self.piece().await? else { return Ok(None) };
            let messages = events.into_iter().filter(|it| it.is_message && !it.data.is_empty());
            self.ready.extend(messages.map(|it| it.data));
        }
    }

    async fn piece(&mut self) -> Result<Option<Vec<portcullis_wire::events::Event>>, String> {
        let piece = self.answer.next().await.map_err(|error| error.to_string())?;
        let Some(piece) = piece else { return Ok(None) };
        self.room = self.room.checked_sub(piece.len() as u64).ok_or("the answer is too large")?;
        self.events.push(&piece).map(Some).map_err(|_| "an event is too long".to_owned())
    }

    /// What its head said.
    pub(super) fn headers(&self) -> &hyper::http::HeaderMap {
        self.answer.headers()
    }
}

/// What a session is called in the address to which its client posts: a parameter that says so, else the last part.
pub(super) fn session_in(endpoint: &Url) -> Option<String> {
    let whole = endpoint.path();
    let (path, query) = whole.split_once('?').unwrap_or((whole, ""));
    let named = query.split('&').filter_map(|pair| pair.split_once('='));
    let named = named.filter(|(name, _)| name.to_ascii_lowercase().contains("session"));
    let last = path.trim_end_matches('/').rsplit('/').next();
    let last = last.filter(|last| last.len() >= 8 && last.contains(|it: char| it.is_ascii_digit()));
    let name = named.map(|(_, value)| value).next().or(last)?;
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_has_its_name_in_its_address() {
        for (url, expect) in [
            ("http://127.0.0.1:1/messages/?session_id=0123abcd", Some("0123abcd")),
            ("http://127.0.0.1:1/message?a=b&sessionId=x-1", Some("x-1")),
            ("http://127.0.0.1:1/sse/4f2a0c3d9b", Some("4f2a0c3d9b")),
            ("http://127.0.0.1:1/messages", None),
            ("http://127.0.0.1:1/message?sessionId=", None),
        ] {
            let url = Url::new(url).unwrap();
            assert_eq!(session_in(&url).as_deref(), expect, "{}", url.text());
        }
    }
}
