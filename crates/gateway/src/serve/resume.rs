//! A client comes back to a stream that broke, with the name of the last event that it got.
//!
//! Its session is found and its principal compared as for every request; which stream that event
//! was in, the session knows, and no event of another session is in it.

use std::sync::Arc;
use std::time::Instant;

use hyper::StatusCode;
use portcullis_transport::http::sse::EventId;
use portcullis_transport::http::{Refusal, Reply};
use tokio::sync::oneshot;

use super::front::{NO_SESSION, OURS};
use super::posts::{Resumes, Said};
use super::replies::streamed;
use super::sessions::Session;
use super::stream::{Answers, Stream};

/// The header that names an event.
pub(super) const LAST: &str = "last-event-id";

const NO_EVENT: Refusal =
    Refusal::new(StatusCode::BAD_REQUEST, "there is no such event in this session");

/// The stream of this event, from there on, for as long as whoever asks may be told things.
///
/// # Errors
/// When this session has no such event (any more), or is over.
pub(super) async fn resume(
    session: &Arc<Session>,
    last: &str,
    until: Option<Instant>,
) -> Result<Reply, Refusal> {
    let last = EventId::read(last).ok_or(NO_EVENT)?;
    let (post, answers) = Answers::open(session, 0).map_err(|_| OURS)?;
    let (found, is_found) = oneshot::channel();
    if !session.tell(Said::Resumes(Resumes { post, last, found })).await {
        return Err(NO_SESSION);
    }
    let left = is_found.await.map_err(|_| NO_SESSION)?.ok_or(NO_EVENT)?;
    // It was given a name to come back with.
    let answers = Answers { left, prelude: None, ..answers };
    Ok(streamed(Stream::new(answers, None, until)))
}
