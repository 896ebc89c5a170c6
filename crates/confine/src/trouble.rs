//! A step that failed inside the broker, the init or the payload: what, and with which errno.
//!
//! It travels over the control socket, so that no reason is ever lost on a
//! stream that nobody reads.

use serde::{Deserialize, Serialize};

/// In which part of a start something went wrong: it decides what may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Part {
    /// The box itself cannot be built: a weaker level may still be possible.
    Box,
    /// A granted directory is not what was granted.
    Root,
    /// The program cannot be started.
    Program,
    /// An attempt of the self-test was not held.
    SelfTest,
}

/// One failed step.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Trouble {
    pub(crate) part: Part,
    pub(crate) what: String,
    pub(crate) errno: i32,
}

/// The outcome of a step.
pub(crate) type Step<T> = Result<T, Trouble>;

impl Trouble {
    pub(crate) fn new(part: Part, what: impl Into<String>) -> Self {
        Self { part, what: what.into(), errno: 0 }
    }

    /// The step and the system's words for its errno.
    pub(crate) fn text(&self) -> String {
        match self.errno {
            0 => self.what.clone(),
            n => format!("{}: {}", self.what, std::io::Error::from_raw_os_error(n)),
        }
    }
}

/// Anything that carries an errno.
pub(crate) trait Errno {
    fn errno(&self) -> i32;
}

impl Errno for std::io::Error {
    fn errno(&self) -> i32 {
        self.raw_os_error().unwrap_or(0)
    }
}

impl Errno for rustix::io::Errno {
    fn errno(&self) -> i32 {
        self.raw_os_error()
    }
}

/// Names the step that a system call belongs to.
pub(crate) trait During<T> {
    /// While building the box.
    fn during(self, what: impl AsRef<str>) -> Step<T>;
    /// While doing something else.
    fn during_part(self, part: Part, what: impl AsRef<str>) -> Step<T>;
}

impl<T, E: Errno> During<T> for Result<T, E> {
    fn during(self, what: impl AsRef<str>) -> Step<T> {
        self.during_part(Part::Box, what)
    }

    fn during_part(self, part: Part, what: impl AsRef<str>) -> Step<T> {
        self.map_err(|e| Trouble { part, what: what.as_ref().to_owned(), errno: e.errno() })
    }
}
