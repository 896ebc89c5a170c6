//! `docs/guide/servers.md` keeps its word: every block is run as a server on the official SDK and attacked.
//! The careless one of each pair falls, the hardened one holds, and both answer an honest call.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

const SECRET: &str = "the-secret-of-the-guide";
const CARD: &str = "CARD-0000000000000000";
/// Long enough for a cold interpreter on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// One rule: its tool, an honest call with a part of its answer, and what an attacker sends.
struct Rule {
    name: &'static str,
    tool: &'static str,
    honest: (Value, &'static str),
    attacks: Vec<Value>,
    fell: fn(&Stage, &Value) -> bool,
}

fn rules(stage: &Stage) -> Vec<Rule> {
    let secret = |_: &Stage, answer: &Value| {
        let text = answer.to_string();
        text.contains(SECRET) || text.contains(CARD)
    };
    let beside = stage.path("project-evil/key.txt").display().to_string();
    vec![
        Rule {
            name: "paths",
            tool: "read_note",
            honest: (json!({"path": "notes.txt"}), "buy milk"),
            attacks: vec![
                json!({"path": beside}),
                json!({"path": "../project-evil/key.txt"}),
                json!({"path": "link.txt"}),
                json!({"path": "folder-link/key.txt"}),
            ],
            fell: secret,
        },
        Rule {
            name: "sql",
            tool: "find_products",
            honest: (json!({"text": "tea"}), "green tea"),
            attacks: vec![
                json!({"text": "x' UNION SELECT name, card FROM customers --"}),
                json!({"text": "tea", "order": "(SELECT card FROM customers)"}),
            ],
            fell: secret,
        },
        Rule {
            name: "commands",
            tool: "count_words",
            honest: (json!({"file": "notes.txt"}), "2"),
            attacks: vec![
                json!({"file": "notes.txt; touch ../canary"}),
                json!({"file": "--files0-from=../project-evil/key.txt"}),
                json!({"file": "../project-evil/key.txt; cat ../project-evil/key.txt"}),
            ],
            fell: |stage, answer| {
                stage.path("canary").exists() || answer.to_string().contains(SECRET)
            },
        },
        Rule {
            name: "bounds",
            tool: "first_lines",
            honest: (json!({"lines": 2}), "all is well"),
            attacks: vec![
                json!({"lines": 1_000_000_000}),
                json!({"lines": -1}),
                json!({"lines": 1, "and": "x".repeat(100_000)}),
            ],
            fell: |_, answer| answer.to_string().len() > 256 * 1024,
        },
        Rule {
            name: "annotations",
            tool: "ping_me",
            honest: (json!({"text": "hello"}), "hello"),
            attacks: vec![],
            fell: |_, _| false,
        },
        Rule {
            name: "errors",
            tool: "read_plan",
            honest: (json!({}), "rest"),
            attacks: vec![json!({})],
            fell: |stage, answer| answer.to_string().contains(&stage.text("")),
        },
    ]
}

/// A directory with a project, what lies beside it, and a shop.
struct Stage {
    folder: TempDir,
}

impl Stage {
    fn new() -> Self {
        let stage = Self { folder: tempfile::tempdir().unwrap() };
        for name in ["project", "project-evil"] {
            fs::create_dir(stage.path(name)).unwrap();
        }
        fs::write(stage.path("project/notes.txt"), "buy milk\n").unwrap();
        let log = "all is well, and so it was a moment ago\n".repeat(30_000);
        fs::write(stage.path("project/large.log"), log).unwrap();
        fs::write(stage.path("project-evil/key.txt"), SECRET).unwrap();
        std::os::unix::fs::symlink("../project-evil/key.txt", stage.path("project/link.txt"))
            .unwrap();
        std::os::unix::fs::symlink("../project-evil", stage.path("project/folder-link")).unwrap();
        fs::copy(source("examples/lesson/shop.db"), stage.path("shop.db")).unwrap();
        std::os::unix::fs::symlink(peer("node/node_modules"), stage.path("node_modules")).unwrap();
        fs::copy(source("crates/cli/tests/guide/sqlite.mjs"), stage.path("sqlite.mjs")).unwrap();
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

/// A file of this repository.
fn source(name: &str) -> PathBuf {
    // At run time: the tests may run from a copy of the sources.
    let here = std::env::var_os("CARGO_MANIFEST_DIR");
    let here = here.map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    here.join("../..").canonicalize().unwrap().join(name)
}

/// Something that `cargo xtask test` brought.
fn peer(name: &str) -> PathBuf {
    let peers = std::env::var_os("PORTCULLIS_PEERS");
    let path = peers.map_or_else(|| source("target/peers"), PathBuf::from).join(name);
    let missing = path.display();
    assert!(path.exists(), "no {missing}: run `cargo xtask test`, which brings the peers");
    path
}

/// The blocks of the page: what stands behind the three marks, and the text.
fn blocks() -> Vec<(String, String)> {
    let page = fs::read_to_string(source("docs/guide/servers.md")).unwrap();
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some(info), None) => open = Some((info.to_owned(), String::new())),
            (None, Some((_, text))) => text.push_str(&format!("{line}\n")),
            (None, None) => {}
        }
    }
    found
}

fn block(info: &str) -> String {
    let mut found = blocks().into_iter().filter(|(of, _)| of == info);
    let (_, text) = found.next().unwrap_or_else(|| panic!("the page has no block `{info}`"));
    assert!(found.next().is_none(), "two blocks `{info}`");
    text
}

/// A language of the page.
#[derive(Clone, Copy, Debug)]
enum Language {
    Python,
    TypeScript,
}

impl Language {
    fn mark(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::TypeScript => "ts",
        }
    }

    /// The block as a whole server, and what starts it.
    fn server(self, stage: &Stage, kind: &str, rule: &str) -> Vec<PathBuf> {
        let mark = self.mark();
        let parts = ["head".to_owned(), format!("{kind} {rule}"), "tail".to_owned()];
        let text = parts.map(|part| block(&format!("{mark} {part}"))).join("\n");
        let (file, text, program) = match self {
            Self::Python => ("server.py", text, peer("python/sdk1/bin/python")),
            Self::TypeScript => ("server.mjs", without_types(&text), node()),
        };
        fs::write(stage.path(file), text).unwrap();
        vec![program, stage.path(file), stage.path("project"), stage.path("shop.db")]
    }
}

/// TypeScript that older versions of Node run: its few types are taken off, and SQLite, which they do
/// not have, is the one of `guide/sqlite.mjs`.
fn without_types(text: &str) -> String {
    text.replace(": string)", ")").replace("'node:sqlite'", "'./sqlite.mjs'")
}

fn node() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join("node"));
    found
        .into_iter()
        .find(|program| program.exists())
        .expect("node, which `cargo xtask test` wants")
}

/// A server and its pipes.
struct Server {
    child: Child,
    heard: Receiver<String>,
    last: u64,
}

impl Server {
    #[expect(clippy::disallowed_methods, reason = "the page is about servers without a box")]
    fn start(words: &[PathBuf], folder: &Path) -> Self {
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).current_dir(folder).env_clear();
        command.env("PATH", "/usr/bin:/bin").env("HOME", folder).env("PYTHONUTF8", "1");
        command.env("GUIDE_PYTHON", peer("python/sdk1/bin/python"));
        let stderr = fs::File::create(folder.join("stderr.txt")).unwrap();
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(stderr);
        let mut child = command.spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (tell, heard) = channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).all(|line| tell.send(line).is_ok())
        });
        let mut server = Self { child, heard, last: 0 };
        server.ask(
            "initialize",
            &json!({
                "protocolVersion": "2025-11-25",
                "capabilities": {},
                "clientInfo": {"name": "guide", "version": "1.0.0"}
            }),
        );
        server.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        server
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{message}").unwrap();
    }

    fn ask(&mut self, method: &str, params: &Value) -> Value {
        self.last += 1;
        let id = self.last;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}));
        loop {
            let line = self.heard.recv_timeout(PATIENCE).expect("an answer");
            let answer: Value = serde_json::from_str(&line).expect("JSON");
            if answer["id"] == id {
                return answer;
            }
        }
    }

    fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        self.ask("tools/call", &json!({"name": tool, "arguments": arguments}))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a block of the page falls to its rule's attacks.
fn falls(language: Language, kind: &str, rule: &Rule, stage: &Stage) -> bool {
    let words = language.server(stage, kind, rule.name);
    let mut server = Server::start(&words, &stage.path(""));
    let which = format!("{language:?} {kind} {}", rule.name);
    let plan = stage.path("project/plan-of-today.txt");
    fs::write(&plan, "rest\n").unwrap();
    let (honest, expect) = &rule.honest;
    let answer = server.call(rule.tool, honest);
    let text = answer["result"]["content"].to_string();
    let said = fs::read_to_string(stage.path("stderr.txt")).unwrap();
    assert!(
        text.contains(expect) && answer["result"]["isError"] != true,
        "{which}: {answer}\n{said}"
    );
    fs::remove_file(&plan).unwrap();
    if rule.name == "annotations" {
        return !says_what_it_does(&server.ask("tools/list", &json!({})));
    }
    let fell = |arguments: &Value| {
        let answer = server.call(rule.tool, arguments);
        let fell = (rule.fell)(stage, &answer);
        let refused = answer["result"]["isError"] == true || answer["error"].is_object();
        // What is only a text finds nothing.
        let refused = refused || answer["result"]["content"][0]["text"] == "[]";
        assert!(fell || refused || kind == "careless", "{which} took {arguments}: {answer}");
        fell
    };
    rule.attacks.iter().map(fell).filter(|fell| *fell).count() > 0
}

fn says_what_it_does(list: &Value) -> bool {
    let tools = list["result"]["tools"].as_array().unwrap();
    let hints = ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"];
    let says = |tool: &Value| hints.iter().all(|hint| tool["annotations"][hint].is_boolean());
    !tools.is_empty() && tools.iter().all(says)
}

fn every_rule(language: Language) {
    let names: Vec<_> = rules(&Stage::new()).into_iter().map(|rule| rule.name).collect();
    for (at, name) in names.iter().enumerate() {
        for (kind, expect) in [("careless", true), ("hardened", false)] {
            let stage = Stage::new();
            let rule = rules(&stage).remove(at);
            assert_eq!(falls(language, kind, &rule, &stage), expect, "{language:?} {kind} {name}");
        }
    }
}

#[test]
fn python_holds_where_it_is_hardened_and_falls_where_it_is_careless() {
    every_rule(Language::Python);
}

#[test]
fn typescript_holds_where_it_is_hardened_and_falls_where_it_is_careless() {
    every_rule(Language::TypeScript);
}

#[test]
fn no_block_is_left_out() {
    let rules = rules(&Stage::new());
    let mut expected = vec!["head".to_owned(), "tail".to_owned()];
    for kind in ["careless", "hardened"] {
        expected.extend(rules.iter().map(|rule| format!("{kind} {}", rule.name)));
    }
    for mark in ["python", "ts"] {
        let blocks = blocks().into_iter();
        let found = blocks.filter_map(|(info, _)| Some(info.strip_prefix(mark)?.trim().to_owned()));
        let mut found: Vec<_> = found.collect();
        found.sort();
        expected.sort();
        assert_eq!(found, expected, "{mark}");
    }
}
