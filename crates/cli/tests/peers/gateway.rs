//! The HTTP gateway between a host and a server, with the same words that `run` would be given.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Stdio};
use std::thread::{self, JoinHandle};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::yard::{PORTCULLIS, Yard, command};

/// `portcullis serve` with one server behind it.
#[derive(Debug)]
pub(crate) struct Gateway {
    child: Child,
    /// Where its server is.
    pub(crate) url: String,
    said: Option<JoinHandle<String>>,
}

impl Gateway {
    /// Serves what these words of `portcullis run` guard.
    pub(crate) fn of(yard: &Yard, run: &[String]) -> Self {
        Self::serves(yard, run, "")
    }

    /// The same, reached under another name too.
    pub(crate) fn under(yard: &Yard, run: &[String], host: &str) -> Self {
        Self::serves(yard, run, &format!("hosts = [{}]\n", json!(host)))
    }

    /// The same in the transport of 2024-11-05.
    pub(crate) fn old(yard: &Yard, run: &[String]) -> Self {
        let mut gateway = Self::serves(yard, run, "legacy_sse = true\n");
        gateway.url = gateway.url.replace("/mcp", "/sse");
        gateway
    }

    fn serves(yard: &Yard, run: &[String], more: &str) -> Self {
        let (state, text) = written(run);
        let text = format!("{text}{more}");
        let config = yard.path("serve.toml");
        std::fs::write(&config, text).unwrap();
        Self::start(&state, &config.display().to_string())
    }

    /// Serves a config.
    pub(crate) fn start(state: &str, config: &str) -> Self {
        let mut child = command(PORTCULLIS)
            .args(["serve", "--state", state, "--config", config])
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut from = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        let url = loop {
            let before = said.len();
            let read = from.read_line(&mut said).unwrap();
            assert!(read > 0, "the gateway ended: {said}");
            if let Some((_, url)) = said[before..].trim_end().split_once(" is at ") {
                break url.to_owned();
            }
        };
        let said = thread::spawn(move || {
            let _ = from.read_to_string(&mut said);
            said
        });
        Self { child, url, said: Some(said) }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        let port = self.url.split("127.0.0.1:").nth(1).and_then(|rest| rest.split('/').next());
        port.unwrap().parse().unwrap()
    }

    /// Ends it as an operator does; what it said.
    pub(crate) fn ends(mut self) -> String {
        self.terminate();
        let status = self.child.wait().unwrap();
        let said = self.said.take().unwrap().join().unwrap();
        assert!(status.success(), "{status}: {said}");
        said
    }

    fn terminate(&self) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::TERM);
        }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if self.said.is_some() {
            self.terminate();
            let _ = self.child.wait();
        }
    }
}

/// The words of `portcullis run` as a config, and the state that they name.
fn written(run: &[String]) -> (String, String) {
    let (mut state, mut name, mut text) = (String::new(), "server".to_owned(), String::new());
    let (mut keys, mut roots, mut env) = (Vec::new(), Vec::new(), json!({}));
    let end = run.iter().position(|word| word == "--");
    let mut words = run[1..end.unwrap_or(run.len())].iter();
    while let Some(option) = words.next() {
        let value = || words.clone().next().unwrap().clone();
        match option.as_str() {
            "--state" => state = value(),
            "--name" => name = value(),
            "--config" => text = std::fs::read_to_string(value()).unwrap(),
            "--root" => roots.push(value()),
            "--env" => {
                let value = value();
                let (variable, value) = value.split_once('=').unwrap();
                env[variable] = value.into();
            }
            option => keys.push(format!("{} = {}", &option[2..], json!(value()))),
        }
        words.next();
    }
    if let Some(end) = end {
        keys.push(format!("command = {}", json!(run[end + 1..])));
    }
    keys.push(format!("roots = {}", json!(roots)));
    let variables = env.as_object().unwrap().iter();
    let variables: Vec<String> =
        variables.map(|(name, value)| format!("{name} = {value}")).collect();
    keys.push(format!("env = {{ {} }}", variables.join(", ")));
    let header = format!("[server.{name}]\n");
    let keys = keys.join("\n");
    let text = if text.contains(&header) {
        text.replace(&header, &format!("{header}{keys}\n"))
    } else {
        format!("{text}\n{header}{keys}\n")
    };
    let listen = "[serve]\nlisten = \"127.0.0.1:0\"\n";
    (state, format!("{text}\n{listen}"))
}
