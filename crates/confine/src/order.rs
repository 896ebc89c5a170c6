//! What gateway, broker and payload say to each other over the control socket.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::doorbell::Wish;
use crate::landlock::{Right, Rule};
use crate::live::Applied;
use crate::profile::{Access, HomeFile, Level, Limits, Network};
use crate::trouble::Trouble;

/// A root on its way to the broker. Paths are bytes here: they need not be UTF-8.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct OrderedRoot {
    pub(crate) path: OsString,
    pub(crate) alias: Option<OsString>,
    pub(crate) access: Access,
    pub(crate) protect: Vec<OsString>,
    pub(crate) device: u64,
    pub(crate) inode: u64,
}

/// The account a server runs as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// We are root and must become this account.
    pub(crate) switch: bool,
}

/// The profile, checked and completed, as the broker gets it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) level: Level,
    pub(crate) program: OsString,
    pub(crate) argv: Vec<OsString>,
    pub(crate) env: Vec<(OsString, OsString)>,
    pub(crate) roots: Vec<OrderedRoot>,
    pub(crate) code: Vec<OsString>,
    pub(crate) aliases: Vec<(OsString, OsString)>,
    pub(crate) store: Option<OsString>,
    pub(crate) home_files: Vec<HomeFile>,
    pub(crate) cwd: Option<OsString>,
    pub(crate) network: Network,
    pub(crate) limits: Limits,
    pub(crate) account: Account,
    /// The home of the person, which the box must not show.
    pub(crate) person_home: Option<OsString>,
    pub(crate) doorbell: bool,
    pub(crate) alone: bool,
    /// How many sockets to call into the box with.
    pub(crate) dials: u8,
    /// A listener of ours on the host's loopback that must be out of reach.
    pub(crate) bait: Option<u16>,
}

/// What the kernel executes in a program's place to load it (the psABI of each machine).
const LOADERS: [&str; 5] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];

impl Order {
    /// What may be done with the system's programs.
    pub(crate) fn code_right(&self) -> Right {
        if self.alone { Right::Read } else { Right::Execute }
    }

    /// A right, without execution for whoever executes only itself.
    pub(crate) fn less(&self, right: Right) -> Right {
        match right {
            Right::Execute => self.code_right(),
            right => right,
        }
    }

    /// The program itself, for one that executes nothing else, and what loads it.
    pub(crate) fn itself(&self) -> Vec<Rule> {
        let program = std::iter::once(PathBuf::from(&self.program));
        let all = program.chain(LOADERS.iter().map(PathBuf::from));
        let all = all.map(|path| (path, Right::Execute));
        if self.alone { all.collect() } else { Vec::new() }
    }

    /// A variable's value.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsString> {
        self.env.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// Sets a variable, whatever it was.
    pub(crate) fn set_variable(&mut self, name: &str, value: OsString) {
        self.env.retain(|(known, _)| known != name);
        self.env.push((name.into(), value));
    }
}

/// One thing that holds, in words for the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    /// What it is: `mounts`, `network`, `landlock`.
    pub name: String,
    /// What it amounts to here.
    pub detail: String,
}

/// One attempt to break out, made inside the box before the server starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What was tried.
    #[serde(rename = "attempt")]
    pub name: String,
    /// The box held.
    pub held: bool,
    /// What the kernel answered.
    pub detail: String,
}

/// What a box really is, computed inside it, not promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Achieved {
    /// How strong.
    pub level: Level,
    /// By what means.
    pub features: Vec<Feature>,
    /// What was tried against it. Every attempt held, else nothing started.
    pub selftest: Vec<Attempt>,
    /// What is weaker than a person may think, in plain sentences.
    pub weak: Vec<String>,
}

/// How a server ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// By us: it held so many bytes of memory, more than it may.
    Memory(u64),
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::Memory(held) => write!(
                f,
                "killed for holding {} MiB of memory, more than its limit `memory_bytes`",
                held >> 20
            ),
        }
    }
}

/// What comes back.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Report {
    /// Init to broker: the view stands. With its mount namespace and the bare file system.
    Built,
    /// Init to broker, with descriptors: some of the box's listening sockets.
    Sockets,
    /// Init to broker, with descriptors: sockets to call into the box with.
    Dials,
    /// Payload to broker: from here on my calls are announced. With the handle.
    Bell,
    /// Payload to broker: confined, tested, about to become the server.
    Ready(Achieved),
    /// Broker to gateway, with the box's listening sockets and then those to call into it with,
    /// of which there are so many: the server runs.
    Started { pid: i32, achieved: Achieved, dials: usize },
    /// Anybody: this step failed and nothing runs.
    Failed(Trouble),
    /// Broker to gateway: the server reached for something outside.
    Wanted(Wish),
    /// Broker to gateway: what became of a change.
    Changed(Applied),
    /// Broker to gateway: the server is gone, and every process of it.
    Exited(Exit),
}
