//! An answer that comes as events, and is taken up again where it broke (until 2025-11-25).

use std::time::Duration;

use hyper::header::{ACCEPT, HeaderName, HeaderValue};
use hyper::{Method, StatusCode};
use portcullis_wire::events::Events;
use portcullis_wire::{Id, Message};

use super::exchange::{Trouble, said};
use super::talk::{Hears, Talk};
use crate::http::fetch::{Answer, Ask, FetchError, Follow};

/// How long we wait before a stream is taken up again, unless the server says so.
const PAUSE: Duration = Duration::from_secs(1);
/// How often in a row that may bring nothing.
pub(super) const TRIES: u32 = 5;
/// How long the head of a stream may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where a stream was left.
const LAST: HeaderName = HeaderName::from_static("last-event-id");

/// How a stream ended for whoever waits for an answer in it.
#[derive(Debug)]
pub(super) enum Ended {
    Answered(Box<Message>),
    /// Several messages came in one; the answer is among them or nowhere.
    Several,
}

/// Hears a stream until the answer came, taking it up again where it has names for its events.
pub(super) async fn answer(
    talk: &Talk,
    mut answer: Answer,
    id: &Id,
    may_resume: bool,
) -> Result<Ended, Trouble> {
    let mut events = Events::new(talk.remote.limits.message_bytes);
    let mut tries = TRIES;
    loop {
        let before = events.last.clone();
        let why = match follow(talk, &mut answer, &mut events, Some(id)).await? {
            Some(ended) => return Ok(ended),
            None => "the stream ended before its answer",
        };
        let Some(last) = events.last.clone().filter(|_| may_resume && tries > 0) else {
            return Err(Trouble::Told(why.to_owned()));
        };
        tries = if events.last == before { tries - 1 } else { TRIES };
        tokio::time::sleep(events.retry.unwrap_or(PAUSE)).await;
        answer = resumed(talk, Some(last)).await?;
        if answer.status() != StatusCode::OK {
            return Err(Trouble::Told(format!("{why}, and {}", said(answer.status()))));
        }
        events = events.anew();
    }
}

/// Hears a stream to its end, which may come too early.
pub(super) async fn follow(
    talk: &Talk,
    answer: &mut Answer,
    events: &mut Events,
    id: Option<&Id>,
) -> Result<Option<Ended>, Trouble> {
    loop {
        let piece = match answer.next().await {
            Ok(Some(piece)) => piece,
            Ok(None) | Err(FetchError::Broken(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let Ok(all) = events.push(&piece) else {
            talk.say(Talk::too_long()).await;
            return Err(Trouble::Told("an event is too long".to_owned()));
        };
        for event in all.into_iter().filter(|event| event.is_message && !event.data.is_empty()) {
            match talk.hears(&event.data, id).await {
                Hears::Answer(message) => return Ok(Some(Ended::Answered(Box::new(message)))),
                Hears::Several if id.is_some() => return Ok(Some(Ended::Several)),
                Hears::Several | Hears::Other => {}
            }
        }
    }
}

/// Asks for a stream: the one that was left, or the one for what belongs to no request.
pub(super) async fn resumed(talk: &Talk, last: Option<String>) -> Result<Answer, Trouble> {
    let session = talk.name();
    let named = session.is_some();
    let ask = Ask::new(Method::GET, talk.url()).within(PATIENCE);
    let mut ask = ask.with(ACCEPT, HeaderValue::from_static("text/event-stream"));
    if let Some(last) = last.and_then(|last| HeaderValue::try_from(last).ok()) {
        ask = ask.with(LAST, last);
    }
    let ask = talk.dressed(ask, session).await.map_err(Trouble::Barred)?;
    let answer = talk.remote.fetcher.follow(&ask, Follow::SameOrigin).await?;
    let status = answer.status();
    if status == StatusCode::NOT_FOUND && named {
        return Err(Trouble::Lost);
    }
    if status == StatusCode::OK && answer.media_type().as_deref() != Some("text/event-stream") {
        return Err(Trouble::Told("what should be a stream is none".to_owned()));
    }
    Ok(answer)
}
