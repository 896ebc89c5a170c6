//! One conversation: a server that asks, a host that has a model and a person, and somebody
//! who answers in one channel.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::desk::{Browser, Console};
use crate::stage::{Gateway, PATIENCE, Stage};
use crate::terminal::Terminal;

/// What is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Tool,
    /// The request and, after it, the answer.
    Model,
    Form,
    Link,
    /// A directory that the host offers, in which the server finds a note.
    Root,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Era {
    Legacy,
    Modern,
}

/// Where somebody answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    Console,
    Terminal,
    Elicitation,
    /// With a command of ours, while the call is held.
    Hold,
    /// The same after the host was told that it is pending.
    Pending,
}

impl Kind {
    fn call(self) -> Value {
        let read = |path: &str| json!({"name": "read_file", "arguments": {"path": path}});
        match self {
            Self::Tool => json!({"name": "delete_file", "arguments": {"path": "notes"}}),
            Self::Model => read("model"),
            Self::Form => read("form"),
            Self::Link => read("link"),
            Self::Root => json!({"name": "get_note", "arguments": {"name": "note"}}),
        }
    }

    /// The kinds of questions, in the order in which they come.
    pub fn asks(self) -> &'static [&'static str] {
        match self {
            Self::Tool => &["tool"],
            Self::Model => &["sampling", "sampling-answer"],
            Self::Form | Self::Link => &["elicitation"],
            Self::Root => &["root"],
        }
    }

    /// What the call's result says at the end.
    pub fn done(self) -> &'static str {
        match self {
            Self::Tool => "done",
            Self::Model => "a short one",
            Self::Form => "ada",
            Self::Link => "accept",
            Self::Root => "a note of this site",
        }
    }
}

impl Where {
    /// The only channel there is, with a host that is trusted.
    pub fn alone(self) -> &'static str {
        match self {
            Self::Console => "channels = [\"console\"]\ntrusted_hosts = [\"tests\"]\n",
            Self::Terminal => "channels = [\"terminal\"]\ntrusted_hosts = [\"tests\"]\n",
            Self::Elicitation => "channels = [\"elicitation\"]\ntrusted_hosts = [\"tests\"]\n",
            Self::Hold | Self::Pending => "channels = []\ntrusted_hosts = [\"tests\"]\n",
        }
    }

    /// Who the list of approvals says it was.
    pub fn by(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Terminal => "terminal",
            Self::Elicitation => "host tests",
            Self::Hold | Self::Pending => "by command",
        }
    }
}

pub struct Scene {
    pub stage: Stage,
    pub gateway: Gateway,
    era: Era,
    place: Where,
    terminal: Option<Terminal>,
    pub console: Option<Console>,
    cookie: Option<String>,
    seen: BTreeSet<String>,
    /// What the person says to a form of ours in the host.
    pub approver: Value,
    /// Every message that the host heard.
    pub heard: Vec<Value>,
    work: tempfile::TempDir,
    site: String,
    /// The host offers its directory.
    pub offers: bool,
    /// Nobody looks at what waits.
    pub alone: bool,
}

/// The server, which looks for its note in this directory.
pub fn server(site: &str) -> Vec<String> {
    ["python3", "-u", "-c", include_str!("server.py"), site].map(str::to_owned).to_vec()
}

/// A directory of a person's work, outside of `/tmp`, which in a box is the server's own.
fn work() -> tempfile::TempDir {
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(dir.path().join("site")).unwrap();
    std::fs::write(dir.path().join("site/note"), Kind::Root.done()).unwrap();
    dir
}

impl Scene {
    pub fn begin(era: Era, place: Where, more: &str) -> Self {
        Self::with(era, place, &format!("{}{more}", place.alone()), place == Where::Console)
    }

    /// The same with other channels, and with a console beside them or without.
    pub fn with(era: Era, place: Where, keys: &str, console: bool) -> Self {
        let stage = Stage::new();
        let config = stage.config(&format!(
            "[server.files]\n{keys}sampling = {{ mode = \"ask\" }}\n\
             elicitation = {{ mode = \"ask\", urls = [\"login.example.com\"] }}\n"
        ));
        let config = config.display().to_string();
        let work = work();
        let site = work.path().canonicalize().unwrap().join("site").display().to_string();
        let ceiling = format!("{}:ro:ask", site.trim_end_matches("/site"));
        let options = ["--config", config.as_str(), "--name", "files", "--root", ceiling.as_str()];
        let (gateway, terminal) = if place == Where::Terminal {
            let (gateway, terminal) = Terminal::start(&stage, &options, &server(&site));
            (gateway, Some(terminal))
        } else {
            (Gateway::start(stage.run(&options, &server(&site)), None), None)
        };
        let console = console.then(|| Console::start(&stage));
        let (seen, heard) = (BTreeSet::new(), Vec::new());
        let approver = json!({"action": "accept", "content": {"answer": "approve"}});
        let mut scene = Self {
            stage,
            gateway,
            era,
            place,
            terminal,
            console,
            cookie: None,
            seen,
            approver,
            heard,
            work,
            site,
            offers: false,
            alone: false,
        };
        scene.shakes_hands();
        scene
    }

    fn shakes_hands(&mut self) {
        if self.era == Era::Modern {
            let id = self.asks("server/discover", json!({}));
            self.gateway.answer(id);
            return;
        }
        let hello = json!({
            "protocolVersion": "2025-11-25", "capabilities": capabilities(),
            "clientInfo": {"name": "tests", "version": "1"},
        });
        let id = self.gateway.asks("initialize", &hello);
        self.gateway.answer(id);
        self.gateway.says(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    }

    fn asks(&mut self, method: &str, mut params: Value) -> u64 {
        if self.era == Era::Modern {
            params["_meta"] = json!({
                "io.modelcontextprotocol/protocolVersion": "2026-07-28",
                "io.modelcontextprotocol/clientCapabilities": capabilities(),
                "io.modelcontextprotocol/clientInfo": {"name": "tests", "version": "1"},
            });
        }
        self.gateway.asks(method, &params)
    }

    /// The host makes a call and does what is asked of it until there is a result.
    pub fn call(&mut self, kind: Kind) -> Value {
        let params = kind.call();
        let mut id = self.asks("tools/call", params.clone());
        let deadline = Instant::now() + PATIENCE * 2;
        while Instant::now() < deadline {
            let Some(heard) = self.hears() else {
                self.somebody_answers();
                continue;
            };
            if let Some(method) = heard["method"].as_str() {
                if let Some(result) = self.host_answers(method, &heard["params"]) {
                    let id = &heard["id"];
                    self.gateway.says(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
                }
                continue;
            }
            if heard["id"] != json!(id) {
                continue;
            }
            if heard["result"]["resultType"] == "input_required" {
                let again = self.retry(&params, &heard["result"]);
                id = self.asks("tools/call", again);
                continue;
            }
            return heard;
        }
        panic!("no result; {}", self.gateway.complaints())
    }

    /// The host says that it offers its directory now.
    pub fn offers_its_directory(&mut self) {
        self.offers = true;
        if self.era == Era::Legacy {
            let changed = "notifications/roots/list_changed";
            self.gateway.says(&json!({"jsonrpc": "2.0", "method": changed}));
        }
    }

    /// The host waits a moment, and does what it is asked.
    pub fn rests(&mut self) {
        match self.hears() {
            Some(heard) => {
                let method = heard["method"].as_str().unwrap_or_default();
                if let Some(result) = self.host_answers(method, &heard["params"]) {
                    let id = &heard["id"];
                    self.gateway.says(&json!({"jsonrpc": "2.0", "id": id, "result": result}));
                }
            }
            None => self.somebody_answers(),
        }
    }

    fn hears(&mut self) -> Option<Value> {
        for _ in 0..10 {
            if let Some(terminal) = &mut self.terminal {
                terminal.turn();
            }
            self.gateway.turn(Duration::from_millis(10));
            if let Some(line) = self.gateway.from.line() {
                let heard: Value = serde_json::from_slice(&line).unwrap();
                self.heard.push(heard.clone());
                return Some(heard);
            }
        }
        None
    }

    /// Somebody looks at what waits, and answers each question once.
    fn somebody_answers(&mut self) {
        if let Some(terminal) = &mut self.terminal {
            terminal.says_yes();
            return;
        }
        if self.place == Where::Elicitation || self.alone {
            return;
        }
        for row in self.stage.questions() {
            let id = row["id"].as_str().unwrap().to_owned();
            if !self.seen.insert(id.clone()) {
                continue;
            }
            match &self.console {
                Some(console) => {
                    // A link opens once.
                    let open = || Browser::open(console).cookie;
                    let cookie = self.cookie.get_or_insert_with(open).clone();
                    let browser = Browser { console, cookie };
                    assert_eq!(browser.answers(&id, "approve").status, 303);
                }
                None => {
                    let said = self.stage.says(&["approvals", "approve", &id]);
                    assert_eq!(said.code, 0, "{said:?}");
                }
            }
        }
    }

    /// Every question was answered there, and nowhere else.
    pub fn all_answered(&self, kinds: &[&str]) {
        let rows = self.stage.every_question();
        let asked: Vec<&str> = rows.iter().filter_map(|row| row["kind"].as_str()).collect();
        assert_eq!(asked, kinds, "{rows:?}");
        for row in &rows {
            assert!(
                row["decided_by"].as_str().is_some_and(|by| by.ends_with(self.place.by())),
                "{row}, not by {}",
                self.place.by()
            );
        }
        self.stage.verify();
    }
}

fn capabilities() -> Value {
    json!({"sampling": {}, "elicitation": {"form": {}, "url": {}}, "roots": {"listChanged": true}})
}

impl Scene {
    /// What the host's model and its person say.
    fn host_answers(&self, method: &str, params: &Value) -> Option<Value> {
        let message = params["message"].as_str().unwrap_or_default();
        match method {
            "sampling/createMessage" => Some(json!({
                "role": "assistant", "model": "m",
                "content": {"type": "text", "text": "a short one"},
            })),
            "elicitation/create" if params["mode"] == "url" => Some(json!({"action": "accept"})),
            "elicitation/create" if message.starts_with("Portcullis asks: ") => {
                // Nobody reads in an instant.
                std::thread::sleep(Duration::from_millis(1_300));
                Some(self.approver.clone())
            }
            "elicitation/create" => Some(json!({"action": "accept", "content": {"name": "ada"}})),
            "roots/list" if self.offers => {
                Some(json!({"roots": [{"uri": format!("file://{}", self.site)}]}))
            }
            "roots/list" => Some(json!({"roots": []})),
            _ => None,
        }
    }

    /// The same call with the answers to what its result asks.
    fn retry(&self, params: &Value, result: &Value) -> Value {
        let mut again = params.clone();
        again["requestState"] = result["requestState"].clone();
        let asked = result["inputRequests"].as_object().into_iter().flatten();
        for (name, request) in asked {
            let method = request["method"].as_str().unwrap();
            let answer = self.host_answers(method, &request["params"]).unwrap();
            again["inputResponses"][name] = answer;
        }
        again
    }

    /// What the host was given to show, in the words of its request.
    pub fn shown(&self) -> Vec<Value> {
        let mut shown = Vec::new();
        for heard in &self.heard {
            let inside = heard["result"]["inputRequests"].as_object().into_iter().flatten();
            let all = inside.map(|(_, request)| request).chain([heard]);
            let all = all.filter(|request| request["method"] == "elicitation/create");
            let ours = |params: &&Value| {
                params["message"].as_str().is_some_and(|it| it.starts_with("Portcullis asks"))
            };
            shown.extend(all.map(|request| &request["params"]).filter(ours).cloned());
        }
        shown
    }
}

pub fn text(answer: &Value) -> &str {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}"))
}
