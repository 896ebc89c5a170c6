//! A directory that is thrown away, with everything in it.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use super::dice::word;

/// Ours alone, and gone when this goes.
#[derive(Debug)]
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> std::io::Result<Self> {
        let folder = std::env::temp_dir().canonicalize()?;
        let folder = folder.join(format!("portcullis-audit-{}", word()));
        std::fs::DirBuilder::new().mode(0o700).create(&folder)?;
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left there is in a directory of ours, and told by nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
