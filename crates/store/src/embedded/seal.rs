//! The key that answers and grants are sealed with: `grants.key`, readable by its owner only.
//!
//! Whoever may write the state directory may also read the key, so a seal does not keep
//! out who has this account. It shows a row that was edited, copied from elsewhere or
//! written by something that only had the database.

use std::io::{Read as _, Write as _};
use std::path::Path;

use portcullis_journal::Redactor;
use zeroize::{Zeroize as _, Zeroizing};

use super::dir::{Dir, system, temporary_name};
use crate::StoreError;

const NAME: &str = "grants.key";
const MARK: &[u8; 16] = b"portcullis seal1";
const LEN: usize = 16 + 32;

/// Seals rows.
#[derive(Debug)]
pub(crate) struct Seal(Redactor);

impl Seal {
    /// Reads the key of a state directory, and makes it when there is none.
    pub(crate) fn open(state: &Path) -> Result<Self, StoreError> {
        let dir = Dir::state(state)?;
        if let Some(seal) = load(&dir)? {
            return Ok(seal);
        }
        let name = temporary_name(NAME)?;
        let made = fill(&dir, &name).and_then(|()| dir.link(&name, NAME));
        dir.remove(&name);
        made?;
        dir.sync()?;
        let why = || "it vanished while it was made".to_owned();
        load(&dir)?.ok_or_else(|| StoreError::Damaged { path: dir.path(NAME), why: why() })
    }

    /// The seal of a row: of each of its texts, with its length.
    pub(crate) fn of<'a>(&self, texts: impl IntoIterator<Item = &'a str>) -> String {
        let mut all = b"portcullis grant 1\n".to_vec();
        for text in texts {
            all.extend_from_slice(format!("{}:", text.len()).as_bytes());
            all.extend_from_slice(text.as_bytes());
        }
        self.0.digest(&all).as_str().to_owned()
    }
}

fn load(dir: &Dir) -> Result<Option<Seal>, StoreError> {
    let Some(file) = dir.read(NAME)? else { return Ok(None) };
    let path = dir.path(NAME);
    let mut bytes = Zeroizing::new(Vec::with_capacity(LEN + 1));
    file.take(LEN as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| system("read", &path, source))?;
    let key = bytes.strip_prefix(MARK).and_then(|key| <[u8; 32]>::try_from(key).ok());
    let damaged = || StoreError::Damaged { path, why: "it is no key".to_owned() };
    key.ok_or_else(damaged).map(|key| Some(Seal(Redactor::new(key))))
}

fn fill(dir: &Dir, name: &str) -> Result<(), StoreError> {
    let path = dir.path(name);
    let mut file = dir.create(name)?;
    let mut key = [0; 32];
    let written = getrandom::fill(&mut key)
        .map_err(std::io::Error::other)
        .and_then(|()| file.write_all(MARK))
        .and_then(|()| file.write_all(&key))
        .and_then(|()| file.sync_all());
    key.zeroize();
    written.map_err(|source| system("write", &path, source))
}
