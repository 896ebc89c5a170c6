//! Which console is open: a file beside the approvals, locked for as long as it is served.
//!
//! The kernel lets go of the lock when the console ends, however it ends, so a file that is
//! left behind says nothing.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::dir::{Dir, system};
use crate::StoreError;

const NAME: &str = "console";
/// Longest address, in bytes.
const LONGEST: u64 = 256;
/// Somebody who looks holds the file for microseconds.
const PATIENCE: Duration = Duration::from_secs(1);

/// A console that others can find, until this is dropped.
#[derive(Debug)]
pub struct Window {
    /// Locked as long as it is open.
    _file: File,
}

impl Window {
    /// Writes down where a console says that a question waits. Nothing when another one is
    /// open already: that one is found.
    ///
    /// # Errors
    /// When the state directory cannot be written.
    pub fn open(state: &Path, place: &str) -> Result<Option<Self>, StoreError> {
        let dir = Dir::state(state)?;
        let mut file = dir.append(NAME)?;
        let failed = |source: std::io::Error| system("write", &dir.path(NAME), source);
        let deadline = Instant::now() + PATIENCE;
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => return Ok(None),
                Err(errno) => return Err(failed(errno.into())),
            }
        }
        file.set_len(0).map_err(failed)?;
        file.write_all(place.as_bytes()).map_err(failed)?;
        Ok(Some(Self { _file: file }))
    }

    /// Where the console that is open says that a question waits; nothing when none is.
    #[must_use]
    pub fn find(state: &Path) -> Option<String> {
        let file = Dir::state(state).ok()?.read(NAME).ok()??;
        match flock(&file, FlockOperation::NonBlockingLockShared) {
            Err(Errno::WOULDBLOCK) => {}
            _ => return None,
        }
        let mut place = String::new();
        file.take(LONGEST).read_to_string(&mut place).ok()?;
        let plain = |c: char| c.is_ascii_alphanumeric() || ":/.".contains(c);
        let ours = place.starts_with("http://") && place.chars().all(plain);
        ours.then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_is_found_while_it_is_open() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path();
        assert_eq!(Window::find(state), None);
        let place = "http://0a.localhost:4000/";
        let window = Window::open(state, place).unwrap().expect("the first one");
        assert_eq!(Window::find(state).as_deref(), Some(place));
        assert!(Window::open(state, "http://0b.localhost:4001/").unwrap().is_none());
        assert_eq!(Window::find(state).as_deref(), Some(place), "the first one is found");
        drop(window);
        assert_eq!(Window::find(state), None);
        let shorter = "http://0c.localhost:1/";
        let _window = Window::open(state, shorter).unwrap().expect("it is free again");
        assert_eq!(Window::find(state).as_deref(), Some(shorter));
    }

    #[test]
    fn what_is_no_address_of_ours_is_not_given_on() {
        let dir = tempfile::tempdir().unwrap();
        for odd in ["", "https://evil.test/", "http://a.localhost:1/?q=\n", "javascript:1"] {
            let _window = Window::open(dir.path(), odd).unwrap().expect("free");
            assert_eq!(Window::find(dir.path()), None, "{odd}");
        }
    }
}
