//! The only way out: a permitted message is encoded, queued and written.

use std::collections::VecDeque;
use std::io;

use portcullis_policy::Permitted;
use portcullis_wire::Message;
use tokio::io::AsyncWriteExt as _;

use crate::stdio::Sink;

/// Queued bytes at which whoever fills this lane is no longer read.
const FULL: usize = 8 << 20;

/// Messages on their way to one peer, in order.
#[derive(Debug)]
pub struct Lane {
    sink: Option<Sink>,
    queue: VecDeque<Vec<u8>>,
    /// Bytes of the first message that were written already.
    written: usize,
    bytes: usize,
}

impl Lane {
    /// A lane that ends in `sink`.
    #[must_use]
    pub fn new(sink: Sink) -> Self {
        Self { sink: Some(sink), queue: VecDeque::new(), written: 0, bytes: 0 }
    }

    /// Queues a message. With its sibling below the one call of the encoder in the product: what is
    /// not [`Permitted`] cannot be queued (invariant 4).
    pub fn send(&mut self, message: &Permitted<Message>) {
        let mut line = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "this is the lane that the rule names")]
        portcullis_wire::write::encode(message.get(), &mut line);
        self.push(line);
    }

    /// Queues the answers to one batch, in one line.
    pub fn send_together(&mut self, messages: &[Permitted<Message>]) {
        let mut line = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "this is the lane that the rule names")]
        portcullis_wire::write::encode_batch(messages.iter().map(Permitted::get), &mut line);
        self.push(line);
    }

    fn push(&mut self, line: Vec<u8>) {
        self.bytes += line.len();
        self.queue.push_back(line);
    }

    /// Nothing waits to be written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// So much waits that whoever fills this lane must wait too.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes >= FULL
    }

    /// Writes everything that is queued.
    ///
    /// # Errors
    /// When the peer closed its end.
    ///
    /// # Cancel safety
    /// Safe: a message that was written in part goes on where it stopped.
    pub async fn flush(&mut self) -> io::Result<()> {
        let Some(sink) = &mut self.sink else {
            self.queue.clear();
            return Ok(());
        };
        while let Some(line) = self.queue.front() {
            let rest = line.get(self.written..).unwrap_or_default();
            let wrote = sink.write(rest).await?;
            if wrote == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.written += wrote;
            self.bytes = self.bytes.saturating_sub(wrote);
            if self.written >= line.len() {
                self.queue.pop_front();
                self.written = 0;
            }
        }
        sink.flush().await
    }

    /// Closes our end; what is still queued is lost.
    pub fn end(&mut self) {
        self.sink = None;
        self.queue.clear();
    }
}
