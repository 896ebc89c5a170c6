//! How spans leave: from a queue that has an end, by a thread of its own, so that no request ever
//! waits for whoever takes them.
//!
//! What there is no room for, and what a collector does not take, is counted and gone: nothing is
//! sent twice, and nothing is kept for later.

use std::time::Duration;

use hyper::body::Bytes;
use portcullis_guard::egress::Url;
use portcullis_transport::http::fetch::{Ask, Fetcher, Reach, Roots};
use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;

use super::otlp;
use super::span::Span;
use crate::fault::Fault;
use crate::telemetry::{self, Metrics};

/// Spans that wait to leave. One is less than 2 KiB.
pub(super) const QUEUE: usize = 2048;
/// Spans that leave together.
const BATCH: usize = 512;
/// How long a span waits for others.
const PAUSE: Duration = Duration::from_secs(1);
/// How long a collector may take for a batch.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it may take for all that is left when we end.
const LAST: Duration = Duration::from_secs(3);
/// Largest answer, in bytes.
const ANSWER: usize = 64 << 10;

/// The thread that sends spans.
#[derive(Debug)]
pub(crate) struct Exporter {
    /// Dropped, it asks for the end.
    ending: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

/// What the thread has.
struct Post {
    fetcher: Fetcher,
    url: Url,
    metrics: Metrics,
    /// The last batch was not taken, and somebody was told.
    is_told: bool,
}

impl Exporter {
    pub(super) fn begin(
        endpoint: &str,
        spans: Receiver<Span>,
        metrics: Metrics,
    ) -> Result<Self, Fault> {
        let url = Url::new(endpoint).map_err(|why| {
            Fault::operator(format!("[serve.traces] `endpoint` `{endpoint}`: {why}"))
        })?;
        let reach = Reach::default().and_own(url.origin());
        let fetcher = Fetcher::new(reach, Roots::system());
        let post = Post { fetcher, url, metrics, is_told: false };
        let (ending, asked) = oneshot::channel();
        let (over, ended) = oneshot::channel();
        let cannot = |error| Fault::ours("spans cannot be sent", error);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(cannot)?;
        let work = move || {
            // It talks to a stranger, and starts nothing.
            portcullis_confine::own::renounce();
            runtime.block_on(sends(post, spans, asked));
            // Nobody may wait any more.
            let _ = over.send(());
        };
        std::thread::Builder::new().name("traces".to_owned()).spawn(work).map_err(cannot)?;
        Ok(Self { ending, ended })
    }

    /// Sends what is left, for a moment.
    pub(crate) async fn ends(self) {
        drop(self.ending);
        let _ = tokio::time::timeout(LAST, self.ended).await;
    }
}

async fn sends(mut post: Post, mut spans: Receiver<Span>, mut asked: oneshot::Receiver<()>) {
    let mut batch = Vec::new();
    while !gathers(&mut batch, &mut spans, &mut asked).await {
        post.send(std::mem::take(&mut batch)).await;
    }
    // What is left, as long as somebody waits for it.
    loop {
        while batch.len() < BATCH {
            let Ok(span) = spans.try_recv() else { break };
            batch.push(span);
        }
        if batch.is_empty() {
            return;
        }
        post.send(std::mem::take(&mut batch)).await;
    }
}

/// Fills a batch, for as long as its first span may wait; or says that we are asked to end.
async fn gathers(
    batch: &mut Vec<Span>,
    spans: &mut Receiver<Span>,
    asked: &mut oneshot::Receiver<()>,
) -> bool {
    let fills = async {
        let mut until = None;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            let more = spans.recv_many(batch, room);
            let many = match until {
                None => more.await,
                Some(until) => match tokio::time::timeout_at(until, more).await {
                    Ok(many) => many,
                    Err(_) => return,
                },
            };
            if many == 0 {
                // Nobody has any more: only the end is left.
                std::future::pending::<()>().await;
            }
            until.get_or_insert_with(|| tokio::time::Instant::now() + PAUSE);
        }
    };
    tokio::select! {
        biased;
        _ = asked => true,
        () = fills => false,
    }
}

impl Post {
    async fn send(&mut self, batch: Vec<Span>) {
        let many = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let taken = match tokio::time::timeout(PATIENCE, self.posted(batch)).await {
            Ok(taken) => taken,
            Err(_) => Err("it takes too long".to_owned()),
        };
        match taken {
            Ok(rejected) => {
                let rejected = rejected.min(many);
                self.metrics.counts(&telemetry::SPANS_EXPORTED, &[], many - rejected);
                if rejected > 0 {
                    self.metrics.counts(&telemetry::SPANS_DROPPED, &["rejected"], rejected);
                }
                self.is_told = false;
            }
            Err(why) => {
                self.metrics.counts(&telemetry::SPANS_DROPPED, &["not_taken"], many);
                if !std::mem::replace(&mut self.is_told, true) {
                    tell!("portcullis: spans are not taken by their collector: {why}");
                }
            }
        }
    }

    /// How many of them were not wanted.
    async fn posted(&self, batch: Vec<Span>) -> Result<u64, String> {
        let body = Bytes::from(otlp::body(batch));
        let ask = Ask::post(self.url.clone(), otlp::KIND, body);
        let answer = self.fetcher.send(&ask).await.map_err(|why| why.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("it answers {}", answer.status().as_u16()));
        }
        let read = answer.read(ANSWER, PATIENCE).await.map_err(|why| why.to_string())?;
        Ok(otlp::rejected(&read))
    }
}
