//! The part of a file that was asked for, found without reading the rest of it
//! into memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use portcullis_kit::{Call, Refusal, Stopped};

use crate::files::refused::failed;

/// How much is looked at in one go.
const CHUNK: usize = 256 << 10;

/// Which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::files) enum Part {
    /// From a line on, counted from 1.
    Lines { first: u64, count: Option<u64> },
    /// The last lines.
    Tail(u64),
    /// From a byte on, counted from 0.
    Bytes { first: u64, count: Option<u64> },
}

/// A part that was read.
#[derive(Debug)]
pub(in crate::files) struct Piece {
    pub(in crate::files) bytes: Vec<u8>,
    /// Where it begins.
    pub(in crate::files) first: u64,
    /// The number of its first line, where lines were counted.
    pub(in crate::files) first_line: Option<u64>,
    /// The size of the file.
    pub(in crate::files) size: u64,
    /// It ends where it was asked to, and not because it would be too large.
    whole: bool,
}

/// Why nothing was read.
#[derive(Debug)]
pub(in crate::files) enum Stop {
    Io(io::Error),
    Stopped,
    /// The file ends before.
    Behind {
        what: &'static str,
        has: u64,
    },
}

impl Stop {
    pub(in crate::files) fn refusal(self, shown: &str) -> Refusal {
        match self {
            Self::Io(error) => failed(shown, error),
            Self::Stopped => Stopped.into(),
            Self::Behind { what, has } => {
                Refusal::new(format!("`{shown}` has {has} {what}, and ends before that"))
            }
        }
    }
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<Stopped> for Stop {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// Reads a part of a file, at most so many bytes of it.
pub(super) fn read(file: &File, part: Part, most: usize, call: &Call) -> Result<Piece, Stop> {
    let size = file.metadata()?.len();
    let (first, first_line, lines, bytes) = match part {
        Part::Lines { first, count } => (line_start(file, first, call)?, Some(first), count, None),
        Part::Tail(count) => (tail_start(file, size, count, call)?, None, None, None),
        Part::Bytes { first, count } => {
            if first > size {
                return Err(Stop::Behind { what: "bytes", has: size });
            }
            (first, (first == 0).then_some(1), None, count)
        }
    };
    let fits = bytes.map_or(most, |bytes| usize::try_from(bytes).unwrap_or(most).min(most));
    // Bytes that were counted are given, wherever a line ends.
    let counted = bytes.is_some_and(|asked| asked <= most as u64);
    let (bytes, whole) = gather(file, first, lines, fits, call)?;
    // A file may grow while it is read.
    let size = size.max(first + bytes.len() as u64);
    Ok(Piece { bytes, first, first_line, size, whole: whole || counted })
}

/// How a file begins: in a few bytes most types tell what they are.
pub(super) fn start(file: &File) -> io::Result<Vec<u8>> {
    let mut start = vec![0; 16];
    let read = read_at(file, &mut start, 0)?;
    start.truncate(read);
    Ok(start)
}

impl Piece {
    /// Cuts what was cut anyway where a line or at least a character ends.
    pub(super) fn cut_to_characters(&mut self) {
        let leading = self.bytes.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80).count();
        if self.first > 0 && leading < self.bytes.len() {
            self.bytes.drain(..leading);
            self.first += leading as u64;
        }
        if self.first + self.bytes.len() as u64 >= self.size {
            return;
        }
        let line = (!self.whole).then(|| memchr::memrchr(b'\n', &self.bytes)).flatten();
        let end = line.map_or_else(|| whole_characters(&self.bytes), |at| at + 1);
        self.bytes.truncate(end);
    }

    /// The line that begins where this piece ends, if one does.
    pub(super) fn next_line(&self) -> Option<u64> {
        let ended = self.bytes.last() == Some(&b'\n');
        let first = self.first_line.filter(|_| ended)?;
        Some(first + newlines(&self.bytes))
    }
}

/// How many bytes are left without a character that the end cuts in two.
fn whole_characters(bytes: &[u8]) -> usize {
    let from = bytes.len().saturating_sub(3);
    let tail = bytes.get(from..).unwrap_or_default();
    let Some(start) = tail.iter().rposition(|byte| byte & 0xc0 == 0xc0) else {
        return bytes.len();
    };
    let needs = match tail.get(start) {
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        _ => 4,
    };
    // A file of such bytes alone is not text anyway, but must not stand still.
    if from + start > 0 && start + needs > tail.len() { from + start } else { bytes.len() }
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

/// Where a line begins.
fn line_start(file: &File, line: u64, call: &Call) -> Result<u64, Stop> {
    let (mut at, mut left) = (0, line - 1);
    let mut chunk = vec![0; CHUNK];
    let mut open = false;
    while left > 0 {
        call.goes_on()?;
        let read = read_at(file, &mut chunk, at)?;
        let bytes = chunk.get(..read).unwrap_or_default();
        if bytes.is_empty() {
            let has = line - 1 - left + u64::from(open);
            return Err(Stop::Behind { what: "lines", has });
        }
        let count = newlines(bytes);
        if count >= left {
            let nth = usize::try_from(left - 1).unwrap_or(usize::MAX);
            let end = memchr::memchr_iter(b'\n', bytes).nth(nth).unwrap_or(read);
            return Ok(at + end as u64 + 1);
        }
        left -= count;
        at += read as u64;
        open = bytes.last() != Some(&b'\n');
    }
    Ok(at)
}

/// Where the last lines begin, read from the end.
fn tail_start(file: &File, size: u64, count: u64, call: &Call) -> Result<u64, Stop> {
    let (mut end, mut left) = (size, count);
    let mut chunk = vec![0; CHUNK];
    while end > 0 {
        call.goes_on()?;
        let start = end.saturating_sub(CHUNK as u64);
        let length = usize::try_from(end - start).unwrap_or(CHUNK);
        let buffer = chunk.get_mut(..length).unwrap_or_default();
        file.read_exact_at(buffer, start)?;
        for at in memchr::memrchr_iter(b'\n', buffer) {
            // The line end of the last line ends nothing but it.
            if start + at as u64 + 1 == size {
                continue;
            }
            left -= 1;
            if left == 0 {
                return Ok(start + at as u64 + 1);
            }
        }
        end = start;
    }
    Ok(0)
}

/// Reads on from a byte until so many lines or bytes are there, or the file ends;
/// `true` unless it was the bytes that ended it.
fn gather(
    file: &File,
    first: u64,
    lines: Option<u64>,
    most: usize,
    call: &Call,
) -> Result<(Vec<u8>, bool), Stop> {
    let (mut bytes, mut left) = (Vec::new(), lines);
    while bytes.len() < most {
        call.goes_on()?;
        let (had, step) = (bytes.len(), CHUNK.min(most - bytes.len()));
        bytes.resize(had + step, 0);
        let room = bytes.get_mut(had..).unwrap_or_default();
        let read = read_at(file, room, first + had as u64)?;
        bytes.truncate(had + read);
        if read == 0 {
            return Ok((bytes, true));
        }
        let Some(wanted) = left else { continue };
        let new = bytes.get(had..).unwrap_or_default();
        let nth = usize::try_from(wanted - 1).unwrap_or(usize::MAX);
        if let Some(end) = memchr::memchr_iter(b'\n', new).nth(nth) {
            bytes.truncate(had + end + 1);
            return Ok((bytes, true));
        }
        left = Some(wanted - newlines(new));
    }
    Ok((bytes, false))
}

fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match file.read_at(buffer, at) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}
