//! The chain: each line carries the hash of the line before it.
//!
//! A line is one JSON object with its members in a fixed order, compact, ending
//! in `"prev":"sha256:…","hash":"sha256:…"}` and a newline. The bytes as written
//! are the canonical form: `hash` = SHA-256 over the 32 bytes of `prev` and then
//! the line without its `hash` member and newline. A verifier therefore never
//! re-encodes JSON.

use std::fmt;
use std::io::Write as _;

use serde::{Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::checkpoint::JournalId;
use crate::record::Record;
use crate::time::Timestamp;

/// A SHA-256 value, written `sha256:` and 64 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

/// The state of a chain: the number and hash of its last record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    seq: u64,
    prev: Hash,
}

/// A record that became a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its number, from 1.
    pub seq: u64,
    /// One JSON object and its newline.
    pub line: Vec<u8>,
    /// What the next record's `prev` will be.
    pub hash: Hash,
}

/// A record that JSON cannot hold. No record made of this crate's types is one.
#[derive(Debug, thiserror::Error)]
#[error("the record cannot be written as JSON")]
pub struct Unsealable(#[source] serde_json::Error);

impl Hash {
    /// The length of the written form: `sha256:` and 64 digits.
    pub const TEXT_LEN: usize = 71;

    /// Wraps a SHA-256 value.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Reads the written form; upper case is another text, so it is refused.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let digits = text.strip_prefix(b"sha256:")?;
        let (pairs, []) = digits.as_chunks::<2>() else { return None };
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = hex_value(*high)? << 4 | hex_value(*low)?;
        }
        Some(Self(bytes))
    }

    fn write_to(&self, line: &mut Vec<u8>) {
        line.extend_from_slice(b"sha256:");
        for byte in self.0 {
            line.extend_from_slice(&[hex_digit(byte >> 4), hex_digit(byte & 15)]);
        }
    }
}

fn hex_digit(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Chain {
    /// The chain of a journal that has no record yet.
    ///
    /// The first `prev` depends on the journal, so that the records of one
    /// journal cannot open another.
    #[must_use]
    pub fn genesis(journal: &JournalId) -> Self {
        let first =
            Sha256::new().chain_update(b"portcullis journal\n").chain_update(journal.as_str());
        Self { seq: 0, prev: Hash(first.finalize().into()) }
    }

    /// Continues after the record `seq` whose hash was `prev`.
    #[must_use]
    pub fn resume(seq: u64, prev: Hash) -> Self {
        Self { seq, prev }
    }

    /// The number of the last record; 0 when there is none.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The hash of the last record.
    #[must_use]
    pub fn head(&self) -> Hash {
        self.prev
    }

    /// Numbers, dates and seals a record.
    ///
    /// A writer that fails to store the line goes back to a copy of the chain
    /// that it took before.
    ///
    /// # Errors
    /// [`Unsealable`] when the record cannot be JSON; the chain is unchanged.
    pub fn seal(&mut self, record: &Record, time: Timestamp) -> Result<Sealed, Unsealable> {
        let seq = self.seq.saturating_add(1);
        let mut line = Vec::with_capacity(1024);
        // Writing to a `Vec` cannot fail; serialising in principle can.
        let io = |error| Unsealable(serde_json::Error::io(error));
        write!(line, "{{\"seq\":{seq},\"time\":\"{time}\"").map_err(io)?;
        let brace = line.len();
        serde_json::to_writer(&mut line, record).map_err(Unsealable)?;
        if let Some(byte) = line.get_mut(brace) {
            *byte = b',';
        }
        line.pop();
        line.extend_from_slice(b",\"prev\":\"");
        self.prev.write_to(&mut line);
        line.extend_from_slice(b"\"");
        let hash = seal_of(&self.prev, &line);
        line.extend_from_slice(HASH_MEMBER);
        hash.write_to(&mut line);
        line.extend_from_slice(b"\"}\n");
        *self = Self { seq, prev: hash };
        Ok(Sealed { seq, line, hash })
    }
}

const HASH_MEMBER: &[u8] = b",\"hash\":\"";

/// The hash of a line, from everything before its `hash` member.
fn seal_of(prev: &Hash, before_hash: &[u8]) -> Hash {
    let digest = Sha256::new().chain_update(prev.0).chain_update(before_hash).chain_update(b"}");
    Hash(digest.finalize().into())
}

/// What a line says of its place in the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seal<'a> {
    /// Its number.
    pub seq: u64,
    /// The hash of the line before it, as it claims.
    pub prev: Hash,
    /// Its own hash, as it claims.
    pub hash: Hash,
    before_hash: &'a [u8],
}

impl<'a> Seal<'a> {
    /// Reads the seal of a line without its newline; `None` when it has none.
    #[must_use]
    pub fn read(line: &'a [u8]) -> Option<Self> {
        let (rest, hash) = last_hash(line.strip_suffix(b"\"}")?)?;
        let before_hash = rest.strip_suffix(HASH_MEMBER)?;
        let (rest, prev) = last_hash(before_hash.strip_suffix(b"\"")?)?;
        rest.strip_suffix(b",\"prev\":\"")?;
        let seq = number(line)?;
        Some(Self { seq, prev, hash, before_hash })
    }

    /// True when the line's hash is the hash of the line.
    #[must_use]
    pub fn holds(&self) -> bool {
        seal_of(&self.prev, self.before_hash) == self.hash
    }
}

/// The number of a record, from the beginning of its line.
#[must_use]
pub fn number(line: &[u8]) -> Option<u64> {
    let digits = line.strip_prefix(b"{\"seq\":")?;
    // The largest number has twenty digits.
    let comma = digits.iter().take(21).position(|byte| *byte == b',')?;
    std::str::from_utf8(digits.get(..comma)?).ok()?.parse().ok()
}

fn last_hash(text: &[u8]) -> Option<(&[u8], Hash)> {
    let (rest, hash) = text.split_at_checked(text.len().checked_sub(Hash::TEXT_LEN)?)?;
    Some((rest, Hash::parse(hash)?))
}

#[cfg(test)]
mod tests {
    use portcullis_policy::{Principal, ServerName};

    use super::*;
    use crate::record::Event;

    fn record(note: &str) -> Record {
        let server = ServerName::new("files").unwrap();
        let mut record = Record::new(Event::Notice, "s1", &server, &Principal::user(1000));
        record.note = Some(note.to_owned());
        record
    }

    #[test]
    fn a_line_has_the_members_that_scripts_rely_on() {
        let mut chain = Chain::resume(41, Hash::from_bytes([0xab; 32]));
        let sealed = chain.seal(&record("hello\n"), Timestamp(1_700_000_000_000_000)).unwrap();
        assert_eq!((sealed.seq, chain.seq()), (42, 42));
        let line: serde_json::Value = serde_json::from_slice(&sealed.line).unwrap();
        assert_eq!(line["seq"], 42);
        assert_eq!(line["time"], "2023-11-14T22:13:20.000000Z");
        assert_eq!(line["server"], "files");
        assert_eq!(line["principal"], "uid:1000");
        assert_eq!(line["event"], "notice");
        assert_eq!(line["decision"]["effect"], "allow");
        assert_eq!(line["prev"], format!("sha256:{}", "ab".repeat(32)));
        assert_eq!(line["hash"], sealed.hash.to_string());
        assert_eq!(sealed.line.iter().filter(|byte| **byte == b'\n').count(), 1);
    }

    #[test]
    fn a_seal_reads_back_and_holds() {
        let mut chain = Chain::resume(0, Hash::from_bytes([7; 32]));
        let first = chain.seal(&record("a"), Timestamp(1)).unwrap();
        let second = chain.seal(&record("b"), Timestamp(2)).unwrap();
        let seal = Seal::read(second.line.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!((seal.seq, seal.prev, seal.hash), (2, first.hash, second.hash));
        assert!(seal.holds());
    }

    #[test]
    fn what_is_no_line_has_no_seal() {
        for bad in ["", "{}", "{\"seq\":1}", "{\"seq\":1,\"prev\":\"x\",\"hash\":\"y\"}"] {
            assert_eq!(Seal::read(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn journals_begin_differently() {
        let [a, b] = ["0123456789abcdef", "fedcba9876543210"]
            .map(|id| Chain::genesis(&JournalId::parse(id).unwrap()));
        assert_ne!(a.head(), b.head());
    }
}
