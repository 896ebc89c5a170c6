//! What an open page is told: which questions wait, whenever that changes.
//!
//! One task looks for everybody, and only while somebody listens. What is sent are names, never
//! markup: the page fetches itself anew.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use tokio::sync::watch;

use super::session::Name;
use super::{Shared, route};
use crate::api::Desk;

/// How often we look whether somebody wrote.
const PACE: Duration = Duration::from_millis(100);
/// How often we look although nobody did: questions end by themselves, too.
const ANYWAY: Duration = Duration::from_secs(1);
/// How often a page hears from us at least.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How many pages may listen at once.
const LISTENERS: usize = 16;

/// The names of the questions that wait, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct News {
    told: watch::Sender<Arc<str>>,
    /// Somebody listens who was told nothing yet.
    wanted: Arc<AtomicBool>,
}

impl Default for News {
    fn default() -> Self {
        Self { told: watch::Sender::new(Arc::from("")), wanted: Arc::default() }
    }
}

/// Looks, for as long as the console runs.
pub(crate) async fn watch(desk: Arc<dyn Desk>, news: News) {
    let mut seen = None;
    let mut looked = Instant::now();
    loop {
        tokio::time::sleep(PACE).await;
        if news.told.receiver_count() == 0 {
            seen = None;
            continue;
        }
        // What was told last may be from long ago: nobody begins with that.
        let wanted = news.wanted.swap(false, Ordering::AcqRel);
        let changes = route::ask(&desk, |desk| desk.changes()).await.ok();
        if !wanted && changes.is_some() && changes == seen && looked.elapsed() < ANYWAY {
            continue;
        }
        (seen, looked) = (changes, Instant::now());
        let Ok(waiting) = route::ask(&desk, |desk| desk.questions()).await else {
            // Told as nothing that waits, an open page would say that its question has ended.
            news.wanted.fetch_or(wanted, Ordering::AcqRel);
            seen = None;
            continue;
        };
        let names: Vec<_> = waiting.into_iter().map(|asked| asked.id).collect();
        let names = names.join(" ");
        news.told.send_if_modified(|told| {
            let is_new = wanted || **told != *names;
            if is_new {
                *told = Arc::from(names.as_str());
            }
            is_new
        });
    }
}

type Next = Pin<Box<dyn Future<Output = Option<(Bytes, Listener)>> + Send>>;

/// The news of one page.
pub(crate) struct Feed(Option<Next>);

struct Listener {
    told: watch::Receiver<Arc<str>>,
    shared: Arc<Shared>,
    name: Name,
}

impl Feed {
    /// Begins with what there is now; nothing when too many listen.
    pub(crate) fn new(news: &News, shared: Arc<Shared>, name: Name) -> Option<Self> {
        if news.told.receiver_count() >= LISTENERS {
            return None;
        }
        let told = news.told.subscribe();
        news.wanted.store(true, Ordering::Release);
        Some(Self(Some(Box::pin(Listener { told, shared, name }.next()))))
    }

    /// The next piece, when there is one.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let Some(next) = &mut self.0 else { return Poll::Ready(None) };
        let Poll::Ready(piece) = next.as_mut().poll(context) else { return Poll::Pending };
        let (bytes, listener) = piece.unzip();
        self.0 = listener.map(|listener| Box::pin(listener.next()) as Next);
        Poll::Ready(bytes)
    }
}

impl Listener {
    /// Waits for news, or for the moment to say that we are still there. Ends with the session.
    ///
    /// # Cancel safety
    /// What was not sent is sent by nobody: the page is gone.
    async fn next(mut self) -> Option<(Bytes, Self)> {
        let changed = tokio::time::timeout(HEARTBEAT, self.told.changed()).await;
        if !self.shared.sessions().goes_on(self.name, Instant::now()) {
            return None;
        }
        let text = match changed {
            Ok(Ok(())) => format!("event: questions\ndata: {}\n\n", *self.told.borrow_and_update()),
            Ok(Err(_)) => return None,
            Err(_) => ": still here\n\n".to_owned(),
        };
        Some((Bytes::from(text), self))
    }
}

impl fmt::Debug for Feed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Feed(…)")
    }
}
