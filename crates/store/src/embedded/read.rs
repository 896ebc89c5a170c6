//! Reads records while others write them: `journal show` and `journal tail`.
//!
//! No lock: whole lines never change, and half a line is not looked at.

use std::collections::VecDeque;
use std::fs::File;
use std::path::Path;

use portcullis_journal::chain::{Seal, number};

use super::dir::Dir;
use super::segment::{self, damaged, lines_name};
use crate::StoreError;

/// How many bytes of lines are held at once, unless one line is longer.
const HELD: u64 = 256 * 1024;

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
pub struct Entries {
    dir: Dir,
    from: u64,
    place: Option<Place>,
    held: VecDeque<Result<Entry, StoreError>>,
}

#[derive(Debug)]
struct Place {
    number: u32,
    name: String,
    file: File,
    offset: u64,
}

/// Records from number `from` on, oldest first. After the last one the iterator
/// gives `None`, and goes on when more was written: `tail` just asks again.
///
/// # Errors
/// When there is no journal or it cannot be read. A line that is no record is an
/// error in its place, and the lines after it follow.
pub fn read(dir: &Path, from: u64) -> Result<Entries, StoreError> {
    let dir = Dir::to_read(dir)?;
    let mut place = None;
    // The newest segment that begins at or before `from`; failing that, the oldest.
    for number in segment::all(&dir)?.into_iter().rev() {
        let Some(here) = Place::open(&dir, number)? else { continue };
        let first = here.first(&dir)?;
        place = Some(here);
        if first.is_some_and(|first| first <= from) {
            break;
        }
    }
    Ok(Entries { dir, from, place, held: VecDeque::new() })
}

/// The number of the last record; 0 when there is none.
///
/// # Errors
/// When there is no journal or its end cannot be read.
pub fn last(dir: &Path) -> Result<u64, StoreError> {
    let dir = Dir::to_read(dir)?;
    for number in segment::all(&dir)?.into_iter().rev() {
        let Some(place) = Place::open(&dir, number)? else { continue };
        let size = segment::size(&dir, &place.name, &place.file)?;
        if let Some((seq, _)) = segment::tail(&dir, &place.name, &place.file, size)?.last {
            return Ok(seq);
        }
    }
    Ok(0)
}

impl Place {
    fn open(dir: &Dir, number: u32) -> Result<Option<Self>, StoreError> {
        let name = lines_name(number);
        let file = dir.read(&name)?;
        Ok(file.map(|file| Self { number, name, file, offset: 0 }))
    }

    /// The number of the first record.
    fn first(&self, dir: &Dir) -> Result<Option<u64>, StoreError> {
        let size = segment::size(dir, &self.name, &self.file)?;
        let start = segment::read_range(dir, &self.name, &self.file, 0, size.min(64))?;
        Ok(number(&start))
    }
}

impl Entries {
    /// Reads more; false at the end of what there is.
    fn fill(&mut self) -> Result<bool, StoreError> {
        if self.place.is_none() {
            self.place = self.following(0)?;
        }
        while let Some(number) = self.place.as_ref().map(|place| place.number) {
            // Look for the next segment first: once it is there, this one has ended.
            let next = self.following(number)?;
            if self.lines()? {
                return Ok(true);
            }
            if next.is_none() {
                return Ok(false);
            }
            self.place = next;
        }
        Ok(false)
    }

    fn following(&self, after: u32) -> Result<Option<Place>, StoreError> {
        let next = segment::all(&self.dir)?.into_iter().find(|number| *number > after);
        next.map_or(Ok(None), |number| Place::open(&self.dir, number))
    }

    /// Takes some whole lines of this segment; false when there are no more.
    fn lines(&mut self) -> Result<bool, StoreError> {
        let Self { dir, from, place: Some(place), held } = self else { return Ok(false) };
        let size = segment::size(dir, &place.name, &place.file)?;
        let mut length = HELD;
        while place.offset < size {
            let end = size.min(place.offset.saturating_add(length));
            let before = place.offset;
            place.offset = segment::lines(dir, &place.name, &place.file, (before, end), |line| {
                if number(line).is_none_or(|seq| seq >= *from) {
                    held.push_back(entry(dir, &place.name, line));
                }
                Ok(())
            })?;
            if !held.is_empty() {
                return Ok(true);
            }
            if place.offset == before {
                if end == size {
                    break;
                }
                length = length.saturating_mul(2);
            }
        }
        Ok(false)
    }
}

fn entry(dir: &Dir, name: &str, line: &[u8]) -> Result<Entry, StoreError> {
    let text = std::str::from_utf8(line).ok();
    match (Seal::read(line), text) {
        (Some(seal), Some(text)) => Ok(Entry { seq: seal.seq, line: text.to_owned() }),
        _ => Err(damaged(dir, name, "a line is no record")),
    }
}

impl Iterator for Entries {
    type Item = Result<Entry, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.held.is_empty() {
            match self.fill() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
        self.held.pop_front()
    }
}
