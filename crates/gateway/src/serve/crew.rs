//! The threads of sessions whose server is somewhere else, and of what stands before several
//! sessions (`aggregate.rs`): a few, and many on each.
//!
//! Such a session waits for the network and for people, and what it does between two waits takes
//! microseconds. A thread of its own would be most of what it costs, in memory while it idles and
//! in wake-ups while it works. One that has a box keeps its thread (`worker.rs`).

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{JoinSet, LocalSet};

/// Threads for each processor: one that waits for the disk leaves the other to those that do not.
const EACH: usize = 2;
/// Threads at least and at most.
const BETWEEN: (usize, usize) = (2, 32);

/// Whoever takes sessions that were started.
#[derive(Clone, Debug, Default)]
pub(super) struct Crew(Arc<Mutex<Vec<Hand>>>);

/// One thread.
#[derive(Clone, Debug)]
struct Hand {
    give: UnboundedSender<Shift>,
    /// Sessions that it has.
    has: Arc<AtomicUsize>,
}

/// A session, from its first message to its last record.
struct Shift {
    work: Pin<Box<dyn Future<Output = ()> + Send>>,
    _counted: Counted,
}

/// Is counted until it is dropped, however that comes.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn among(all: &Arc<AtomicUsize>) -> Self {
        all.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(all))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Crew {
    /// A session goes on, on the thread that has the fewest.
    ///
    /// # Errors
    /// When there can be no thread for it; then it is over.
    pub(super) fn works(
        &self,
        work: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let hand = self.hand()?;
        let counted = Counted::among(&hand.has);
        let shift = Shift { work: Box::pin(work), _counted: counted };
        let gone = |_| std::io::Error::other("the thread for sessions is gone");
        hand.give.send(shift).map_err(gone)
    }

    /// The thread that has the fewest sessions; another one, while there may be more.
    fn hand(&self) -> std::io::Result<Hand> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|hand| !hand.give.is_closed());
        let has = |hand: &&Hand| hand.has.load(Ordering::Acquire);
        let idlest = all.iter().min_by_key(has).cloned();
        match idlest {
            Some(hand) if has(&&hand) == 0 || all.len() >= most() => Ok(hand),
            _ => {
                let hand = Hand::begin()?;
                all.push(hand.clone());
                Ok(hand)
            }
        }
    }
}

impl Hand {
    fn begin() -> std::io::Result<Self> {
        let (give, given) = unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = move || runtime.block_on(LocalSet::new().run_until(works(given)));
        let thread = std::thread::Builder::new().name("sessions".to_owned());
        thread.stack_size(super::worker::STACK).spawn(work)?;
        Ok(Self { give, has: Arc::default() })
    }
}

/// Sessions, one beside the other, until nobody can bring another. One that panics ends alone.
async fn works(mut given: UnboundedReceiver<Shift>) {
    let mut all = JoinSet::new();
    loop {
        tokio::select! {
            shift = given.recv() => {
                let Some(Shift { work, _counted }) = shift else { break };
                all.spawn_local(async move {
                    work.await;
                    drop(_counted);
                });
            }
            Some(_) = all.join_next(), if !all.is_empty() => {}
        }
    }
    while all.join_next().await.is_some() {}
}

fn most() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (processors * EACH).clamp(BETWEEN.0, BETWEEN.1)
}
