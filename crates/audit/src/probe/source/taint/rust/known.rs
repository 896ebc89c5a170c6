//! What functions of Rust's own and of common crates make of their arguments, and how programs are started.

use std::rc::Rc;

use super::super::super::ir::{At, Word};
use super::super::super::sinks::Asked;
use super::super::World;
use super::super::value::{Args, Id, Node, Op};

/// Functions, by their last two words, whose result is one of their first argument.
#[rustfmt::skip]
const THROUGH: &[(&str, Op)] = &[
    ("path.absolute", Op::Same), ("Url.parse", Op::Same), ("serde_json.from_str", Op::Same), ("serde_json.from_value", Op::Same), ("serde_json.from_slice", Op::Same), ("serde_json.to_string", Op::Same),
    ("serde_json.to_value", Op::Same), ("serde_json.to_string_pretty", Op::Same), ("serde_json.to_vec", Op::Same), ("serde_yaml.from_str", Op::Same), ("toml.from_str", Op::Same), ("mem.take", Op::Same),
    ("mem.replace", Op::Same), ("urlencoding.encode", Op::Same), ("urlencoding.decode", Op::Same), ("percent_encoding.percent_decode_str", Op::Same), ("percent_encoding.percent_decode", Op::Same), ("html_escape.decode_html_entities", Op::Same), ("iter.once", Op::Same), ("iter.repeat", Op::Same), ("shellexpand.tilde", Op::Same), ("shellexpand.full", Op::Same),
    ("future.join_all", Op::Same), ("future.try_join_all", Op::Same), ("future.ready", Op::Same), ("Vec.from", Op::Same), ("HashSet.from", Op::Same), ("BTreeSet.from", Op::Same), ("Bytes.from", Op::Same),
    ("regex.escape", Op::Quoted), ("shlex.quote", Op::Quoted), ("shlex.try_quote", Op::Quoted), ("shell_words.quote", Op::Quoted), ("shell_escape.escape", Op::Quoted), ("shell_words.join", Op::Quoted),
    ("Uuid.parse_str", Op::Number), ("NaiveDate.parse_from_str", Op::Number), ("DateTime.parse_from_rfc3339", Op::Number), ("sanitize_filename.sanitize", Op::Name),
    ("STANDARD.decode", Op::Same), ("hex.decode", Op::Same), ("base64.decode", Op::Same), ("Uri.from_str", Op::Same), ("Url.from_str", Op::Same), ("Path.from", Op::Same), ("char.from", Op::Same),
    ("SocketAddr.from", Op::Same), ("SocketAddr.new", Op::Same), ("IpAddr.V4", Op::Same), ("IpAddr.from", Op::Same), ("SocketAddrV4.new", Op::Same),
    ("path_clean.clean", Op::Absolute), ("normalize_path.normalize", Op::Absolute),
];
const RESOLVING: &[&str] = &[
    "fs.canonicalize",
    "dunce.canonicalize",
    "soft_canonicalize.soft_canonicalize",
    "dunce.realpath",
];
/// Functions that run what they are given.
const RUNNING: &[&str] = &[
    "LazyLock.new",
    "Lazy.new",
    "task.spawn_blocking",
    "tokio.spawn",
    "thread.spawn",
    "task.spawn",
    "task.block_in_place",
    "tokio.spawn_blocking",
    "once_cell.Lazy.new",
    "panic.catch_unwind",
];
/// Functions whose result has nothing of their arguments in it.
const ELSEWHERE: &[&str] = &[
    "env.var",
    "env.args",
    "env.var_os",
    "fs.metadata",
    "fs.symlink_metadata",
    "fs.try_exists",
    "fs.exists",
    "env.current_dir",
    "Instant.now",
    "Uuid.new_v4",
    "time.sleep",
    "thread.sleep",
    "Duration.from_secs",
    "Duration.from_millis",
    "env.temp_dir",
    "env.current_exe",
];
const EMPTY_LISTS: &[&str] = &["Vec", "HashSet", "BTreeSet", "VecDeque", "IndexSet"];
const EMPTY_MAPS: &[&str] = &["HashMap", "BTreeMap", "IndexMap", "Map", "JsonObject"];
/// Types whose making carries what is said to a client.
const TOLD: &[&str] = &[
    "McpError",
    "ErrorData",
    "RmcpError",
    "CallToolResult",
    "Content",
    "RawContent",
    "TextContent",
    "CallToolError",
    "RpcError",
    "ContentBlock",
    "ResourceContents",
    "ReadResourceResult",
    "PromptMessage",
    "GetPromptResult",
    "Error",
    "CallToolResponse",
    "Json",
];
/// Macros that do nothing with what they are given that matters here.
pub(super) const HARMLESS: &[&str] = &[
    "span",
    "trace_span",
    "debug_span",
    "info_span",
    "warn_span",
    "error_span",
    "assert_matches",
    "debug_assert_ne",
    "counter",
    "histogram",
    "gauge",
    "matches",
    "stringify",
    "cfg",
    "line",
    "file",
    "module_path",
    "compile_error",
    "assert_eq",
    "html",
    "query",
    "query_as",
    "query_scalar",
    "query_file",
    "query_file_as",
    "trace",
    "debug",
    "info",
    "warn",
    "error",
    "event",
    "thread_local",
    "hash_map",
    "hashmap",
    "btreemap",
    "format",
    "println",
    "eprintln",
    "vec",
    "json",
];
/// What an option of a program's start is, and no word of it.
const NO_WORD: &[&str] = &[
    "env",
    "envs",
    "env_clear",
    "env_remove",
    "current_dir",
    "stdin",
    "stdout",
    "stderr",
    "kill_on_drop",
    "uid",
    "gid",
    "process_group",
    "creation_flags",
    "pre_exec",
    "as_std",
    "as_std_mut",
    "arg0",
    "groups",
];
const STARTS: &[&str] = &["output", "status", "spawn", "exec", "group_spawn"];

/// A dotted name as it is looked up: where std and its likes for async programs have the same functions, they have one name.
pub(in super::super) fn plain(path: &str) -> &str {
    let bare = ["std.", "core.", "alloc.", "async_std.", "fs_err.tokio."]
        .iter()
        .find_map(|it| path.strip_prefix(it));
    let bare = bare.unwrap_or(path);
    if bare.starts_with("tokio.") {
        let rest = bare.strip_prefix("tokio.").unwrap_or(bare);
        if ["fs.", "process.", "net.", "time.", "task."].iter().any(|it| rest.starts_with(it)) {
            return rest;
        }
    }
    match bare.strip_prefix("async_") {
        Some(rest) if rest.starts_with("fs.") || rest.starts_with("process.") => rest,
        _ => bare,
    }
}

/// The last two words of a dotted name.
fn short(path: &str) -> &str {
    let mut dots = path.rmatch_indices('.').map(|it| it.0);
    let _last = dots.next();
    dots.next().map_or(path, |at| path.get(at.saturating_add(1)..).unwrap_or(path))
}

/// What makes both ends of a channel.
fn is_channel(path: &str, method: &str) -> bool {
    #[rustfmt::skip]
    const OF: [&str; 13] = [
        "std", "sync", "mpsc", "tokio", "crossbeam", "crossbeam_channel", "flume", "async_channel", "oneshot", "broadcast", "watch", "kanal", "futures",
    ];
    const MAKERS: [&str; 5] =
        ["channel", "sync_channel", "unbounded_channel", "unbounded", "bounded"];
    MAKERS.contains(&method) && path.split('.').next().is_some_and(|it| OF.contains(&it))
}

impl World<'_> {
    /// What comes of a call that is known; None when it is not.
    pub(in super::super) fn known_in_rust(&mut self, asked: &Asked<'_>) -> Option<Id> {
        let at = asked.at;
        let first = asked.args.first().map(|(_, it)| *it);
        let short = short(asked.path);
        if let Some((_, op)) = THROUGH.iter().find(|it| it.0 == short) {
            return Some(match op {
                Op::Same => first?,
                _ => self.through(*op, first?, at),
            });
        }
        if RESOLVING.contains(&short) {
            let resolved = self.through(Op::Resolved, first?, at);
            return Some(self.or_system_error(resolved, at));
        }
        if ELSEWHERE.contains(&short) {
            return Some(self.make(Node::Call(Rc::from(short), None, Vec::new()), at));
        }
        if RUNNING.contains(&short) {
            let first = first?;
            return match self.is_function(first) {
                true => Some(self.call(first, Args::new(), at).unwrap_or_else(|| self.unknown(at))),
                false => Some(first),
            };
        }
        self.made(asked, short, first).or_else(|| self.carried_by_type(asked, short))
    }

    fn made(&mut self, asked: &Asked<'_>, short: &str, first: Option<Id>) -> Option<Id> {
        let at = asked.at;
        let (of, method) = short.rsplit_once('.').unwrap_or(("", short));
        let node = match short {
            "Path.new" | "PathBuf.from" | "Utf8PathBuf.from" | "Utf8Path.new" | "AsyncPath.new" => {
                return Some(self.as_path(first?, at));
            }
            "PathBuf.new" => Node::Path(Vec::new(), true),
            "Ipv4Addr.new" => Node::List(asked.args.iter().map(|(_, it)| (false, *it)).collect()),
            "String.new" | "String.with_capacity" => Node::Text("".into()),
            "time.timeout" => {
                let within = asked.args.get(1)?.1;
                self.ends_in_time(within);
                return Some(within);
            }
            _ if matches!(
                method,
                "from" | "try_from" | "from_str" | "from_value" | "from_json" | "from_bytes"
            ) && asked.args.len() == 1
                && of.starts_with(|it: char| it.is_ascii_uppercase()) =>
            {
                return first;
            }
            _ if is_channel(asked.path, method) => {
                let ends = self.unknown(at);
                Node::List(vec![(false, ends), (false, ends)])
            }
            "process.exit" => Node::Call(Rc::from("!never"), None, Vec::new()),
            "shlex.split" | "shell_words.split" | "shlex.Shlex.new" => {
                Node::Through(Op::Same, first?)
            }
            "process.Command.new" | "Command.new" if !asked.path.starts_with("clap") => {
                Node::Call(Rc::from("process.Command"), None, vec![(None, first?)])
            }
            "HashMap.from" | "BTreeMap.from" | "IndexMap.from" => {
                match self.values.get(first?).clone() {
                    Node::List(items) => {
                        let mut entries = Vec::new();
                        for (_, it) in items {
                            if let Node::List(pair) = self.values.get(it)
                                && let [(_, key), (_, value)] = pair.as_slice()
                            {
                                entries.push((Some(*key), *value));
                            }
                        }
                        Node::Map(entries)
                    }
                    _ => return first,
                }
            }
            _ if matches!(method, "new" | "default" | "with_capacity")
                && EMPTY_LISTS.contains(&of) =>
            {
                Node::List(Vec::new())
            }
            _ if matches!(method, "new" | "default" | "with_capacity")
                && EMPTY_MAPS.contains(&of) =>
            {
                Node::Map(Vec::new())
            }
            _ => return None,
        };
        Some(self.make(node, at))
    }

    /// Results and errors that are made of texts, and records of somebody else's.
    fn carried_by_type(&mut self, asked: &Asked<'_>, short: &str) -> Option<Id> {
        let at = asked.at;
        let of = short.rsplit_once('.').map_or(short, |it| it.0);
        let of = of.trim_end_matches("()");
        let ids: Vec<Id> = asked.args.iter().map(|(_, it)| *it).collect();
        if !ids.is_empty() && asked.args.iter().all(|(name, _)| name.is_some()) {
            let mut entries = Vec::new();
            for (name, value) in asked.args {
                let word = name.clone().filter(|it| it.as_ref() != "**");
                entries.push((word.map(|it| self.make(Node::Text(it), at)), *value));
            }
            return Some(self.make(Node::Map(entries), at));
        }
        let told = TOLD.contains(&of) || TOLD.contains(&short);
        (told && !ids.is_empty()).then(|| self.make(Node::Parts(ids), at))
    }

    pub(super) fn commands(&self, recv: Id) -> Vec<(Id, Args)> {
        let of = |id: Id| match self.values.get(id) {
            Node::Call(path, _, args) if path.as_ref() == "process.Command" => {
                Some((id, args.clone()))
            }
            _ => None,
        };
        match self.values.get(recv) {
            Node::Phi(alts) => alts.iter().filter_map(|it| of(it.value)).collect(),
            _ => of(recv).into_iter().collect(),
        }
    }

    /// A method of a program that is about to be started.
    pub(super) fn of_command(&mut self, recv: Id, name: &Word, args: &Args, at: At) -> Option<Id> {
        let commands = self.commands(recv);
        if commands.is_empty() {
            return None;
        }
        if name.as_ref() == "stdin" {
            return Some(self.with_input(recv, args.first()?.1, at));
        }
        if NO_WORD.contains(&name.as_ref()) {
            return Some(recv);
        }
        if let Some(grown) = self.grown_command(recv, name, args, at) {
            return Some(grown);
        }
        if !STARTS.contains(&name.as_ref()) {
            return None;
        }
        let mut results = Vec::new();
        for (_, words) in commands {
            let started = self.make(Node::Global("process.Command".into()), at);
            let started = self.make(Node::Member(started, Rc::clone(name)), at);
            results.extend(self.call(started, words, at));
        }
        Some(self.values.any(results, at))
    }

    /// A program that is told what it reads.
    fn with_input(&mut self, recv: Id, input: Id, at: At) -> Id {
        match self.values.get(recv).clone() {
            Node::Call(path, _, mut words) if path.as_ref() == "process.Command" => {
                words.push((Some("stdin".into()), input));
                self.make(Node::Call(path, None, words), at)
            }
            _ => recv,
        }
    }

    /// `command.arg(word)`: the same command with one more word.
    pub(super) fn grown_command(
        &mut self,
        recv: Id,
        name: &str,
        args: &Args,
        at: At,
    ) -> Option<Id> {
        let commands = self.commands(recv);
        if name == "stdin" && !commands.is_empty() {
            return Some(self.with_input(recv, args.first()?.1, at));
        }
        if commands.is_empty() || !matches!(name, "arg" | "args" | "raw_arg") {
            return None;
        }
        let more = args.first()?.1;
        if commands.len() == 1 && !matches!(self.values.get(recv), Node::Phi(_)) {
            let (_, mut words) = commands.into_iter().next()?;
            words.push((None, more));
            return Some(self.make(Node::Call(Rc::from("process.Command"), None, words), at));
        }
        let Node::Phi(mut alts) = self.values.get(recv).clone() else { return None };
        for alt in &mut alts {
            if let Some((_, mut words)) = self.commands(alt.value).into_iter().next() {
                words.push((None, more));
                alt.value = self.make(Node::Call(Rc::from("process.Command"), None, words), at);
            }
        }
        Some(self.values.phi(alts, at))
    }
}
