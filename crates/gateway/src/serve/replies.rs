//! Responses: the answer when it comes soon, a stream when it does not, and what we say ourselves.

use std::time::{Duration, Instant};

use hyper::StatusCode;
use hyper::body::Bytes;
use portcullis_mediation::answer_of_ours;
use portcullis_transport::http::{Reply, empty, events, json, sse};
use portcullis_wire::write::Address;
use portcullis_wire::{Id, Malformed, Message, Request};

use super::front::NO_SESSION;
use super::parcel::Parcel;
use super::stream::{Answers, Stream};

/// How long an answer may take before the response begins without it: proxies and clients give
/// up on a response that does not begin.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for the answer, or for a reason to begin without it.
pub(super) async fn respond(
    mut answers: Answers,
    until: Option<Instant>,
    status: impl Fn(Option<i64>) -> StatusCode,
) -> Reply {
    match tokio::time::timeout(PATIENCE, answers.parcels.recv()).await {
        Ok(Some(parcel)) if parcel.last => {
            answers.open.done = true;
            whole(status(parcel.code), parcel)
        }
        Ok(Some(parcel)) => streamed(Stream::new(answers, Some(parcel), until)),
        Ok(None) => gone(),
        Err(_) => streamed(Stream::new(answers, None, until)),
    }
}

pub(super) fn whole(status: StatusCode, parcel: Parcel) -> Reply {
    json(status, parcel.json.clone())
}

pub(super) fn streamed(stream: Stream) -> Reply {
    events(Box::new(stream))
}

/// The session ended while somebody waited.
pub(super) fn gone() -> Reply {
    NO_SESSION.into()
}

/// What is said to something that is no message.
pub(super) fn answer_to(malformed: &Malformed) -> Option<Bytes> {
    let answer = answer_of_ours(malformed.id.clone(), malformed.code(), malformed.public())?;
    Some(sse::json(&answer, &Address::default()))
}

pub(super) fn ours(
    status: StatusCode,
    answer: Option<&portcullis_policy::Permitted<Message>>,
) -> Reply {
    match answer {
        Some(answer) => json(status, sse::json(answer, &Address::default())),
        None => empty(status),
    }
}

pub(super) fn refused(message: &Message, code: i64, why: &str) -> Reply {
    let id: Option<Id> = match message {
        Message::Request(Request { id, .. }) => Some(id.clone()),
        _ => None,
    };
    ours(StatusCode::BAD_REQUEST, answer_of_ours(id, code, why).as_ref())
}
