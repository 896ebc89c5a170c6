//! Every key, once: its name, its type, its default and what it means.
//!
//! `written` accepts what stands here and nothing else, `diagnose` explains with
//! these words, [`crate::reference`] prints them. The commands of `run` use the
//! same words for their options.

use std::ops::RangeInclusive;

use crate::config::{Limits, Server};
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
    /// What holds when nothing is written, as TOML; empty when nothing does.
    pub default: fn() -> String,
    /// A value that may be written, as TOML.
    pub example: &'static str,
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
const WORDS_ASK: &[&str] = &["never", "destructive", "risky", "writes", "always"];

/// The whole file.
pub static FILE: &[Key] = &[
    key(
        "defaults",
        Kind::Table(DEFAULTS),
        "what every server gets unless its own table says otherwise",
    ),
    key("server", Kind::Named(SERVER), "one guarded server, by name"),
    key("journal", Kind::Table(JOURNAL), "how records are kept"),
    later("serve", "the http gateway"),
    later("files", "what the reference server offers"),
    later("queries", "what the reference server offers"),
    later("commands", "what the reference server offers"),
    later("policy", "policies beyond the lists of a server"),
];

static DEFAULTS: &[Key] =
    &[ASK, PATIENCE, key("limits", Kind::Table(LIMITS), "how much a server may take")];

static SERVER: &[Key] = &[
    example(
        "command",
        Kind::Command,
        "the program and its arguments; no secrets",
        "[\"npx\", \"-y\", \"@modelcontextprotocol/server-filesystem@2026.8.31\"]",
    ),
    Key {
        default: || "[]".to_owned(),
        ..example(
            "roots",
            Kind::Roots(ROOT),
            "the directories the server may see, and the ceiling for roots that the host offers",
            "[\"~/project:rw\"]",
        )
    },
    Key {
        default: || "[]".to_owned(),
        ..example(
            "network",
            Kind::Network,
            "what the server may reach: nothing, or with \"host\" everything that this machine reaches",
            "\"host\"",
        )
    },
    example(
        "env",
        Kind::Variables(REFERENCE),
        "the variables the server gets beyond PATH, HOME, LANG, TZ and CA variables",
        "{ LOG_LEVEL = \"info\", TOKEN = { file = \"~/.secrets/token\" } }",
    ),
    key("tools", Kind::Table(TOOLS), "which tools the host may see, and which are always asked"),
    ASK,
    PATIENCE,
    Key {
        default: || "\"full\"".to_owned(),
        ..example(
            "confinement",
            Kind::Word(&["full", "landlock", "none"]),
            "the least box that must be achieved, else the server does not start",
            "\"landlock\"",
        )
    },
    Key {
        default: || "\"nobody\"".to_owned(),
        ..example(
            "user",
            Kind::Text,
            "the unprivileged account the server runs under when we are started as root",
            "\"mcp\"",
        )
    },
    Key {
        default: || "false".to_owned(),
        ..example(
            "observe",
            Kind::Flag,
            "enforce the box and the protocol, but turn policy denials into journal entries",
            "true",
        )
    },
    key("limits", Kind::Table(LIMITS), "how much this server may take"),
    later("url", "a remote server"),
    later("auth", "how we identify ourselves to a remote server"),
    later("resources", "which resources the host may see"),
    later("prompts", "which prompts the host may see"),
];

const ASK: Key = Key {
    default: || "\"risky\"".to_owned(),
    ..example("ask", Kind::Word(WORDS_ASK), "which calls a person must approve", "\"writes\"")
};

const PATIENCE: Key = Key {
    default: || format!("\"{}\"", show_duration(Server::PATIENCE)),
    ..example(
        "patience",
        Kind::Duration(1_000..=24 * HOUR),
        "how long a question waits before it is answered no",
        "\"5m\"",
    )
};

static LIMITS: &[Key] = &[
    Key {
        default: || Limits::DEFAULT.calls_per_minute.to_string(),
        ..example("calls_per_minute", Kind::Count(1..=100_000), "tool calls in any minute", "30")
    },
    Key {
        default: || quoted(&show_duration(Limits::DEFAULT.call_timeout)),
        ..example(
            "call_timeout",
            Kind::Duration(100..=24 * HOUR),
            "how long a call may take without a sign of life",
            "\"90s\"",
        )
    },
    Key {
        default: || quoted(&show_duration(Limits::DEFAULT.call_ceiling)),
        ..example(
            "call_ceiling",
            Kind::Duration(100..=24 * HOUR),
            "how long a call may take at all; progress does not extend it",
            "\"30m\"",
        )
    },
    Key {
        default: || quoted(&show_size(Limits::DEFAULT.message_bytes)),
        ..example(
            "message_bytes",
            Kind::Size(1 << 10..=256 << 20),
            "the longest message",
            "\"1MiB\"",
        )
    },
    Key {
        default: || Limits::DEFAULT.processes.to_string(),
        ..example("processes", Kind::Count(1..=65_536), "processes and threads", "64")
    },
    Key {
        default: || quoted(&show_size(Limits::DEFAULT.memory_bytes)),
        ..example(
            "memory_bytes",
            Kind::Size(16 << 20..=1 << 40),
            "memory of one process",
            "\"512MiB\"",
        )
    },
    Key {
        default: || quoted(&show_size(Limits::DEFAULT.file_bytes)),
        ..example(
            "file_bytes",
            Kind::Size(0..=1 << 40),
            "the largest file that may be written",
            "\"16MiB\"",
        )
    },
    Key {
        default: || quoted(&show_size(Limits::DEFAULT.tmp_bytes)),
        ..example(
            "tmp_bytes",
            Kind::Size(64 << 10..=1 << 36),
            "the private /tmp, and the private home",
            "\"256MiB\"",
        )
    },
];

static ROOT: &[Key] = &[
    example(
        "path",
        Kind::Text,
        "the directory, absolute or starting with ~/",
        "\"/home/ada/project\"",
    ),
    Key {
        default: || "\"ro\"".to_owned(),
        ..example("access", Kind::Word(&["ro", "rw"]), "read, or read and write", "\"rw\"")
    },
    later("protect", "what stays read-only inside a writable root"),
];

static REFERENCE: &[Key] = &[
    example(
        "env",
        Kind::Text,
        "the variable of our own environment that holds the value",
        "\"GITHUB_TOKEN\"",
    ),
    example(
        "file",
        Kind::Text,
        "the file that holds the value, read when the server starts",
        "\"~/.secrets/token\"",
    ),
    later("keyring", "the entry of the keyring that holds the value"),
];

static TOOLS: &[Key] = &[
    example(
        "allow",
        Kind::Patterns,
        "when present, nothing else is listed or called",
        "[\"read_*\", \"list_*\"]",
    ),
    Key {
        default: || "[]".to_owned(),
        ..example(
            "ask",
            Kind::Patterns,
            "asked every time, whatever they do",
            "[\"write_*\", \"move_*\"]",
        )
    },
    Key {
        default: || "[]".to_owned(),
        ..example("deny", Kind::Patterns, "neither listed nor called", "[\"delete_*\"]")
    },
];

static JOURNAL: &[Key] = &[Key {
    default: || "\"write\"".to_owned(),
    ..example(
        "sync",
        Kind::Word(&["write", "always"]),
        "how durable a record is before its message leaves: accepted by the kernel, or on the disk",
        "\"always\"",
    )
}];

const fn key(name: &'static str, kind: Kind, meaning: &'static str) -> Key {
    example(name, kind, meaning, "")
}

const fn example(
    name: &'static str,
    kind: Kind,
    meaning: &'static str,
    example: &'static str,
) -> Key {
    Key { name, kind, meaning, default: String::new, example }
}

const fn later(name: &'static str, meaning: &'static str) -> Key {
    key(name, Kind::Later, meaning)
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
