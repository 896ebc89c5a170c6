//! A file looked through as bytes, line by line only where something matches.

use std::fs::File;
use std::io::{self, Read as _};

use portcullis_kit::{Call, Refusal, Stopped};
use regex::bytes::{Regex, RegexBuilder};

use super::Line;

/// How much is read, and at most searched, in one go; most files are smaller.
const CHUNK: usize = 128 << 10;
/// A line that is longer is looked through in pieces.
const LONGEST_LINE: usize = 4 << 20;
/// Most lines of one file.
const MOST_LINES: usize = 500;
/// As much of a line is shown.
const SHOWN: usize = 400;
/// Largest compiled expression, in bytes.
const COMPILED: usize = 2 << 20;

/// What is looked for in files; nothing, where only names count.
#[derive(Debug, Clone)]
pub(super) struct Looker(Option<Regex>);

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Lines that match, perhaps none, and whether there are more than these.
    Lines(Vec<Line>, bool),
    /// No text.
    Binary,
    /// The call was stopped.
    Stopped,
}

impl Looker {
    pub(super) fn new(
        text: Option<&str>,
        regex: Option<&str>,
        ignore_case: bool,
    ) -> Result<Self, Refusal> {
        let pattern = match (text, regex) {
            (None, None) => return Ok(Self(None)),
            (Some(_), Some(_)) => {
                return Err(Refusal::new("search for `text` or for `regex`, not for both"));
            }
            (Some(text), None) => regex::escape(text),
            (None, Some(regex)) => regex.to_owned(),
        };
        if pattern.is_empty() || text.is_some_and(|text| text.contains('\n')) {
            return Err(Refusal::new("what is searched for is one line, and not empty"));
        }
        let built = RegexBuilder::new(&pattern)
            .case_insensitive(ignore_case)
            .multi_line(true)
            .crlf(true)
            .size_limit(COMPILED)
            .nest_limit(64)
            .build();
        let regex = built.map_err(|why| Refusal::new(format!("`regex` does not do: {why}")))?;
        Ok(Self(Some(regex)))
    }

    /// What is looked for in contents, if anything is. A clone for each thread: clones
    /// share no memory to wait for.
    pub(super) fn regex(&self) -> Option<Regex> {
        self.0.clone()
    }
}

/// Looks through a file, for so many lines at most. The buffer is used again for the
/// next; what a long line needed is given back then.
pub(super) fn look(
    file: &mut File,
    regex: &Regex,
    buffer: &mut Vec<u8>,
    limit: usize,
    call: &Call,
) -> io::Result<Content> {
    let most = limit.min(MOST_LINES);
    let mut scan = Scan { regex, number: 1, lines: Vec::new(), most, more: false };
    buffer.resize(CHUNK, 0);
    buffer.shrink_to(CHUNK);
    // Bytes of a line whose end is not read yet stand at the start of the buffer.
    let mut kept = 0;
    loop {
        let room = buffer.get_mut(kept..).unwrap_or_default();
        let space = room.len();
        let read = read(file, room)?;
        let bytes = buffer.get(kept..kept + read).unwrap_or_default();
        if memchr::memchr(0, bytes).is_some() {
            return Ok(Content::Binary);
        }
        let held = kept + read;
        // A regular file that gives less than there is room for has no more.
        let ended = read < space;
        let bytes = buffer.get(..held).unwrap_or_default();
        let whole = match memchr::memrchr(b'\n', bytes) {
            _ if ended => held,
            Some(at) => at + 1,
            None if held < LONGEST_LINE => 0,
            None => held,
        };
        if scan.look(buffer.get(..whole).unwrap_or_default(), call).is_err() {
            return Ok(Content::Stopped);
        }
        if ended || scan.more {
            return Ok(Content::Lines(scan.lines, scan.more));
        }
        buffer.copy_within(whole..held, 0);
        kept = held - whole;
        if kept == buffer.len() {
            buffer.resize((2 * kept).min(LONGEST_LINE + CHUNK), 0);
        }
    }
}

fn read(file: &mut File, room: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(room) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

struct Scan<'r> {
    regex: &'r Regex,
    /// Of the first line that was not counted yet.
    number: u64,
    lines: Vec<Line>,
    most: usize,
    more: bool,
}

impl Scan<'_> {
    /// Looks through whole lines.
    ///
    /// An expression that may match a line end may have to read to the end of what it is
    /// given, for each line anew. So after a line that was found it is given the next
    /// line only, and then twice as much each time that it finds nothing: all in all it
    /// reads a few times what there is.
    fn look(&mut self, bytes: &[u8], call: &Call) -> Result<(), Stopped> {
        let (mut at, mut counted, mut reach) = (0, 0, CHUNK);
        while at < bytes.len() {
            call.goes_on()?;
            let until = whole_lines(bytes, at, reach);
            let Some((start, end, found_end)) = self.find(slice(bytes, 0, until), at) else {
                reach = (2 * (until - at)).min(CHUNK);
                at = until;
                continue;
            };
            (at, reach) = (end + 1, 1);
            let line = slice(bytes, start, end);
            // What spans lines is no match of either, unless the line has one of its own.
            if found_end > end && !self.regex.is_match(line) {
                continue;
            }
            if self.lines.len() == self.most {
                self.more = true;
                return Ok(());
            }
            self.number += newlines(slice(bytes, counted, start));
            counted = start;
            self.lines.push(Line { line: self.number, text: shown(line) });
        }
        self.number += newlines(slice(bytes, counted, bytes.len()));
        Ok(())
    }

    /// The first match: where its line starts and ends, and where it ends itself.
    fn find(&self, bytes: &[u8], at: usize) -> Option<(usize, usize, usize)> {
        let found = self.regex.find_at(bytes, at)?;
        let start = memchr::memrchr(b'\n', slice(bytes, 0, found.start())).map_or(0, |it| it + 1);
        let end = line_end(bytes, found.start());
        // After the last line end there is no line.
        (start < bytes.len()).then_some((start, end, found.end()))
    }
}

/// Where the last line ends that lies within reach; the first line does in any case.
fn whole_lines(bytes: &[u8], at: usize, reach: usize) -> usize {
    let far = at + reach;
    if far >= bytes.len() {
        return bytes.len();
    }
    match memchr::memrchr(b'\n', slice(bytes, at, far)) {
        Some(end) => at + end + 1,
        None => (line_end(bytes, at) + 1).min(bytes.len()),
    }
}

/// Where the line that goes on here ends.
fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', slice(bytes, at, bytes.len())).map_or(bytes.len(), |it| at + it)
}

fn slice(bytes: &[u8], from: usize, to: usize) -> &[u8] {
    bytes.get(from..to).unwrap_or_default()
}

fn newlines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}

fn shown(line: &[u8]) -> String {
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() <= SHOWN {
        return String::from_utf8_lossy(line).into_owned();
    }
    let text = String::from_utf8_lossy(slice(line, 0, SHOWN)).into_owned();
    let text = text.trim_end_matches('\u{fffd}');
    format!("{text}…")
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use portcullis_kit::Roots;
    use proptest::prelude::*;

    use super::*;
    use crate::files::stopped::stopped_in;

    fn lines_of(bytes: &[u8], regex: &str) -> Content {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file.rewind().unwrap();
        let looker = Looker::new(None, Some(regex), false).unwrap();
        let call = Call::detached(Roots::none());
        look(&mut file, &looker.regex().unwrap(), &mut Vec::new(), usize::MAX, &call).unwrap()
    }

    fn numbers(bytes: &[u8], regex: &str) -> Vec<u64> {
        match lines_of(bytes, regex) {
            Content::Lines(lines, _) => lines.iter().map(|it| it.line).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn lines_are_found_and_counted() {
        for (text, regex, expect) in [
            ("", "a", &[][..]),
            ("a", "a", &[1]),
            ("b\na\n\na a\n", "a", &[2, 4]),
            ("a\nb\n", "^b$", &[2]),
            ("a\r\nb\r\n", "^b$", &[2]),
            ("a\nb\n", "a\\sb", &[]),
            ("a\na b\n", "a\\s(b|a)", &[2]),
            ("a\n\nb\n", "^$", &[2]),
            ("a\nb", ".*", &[1, 2]),
            ("a\nb\n", ".*", &[1, 2]),
        ] {
            assert_eq!(numbers(text.as_bytes(), regex), expect, "{regex} in {text:?}");
        }
        assert_eq!(lines_of(b"a\0b", "a"), Content::Binary);
    }

    /// An expression that reads to the end for each line: so many lines would take it
    /// hours, if it was given all of them each time.
    #[test]
    fn what_spans_many_lines_is_searched_in_one_pass() {
        // After a long line as much is read in one go.
        let mut text = b"x".repeat(3 << 20);
        text.extend(b"\n");
        text.extend(b"a\n".repeat(1 << 20));
        text.extend(b"b\nab\n");
        for regex in [r"a[\s\S]*b", r"a[\s\S]*b|ab"] {
            assert_eq!(numbers(&text, regex), [(1 << 20) + 3], "{regex}");
        }
    }

    #[test]
    fn a_call_that_is_over_is_searched_for_no_more() {
        let dir = tempfile::tempdir().unwrap();
        let call = stopped_in(dir.path());
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&b"a\n".repeat(2 << 20)).unwrap();
        file.write_all(b"b").unwrap();
        file.rewind().unwrap();
        let regex = Looker::new(None, Some(r"a[\s\S]*b"), false).unwrap().regex().unwrap();
        let mut buffer = vec![0; LONGEST_LINE + CHUNK];
        let content = look(&mut file, &regex, &mut buffer, usize::MAX, &call).unwrap();
        assert_eq!(content, Content::Stopped);
        assert!(buffer.capacity() < LONGEST_LINE, "the buffer stays large");
    }

    proptest! {
        /// The same as looking at each line alone.
        #[test]
        fn a_line_is_found_by_what_it_is_alone(
            text in "[ab \n]{0,200}",
            regex in prop::sample::select(vec![
                "a", "ab", "^a", "a$", "^$", "a\\s", "a\\sb", r"a[\s\S]*b", r"b[\s\S]*b|ba", "[^b]+",
                r"\s+b", r"\bab\b", "a*", "(?s)a.*?b",
            ]),
        ) {
            let looker = Looker::new(None, Some(regex), false).unwrap().regex().unwrap();
            let alone: Vec<u64> = text
                .split_terminator('\n')
                .zip(1..)
                .filter(|(line, _)| looker.is_match(line.as_bytes()))
                .map(|(_, number)| number)
                .collect();
            prop_assert_eq!(numbers(text.as_bytes(), regex), alone);
        }
    }

    /// As lines, whatever the chunks: the same as looking at each line alone.
    #[test]
    fn a_file_of_many_chunks_is_the_same_as_its_lines() {
        let mut text = Vec::new();
        for at in 0..60_000_u32 {
            let filler = "x".repeat((at % 37) as usize);
            text.extend(format!("{filler}{at}\n").into_bytes());
        }
        text.extend("y".repeat(CHUNK * 3).into_bytes());
        text.extend(b" 59999 end\n59999");
        let expect: Vec<u64> = String::from_utf8(text.clone())
            .unwrap()
            .lines()
            .zip(1..)
            .filter(|(line, _)| line.contains("59999"))
            .map(|(_, number)| number)
            .collect();
        assert_eq!(numbers(&text, "59999"), expect);
        assert_eq!(expect, [60_000, 60_001, 60_002]);
    }
}
