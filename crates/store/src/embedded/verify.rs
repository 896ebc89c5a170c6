//! Reads a whole journal and asks `portcullis_journal::verify` whether it holds.

use std::fs::File;
use std::path::Path;

use portcullis_journal::{Break, Chain, JournalId, PublicKey, Segment, Verifier, Why};

use super::dir::Dir;
use super::key;
use super::lock::Lock;
use super::segment::{self, checkpoints_name, damaged, lines_name};
use crate::StoreError;

/// What verification found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Which journal.
    pub journal: JournalId,
    /// How many segments hold.
    pub segments: u32,
    /// How many records hold.
    pub records: u64,
    /// How many of them a signed checkpoint covers.
    pub covered: u64,
    /// Bytes that a killed writer left after the last record.
    pub torn: u64,
    /// Where the chain stands after the last segment that holds.
    pub head: Chain,
    /// The first place that does not hold.
    pub broken: Option<Break>,
}

/// Verifies the journal in `dir` with its own `key.pub`, while others write to it.
///
/// # Errors
/// When it could not be read. A journal that does not hold is a [`Report`] with
/// a [`Break`] in it.
pub fn verify(dir: &Path) -> Result<Report, StoreError> {
    let opened = Dir::to_read(dir)?;
    let missing = || damaged(&opened, "key.pub", "it is missing");
    let public = key::load_public(&opened)?.ok_or_else(missing)?;
    check(&opened, &public)
}

/// The same with a key that was kept elsewhere, so that nobody can have replaced
/// the journal and its key together.
///
/// # Errors
/// As [`verify`].
pub fn verify_with(dir: &Path, public: &PublicKey) -> Result<Report, StoreError> {
    check(&Dir::to_read(dir)?, public)
}

/// A file and how much of it there was when we looked.
struct Seen {
    name: String,
    file: Option<File>,
    size: u64,
}

impl Seen {
    fn look(dir: &Dir, name: String) -> Result<Self, StoreError> {
        let file = dir.read(&name)?;
        let size = file.as_ref().map_or(Ok(0), |file| segment::size(dir, &name, file))?;
        Ok(Self { name, file, size })
    }

    fn bytes(&self, dir: &Dir) -> Result<Vec<u8>, StoreError> {
        match &self.file {
            Some(file) => segment::read_range(dir, &self.name, file, 0, self.size),
            None => Ok(Vec::new()),
        }
    }
}

type Part = (u32, Seen, Seen);

fn check(dir: &Dir, public: &PublicKey) -> Result<Report, StoreError> {
    let (parts, promised) = snapshot(dir)?;
    let mut verifier = Verifier::new(public.clone());
    let journal = public.journal().clone();
    let head = Chain::genesis(&journal);
    let mut report =
        Report { journal, segments: 0, records: 0, covered: 0, torn: 0, head, broken: None };
    let newest = parts.last().map_or(0, |(number, ..)| *number);
    for (number, lines, checkpoints) in parts {
        let (lines, checkpoints) = (lines.bytes(dir)?, checkpoints.bytes(dir)?);
        let newest = number == newest;
        let segment = Segment { number, lines: &lines, checkpoints: &checkpoints, newest };
        if let Err(broken) = verifier.segment(&segment).map(|found| report.add(&found)) {
            report.broken = Some(broken);
            return Ok(report);
        }
    }
    if promised > newest {
        let (segment, seq) = (newest + 1, report.head.seq() + 1);
        report.broken = Some(Break { segment, seq, line: 1, why: Why::SegmentMissing });
    }
    Ok(report)
}

impl Report {
    fn add(&mut self, found: &portcullis_journal::Verified) {
        self.segments += 1;
        self.covered = self.records + found.covered;
        self.records += found.records;
        self.torn = found.torn;
        self.head = found.head;
    }
}

/// What there is at one moment between two appends, and the last segment that
/// a checkpoint speaks of.
fn snapshot(dir: &Dir) -> Result<(Vec<Part>, u32), StoreError> {
    let lock = Lock::to_read(dir)?;
    let _held = lock.as_ref().map(Lock::shared).transpose()?;
    let look = |number| {
        let lines = Seen::look(dir, lines_name(number))?;
        Ok((number, lines, Seen::look(dir, checkpoints_name(number))?))
    };
    let parts = segment::all(dir)?.into_iter().map(look).collect::<Result<_, StoreError>>()?;
    let promised = segment::numbers(dir, ".checkpoints")?.last().copied().unwrap_or(0);
    Ok((parts, promised))
}
