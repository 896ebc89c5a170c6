//! What can go wrong with a store. The owner is the operator or the machine.

use std::path::PathBuf;

use portcullis_journal::Break;

/// A store that could not do what it was asked. The caller denies.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system refused an operation.
    #[error("cannot {what} `{}`", path.display())]
    System {
        /// What we tried: a verb.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file or directory is not safe to keep secrets in.
    #[error("`{}` {why}", path.display())]
    Unsafe {
        /// Which.
        path: PathBuf,
        /// What is wrong with it, and how to make it right.
        why: String,
    },
    /// The journal was written partly; the part was taken back.
    #[error("only {written} of {wanted} bytes were written to `{}`", path.display())]
    Short {
        /// The segment.
        path: PathBuf,
        /// Bytes that were written.
        written: usize,
        /// Bytes of the whole line.
        wanted: usize,
    },
    /// Another process has held the lock for too long.
    #[error("`{}` stayed locked by another process for {seconds} s", path.display())]
    Busy {
        /// The lock.
        path: PathBuf,
        /// How long we waited.
        seconds: u64,
    },
    /// What is stored is not what we wrote.
    #[error("`{}` is damaged: {why}; nothing passes until a person has looked at it", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The journal was changed.
    #[error("the journal does not verify: {0}")]
    Broken(Break),
    /// A record that cannot be sealed.
    #[error(transparent)]
    Unsealable(#[from] portcullis_journal::Unsealable),
    /// The database refused.
    #[error("cannot {what} in `{}`", path.display())]
    Database {
        /// What we tried.
        what: &'static str,
        /// The database.
        path: PathBuf,
        /// What it said.
        #[source]
        source: rusqlite::Error,
    },
}
