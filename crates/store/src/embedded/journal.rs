//! The journal as files.

use std::path::Path;

use portcullis_journal::{Break, Chain, JournalId, PublicKey, Record, Redactor, Timestamp};

use crate::StoreError;

/// A journal that this process writes to.
#[derive(Debug)]
pub struct Journal {}

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

/// What verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which journal.
    pub journal: JournalId,
    /// How many segments hold.
    pub segments: u32,
    /// How many records hold.
    pub records: u64,
    /// The number of the last record that a signed checkpoint covers.
    pub covered: u64,
    /// Bytes that a killed writer left after the last record.
    pub torn: u64,
    /// Where the chain stands after the last record that holds.
    pub head: Chain,
    /// The first place that does not hold.
    pub broken: Option<Break>,
}

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The record's number.
    pub seq: u64,
    /// The record as JSON, without the newline.
    pub line: String,
}

/// Records from some number on; see [`read`].
#[derive(Debug)]
pub struct Entries {}

impl Default for Options {
    fn default() -> Self {
        Self { segment_bytes: 16 * 1024 * 1024, sync: Sync::Write }
    }
}

impl Journal {
    /// Opens or creates the journal in `<state>/journal`.
    pub fn open(_dir: &Path) -> Result<Self, StoreError> {
        Ok(Self {})
    }

    /// The same with other options.
    pub fn open_with(_dir: &Path, _options: Options) -> Result<Self, StoreError> {
        Ok(Self {})
    }

    /// Appends a record; it is durable when this returns its number.
    pub fn append(&mut self, _record: &Record, _now: Timestamp) -> Result<u64, StoreError> {
        Ok(0)
    }

    /// A redactor with this journal's digest key.
    #[must_use]
    pub fn redactor(&self) -> Redactor {
        Redactor::new([0; 32])
    }

    /// Signs a last checkpoint; dropping does the same and ignores errors.
    pub fn close(self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// Verifies the journal with its own `key.pub`.
pub fn verify(_dir: &Path) -> Result<Report, StoreError> {
    verify_with(_dir, &portcullis_journal::Signer::from_seed(&[0; 32]).public().clone())
}

/// Verifies the journal with a key that was kept elsewhere.
pub fn verify_with(_dir: &Path, public: &PublicKey) -> Result<Report, StoreError> {
    let journal = public.journal().clone();
    let head = Chain::genesis(&journal);
    Ok(Report { journal, segments: 0, records: 0, covered: 0, torn: 0, head, broken: None })
}

/// Records from number `from` on. At the end the iterator gives `None`, and
/// more once more was written: `tail` asks again.
pub fn read(_dir: &Path, _from: u64) -> Result<Entries, StoreError> {
    Ok(Entries {})
}

impl Iterator for Entries {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        None
    }
}
