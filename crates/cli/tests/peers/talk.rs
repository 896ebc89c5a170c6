//! The smallest host: one JSON message per line, and nobody waits for ever.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::left::Kin;

/// How long an answer may take on a machine that is busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

/// A server, bare or guarded, in a legacy session.
#[derive(Debug)]
pub(crate) struct Talk {
    child: Child,
    stdin: Option<ChildStdin>,
    heard: Receiver<Value>,
    next: u64,
    /// What `roots/list` is answered with, when the host declares roots.
    roots: Option<Value>,
}

impl Talk {
    /// Starts it and shakes hands; with roots when there are some to offer.
    pub(crate) fn start(mut command: Command, roots: Option<Value>) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (tell, heard) = channel();
        let stdout = child.stdout.take().unwrap();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                let message = serde_json::from_str(&line).expect("stdout carries MCP only");
                if tell.send(message).is_err() {
                    break;
                }
            }
        });
        let stdin = child.stdin.take();
        let mut talk = Self { child, stdin, heard, next: 0, roots };
        talk.shake_hands();
        talk
    }

    fn shake_hands(&mut self) {
        let capabilities = if self.roots.is_some() { json!({"roots": {}}) } else { json!({}) };
        let hello = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": capabilities,
            "clientInfo": {"name": "portcullis-tests", "version": "1.0.0"},
        });
        let answer = self.ask("initialize", &hello);
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
        self.say(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    }

    /// Asks, and answers what is asked meanwhile.
    pub(crate) fn ask(&mut self, method: &str, params: &Value) -> Value {
        let id = self.send(method, params);
        self.answer(id)
    }

    /// Waits for the answer to an earlier request.
    pub(crate) fn answer(&mut self, id: u64) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Ok(message) = self.heard.recv_timeout(left) else {
                panic!("no answer to request {id}: {}", self.last_words())
            };
            if message["method"].is_string() {
                self.asked(&message);
            } else if message["id"] == id {
                return message;
            }
        }
    }

    /// Asks without waiting; the request's id.
    pub(crate) fn send(&mut self, method: &str, params: &Value) -> u64 {
        self.next += 1;
        self.say(&json!({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params}));
        self.next
    }

    /// Calls a tool; its result or error.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Value {
        let mut answer = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}));
        answer.as_object_mut().unwrap().retain(|name, _| name == "result" || name == "error");
        answer
    }

    /// Every tool's definition.
    pub(crate) fn tools(&mut self) -> Vec<Value> {
        let answer = self.ask("tools/list", &json!({}));
        assert!(answer["result"]["nextCursor"].is_null(), "one page is enough: {answer}");
        answer["result"]["tools"].as_array().unwrap_or_else(|| panic!("{answer}")).clone()
    }

    /// Everything that runs below it.
    pub(crate) fn kin(&self) -> Vec<Kin> {
        Kin::below(self.child.id())
    }

    /// Leaves as a host does, and waits until it ended by itself.
    pub(crate) fn leave(mut self) -> ExitStatus {
        drop(self.stdin.take());
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            thread::sleep(Duration::from_millis(20));
        }
        panic!("it did not end after its input did: {}", self.last_words())
    }

    fn say(&mut self, message: &Value) {
        let stdin = self.stdin.as_mut().unwrap();
        if let Err(error) = writeln!(stdin, "{message}") {
            panic!("nobody hears {message}: {error}: {}", self.last_words());
        }
    }

    fn asked(&mut self, message: &Value) {
        if message["id"].is_null() {
            return;
        }
        let mut answer = json!({"jsonrpc": "2.0", "id": message["id"]});
        match (&self.roots, message["method"].as_str()) {
            (Some(roots), Some("roots/list")) => answer["result"] = json!({"roots": roots}),
            _ => answer["error"] = json!({"code": -32601, "message": "method not found"}),
        }
        self.say(&answer);
    }

    /// What it wrote to stderr; it is ended first, or reading would wait.
    fn last_words(&mut self) -> String {
        let _ = self.child.kill();
        let mut said = Vec::new();
        if let Some(stderr) = self.child.stderr.take() {
            // Something that outlived it may still hold the pipe.
            let (tell, told) = channel();
            thread::spawn(move || {
                let mut said = Vec::new();
                let _ = stderr.take(64 << 10).read_to_end(&mut said);
                let _ = tell.send(said);
            });
            said = told.recv_timeout(Duration::from_secs(2)).unwrap_or_default();
        }
        String::from_utf8_lossy(&said).into_owned()
    }
}

impl Drop for Talk {
    /// A test that failed leaves nothing behind.
    fn drop(&mut self) {
        drop(self.stdin.take());
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
