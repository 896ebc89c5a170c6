//! Permitted messages as an answer's bytes: one JSON text, or events of a stream (HTML, section
//! 9.2.5, "parsing an event stream").

use std::time::Duration;

use hyper::body::Bytes;
use portcullis_policy::Permitted;
use portcullis_wire::Message;
use portcullis_wire::write::Address;

/// The name of an event, by which a broken stream is taken up again (`Last-Event-ID`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventId(String);

impl EventId {
    /// How many letters one may have.
    const MOST: usize = 128;

    /// Letters, digits, `-`, `_`, `.` and `:`, so that it ends no line of a stream.
    #[must_use]
    pub fn read(written: &str) -> Option<Self> {
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
        let good = (1..=Self::MOST).contains(&written.len()) && written.as_bytes().iter().all(fits);
        good.then(|| Self(written.to_owned()))
    }

    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One message as one event. A message is one line, so it is one `data` field.
#[must_use]
pub fn event(message: &Permitted<Message>, address: &Address, id: Option<&EventId>) -> Bytes {
    let mut bytes = head(id);
    encode(message, address, &mut bytes);
    bytes.push(b'\n');
    Bytes::from(bytes)
}

/// One message that was written already, as one event.
#[must_use]
pub fn framed(json: &[u8], id: Option<&EventId>) -> Bytes {
    let mut bytes = head(id);
    bytes.extend_from_slice(json);
    bytes.extend_from_slice(b"\n\n");
    Bytes::from(bytes)
}

fn head(id: Option<&EventId>) -> Vec<u8> {
    let id = id.map_or_else(String::new, |EventId(id)| format!("id: {id}\n"));
    format!("{id}event: message\ndata: ").into_bytes()
}

/// One message as one JSON text.
#[must_use]
pub fn json(message: &Permitted<Message>, address: &Address) -> Bytes {
    let mut bytes = Vec::new();
    encode(message, address, &mut bytes);
    bytes.pop();
    Bytes::from(bytes)
}

/// The answers to one batch as one JSON text (2025-03-26).
#[must_use]
pub fn json_batch(messages: &[(Permitted<Message>, Address)]) -> Bytes {
    let mut bytes = Vec::new();
    let mut before = b'[';
    for (message, address) in messages {
        bytes.push(before);
        encode(message, address, &mut bytes);
        bytes.pop();
        before = b',';
    }
    bytes.push(b']');
    Bytes::from(bytes)
}

/// Says that a stream is still there, to nobody's ears.
#[must_use]
pub fn still_here() -> Bytes {
    Bytes::from_static(b": still here\n\n")
}

/// The first event of a stream that may break: a name to come back with, and when, and no message
/// (2025-11-25, "Sending Messages to the Server", 6).
#[must_use]
pub fn prime(EventId(id): &EventId, retry: Option<Duration>) -> Bytes {
    let retry = retry.map_or_else(String::new, |after| format!("retry: {}\n", after.as_millis()));
    Bytes::from(format!("id: {id}\n{retry}data:\n\n"))
}

/// The first event in the transport of 2024-11-05: where its client posts what it has to say, as a
/// path of ours (HTTP with SSE).
#[must_use]
pub fn endpoint(path: &str) -> Bytes {
    Bytes::from(format!("event: endpoint\ndata: {path}\n\n"))
}

/// With its siblings in `lane` the one call of the encoder in the product: what is not
/// [`Permitted`] is not written (invariant 4).
fn encode(message: &Permitted<Message>, address: &Address, out: &mut Vec<u8>) {
    #[expect(clippy::disallowed_methods, reason = "one of the two places that the rule names")]
    portcullis_wire::write::encode_addressed(message.get(), address, out);
}
