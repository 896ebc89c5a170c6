//! Servers that are somewhere else: the official SDKs' own, over HTTP on this machine, reached by
//! the official SDKs' hosts through `portcullis run --url`.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::thread;

use crate::yard::{Yard, command, peer, source};

/// A server on a port of its own, until this is dropped.
#[derive(Debug)]
pub(crate) struct Site {
    child: Child,
    /// Where it is.
    pub(crate) url: String,
}

impl Site {
    /// The server with everything in it, of the TypeScript SDK 1.x.
    pub(crate) fn everything() -> Self {
        let script =
            peer("node/node_modules/@modelcontextprotocol/server-everything/dist/index.js");
        let port = free_port();
        Self::start(&["node", &script, "streamableHttp"], port, "listening on port")
    }

    /// A server of the Python SDK 2.x.
    pub(crate) fn errands() -> Self {
        let python = peer("python/sdk2/bin/python");
        let script = source("peers/servers/errands.py").display().to_string();
        let port = free_port();
        let words = [python.as_str(), &script, "--http", &port.to_string()];
        Self::start(&words, port, "running on http")
    }

    /// A server of the conformance suite's tools, of one era.
    pub(crate) fn conformance(era: &str) -> Self {
        let script = source(&format!("peers/servers/conformance-{era}.mjs")).display().to_string();
        let port = free_port();
        let words = ["node", &script, &peer(""), "--http", &port.to_string()];
        Self::start(&words, port, "at http://")
    }

    /// A server that speaks nothing but 2026-07-28, of the TypeScript SDK 2.x.
    pub(crate) fn modern() -> Self {
        let script = source("peers/servers/modern.mjs").display().to_string();
        let port = free_port();
        Self::start(&["node", &script, &peer(""), "--http", &port.to_string()], port, "at http://")
    }

    /// One that knows nothing of it, of the Python SDK 1.x.
    pub(crate) fn legacy() -> Self {
        let python = peer("python/sdk1/bin/python");
        let script = source("peers/servers/legacy.py").display().to_string();
        let port = free_port();
        let words = [python.as_str(), &script, "--http", &port.to_string()];
        Self::start(&words, port, "running on http")
    }

    fn start(words: &[&str], port: u16, ready: &'static str) -> Self {
        let mut child = command(words[0])
            .args(&words[1..])
            .env("PORT", port.to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut all = String::new();
        while !all.contains(ready) {
            let line = said.next().unwrap_or_else(|| panic!("it ended: {all}")).unwrap();
            all.push_str(&line);
        }
        // What it says later is nobody's business, and must not fill its pipe.
        thread::spawn(move || said.for_each(drop));
        Self { child, url: format!("http://127.0.0.1:{port}/mcp") }
    }

    /// The words of `portcullis run` that guard it.
    pub(crate) fn guarded(&self, yard: &Yard, options: &[&str]) -> Vec<String> {
        let state = yard.text("state");
        let words = ["run", "--state", &state, "--url", &self.url];
        words.iter().chain(options).map(|word| (*word).to_owned()).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
