//! The side log: what servers write to stderr and as log messages, redacted,
//! bounded, kept beside the journal. It is help for a person, not evidence.

use std::collections::VecDeque;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use portcullis_guard::secret::SecretString;
use portcullis_guard::{secret, text};
use portcullis_policy::ServerName;

/// A log is cut in two at this size, in bytes; the older half is kept as `.1`.
const FULL: u64 = 1 << 20;
/// Longest line, in characters.
const LINE: usize = 2000;
/// Shortest value that is looked for, in characters.
const TELLING: usize = 6;
/// Last lines kept in memory, for the message when a server dies.
const LAST: usize = 5;

/// One server's side log.
#[derive(Debug)]
pub(crate) struct SideLog {
    path: PathBuf,
    file: Option<File>,
    bytes: u64,
    last: VecDeque<String>,
    known: Vec<(String, SecretString)>,
}

impl SideLog {
    /// The log of `server` below `<state>/journal/side/`.
    pub(crate) fn open(state: &Path, server: &ServerName) -> Self {
        let folder = state.join("journal").join("side");
        let path = folder.join(format!("{server}.log"));
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        let file = made.ok().and_then(|()| append_to(&path));
        let bytes =
            file.as_ref().and_then(|file| file.metadata().ok()).map_or(0, |facts| facts.len());
        Self { path, file, bytes, last: VecDeque::new(), known: Vec::new() }
    }

    /// The same, and these values are in no line, whatever they look like. One of
    /// fewer than [`TELLING`] characters is a word that stands anywhere.
    pub(crate) fn knowing(mut self, secrets: Vec<(String, SecretString)>) -> Self {
        let telling =
            |secret: &SecretString| secret.expose("its length").chars().count() >= TELLING;
        self.known = secrets.into_iter().filter(|(_, secret)| telling(secret)).collect();
        self
    }

    /// And these too, beside what is known already.
    pub(crate) fn knows_too(&mut self, secrets: Vec<(String, SecretString)>) {
        let known = std::mem::take(&mut self.known);
        let telling =
            |secret: &SecretString| secret.expose("its length").chars().count() >= TELLING;
        let fresh = secrets.into_iter().filter(|(_, secret)| telling(secret));
        self.known = known.into_iter().chain(fresh).collect();
    }

    fn without_known(&self, line: &str) -> String {
        self.known.iter().fold(line.to_owned(), |line, (name, secret)| {
            line.replace(secret.expose("to take it out"), &format!("<redacted:{name}>"))
        })
    }

    /// Keeps one line. A log that cannot be written is no reason to stop.
    pub(crate) fn keep(&mut self, line: &str) {
        // Before it is cut: a part of a secret is not found any more.
        let bounded: String = self.without_known(line).chars().take(LINE).collect();
        let line = text::visible(&secret::redact(&bounded));
        if let Some(file) = &mut self.file {
            let written = writeln!(file, "{line}");
            self.bytes += written.map_or(0, |()| line.len() as u64 + 1);
        }
        if self.bytes > FULL {
            self.turn();
        }
        self.last.push_back(line);
        if self.last.len() > LAST {
            self.last.pop_front();
        }
    }

    fn turn(&mut self) {
        let older = self.path.with_extension("log.1");
        // Losing the older half is better than losing the newer one.
        let _ = std::fs::rename(&self.path, older);
        self.file = append_to(&self.path);
        self.bytes = 0;
    }

    /// The last lines, for a person who wonders why the server died.
    pub(crate) fn last(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }

    /// Where the log is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn append_to(path: &Path) -> Option<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).mode(0o600).custom_flags(no_follow());
    options.open(path).ok()
}

fn no_follow() -> i32 {
    i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0)
}
