//! Copies of what the user named, so that nothing of theirs is touched. Bounded, without links,
//! and without what looks like a key.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use portcullis_guard::keys::{is_key_directory, is_key_file};

/// Files of one copy.
const FILES: usize = 2_000;
/// Bytes of one copy.
const BYTES: u64 = 16 << 20;
/// Directories in directories.
const DEEPEST: usize = 16;

/// Copies a file, or a directory into one that may exist. What is too much is left out.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut left = Left { files: FILES, bytes: BYTES };
    if fs::metadata(from)?.is_dir() { left.folder(from, to, 0) } else { left.file(from, to) }
}

/// What may still be copied.
struct Left {
    files: usize,
    bytes: u64,
}

impl Left {
    fn folder(&mut self, from: &Path, to: &Path, depth: usize) -> io::Result<()> {
        fs::create_dir_all(to)?;
        if depth >= DEEPEST {
            return Ok(());
        }
        for entry in fs::read_dir(from)? {
            let entry = entry?;
            let (kind, name) = (entry.file_type()?, entry.file_name());
            let text = name.to_string_lossy();
            let target = to.join(&name);
            if kind.is_dir() && !is_key_directory(&text) && text != ".git" && text != "node_modules"
            {
                // One that cannot be read is none that the server needs.
                let _ = self.folder(&entry.path(), &target, depth + 1);
            } else if kind.is_file() && !is_key_file(&text) {
                let _ = self.file(&entry.path(), &target);
            }
            if self.files == 0 {
                break;
            }
        }
        Ok(())
    }

    fn file(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        let source = File::open(from)?;
        let size = source.metadata()?.len();
        if size > self.bytes || self.files == 0 {
            return Ok(());
        }
        self.files -= 1;
        let mut target = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
        let copied = io::copy(&mut source.take(size), &mut target)?;
        self.bytes = self.bytes.saturating_sub(copied);
        Ok(())
    }
}
