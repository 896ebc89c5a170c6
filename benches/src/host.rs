//! The load generator: it starts a program, greets it as a host would, and calls.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::process::{Cpu, Family};

/// A program to start.
#[expect(clippy::disallowed_methods, reason = "a benchmark starts gateways as a host does")]
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    Command::new(program)
}

/// A running program that speaks MCP, and how long it took to answer first.
#[derive(Debug)]
pub(crate) struct Host {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    line: Vec<u8>,
    next: u64,
    /// From before it was started to the answer to `initialize`.
    pub(crate) started: Duration,
}

/// One sort of call.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    /// What stands after the id in each request.
    pub(crate) rest: String,
    /// How long the text of each answer must be.
    pub(crate) text: usize,
    /// How many calls are counted.
    pub(crate) calls: usize,
    /// How many are on their way at once.
    pub(crate) window: usize,
}

/// What one series of calls took.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    /// Median of the single calls, in microseconds.
    pub(crate) p50: f64,
    /// Processor time of gateway and box.
    pub(crate) ours: Cpu,
    /// Processor time of the server.
    pub(crate) server: Cpu,
    pub(crate) calls: usize,
}

const INITIALIZE: &str = concat!(
    r#""method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"#,
    r#""clientInfo":{"name":"bench","version":"1"}}}"#
);
const LIST: &str = r#""method":"tools/list","params":{}}"#;
const INITIALIZED: &[u8] = b"{\"jsonrpc\":\"2.0\",\"method\":\"notifications/initialized\"}\n";

impl Host {
    /// Starts a program and waits until it answered `initialize`.
    pub(crate) fn start(program: &[String], complaints: &Path) -> Result<Self, String> {
        let (name, arguments) = program.split_first().ok_or("nothing to start")?;
        let stderr = std::fs::File::create(complaints).map_err(|error| error.to_string())?;
        let begun = Instant::now();
        let mut child = command(name)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .map_err(|error| format!("`{name}` cannot be started: {error}"))?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("it has no output")?;
        let output = BufReader::with_capacity(1 << 18, output);
        let (line, started) = (Vec::new(), Duration::ZERO);
        let mut host = Self { child, input, output, line, next: 0, started };
        let answered = host.request(INITIALIZE);
        host.started = begun.elapsed();
        let said = || std::fs::read_to_string(complaints).unwrap_or_default();
        answered.map_err(|error| format!("{error}\n{}", said()))?;
        host.expect(|answer| answer["result"]["serverInfo"].is_object())?;
        host.send(INITIALIZED)?;
        Ok(host)
    }

    /// Asks which tools there are, as every host does first.
    pub(crate) fn list(&mut self) -> Result<(), String> {
        self.request(LIST)?;
        self.expect(|answer| answer["result"]["tools"][0]["name"] == "echo")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Makes calls and measures them; a tenth as many before, to warm up.
    pub(crate) fn calls(&mut self, load: &Load) -> Result<Series, String> {
        self.request(&load.rest)?;
        let text = |answer: &Value| answer["result"]["content"][0]["text"].as_str().map(str::len);
        self.expect(|answer| text(answer) == Some(load.text))?;
        self.series(load)
    }

    /// The same, of the list of tools: it must stay as long as it is at first.
    pub(crate) fn lists(&mut self, calls: usize) -> Result<Series, String> {
        self.list()?;
        let (rest, text) = (LIST.to_owned(), self.line.len() - 8);
        self.series(&Load { rest, text, calls, window: 1 })
    }

    /// Calls whose answers are at least that long, and no errors.
    pub(crate) fn asks(&mut self, load: &Load) -> Result<Series, String> {
        self.request(&load.rest)?;
        self.expect(|answer| {
            answer["result"].is_object() && answer["result"]["isError"] != Value::Bool(true)
        })?;
        self.series(load)
    }

    /// One call, the first of its kind: for what takes some that long that nobody would
    /// wait for it twice.
    pub(crate) fn asks_once(&mut self, rest: &str) -> Result<Series, String> {
        let family = Family::of(self.pid());
        let before = family.ours();
        let since = Instant::now();
        self.request(rest)?;
        let p50 = since.elapsed().as_secs_f64() * 1e6;
        std::thread::sleep(Duration::from_millis(2));
        let ours = family.ours().since(before);
        self.expect(|answer| {
            answer["result"].is_object() && answer["result"]["isError"] != Value::Bool(true)
        })?;
        Ok(Series { p50, ours, calls: 1, ..Series::default() })
    }

    fn series(&mut self, load: &Load) -> Result<Series, String> {
        self.round(load, load.calls / 10)?;
        let family = Family::of(self.pid());
        let before = (family.ours(), family.server());
        let mut times = self.round(load, load.calls)?;
        // The last answer is here; whoever sent it is still about to wait.
        std::thread::sleep(Duration::from_millis(2));
        let (ours, server) = (family.ours().since(before.0), family.server().since(before.1));
        times.sort();
        let p50 = times.get(times.len() / 2).copied().unwrap_or_default();
        Ok(Series { p50: p50.as_secs_f64() * 1e6, ours, server, calls: load.calls })
    }

    /// The time of each call, from request to answer.
    fn round(&mut self, load: &Load, calls: usize) -> Result<Vec<Duration>, String> {
        let mut sent = std::collections::VecDeque::with_capacity(load.window);
        let mut times = Vec::with_capacity(calls);
        let mut left = calls;
        while times.len() < calls {
            while left > 0 && sent.len() < load.window {
                let since = Instant::now();
                sent.push_back((self.write(&load.rest)?, since));
                left -= 1;
            }
            let Some((id, since)) = sent.pop_front() else { break };
            self.read(id)?;
            if self.line.len() < load.text {
                return Err(format!("short answer: {}", self.shown()));
            }
            times.push(since.elapsed());
        }
        Ok(times)
    }

    /// Closes the pipe and waits for the end.
    pub(crate) fn end(mut self) -> Result<(), String> {
        self.input = None;
        self.child.wait().map(|_| ()).map_err(|error| error.to_string())
    }

    fn request(&mut self, rest: &str) -> Result<(), String> {
        let id = self.write(rest)?;
        self.read(id)
    }

    /// Sends a request; its id.
    pub(crate) fn write(&mut self, rest: &str) -> Result<u64, String> {
        self.next += 1;
        let id = self.next;
        self.send(format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},{rest}\n").as_bytes())?;
        Ok(id)
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        let input = self.input.as_mut().ok_or("its input is closed")?;
        input.write_all(bytes).map_err(|error| format!("it does not read: {error}"))
    }

    /// Reads on to the answer that carries `id`.
    pub(crate) fn read(&mut self, id: u64) -> Result<(), String> {
        let wanted = format!("\"id\":{id},");
        loop {
            self.line.clear();
            let read = self.output.read_until(b'\n', &mut self.line);
            if read.map_err(|error| format!("it cannot be read: {error}"))? == 0 {
                return Err("it ended before it answered".to_owned());
            }
            // Some say their id first, some last.
            let length = self.line.len();
            let head = self.line.get(..length.min(64)).unwrap_or_default();
            let tail = self.line.get(length.saturating_sub(64)..).unwrap_or_default();
            let last = format!("\"id\":{id}}}");
            let has = |part: &[u8], text: &str| {
                part.windows(text.len()).any(|bytes| bytes == text.as_bytes())
            };
            if has(head, &wanted) || has(tail, &wanted) || has(tail, &last) {
                return Ok(());
            }
        }
    }

    /// The answer that was read last is right.
    pub(crate) fn expect(&self, right: impl Fn(&Value) -> bool) -> Result<(), String> {
        let answer = serde_json::from_slice(&self.line).map_err(|error| error.to_string())?;
        if right(&answer) { Ok(()) } else { Err(format!("unexpected: {}", self.shown())) }
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.line).chars().take(300).collect()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Closing its input ends it; after an error nobody waits for that.
        if self.input.take().is_some() {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}
