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
//! and goes on from there. Within one process [`Journal::another`] spares that: several threads
//! that append share what is known of the files.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

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
    common: Arc<Mutex<Common>>,
    /// Whether we wrote anything that no checkpoint of ours covers.
    open: bool,
}

/// What all of them share that come of one.
#[derive(Debug)]
struct Common {
    lock: Lock,
    writer: Writer,
    /// Something could not be appended: whoever comes looks at the files anew.
    failed: bool,
    /// The files are not what was written, as one of them found: nobody goes on from there.
    damaged: bool,
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
        let common = Common { lock, writer, failed: false, damaged: false };
        let common = Arc::new(Mutex::new(common));
        Ok(Self { common, open: false })
    }

    /// The same journal for another thread of this process. Nothing, when something could not be
    /// appended to this one: then whoever opens it anew looks at the files anew.
    #[must_use]
    pub fn another(&self) -> Option<Self> {
        let common = self.common();
        let failed = common.failed || common.damaged;
        drop(common);
        (!failed).then(|| Self { common: Arc::clone(&self.common), open: false })
    }

    /// Appends a record; it is durable when this returns its number.
    ///
    /// A line that a killed writer left half-written is removed first, and a
    /// `notice` record says so.
    ///
    /// # Errors
    /// Any error means: not recorded, so nothing may be forwarded. What was
    /// written of the line is taken back. Once the files were found damaged, or a thread panicked
    /// while it wrote, that is so for everybody who shares this journal.
    pub fn append(&mut self, record: &Record, now: Timestamp) -> Result<u64, StoreError> {
        self.open = true;
        self.common().append(record, now)
    }

    /// A redactor with this journal's digest key.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        self.common().writer.keys().redactor()
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
        self.common().checkpoint()
    }

    /// Of a thread that panicked while it had it, everything may be half changed: it is damaged.
    fn common(&self) -> MutexGuard<'_, Common> {
        self.common.lock().unwrap_or_else(|poisoned| {
            let mut common = poisoned.into_inner();
            common.damaged = true;
            common
        })
    }
}

impl Common {
    fn append(&mut self, record: &Record, now: Timestamp) -> Result<u64, StoreError> {
        let appended = self.under_lock(|writer| writer.append(record, now));
        self.failed |= appended.is_err();
        appended
    }

    fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.under_lock(Writer::checkpoint_now)
    }

    fn under_lock<T>(
        &mut self,
        act: impl FnOnce(&mut Writer) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.damaged {
            return Err(self.writer.is_damaged());
        }
        let _held = self.lock.exclusive()?;
        let done = act(&mut self.writer);
        self.damaged = matches!(done, Err(StoreError::Damaged { .. }));
        done
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

#[cfg(test)]
mod tests {
    use portcullis_journal::Event;
    use portcullis_policy::{Principal, ServerName};

    use super::*;

    #[test]
    fn nobody_goes_on_where_a_thread_panicked_while_it_wrote() {
        let state = tempfile::tempdir().unwrap();
        let mut first = Journal::open(&state.path().join("state/journal")).unwrap();
        let server = ServerName::new("x").unwrap();
        let record = Record::new(Event::Notice, "s", &server, &Principal::user(1000));
        first.append(&record, Timestamp(1)).unwrap();
        let mut second = first.another().unwrap();
        let panics = first.another().unwrap();
        let panicked = std::thread::spawn(move || {
            let _common = panics.common.lock();
            std::panic::resume_unwind(Box::new(()));
        });
        panicked.join().unwrap_err();
        assert!(matches!(second.append(&record, Timestamp(2)), Err(StoreError::Damaged { .. })));
        assert!(matches!(first.close(), Err(StoreError::Damaged { .. })), "nor is that signed");
        assert!(second.another().is_none());
    }
}
