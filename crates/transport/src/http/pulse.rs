//! What a connection of several requests is doing: whether anything is asked on it, and whether
//! its answers are taken.
//!
//! HTTP/2 answers pings while nobody asks anything, and has a window for each answer, which may
//! stay shut while the connection is well. Neither is a way to stay.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use hyper::body::{Body, Bytes, Frame, SizeHint};

use super::reply::Content;

/// How much of an answer is handed on at once. What is handed on and not taken yet stays with the
/// connection, so it is little.
const PIECE: usize = 16 << 10;
/// How often it is looked, at most and at least.
const OFTEN: Duration = Duration::from_millis(10);
const SELDOM: Duration = Duration::from_secs(1);

/// The requests of one connection that are under way.
#[derive(Clone, Debug)]
pub(super) struct Pulse(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    next: u64,
    /// When something was handed on that is not taken yet, where that is so.
    open: BTreeMap<u64, Option<Instant>>,
    /// Since when nothing is asked.
    quiet: Instant,
}

/// Why a connection is of no use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// Nothing is asked on it.
    Quiet,
    /// An answer is not taken.
    Deaf,
}

/// One request, until its answer is handed on to its end, or nobody wants it.
#[derive(Debug)]
pub(super) struct Beat {
    pulse: Pulse,
    number: u64,
}

/// An answer whose progress is seen.
#[derive(Debug)]
pub(super) struct Beating<P> {
    content: Content,
    left: Bytes,
    beat: Beat,
    _place: P,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State { next: 0, open: BTreeMap::new(), quiet: Instant::now() })))
    }

    /// A request comes.
    pub(super) fn begins(&self) -> Beat {
        let mut state = self.lock();
        let number = state.next;
        state.next += 1;
        state.open.insert(number, None);
        Beat { pulse: self.clone(), number }
    }

    /// It is counted anew for how long nothing is asked.
    pub(super) fn begins_anew(&self) {
        self.lock().quiet = Instant::now();
    }

    /// Waits until the connection is of no use: when nothing was asked on it for `quiet`, or
    /// something was not taken for `deaf`.
    ///
    /// # Cancel safety
    /// Safe: it only looks.
    pub(super) async fn ends(&self, quiet: Duration, deaf: Duration) -> End {
        let often = (quiet.min(deaf) / 4).clamp(OFTEN, SELDOM);
        loop {
            tokio::time::sleep(often).await;
            if let Some(end) = self.lock().judge(Instant::now(), quiet, deaf) {
                return end;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn judge(&self, now: Instant, quiet: Duration, deaf: Duration) -> Option<End> {
        let is_over =
            |since: &Instant, most: Duration| now.saturating_duration_since(*since) > most;
        if self.open.values().flatten().any(|since| is_over(since, deaf)) {
            return Some(End::Deaf);
        }
        (self.open.is_empty() && is_over(&self.quiet, quiet)).then_some(End::Quiet)
    }
}

impl Beat {
    /// The answer to it; `place` is held as long.
    pub(super) const fn answered<P>(self, content: Content, place: P) -> Beating<P> {
        Beating { content, left: Bytes::new(), beat: self, _place: place }
    }

    fn is(&self, handed: Option<Instant>) {
        self.pulse.lock().open.insert(self.number, handed);
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        let mut state = self.pulse.lock();
        state.open.remove(&self.number);
        state.quiet = Instant::now();
    }
}

impl<P: Unpin> Body for Beating<P> {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let it = self.get_mut();
        // Whoever wants more has taken what there was.
        it.beat.is(None);
        while it.left.is_empty() {
            let frame = ready!(Pin::new(&mut it.content).poll_frame(context));
            let Some(Ok(frame)) = frame else { return Poll::Ready(None) };
            it.left = frame.into_data().unwrap_or_default();
        }
        let piece = it.left.split_to(PIECE.min(it.left.len()));
        it.beat.is(Some(Instant::now()));
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty() && self.content.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.content.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use super::*;

    const QUIET: Duration = Duration::from_secs(10);
    const DEAF: Duration = Duration::from_secs(30);

    fn judge(pulse: &Pulse, after: u64) -> Option<End> {
        pulse.lock().judge(Instant::now() + Duration::from_secs(after), QUIET, DEAF)
    }

    fn next(answer: &mut Beating<()>) -> Option<usize> {
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(answer).poll_frame(&mut context) {
            Poll::Ready(Some(Ok(frame))) => Some(frame.into_data().unwrap().len()),
            Poll::Ready(_) => None,
            Poll::Pending => panic!("it is all there"),
        }
    }

    #[test]
    fn a_request_that_takes_its_time_is_no_silence() {
        let pulse = Pulse::new();
        assert_eq!((judge(&pulse, 9), judge(&pulse, 11)), (None, Some(End::Quiet)));
        let (one, two) = (pulse.begins(), pulse.begins());
        assert_eq!(judge(&pulse, 1000), None);
        drop(one);
        assert_eq!(judge(&pulse, 1000), None);
        drop(two);
        assert_eq!((judge(&pulse, 9), judge(&pulse, 11)), (None, Some(End::Quiet)));
    }

    #[test]
    fn an_answer_is_handed_on_in_pieces_and_each_must_be_taken() {
        let pulse = Pulse::new();
        let long = Bytes::from(vec![0; PIECE + 1]);
        let mut answer = pulse.begins().answered(Content::Whole(Some(long)), ());
        assert_eq!(answer.size_hint().exact(), Some(PIECE as u64 + 1));
        assert_eq!(judge(&pulse, 1000), None, "nothing was handed on");
        assert_eq!((next(&mut answer), answer.is_end_stream()), (Some(PIECE), false));
        assert_eq!((judge(&pulse, 29), judge(&pulse, 31)), (None, Some(End::Deaf)));
        assert_eq!((next(&mut answer), answer.is_end_stream()), (Some(1), true));
        drop(answer);
        assert_eq!(judge(&pulse, 9), None);
    }

    #[test]
    fn what_has_nothing_to_say_is_not_held_against_whoever_waits() {
        let pulse = Pulse::new();
        let (sender, receiver) = tokio::sync::mpsc::channel(2);
        let mut answer = pulse.begins().answered(Content::Stream(Box::new(receiver)), ());
        sender.try_send(Bytes::from_static(b"one")).unwrap();
        assert_eq!(next(&mut answer), Some(3));
        let mut context = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut answer).poll_frame(&mut context).is_pending());
        assert_eq!(judge(&pulse, 1000), None);
        drop(sender);
        assert_eq!(next(&mut answer), None);
    }
}
