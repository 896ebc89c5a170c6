//! What a peer sends, line by line, bounded before it is looked at.

use std::io;

use portcullis_wire::{Frame, Framer};
use tokio::io::AsyncReadExt as _;

use crate::stdio::Source;

/// One read takes at most this much, in bytes.
const CHUNK: usize = 64 << 10;

/// Lines of one peer.
#[derive(Debug)]
pub struct Lines {
    source: Source,
    framer: Framer,
    chunk: Box<[u8]>,
    ended: bool,
}

impl Lines {
    /// Lines of at most `limit` bytes.
    #[must_use]
    pub fn new(source: Source, limit: usize) -> Self {
        let chunk = vec![0; CHUNK].into_boxed_slice();
        Self { source, framer: Framer::new(limit), chunk, ended: false }
    }

    /// The next line; `None` when the peer closed its end.
    ///
    /// # Errors
    /// When reading fails; the peer is then as good as gone.
    ///
    /// # Cancel safety
    /// Safe: bytes that were read are kept for the next call.
    pub async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.framer.next() {
                return Ok(Some(frame));
            }
            if self.ended {
                return Ok(None);
            }
            let read = self.source.read(&mut self.chunk).await?;
            if read == 0 {
                self.ended = true;
                return Ok(self.framer.finish());
            }
            self.framer.push(self.chunk.get(..read).unwrap_or_default());
        }
    }

    /// A line that was read already, without waiting.
    pub fn ready(&mut self) -> Option<Frame> {
        self.framer.next()
    }
}
