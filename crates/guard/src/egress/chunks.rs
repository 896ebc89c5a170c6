//! Where a chunked body ends (RFC 9112 section 7.1), without its odd corners.
//!
//! Extensions and trailers are refused: hardly anybody sends them, and readers
//! disagree about them (CVE-2025-55315 is one disagreement).

/// Most digits of a chunk's size: enough for four gigabytes.
const DIGITS: u32 = 8;

/// How far a chunked body has been read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks(State);

/// ```text
/// Size ─CR→ SizeEnd ─LF→ Data ─n bytes→ DataEnd ─CR→ DataEnded ─LF→ Size
///                   └─LF, n = 0→ Last ─CR→ LastEnd ─LF→ Over
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { digits: u32, size: u64 },
    SizeEnd(u64),
    Data(u64),
    DataEnd,
    DataEnded,
    Last,
    LastEnd,
    Over,
}

impl Chunks {
    /// Before the first chunk.
    #[must_use]
    pub fn new() -> Self {
        Self(State::Size { digits: 0, size: 0 })
    }

    /// Whether the last chunk has been read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.0 == State::Over
    }

    /// Reads on; how many of the bytes belong to the body.
    ///
    /// # Errors
    /// A reason, when it is no chunked body.
    pub fn read(&mut self, bytes: &[u8]) -> Result<usize, &'static str> {
        let mut used = 0;
        while let Some(rest) = bytes.get(used..).filter(|rest| !rest.is_empty()) {
            if self.is_over() {
                break;
            }
            used += self.step(rest)?;
        }
        Ok(used)
    }

    fn step(&mut self, rest: &[u8]) -> Result<usize, &'static str> {
        let byte = rest.first().copied().unwrap_or_default();
        let (next, used) = match (self.0, byte) {
            (State::Size { digits: 1.., size }, b'\r') => (State::SizeEnd(size), 1),
            (State::Size { digits, size }, digit) if digits < DIGITS => {
                let digit = char::from(digit).to_digit(16).ok_or("a chunk has no size")?;
                (State::Size { digits: digits + 1, size: size * 16 + u64::from(digit) }, 1)
            }
            (State::SizeEnd(0), b'\n') => (State::Last, 1),
            (State::SizeEnd(size), b'\n') => (State::Data(size), 1),
            (State::Data(left), _) => {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                let left = left.saturating_sub(here as u64);
                (if left == 0 { State::DataEnd } else { State::Data(left) }, here)
            }
            (State::DataEnd, b'\r') => (State::DataEnded, 1),
            (State::DataEnded, b'\n') => (State::Size { digits: 0, size: 0 }, 1),
            (State::Last, b'\r') => (State::LastEnd, 1),
            (State::LastEnd, b'\n') => (State::Over, 1),
            _ => return Err("a chunk does not end where it says"),
        };
        self.0 = next;
        Ok(used)
    }
}

impl Default for Chunks {
    fn default() -> Self {
        Self::new()
    }
}
