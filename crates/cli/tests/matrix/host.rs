//! How the client's words travel: to a process of its own on pipes, or to one that serves many,
//! over Streamable HTTP.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use serde_json::Value;

use crate::house::House;
use crate::server::MODERN;
use crate::stage::Gateway;

/// What the client talks to.
pub enum Host {
    Pipes(Gateway),
    Http(Caller),
}

impl Host {
    pub fn says(&mut self, message: &Value) {
        match self {
            Self::Pipes(gateway) => gateway.says(message),
            Self::Http(caller) => caller.says(message),
        }
    }

    /// What came, if anything came in this short time.
    pub fn hears(&mut self) -> Option<Value> {
        const SHORT: Duration = Duration::from_millis(10);
        match self {
            Self::Pipes(gateway) => {
                let line = gateway.from.line().or_else(|| {
                    gateway.turn(SHORT);
                    gateway.from.line()
                })?;
                Some(serde_json::from_slice(&line).expect("JSON on stdout"))
            }
            Self::Http(caller) => caller.heard.recv_timeout(SHORT).ok(),
        }
    }

    /// An answer came: of the first one the client learns what both speak.
    pub fn is_answered(&mut self, answer: &Value) {
        if let (Self::Http(caller), Some(agreed)) =
            (self, answer["result"]["protocolVersion"].as_str())
        {
            caller.agreed = Some(agreed.to_owned());
        }
    }

    /// The client goes; the binary ends as it should.
    pub fn leaves(self) {
        match self {
            Self::Pipes(gateway) => {
                let said = gateway.leave();
                assert_eq!(said.code, 0, "{said:?}");
            }
            Self::Http(caller) => assert_eq!(caller.house.ends(), 0),
        }
    }
}

/// A client over HTTP.
pub struct Caller {
    house: House,
    path: &'static str,
    revision: &'static str,
    /// The name of its session (until 2025-11-25).
    session: Option<String>,
    agreed: Option<String>,
    /// Requests that were not answered when they were last looked at, by their ids.
    open: BTreeMap<String, TcpStream>,
    say: Sender<Value>,
    heard: Receiver<Value>,
}

impl Caller {
    pub fn of(house: House, path: &'static str, revision: &'static str) -> Self {
        let (say, heard) = channel();
        Self {
            house,
            path,
            revision,
            session: None,
            agreed: None,
            open: BTreeMap::new(),
            say,
            heard,
        }
    }

    fn says(&mut self, message: &Value) {
        let method = message["method"].as_str().unwrap_or_default();
        if self.revision == MODERN && method == "notifications/cancelled" {
            // This is how a client of 2026-07-28 says it.
            let id = message["params"]["requestId"].to_string();
            let stream = self.open.remove(&id).expect("a request of ours");
            return stream.shutdown(Shutdown::Both).unwrap();
        }
        let stream = self.posts(message);
        if let Some(id) = message.get("id").filter(|_| !method.is_empty()) {
            self.open.insert(id.to_string(), stream.try_clone().unwrap());
        }
        match method {
            "initialize" => self.session = self.reads(stream, Reading::Here),
            "" | "notifications/initialized" | "notifications/cancelled" => {
                self.reads(stream, Reading::Here);
            }
            _ => {
                self.reads(stream, Reading::Beside);
            }
        }
        if method == "notifications/initialized" {
            let headers = self.headers("text/event-stream", message);
            let stream = self.begins("GET", &headers, "");
            self.reads(stream, Reading::Beside);
        }
    }

    fn posts(&self, message: &Value) -> TcpStream {
        let mut headers = self.headers("application/json, text/event-stream", message);
        headers.push(("Content-Type", "application/json".to_owned()));
        self.begins("POST", &headers, &message.to_string())
    }

    fn begins(&self, method: &str, headers: &[(&str, String)], body: &str) -> TcpStream {
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.house.begins(method, self.path, &headers, body)
    }

    fn headers(&self, accept: &str, message: &Value) -> Vec<(&'static str, String)> {
        let mut headers = vec![("Accept", accept.to_owned())];
        if self.revision == MODERN {
            headers.push(("MCP-Protocol-Version", MODERN.to_owned()));
            let mirrored =
                [("Mcp-Method", message["method"].as_str()), ("Mcp-Name", name(message))];
            let said = mirrored.into_iter().filter_map(|(it, text)| Some((it, text?.to_owned())));
            headers.extend(said);
        } else if let Some(session) = &self.session {
            headers.push(("Mcp-Session-Id", session.clone()));
            headers.extend(self.agreed.clone().map(|it| ("MCP-Protocol-Version", it)));
        }
        headers
    }

    /// Hears everything in a response; the name of the session, where it is waited for.
    fn reads(&self, stream: TcpStream, reading: Reading) -> Option<String> {
        let say = self.say.clone();
        match reading {
            Reading::Here => read(stream, &say),
            Reading::Beside => {
                std::thread::spawn(move || read(stream, &say));
                None
            }
        }
    }
}

/// What `Mcp-Name` says of a message (2026-07-28).
pub fn name(message: &Value) -> Option<&str> {
    let member = match message["method"].as_str()? {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        method if method.starts_with("tasks/") => "taskId",
        _ => return None,
    };
    message["params"][member].as_str()
}

enum Reading {
    Here,
    Beside,
}

/// A message is a line, in an event as in a body: each is written at once, so no chunk begins in
/// the middle of one.
fn read(stream: TcpStream, say: &Sender<Value>) -> Option<String> {
    let mut session = None;
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        if let Some((_, name)) = line.split_once(": ").filter(|(name, _)| is_session(name)) {
            session = Some(name.to_owned());
        }
        let text = line.strip_prefix("data: ").unwrap_or(&line);
        if text.starts_with('{') {
            // Nobody hears it when the client went.
            let _ = say.send(serde_json::from_str(text).expect("JSON in a response"));
        }
    }
    session
}

fn is_session(name: &str) -> bool {
    name.eq_ignore_ascii_case("mcp-session-id")
}
