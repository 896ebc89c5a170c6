//! Whose turn it is to redeem what counts once: a refresh token that two redeem is taken for a
//! stolen one (RFC 9700, 4.14.2). A file beside the database for each principal and server, locked
//! while one of them does, be they sessions of one process or of several.
//!
//! The kernel lets go of the lock when its holder ends, however it ends.

use std::fs::File;
use std::path::Path;

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

use super::dir::{Dir, system};
use crate::StoreError;

/// It is our turn, until this is dropped.
#[derive(Debug)]
pub struct Turn {
    /// Locked as long as it is open.
    _file: File,
}

impl Turn {
    /// Takes the turn, unless somebody else has it.
    ///
    /// # Errors
    /// When the state directory cannot be written.
    pub fn take(state: &Path, principal: &str, server: &str) -> Result<Option<Self>, StoreError> {
        let digest = Sha256::digest(format!("{}:{principal}{server}", principal.len()));
        let short: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let name = format!("credentials-{short}.lock");
        let dir = Dir::state(state)?;
        let file = dir.append(&name)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(None),
            Err(errno) => Err(system("lock", &dir.path(&name), errno)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_the_turn_for_one_server_at_a_time() {
        let state = tempfile::tempdir().unwrap();
        let take = |principal, server| Turn::take(state.path(), principal, server).unwrap();
        let first = take("user:1", "https://a.example.com/mcp");
        assert!(first.is_some());
        assert!(take("user:1", "https://a.example.com/mcp").is_none());
        assert!(take("user:2", "https://a.example.com/mcp").is_some());
        assert!(take("user:1", "https://b.example.com/mcp").is_some());
        drop(first);
        assert!(take("user:1", "https://a.example.com/mcp").is_some());
    }
}
