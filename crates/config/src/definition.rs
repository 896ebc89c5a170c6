//! Every key, once: its name, its type, its default and what it means.
//!
//! `written` accepts what stands here and nothing else, `diagnose` explains with
//! these words, [`crate::reference`] prints them. The options of `portcullis run`
//! mean the same.

use std::ops::RangeInclusive;

use crate::config::Server;
use crate::settings::Limits;
use crate::values::{show_duration, show_size};

/// One key of the file.
#[derive(Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What may be written.
    pub kind: Kind,
    /// What it decides, for a person: lower case, no full stop.
    pub meaning: &'static str,
    /// A value that may be written, as TOML; empty for tables.
    pub example: &'static str,
    usual: Usual,
}

/// What holds when nothing is written.
#[derive(Debug)]
enum Usual {
    Nothing,
    Text(&'static str),
    Computed(fn() -> String),
}

impl Key {
    /// What holds when nothing is written, as TOML.
    #[must_use]
    pub fn default(&self) -> Option<String> {
        match self.usual {
            Usual::Nothing => None,
            Usual::Text(text) => Some(text.to_owned()),
            Usual::Computed(compute) => Some(compute()),
        }
    }

    const fn such_as(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    const fn usually(self, text: &'static str) -> Self {
        Self { usual: Usual::Text(text), ..self }
    }

    const fn computed(self, compute: fn() -> String) -> Self {
        Self { usual: Usual::Computed(compute), ..self }
    }
}

/// What may be written for a key.
#[derive(Debug)]
pub enum Kind {
    /// A text such as `"2m"`, within milliseconds.
    Duration(RangeInclusive<u64>),
    /// A text such as `"4MiB"`, within bytes.
    Size(RangeInclusive<u64>),
    /// A whole number.
    Count(RangeInclusive<u64>),
    /// `true` or `false`.
    Flag,
    /// One of few words.
    Word(&'static [&'static str]),
    /// Any text.
    Text,
    /// A program and its arguments.
    Command,
    /// Names of tools, `*` standing for anything.
    Patterns,
    /// Directories: texts such as `"DIR:rw"`, or tables of these keys.
    Roots(&'static [Key]),
    /// `[]`, `"none"` or `"host"`.
    Network,
    /// A table from names to texts, or to tables of these keys.
    Variables(&'static [Key]),
    /// A table of these keys.
    Table(&'static [Key]),
    /// A table of tables of these keys, each named by the operator.
    Named(&'static [Key]),
    /// The manual names it; this version does not support it.
    Later,
}

const HOUR: u64 = 3_600_000;
const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The whole file.
pub static FILE: &[Key] = &[
    key("defaults", Kind::Table(DEFAULTS), "what every server gets unless its own table says else"),
    key("server", Kind::Named(SERVER), "one guarded server, by name"),
    key("journal", Kind::Table(JOURNAL), "how records are kept"),
    later("serve", "the http gateway"),
    later("files", "what the reference server offers"),
    later("queries", "what the reference server offers"),
    later("commands", "what the reference server offers"),
    later("policy", "policies beyond the lists of a server"),
];

static DEFAULTS: &[Key] = &[ASK, PATIENCE, TABLE_OF_LIMITS];

static SERVER: &[Key] = &[
    key("command", Kind::Command, "the program and its arguments, without secrets")
        .such_as(r#"["npx", "-y", "@modelcontextprotocol/server-filesystem@2026.8.31"]"#),
    key("roots", Kind::Roots(ROOT), "directories it may see; the ceiling for the host's roots")
        .usually("[]")
        .such_as(r#"["~/project:rw"]"#),
    key("network", Kind::Network, "what it may reach: nothing, or all that this machine reaches")
        .usually("[]")
        .such_as(r#""host""#),
    key("env", Kind::Variables(REFERENCE), "variables it gets; all others of ours are withheld")
        .usually("{}")
        .such_as(r#"{ LOG_LEVEL = "info", TOKEN = { file = "~/.secrets/token" } }"#),
    key("tools", Kind::Table(TOOLS), "which tools the host may see, and which are always asked"),
    ASK,
    PATIENCE,
    key("confinement", Kind::Word(CONFINEMENT), "the least box achieved, else it does not start")
        .usually(r#""full""#)
        .such_as(r#""landlock""#),
    key("user", Kind::Text, "the unprivileged account it runs under when we are root")
        .usually(r#""nobody""#)
        .such_as(r#""mcp""#),
    key("observe", Kind::Flag, "turn policy denials into journal entries; the box stays")
        .usually("false")
        .such_as("true"),
    TABLE_OF_LIMITS,
    later("url", "a remote server"),
    later("auth", "how we identify ourselves to a remote server"),
    later("resources", "which resources the host may see"),
    later("prompts", "which prompts the host may see"),
];

const ASK: Key = key("ask", Kind::Word(MODES), "which calls a person must approve")
    .usually(r#""risky""#)
    .such_as(r#""writes""#);

const MODES: &[&str] = &["never", "destructive", "risky", "writes", "always"];
const CONFINEMENT: &[&str] = &["full", "landlock", "none"];

const PATIENCE: Key = key(
    "patience",
    Kind::Duration(1_000..=24 * HOUR),
    "how long a question waits before it is answered no",
)
.computed(|| quoted(&show_duration(Server::PATIENCE)))
.such_as(r#""5m""#);

const TABLE_OF_LIMITS: Key = key("limits", Kind::Table(LIMITS), "how much a server may take");

static LIMITS: &[Key] = &[
    key("calls_per_minute", Kind::Count(1..=100_000), "tool calls in any minute")
        .computed(|| Limits::DEFAULT.calls_per_minute.to_string())
        .such_as("30"),
    key("call_timeout", Kind::Duration(100..=24 * HOUR), "how long a call may stay silent")
        .computed(|| quoted(&show_duration(Limits::DEFAULT.call_timeout)))
        .such_as(r#""90s""#),
    key(
        "call_ceiling",
        Kind::Duration(100..=24 * HOUR),
        "how long a call may take, progress or not",
    )
    .computed(|| quoted(&show_duration(Limits::DEFAULT.call_ceiling)))
    .such_as(r#""30m""#),
    key("message_bytes", Kind::Size(KIB..=256 * MIB), "the longest message")
        .computed(|| quoted(&show_size(Limits::DEFAULT.message_bytes)))
        .such_as(r#""1MiB""#),
    key("processes", Kind::Count(1..=65_536), "processes and threads")
        .computed(|| Limits::DEFAULT.processes.to_string())
        .such_as("64"),
    key("memory_bytes", Kind::Size(16 * MIB..=1_024 * GIB), "memory of one process")
        .computed(|| quoted(&show_size(Limits::DEFAULT.memory_bytes)))
        .such_as(r#""512MiB""#),
    key("file_bytes", Kind::Size(0..=1_024 * GIB), "the largest file it may write")
        .computed(|| quoted(&show_size(Limits::DEFAULT.file_bytes)))
        .such_as(r#""16MiB""#),
    key("tmp_bytes", Kind::Size(64 * KIB..=64 * GIB), "its private /tmp, and its private home")
        .computed(|| quoted(&show_size(Limits::DEFAULT.tmp_bytes)))
        .such_as(r#""256MiB""#),
];

static ROOT: &[Key] = &[
    key("path", Kind::Text, "the directory, absolute or starting with ~/")
        .such_as(r#""/home/ada/project""#),
    key("access", Kind::Word(&["ro", "rw"]), "read, or read and write")
        .usually(r#""ro""#)
        .such_as(r#""rw""#),
    later("protect", "what stays read-only inside a writable root"),
];

static REFERENCE: &[Key] = &[
    key("env", Kind::Text, "the variable of our own environment that holds the value")
        .such_as(r#""GITHUB_TOKEN""#),
    key("file", Kind::Text, "the file that holds the value, read when the server starts")
        .such_as(r#""~/.secrets/token""#),
    later("keyring", "the entry of the keyring that holds the value"),
];

static TOOLS: &[Key] = &[
    key("allow", Kind::Patterns, "when present, nothing else is listed or called")
        .such_as(r#"["read_*", "list_*"]"#),
    key("ask", Kind::Patterns, "asked every time, whatever they do")
        .usually("[]")
        .such_as(r#"["write_*", "move_*"]"#),
    key("deny", Kind::Patterns, "neither listed nor called")
        .usually("[]")
        .such_as(r#"["delete_*"]"#),
];

static JOURNAL: &[Key] = &[key(
    "sync",
    Kind::Word(&["write", "always"]),
    "how durable a record is before its message leaves: accepted by the kernel, or on the disk",
)
.usually(r#""write""#)
.such_as(r#""always""#)];

const fn key(name: &'static str, kind: Kind, meaning: &'static str) -> Key {
    Key { name, kind, meaning, example: "", usual: Usual::Nothing }
}

const fn later(name: &'static str, meaning: &'static str) -> Key {
    key(name, Kind::Later, meaning)
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
