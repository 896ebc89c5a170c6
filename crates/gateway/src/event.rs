//! Everything that can happen to a running gateway: a closed set.

use portcullis_wire::{Frame, Peer};

/// One thing that happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A peer sent a line, or one too long to keep.
    Line(Peer, Frame),
    /// A peer closed its end, or reading from it failed.
    Ended(Peer),
    /// The server wrote to stderr.
    Stderr(Frame),
    /// The server closed its stderr.
    StderrEnded,
    /// A moment came that somebody waited for.
    Tick,
    /// The operator asked us to stop.
    Stop,
}
