//! A scripted host: starts a server, shakes hands, calls tools.

use std::ffi::OsString;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::{Value, json};

use super::scene::Scene;

/// A host with one server.
pub(super) struct Host {
    child: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    next: u64,
}

impl Host {
    /// Starts the command and completes the handshake.
    pub(super) fn start(command: &[OsString], scene: &Scene) -> Result<Self, String> {
        let mut child = spawn(command, scene)?;
        let (Some(to), Some(from)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("the server has no pipes".to_owned());
        };
        let mut host = Self { child, to: Some(to), from: BufReader::new(from), next: 0 };
        let hello = json!({
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "clientInfo": {"name": "demo", "version": "1.0.0"}
        });
        host.ask("initialize", &hello)?;
        host.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}))?;
        Ok(host)
    }

    /// Calls a tool; the text of its result, or of the refusal.
    pub(super) fn call(&mut self, tool: &str, arguments: &Value) -> Result<String, String> {
        let answer = self.ask("tools/call", &json!({"name": tool, "arguments": arguments}))?;
        Ok(answer.to_string())
    }

    fn ask(&mut self, method: &str, params: &Value) -> Result<Value, String> {
        self.next += 1;
        let id = self.next;
        self.send(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        loop {
            let mut line = String::new();
            let read = self.from.read_line(&mut line).map_err(|error| error.to_string())?;
            if read == 0 {
                return Err(format!("the server ended before it answered `{method}`"));
            }
            let answer: Value = serde_json::from_str(&line).map_err(|error| error.to_string())?;
            if answer["id"] == json!(id) {
                return Ok(answer);
            }
        }
    }

    fn send(&mut self, message: &Value) -> Result<(), String> {
        let to = self.to.as_mut().ok_or("the server has no input")?;
        writeln!(to, "{message}").and_then(|()| to.flush()).map_err(|error| error.to_string())
    }

    /// Closes the pipe and waits.
    pub(super) fn end(mut self) {
        self.to = None;
        let _ = self.child.wait();
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the host is the part that starts servers; the box is theirs"
)]
fn spawn(command: &[OsString], scene: &Scene) -> Result<Child, String> {
    let Some((program, arguments)) = command.split_first() else {
        return Err("there is no command".to_owned());
    };
    std::process::Command::new(program)
        .args(arguments)
        .current_dir(&scene.folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("the server cannot be started: {error}"))
}
