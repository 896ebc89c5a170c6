//! The journal as files: many processes, one chain.
//!
//! Below `<state>/journal`, all for their owner only:
//!
//! ```text
//! 000001.jsonl         records, one line each      finished: no more writes (mode 0400)
//! 000001.checkpoints   signed notes about them
//! 000002.jsonl  …      the newest one grows
//! key  key.pub         who signs, and how to check
//! lock                 held while somebody appends
//! ```
//!
//! An append is one `write(2)` under the lock. Whoever finds that others have
//! written meanwhile reads what they wrote, checks that it continues the chain,
//! and goes on from there.

use std::path::Path;

use portcullis_journal::{Record, Redactor, Timestamp};

use super::dir::Dir;
use super::key::Keys;
use super::lock::Lock;
use super::segment;
use super::writer::Writer;
use crate::{JournalStore, StoreError};

/// A journal that this process writes to.
///
/// Dropping it signs a last checkpoint, like [`Journal::close`], and ignores
/// errors: what a checkpoint does not cover is still chained.
#[derive(Debug)]
pub struct Journal {
    lock: Lock,
    writer: Writer,
    /// Whether we wrote anything that no checkpoint of ours covers.
    open: bool,
}

/// How a journal is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// A segment that would grow beyond this many bytes is finished first.
    pub segment_bytes: u64,
    /// What durable means.
    pub sync: Sync,
}

/// What durable means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sync {
    /// Accepted by `write(2)`: survives the death of this process.
    #[default]
    Write,
    /// Also `fdatasync(2)`: survives the machine.
    Always,
}

/// A segment's size: small enough to verify in a blink, large enough to be few.
pub const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;

/// How many records apart checkpoints are at most.
pub const CHECKPOINT_EVERY: u64 = 1024;

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: SEGMENT_BYTES, sync: Sync::Write }
    }
}

impl Journal {
    /// Opens the journal in `dir`, which is `<state>/journal`; creates both
    /// directories, the keys and the first segment when they are missing.
    ///
    /// # Errors
    /// When a directory or file is not ours alone, cannot be used, or does not
    /// hold what we wrote. Nothing is repaired or replaced silently.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        Self::open_with(dir, Options::default())
    }

    /// The same with other options.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_with(dir: &Path, options: Options) -> Result<Self, StoreError> {
        let dir = directory(dir)?;
        let lock = Lock::open(&dir)?;
        let held = lock.exclusive()?;
        let has_records = !segment::all(&dir)?.is_empty();
        let keys = Keys::open(&dir, has_records)?;
        let writer = Writer::open(dir, keys, options)?;
        drop(held);
        Ok(Self { lock, writer, open: false })
    }

    /// Appends a record; it is durable when this returns its number.
    ///
    /// A line that a killed writer left half-written is removed first, and a
    /// `notice` record says so.
    ///
    /// # Errors
    /// Any error means: not recorded, so nothing may be forwarded. What was
    /// written of the line is taken back.
    pub fn append(&mut self, record: &Record, now: Timestamp) -> Result<u64, StoreError> {
        let _held = self.lock.exclusive()?;
        self.open = true;
        self.writer.append(record, now)
    }

    /// A redactor with this journal's digest key.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        self.writer.keys().redactor()
    }

    /// Signs a last checkpoint over everything up to now.
    ///
    /// # Errors
    /// When it could not be written; the records are safe all the same.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.finish()
    }

    fn finish(&mut self) -> Result<(), StoreError> {
        if !std::mem::take(&mut self.open) {
            return Ok(());
        }
        let _held = self.lock.exclusive()?;
        self.writer.checkpoint_now()
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        let _ = self.finish();
    }
}

impl JournalStore for Journal {
    fn append(&mut self, record: &Record, now: Timestamp) -> Result<u64, StoreError> {
        Self::append(self, record, now)
    }

    fn redactor(&self) -> Redactor {
        Self::redactor(self)
    }
}

/// Opens `<state>/journal` and looks at `<state>` on the way.
fn directory(path: &Path) -> Result<Dir, StoreError> {
    let name = path.file_name().and_then(|name| name.to_str());
    match (path.parent(), name) {
        (Some(state), Some(name)) if !state.as_os_str().is_empty() => {
            Dir::on_the_way(state)?.below(name)
        }
        _ => Dir::state(path),
    }
}
