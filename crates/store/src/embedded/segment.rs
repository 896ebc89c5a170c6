//! Segments: `000001.jsonl` and its `000001.checkpoints`, and how to read them.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

use portcullis_journal::{Hash, chain::Seal};

use super::dir::{Dir, system};
use crate::StoreError;

/// How much is read at once; more only when a single line is longer.
const CHUNK: usize = 256 * 1024;

pub(crate) fn lines_name(number: u32) -> String {
    format!("{number:06}.jsonl")
}

pub(crate) fn checkpoints_name(number: u32) -> String {
    format!("{number:06}.checkpoints")
}

/// The numbers of the files that end so, in order.
pub(crate) fn numbers(dir: &Dir, ending: &str) -> Result<Vec<u32>, StoreError> {
    let number = |name: &String| {
        let number: u32 = name.strip_suffix(ending)?.parse().ok()?;
        (*name == format!("{number:06}{ending}")).then_some(number)
    };
    let mut numbers: Vec<u32> = dir.names()?.iter().filter_map(number).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// The numbers of the segments, in order.
pub(crate) fn all(dir: &Dir) -> Result<Vec<u32>, StoreError> {
    numbers(dir, ".jsonl")
}

/// The place in the chain of one line, and where in the file it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tail {
    /// The last whole line's number and hash; none when there is no whole line.
    pub(crate) last: Option<(u64, Hash)>,
    /// Bytes of whole lines.
    pub(crate) end: u64,
}

/// Reads the last whole line of the first `size` bytes.
pub(crate) fn tail(dir: &Dir, name: &str, file: &File, size: u64) -> Result<Tail, StoreError> {
    let mut length = 4096;
    loop {
        let start = size.saturating_sub(length);
        let mut bytes = read_range(dir, name, file, start, size)?;
        let torn = bytes.iter().rev().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
        bytes.truncate(bytes.len() - torn);
        let end = start + bytes.len() as u64;
        bytes.pop();
        let before = bytes.iter().rposition(|byte| *byte == b'\n');
        match before.map(|newline| newline + 1).or((start == 0).then_some(0)) {
            None => length = length.saturating_mul(4),
            Some(_) if end == 0 => return Ok(Tail { last: None, end }),
            Some(from) => {
                let line = bytes.get(from..).unwrap_or_default();
                let sealed = Seal::read(line).filter(Seal::holds);
                let seal =
                    sealed.ok_or_else(|| damaged(dir, name, "its last line is no record"))?;
                return Ok(Tail { last: Some((seal.seq, seal.hash)), end });
            }
        }
    }
}

/// Calls `each` with the whole lines, without newlines, from `start` to `end`.
/// Returns where the last one ends.
pub(crate) fn lines(
    dir: &Dir,
    name: &str,
    file: &File,
    (mut start, end): (u64, u64),
    mut each: impl FnMut(&[u8]) -> Result<(), StoreError>,
) -> Result<u64, StoreError> {
    let mut chunk = CHUNK as u64;
    while start < end {
        let bytes = read_range(dir, name, file, start, end.min(start + chunk))?;
        let Some(last) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            if start + bytes.len() as u64 >= end {
                break;
            }
            chunk = chunk.saturating_mul(2);
            continue;
        };
        let whole = bytes.get(..last).unwrap_or_default();
        whole.split(|byte| *byte == b'\n').try_for_each(&mut each)?;
        start += last as u64 + 1;
    }
    Ok(start)
}

/// Reads the bytes from `start` to `end`, all of them.
pub(crate) fn read_range(
    dir: &Dir,
    name: &str,
    file: &File,
    start: u64,
    end: u64,
) -> Result<Vec<u8>, StoreError> {
    let length = usize::try_from(end.saturating_sub(start)).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, start)
        .map_err(|source| system("read", &dir.path(name), source))?;
    Ok(bytes)
}

/// How long a file is now.
pub(crate) fn size(dir: &Dir, name: &str, file: &File) -> Result<u64, StoreError> {
    let metadata = file.metadata().map_err(|source| system("look at", &dir.path(name), source))?;
    Ok(metadata.len())
}

pub(crate) fn damaged(dir: &Dir, name: &str, why: &str) -> StoreError {
    StoreError::Damaged { path: dir.path(name), why: why.to_owned() }
}
