//! Several messages in one request, which 2025-03-26 alone has.

use hyper::StatusCode;
use hyper::http::request::Parts;
use portcullis_transport::http::{Reply, empty};
use portcullis_wire::{Malformed, MalformedKind, Message, batch};

use super::front::{Front, NO_SESSION, OURS, UNNAMED};
use super::granted::Away;
use super::head::fits;
use super::lull;
use super::parcel::{Parcel, Post};
use super::posts::Said;
use super::replies::{answer_to, streamed};
use super::stream::{Answers, Stream};
use super::visit::Visit;

/// Messages in one batch.
const BATCH: usize = 64;

impl Front {
    /// Several messages at once, which 2025-03-26 alone has. Each is judged by itself, and their
    /// answers come as they are ready.
    pub(super) async fn batch(
        &self,
        parts: &Parts,
        version: Option<&str>,
        bytes: &[u8],
        visit: &Visit<'_>,
    ) -> Result<Reply, Away> {
        if self.common.lull.is_on() {
            return Err(lull::ends().into());
        }
        let no_batch = Malformed { kind: MalformedKind::Batch, id: None };
        let session = match self.named(parts, visit) {
            Ok(session) if session.revision.get().is_some_and(|it| it.has_batches()) => session,
            Ok(_) | Err(Away { refusal: UNNAMED, .. }) => {
                return self.malformed(parts, visit, no_batch).await;
            }
            Err(away) => return Err(away),
        };
        fits(version, &session)?;
        let members = match batch(bytes, &visit.limits(), BATCH) {
            Ok(members) => members,
            Err(malformed) => return self.malformed(parts, visit, malformed).await,
        };
        self.may(parts, members.iter().flatten(), visit)?;
        let waits =
            |it: &&Result<Message, Malformed>| matches!(it, Ok(Message::Request(_)) | Err(_));
        let waiting = members.iter().filter(waits).count();
        if let Err(wait) = visit.place.is_of(members.len(), waiting) {
            return Ok(self.told_to_wait(&visit.caller, &visit.guest.principal, &wait));
        }
        let (post, answers) = Answers::open(&session, 0).map_err(|_| OURS)?;
        let mut left = 0;
        for member in members {
            let said = match member {
                Ok(Message::Request(mut request)) => {
                    left += 1;
                    let opening = self.opening(parts, &mut request, visit);
                    let post = Post { opening, ..post.clone() };
                    Said::Message(Box::new(Message::Request(request)), Some(post))
                }
                Ok(message) => Said::Message(Box::new(message), None),
                Err(malformed) => {
                    left += 1;
                    if let Some(json) = answer_to(&malformed) {
                        let _ = post.to.send(Parcel::of_the_door(json));
                    }
                    Said::Malformed(malformed)
                }
            };
            if !session.tell(said).await {
                return Err(NO_SESSION.into());
            }
        }
        if left == 0 {
            return Ok(empty(StatusCode::ACCEPTED));
        }
        Ok(streamed(Stream::new(Answers { left, ..answers }, None, visit.guest.until)))
    }
}
