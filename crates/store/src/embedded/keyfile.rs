//! A file with one key of 32 bytes: made once, readable by its owner only.
//!
//! When several processes start at the same time, the first to give its file the name wins, and
//! the others read it.

use std::io::{Read as _, Write as _};
use std::path::Path;

use zeroize::{Zeroize as _, Zeroizing};

use super::dir::{Dir, system, temporary_name};
use crate::StoreError;

/// Letters that say what a key is for, before it.
pub(crate) type Mark = [u8; 16];

const LEN: usize = 16 + 32;

/// Reads a key of a state directory, and makes it when there is none.
pub(crate) fn open(
    state: &Path,
    name: &str,
    mark: &Mark,
) -> Result<Zeroizing<[u8; 32]>, StoreError> {
    let dir = Dir::state(state)?;
    if let Some(key) = load(&dir, name, mark)? {
        return Ok(key);
    }
    let temporary = temporary_name(name)?;
    let made = fill(&dir, &temporary, mark).and_then(|()| dir.link(&temporary, name));
    dir.remove(&temporary);
    made?;
    dir.sync()?;
    let why = || "it vanished while it was made".to_owned();
    load(&dir, name, mark)?.ok_or_else(|| StoreError::Damaged { path: dir.path(name), why: why() })
}

fn load(dir: &Dir, name: &str, mark: &Mark) -> Result<Option<Zeroizing<[u8; 32]>>, StoreError> {
    let Some(file) = dir.read(name)? else { return Ok(None) };
    let path = dir.path(name);
    let mut bytes = Zeroizing::new(Vec::with_capacity(LEN + 1));
    file.take(LEN as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| system("read", &path, source))?;
    let key = bytes.strip_prefix(mark).and_then(|key| <[u8; 32]>::try_from(key).ok());
    let damaged = || StoreError::Damaged { path, why: "it is no key".to_owned() };
    key.ok_or_else(damaged).map(|key| Some(Zeroizing::new(key)))
}

fn fill(dir: &Dir, name: &str, mark: &Mark) -> Result<(), StoreError> {
    let path = dir.path(name);
    let mut file = dir.create(name)?;
    let mut key = [0; 32];
    let written = getrandom::fill(&mut key)
        .map_err(std::io::Error::other)
        .and_then(|()| file.write_all(mark))
        .and_then(|()| file.write_all(&key))
        .and_then(|()| file.sync_all());
    key.zeroize();
    written.map_err(|source| system("write", &path, source))
}
