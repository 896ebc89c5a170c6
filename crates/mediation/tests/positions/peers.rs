//! A host and a server around one session, as small as can be.

use std::time::{Duration, Instant};

use portcullis_guard::path::{Access, Root, Roots};
use portcullis_journal::Redactor;
use portcullis_mediation::{Fingerprint, Limits as Quotas, MayAsk, Output, Session, Settings};
use portcullis_policy::{
    Base, Elicitation, Inspect, Opening, Policies, Principal, Rules, Sampling, ServerName,
};
use portcullis_wire::{Era, Limits, Message, Peer, Revision};
use serde_json::{Value, json};

use crate::messages::{How, Said, THEIRS, peer_capabilities};

/// What one message of the server led to.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What the host received.
    pub(crate) client: Vec<Value>,
    /// Some record names an inspection, or says that something did not pass.
    pub(crate) found: bool,
    /// Something else did not go on with it: its shape, its link, its pin.
    pub(crate) left_out: bool,
}

/// The session and what left it.
#[derive(Debug)]
pub(crate) struct Peers {
    session: Session,
    revision: Revision,
    now: Instant,
    greeted: bool,
    asked: usize,
    /// Our id of the task that it began.
    task: Option<Value>,
    wishes_task: bool,
    client: Vec<Value>,
    server: Vec<Value>,
    records: Vec<Value>,
}

impl Peers {
    /// A conversation that is about to begin.
    pub(crate) fn opened(revision: Revision) -> Self {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary epoch")]
        let now = Instant::now();
        Self {
            session: Session::new(settings()),
            revision,
            now,
            greeted: false,
            asked: 0,
            task: None,
            wishes_task: false,
            client: Vec::new(),
            server: Vec::new(),
            records: Vec::new(),
        }
    }

    /// What the host gets of one thing that the server says, and what is recorded.
    pub(crate) fn hear(&mut self, said: &Said) -> Seen {
        match said.how {
            How::Result("initialize") => *self = Self::opened(self.revision),
            _ if !self.greeted => self.greet(),
            _ => {}
        }
        self.now += Duration::from_secs(60);
        let request = match said.how {
            How::Result(method) | How::Error(method) => Some(method),
            How::Notification("notifications/progress") => Some("tools/call"),
            How::Task => Some("tools/call"),
            // A question belongs to something of the client's that is in progress.
            How::Request("sampling/createMessage" | "elicitation/create") => Some("tools/call"),
            How::Notification(_) | How::Request(_) => None,
        };
        let before = self.task.is_none();
        let later = request.is_some_and(|method| method.starts_with("tasks/"))
            || said.name.starts_with("notifications/tasks");
        if before && later {
            self.begin_task();
        }
        let stream = match said.how {
            How::Notification("notifications/tasks") => Some(self.listen()),
            _ => None,
        };
        self.wishes_task = said.how == How::Task;
        let id = request.map(|method| self.ask(method));
        self.wishes_task = false;
        self.client.clear();
        self.records.clear();
        let mut body = said.body.clone();
        let message = match said.how {
            How::Result(_) | How::Task => json!({"id": id, "result": body}),
            How::Error(_) => {
                body["code"] = json!(-32000);
                json!({"id": id, "error": body})
            }
            How::Notification(method) => {
                if method == "notifications/progress" {
                    body["progressToken"] = json!(id);
                }
                if let Some(stream) = stream {
                    body["_meta"]["io.modelcontextprotocol/subscriptionId"] = stream;
                }
                json!({"method": method, "params": body})
            }
            How::Request(method) => json!({"id": "s", "method": method, "params": body}),
        };
        self.say(Peer::Server, message);
        let found = self.found(&["results-inspected", "definitions-inspected", "tool-known"]);
        let left_out =
            self.found(&["links-judged", "shape-checked", "definition-pinned", "method-known"]);
        for message in &mut self.client {
            // Ids are fresh each time.
            message["id"] = Value::Null;
            for place in ["/result/taskId", "/result/task/taskId", "/params/taskId"] {
                if let Some(id) = message.pointer_mut(place) {
                    *id = Value::Null;
                }
            }
            if let Some(meta) = message.pointer_mut("/params/_meta").and_then(Value::as_object_mut)
            {
                meta.remove("io.modelcontextprotocol/subscriptionId");
            }
        }
        let client = self.client.clone();
        if let (How::Request(_), Some(id)) = (&said.how, id) {
            self.say(Peer::Server, json!({"id": id, "result": {"content": []}}));
        }
        Seen { found, left_out, client }
    }

    fn found(&self, names: &[&str]) -> bool {
        self.records.iter().any(|record| {
            let because = record["decision"]["because"].as_array().cloned().unwrap_or_default();
            record["decision"]["effect"] == "deny" && record["event"] != "denied"
                || because
                    .iter()
                    .any(|because| names.iter().any(|name| because["control"] == *name))
                || record["method"] == "notifications/message"
                    && self.client.iter().any(|message| message.to_string().contains("<redacted:"))
        })
    }

    /// The server's process is another one.
    #[allow(dead_code, reason = "another test's")]
    pub(crate) fn restart(&mut self) {
        self.session.restarted("a test", self.now);
        self.listen_on();
    }

    /// The server works on nothing.
    #[allow(dead_code, reason = "another test's")]
    pub(crate) fn is_quiet(&mut self) -> bool {
        self.session.server_is_quiet(self.now)
    }

    /// The calls that a record says this of, each by its number.
    #[allow(dead_code, reason = "another test's")]
    pub(crate) fn recorded(&self, outcome: &str, why: &str) -> Vec<&Value> {
        let said = self.records.iter().filter(|record| {
            record["outcome"] == outcome && record["decision"].to_string().contains(why)
        });
        said.map(|record| &record["call"]).collect()
    }

    /// Time passes.
    #[allow(dead_code, reason = "another test's")]
    pub(crate) fn later(&mut self, time: Duration) {
        self.now += time;
        self.session.handle_timeout(self.now);
    }

    /// The host asks, and the server hears of it.
    #[allow(dead_code, reason = "another test's")]
    pub(crate) fn reaches_server(&mut self, method: &str) -> bool {
        let heard = self.server.len();
        self.send(method);
        self.server.get(heard).is_some_and(|message| message["method"] == method)
    }

    /// A call that goes on as a task.
    fn begin_task(&mut self) {
        self.wishes_task = true;
        let id = self.ask("tools/call");
        self.wishes_task = false;
        let task =
            json!({"taskId": THEIRS, "status": "working", "createdAt": "", "lastUpdatedAt": ""});
        let mut result = task.clone();
        if self.revision.era() == Era::Legacy {
            result = json!({"task": task});
            result["task"]["ttl"] = Value::Null;
        } else {
            result["resultType"] = "task".into();
            result["ttlMs"] = Value::Null;
        }
        self.say(Peer::Server, json!({"id": id, "result": result}));
        let told = self.client.last().expect("the host is told");
        let id = told.pointer("/result/taskId").or(told.pointer("/result/task/taskId"));
        self.task = Some(id.expect("a task").clone());
    }

    /// The host listens to the task.
    fn listen(&mut self) -> Value {
        let id = self.ask("subscriptions/listen");
        let params = json!({"_meta": {"io.modelcontextprotocol/subscriptionId": id}, "notifications": {"taskIds": [THEIRS]}});
        self.say(
            Peer::Server,
            json!({"method": "notifications/subscriptions/acknowledged", "params": params}),
        );
        id
    }

    fn greet(&mut self) {
        self.greeted = true;
        if self.revision.era() == Era::Legacy {
            let id = self.ask("initialize");
            let result = json!({"protocolVersion": self.revision.as_str(), "capabilities": peer_capabilities(),
                "serverInfo": {"name": "s", "version": "1"}});
            self.say(Peer::Server, json!({"id": id, "result": result}));
            self.say(Peer::Client, json!({"method": "notifications/initialized"}));
            let id = self.ask("resources/subscribe");
            self.say(Peer::Server, json!({"id": id, "result": {}}));
        } else {
            let id = self.ask("server/discover");
            let result = json!({"resultType": "complete", "supportedVersions": [self.revision.as_str()],
                "capabilities": peer_capabilities(), "ttlMs": 0, "cacheScope": "private"});
            self.say(Peer::Server, json!({"id": id, "result": result}));
        }
        let id = self.ask("tools/list");
        let tool = json!({"name": "read_file", "inputSchema": {"type": "object"}});
        let result =
            json!({"resultType": "complete", "tools": [tool], "ttlMs": 0, "cacheScope": "private"});
        self.say(Peer::Server, json!({"id": id, "result": result}));
    }

    /// The host asks; the id under which the server hears it.
    fn ask(&mut self, method: &str) -> Value {
        self.send(method);
        let heard = self.server.last().expect("the server hears it");
        assert_eq!(heard["method"], method, "{heard}: {:?}", self.records.last());
        heard["id"].clone()
    }

    fn send(&mut self, method: &str) {
        let mut params = match method {
            "initialize" => {
                json!({"protocolVersion": self.revision.as_str(), "clientInfo": {"name": "h", "version": "1"},
                "capabilities": client_capabilities()})
            }
            "tools/call" => {
                json!({"name": "read_file", "arguments": {}, "_meta": {"progressToken": "p"}})
            }
            "prompts/get" => json!({"name": "p"}),
            "resources/read" | "resources/subscribe" => json!({"uri": "notes://a"}),
            "completion/complete" => {
                json!({"ref": {"type": "ref/prompt", "name": "p"}, "argument": {"name": "a", "value": "x"}})
            }
            "logging/setLevel" => json!({"level": "info"}),
            "tasks/get" | "tasks/result" | "tasks/cancel" => json!({"taskId": self.task}),
            "subscriptions/listen" => json!({"notifications": {"taskIds": [self.task]}}),
            _ => json!({}),
        };
        if self.revision.era() == Era::Modern {
            let name = |last: &str| format!("io.modelcontextprotocol/{last}");
            params["_meta"][name("protocolVersion")] = self.revision.as_str().into();
            params["_meta"][name("clientCapabilities")] = client_capabilities();
            params["_meta"][name("clientInfo")] = json!({"name": "h", "version": "1"});
        }
        if self.wishes_task && self.revision.era() == Era::Legacy {
            params["task"] = json!({});
        }
        self.asked += 1;
        let number = self.asked;
        self.say(
            Peer::Client,
            json!({"id": format!("c{number}"), "method": method, "params": params}),
        );
    }

    fn say(&mut self, from: Peer, mut message: Value) {
        message["jsonrpc"] = "2.0".into();
        let line = message.to_string();
        let message = portcullis_wire::parse(line.as_bytes(), &Limits::default()).expect(&line);
        self.session.receive(from, message, self.now);
        self.listen_on();
    }

    fn listen_on(&mut self) {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Record(record) => {
                    self.records.push(serde_json::to_value(record).expect("a record"))
                }
                Output::Forward(to, message) | Output::Reply(to, message) => {
                    let heard = written(message.get());
                    if to == Peer::Client {
                        self.client.push(heard)
                    } else {
                        self.server.push(heard)
                    }
                }
                _ => {}
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "what the transport would write")]
fn written(message: &Message) -> Value {
    let mut bytes = Vec::new();
    portcullis_wire::write::encode(message, &mut bytes);
    serde_json::from_slice(&bytes).expect("a message")
}

fn client_capabilities() -> Value {
    json!({"roots": {"listChanged": true}, "sampling": {}, "elicitation": {},
        "extensions": {"io.modelcontextprotocol/tasks": {}}})
}

thread_local! {
    /// Compiled once: every position gets a session of its own.
    static POLICIES: Policies = {
        let server = ServerName::new("s").expect("a name");
        Policies::new(&Principal::user(1), &server, &Rules::default(), Base::Allow, &[])
            .expect("no lists and the usual mode")
    };
}

fn settings() -> Settings {
    let mut roots = Roots::new();
    roots.add(Root::new("/p").expect("a root"), Access::Write);
    Settings {
        pinning: portcullis_mediation::pin::Pinning {
            mode: portcullis_mediation::pin::Mode::Note,
            ..Default::default()
        },
        server: ServerName::new("s").expect("a name"),
        principal: Principal::user(1),
        session: "positions".to_owned(),
        project: "project".to_owned(),
        rules: POLICIES.with(Policies::clone),
        resources: portcullis_guard::UriLists::default(),
        extensions: portcullis_policy::Extension::ALL.map(|(_, one)| one).into(),
        policy: Fingerprint::of(b"policy"),
        roots,
        askable: Default::default(),
        cwd: Some("/p".to_owned()),
        flow: portcullis_policy::Flow::default(),
        open_world: false,
        inspect: Inspect::default(),
        trusted_hosts: Default::default(),
        may_ask: MayAsk {
            sampling: Sampling {
                mode: Opening::Ask,
                per_minute: 1000,
                per_hour: 10_000,
                ..Sampling::default()
            },
            elicitation: Elicitation {
                mode: Opening::Show,
                per_hour: 10_000,
                ..Elicitation::default()
            },
            ..MayAsk::default()
        },
        limits: Quotas::default(),
        patience: Duration::from_secs(60),
        hold: Duration::from_secs(45),
        observe: false,
        firm: None,
        without: Default::default(),
        dice: 1,
        tally: None,
        seal: portcullis_mediation::SealKey::new([1; 32]),
        redactor: Redactor::new([1; 32]),
    }
}
