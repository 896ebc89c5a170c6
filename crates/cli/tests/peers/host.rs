//! Hosts made with the official SDKs: the programs in `peers/clients`.
//!
//! Each gets a plan and prints its facts, as one JSON object:
//!
//! ```text
//! plan   command, args     what it starts as its server
//!        url, headers      in their place: where its server is, and what it says there
//!        mode              legacy, auto or a revision
//!        roots             URIs that it offers; absent when it declares no roots
//!        model             what its model answers; absent when it declares no sampling
//!        person            what its person answers to a form or a link; absent when it
//!                          declares no elicitation
//!        approver          what its person answers to a question of the gateway: a list of
//!                          [part of the question, answer]; null is never answered
//!        steps             offer: URIs (instead of its roots; the server is told);
//!                          or call, arguments; progress: true; cancel: true (at the first
//!                          progress); until: text (again until the answer has it)
//! facts  sdk, revision, server, tools, roots_asked
//!        model_asked       {texts, system, tokens} of each request
//!        person_asked      {mode, message, url} of each
//!        steps             {error, text}, {code, text} or {cancelled}, each with progress
//! ```

use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::gateway::Gateway;
use crate::left::assert_nobody_names;
use crate::yard::{PORTCULLIS, Yard, command, peer, source};

/// The whole plan, on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(150);

/// One of the official SDKs, and how it is told to connect.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Host {
    script: &'static str,
    interpreter: Interpreter,
    mode: &'static str,
    over_http: bool,
    /// In the transport of 2024-11-05.
    old: bool,
    /// Its name and version, as its package says.
    pub(crate) sdk: &'static str,
}

#[derive(Clone, Copy, Debug)]
enum Interpreter {
    Venv(&'static str),
    Node(&'static str),
}

/// Python 1.x knows one era.
pub(crate) const PYTHON_1: Host = Host {
    script: "python1.py",
    interpreter: Interpreter::Venv("sdk1"),
    mode: "legacy",
    over_http: false,
    old: false,
    sdk: "mcp 1.30.0",
};

/// Python 2.x in the way of its elders.
pub(crate) const PYTHON_2_LEGACY: Host = Host {
    script: "python2.py",
    interpreter: Interpreter::Venv("sdk2"),
    mode: "legacy",
    over_http: false,
    old: false,
    sdk: "mcp 2.3.0",
};

/// Python 2.x that asks `server/discover` first.
pub(crate) const PYTHON_2_AUTO: Host = Host { mode: "auto", ..PYTHON_2_LEGACY };

/// Python 2.x that speaks 2026-07-28 without asking.
pub(crate) const PYTHON_2_MODERN: Host = Host { mode: "2026-07-28", ..PYTHON_2_LEGACY };

/// TypeScript 1.x knows one era.
pub(crate) const TYPESCRIPT_1: Host = Host {
    script: "typescript1.mjs",
    interpreter: Interpreter::Node("@modelcontextprotocol/sdk"),
    mode: "legacy",
    over_http: false,
    old: false,
    sdk: "@modelcontextprotocol/sdk 1.32.2",
};

/// TypeScript 2.x in the way of its elders.
pub(crate) const TYPESCRIPT_2_LEGACY: Host = Host {
    script: "typescript2.mjs",
    interpreter: Interpreter::Node("@modelcontextprotocol/client"),
    mode: "legacy",
    over_http: false,
    old: false,
    sdk: "@modelcontextprotocol/client 2.4.0",
};

/// TypeScript 2.x that asks a first process `server/discover`, and starts a second one.
pub(crate) const TYPESCRIPT_2_AUTO: Host = Host { mode: "auto", ..TYPESCRIPT_2_LEGACY };

/// TypeScript 2.x that takes 2026-07-28 or nothing.
pub(crate) const TYPESCRIPT_2_MODERN: Host = Host { mode: "2026-07-28", ..TYPESCRIPT_2_LEGACY };

impl Host {
    /// The same host, with the HTTP gateway in place of `run`.
    pub(crate) const fn over_http(self) -> Self {
        Self { over_http: true, ..self }
    }

    /// The same in the transport of 2024-11-05.
    pub(crate) const fn over_old_http(self) -> Self {
        Self { over_http: true, old: true, ..self }
    }

    /// Follows the steps with a guarded server; the facts. Nothing is left when it is back.
    pub(crate) fn drive(
        self,
        yard: &Yard,
        run: &[String],
        roots: Option<Value>,
        steps: &Value,
    ) -> Value {
        let mut has = json!({});
        if let Some(roots) = roots {
            has["roots"] = roots;
        }
        self.drive_with(yard, run, has, steps)
    }

    /// The same, for a host that has more: roots, a model, a person.
    pub(crate) fn drive_with(
        self,
        yard: &Yard,
        run: &[String],
        has: Value,
        steps: &Value,
    ) -> Value {
        self.drive_at(yard, run, (has, None), steps)
    }

    /// The same at a terminal, if there is one: it is the host's, and so the gateway's.
    pub(crate) fn drive_at(
        self,
        yard: &Yard,
        run: &[String],
        (has, terminal): (Value, Option<OwnedFd>),
        steps: &Value,
    ) -> Value {
        let mut plan = has;
        plan["mode"] = self.mode.into();
        plan["steps"] = steps.clone();
        let facts = if self.over_http {
            let gateway = if self.old { Gateway::old(yard, run) } else { Gateway::of(yard, run) };
            plan["url"] = gateway.url.as_str().into();
            let facts = self.play(&plan, terminal);
            gateway.ends();
            facts
        } else {
            plan["command"] = PORTCULLIS.into();
            plan["args"] = json!(run);
            self.play(&plan, terminal)
        };
        assert_eq!(facts["sdk"], self.sdk);
        assert_nobody_names(&yard.text(""));
        facts
    }

    /// Follows the steps with whatever is at this address.
    pub(crate) fn drive_to(self, url: &str, steps: &Value) -> Value {
        let facts = self.play(&json!({"mode": self.mode, "url": url, "steps": steps}), None);
        assert_eq!(facts["sdk"], self.sdk);
        facts
    }

    fn play(self, plan: &Value, terminal: Option<OwnedFd>) -> Value {
        let interpreter = match self.interpreter {
            Interpreter::Venv(name) => peer(&format!("python/{name}/bin/python")),
            Interpreter::Node(package) => {
                peer(&format!("node/node_modules/{package}"));
                "node".to_owned()
            }
        };
        let mut program = match terminal {
            None => {
                let mut program = command(interpreter);
                program.stdin(Stdio::null());
                program
            }
            Some(theirs) => {
                let mut program = command("setsid");
                program.args(["--ctty", "--wait", interpreter.as_str()]).stdin(theirs);
                program
            }
        };
        program.arg(source("peers/clients").join(self.script)).arg(plan.to_string());
        program.stdout(Stdio::piped()).stderr(Stdio::piped());
        // It writes little: less than its pipes hold.
        let mut child = program.spawn().unwrap();
        let deadline = Instant::now() + PATIENCE;
        let ended = loop {
            match child.try_wait().unwrap() {
                Some(status) => break Some(status),
                None if Instant::now() > deadline => break None,
                None => thread::sleep(Duration::from_millis(20)),
            }
        };
        if ended.is_none() {
            let _ = child.kill();
            let _ = child.wait();
        }
        let (mut out, mut err) = (String::new(), String::new());
        if ended.is_some() {
            child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
            child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        }
        assert!(ended.is_some_and(|status| status.success()), "{self:?} {ended:?}\n{out}\n{err}");
        serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}\n{err}"))
    }
}
