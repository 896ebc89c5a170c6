//! A scripted host for one server, which may be silent, may lie, and may lose messages.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use super::process;

/// How long an answer may take before a server counts as silent; answers end the wait.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server, started and greeted.
#[derive(Debug)]
pub(super) struct Host {
    child: Child,
    to: Option<ChildStdin>,
    heard: Receiver<String>,
    answers: BTreeMap<u64, Value>,
    last: u64,
    /// How long the start took: what is slow here.
    pub(super) started_in: Duration,
}

impl Host {
    /// Starts the command and completes the handshake.
    pub(super) fn start(words: &[OsString], folder: &Path) -> Result<Self, String> {
        let begun = Instant::now();
        let log = folder.join("stderr.txt");
        let mut command = process::command(words, folder)?;
        command.stderr(File::create(&log).map_err(|error| error.to_string())?);
        let spawned = command.spawn();
        let mut child =
            spawned.map_err(|error| format!("the server cannot be started: {error}"))?;
        let (to, heard) = (child.stdin.take(), listen(&mut child));
        let nothing = Duration::ZERO;
        let answers = BTreeMap::new();
        let mut host = Self { child, to, heard, answers, last: 0, started_in: nothing };
        let hello = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "lesson", "version": env!("CARGO_PKG_VERSION")}
        });
        if let Err(why) = host.ask("initialize", &hello) {
            return Err(format!("{why}{}", last_line(&log)));
        }
        host.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        host.started_in = begun.elapsed();
        Ok(host)
    }

    /// Calls a tool; its whole answer.
    pub(super) fn call(
        &mut self,
        tool: &str,
        arguments: &Map<String, Value>,
    ) -> Result<Value, String> {
        self.ask("tools/call", &json!({"name": tool, "arguments": arguments}))
    }

    /// Asks and waits.
    pub(super) fn ask(&mut self, method: &str, params: &Value) -> Result<Value, String> {
        let id = self.post(method, params)?;
        let answer = self.answer(id, PATIENCE);
        answer.ok_or_else(|| format!("no answer to `{method}`"))
    }

    /// Asks without waiting; the number of the question.
    pub(super) fn post(&mut self, method: &str, params: &Value) -> Result<u64, String> {
        self.last += 1;
        let id = self.last;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        Ok(id)
    }

    /// The answer to a question, if it comes in time.
    pub(super) fn answer(&mut self, id: u64, patience: Duration) -> Option<Value> {
        let start = Instant::now();
        while !self.answers.contains_key(&id) {
            let left = patience.checked_sub(start.elapsed())?;
            match self.heard.recv_timeout(left) {
                Ok(line) => self.keep(&line),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
        self.answers.get(&id).cloned()
    }

    /// What is no answer is noise here.
    fn keep(&mut self, line: &str) {
        let Ok(message) = serde_json::from_str::<Value>(line) else { return };
        if let (Some(id), None) = (message["id"].as_u64(), message.get("method")) {
            self.answers.insert(id, message);
        }
    }

    /// Says no more: whoever reads our pipe comes to its end.
    pub(super) fn hang_up(&mut self) {
        self.to = None;
    }

    fn send(&mut self, message: &Value) -> Result<(), String> {
        let to = self.to.as_mut().ok_or("the server has no input")?;
        let sent = writeln!(to, "{message}").and_then(|()| to.flush());
        sent.map_err(|error| format!("the server does not listen: {error}"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.to = None;
        process::end(&mut self.child);
    }
}

/// The last thing that a server said before it died.
fn last_line(log: &Path) -> String {
    let text = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    last.map_or_else(String::new, |line| format!("; it said: {line}"))
}

/// Every line of its output, as it comes.
fn listen(child: &mut Child) -> Receiver<String> {
    let (tell, heard) = channel();
    if let Some(output) = child.stdout.take() {
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                let Ok(line) = line else { return };
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
    }
    heard
}
