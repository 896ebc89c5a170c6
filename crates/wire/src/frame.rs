//! Newline framing, with the limit applied before anything is parsed.
//!
//! The stdio transport delimits messages by newlines and forbids newlines inside
//! one (MCP 2025-11-25, basic/transports, stdio). A peer that never sends a
//! newline must not be able to fill our memory: past the limit a line is counted,
//! not kept, and reported once as [`Frame::TooLong`].

use std::collections::VecDeque;

/// What lay between two newlines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// A line within the limit, without its `\n` and without one trailing `\r`.
    Line(Vec<u8>),
    /// A line over the limit; its bytes are gone.
    TooLong {
        /// Length of the line in bytes, without its `\n`.
        bytes: usize,
    },
}

/// Cuts a stream of bytes into lines, whatever the chunks it arrives in.
///
/// Holds at most `limit + 1` bytes of an unfinished line, and the frames that
/// were pushed and not yet taken: drain it (it is an [`Iterator`]) after each
/// [`push`](Framer::push). `None` means *not yet*, not *never again*.
#[derive(Debug)]
pub struct Framer {
    limit: usize,
    ready: VecDeque<Frame>,
    line: Vec<u8>,
    /// Length of the unfinished line, including bytes that were not kept.
    length: usize,
}

impl Framer {
    /// A framer for lines of at most `limit` bytes, the line ending not counted.
    pub fn new(limit: usize) -> Self {
        Self { limit, ready: VecDeque::new(), line: Vec::new(), length: 0 }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (piece, after) = rest.split_at(end);
            self.extend(piece);
            self.end_line();
            rest = after.get(1..).unwrap_or_default();
        }
        self.extend(rest);
    }

    /// The unterminated tail, once the stream has ended. Call it after the
    /// iterator ran dry; a tail of white space is nothing.
    pub fn finish(&mut self) -> Option<Frame> {
        self.end_line();
        self.ready.pop_front()
    }

    fn extend(&mut self, piece: &[u8]) {
        self.length = self.length.saturating_add(piece.len());
        // One byte over the limit is kept because it may be the `\r` of a `\r\n`.
        if self.length <= self.limit.saturating_add(1) {
            self.line.extend_from_slice(piece);
        } else {
            self.line = Vec::new();
        }
    }

    fn end_line(&mut self) {
        let bytes = std::mem::take(&mut self.length);
        let mut line = std::mem::take(&mut self.line);
        if line.len() == bytes && line.last() == Some(&b'\r') {
            line.pop();
        }
        if bytes > self.limit && line.len() != self.limit {
            self.ready.push_back(Frame::TooLong { bytes });
        } else if !line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            self.ready.push_back(Frame::Line(line));
        }
    }
}

impl Iterator for Framer {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        self.ready.pop_front()
    }
}
