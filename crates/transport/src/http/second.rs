//! HTTP/2: the same requests, several at once on one connection, where both sides agreed on it as
//! they began to encrypt (ALPN).
//!
//! Nobody speaks it in the clear here: a connection that is not encrypted is of this machine, where
//! it brings nothing, and would have to be told apart by its first bytes.
//!
//! What may come at once, and how large it may be, hyper and h2 hold: streams, heads over any number
//! of frames, streams that are reset again and again (CVE-2023-44487, CVE-2024-27316,
//! CVE-2025-8671). A peer that answers no ping is gone: whoever begins a head and does not end it
//! cannot answer one. `pulse` holds what is left.

use std::convert::Infallible;
use std::future::Future;

use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use super::patient::Patient;
use super::places::Share;
use super::pulse::{End, Pulse};
use super::{Body, Limits, Refusal, Reply};

/// What this side agrees on, when it is asked.
pub(super) const NAME: &[u8] = b"h2";

/// Streams that a peer reset before anybody looked at them: of more than these it floods.
const RESET: usize = 20;
/// Streams that a peer made us reset.
const MADE_TO_RESET: usize = 64;
/// What a peer may send before somebody reads it: on one stream, and on all of a connection.
const WINDOW: u32 = 256 << 10;
const WINDOWS: u32 = 1 << 20;
/// What may wait on one stream for its peer.
const WAITING: usize = 64 << 10;

const TOO_MANY_HEADERS: Refusal =
    Refusal::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "the request has too many headers");
const FULL: Refusal =
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "there are too many requests at once");

/// Answers one connection's requests until it ends.
pub(super) async fn requests<S, F, Fut>(
    stream: S,
    limits: Limits,
    places: Share,
    mut ended: watch::Receiver<()>,
    answer: F,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Parts, Body) -> Fut,
    Fut: Future<Output = Reply> + Send + 'static,
{
    let pulse = Pulse::new();
    let service = service_fn(|request: Request<Incoming>| {
        let beat = pulse.begins();
        let (head, body) = request.into_parts();
        let answered = match places.take() {
            None => Err(FULL),
            Some(_) if head.headers.len() > limits.headers => Err(TOO_MANY_HEADERS),
            Some(place) => {
                let body = Body::new(body, limits.body_bytes, limits.body_time);
                Ok(place.until(answer(head, body)))
            }
        };
        async move {
            let (reply, place): (Reply, _) = match answered {
                Ok(answered) => answered.await,
                Err(refusal) => (refusal.into(), None),
            };
            Ok::<_, Infallible>(reply.map(|content| beat.answered(content, place)))
        }
    });
    let io = TokioIo::new(Patient::new(stream, limits.write_time));
    let connection = bounded(&limits).serve_connection(io, service);
    tokio::pin!(connection);
    let mut ending = false;
    loop {
        tokio::select! {
            // A caller that broke off has nothing to be told.
            _ = connection.as_mut() => return,
            _ = ended.changed(), if !ending => {}
            end = pulse.ends(limits.head_time, limits.write_time) => match end {
                End::Quiet if !ending => pulse.begins_anew(),
                End::Quiet | End::Deaf => return,
            },
        }
        ending = true;
        // What is under way is answered, and nothing else is begun.
        connection.as_mut().graceful_shutdown();
    }
}

fn bounded(limits: &Limits) -> http2::Builder<TokioExecutor> {
    let mut http = http2::Builder::new(TokioExecutor::new());
    http.timer(TokioTimer::new());
    http.keep_alive_interval(limits.head_time).keep_alive_timeout(limits.head_time);
    http.max_concurrent_streams(limits.streams);
    http.max_header_list_size(u32::try_from(limits.head_bytes).unwrap_or(u32::MAX));
    http.max_pending_accept_reset_streams(RESET).max_local_error_reset_streams(MADE_TO_RESET);
    http.initial_stream_window_size(WINDOW).initial_connection_window_size(WINDOWS);
    http.max_send_buf_size(WAITING);
    http
}
