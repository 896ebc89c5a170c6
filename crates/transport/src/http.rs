//! Requests over HTTP: bounded, from a caller that the kernel names, answered whole or as a stream.
//!
//! What a request means is none of its business; it holds no conversation. Read in this order:
//! [`serve`] takes connections, `listener` says where they arrive, `caller` whose process is at the
//! other end, `crowd` how many there are, `second` has several requests at once on one of them (HTTP/2) and `places` how many of whom, `body` what a request
//! carries, `reply` what an answer is made of, [`sse`] how permitted messages are written into one,
//! [`session_id`] what a conversation is called.

mod auth;
mod body;
mod caller;
pub mod client;
mod crowd;
pub mod fetch;
mod listener;
pub mod mirrored;
pub mod oauth;
mod owner;
mod patient;
mod places;
mod pulse;
mod reply;
mod second;
pub mod session_id;
pub mod sse;
mod tls;
mod validity;
mod wall;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::header::TRANSFER_ENCODING;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use auth::{Bearer, Gatekeeper, Guest};
pub use body::Body;
pub use caller::{Caller, Certificate, Standing};
pub use listener::{Address, Listener};
pub use reply::{Content, Feed, Refusal, Reply, empty, events, json, plain};
pub use session_id::SessionId;
pub use tls::{Files as TlsFiles, Tls};
pub use wall::Wall;

use crowd::Crowd;
use listener::Stream;
use patient::Patient;
use places::Places;

/// How long open connections may take to end once we stop.
const GRACE: Duration = Duration::from_secs(5);
/// Turns of the runtime that a full house is given to see who has left: one hears of it, and in each
/// of the others 61 tasks at most go on, whichever they are.
const TURNS: usize = 16;
/// How long we wait when the system gives us no connection: out of descriptors, most likely.
const BREATH: Duration = Duration::from_millis(50);

/// What callers may take of us.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections at once. One more takes the place of one that never carried a request of somebody
    /// known, or is closed.
    pub connections: usize,
    /// The same from one address.
    pub of_one_address: usize,
    /// Bytes of a request's head. Not less than 8 KiB, which is hyper's least.
    pub head_bytes: usize,
    /// Headers in it.
    pub headers: usize,
    /// How long a head may take, and a connection may idle.
    pub head_time: Duration,
    /// Requests at once on one connection, where there can be several.
    pub streams: u32,
    /// The same on all of them.
    pub all_streams: usize,
    /// And on those that never carried a request of somebody known.
    pub strangers_streams: usize,
    /// Bytes of a request's body.
    pub body_bytes: usize,
    /// How long a body may take.
    pub body_time: Duration,
    /// How long a caller may read nothing of an answer that waits for it.
    pub write_time: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            of_one_address: 192,
            head_bytes: 16 << 10,
            headers: 64,
            head_time: Duration::from_secs(10),
            // Less would hold up a peer that has many people behind it (RFC 9113, section 6.5.2).
            streams: 100,
            all_streams: 2048,
            strangers_streams: 256,
            body_bytes: 4 << 20,
            body_time: Duration::from_secs(30),
            write_time: Duration::from_secs(30),
        }
    }
}

/// Takes connections and answers what arrives on them, until `stop` is over. Then nobody new is
/// taken, and who is connected gets the answers that are under way, for at most five seconds.
///
/// # Errors
/// When the listener cannot be used in this runtime.
pub async fn serve<F, Fut>(
    listener: Listener,
    limits: Limits,
    stop: impl Future<Output = ()> + Send,
    answer: F,
) -> io::Result<()>
where
    F: Fn(Parts, Body, Caller) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Reply> + Send + 'static,
{
    let counted = listener.connections();
    let door = listener.open()?;
    let (until, ended) = watch::channel(());
    let places = Places::new(&limits);
    let crowd = Crowd::new(limits.connections, limits.of_one_address);
    let mut connections = JoinSet::new();
    tokio::pin!(stop);
    loop {
        counted.store(crowd.count(), Ordering::Relaxed);
        tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = door.accept() => match accepted {
                Ok(stream) => {
                    let caller = stream.caller();
                    // Those that were left by their callers are seen to be, before anybody has to
                    // give way.
                    for _ in 0..TURNS {
                        if crowd.has_room(stream.address()) {
                            break;
                        }
                        tokio::task::yield_now().await;
                    }
                    let Some(seat) = crowd.enter(stream.address(), &caller.standing) else {
                        continue;
                    };
                    let (places, ended, answer) = (places.clone(), ended.clone(), answer.clone());
                    let served = connection(stream, caller, limits, places, ended, answer);
                    connections.spawn(async move {
                        tokio::select! {
                            () = served => {}
                            () = seat.is_given_to_another() => {}
                        }
                    });
                }
                Err(_) => tokio::time::sleep(BREATH).await,
            }
        }
    }
    drop((door, until));
    let ends = async { while connections.join_next().await.is_some() {} };
    // Whoever is not done by then is cut off: dropping the set ends its tasks.
    let _ = tokio::time::timeout(GRACE, ends).await;
    connections.shutdown().await;
    Ok(())
}

async fn connection<F, Fut>(
    stream: Stream,
    caller: Caller,
    limits: Limits,
    places: Places,
    ended: watch::Receiver<()>,
    answer: F,
) where
    F: Fn(Parts, Body, Caller) -> Fut,
    Fut: Future<Output = Reply> + Send + 'static,
{
    let standing = caller.standing.clone();
    let answer = move |caller: Caller| move |head, body| answer(head, body, caller.clone());
    match stream {
        Stream::Tcp(stream, _, None) => requests(stream, limits, ended, answer(caller)).await,
        Stream::Tcp(stream, _, Some(tls)) => {
            let begun = tokio::time::timeout(limits.head_time, tls.accept(stream)).await;
            // Whoever does not get so far has nothing to be told.
            let Ok(Ok(stream)) = begun else { return };
            let certificate = tls::shown(&stream).map(Arc::new);
            let caller = Caller { certificate, ..caller };
            let chain = tls::chain(&stream);
            let served = async {
                if tls::speaks_second(&stream) {
                    let places = places.of(standing);
                    second::requests(stream, limits, places, ended, answer(caller)).await;
                } else {
                    requests(stream, limits, ended, answer(caller)).await;
                }
            };
            // What was shown when it began must be good as long as it lasts.
            tokio::select! {
                () = served => {}
                () = tls.doubts(chain) => {}
            }
        }
        Stream::Unix(stream) => requests(stream, limits, ended, answer(caller)).await,
    }
}

/// Answers one connection's requests until it ends.
async fn requests<S, F, Fut>(stream: S, limits: Limits, mut ended: watch::Receiver<()>, answer: F)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Parts, Body) -> Fut,
    Fut: Future<Output = Reply>,
{
    let service = service_fn(|request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        // With a length beside it, another reader could see the body end elsewhere (RFC 9112,
        // section 6.1). hyper tells us of one of the two; nothing is read behind such a body.
        let chunked = head.headers.contains_key(TRANSFER_ENCODING);
        let answered = answer(head, Body::new(body, limits.body_bytes, limits.body_time));
        async move {
            let mut reply = answered.await;
            if chunked {
                reply::close(&mut reply);
            }
            Ok::<_, Infallible>(reply)
        }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(limits.head_time);
    http.max_headers(limits.headers).max_buf_size(limits.head_bytes.max(8 << 10));
    let connection =
        http.serve_connection(TokioIo::new(Patient::new(stream, limits.write_time)), service);
    tokio::pin!(connection);
    tokio::select! {
        // A caller that broke off has nothing to be told.
        _ = connection.as_mut() => return,
        _ = ended.changed() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
