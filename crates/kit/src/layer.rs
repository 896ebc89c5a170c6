//! What stands around every call: the count, the record, the deadline, and what an
//! error may say.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use portcullis_guard::leak;
use portcullis_journal::Outcome;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::call::{Leash, Stop};
use crate::evidence::Evidence;
use crate::rate::Rate;
use crate::refusal::Refusal;
use crate::roots::Roots;

/// How much one conversation may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Calls a minute, all tools together.
    pub calls_per_minute: u32,
    /// Calls at work at the same time; some others wait their turn.
    pub calls_at_once: usize,
    /// How long one call may take, waiting included.
    pub deadline: Duration,
    /// Longest message that is read, in bytes. A longer one is dropped without an
    /// answer: nobody knows which call it was.
    pub message_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            calls_per_minute: 600,
            calls_at_once: 8,
            deadline: Duration::from_secs(60),
            message_bytes: 4 << 20,
        }
    }
}

/// Calls that wait for their turn, each with a message in memory.
const MOST_WAITING: usize = 64;
/// Refusals for the rate are recorded this often, not once for each call of a flood.
const RECORDED_EVERY: Duration = Duration::from_secs(1);

/// The layer around every call of a server.
#[derive(Debug)]
pub struct Layer {
    limits: Limits,
    rate: Mutex<Rate>,
    refused: Mutex<Option<Instant>>,
    turns: Arc<Semaphore>,
    waiting: AtomicUsize,
    evidence: Evidence,
    calls: AtomicU64,
}

/// A call that the layer numbered.
#[derive(Debug)]
pub(crate) struct Numbered {
    number: u64,
    /// As errors and the journal name it.
    pub(crate) id: String,
}

/// One call, as the layer sees it.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) numbered: Numbered,
    pub(crate) tool: &'a str,
    pub(crate) arguments: &'a Value,
    /// Whether it only looks: what did not end in time then changed nothing.
    pub(crate) looks: bool,
    pub(crate) stop: &'a Stop,
    /// The roots in force, once they are known.
    pub(crate) roots: &'a OnceLock<Arc<Roots>>,
}

/// A call's turn. It lasts as long as anything runs for the call.
pub(crate) type Turn = Arc<OwnedSemaphorePermit>;

enum Ended<T> {
    Done(Result<T, Refusal>),
    Late,
    TakenBack,
}

impl Layer {
    /// A layer with these limits, which records there.
    #[must_use]
    pub fn new(limits: Limits, evidence: Evidence) -> Self {
        Self {
            limits,
            rate: Mutex::new(Rate::per_minute(limits.calls_per_minute)),
            refused: Mutex::new(None),
            turns: Arc::new(Semaphore::new(limits.calls_at_once.max(1))),
            waiting: AtomicUsize::new(0),
            evidence,
            calls: AtomicU64::new(0),
        }
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Where calls are recorded.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    pub(crate) fn number(&self) -> Numbered {
        let number = self.calls.fetch_add(1, Ordering::Relaxed);
        Numbered { number, id: format!("{}-{number}", self.evidence.session()) }
    }

    /// A call of a tool that is not there counts like any other.
    pub(crate) fn unknown(&self, tool: &str) {
        let numbered = self.number();
        if self.counted(numbered.number, tool, Instant::now()).is_ok() {
            // Already a no: whether it can be recorded changes nothing.
            let _unrecorded = self.evidence.denied(numbered.number, tool, "there is no such tool");
        }
    }

    /// Does the work of one call, if it may be done now and can be recorded, until it
    /// is done, taken back, or over time.
    ///
    /// `None` when it was taken back: nobody waits for an answer.
    ///
    /// # Cancel safety
    /// Dropped, the work ends as if the call had been taken back, and is recorded so.
    pub(crate) async fn around<T, W: Future<Output = Result<T, Refusal>>>(
        &self,
        asked: Asked<'_>,
        taken_back: impl Future<Output = ()>,
        work: impl FnOnce(Turn) -> W,
    ) -> Option<Result<T, Refusal>> {
        if let Err(refusal) = self.admit(&asked) {
            return Some(Err(sanitised(refusal, &asked)));
        }
        let mut open = Open { layer: self, asked: &asked, since: Instant::now(), told: false };
        let leash: Leash = asked.stop.leash();
        let in_turn = async { unbroken(work(self.turn().await?)).await };
        let ended = tokio::select! {
            biased;
            () = taken_back => Ended::TakenBack,
            done = tokio::time::timeout(self.limits.deadline, in_turn) => {
                done.map_or(Ended::Late, Ended::Done)
            }
        };
        drop(leash);
        open.end(ended)
    }

    fn admit(&self, asked: &Asked<'_>) -> Result<(), Refusal> {
        let number = asked.numbered.number;
        self.counted(number, asked.tool, Instant::now())?;
        self.evidence
            .intent(number, asked.tool, asked.arguments)
            .map_err(|cause| Refusal::failed("recording the call", cause))
    }

    fn counted(&self, number: u64, tool: &str, now: Instant) -> Result<(), Refusal> {
        let counted = self.rate.lock().unwrap_or_else(PoisonError::into_inner).admit(now);
        let Err(wait) = counted else { return Ok(()) };
        let no = Refusal::new(format!("too many calls; try again in {} s", wait.as_secs() + 1));
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.is_none_or(|last| now.duration_since(last) >= RECORDED_EVERY) {
            *refused = Some(now);
            // Already a no: whether it can be recorded changes nothing.
            let _unrecorded = self.evidence.denied(number, tool, no.public());
        }
        Err(no)
    }

    async fn turn(&self) -> Result<Turn, Refusal> {
        let waiting = Waiting::among(&self.waiting);
        if waiting.before >= MOST_WAITING {
            return Err(Refusal::new(
                "too many calls are waiting; try again when some are answered",
            ));
        }
        let turn = Arc::clone(&self.turns).acquire_owned().await;
        turn.map(Arc::new).map_err(|closed| Refusal::failed("waiting", closed))
    }
}

/// One of those that wait, for as long as it does.
struct Waiting<'a> {
    count: &'a AtomicUsize,
    before: usize,
}

impl<'a> Waiting<'a> {
    fn among(count: &'a AtomicUsize) -> Self {
        Self { count, before: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A panic in a tool is a failure of this call, and of no other.
async fn unbroken<T>(work: impl Future<Output = Result<T, Refusal>>) -> Result<T, Refusal> {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(Refusal::failed("the tool", "it panicked"))))
    })
    .await
}

/// A call whose end is still to be recorded.
struct Open<'a> {
    layer: &'a Layer,
    asked: &'a Asked<'a>,
    since: Instant,
    told: bool,
}

impl Open<'_> {
    fn end<T>(&mut self, ended: Ended<T>) -> Option<Result<T, Refusal>> {
        let (outcome, note) = match &ended {
            Ended::Done(Ok(_)) => (Outcome::Ok, None),
            Ended::Done(Err(no)) => (Outcome::ToolError, Some(no.cause().unwrap_or(no.public()))),
            Ended::Late => (Outcome::TimedOut, None),
            Ended::TakenBack => (Outcome::Cancelled, None),
        };
        let recorded = self.record(outcome, note);
        let result = match ended {
            Ended::TakenBack => return None,
            Ended::Late => Err(self.late()),
            Ended::Done(result) => result,
        };
        // What happened cannot be told by the journal, so it is not told at all.
        let result = match recorded {
            Ok(()) => result,
            Err(cause) => Err(Refusal::failed("recording the call", cause)),
        };
        Some(result.map_err(|refusal| sanitised(refusal, self.asked)))
    }

    fn late(&self) -> Refusal {
        let seconds = self.layer.limits.deadline.as_secs();
        Refusal::new(if self.asked.looks {
            format!("not done after {seconds} s, and stopped")
        } else {
            format!("not done after {seconds} s; look at what happened before trying again")
        })
    }

    fn record(
        &mut self,
        outcome: Outcome,
        note: Option<&str>,
    ) -> Result<(), portcullis_store::StoreError> {
        self.told = true;
        let Asked { numbered, tool, .. } = self.asked;
        let ended = (outcome, self.since.elapsed());
        self.layer.evidence.outcome(numbered.number, tool, ended, note)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if !self.told {
            let _nobody_is_left_to_tell = self.record(Outcome::Cancelled, None);
        }
    }
}

/// Longest error, in characters.
const ERROR: usize = 2000;

/// What the model reads: no trace, no query, no place that it was not granted
/// (CWE-209), and, where something failed here, the name to look for in the journal.
fn sanitised(refusal: Refusal, asked: &Asked<'_>) -> Refusal {
    let text = portcullis_guard::bounded(refusal.public(), ERROR);
    let roots = asked.roots.get();
    let found = leak::leaks(&text, |place| roots.is_some_and(|roots| roots.knows(place)));
    let mut public = leak::withhold(&text, &found);
    if refusal.cause().is_some() {
        public.push_str(" (");
        public.push_str(&asked.numbered.id);
        public.push(')');
    }
    let told = Refusal::new(public);
    match refusal.cause() {
        Some(cause) => told.because(cause),
        None => told,
    }
}
