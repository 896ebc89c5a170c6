//! Bytes from one connection to another, until one ends, both fall silent, or the
//! rules change.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use portcullis_guard::egress::chunks::Chunks;
use portcullis_guard::egress::http::Body;
use portcullis_guard::egress::{Reach, Target};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::Instant;

use super::talk::Talk;

/// How long both sides may be silent.
const IDLE: Duration = Duration::from_secs(300);
/// Bytes at a time.
const CHUNK: usize = 16 << 10;

/// When something was last said, in milliseconds since the start.
struct Pulse {
    start: Instant,
    last: AtomicU64,
}

impl Pulse {
    fn new() -> Self {
        Self { start: Instant::now(), last: AtomicU64::new(0) }
    }

    fn beat(&self) {
        let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now, Ordering::Relaxed);
    }

    async fn stops(&self) {
        loop {
            let last = Duration::from_millis(self.last.load(Ordering::Relaxed));
            let end = self.start + last + IDLE;
            if end <= Instant::now() {
                return;
            }
            tokio::time::sleep_until(end).await;
        }
    }
}

/// What of the server's bytes is passed on.
pub(super) enum Upward {
    /// Everything.
    All,
    /// One body, and not a byte more.
    Body(Body),
}

/// Passes bytes both ways, what was heard already first.
pub(super) async fn relay(
    talk: Talk,
    mut upstream: TcpStream,
    upward: Upward,
    target: &Target,
    reach: watch::Receiver<Arc<Reach>>,
) -> io::Result<()> {
    let Talk { mut stream, heard } = talk;
    let pulse = Pulse::new();
    let (mut from_server, mut to_server) = stream.split();
    let (mut from_peer, mut to_peer) = upstream.split();
    let up = async {
        match upward {
            Upward::All => {
                to_peer.write_all(&heard).await?;
                drop(heard);
                pump(&mut from_server, &mut to_peer, &pulse).await
            }
            Upward::Body(body) => {
                one_body(body, heard, &mut from_server, &mut to_peer, &pulse).await
            }
        }
    };
    let down = pump(&mut from_peer, &mut to_server, &pulse);
    let both = async { tokio::try_join!(up, down).map(drop) };
    tokio::select! {
        ended = both => ended,
        () = pulse.stops() => Ok(()),
        () = forbidden(target, reach) => Ok(()),
    }
}

/// Until the rules no longer allow the target.
async fn forbidden(target: &Target, mut reach: watch::Receiver<Arc<Reach>>) {
    loop {
        if reach.changed().await.is_err() || reach.borrow_and_update().judge(target).is_err() {
            return;
        }
    }
}

async fn pump(from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>, pulse: &Pulse) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = from.read(&mut chunk).await?;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(chunk.get(..length).unwrap_or_default()).await?;
        pulse.beat();
    }
}

/// The body of one request; what follows it is never read on.
async fn one_body(
    body: Body,
    heard: Vec<u8>,
    from: &mut ReadHalf<'_>,
    to: &mut WriteHalf<'_>,
    pulse: &Pulse,
) -> io::Result<()> {
    let mut rest = Rest::of(body);
    let mut bytes = heard;
    loop {
        let used = rest.read(&bytes).map_err(io::Error::other)?;
        to.write_all(bytes.get(..used).unwrap_or_default()).await?;
        pulse.beat();
        if rest.is_over() {
            return Ok(());
        }
        bytes.clear();
        bytes.reserve(CHUNK);
        if from.read_buf(&mut bytes).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// What is left of a body.
enum Rest {
    Bytes(u64),
    Chunks(Chunks),
}

impl Rest {
    fn of(body: Body) -> Self {
        match body {
            Body::Length(length) => Self::Bytes(length),
            Body::Chunked => Self::Chunks(Chunks::new()),
        }
    }

    fn read(&mut self, bytes: &[u8]) -> Result<usize, &'static str> {
        match self {
            Self::Bytes(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left = left.saturating_sub(here as u64);
                Ok(here)
            }
            Self::Chunks(chunks) => chunks.read(bytes),
        }
    }

    fn is_over(&self) -> bool {
        match self {
            Self::Bytes(left) => *left == 0,
            Self::Chunks(chunks) => chunks.is_over(),
        }
    }
}
