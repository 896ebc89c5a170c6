//! Programs that run what they are given: a shell behind another program, an interpreter, a shell on another machine, and
//! what any of them reads from its input.

use std::collections::BTreeSet;

use crate::evidence::source::{FactKind, Sink};

use super::super::taint::value::{self, Args, Id, Node};
use super::super::taint::{LOOKED_AT, World};
use super::Place::{All, At as Nth, Named};
use super::{Asked, Which};

/// How many words of a command are looked at.
const WORDS: usize = 64;
#[rustfmt::skip]
const SHELLS: &[&str] = &["sh", "bash", "zsh", "dash", "ksh", "fish", "ash", "cmd", "powershell", "pwsh"];
/// Programs that start the one that follows.
#[rustfmt::skip]
const STARTERS: &[&str] = &[
    "env", "sudo", "doas", "timeout", "nice", "ionice", "nohup", "setsid", "stdbuf", "unbuffer", "time", "xargs", "flock", "chroot", "unshare", "nsenter",
    "bwrap", "firejail", "docker", "podman", "nerdctl", "kubectl", "oc", "lxc", "ssh", "sshpass", "wsl", "script", "busybox", "xvfb-run", "systemd-run", "runuser", "su",
];
/// What stands before a text that is run, and what runs it.
#[rustfmt::skip]
const INTERPRETERS: &[(&str, &[&str], Sink)] = &[
    ("python", &["-c"], Sink::Code), ("pypy", &["-c"], Sink::Code), ("node", &["-e", "--eval", "-p", "--print", "-pe"], Sink::Code), ("bun", &["-e", "--eval"], Sink::Code),
    ("deno", &["eval"], Sink::Code), ("perl", &["-e", "-E", "-ne", "-pe"], Sink::Code), ("ruby", &["-e"], Sink::Code), ("php", &["-r"], Sink::Code), ("lua", &["-e"], Sink::Code),
    ("osascript", &["-e"], Sink::Code), ("Rscript", &["-e"], Sink::Code), ("mongosh", &["--eval"], Sink::Code), ("mongo", &["--eval"], Sink::Code),
    ("psql", &["-c", "--command"], Sink::Sql), ("mysql", &["-e", "--execute"], Sink::Sql), ("mariadb", &["-e", "--execute"], Sink::Sql), ("duckdb", &["-c"], Sink::Sql),
    ("su", &["-c", "--command"], Sink::Shell), ("runuser", &["-c", "--command"], Sink::Shell), ("script", &["-c", "-qc"], Sink::Shell),
];
/// Options of `ssh` that take a value.
const OF_SSH: &str = "bcDEeFIiJLlmOopQRSWw";
/// Methods that write to what a program reads.
#[rustfmt::skip]
const WRITES: &[&str] = &[
    "communicate", "write", "writelines", "end", "send", "sendline", "write_all", "write_str", "WriteString", "Write", "Fprint", "Fprintln", "Fprintf", "Copy",
];
/// What starts a program, somewhere in a dotted name.
#[rustfmt::skip]
const STARTS: &[&str] = &[
    "subprocess.Popen", "create_subprocess_exec", "anyio.open_process", "pexpect.spawn", "pty.spawn", "child_process.spawn", "child_process.execFile", "execa", "cross-spawn",
    "Bun.spawn", "exec.Command", "exec.Cmd", "process.Command",
];

impl World<'_> {
    /// What is told by a library and a method: a shell on another machine, a program by its name, an expression.
    pub(super) fn elsewhere(&self, asked: &Asked<'_>, root: &str) -> Option<(Sink, Which)> {
        const COMMAND: Which = &[Nth(0), Named("command"), Named("cmd"), Named("command_string")];
        let python = self.is_python(asked.at);
        match (root, asked.method) {
            (_, "exec_command") if python && asked.recv.is_some() => Some((Sink::Shell, COMMAND)),
            ("asyncssh", "run" | "create_process") => Some((Sink::Shell, COMMAND)),
            ("fabric" | "invoke", "run" | "sudo" | "local") => Some((Sink::Shell, COMMAND)),
            ("netmiko", "send_command" | "send_config_set" | "send_command_timing") => {
                Some((Sink::Shell, COMMAND))
            }
            ("ssh2" | "ssh2-promise" | "node-ssh" | "ssh2-exec", "exec" | "execCommand") => {
                Some((Sink::Shell, COMMAND))
            }
            ("pandas", "query" | "eval") => Some((Sink::Code, &[Nth(0), Named("expr")])),
            // Each program is a function of that library's.
            ("sh", _) if python && asked.path.matches('.').count() == 1 => {
                Some((Sink::Process, &[All]))
            }
            // `[].constructor.constructor(text)`
            (_, "constructor") if self.is_script(asked.at) => {
                let recv = asked.recv.map(|it| self.values.get(it));
                let function = match recv {
                    Some(Node::Function(_)) => true,
                    Some(Node::Member(_, name)) => name.as_ref() == "constructor",
                    _ => false,
                };
                function.then_some((Sink::Code, &[All]))
            }
            _ => None,
        }
    }

    /// The words of a command, one by one.
    fn words_of(&self, args: &Args) -> Vec<Id> {
        let mut words = Vec::new();
        let given = args.iter().filter(|(name, _)| {
            name.as_deref().is_none_or(|it| matches!(it, "args" | "cmd" | "Path" | "Args" | "*"))
        });
        let mut open: Vec<Id> = given.map(|(_, it)| *it).rev().collect();
        while let Some(id) = open.pop() {
            if words.len() >= WORDS {
                break;
            }
            match self.values.get(id) {
                Node::List(items) => open.extend(items.iter().rev().take(WORDS).map(|(_, it)| *it)),
                Node::Map(_) => {}
                // What stands before the program is none of its words.
                Node::Text(_) => words.push(id),
                _ if words.is_empty() && !self.values.tainted(id) => {}
                _ => words.push(id),
            }
        }
        words
    }

    fn word_text(&self, words: &[Id], at: usize) -> Option<&str> {
        let id = *words.get(at)?;
        match self.values.get(id) {
            Node::Text(text) => Some(text),
            // On one system this one, on another that one.
            Node::Phi(alts) => alts
                .iter()
                .find_map(|it| self.values.text(it.value))
                .map(std::convert::AsRef::as_ref),
            _ => None,
        }
    }

    /// What cannot be told of a call: whether a shell is asked for, and what is read again from where it is written.
    pub(super) fn note_open(&mut self, sink: Sink, asked: &Asked<'_>, arriving: &[Id]) {
        let sent = arriving.iter().any(|it| self.values.tainted(*it));
        if sink == Sink::Process && sent && self.may_have_a_shell(asked) {
            let text = self.call_text(asked.at);
            let _new = self.noted.entry((FactKind::Unclear(Sink::Shell), asked.at)).or_insert(text);
        }
        let values = asked.args.iter().skip(1);
        if sink == Sink::Sql
            && !self.fills_database
            && values.map(|(_, it)| *it).any(|it| self.values.tainted(it))
            && self.spelled(arriving).split_whitespace().any(|word| {
                ["insert", "update", "replace", "merge"]
                    .contains(&word.to_ascii_lowercase().as_str())
            })
        {
            (self.fills_database, self.shelf.news) = (true, true);
        }
    }

    /// Whether an option asks for a shell, or does not, by what nobody sees here.
    fn may_have_a_shell(&self, asked: &Asked<'_>) -> bool {
        let fixed = |id: Id| {
            matches!(
                self.values.get(id),
                Node::Bool(_) | Node::Nothing | Node::Text(_) | Node::Number(_)
            )
        };
        // What is spread may hold it, where a text is run.
        if self.is_python(asked.at) {
            let text = asked.args.first().is_some_and(|(_, it)| !self.is_words(*it));
            return text && asked.args.iter().any(|(name, _)| name.as_deref() == Some("**"));
        }
        let shell = |id: Id| self.field_of(id, &"shell".into());
        self.is_script(asked.at)
            && asked.args.iter().skip(1).any(|(_, it)| shell(*it).is_some_and(|it| !fixed(it)))
    }

    /// Whether a value was read from a database.
    pub(in super::super) fn is_of_database(&self, id: Id) -> bool {
        let (mut open, mut seen) = (vec![id], BTreeSet::new());
        while let Some(id) = open.pop() {
            if seen.len() >= LOOKED_AT {
                return true;
            }
            if !seen.insert(id) {
                continue;
            }
            match self.call_of(id) {
                Some(asked) => {
                    if self.which(&asked).is_some_and(|it| it.0 == Sink::Sql) {
                        return true;
                    }
                    open.extend(asked.recv);
                }
                None => open.extend(value::parts(self.values.get(id))),
            }
        }
        false
    }

    /// What of a command's words is run as a text of its own, and by what.
    pub(super) fn run_by_programs(&self, sink: Sink, asked: &Asked<'_>) -> Vec<(Sink, Id)> {
        let mut found = Vec::new();
        if sink != Sink::Process {
            return found;
        }
        let words = self.words_of(asked.args);
        let Some(first) = self.word_text(&words, 0).map(program) else { return found };
        for at in 0..words.len() {
            let Some(word) = self.word_text(&words, at).map(program) else { continue };
            if at > 0 && !STARTERS.contains(&first) {
                break;
            }
            let behind = at.saturating_add(1);
            if at > 0 && SHELLS.contains(&word) {
                found.extend(self.behind_flag(&words, behind, is_shells_flag, Sink::Shell));
            }
            for (name, flags, read) in INTERPRETERS {
                if *name == word {
                    found.extend(self.behind_flag(&words, behind, |it| flags.contains(&it), *read));
                }
            }
            if word == "ssh" {
                found.extend(self.of_another_machine(&words, behind));
            }
        }
        found.retain(|(_, it)| self.values.tainted(*it));
        found
    }

    fn behind_flag(
        &self,
        words: &[Id],
        from: usize,
        fits: impl Fn(&str) -> bool,
        read: Sink,
    ) -> Option<(Sink, Id)> {
        let last = from.saturating_add(6).min(words.len());
        let flag = (from..last).find(|it| self.word_text(words, *it).is_some_and(&fits))?;
        words.get(flag.saturating_add(1)).map(|it| (read, *it))
    }

    /// `ssh host words`: the shell there reads all of them as one text.
    fn of_another_machine(&self, words: &[Id], from: usize) -> Vec<(Sink, Id)> {
        let mut at = from;
        while let Some(text) =
            self.word_text(words, at).filter(|it| it.starts_with('-') && *it != "--")
        {
            let takes =
                text.len() == 2 && text.chars().nth(1).is_some_and(|it| OF_SSH.contains(it));
            at = at.saturating_add(if takes { 2 } else { 1 });
        }
        let behind = words.iter().skip(at.saturating_add(1)).map(|it| (Sink::Shell, *it));
        behind.collect()
    }

    /// A program that runs what it reads, and what it is given to read: `run(["bash", "-s"], input=text)`.
    pub(super) fn reads_its_input(&self, sink: Sink, asked: &Asked<'_>) -> Option<(Sink, Id)> {
        if sink != Sink::Process {
            return None;
        }
        let named = asked.args.iter().find(|(name, _)| name.as_deref() == Some("input"));
        let option = || asked.args.iter().find_map(|(_, it)| self.field_of(*it, &"input".into()));
        let text = named.map(|(_, it)| *it).or_else(option)?;
        Some((self.reader(asked.args)?, text))
    }

    /// What a program does with its input: nothing, when it was given something else to run.
    fn reader(&self, args: &Args) -> Option<Sink> {
        let words = self.words_of(args);
        let name = program(self.word_text(&words, 0)?);
        let plain = |world: &Self, it: usize| {
            world.word_text(&words, it).is_some_and(|it| it.starts_with('-'))
        };
        let flags = (1..words.len()).all(|it| plain(self, it));
        let runs = |flag: &str| matches!(flag, "-c" | "-e" | "-m" | "-r" | "--eval" | "-p" | "-lc");
        let other = (1..words.len()).any(|it| self.word_text(&words, it).is_some_and(runs));
        let last = self.word_text(&words, words.len().saturating_sub(1)).map(program);
        match name {
            _ if SHELLS.contains(&name) && flags && !other => Some(Sink::Shell),
            "python" | "pypy" | "node" | "ruby" | "perl" | "php" | "deno" | "bun" | "lua"
                if flags && !other =>
            {
                Some(Sink::Code)
            }
            "psql" | "mysql" | "mariadb" | "sqlite" | "duckdb" if !other => Some(Sink::Sql),
            // A shell there reads it, unless something else is started.
            "ssh" if self.of_another_machine(&words, 1).is_empty() => Some(Sink::Shell),
            "ssh" => last.is_some_and(|it| SHELLS.contains(&it)).then_some(Sink::Shell),
            _ if STARTERS.contains(&name) && !other => {
                last.is_some_and(|it| SHELLS.contains(&it)).then_some(Sink::Shell)
            }
            _ => None,
        }
    }

    /// What is written to a program that was started and runs what it reads.
    pub(in super::super) fn note_fed(&mut self, asked: &Asked<'_>) {
        if !self.handling || !WRITES.contains(&asked.method) {
            return;
        }
        let mut given = asked.args.iter().map(|(_, it)| *it);
        // `io.WriteString(pipe, text)` names first what it writes to.
        let into = match asked
            .recv
            .filter(|_| !matches!(asked.path.split('.').next(), Some("io" | "fmt")))
        {
            Some(recv) => Some(recv),
            None => given.next(),
        };
        let Some(args) = into.and_then(|it| self.started(it, 12)) else { return };
        let Some(read) = self.reader(&args) else { return };
        let texts: Vec<Id> = given.filter(|it| self.values.tainted(*it)).collect();
        if !texts.is_empty() {
            self.arrives(read, asked, &texts);
        }
    }

    /// The words of the program that a pipe leads to.
    fn started(&self, id: Id, left: u32) -> Option<Args> {
        let left = left.checked_sub(1)?;
        match self.values.get(id) {
            Node::Call(path, recv, args) => {
                let here = STARTS.iter().any(|it| path.contains(it)) && !args.is_empty();
                match (here, recv) {
                    (true, _) => Some(args.clone()),
                    (false, Some(recv)) => self.started(*recv, left),
                    _ => None,
                }
            }
            Node::Member(base, _)
            | Node::Elem(base)
            | Node::First(base)
            | Node::Through(_, base) => self.started(*base, left),
            Node::Phi(alts) => alts.iter().find_map(|it| self.started(it.value, left)),
            Node::List(items) => items.iter().find_map(|(_, it)| self.started(*it, left)),
            _ => None,
        }
    }

    /// Go sets what a program is started with, before it is: `command.Args = ...`, `command.Stdin = ...`.
    pub(in super::super) fn note_started_in_go(&mut self, asked: &Asked<'_>) {
        if !matches!(asked.method, "Run" | "Start" | "Output" | "CombinedOutput") {
            return;
        }
        let Some(recv) = asked.recv else { return };
        let Node::Call(path, _, words) = self.values.get(recv).clone() else { return };
        if !path.starts_with("exec.C") {
            return;
        }
        let behind_context = usize::from(path.ends_with("Context"));
        let mut words: Args = words.into_iter().skip(behind_context).collect();
        let set = ["Path", "Args"].map(|it| self.field(recv, it));
        if set.iter().any(Option::is_some) {
            words.extend(set.into_iter().flatten().map(|it| (None, it)));
            let _came = self.sink(&Asked {
                path: "exec.Command",
                method: "Command",
                recv: None,
                args: &words,
                ..*asked
            });
        }
        if let (Some(text), Some(read)) = (self.field(recv, "Stdin"), self.reader(&words))
            && self.handling
        {
            self.arrives(read, asked, &[text]);
        }
    }
}

/// The name of a program without where it lies and which version it is.
fn program(word: &str) -> &str {
    let name = word.rsplit(['/', '\\']).next().unwrap_or_default().trim_end_matches(".exe");
    name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.')
}

fn is_shells_flag(word: &str) -> bool {
    matches!(word, "/c" | "/C" | "-Command")
        || word.starts_with('-') && !word.starts_with("--") && word.ends_with('c')
}
