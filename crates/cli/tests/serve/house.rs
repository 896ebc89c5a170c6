//! A gateway that serves, and requests to it, byte by byte.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStderr, Stdio};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::stage::{PATIENCE, Stage};

pub const LEGACY: &str = "2025-11-25";
pub const MODERN: &str = "2026-07-28";

/// `portcullis serve`. Dropping it ends it.
#[derive(Debug)]
pub struct House {
    child: Child,
    pub port: u16,
    said: Arc<Mutex<String>>,
}

/// What came back.
#[derive(Clone, Debug)]
pub struct Got {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Got {
    pub fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(it, _)| it.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// The body, or the last event of a stream, as JSON.
    pub fn json(&self) -> Value {
        let mut events = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let text = events.next_back().unwrap_or(&self.body);
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

impl House {
    /// Serves our own server for the stage's project as `files`; `more` goes into the config.
    pub fn of_files(stage: &Stage, more: &str) -> Self {
        let project = stage.project().display().to_string();
        let command = json!([env!("CARGO_BIN_EXE_portcullis"), "server", "--root", project]);
        Self::of(stage, &command, more)
    }

    /// Serves this command as `files`.
    pub fn of(stage: &Stage, command: &Value, more: &str) -> Self {
        let root = json!([stage.root()]);
        Self::with(
            stage,
            &format!(
                "[serve]\nlisten = \"127.0.0.1:0\"\n{more}\n[server.files]\ncommand = {command}\n\
                 roots = {root}\nask = \"never\"\n"
            ),
        )
    }

    /// Serves a whole config.
    pub fn with(stage: &Stage, config: &str) -> Self {
        let (mut house, said) = Self::start(stage, config);
        // What it says later must not fill its pipe.
        let kept = Arc::new(Mutex::new(String::new()));
        let keeps = Arc::clone(&kept);
        std::thread::spawn(move || {
            for line in said.lines().map_while(Result::ok) {
                keeps.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        house.said = kept;
        house
    }

    /// The same, and nobody reads what it says.
    pub fn unheard(stage: &Stage, config: &str) -> Self {
        Self::start(stage, config).0
    }

    fn start(stage: &Stage, config: &str) -> (Self, BufReader<ChildStderr>) {
        let config = stage.config(config);
        let mut serve = stage.portcullis();
        serve.args(["serve", "--config"]).arg(config).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = serve.spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        said.read_line(&mut line).unwrap();
        let port = line.split("127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next());
        let port = port.and_then(|port| port.parse().ok());
        let port = port.unwrap_or_else(|| panic!("no port: {line}"));
        (Self { child, port, said: Arc::default() }, said)
    }

    pub fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).unwrap()
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// What it said on stderr since it began to serve.
    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends this; all that comes back until the connection ends.
    pub fn sends(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Got {
        let mut stream = self.begins(method, path, headers, body);
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        Got::read(&all)
    }

    /// Sends this, and waits for nothing.
    pub fn begins(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> TcpStream {
        let mut text = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n", self.port);
        text.push_str("Connection: close\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        let length = body.len();
        let mut stream = self.connect();
        let _ =
            stream.write_all(format!("{text}Content-Length: {length}\r\n\r\n{body}").as_bytes());
        stream
    }

    /// Posts a message to `files` with what every client says, and these headers.
    pub fn posts(&self, headers: &[(&str, &str)], message: &Value) -> Got {
        let mut all = vec![
            ("Content-Type", "application/json"),
            ("Accept", "application/json, text/event-stream"),
        ];
        all.extend_from_slice(headers);
        self.sends("POST", "/s/files/mcp", &all, &message.to_string())
    }

    /// Begins a session of 2025-11-25; its name.
    pub fn greets(&self, headers: &[(&str, &str)]) -> String {
        let got = self.posts(headers, &opening(LEGACY));
        assert_eq!(got.status, 200, "{got:?}");
        let name = got.header("mcp-session-id").unwrap_or_else(|| panic!("{got:?}")).to_owned();
        assert_eq!(got.json()["result"]["protocolVersion"], LEGACY, "{got:?}");
        let mut all = headers.to_vec();
        all.extend([("Mcp-Session-Id", name.as_str()), ("MCP-Protocol-Version", LEGACY)]);
        let got =
            self.posts(&all, &json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        assert_eq!((got.status, got.body.as_str()), (202, ""), "{got:?}");
        name
    }

    /// Asks in a session of 2025-11-25.
    pub fn asks(&self, session: &str, headers: &[(&str, &str)], message: &Value) -> Got {
        let mut all = headers.to_vec();
        all.extend([("Mcp-Session-Id", session), ("MCP-Protocol-Version", LEGACY)]);
        self.posts(&all, message)
    }

    /// Asks in 2026-07-28, with the headers that mirror the message.
    pub fn asks_modern(&self, headers: &[(&str, &str)], message: &Value) -> Got {
        let method = message["method"].as_str().unwrap();
        let name = message["params"]["name"].as_str();
        let mut all = headers.to_vec();
        all.extend([("MCP-Protocol-Version", MODERN), ("Mcp-Method", method)]);
        all.extend(name.map(|name| ("Mcp-Name", name)));
        self.posts(&all, message)
    }

    pub fn terminate(&self) {
        kill_process(Pid::from_raw(self.pid()).unwrap(), Signal::TERM).unwrap();
    }

    /// How it ended after it was asked to.
    pub fn ends(self) -> i32 {
        self.terminate();
        self.waits()
    }

    /// How it ended.
    pub fn waits(mut self) -> i32 {
        self.child.wait().unwrap().code().unwrap_or(-1)
    }
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn opening(revision: &str) -> Value {
    let client = json!({"name": "tests", "version": "1"});
    let params = json!({"protocolVersion": revision, "capabilities": {}, "clientInfo": client});
    json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params})
}

pub fn request(id: i64, method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// The same as a client of 2026-07-28 sends it.
pub fn modern(id: i64, method: &str, params: &Value) -> Value {
    let mut message = request(id, method, params);
    message["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = MODERN.into();
    message["params"]["_meta"]["io.modelcontextprotocol/clientCapabilities"] = json!({});
    message
}
