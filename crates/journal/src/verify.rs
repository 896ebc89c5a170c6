//! Finds the first place where a journal was changed.
//!
//! Segments are given in order, as bytes; nothing is read here. A segment that
//! is not the newest must end in a checkpoint over all of it. In the newest,
//! bytes after the last newline are what a killed writer left: they are counted
//! as `torn`, and nothing that they announce was forwarded.

use std::fmt;

use crate::chain::{Chain, Seal};
use crate::checkpoint::{Checkpoint, PublicKey};
use crate::merkle::Tree;

/// One segment of a journal, as found.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Its number, from 1.
    pub number: u32,
    /// The lines of its records.
    pub lines: &'a [u8],
    /// Its checkpoints, one signed note after the other, oldest first.
    pub checkpoints: &'a [u8],
    /// Whether a writer may still add to it.
    pub newest: bool,
}

/// What a segment turned out to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many records.
    pub records: u64,
    /// How many of them a signed checkpoint covers.
    pub covered: u64,
    /// How many checkpoints.
    pub checkpoints: u64,
    /// Bytes that a killed writer left after the last whole line.
    pub torn: u64,
    /// Where the chain stands after it.
    pub head: Chain,
}

/// The first place that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Break {
    /// The segment's number.
    pub segment: u32,
    /// The number of the record that should be there.
    pub seq: u64,
    /// The line in the segment, from 1.
    pub line: u64,
    /// What is wrong.
    pub why: Why,
}

/// What can be wrong with a journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A whole segment is not there.
    SegmentMissing,
    /// The line has no seal: it is not a record of ours.
    Unreadable,
    /// The line has the number of another record: lines are missing or moved.
    Misplaced,
    /// The line does not continue the one before it.
    Unchained,
    /// The line was edited.
    Edited,
    /// The last line of a finished segment has no end.
    Torn,
    /// A checkpoint covers more records than there are.
    Truncated,
    /// A checkpoint is not signed by this journal's key, or is for another segment.
    ForgedCheckpoint,
    /// A checkpoint contradicts the records.
    Contradicted,
    /// A finished segment has no checkpoint over all its records.
    Unfinished,
}

impl Why {
    /// What happened, for a person.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SegmentMissing => "a segment is missing",
            Self::Unreadable => "the line is not a sealed record",
            Self::Misplaced => "records are missing or out of order",
            Self::Unchained => "the record does not continue the one before it",
            Self::Edited => "the record was changed after it was sealed",
            Self::Torn => "the last line of a finished segment is incomplete",
            Self::Truncated => "records that a checkpoint covers are missing",
            Self::ForgedCheckpoint => "a checkpoint is not signed by this journal's key",
            Self::Contradicted => "a checkpoint does not match the records",
            Self::Unfinished => "a finished segment lacks its last checkpoint",
        }
    }
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { segment, seq, line, why } = self;
        write!(f, "segment {segment:06}, line {line} (record {seq}): {}", why.as_str())
    }
}

impl std::error::Error for Break {}

/// Walks a journal from its first segment to its last.
#[derive(Clone, Debug)]
pub struct Verifier {
    public: PublicKey,
    next: u32,
    chain: Chain,
}

impl Verifier {
    /// A verifier at the beginning of the journal with this key.
    #[must_use]
    pub fn new(public: PublicKey) -> Self {
        let chain = Chain::genesis(public.journal());
        Self { public, next: 1, chain }
    }

    /// A verifier that trusts everything before segment `number`, where the
    /// chain stood at `before`.
    #[must_use]
    pub fn resume(public: PublicKey, number: u32, before: Chain) -> Self {
        Self { public, next: number, chain: before }
    }

    /// Verifies the next segment.
    ///
    /// # Errors
    /// The first [`Break`]; the verifier stays where it was.
    pub fn segment(&mut self, segment: &Segment<'_>) -> Result<Verified, Break> {
        let mut walk = Walk { number: segment.number, chain: self.chain, tree: Tree::new() };
        if segment.number != self.next {
            return Err(Break { segment: self.next, ..walk.broken(Why::SegmentMissing) });
        }
        let notes = self.notes(segment).map_err(|why| walk.broken(why))?;
        let torn = walk.lines(segment.lines, &notes)?;
        let covered = notes.last().map_or(0, |checkpoint| checkpoint.size);
        if covered > walk.tree.size() {
            return Err(walk.broken(Why::Truncated));
        }
        if !segment.newest && torn > 0 {
            return Err(walk.broken(Why::Torn));
        }
        if !segment.newest && covered != walk.tree.size() {
            return Err(walk.broken(Why::Unfinished));
        }
        self.next += 1;
        self.chain = walk.chain;
        let (records, checkpoints) = (walk.tree.size(), notes.len() as u64);
        Ok(Verified { records, covered, checkpoints, torn, head: walk.chain })
    }

    /// The segment's checkpoints: signed, for this segment, and growing.
    fn notes(&self, segment: &Segment<'_>) -> Result<Vec<Checkpoint>, Why> {
        let (whole, rest) = split_notes(segment.checkpoints);
        if !rest.is_empty() && !segment.newest {
            return Err(Why::ForgedCheckpoint);
        }
        let mut notes: Vec<Checkpoint> = Vec::new();
        for note in whole {
            let text = std::str::from_utf8(note).map_err(|_| Why::ForgedCheckpoint)?;
            let checkpoint = self.public.verify(text).map_err(|_| Why::ForgedCheckpoint)?;
            let grows = notes.last().is_none_or(|last| last.size <= checkpoint.size);
            if checkpoint.segment != segment.number || !grows || checkpoint.size == 0 {
                return Err(Why::ForgedCheckpoint);
            }
            notes.push(checkpoint);
        }
        Ok(notes)
    }
}

/// Splits a file of signed notes after each signature line.
///
/// The second part is what follows the last whole note: empty, or what a killed
/// writer left.
#[must_use]
pub fn split_notes(file: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let (mut notes, mut rest) = (Vec::new(), file);
    while let Some(end) = note_end(rest)
        && let Some((note, after)) = rest.split_at_checked(end)
    {
        notes.push(note);
        rest = after;
    }
    (notes, rest)
}

/// Where the first note ends: after the line that begins with a dash.
fn note_end(file: &[u8]) -> Option<usize> {
    let mut end = 0;
    for line in file.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if line.starts_with("— ".as_bytes()) && line.ends_with(b"\n") {
            return Some(end);
        }
    }
    None
}

/// The walk through one segment.
struct Walk {
    number: u32,
    chain: Chain,
    tree: Tree,
}

impl Walk {
    fn broken(&self, why: Why) -> Break {
        let (seq, line) = (self.chain.seq() + 1, self.tree.size() + 1);
        Break { segment: self.number, seq, line, why }
    }

    /// Follows the chain through all lines and returns the bytes of a torn one.
    fn lines(&mut self, lines: &[u8], notes: &[Checkpoint]) -> Result<u64, Break> {
        let mut notes = notes.iter().peekable();
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = line.strip_suffix(b"\n") else {
                return Ok(line.len() as u64);
            };
            let seal = self.line(line).map_err(|why| self.broken(why))?;
            let contradicted = self.broken(Why::Contradicted);
            self.tree.push(&seal.hash);
            self.chain = Chain::resume(seal.seq, seal.hash);
            while let Some(note) = notes.next_if(|note| note.size == self.tree.size()) {
                let agrees = note.root == self.tree.root() && note.head == seal.hash;
                if !agrees || note.seq != seal.seq {
                    return Err(contradicted);
                }
            }
        }
        Ok(0)
    }

    fn line<'a>(&self, line: &'a [u8]) -> Result<Seal<'a>, Why> {
        let seal = Seal::read(line).ok_or(Why::Unreadable)?;
        if seal.seq != self.chain.seq() + 1 {
            return Err(Why::Misplaced);
        }
        if seal.prev != self.chain.head() {
            return Err(Why::Unchained);
        }
        if !seal.holds() {
            return Err(Why::Edited);
        }
        Ok(seal)
    }
}
