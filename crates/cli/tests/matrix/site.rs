//! The server over Streamable HTTP: until 2025-11-25 with a session, a stream for what belongs to
//! no request and answers as events; since 2026-07-28 every request for itself, with the headers
//! that mirror it. It is strict: whoever forgets a header gets no answer.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::host::name;
use crate::pair::Model;
use crate::server::{MODERN, error, said};

const SESSION: &str = "one-that-nobody-guesses";
const STREAM: &str = "io.modelcontextprotocol/subscriptionId";
/// Where what belongs to no request goes (until 2025-11-25).
const UNASKED: &str = "unasked";

/// A site on a port of its own.
#[derive(Debug)]
pub struct Site {
    pub url: String,
}

/// What is said and waits for its stream, by the id of the request that it belongs to.
type Outbox = Arc<Mutex<BTreeMap<String, VecDeque<Value>>>>;

impl Site {
    pub fn of(model: Model) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let outbox = Outbox::default();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let desk = Desk { model: Arc::clone(&model), outbox: Arc::clone(&outbox) };
                std::thread::spawn(move || desk.serves(stream));
            }
        });
        Self { url }
    }
}

/// A request as it came.
struct Request {
    method: String,
    headers: BTreeMap<String, String>,
    body: Value,
}

impl Request {
    fn read(stream: &mut BufReader<TcpStream>) -> Option<Self> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            stream.read_line(&mut line).ok().filter(|read| *read > 0)?;
            match line.trim_end() {
                "" => break,
                line => lines.push(line.to_owned()),
            }
        }
        let method = lines.first()?.split(' ').next()?.to_owned();
        let pairs = lines.iter().skip(1).filter_map(|line| line.split_once(": "));
        let headers: BTreeMap<_, _> =
            pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        let length = headers.get("content-length").map_or(0, |it| it.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).ok()?;
        let body =
            if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).ok()? };
        Some(Self { method, headers, body })
    }

    fn says(&self, header: &str) -> Option<&str> {
        self.headers.get(header).map(String::as_str)
    }

    /// What is wrong with it at a server of 2026-07-28.
    fn is_unfit_modern(&self) -> Option<&'static str> {
        let revision = &self.body["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"];
        match () {
            () if self.says("mcp-session-id").is_some() => Some("there are no sessions"),
            () if revision != MODERN => None,
            () if self.says("mcp-protocol-version") != Some(MODERN) => Some("no revision"),
            () if self.says("mcp-method") != self.body["method"].as_str() => Some("no method"),
            () if self.says("mcp-name") != name(&self.body) => Some("no name"),
            () => None,
        }
    }
}

struct Desk {
    model: Model,
    outbox: Outbox,
}

impl Desk {
    fn serves(&self, stream: TcpStream) {
        let mut stream = BufReader::new(stream);
        let Some(request) = Request::read(&mut stream) else { return };
        let stream = stream.into_inner();
        let accepts = request.says("accept").unwrap_or_default();
        let modern = self.model.lock().unwrap().is_modern();
        match request.method.as_str() {
            "POST" if !accepts.contains("application/json, text/event-stream") => {
                answers(&stream, 406, "", &Value::Null);
            }
            "POST" if modern => self.takes_modern(&stream, &request),
            "POST" => self.takes(&stream, &request),
            "GET" if !modern && self.knows(&stream, &request) => self.streams(&stream, UNASKED),
            "DELETE" if !modern && self.knows(&stream, &request) => {
                answers(&stream, 200, "", &Value::Null);
            }
            _ => answers(&stream, 405, "", &Value::Null),
        }
    }

    /// Whether it belongs to the session, which is said where it does not.
    fn knows(&self, stream: &TcpStream, request: &Request) -> bool {
        let agreed = self.model.lock().unwrap().agreed().to_owned();
        let known = match request.says("mcp-session-id") {
            Some(SESSION) if request.says("mcp-protocol-version") == Some(&agreed) => return true,
            Some(SESSION) | None => 400,
            Some(_) => 404,
        };
        // As the official SDKs say it, to nobody's request.
        let why = error(&Value::Null, -32000, "no session");
        answers(stream, known, "", &why);
        false
    }

    fn takes(&self, stream: &TcpStream, request: &Request) {
        let message = &request.body;
        if message["method"] == "initialize" {
            let said = self.model.lock().unwrap().hears(message);
            let name = format!("mcp-session-id: {SESSION}\r\n");
            return answers(stream, 200, &name, &said[0]);
        }
        if !self.knows(stream, request) {
            return;
        }
        self.hears(message);
        match message.get("method").and(message.get("id")) {
            Some(id) => self.streams(stream, &id.to_string()),
            None => answers(stream, 202, "", &Value::Null),
        }
    }

    fn takes_modern(&self, stream: &TcpStream, request: &Request) {
        let message = &request.body;
        if let Some(why) = request.is_unfit_modern() {
            return answers(stream, 400, "", &error(message, -32020, why));
        }
        let id = message["id"].to_string();
        let said = self.hears(message);
        match &said[..] {
            // One answer needs no stream.
            [answer] if answer.get("method").is_none() => {
                self.outbox.lock().unwrap().remove(&id);
                let status = match answer["error"]["code"].as_i64() {
                    Some(-32601) => 404,
                    Some(_) if message["params"].get("_meta").is_none() => 400,
                    _ => 200,
                };
                answers(stream, status, "", answer);
            }
            _ => self.streams(stream, &id),
        }
    }

    /// The server hears this; what it says waits for its stream, and comes back.
    fn hears(&self, message: &Value) -> Vec<Value> {
        let mut model = self.model.lock().unwrap();
        let said = model.hears(message);
        let mut outbox = self.outbox.lock().unwrap();
        for said in &said {
            let method = said["method"].as_str().unwrap_or_default();
            let tagged = &said["params"]["_meta"][STREAM];
            let stream = match method {
                "" => said["id"].to_string(),
                _ if !tagged.is_null() => tagged.to_string(),
                "notifications/tools/list_changed" | "notifications/resources/updated" => {
                    UNASKED.to_owned()
                }
                _ => message["id"].to_string(),
            };
            outbox.entry(stream).or_default().push_back(said.clone());
        }
        said
    }

    /// Writes what belongs to this stream until the answer was in it, or nobody listens.
    fn streams(&self, mut stream: &TcpStream, id: &str) {
        let head =
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
        let _ = stream.write_all(head.as_bytes());
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        loop {
            let next = self.outbox.lock().unwrap().get_mut(id).and_then(VecDeque::pop_front);
            if let Some(said) = next {
                let _ = stream.write_all(format!("data: {said}\n\n").as_bytes());
                if said.get("method").is_none() {
                    return;
                }
            } else if is_closed(stream) {
                return self.is_taken_back(id);
            }
        }
    }

    /// Since 2026-07-28 whoever closes a stream takes its request back.
    fn is_taken_back(&self, id: &str) {
        let mut model = self.model.lock().unwrap();
        if model.is_modern() {
            let id: Value = serde_json::from_str(id).unwrap();
            model.hears(&said("notifications/cancelled", &json!({"requestId": id})));
        }
    }
}

/// Looks for the end for as long as its patience is.
fn is_closed(stream: &TcpStream) -> bool {
    let waits = |kind| matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut);
    match stream.peek(&mut [0]) {
        Ok(read) => read == 0,
        Err(error) => !waits(error.kind()),
    }
}

fn answers(mut stream: &TcpStream, status: u16, headers: &str, body: &Value) {
    let (media, body) = match body {
        Value::Null => ("", String::new()),
        body => ("content-type: application/json\r\n", body.to_string()),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status} x\r\n{headers}{media}content-length: {length}\r\n");
    let _ = stream.write_all(format!("{head}connection: close\r\n\r\n{body}").as_bytes());
}
