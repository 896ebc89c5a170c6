//! The transport of 2024-11-05 (HTTP with SSE), for clients that know no other: off unless asked for.
//!
//! One stream is the whole conversation. It begins with the path that its client posts to, which
//! has the secret name of the session; everything is answered in it, and the session ends with it.
//! Wall, people, scopes, shares, sessions and the config that holds are those of every request: a
//! message that is posted is judged as one of any other transport, and takes its place in the share
//! of whoever sent it until it is answered.

use std::sync::Arc;

use hyper::http::request::Parts;
use hyper::{Method, StatusCode};
use portcullis_transport::http::{Body, Refusal, Reply, SessionId, empty, json, sse};
use portcullis_wire::{Message, Revision, parse};

use super::front::{Front, NO_SESSION, OURS, UNNAMED, VERSION, asks, meta};
use super::granted::Away;
use super::head::{Door, accepts, is_json, only};
use super::lull;
use super::posts::Said;
use super::replies::{answer_to, streamed};
use super::sessions::Session;
use super::stream::{Answers, Stream};
use super::visit::Visit;

/// What the name of a session is called in a path.
const QUERY: &str = "session_id=";

const NOT_DONE: Refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "that is not done here");
const NOT_JSON: Refusal =
    Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "a message is application/json");
const MODERN: Refusal =
    Refusal::new(StatusCode::BAD_REQUEST, "2026-07-28 is not spoken in this transport");

impl Front {
    /// A request in this transport.
    pub(super) async fn serve_old(
        &self,
        parts: &Parts,
        body: Body,
        visit: &Visit<'_>,
    ) -> Result<Reply, Away> {
        match visit.door {
            Door::OldStream if parts.method == Method::GET => {
                Ok(self.open_old(parts, visit).await?)
            }
            Door::OldPost if parts.method == Method::POST => {
                self.hear_old(parts, body, visit).await
            }
            _ => Err(NOT_DONE.into()),
        }
    }

    /// A session begins, and lasts as long as this response.
    async fn open_old(&self, parts: &Parts, visit: &Visit<'_>) -> Result<Reply, Refusal> {
        accepts(parts, &["text/event-stream"])?;
        if self.common.lull.is_on() {
            return Err(lull::ends());
        }
        let name = SessionId::roll().map_err(|_| OURS)?.letters();
        // From here on whoever drops the response ends the session.
        let (session, post, answers) = {
            let mut sessions = self.sessions();
            let session = self.start(&mut sessions, visit, false)?;
            let (post, answers) = Answers::open(&session, 0).map_err(|_| OURS)?;
            sessions.begin(&name, Arc::clone(&session));
            (session, post, answers)
        };
        if !session.tell(Said::Opens(post)).await {
            return Err(NO_SESSION);
        }
        // A path, so it is of the origin that was asked (MCP-HTTP-20).
        let server = visit.server().ok_or(OURS)?;
        let path = format!("/s/{server}/message?{QUERY}{name}");
        let answers = Answers { prelude: Some(sse::endpoint(&path)), ..answers };
        Ok(streamed(Stream::new(answers, None, visit.guest.until)))
    }

    /// Its client says something; what there is to answer, the stream says.
    async fn hear_old(&self, parts: &Parts, body: Body, visit: &Visit<'_>) -> Result<Reply, Away> {
        if !is_json(parts) {
            return Err(NOT_JSON.into());
        }
        let name = parts.uri.query().and_then(|query| query.strip_prefix(QUERY)).ok_or(UNNAMED)?;
        let session = self.session(name, visit)?;
        let says_modern = only(parts, VERSION)? == Some(Revision::V2026_07_28.as_str());
        let (bytes, _held) = match self.reads(body, visit).await? {
            Ok(read) => read,
            Err(wait) => return Ok(wait),
        };
        let mut message = match parse(&bytes, &visit.limits()) {
            Ok(message) => message,
            Err(malformed) => {
                self.may(parts, std::iter::empty(), visit)?;
                tell(&session, Said::Malformed(malformed.clone())).await?;
                let answer = answer_to(&malformed).ok_or(OURS)?;
                return Ok(json(StatusCode::BAD_REQUEST, answer));
            }
        };
        // What is under way is answered, and what clients have to say of it is heard.
        let is_request = matches!(message, Message::Request(_));
        if is_request && self.common.lull.is_on() {
            return Err(lull::ends().into());
        }
        self.opens(parts, &mut message, visit);
        self.may(parts, std::iter::once(&message), visit)?;
        let _ = visit.asks.set(asks(&message));
        if says_modern || meta(&message).protocol_version.is_some() {
            return Err(MODERN.into());
        }
        let said = match message {
            Message::Request(request) => {
                Said::Asks(Box::new(request), visit.place.clone(), visit.opening())
            }
            message => Said::Message(Box::new(message), None),
        };
        tell(&session, said).await?;
        visit.is_heard();
        Ok(empty(StatusCode::ACCEPTED))
    }
}

async fn tell(session: &Session, said: Said) -> Result<(), Refusal> {
    if session.tell(said).await { Ok(()) } else { Err(NO_SESSION) }
}
