//! What a process may touch: the profile that a caller writes, in our own words.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::egress::Doors;
use crate::root::RootGrant;

/// How strong a box is. Ordered: `None < Landlock < Full`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// A plain process: scrubbed environment, limits, no inherited descriptors.
    None,
    /// No namespaces: Landlock and seccomp hold what they can, and no socket opens
    /// unless the network was asked for.
    Landlock,
    /// A view of its own, an empty network, and Landlock and seccomp as the ceiling.
    Full,
}

impl Level {
    /// The word people use for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Landlock => "landlock",
            Self::Full => "full",
        }
    }
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

/// What a server may do in a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Look.
    ReadOnly,
    /// Look and change.
    ReadWrite,
}

/// What a server may reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Network {
    /// Nothing: an empty network of its own.
    None,
    /// An empty network with our doors in it (level full only): whoever holds
    /// [`crate::Confined::sockets`] decides what is behind them.
    Named(Doors),
    /// Everything this machine can reach. Weak, and marked so.
    Host,
}

/// How much a server may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Processes and threads together (level full only: elsewhere the kernel
    /// would count all the user's processes).
    pub processes: u64,
    /// Open descriptors per process.
    pub open_files: u64,
    /// The largest file it may write.
    pub file_bytes: u64,
    /// Private writable memory of one process.
    pub data_bytes_per_process: u64,
    /// Memory of all processes and of the private directories together. A box
    /// that holds more is ended.
    pub memory_bytes: u64,
    /// Each of the private `/tmp`, `/dev/shm` and home (level full only).
    pub tmp_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            processes: 128,
            open_files: 4096,
            file_bytes: 256 << 20,
            data_bytes_per_process: 1 << 30,
            memory_bytes: 2 << 30,
            tmp_bytes: 64 << 20,
        }
    }
}

/// A file to put into the private home before the server starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeFile {
    /// Its name, directly below the home.
    pub name: String,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// Everything a box needs to know about the process that will live in it.
#[derive(Clone)]
pub struct Profile {
    /// Program and arguments. The program is looked up in the child's `PATH`.
    pub command: Vec<OsString>,
    /// Variables beyond our defaults; they win over the defaults.
    pub env: BTreeMap<String, String>,
    /// Directories the server may see, at their real paths.
    pub roots: Vec<RootGrant>,
    /// Directories (or files) to read and execute: runtime and program.
    pub code: Vec<PathBuf>,
    /// A directory to write *and* execute, for installing a package. Never
    /// together with roots.
    pub store: Option<PathBuf>,
    /// Files for the private home.
    pub home_files: Vec<HomeFile>,
    /// Where it starts: the first root, else the private home.
    pub cwd: Option<PathBuf>,
    /// What it may reach.
    pub network: Network,
    /// The least that must be achieved, else nothing starts.
    pub least: Level,
    /// The most to try: [`Level::Full`] unless weakness itself is wanted.
    pub most: Level,
    /// Started as root, the server runs as this account: `nobody` if absent.
    pub user: Option<String>,
    /// How much it may use.
    pub limits: Limits,
    /// It may execute its own program and nothing else.
    pub alone: bool,
    /// Tell what the server reaches for outside of its box (level full only).
    pub doorbell: bool,
    /// How many sockets of the box's own network are passed out unconnected, so that whoever holds
    /// them can call a server that listens in there (level full only): [`crate::Confined::dials`].
    pub dials: u8,
    /// The server's name, for messages.
    pub label: String,
    /// The program that hosts the broker: ourselves if absent. A test points
    /// it to a program whose `main` calls [`crate::personality`] first.
    pub launcher: Option<PathBuf>,
}

/// Variables may be secrets: their names are shown and no more.
impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let variables: Vec<&String> = self.env.keys().collect();
        let mut shown = f.debug_struct("Profile");
        shown.field("label", &self.label).field("command", &self.command);
        shown.field("variables", &variables).field("roots", &self.roots);
        shown.field("network", &self.network).field("least", &self.least).finish_non_exhaustive()
    }
}

impl Profile {
    /// A profile with nothing granted: no roots, no network, level full.
    #[must_use]
    pub fn new(command: Vec<OsString>) -> Self {
        let label = command.first().map(|word| word.to_string_lossy().into_owned());
        Self {
            command,
            env: BTreeMap::new(),
            roots: Vec::new(),
            code: Vec::new(),
            store: None,
            home_files: Vec::new(),
            cwd: None,
            network: Network::None,
            least: Level::Full,
            most: Level::Full,
            user: None,
            limits: Limits::default(),
            alone: false,
            doorbell: false,
            dials: 0,
            label: label.unwrap_or_default(),
            launcher: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Profile;

    #[test]
    fn a_profile_shows_no_value() {
        let mut profile = Profile::new(vec!["server".into()]);
        profile.env.insert("TOKEN".to_owned(), "zq8-canary".to_owned());
        let shown = format!("{profile:?}");
        assert!(shown.contains("TOKEN") && !shown.contains("zq8-canary"), "{shown}");
    }
}
