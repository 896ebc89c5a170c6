//! One host, one hostile server, and what lies about to be attacked.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use rustix::fs::{CWD, Mode, OFlags, mkfifoat, open};
use serde_json::{Value, json};

use crate::stage::pipes::Inlet;
use crate::stage::{Gateway, Stage, start};

/// What stands between host and server.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// Nothing.
    Bare,
    /// The gateway, without these layers (with commas between them).
    Without(&'a str),
}

/// A secret without a form, so that nobody knows it by its look.
pub const SECRET: &str = "the-plain-secret-of-ada";
/// In two pieces, so that no scanner takes this file for a leak.
const TOKEN: (&str, &str) = ("ghp_C4n4ryTok", "D5e6F7a8B9c0D1e2F3a4B5c6D7e");

/// A secret in the form that its issuer gives it.
#[must_use]
pub fn token() -> String {
    [TOKEN.0, TOKEN.1].concat()
}

const POLICY: &str = r#"@id("not-to-main")
forbid (principal, action == Action::"call", resource)
when { context.arguments has branch && context.arguments.branch == "main" };
"#;

const CONFIG: &str = r#"[server.hostile]
ask = "never"
tools = { deny = ["forget_*"] }
[policy]
files = ["policy.cedar"]
"#;

/// The stage of every attack on one subject.
#[derive(Debug)]
pub struct Scene {
    pub stage: Stage,
    /// Nobody may connect to it.
    pub listener: TcpListener,
    /// What a process that the server leaves behind holds on to.
    pub pipe: Inlet,
    subject: (bool, String),
    gateway: Option<Gateway>,
    /// What the host heard since it last asked, line by line.
    pub heard: Vec<Value>,
}

impl Scene {
    /// Lays everything out.
    #[must_use]
    pub fn new(subject: Subject<'_>) -> Self {
        let stage = Stage::new();
        let (home, project) = (stage.home(), stage.project());
        fs::write(home.join("secret.txt"), SECRET).unwrap();
        fs::write(home.join("token.txt"), token()).unwrap();
        stage.folder("home/ada/outbox", 0o777);
        stage.folder("home/ada/project/.git/hooks", 0o777);
        symlink("..", project.join("link")).unwrap();
        stage.policy("policy.cedar", POLICY);
        stage.config(CONFIG);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let fifo = project.join("pipe");
        mkfifoat(CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
        fs::set_permissions(&fifo, fs::Permissions::from_mode(0o666)).unwrap();
        let common = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let pipe = Inlet::new(open(&fifo, common, Mode::empty()).unwrap());
        let facts = json!({
            "root": project, "secret": home.join("secret.txt"), "token": home.join("token.txt"),
            "form": token(), "port": listener.local_addr().unwrap().port(), "pipe": fifo,
        });
        let bin = stage.folder("bin", 0o755);
        fs::write(bin.join("facts.json"), facts.to_string()).unwrap();
        fs::write(bin.join("hostile.py"), include_str!("hostile.py")).unwrap();
        let subject = match subject {
            Subject::Bare => (false, String::new()),
            Subject::Without(layers) => (true, layers.to_owned()),
        };
        Self { stage, listener, pipe, subject, gateway: None, heard: Vec::new() }
    }

    /// The server's program.
    #[must_use]
    pub fn program(&self) -> PathBuf {
        self.stage.path().join("bin/hostile.py")
    }

    fn command(&self) -> Command {
        let facts = self.stage.path().join("bin/facts.json");
        let server = ["/usr/bin/python3", "-I", "-S"].map(str::to_owned).into_iter();
        let files = [self.program(), facts].map(|file| file.display().to_string());
        let server: Vec<String> = server.chain(files).collect();
        let (guarded, layers) = &self.subject;
        let mut command = if *guarded {
            let config = self.stage.path().join("portcullis.toml").display().to_string();
            let root = self.stage.root();
            let options = ["--config", &config, "--name", "hostile", "--root", &root];
            self.stage.run(&options, &server)
        } else {
            let mut command = start(&server[0]);
            self.stage.scrub(&mut command);
            command.args(&server[1..]);
            command
        };
        if !layers.is_empty() {
            command.env("PORTCULLIS_WITHOUT", layers);
        }
        command.env("ADAS_KEY", SECRET);
        command
    }

    /// The host starts the server, if it does not run; false when it does not start.
    pub fn starts(&mut self) -> bool {
        if self.gateway.is_some() {
            return true;
        }
        let mut gateway = Gateway::start(self.command(), None);
        let id = gateway.greets();
        let answered = gateway.until(|gateway| {
            let answered = gateway.from.line().is_some();
            (answered || gateway.from.ended).then_some(answered)
        });
        if answered != Some(true) {
            assert!(answered.is_some(), "request {id} is not answered: {}", gateway.complaints());
            return false;
        }
        gateway.says(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        self.gateway = Some(gateway);
        true
    }

    /// The session of now, a new one when there is none.
    pub fn host(&mut self) -> &mut Gateway {
        assert!(self.starts(), "it does not start");
        self.gateway.as_mut().expect("it runs")
    }

    /// The host asks; what it is answered. What else it hears meanwhile is in `heard`.
    pub fn asks(&mut self, method: &str, params: &Value) -> Value {
        self.heard.clear();
        let id = self.host().asks(method, params);
        loop {
            let line: Value = serde_json::from_str(&self.host().hears()).expect("JSON");
            if line["id"] == json!(id) && line.get("method").is_none() {
                return line;
            }
            self.heard.push(line);
        }
    }

    /// The host calls a tool; the answer, as text.
    pub fn calls(&mut self, tool: &str, arguments: &Value) -> String {
        self.asks("tools/call", &json!({"name": tool, "arguments": arguments})).to_string()
    }

    /// Whether a call of this tool reaches the server.
    pub fn reaches(&mut self, tool: &str, arguments: &Value) -> bool {
        let before = self.reached(tool);
        self.calls(tool, arguments);
        self.reached(tool) > before
    }

    fn reached(&self, tool: &str) -> usize {
        let all = fs::read_to_string(self.stage.project().join("reached")).unwrap_or_default();
        all.lines().filter(|line| *line == tool).count()
    }

    /// Waits until the host hears what `wanted` looks for.
    pub fn hears(&mut self, wanted: impl Fn(&Value) -> bool) {
        let mut all = std::mem::take(&mut self.heard);
        while !all.iter().any(&wanted) {
            all.push(serde_json::from_str(&self.host().hears()).expect("JSON"));
        }
    }

    /// The host leaves; whatever the gateway started is gone.
    pub fn leave(&mut self) {
        if let Some(gateway) = self.gateway.take() {
            gateway.leave();
        }
    }
}
