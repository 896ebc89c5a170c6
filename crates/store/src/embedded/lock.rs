//! The lock that makes several writers one: `flock` on `<journal>/lock`.
//!
//! The kernel lets go of it when its holder dies, however it dies.

use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::dir::{Dir, system};
use crate::StoreError;

const NAME: &str = "lock";

/// How long to wait: a holder needs microseconds, so one that is stopped or
/// hangs on a dead disk is an error and not a reason to wait for ever.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

/// Proof that the lock is held; lets go when dropped.
#[derive(Debug)]
pub(crate) struct Held<'a>(&'a Lock);

impl Lock {
    pub(crate) fn open(dir: &Dir) -> Result<Self, StoreError> {
        Ok(Self { file: dir.append(NAME)?, path: dir.path(NAME) })
    }

    /// The lock of a journal that is only read; none when it is a copy without one.
    pub(crate) fn to_read(dir: &Dir) -> Result<Option<Self>, StoreError> {
        Ok(dir.read(NAME)?.map(|file| Self { file, path: dir.path(NAME) }))
    }

    /// Keeps all others out.
    pub(crate) fn exclusive(&self) -> Result<Held<'_>, StoreError> {
        self.take(FlockOperation::NonBlockingLockExclusive)
    }

    /// Keeps writers out.
    pub(crate) fn shared(&self) -> Result<Held<'_>, StoreError> {
        self.take(FlockOperation::NonBlockingLockShared)
    }

    fn take(&self, operation: FlockOperation) -> Result<Held<'_>, StoreError> {
        let mut waiting: Option<Instant> = None;
        for attempt in 0_u64.. {
            match rustix::fs::flock(&self.file, operation) {
                Ok(()) => return Ok(Held(self)),
                Err(Errno::WOULDBLOCK | Errno::INTR) => {}
                Err(errno) => return Err(system("lock", &self.path, errno)),
            }
            if waiting.get_or_insert_with(Instant::now).elapsed() > PATIENCE {
                break;
            }
            // The holder is usually done before we could fall asleep.
            if attempt < 50 {
                std::thread::yield_now();
            } else {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        Err(StoreError::Busy { path: self.path.clone(), seconds: PATIENCE.as_secs() })
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let _ = rustix::fs::flock(&self.0.file, FlockOperation::Unlock);
    }
}
