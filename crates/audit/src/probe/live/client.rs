//! A small, strict client: one request after the other, each with an end.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use portcullis_confine::Exit;
use portcullis_wire::view::lifecycle::{
    CLIENT_CAPABILITIES, CLIENT_INFO, Discovered, Initialized, PROTOCOL_VERSION, SERVER_INFO,
};
use portcullis_wire::{
    Id, Json, Limits, Message, Notification, Object, Outcome, Request, Response, Revision, RpcError,
};
use serde_json::{Value, json};

use super::guard::Keeper;
use super::pipes::{Heard, MESSAGE, Pipes};
use crate::evidence::live::Conduct;

/// Nesting that a message may have.
const DEPTH: usize = 64;
/// Lines that are no messages, before it counts as a flood.
const NOISE: u32 = 10_000;
/// How long a server that ended may take to say how.
const EXIT: Duration = Duration::from_secs(2);

/// How a request ended.
#[derive(Debug)]
pub(super) enum Reply {
    Result(Json),
    Error(RpcError),
    Silence,
    Ended,
}

/// A server that is spoken with.
#[derive(Debug)]
pub(super) struct Client {
    pipes: Pipes,
    keeper: Keeper,
    /// The only root that it is told of, as a URI.
    root: String,
    /// The same as a path, once it asked and was told.
    pub(super) told: Option<String>,
    /// Requests that were sent so far.
    last: i64,
    answers: BTreeMap<i64, Outcome>,
    /// Requests that nobody will answer.
    unheard: BTreeSet<i64>,
    /// Requests whose answers somebody still waits for.
    open: Vec<i64>,
    revision: Option<Revision>,
    ended: bool,
    /// The next request goes to another launch.
    worn: bool,
    /// We ended its input, so that it may end.
    let_go: bool,
    noise: u32,
    /// How much it had complained when a tool was called last.
    complained: Option<u64>,
    /// How it behaved, each thing once.
    pub(super) conduct: Vec<Conduct>,
    /// What it asked of us that nobody gave it, by method.
    pub(super) asked: Vec<String>,
    /// What it told about itself.
    pub(super) hello: Hello,
}

/// What a server tells about itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Hello {
    pub(super) revision: String,
    pub(super) server: Option<String>,
    pub(super) instructions: Option<String>,
    pub(super) capabilities: Value,
}

impl Client {
    pub(super) fn new(pipes: Pipes, keeper: Keeper, root: String) -> Self {
        Self {
            pipes,
            complained: None,
            keeper,
            root,
            told: None,
            last: 0,
            answers: BTreeMap::new(),
            unheard: BTreeSet::new(),
            open: Vec::new(),
            revision: None,
            ended: false,
            worn: false,
            let_go: false,
            noise: 0,
            conduct: Vec::new(),
            asked: Vec::new(),
            hello: Hello::default(),
        }
    }

    /// Opens the conversation, in whichever way the server speaks. `false` when it does not.
    pub(super) fn greet(&mut self, deadline: Instant) -> bool {
        let mut hello = Object::new();
        hello.set("protocolVersion", Json::string(Revision::latest_legacy().as_str()));
        hello.set("capabilities", capabilities());
        hello.set("clientInfo", ourselves());
        match self.ask("initialize", hello, deadline) {
            Reply::Result(result) => match Initialized::read(&result) {
                Ok(initialized) => self.greeted(&initialized),
                Err(_) => return false,
            },
            Reply::Error(_) => return self.discover(deadline),
            Reply::Silence | Reply::Ended => return false,
        }
        let done = Notification { method: "notifications/initialized".to_owned(), params: None };
        self.send(&Message::Notification(done));
        true
    }

    fn greeted(&mut self, initialized: &Initialized) {
        let info = &initialized.server_info;
        self.revision = Revision::parse(&initialized.protocol_version);
        self.hello = Hello {
            revision: initialized.protocol_version.clone(),
            server: Some(format!("{} {}", info.name, info.version)),
            instructions: initialized.instructions.clone(),
            capabilities: initialized.capabilities.clone(),
        };
    }

    /// The modern way: there is no session, every request says what it needs.
    fn discover(&mut self, deadline: Instant) -> bool {
        self.revision = Some(Revision::V2026_07_28);
        let Reply::Result(result) = self.ask("server/discover", Object::new(), deadline) else {
            return false;
        };
        let Ok(found) = Discovered::read(&result) else { return false };
        let newest = Revision::V2026_07_28.as_str();
        let meta = result.object().and_then(|result| result.get("_meta")?.object());
        let info = meta.and_then(|meta| Some(meta.get(SERVER_INFO)?.value()));
        let word = |info: &Value, name: &str| info.get(name)?.as_str().map(str::to_owned);
        self.hello = Hello {
            revision: newest.to_owned(),
            server: info.and_then(|info| {
                Some(format!("{} {}", word(&info, "name")?, word(&info, "version")?))
            }),
            instructions: found.instructions,
            capabilities: found.capabilities,
        };
        found.supported_versions.iter().any(|version| version == newest)
    }

    /// Asks, and waits for the answer.
    pub(super) fn ask(&mut self, method: &str, params: Object, deadline: Instant) -> Reply {
        let id = self.post(method, params);
        let reply = self.answer(id, deadline);
        if matches!(reply, Reply::Silence) {
            self.forget(id);
            self.send(&Message::Notification(Notification::cancelled(&Id::from(id))));
        }
        reply
    }

    /// Asks, without waiting. Whoever posts asks for the [`Self::answer`] or [`Self::forget`]s it.
    pub(super) fn post(&mut self, method: &str, mut params: Object) -> i64 {
        self.last += 1;
        if self.revision.is_some_and(|revision| revision.era() == portcullis_wire::Era::Modern) {
            let mut meta = params.get("_meta").and_then(Json::object).unwrap_or_default();
            meta.set(PROTOCOL_VERSION, Json::string(Revision::V2026_07_28.as_str()));
            meta.set(CLIENT_CAPABILITIES, capabilities());
            meta.set(CLIENT_INFO, ourselves());
            params.set("_meta", meta.to_json());
        }
        let params = (!params.is_empty()).then(|| params.to_json());
        let request = Request { id: Id::from(self.last), method: method.to_owned(), params };
        self.open.push(self.last);
        self.send(&Message::Request(request));
        self.last
    }

    /// Nobody waits for this answer any more.
    pub(super) fn forget(&mut self, id: i64) {
        self.open.retain(|open| *open != id);
        self.answers.remove(&id);
        self.unheard.remove(&id);
    }

    /// The answer to a request, when it comes before the deadline.
    pub(super) fn answer(&mut self, id: i64, deadline: Instant) -> Reply {
        loop {
            if let Some(outcome) = self.answers.remove(&id) {
                self.forget(id);
                return match outcome {
                    Outcome::Result(result) => Reply::Result(result),
                    Outcome::Error(error) => Reply::Error(error),
                };
            }
            if self.ended {
                return Reply::Ended;
            }
            if self.unheard.remove(&id) {
                return Reply::Silence;
            }
            if Instant::now() >= deadline || !self.hear(deadline) {
                return if self.ended { Reply::Ended } else { Reply::Silence };
            }
        }
    }

    /// Ends the server's input: whoever reads from it comes to an end.
    pub(super) fn hang_up(&mut self) {
        self.let_go = true;
        self.pipes.hang_up();
    }

    /// Its last complaints.
    pub(super) fn complaints(&self) -> String {
        self.pipes.complaints()
    }

    /// What it reached for since this was last asked.
    pub(super) fn wishes(&mut self) -> Vec<portcullis_confine::Wish> {
        self.keeper.wishes()
    }

    /// Whether it wrote a line to its standard error since a tool was called last.
    pub(super) fn logged(&mut self) -> bool {
        let now = self.pipes.complained();
        self.complained.replace(now).is_some_and(|before| before < now)
    }

    /// Whether it is better started anew before it is asked again.
    pub(super) fn is_worn(&self) -> bool {
        self.worn
    }

    /// Whether it is gone.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// What can be said of its outputs, now that it will not be asked any more.
    pub(super) fn farewell(&mut self) -> Vec<Conduct> {
        if self.pipes.has_codes() {
            self.noticed(Conduct::TerminalCodes);
        }
        if let Some(bytes) = self.pipes.flooded_stderr() {
            self.noticed(Conduct::Flooded { bytes });
        }
        std::mem::take(&mut self.conduct)
    }

    fn noticed(&mut self, conduct: Conduct) {
        if !self.conduct.contains(&conduct) {
            self.conduct.push(conduct);
        }
    }

    fn send(&self, message: &Message) {
        let mut line = Vec::new();
        #[expect(
            clippy::disallowed_methods,
            reason = "we are the client, and what we say is ours"
        )]
        portcullis_wire::write::encode(message, &mut line);
        self.pipes.say(line);
    }

    /// Takes one thing from the server. `false` when nothing came.
    fn hear(&mut self, deadline: Instant) -> bool {
        match self.pipes.hear(deadline) {
            Heard::Line(line) => self.line(&line),
            Heard::TooLong(bytes) => self.noticed(Conduct::Flooded { bytes }),
            Heard::Flood(bytes) => {
                self.noticed(Conduct::Flooded { bytes });
                self.ended = true;
                self.keeper.kill();
            }
            Heard::End => self.end(),
            Heard::Worn => self.worn = true,
            Heard::Unheard(id) => {
                if self.open.contains(&id) {
                    let _new = self.unheard.insert(id);
                }
            }
            Heard::Silence => return false,
        }
        true
    }

    fn line(&mut self, line: &[u8]) {
        let limits = Limits { message_bytes: MESSAGE, depth: DEPTH, ..Limits::default() };
        match portcullis_wire::parse(line, &limits) {
            Ok(Message::Response(Response { id: Some(Id::Number(id)), outcome })) => {
                if self.open.contains(&id) {
                    self.answers.insert(id, outcome);
                }
            }
            Ok(Message::Request(request)) => self.asked(&request),
            Ok(Message::Response(_) | Message::Notification(_)) => {}
            Err(_) => self.noise(line),
        }
    }

    fn noise(&mut self, line: &[u8]) {
        self.noise += 1;
        if self.noise == 1 {
            let first = String::from_utf8_lossy(line.get(..1000).unwrap_or(line)).into_owned();
            let first = portcullis_guard::visible(&portcullis_guard::redact(&first));
            let first: String = first.chars().take(200).collect();
            self.noticed(Conduct::Noise { first });
        }
        if self.noise == NOISE {
            self.noticed(Conduct::Flooded { bytes: u64::from(NOISE) });
            self.ended = true;
            self.keeper.kill();
        }
    }

    /// A request of the server's: it learns its root, and nothing else.
    fn asked(&mut self, request: &Request) {
        let id = request.id.clone();
        let response = match request.method.as_str() {
            "ping" => Response::result(id, Object::new().to_json()),
            "roots/list" => {
                let root = json!({"roots": [{"uri": self.root, "name": "project"}]});
                self.told = self.root.strip_prefix("file://").map(str::to_owned);
                Response::result(id, Json::from_value(&root))
            }
            method => {
                if self.asked.len() < 20 && !self.asked.iter().any(|known| known == method) {
                    self.asked.push(portcullis_guard::bounded(method, 100));
                }
                Response::error(Some(id), -32601, "this client offers roots and nothing else")
            }
        };
        self.send(&Message::Response(response));
    }

    fn end(&mut self) {
        self.ended = true;
        let deadline = Instant::now() + EXIT;
        let exit = loop {
            match self.keeper.try_exit() {
                Ok(Some(exit)) => break Some(exit),
                Ok(None) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                _ => break None,
            }
        };
        match exit {
            _ if self.let_go => {}
            Some(Exit::Memory(_)) => self.noticed(Conduct::OverBudget { of: "memory".to_owned() }),
            Some(exit) => self.noticed(Conduct::Crashed { how: exit.to_string() }),
            None => self.noticed(Conduct::Crashed { how: "its output was closed".to_owned() }),
        }
    }
}

fn capabilities() -> Json {
    Json::from_value(&json!({"roots": {"listChanged": false}}))
}

fn ourselves() -> Json {
    Json::from_value(&json!({"name": "portcullis-audit", "version": env!("CARGO_PKG_VERSION")}))
}
