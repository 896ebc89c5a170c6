//! A client that writes its lines itself, and a tree to work in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_guard::Access;
use portcullis_kit::layer::Limits;
use portcullis_kit::{Ceiling, StartError, Toolbox};
use portcullis_server::files::{Settings, offer};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

/// What lies outside, and must neither be read nor change.
pub(crate) const BAIT: &str = "BAIT-that-no-tool-may-read";

/// A directory to work in (`project`), one whose name begins like it, and one that
/// may only be read (`docs`).
pub(crate) struct Stage {
    dir: tempfile::TempDir,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        for place in ["project/src", "project/.git/hooks", "project-evil", "docs"] {
            std::fs::create_dir_all(dir.path().join(place)).unwrap();
        }
        let stage = Self { dir };
        stage.put("a.txt", "alpha\nbeta\ngamma\n");
        stage.put("src/main.rs", "fn main() {}\n");
        stage.put(".git/config", "[core]\n");
        std::fs::write(stage.at("docs/read.me"), "only to be read\n").unwrap();
        std::fs::write(stage.at("project-evil/secret"), BAIT).unwrap();
        stage
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.dir.path().join(path)
    }

    /// In the directory to work in.
    pub(crate) fn inside(&self, below: &str) -> PathBuf {
        self.at("project").join(below)
    }

    pub(crate) fn put(&self, below: &str, content: impl AsRef<[u8]>) {
        let path = self.inside(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    pub(crate) fn text(&self, below: &str) -> String {
        std::fs::read_to_string(self.inside(below)).unwrap()
    }

    pub(crate) fn link(&self, below: &str, to: impl AsRef<Path>) {
        std::os::unix::fs::symlink(to, self.inside(below)).unwrap();
    }

    /// That the outside is as it was.
    pub(crate) fn assert_outside_untouched(&self) {
        let names: Vec<_> = std::fs::read_dir(self.at("project-evil"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(names, ["secret"]);
        assert_eq!(std::fs::read_to_string(self.at("project-evil/secret")).unwrap(), BAIT);
    }

    pub(crate) fn talk(&self) -> Talk {
        self.talk_with(Settings::default())
    }

    pub(crate) fn talk_with(&self, settings: Settings) -> Talk {
        let ceiling = Ceiling::new()
            .grant(&self.inside(""), Access::Write)
            .and_then(|ceiling| ceiling.grant(&self.at("docs"), Access::Read))
            .unwrap();
        Talk::new(ceiling, settings)
    }
}

/// A conversation with a server of file tools.
pub(crate) struct Talk {
    runtime: Runtime,
    _server: JoinSet<Result<(), StartError>>,
    lines: BufReader<ReadHalf<DuplexStream>>,
    out: WriteHalf<DuplexStream>,
    id: u64,
    /// Everything that came and was no answer.
    pub(crate) notifications: Vec<Value>,
}

impl Talk {
    pub(crate) fn new(ceiling: Ceiling, settings: Settings) -> Self {
        let limits = Limits {
            calls_per_minute: 1_000_000,
            deadline: Duration::from_secs(300),
            message_bytes: 64 << 20,
            ..Limits::default()
        };
        let toolbox = offer(Toolbox::new("files", "1.0.0"), settings, true);
        let toolbox = toolbox.roots(ceiling).limits(limits);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let (ours, theirs) = tokio::io::duplex(1 << 20);
        let (input, output) = tokio::io::split(theirs);
        let mut server = JoinSet::new();
        server.spawn_on(async move { toolbox.serve(input, output).await }, runtime.handle());
        let (lines, out) = tokio::io::split(ours);
        let lines = BufReader::new(lines);
        let (id, notifications) = (0, Vec::new());
        let mut talk = Self { runtime, _server: server, lines, out, id, notifications };
        let hello = json!({
            "protocolVersion": "2025-11-25", "capabilities": {},
            "clientInfo": { "name": "test", "version": "1" },
        });
        talk.ask("initialize", hello);
        talk.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        talk
    }

    pub(crate) fn send(&mut self, message: &Value) {
        let line = format!("{message}\n");
        self.runtime.block_on(self.out.write_all(line.as_bytes())).unwrap();
    }

    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.runtime.block_on(self.lines.read_line(&mut line)).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Sends a request, and says under which id.
    pub(crate) fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.id += 1;
        let id = self.id;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        id
    }

    /// The answer to a request.
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        loop {
            let message = self.next();
            if message.get("id").and_then(Value::as_u64) == Some(id) && message["method"].is_null()
            {
                return message;
            }
            self.notifications.push(message);
        }
    }

    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params);
        self.answer(id)
    }

    /// The result of a call, or the text of its error.
    pub(crate) fn result(&mut self, tool: &str, arguments: Value) -> Result<Value, String> {
        let answer = self.ask("tools/call", json!({ "name": tool, "arguments": arguments }));
        if let Some(error) = answer.get("error") {
            return Err(error["message"].as_str().unwrap().to_owned());
        }
        let result = answer["result"].clone();
        match result["isError"].as_bool() {
            Some(true) => Err(result["content"][0]["text"].as_str().unwrap().to_owned()),
            _ => Ok(result),
        }
    }

    /// The structured answer of a call.
    pub(crate) fn call(&mut self, tool: &str, arguments: Value) -> Result<Value, String> {
        self.result(tool, arguments).map(|result| result["structuredContent"].clone())
    }
}

/// Calls that must be refused with these words.
pub(crate) fn refuses(talk: &mut Talk, tool: &str, arguments: Value, words: &str) {
    match talk.call(tool, arguments.clone()) {
        Err(text) => assert!(text.contains(words), "{tool} {arguments}: {text}"),
        Ok(answer) => panic!("{tool} {arguments} was answered: {answer}"),
    }
}
