//! Unpacks an archive that a stranger packed: ordinary files with plain names, into a directory of ours, and no more of
//! them than there may be. Whatever else is in it is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use flate2::bufread::DeflateDecoder;
use portcullis_guard::text::bounded;
use rawzip::{CompressionMethod, ZipArchive, ZipFileHeaderRecord, ZipSliceArchive};

use crate::evidence::bundle::{Flaw, FlawKind, Signature};
use crate::evidence::source::LeftOut;

/// What is unpacked of any archive.
pub(super) const MOST: Most = Most { entries: 50_000, one: 64 << 20, all: 256 << 20 };
/// What grows more than this, once it is large, was packed to fill a disk.
const RATIO: u64 = 200;
const LARGE: u64 = 1 << 20;
/// The longest name, in bytes, and its deepest directory.
const NAME: usize = 1_000;
const DEEP: usize = 64;
/// Around a signature, which lies behind the archive.
const BEGINS: &[u8] = b"MCPB_SIG_V1";
const ENDS: &[u8] = b"MCPB_SIG_END";

/// How many entries are looked at, and what one of them, and all of them, may become, in bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Most {
    pub(super) entries: u64,
    pub(super) one: u64,
    pub(super) all: u64,
}

/// What was in it.
#[derive(Debug)]
pub(super) struct Unpacked {
    pub(super) entries: u64,
    pub(super) bytes: u64,
    pub(super) signature: Signature,
    pub(super) flaws: Vec<Flaw>,
    pub(super) unread: Vec<LeftOut>,
}

struct Unpacker<'a> {
    to: &'a Path,
    most: Most,
    bytes: u64,
    names: BTreeSet<String>,
    folded: BTreeSet<String>,
    ranges: BTreeMap<u64, u64>,
    flaws: BTreeMap<FlawKind, Flaw>,
    unread: Vec<LeftOut>,
}

/// Unpacks all that may be unpacked.
///
/// # Errors
/// In words, when it is no archive.
pub(super) fn unpack(packed: &[u8], to: &Path, most: Most) -> Result<Unpacked, String> {
    let locator = ZipArchive::with_max_search_space(packed.len() as u64);
    let archive = locator.locate_in_slice(packed);
    let archive = archive.map_err(|(_, error)| format!("it is no zip archive: {error}"))?;
    let mut unpacker = Unpacker {
        to,
        most,
        bytes: 0,
        names: BTreeSet::new(),
        folded: BTreeSet::new(),
        ranges: BTreeMap::new(),
        flaws: BTreeMap::new(),
        unread: Vec::new(),
    };
    let end = usize::try_from(archive.end_offset()).unwrap_or(usize::MAX);
    let behind = packed.get(end..).unwrap_or_default();
    let signature = match behind {
        [] => Signature::None,
        signed if signed.starts_with(BEGINS) && signed.ends_with(ENDS) => Signature::Unverified,
        _ => {
            unpacker.flaw(FlawKind::Behind, "what");
            Signature::None
        }
    };
    let entries = unpacker.all(&archive);
    Ok(Unpacked {
        entries,
        bytes: unpacker.bytes,
        signature,
        flaws: unpacker.flaws.into_values().collect(),
        unread: unpacker.unread,
    })
}

/// What an entry is, when it is one of ours.
enum Kind {
    Folder,
    File { runs: bool },
}

impl Unpacker<'_> {
    fn flaw(&mut self, kind: FlawKind, name: &str) {
        let first = || Flaw { kind, name: bounded(name, 200), times: 0 };
        let flaw = self.flaws.entry(kind).or_insert_with(first);
        flaw.times = flaw.times.saturating_add(1);
    }

    fn all(&mut self, archive: &ZipSliceArchive<&[u8]>) -> u64 {
        let mut entries = archive.entries();
        let mut seen = 0_u64;
        loop {
            let entry = match entries.next_entry() {
                Ok(Some(entry)) => entry,
                Ok(None) => return seen,
                Err(_) => {
                    self.flaw(FlawKind::Broken, "its directory");
                    return seen;
                }
            };
            seen = seen.saturating_add(1);
            if seen > self.most.entries || self.bytes >= self.most.all {
                let why = "it has more in it than is unpacked".to_owned();
                self.unread.push(LeftOut::of("and what follows".to_owned(), why));
                return seen;
            }
            self.one(archive, &entry);
        }
    }

    fn one(&mut self, archive: &ZipSliceArchive<&[u8]>, entry: &ZipFileHeaderRecord<'_>) {
        let raw = entry.file_path().as_bytes();
        let shown = String::from_utf8_lossy(raw).into_owned();
        let name = match plain(raw) {
            Ok(name) => name,
            Err(kind) => return self.flaw(kind, &shown),
        };
        let kind = match kind(entry) {
            Ok(kind) => kind,
            Err(kind) => return self.flaw(kind, &shown),
        };
        if !self.names.insert(name.to_owned()) {
            return self.flaw(FlawKind::Twice, &shown);
        }
        if !self.folded.insert(name.to_lowercase()) {
            self.flaw(FlawKind::Collides, &shown);
        }
        let written = match kind {
            Kind::Folder => fs::create_dir_all(self.to.join(name)).map_err(|_| FlawKind::Collides),
            Kind::File { runs } => self.file(archive, entry, name, runs),
        };
        if let Err(kind) = written {
            self.flaw(kind, &shown);
        }
    }

    fn file(
        &mut self,
        archive: &ZipSliceArchive<&[u8]>,
        entry: &ZipFileHeaderRecord<'_>,
        name: &str,
        runs: bool,
    ) -> Result<(), FlawKind> {
        let local = archive.get_entry(entry.wayfinder()).map_err(|_| FlawKind::Broken)?;
        let header = local.local_header();
        let same = header.file_path().as_bytes() == entry.file_path().as_bytes()
            && header.compression_method() == entry.compression_method()
            && header.flags().is_encrypted() == entry.flags().is_encrypted();
        if !same {
            return Err(FlawKind::Disagrees);
        }
        let (begin, end) = local.compressed_data_range();
        let before = self.ranges.range(..end).next_back();
        if begin < end && before.is_some_and(|(_, other)| *other > begin) {
            return Err(FlawKind::Overlaps);
        }
        // One without anything in it says nothing of where another one lies.
        if begin < end {
            self.ranges.insert(begin, end);
        }
        let data = local.data();
        let size = entry.uncompressed_size_hint();
        if size > LARGE && size > (data.len() as u64).saturating_mul(RATIO) {
            return Err(FlawKind::Bomb);
        }
        if size > self.most.one || self.bytes.saturating_add(size) > self.most.all {
            let why = "it is larger than what is unpacked".to_owned();
            self.unread.push(LeftOut::of(bounded(name, 200), why));
            return Ok(());
        }
        let into = self.to.join(name);
        let folder = into.parent().unwrap_or(self.to);
        fs::create_dir_all(folder).map_err(|_| FlawKind::Collides)?;
        let mode = if runs { 0o700 } else { 0o600 };
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(mode).open(&into);
        let mut file = file.map_err(|_| FlawKind::Collides)?;
        // One byte more than it says: a reader that stops where it says would believe it.
        let most = size.saturating_add(1);
        let copied = match entry.compression_method() == CompressionMethod::STORE {
            true => copy(local.verifying_reader(data), most, &mut file),
            false => copy(local.verifying_reader(DeflateDecoder::new(data)), most, &mut file),
        };
        // What comes to nothing was unpacked all the same.
        self.bytes = self.bytes.saturating_add(size);
        match copied {
            Ok(copied) if copied == size => Ok(()),
            _ => {
                let _gone = fs::remove_file(&into);
                Err(FlawKind::Broken)
            }
        }
    }
}

fn copy(from: impl Read, most: u64, to: &mut fs::File) -> std::io::Result<u64> {
    let copied = std::io::copy(&mut from.take(most), to)?;
    to.flush()?;
    Ok(copied)
}

/// A name that leads downwards and is the same wherever it is unpacked.
fn plain(raw: &[u8]) -> Result<&str, FlawKind> {
    let name = std::str::from_utf8(raw).map_err(|_| FlawKind::OddName)?;
    let drive = name.get(1..2) == Some(":");
    if name.starts_with(['/', '\\']) || drive || name.split(['/', '\\']).any(|it| it == "..") {
        return Err(FlawKind::LeadsOut);
    }
    let name = name.strip_suffix('/').unwrap_or(name);
    let parts = || name.split('/');
    let odd = name.len() > NAME
        || parts().count() > DEEP
        || parts().any(|it| it.is_empty() || it == "." || it.len() > 255)
        || name.contains('\\')
        || portcullis_guard::text::visible(name) != name;
    if odd { Err(FlawKind::OddName) } else { Ok(name) }
}

/// A directory or an ordinary file, packed in a way that everybody knows.
fn kind(entry: &ZipFileHeaderRecord<'_>) -> Result<Kind, FlawKind> {
    let mode = entry.mode();
    let method = entry.compression_method();
    if entry.flags().is_encrypted() {
        return Err(FlawKind::Encrypted);
    }
    if mode.is_symlink() {
        return Err(FlawKind::Link);
    }
    match mode.value() & 0o170_000 {
        0o100_000 | 0o040_000 | 0 => {}
        _ => return Err(FlawKind::Device),
    }
    if entry.is_dir() {
        return Ok(Kind::Folder);
    }
    match method == CompressionMethod::STORE || method == CompressionMethod::DEFLATE {
        true => Ok(Kind::File { runs: mode.value() & 0o111 != 0 }),
        false => Err(FlawKind::Broken),
    }
}

#[cfg(test)]
mod tests;
