//! A server of any revision, as a function from what it hears to what it says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

pub(crate) const MODERN: &str = "2026-07-28";
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const STREAM: &str = "io.modelcontextprotocol/subscriptionId";

/// A server, strict about its own era.
#[derive(Debug)]
pub(crate) struct Server {
    revision: &'static str,
    agreed: String,
    /// What it heard, in order.
    pub(crate) heard: Vec<Value>,
    /// Requests of its own, and the calls that wait for them.
    asked: BTreeMap<String, Value>,
    /// Its `subscriptions/listen`.
    pub(crate) streams: BTreeMap<String, Value>,
    subscribed: Vec<String>,
    level: Option<String>,
    signed_in: bool,
}

impl Server {
    pub(crate) fn of(revision: &'static str) -> Self {
        Self {
            revision,
            agreed: revision.to_owned(),
            heard: Vec::new(),
            asked: BTreeMap::new(),
            streams: BTreeMap::new(),
            subscribed: Vec::new(),
            level: None,
            signed_in: false,
        }
    }

    pub(crate) fn is_modern(&self) -> bool {
        self.revision == MODERN
    }

    /// Nothing was asked of it yet, as far as anybody can see: who listens, listens on.
    pub(crate) fn anew(&mut self) {
        self.heard.clear();
        self.signed_in = false;
    }

    /// What was agreed to in a handshake.
    pub(crate) fn agreed(&self) -> &str {
        &self.agreed
    }

    pub(crate) fn hears(&mut self, message: &Value) -> Vec<Value> {
        self.heard.push(message.clone());
        let Some(method) = message["method"].as_str() else { return self.answered(message) };
        if message.get("id").is_none() {
            if method == "notifications/cancelled" {
                self.streams.remove(&message["params"]["requestId"].to_string());
            }
            return Vec::new();
        }
        let declares = message["params"]["_meta"].get(VERSION).is_some();
        if declares && !self.is_modern() && method != "server/discover" {
            assert_eq!(method, "subscriptions/listen", "a modern request at a legacy server");
        }
        match (method, self.is_modern()) {
            ("initialize", false) => self.greets(message),
            ("server/discover", true) => vec![result(message, &self.discovered())],
            (
                "ping" | "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe",
                false,
            ) => self.obeys(method, message),
            ("subscriptions/listen", true) => self.listens(message),
            (_, true) if !declares => vec![error(message, -32602, "`_meta` is missing")],
            ("tools/call", _) => self.called(message),
            ("resources/read", _) if message["params"]["uri"] != "notes://a" => {
                let code = if self.is_modern() { -32602 } else { -32002 };
                vec![error(message, code, "no such resource")]
            }
            _ => match listed(method) {
                Some(answer) => vec![self.result(message, answer)],
                None => vec![error(message, -32601, "method not found")],
            },
        }
    }

    fn capabilities(&self) -> Value {
        let mut all = json!({
            "tools": {"listChanged": true}, "prompts": {"listChanged": true}, "logging": {},
            "resources": {"listChanged": true, "subscribe": true},
        });
        if self.agreed.as_str() > "2024-11-05" {
            all["completions"] = json!({});
        }
        if self.agreed == "2025-11-25" {
            all["tasks"] = json!({"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}});
        }
        if self.is_modern() {
            all["extensions"] = json!({"io.modelcontextprotocol/tasks": {}});
        }
        all
    }

    fn greets(&mut self, message: &Value) -> Vec<Value> {
        let asked = message["params"]["protocolVersion"].as_str().unwrap();
        self.agreed = asked.min(self.revision).to_owned();
        let info = json!({"name": "puppet", "version": "1"});
        let said = json!({
            "protocolVersion": self.agreed, "capabilities": self.capabilities(), "serverInfo": info,
        });
        vec![result(message, &said)]
    }

    fn discovered(&self) -> Value {
        json!({
            "resultType": "complete", "supportedVersions": [MODERN], "ttlMs": 0,
            "capabilities": self.capabilities(), "cacheScope": "private",
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "puppet", "version": "1"}},
        })
    }

    fn result(&self, message: &Value, mut answer: Value) -> Value {
        if self.is_modern() {
            answer["resultType"] = "complete".into();
            answer["ttlMs"] = 0.into();
            answer["cacheScope"] = "private".into();
        }
        result(message, &answer)
    }

    fn obeys(&mut self, method: &str, message: &Value) -> Vec<Value> {
        let params = &message["params"];
        let uri = params["uri"].as_str().unwrap_or_default().to_owned();
        match method {
            "logging/setLevel" => self.level = params["level"].as_str().map(str::to_owned),
            "resources/subscribe" => self.subscribed.push(uri),
            "resources/unsubscribe" => self.subscribed.retain(|it| *it != uri),
            _ => {}
        }
        vec![result(message, &json!({}))]
    }

    fn listens(&mut self, message: &Value) -> Vec<Value> {
        let (id, filter) = (&message["id"], &message["params"]["notifications"]);
        self.streams.insert(id.to_string(), json!({"id": id, "filter": filter}));
        let params = json!({"notifications": filter, "_meta": {STREAM: id}});
        vec![said("notifications/subscriptions/acknowledged", &params)]
    }

    /// Tells of a change, to whoever listens.
    fn tells(&self, method: &str, uri: Option<&str>) -> Vec<Value> {
        let params = uri.map_or_else(|| json!({}), |uri| json!({"uri": uri}));
        if !self.is_modern() {
            let wanted = uri.is_none_or(|uri| self.subscribed.iter().any(|it| it == uri));
            return wanted.then(|| said(method, &params)).into_iter().collect();
        }
        let wants = |stream: &&Value| match uri {
            Some(uri) => stream["filter"]["resourceSubscriptions"]
                .to_string()
                .contains(&format!("\"{uri}\"")),
            None => stream["filter"]["toolsListChanged"] == true,
        };
        let tagged = |stream: &Value| {
            let mut params = params.clone();
            params["_meta"] = json!({STREAM: stream["id"]});
            said(method, &params)
        };
        self.streams.values().filter(wants).map(tagged).collect()
    }

    fn called(&mut self, message: &Value) -> Vec<Value> {
        let params = &message["params"];
        let name = params["name"].as_str().unwrap();
        let done = |answer: Value| self.result(message, answer);
        let with = |mut before: Vec<Value>, done: Value| {
            before.push(done);
            before
        };
        match name {
            "echo" => vec![done(text("echoed"))],
            "structured" => {
                let mut answer = text("[1]");
                answer["structuredContent"] =
                    if self.is_modern() { json!([1]) } else { json!({"it": 1}) };
                vec![done(answer)]
            }
            "update" => with(
                self.tells("notifications/resources/updated", Some("notes://a")),
                done(text("updated")),
            ),
            "change" => {
                with(self.tells("notifications/tools/list_changed", None), done(text("changed")))
            }
            "log" => {
                let meta = &params["_meta"]["io.modelcontextprotocol/logLevel"];
                let wanted = if self.is_modern() { meta.is_string() } else { self.level.is_some() };
                let told =
                    said("notifications/message", &json!({"level": "error", "data": "logged"}));
                with(wanted.then_some(told).into_iter().collect(), done(text("done")))
            }
            "progress" => {
                let token = &params["_meta"]["progressToken"];
                let told = json!({"progressToken": token, "progress": 1, "total": 2});
                with(vec![said("notifications/progress", &told)], done(text("done")))
            }
            "wait" => Vec::new(),
            "sign_in" if !self.signed_in => self.sends_away(message),
            "sign_in" => vec![done(text("signed in"))],
            "task" if self.is_modern() && params["_meta"].to_string().contains("/tasks") => {
                let task = task("resultType");
                vec![result(message, &task)]
            }
            "task" if params.get("task").is_some() => {
                vec![result(message, &json!({"task": task("createdAt")}))]
            }
            "task" => vec![done(text("at once"))],
            _ if self.is_modern() => self.asks_inside(message, name),
            _ => {
                let id = format!("s{}", self.asked.len());
                self.asked.insert(id.clone(), message.clone());
                let (method, params) = question(name);
                vec![json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})]
            }
        }
    }

    /// Asks in the way of 2026-07-28, and is called again.
    fn asks_inside(&self, message: &Value, name: &str) -> Vec<Value> {
        let params = &message["params"];
        if let Some(answer) = params["inputResponses"].get("it") {
            assert_eq!(params["requestState"], "kept", "the state as it was given");
            return vec![self.result(message, text(&told(name, answer)))];
        }
        let (method, params) = question(name);
        let asked = json!({"method": method, "params": params});
        let answer = json!({
            "resultType": "input_required", "inputRequests": {"it": asked}, "requestState": "kept",
        });
        vec![result(message, &answer)]
    }

    /// The person has to go somewhere first (2025-11-25), which they then did.
    fn sends_away(&mut self, message: &Value) -> Vec<Value> {
        if self.is_modern() {
            self.signed_in = true;
            let (method, params) = question("link");
            let asked = json!({"it": {"method": method, "params": params}});
            let answer = json!({"resultType": "input_required", "inputRequests": asked});
            return vec![result(message, &answer)];
        }
        self.signed_in = true;
        let mut link = question("link").1;
        link["elicitationId"] = "e1".into();
        let mut answer = error(message, -32042, "go there first");
        answer["error"]["data"] = json!({"elicitations": [link]});
        vec![answer]
    }

    /// The client answers what it was asked, so the call is done.
    fn answered(&mut self, message: &Value) -> Vec<Value> {
        let Some(call) = message["id"].as_str().and_then(|id| self.asked.remove(id)) else {
            return Vec::new();
        };
        let name = call["params"]["name"].as_str().unwrap();
        match message.get("result") {
            Some(answer) => vec![self.result(&call, text(&told(name, answer)))],
            None => {
                let mut answer = text(&format!("refused {}", message["error"]["code"]));
                answer["isError"] = true.into();
                vec![self.result(&call, answer)]
            }
        }
    }
}

/// What a tool of this name asks.
pub(crate) fn question(name: &str) -> (&'static str, Value) {
    match name {
        "model" => {
            let content = json!({"type": "text", "text": "say it"});
            let messages = json!([{"role": "user", "content": content}]);
            ("sampling/createMessage", json!({"messages": messages, "maxTokens": 9}))
        }
        "person" => {
            let schema = json!({"type": "object", "properties": {"line": {"type": "integer"}}});
            ("elicitation/create", json!({"message": "Which?", "requestedSchema": schema}))
        }
        "link" => {
            let url = "https://login.example.com/x";
            (
                "elicitation/create",
                json!({"mode": "url", "message": "Go", "url": url, "elicitationId": "e2"}),
            )
        }
        _ => ("roots/list", json!({})),
    }
}

fn told(name: &str, answer: &Value) -> String {
    match name {
        "model" => answer["content"]["text"].as_str().unwrap_or_default().to_owned(),
        "person" => format!("line {}", answer["content"]["line"]),
        "link" => answer["action"].as_str().unwrap_or_default().to_owned(),
        _ => answer["roots"][0]["uri"].as_str().unwrap_or_default().to_owned(),
    }
}

fn listed(method: &str) -> Option<Value> {
    let tool = |name: &str| {
        let hints = json!({"readOnlyHint": true, "openWorldHint": false});
        json!({"name": name, "inputSchema": {"type": "object"}, "annotations": hints,
               "execution": {"taskSupport": "optional"}})
    };
    let tools = [
        "echo",
        "structured",
        "update",
        "change",
        "log",
        "progress",
        "wait",
        "sign_in",
        "task",
        "model",
        "person",
        "link",
        "roots",
    ];
    Some(match method {
        "tools/list" => json!({"tools": tools.map(tool)}),
        "prompts/list" => json!({"prompts": [{"name": "greet"}]}),
        "prompts/get" => {
            let content = json!({"type": "text", "text": "hello"});
            json!({"messages": [{"role": "user", "content": content}]})
        }
        "resources/list" => json!({"resources": [{"uri": "notes://a", "name": "a"}]}),
        "resources/templates/list" => {
            json!({"resourceTemplates": [{"uriTemplate": "notes://{x}", "name": "n"}]})
        }
        "resources/read" => json!({"contents": [{"uri": "notes://a", "text": "note"}]}),
        "completion/complete" => json!({"completion": {"values": ["ada"]}}),
        _ => return None,
    })
}

fn task(extra: &str) -> Value {
    let mut task = json!({
        "taskId": "t1", "status": "working", "createdAt": "2026-07-28T00:00:00Z",
        "lastUpdatedAt": "2026-07-28T00:00:00Z", "ttl": 60000,
    });
    if extra == "resultType" {
        task = json!({
            "resultType": "task", "taskId": "t1", "status": "working", "ttlMs": 60000,
            "createdAt": "2026-07-28T00:00:00Z", "lastUpdatedAt": "2026-07-28T00:00:00Z",
        });
    }
    task
}

pub(crate) fn text(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

pub(crate) fn result(to: &Value, result: &Value) -> Value {
    json!({"jsonrpc": "2.0", "id": to["id"], "result": result})
}

pub(crate) fn error(to: &Value, code: i64, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": to["id"], "error": {"code": code, "message": message}})
}

pub(crate) fn said(method: &str, params: &Value) -> Value {
    json!({"jsonrpc": "2.0", "method": method, "params": params})
}
