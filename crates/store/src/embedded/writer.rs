//! What happens under the lock: catch up, repair, write, finish a segment.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use portcullis_journal::chain::Seal;
use portcullis_journal::merkle::Tree;
use portcullis_journal::verify::split_notes;
use portcullis_journal::{Chain, Checkpoint, Event, Record, Timestamp};
use rustix::io::Errno;

use super::dir::{Dir, system};
use super::journal::{CHECKPOINT_EVERY, Options, Sync};
use super::key::Keys;
use super::segment::{self, checkpoints_name, damaged, lines_name};
use crate::StoreError;

/// Whoever owns this holds the lock whenever a method that takes `&mut self` runs.
#[derive(Debug)]
pub(super) struct Writer {
    dir: Dir,
    keys: Keys,
    options: Options,
    chain: Chain,
    segment: Segment,
    growth: Growth,
}

/// The newest segment as this process last saw it.
#[derive(Debug)]
struct Segment {
    number: u32,
    name: String,
    file: File,
    /// Bytes of whole lines.
    end: u64,
    /// Bytes after them, which a killed writer left.
    torn: u64,
    /// A failed `fdatasync` loses what it could not write, and the next one
    /// says nothing of it: from then on nothing is durable any more.
    lost: bool,
}

/// The tree over a segment, and how far it has read.
#[derive(Debug, Default)]
struct Growth {
    number: u32,
    read: u64,
    tree: Tree,
}

/// No write permission: the segment is finished.
const FINISHED: u32 = 0o400;

impl Writer {
    pub(super) fn open(dir: Dir, keys: Keys, options: Options) -> Result<Self, StoreError> {
        let (segment, chain) = newest(&dir, &keys)?;
        Ok(Self { dir, keys, options, chain, segment, growth: Growth::default() })
    }

    pub(super) fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What is said to whoever comes after the one that found it so.
    pub(super) fn is_damaged(&self) -> StoreError {
        damaged(&self.dir, &self.segment.name, "it was found to be so before")
    }

    /// The story of one record.
    pub(super) fn append(&mut self, record: &Record, now: Timestamp) -> Result<u64, StoreError> {
        self.catch_up()?;
        self.repair(record, now)?;
        self.write(record, now)
    }

    pub(super) fn checkpoint_now(&mut self) -> Result<(), StoreError> {
        self.catch_up()?;
        self.checkpoint()
    }

    /// Makes what we believe of the files true again after others have written.
    fn catch_up(&mut self) -> Result<(), StoreError> {
        let segment = &self.segment;
        let metadata = segment.file.metadata();
        let metadata =
            metadata.map_err(|source| system("look at", &self.dir.path(&segment.name), source))?;
        if std::os::unix::fs::MetadataExt::nlink(&metadata) == 0 {
            return Err(damaged(&self.dir, &segment.name, "it was removed while in use"));
        }
        let finished = is_finished(&metadata);
        if metadata.len() == segment.end && segment.torn == 0 && !finished {
            return Ok(());
        }
        self.follow(metadata.len())?;
        if finished {
            let head = self.chain;
            (self.segment, self.chain) = newest(&self.dir, &self.keys)?;
            if self.chain.seq() < head.seq() {
                return Err(damaged(&self.dir, &self.segment.name, "records before it vanished"));
            }
        }
        Ok(())
    }

    /// Reads what others have appended, which must continue what we know.
    fn follow(&mut self, size: u64) -> Result<(), StoreError> {
        let (dir, name) = (&self.dir, &self.segment.name);
        if size < self.segment.end {
            return Err(damaged(dir, name, "it became shorter while in use"));
        }
        let mut chain = self.chain;
        let range = (self.segment.end, size);
        let end = segment::lines(dir, name, &self.segment.file, range, |line| {
            let seal = Seal::read(line).filter(Seal::holds);
            let next = seal.filter(|s| s.seq == chain.seq() + 1 && s.prev == chain.head());
            let seal =
                next.ok_or_else(|| damaged(dir, name, "others' records do not continue ours"))?;
            chain = Chain::resume(seal.seq, seal.hash);
            Ok(())
        })?;
        self.chain = chain;
        self.segment.end = end;
        self.segment.torn = size - end;
        Ok(())
    }

    /// Removes half a line that a killed writer left, and says so. Nothing that
    /// it announces was forwarded: its append never returned.
    fn repair(&mut self, like: &Record, now: Timestamp) -> Result<(), StoreError> {
        let torn = std::mem::take(&mut self.segment.torn);
        if torn == 0 {
            return Ok(());
        }
        self.segment.cut(&self.dir)?;
        let mut notice = Record::new(Event::Notice, &like.session, &like.server, &like.principal);
        notice.note = Some(format!(
            "{torn} bytes of an unfinished record were removed: a writer was killed while writing it"
        ));
        self.write(&notice, now).map(drop)
    }

    fn write(&mut self, record: &Record, now: Timestamp) -> Result<u64, StoreError> {
        let mut chain = self.chain;
        let sealed = chain.seal(record, now)?;
        let size = self.segment.end + sealed.line.len() as u64;
        if self.segment.end > 0 && size > self.options.segment_bytes {
            self.rotate()?;
        }
        self.segment.push(&self.dir, &sealed.line, self.options.sync)?;
        self.chain = chain;
        if sealed.seq.is_multiple_of(CHECKPOINT_EVERY) {
            self.checkpoint()?;
        }
        Ok(sealed.seq)
    }

    /// Finishes the segment and begins the next. Killed in between, the next
    /// writer finds either an unfinished segment or a finished newest one, and
    /// both are fine.
    fn rotate(&mut self) -> Result<(), StoreError> {
        self.checkpoint()?;
        let path = self.dir.path(&self.segment.name);
        self.segment
            .file
            .set_permissions(std::fs::Permissions::from_mode(FINISHED))
            .map_err(|source| system("finish", &path, source))?;
        self.segment = Segment::create(&self.dir, self.segment.number + 1)?;
        Ok(())
    }

    /// Signs what the segment holds, unless the last checkpoint says the same.
    fn checkpoint(&mut self) -> Result<(), StoreError> {
        self.growth.read(&self.dir, &self.segment, &self.chain)?;
        let tree = &self.growth.tree;
        if tree.size() == 0 {
            return Ok(());
        }
        let (seq, head) = (self.chain.seq(), self.chain.head());
        let (number, size, root) = (self.segment.number, tree.size(), tree.root());
        let checkpoint = Checkpoint { segment: number, size, root, seq, head };
        let note = self.keys.signer.sign(&checkpoint);
        add_note(&self.dir, &checkpoints_name(number), note.as_bytes(), self.options.sync)
    }
}

impl Segment {
    fn create(dir: &Dir, number: u32) -> Result<Self, StoreError> {
        let name = lines_name(number);
        let file = dir.create(&name)?;
        dir.sync()?;
        Ok(Self { number, name, file, end: 0, torn: 0, lost: false })
    }

    /// One `write(2)` of the whole line, or nothing.
    fn push(&mut self, dir: &Dir, line: &[u8], sync: Sync) -> Result<(), StoreError> {
        let path = || dir.path(&self.name);
        if self.lost {
            return Err(damaged(dir, &self.name, "an earlier record did not reach the disk"));
        }
        let written = rustix::io::retry_on_intr(|| rustix::io::write(&self.file, line));
        let failure = match written {
            Ok(written) if written == line.len() => None,
            Ok(written) => Some(StoreError::Short { path: path(), written, wanted: line.len() }),
            Err(errno) => Some(system("write to", &path(), errno)),
        };
        if let Some(failure) = failure {
            // If this fails too, the next writer finds a torn line and repairs it.
            let _ = self.cut(dir);
            return Err(failure);
        }
        if sync == Sync::Always {
            let synced = self.file.sync_data();
            self.lost = synced.is_err();
            synced.map_err(|source| system("sync", &path(), source))?;
        }
        self.end += line.len() as u64;
        Ok(())
    }

    /// Cuts off what follows the last whole line.
    fn cut(&self, dir: &Dir) -> Result<(), StoreError> {
        let cut = self.file.set_len(self.end);
        cut.map_err(|source| system("shorten", &dir.path(&self.name), source))
    }
}

impl Growth {
    /// Reads the segment's lines into the tree; the last must be where the chain is.
    fn read(&mut self, dir: &Dir, of: &Segment, chain: &Chain) -> Result<(), StoreError> {
        if self.number != of.number {
            *self = Self { number: of.number, ..Self::default() };
        }
        let mut last = None;
        let range = (self.read, of.end);
        self.read = segment::lines(dir, &of.name, &of.file, range, |line| {
            let seal = Seal::read(line);
            let seal = seal.ok_or_else(|| damaged(dir, &of.name, "a line is no record"))?;
            self.tree.push(&seal.hash);
            last = Some(seal.hash);
            Ok(())
        })?;
        // Somebody else could have rewritten the file; we do not sign that.
        if last.is_some_and(|last| last != chain.head()) {
            return Err(damaged(dir, &of.name, "its records are not those that were written"));
        }
        Ok(())
    }
}

/// Opens the newest segment that may be written to, and finds the chain's head.
fn newest(dir: &Dir, keys: &Keys) -> Result<(Segment, Chain), StoreError> {
    let genesis = Chain::genesis(keys.signer.public().journal());
    let numbers = segment::all(dir)?;
    let Some(number) = numbers.last().copied() else {
        return Ok((Segment::create(dir, 1)?, genesis));
    };
    let name = lines_name(number);
    let gone = || system("open", &dir.path(&name), Errno::NOENT);
    let file = dir.read(&name)?.ok_or_else(gone)?;
    let metadata = file.metadata().map_err(|source| system("look at", &dir.path(&name), source))?;
    let tail = segment::tail(dir, &name, &file, metadata.len())?;
    let chain = match (tail.last, number) {
        (Some((seq, hash)), _) => Chain::resume(seq, hash),
        (None, 1) => genesis,
        (None, number) => end_of(dir, number - 1)?,
    };
    if is_finished(&metadata) {
        return Ok((Segment::create(dir, number + 1)?, chain));
    }
    let (end, torn) = (tail.end, metadata.len() - tail.end);
    let file = dir.append(&name)?;
    Ok((Segment { number, name, file, end, torn, lost: false }, chain))
}

/// Where the chain stood at the end of a finished segment.
fn end_of(dir: &Dir, number: u32) -> Result<Chain, StoreError> {
    let name = lines_name(number);
    let missing = || damaged(dir, &name, "it is missing, and the next segment continues it");
    let file = dir.read(&name)?.ok_or_else(missing)?;
    let size = segment::size(dir, &name, &file)?;
    let (seq, hash) = segment::tail(dir, &name, &file, size)?.last.ok_or_else(missing)?;
    Ok(Chain::resume(seq, hash))
}

/// Appends a note after the last whole one, unless that one says the same.
fn add_note(dir: &Dir, name: &str, note: &[u8], sync: Sync) -> Result<(), StoreError> {
    let mut file = dir.append(name)?;
    let size = segment::size(dir, name, &file)?;
    let there = segment::read_range(dir, name, &file, 0, size)?;
    let (notes, torn) = split_notes(&there);
    if notes.last() == Some(&note) && torn.is_empty() {
        return Ok(());
    }
    let end = size - torn.len() as u64;
    let written = file.set_len(end).and_then(|()| file.write_all(note)).and_then(|()| match sync {
        Sync::Write => Ok(()),
        Sync::Always => file.sync_data(),
    });
    written.map_err(|source| {
        let _ = file.set_len(end);
        system("write to", &dir.path(name), source)
    })
}

fn is_finished(metadata: &std::fs::Metadata) -> bool {
    metadata.permissions().mode() & 0o200 == 0
}
