//! What a request carries, bounded in bytes and in time.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::{Body as _, Bytes, Incoming};

use super::reply::Refusal;

const TOO_LARGE: Refusal = Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
const TOO_SLOW: Refusal = Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body took too long");
const BROKEN: Refusal = Refusal::new(StatusCode::BAD_REQUEST, "the body is broken");

/// Room that is made for a body of which only the length is known.
const ROOM: usize = 64 << 10;

/// A body that nobody has read.
#[derive(Debug)]
pub struct Body {
    incoming: Incoming,
    bytes: usize,
    time: Duration,
}

impl Body {
    pub(super) const fn new(incoming: Incoming, bytes: usize, time: Duration) -> Self {
        Self { incoming, bytes, time }
    }

    /// The most bytes that this may turn out to be: what it says of itself, or what is let in.
    #[must_use]
    pub fn most(&self) -> u64 {
        let bytes = u64::try_from(self.bytes).unwrap_or(u64::MAX);
        self.incoming.size_hint().upper().map_or(bytes, |said| said.min(bytes))
    }

    /// All of it.
    ///
    /// # Errors
    /// 413 when it is too large, 408 when it takes too long, 400 when it ends too early or is no
    /// body at all.
    pub async fn read(self) -> Result<Bytes, Refusal> {
        let all = gather(self.incoming, self.bytes);
        tokio::time::timeout(self.time, all).await.unwrap_or(Err(TOO_SLOW))
    }
}

async fn gather(mut incoming: Incoming, most: usize) -> Result<Bytes, Refusal> {
    let said = usize::try_from(incoming.size_hint().lower()).unwrap_or(usize::MAX);
    if said > most {
        return Err(TOO_LARGE);
    }
    let mut all = Vec::with_capacity(said.min(ROOM));
    while let Some(frame) = poll_fn(|it| Pin::new(&mut incoming).poll_frame(it)).await {
        // Trailers are part of no message.
        let Ok(data) = frame.map_err(|_| BROKEN)?.into_data() else { continue };
        if data.len() > most - all.len() {
            return Err(TOO_LARGE);
        }
        if all.is_empty() && incoming.is_end_stream() {
            return Ok(data);
        }
        all.extend_from_slice(&data);
    }
    Ok(Bytes::from(all))
}
