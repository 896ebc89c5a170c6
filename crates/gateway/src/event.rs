//! Everything that can happen to a running gateway: a closed set.

use portcullis_wire::{Frame, Peer};

use portcullis_transport::http::client::Heard;

use crate::egress::Told;
use crate::serve::posts::{Left, Said};

/// One thing that happened.
#[derive(Debug)]
pub(crate) enum Event {
    /// A peer sent a line, or one too long to keep.
    Line(Peer, Frame),
    /// The HTTP gateway was told something for this session, after these responses were over.
    Said(Vec<Left>, Said),
    /// A remote server was heard.
    Heard(Heard),
    /// A peer closed its end, or reading from it failed.
    Ended(Peer),
    /// The server wrote to stderr.
    Stderr(Frame),
    /// The server closed its stderr.
    StderrEnded,
    /// The server wanted something of the network that it does not get.
    Unreached(Told),
    /// A moment came that somebody waited for.
    Tick,
    /// The operator asked us to stop.
    Stop,
}
