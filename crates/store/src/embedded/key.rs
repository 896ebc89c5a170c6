//! The journal's keys: one to sign checkpoints, one to digest arguments.
//!
//! `key` holds a mark and 64 bytes of entropy and is readable by its owner only;
//! `key.pub` is the C2SP verifier key, for anybody. The key is made once: when
//! several processes start at the same time, the first to give its file the
//! name wins, and the others read it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;

use portcullis_journal::{PublicKey, Redactor, Signer};
use zeroize::{Zeroize as _, Zeroizing};

use super::dir::{Dir, system, temporary_name};
use crate::StoreError;

const SECRET: &str = "key";
const PUBLIC: &str = "key.pub";

/// What a key file begins with: its kind and version.
const MARK: &[u8; 16] = b"portcullis key 1";

/// The mark, the Ed25519 seed and the digest key.
const LEN: usize = 16 + 32 + 32;

/// The journal's keys; zeroed when dropped, and never printed.
#[derive(Debug)]
pub(crate) struct Keys {
    pub(crate) signer: Signer,
    digest: Secret,
}

struct Secret(Zeroizing<[u8; 32]>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Keys {
    /// Reads the keys, and makes them for a journal that has no records yet.
    pub(crate) fn open(dir: &Dir, has_records: bool) -> Result<Self, StoreError> {
        let keys = match Self::load(dir)? {
            Some(keys) => keys,
            None if has_records => {
                let why = "is missing, and the journal cannot be continued without it".to_owned();
                return Err(StoreError::Damaged { path: dir.path(SECRET), why });
            }
            None => Self::create(dir)?,
        };
        publish(dir, keys.signer.public())?;
        Ok(keys)
    }

    pub(crate) fn redactor(&self) -> Redactor {
        Redactor::new(*self.digest.0)
    }

    fn load(dir: &Dir) -> Result<Option<Self>, StoreError> {
        let path = dir.path(SECRET);
        let Some(mut file) = dir.read(SECRET)? else { return Ok(None) };
        let failed = |source| system("read", &path, source);
        let mode = file.metadata().map_err(failed)?.permissions().mode();
        if mode & 0o077 != 0 {
            let why = "may be read by others: run `chmod 600` on it".to_owned();
            return Err(StoreError::Unsafe { path, why });
        }
        let mut bytes = Zeroizing::new([0; LEN + 1]);
        let mut len = 0;
        while let Some(rest) = bytes.get_mut(len..).filter(|rest| !rest.is_empty()) {
            match file.read(rest).map_err(failed)? {
                0 => break,
                more => len += more,
            }
        }
        let bytes = bytes.get(..len).unwrap_or_default();
        let damaged = || StoreError::Damaged { path: path.clone(), why: "it is no key".to_owned() };
        Self::from_bytes(bytes).ok_or_else(damaged).map(Some)
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (seed, digest) = bytes.strip_prefix(MARK)?.split_at_checked(32)?;
        let seed = Zeroizing::new(<[u8; 32]>::try_from(seed).ok()?);
        let digest = Zeroizing::new(<[u8; 32]>::try_from(digest).ok()?);
        Some(Self { signer: Signer::from_seed(&seed), digest: Secret(digest) })
    }

    fn create(dir: &Dir) -> Result<Self, StoreError> {
        let name = temporary_name(SECRET)?;
        let file = dir.create(&name)?;
        let written = fill(file, dir).and_then(|()| dir.link(&name, SECRET));
        dir.remove(&name);
        written?;
        dir.sync()?;
        let missing = || StoreError::Damaged {
            path: dir.path(SECRET),
            why: "it vanished while it was made".to_owned(),
        };
        Self::load(dir)?.ok_or_else(missing)
    }
}

fn fill(mut file: File, dir: &Dir) -> Result<(), StoreError> {
    let path = dir.path(SECRET);
    let mut entropy = [0; LEN - MARK.len()];
    let dice = getrandom::fill(&mut entropy).map_err(std::io::Error::other);
    let written = dice
        .and_then(|()| file.write_all(MARK))
        .and_then(|()| file.write_all(&entropy))
        .and_then(|()| file.sync_all());
    entropy.zeroize();
    written.map_err(|source| system("write", &path, source))
}

/// Writes `key.pub` when it is missing; another one in its place is an alarm.
fn publish(dir: &Dir, public: &PublicKey) -> Result<(), StoreError> {
    match load_public(dir)? {
        Some(there) if there == *public => return Ok(()),
        Some(_) => {
            let why = "it does not belong to `key`".to_owned();
            return Err(StoreError::Damaged { path: dir.path(PUBLIC), why });
        }
        None => {}
    }
    let name = temporary_name(PUBLIC)?;
    let mut file = dir.create(&name)?;
    let readable = std::fs::Permissions::from_mode(0o644);
    let written = file
        .write_all(format!("{public}\n").as_bytes())
        .and_then(|()| file.set_permissions(readable))
        .map_err(|source| system("write", &dir.path(PUBLIC), source))
        .and_then(|()| dir.rename(&name, PUBLIC));
    if written.is_err() {
        dir.remove(&name);
    }
    written
}

/// The key that checks this journal's checkpoints; `None` when there is none.
pub(crate) fn load_public(dir: &Dir) -> Result<Option<PublicKey>, StoreError> {
    let Some(file) = dir.read(PUBLIC)? else { return Ok(None) };
    let path = dir.path(PUBLIC);
    let mut text = String::new();
    file.take(1024).read_to_string(&mut text).map_err(|source| system("read", &path, source))?;
    let damaged = || StoreError::Damaged { path, why: "it is no verifier key".to_owned() };
    PublicKey::parse(&text).ok_or_else(damaged).map(Some)
}
