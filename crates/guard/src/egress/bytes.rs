//! A careful walk over bytes: every step says whether there was enough.

/// What is left to read.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'b>(&'b [u8]);

impl<'b> Cursor<'b> {
    /// At the start.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Self(bytes)
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    /// The next two bytes, most significant first.
    pub fn short(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// As many bytes as the next one says.
    pub fn counted(&mut self) -> Option<&'b [u8]> {
        let count = self.byte()?;
        self.take(usize::from(count))
    }

    /// As many bytes as the next two say.
    pub fn long_counted(&mut self) -> Option<&'b [u8]> {
        let count = self.short()?;
        self.take(usize::from(count))
    }

    /// How many are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.0.is_empty()
    }
}
