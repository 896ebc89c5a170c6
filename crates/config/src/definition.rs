//! Every key, once: its name, its type, its default and what it means.
//!
//! `written` accepts what stands here and nothing else, `diagnose` explains with
//! these words, [`crate::reference`] prints them. The options of `portcullis run`
//! mean the same.

mod channels;
mod commands;
mod files;
mod input;
mod queries;
mod remote;
mod serve;

use std::ops::RangeInclusive;

use portcullis_policy::{Flow, Inspect, Treatment};

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
    /// Several of few words.
    Words(&'static [&'static str]),
    /// Any text.
    Text,
    /// A program and its arguments.
    Command,
    /// Names of tools or prompts, `*` standing for anything.
    Patterns,
    /// Relative paths inside a root.
    Places,
    /// URIs of resources, with `*` and `**`.
    Uris,
    /// Directories: texts such as `"DIR:rw"`, or tables of these keys.
    Roots(&'static [Key]),
    /// A list of hosts, `"none"` or `"host"`.
    Network,
    /// A table from names to texts, or to tables of these keys.
    Variables(&'static [Key]),
    /// A table of these keys.
    Table(&'static [Key]),
    /// A table of tables of these keys, each named by the operator.
    Named(&'static [Key]),
    /// Calls with the answer they must get, each a table of these keys.
    Examples(&'static [Key]),
    /// A table of anything that JSON can say.
    Json,
    /// A number, whole or not.
    Number,
    /// Any texts.
    Texts,
    /// A table from names to lists of texts.
    Lists,
    /// Where a secret is: a table of one of these keys.
    Reference(&'static [Key]),
    /// Files of policies.
    Files,
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
    key("ceiling", Kind::Table(CEILING), "what no server may exceed, whatever its own table says"),
    key("journal", Kind::Table(JOURNAL), "how records are kept"),
    key("serve", Kind::Table(serve::SERVE), "the HTTP gateway: where it listens, and for whom"),
    key("files", Kind::Table(files::FILES), "where the reference server's file tools may act"),
    queries::TABLE_OF_DATABASES,
    queries::TABLE_OF_QUERIES,
    key("commands", Kind::Named(commands::COMMAND), "a program that the server may run, by name"),
    key("policy", Kind::Table(POLICY), "policies beyond the lists of a server"),
];

static DEFAULTS: &[Key] = &[
    ASK,
    PATIENCE,
    channels::CHANNELS,
    channels::TRUSTED_HOSTS,
    PINS,
    FLOW,
    TABLE_OF_INSPECT,
    TABLE_OF_LIMITS,
];

static SERVER: &[Key] = &[
    key("command", Kind::Command, "the program and its arguments, without secrets")
        .such_as(r#"["npx", "-y", "@modelcontextprotocol/server-filesystem@2026.8.31"]"#),
    ROOTS,
    NETWORK,
    key("env", Kind::Variables(REFERENCE), "variables it gets; all others of ours are withheld")
        .usually("{}")
        .such_as(r#"{ LOG_LEVEL = "info", TOKEN = { file = "~/.secrets/token" } }"#),
    TABLE_OF_TOOLS,
    TABLE_OF_RESOURCES,
    TABLE_OF_PROMPTS,
    EXTENSIONS,
    ASK,
    PATIENCE,
    channels::CHANNELS,
    channels::TRUSTED_HOSTS,
    LEAST_BOX,
    USER,
    PINS,
    FLOW,
    key(
        "doorbell",
        Kind::Flag,
        "tell what it reached for outside of its box; each such look costs it time",
    )
    .usually("false")
    .such_as("true"),
    OBSERVE,
    TABLE_OF_INSPECT,
    input::TABLE_OF_SAMPLING,
    input::TABLE_OF_ELICITATION,
    TABLE_OF_LIMITS,
    remote::URL,
    remote::AUTH,
    remote::HEADERS,
];

/// No command and no variables: a ceiling starts nothing.
static CEILING: &[Key] = &[
    ROOTS,
    NETWORK,
    TABLE_OF_TOOLS,
    TABLE_OF_RESOURCES,
    TABLE_OF_PROMPTS,
    EXTENSIONS,
    ASK,
    PATIENCE,
    channels::CHANNELS,
    channels::TRUSTED_HOSTS,
    LEAST_BOX,
    USER,
    PINS,
    OBSERVE,
    TABLE_OF_INSPECT,
    input::TABLE_OF_SAMPLING,
    input::TABLE_OF_ELICITATION,
    TABLE_OF_LIMITS,
];

const ROOTS: Key =
    key("roots", Kind::Roots(ROOT), "directories it may see; the ceiling for the host's roots")
        .usually("[]")
        .such_as(r#"["~/project:rw"]"#);

const NETWORK: Key = key(
    "network",
    Kind::Network,
    "what it may reach: nothing, these hosts, or all that this machine reaches",
)
.usually("[]")
.such_as(r#"["api.example.com", "*.example.com:443", "wiki.lan=10.0.0.5"]"#);

const TABLE_OF_TOOLS: Key =
    key("tools", Kind::Table(TOOLS), "which tools the host may see, and which are always asked");
const TABLE_OF_RESOURCES: Key =
    key("resources", Kind::Table(RESOURCES), "which resources the host may see, read and follow");
const TABLE_OF_PROMPTS: Key =
    key("prompts", Kind::Table(PROMPTS), "which prompts the host may see and get");

const EXTENSIONS: Key =
    key("extensions", Kind::Words(JUDGED), "what host and server may agree on beyond the core")
        .usually("[]")
        .such_as(r#"["io.modelcontextprotocol/tasks"]"#);

const LEAST_BOX: Key =
    key("confinement", Kind::Word(CONFINEMENT), "the least box achieved, else it does not start")
        .usually(r#""full""#)
        .such_as(r#""landlock""#);

const USER: Key =
    key("user", Kind::Text, "the unprivileged account it runs under when we are root")
        .usually(r#""nobody""#)
        .such_as(r#""mcp""#);

const OBSERVE: Key =
    key("observe", Kind::Flag, "turn policy denials into journal entries; the box stays")
        .usually("false")
        .such_as("true");

const ASK: Key = key("ask", Kind::Word(MODES), "which calls a person must approve")
    .usually(r#""risky""#)
    .such_as(r#""writes""#);

const PINS: Key = key(
    "pins",
    Kind::Word(&["note", "first", "ask"]),
    "what was not approved: recorded, trusted when seen first, or withheld until a person accepts it",
)
.usually(r#""first""#)
.such_as(r#""ask""#);

const FLOW: Key = key(
    "flow",
    Kind::Word(&["observe", "ask", "deny"]),
    "a call that could carry private data out, after content came in from outside: recorded, asked, or denied",
)
.computed(|| quoted(Flow::default().as_str()))
.such_as(r#""deny""#);

const MODES: &[&str] = &["never", "destructive", "risky", "writes", "always"];
/// As `portcullis_policy::Extension` has them.
const JUDGED: &[&str] = &["io.modelcontextprotocol/tasks", "io.modelcontextprotocol/ui"];
const CONFINEMENT: &[&str] = &["full", "landlock", "none"];

const PATIENCE: Key = key(
    "patience",
    Kind::Duration(1_000..=24 * HOUR),
    "how long a question waits before it is answered no",
)
.computed(|| quoted(&show_duration(Server::PATIENCE)))
.such_as(r#""5m""#);

const TABLE_OF_INSPECT: Key =
    key("inspect", Kind::Table(INSPECT), "what becomes of suspicious text in what a server says");

static INSPECT: &[Key] = &[
    key(
        "hidden",
        Kind::Word(&["off", "mark", "redact", "ask", "deny"]),
        "characters that hide, reorder or speak to a terminal: written out, or taken out",
    )
    .computed(|| word(Inspect::default().hidden))
    .such_as(r#""redact""#),
    key(
        "instructions",
        Kind::Word(&["off", "mark", "redact", "ask", "deny"]),
        "orders to the model: labelled as data, taken out, or the whole is withheld",
    )
    .computed(|| word(Inspect::default().instructions))
    .such_as(r#""deny""#),
    key(
        "secrets",
        Kind::Word(&["off", "redact", "ask", "deny"]),
        "credentials, by the form that their issuers give them",
    )
    .computed(|| word(Inspect::default().secrets))
    .such_as(r#""deny""#),
    key(
        "definitions",
        Kind::Word(&["off", "mark", "redact", "deny"]),
        "hidden characters, orders and places of secrets in definitions and server instructions",
    )
    .computed(|| word(Inspect::default().definitions))
    .such_as(r#""mark""#),
    key(
        "errors",
        Kind::Word(&["off", "redact"]),
        "stack traces, queries, places outside the roots and versions in errors",
    )
    .computed(|| word(Inspect::default().errors))
    .such_as(r#""off""#),
    key(
        "open_world",
        Kind::Word(&["off", "mark"]),
        "results of tools that reach the network, marked in `_meta` as untrusted",
    )
    .computed(|| word(Inspect::default().open_world))
    .such_as(r#""off""#),
];

const TABLE_OF_LIMITS: Key = key("limits", Kind::Table(LIMITS), "how much a server may take");

static LIMITS: &[Key] = &[
    key("calls_per_minute", Kind::Count(1..=100_000), "tool calls in any minute")
        .computed(|| Limits::DEFAULT.calls_per_minute.to_string())
        .such_as("30"),
    key(
        "questions_per_hour",
        Kind::Count(1..=1_000),
        "questions about it that call a person in any hour; more wait quietly in the list",
    )
    .computed(|| Limits::DEFAULT.questions_per_hour.to_string())
    .such_as("10"),
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
    key(
        "memory_bytes",
        Kind::Size(16 * MIB..=1_024 * GIB),
        "memory of all processes and private files together",
    )
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
    key(
        "protect",
        Kind::Places,
        "what stays read-only inside a writable root, instead of what git, shells and editors obey",
    )
    .such_as(r#"[".git", ".envrc"]"#),
    key(
        "ask",
        Kind::Flag,
        "it is no root itself: a person is asked about each directory that the host offers in it",
    )
    .usually("false")
    .such_as("true"),
];

static REFERENCE: &[Key] = &[
    key("env", Kind::Text, "the variable of our own environment that holds the value")
        .such_as(r#""GITHUB_TOKEN""#),
    key("file", Kind::Text, "the file that holds the value, read at the start and when it changes")
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

static RESOURCES: &[Key] = &[
    key("allow", Kind::Uris, "when present, nothing else is listed, read or followed")
        .such_as(r#"["file:///home/ada/project/**", "notes://daily/*"]"#),
    key("deny", Kind::Uris, "neither listed nor read").usually("[]").such_as(r#"["db://prod/**"]"#),
];

static PROMPTS: &[Key] = &[
    key("allow", Kind::Patterns, "when present, nothing else is listed or given")
        .such_as(r#"["review_*"]"#),
    key("deny", Kind::Patterns, "neither listed nor given")
        .usually("[]")
        .such_as(r#"["deploy_*"]"#),
];

static POLICY: &[Key] = &[
    key("files", Kind::Files, "files of cedar policies, from this file's directory")
        .usually("[]")
        .such_as(r#"["policy/*.cedar"]"#),
    key(
        "base",
        Kind::Word(&["allow", "deny"]),
        "what holds for a call that no policy speaks of: the lists and the risk, or nothing passes",
    )
    .usually(r#""allow""#)
    .such_as(r#""deny""#),
    key(
        "example",
        Kind::Examples(EXAMPLE),
        "calls with the answer they must get; a wrong one refuses to load",
    )
    .usually("[]")
    .such_as(r#"[{ tool = "git_push", args = { branch = "main" }, expect = "allow" }]"#),
];

static EXAMPLE: &[Key] = &[
    key("server", Kind::Text, "of which server; of every one when nothing is said")
        .such_as(r#""tickets""#),
    key("tool", Kind::Text, "which tool is called").such_as(r#""git_push""#),
    key("args", Kind::Json, "with which arguments").such_as(r#"{ branch = "main" }"#),
    key(
        "tier",
        Kind::Word(&["read", "write", "unknown", "destructive", "exec"]),
        "how risky the tool is",
    )
    .usually(r#""read""#)
    .such_as(r#""write""#),
    key("expect", Kind::Word(&["allow", "ask", "deny"]), "what must be decided")
        .such_as(r#""deny""#),
    key("rule", Kind::Text, "which rule must be among what decides").such_as(r#""not-to-main""#),
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

fn word(treatment: Treatment) -> String {
    quoted(treatment.as_str())
}

fn quoted(text: &str) -> String {
    format!("\"{text}\"")
}
