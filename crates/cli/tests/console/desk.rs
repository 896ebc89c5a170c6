//! A console that runs, a browser's requests to it, and a gateway that holds a call.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::stage::{Gateway, PATIENCE, Stage, answering};

/// Longer than the console takes for the least that a person needs to read.
pub const READ: Duration = Duration::from_millis(1100);
pub const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

/// A console of its own process. Dropping it ends it.
#[derive(Debug)]
pub struct Console {
    child: Child,
    /// The one-time link.
    pub link: String,
    /// `name.localhost:port`
    pub host: String,
    port: u16,
}

impl Console {
    pub fn start(stage: &Stage) -> Self {
        let mut command = stage.portcullis();
        command.arg("console");
        Self::of(command)
    }

    /// The same by a command of the test's own.
    pub fn of(mut command: Command) -> Self {
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut said).unwrap();
        let link = said.split_whitespace().find(|word| word.starts_with("http://"));
        let link = link.unwrap_or_else(|| panic!("no link: {said}")).to_owned();
        let host = link.strip_prefix("http://").unwrap().split('/').next().unwrap().to_owned();
        let port = host.rsplit(':').next().unwrap().parse().unwrap();
        Self { child, link, host, port }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// Sends these bytes; all that comes back.
    pub fn raw(&self, bytes: &[u8]) -> Got {
        let mut stream = self.connect();
        // It may close before it has read everything.
        let _ = stream.write_all(bytes);
        let mut all = Vec::new();
        let _ = stream.read_to_end(&mut all);
        Got::read(&all)
    }

    /// What a browser says with every request of this kind.
    pub fn browser(&self, from: &str, dest: &str) -> Vec<(String, String)> {
        let mode = if dest == "document" { "navigate" } else { "cors" };
        let all = [
            ("Host", self.host.as_str()),
            ("Sec-Fetch-Site", from),
            ("Sec-Fetch-Mode", mode),
            ("Sec-Fetch-Dest", dest),
            ("Connection", "close"),
        ];
        all.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
    }

    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(String, String)],
        body: &str,
    ) -> Got {
        let mut text = format!("{method} {path} HTTP/1.1\r\n");
        for (name, value) in headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            text.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        self.raw(format!("{text}\r\n{body}").as_bytes())
    }

    /// Opens a link as a browser does; what came back.
    pub fn open(&self) -> Got {
        let path = self.link.strip_prefix(&format!("http://{}", self.host)).unwrap();
        self.request("GET", path, &self.browser("none", "document"), "")
    }

    pub fn end(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Console {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What came back.
#[derive(Debug)]
pub struct Got {
    /// 0 when nothing did.
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Got {
    fn read(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let line = |line: &&str| line.to_ascii_lowercase().starts_with(&format!("{name}:"));
        self.head.lines().find(line)?.split_once(':').map(|(_, value)| value.trim())
    }

    /// The value of a hidden field.
    pub fn field(&self, name: &str) -> String {
        let mark = format!("name=\"{name}\" value=\"");
        let rest = self.body.split(&mark).nth(1).unwrap_or_else(|| panic!("no {name}: {self:?}"));
        rest.split('"').next().unwrap().to_owned()
    }
}

/// A browser that has opened the console.
#[derive(Debug)]
pub struct Browser<'a> {
    pub console: &'a Console,
    pub cookie: String,
}

impl<'a> Browser<'a> {
    pub fn open(console: &'a Console) -> Self {
        let got = console.open();
        assert_eq!(got.status, 303, "{got:?}");
        let set = got.header("set-cookie").expect("a cookie");
        let cookie = set.split(';').next().unwrap().to_owned();
        Self { console, cookie }
    }

    pub fn get(&self, path: &str) -> Got {
        let mut headers = self.console.browser("same-origin", "document");
        headers.push(("Cookie".to_owned(), self.cookie.clone()));
        self.console.request("GET", path, &headers, "")
    }

    /// What a browser sends with a form of ours that a person sent.
    pub fn by_hand(&self) -> Vec<(String, String)> {
        let mut headers = self.console.browser("same-origin", "document");
        let origin = format!("http://{}", self.console.host);
        let more = [
            ("Cookie", self.cookie.as_str()),
            ("Origin", origin.as_str()),
            ("Sec-Fetch-User", "?1"),
            FORM,
        ];
        headers.extend(more.map(|(name, value)| (name.to_owned(), value.to_owned())));
        headers
    }

    /// The form of a question, read.
    pub fn form(&self, question: &str, answer: &str) -> String {
        let page = self.get(&format!("/questions/{question}"));
        assert_eq!(page.status, 200, "{page:?}");
        let (token, shown) = (page.field("token"), page.field("shown"));
        std::thread::sleep(READ);
        format!("token={token}&shown={}&answer={answer}", shown.replace(':', "%3A"))
    }

    pub fn sends(&self, question: &str, form: &str) -> Got {
        let path = format!("/questions/{question}");
        self.console.request("POST", &path, &self.by_hand(), form)
    }

    pub fn answers(&self, question: &str, answer: &str) -> Got {
        self.sends(question, &self.form(question, answer))
    }
}

/// A gateway around a server that remembers what reaches it.
pub fn guarded(stage: &Stage) -> Gateway {
    guarded_with(stage, &[])
}

/// The same, with more options.
pub fn guarded_with(stage: &Stage, options: &[&str]) -> Gateway {
    let server = answering::remembering(&stage.project().join("received"));
    let root = stage.root();
    let options = [&["--root", &root], options].concat();
    let mut gateway = Gateway::start(stage.run(&options, &server), None);
    gateway.shakes_hands();
    gateway
}

/// The host asks for something destructive; the request's id and the question's name.
pub fn asks(stage: &Stage, gateway: &mut Gateway, file: &str) -> (u64, String) {
    asks_for(stage, gateway, "delete_file", file)
}

/// The same of any tool.
pub fn asks_for(stage: &Stage, gateway: &mut Gateway, tool: &str, file: &str) -> (u64, String) {
    let before = stage.questions().len();
    let id = gateway.asks("tools/call", &json!({"name": tool, "arguments": {"path": file}}));
    let question = stage.until("a question", || {
        let all = stage.questions();
        let newest = all.get(before)?;
        Some(newest["id"].as_str()?.to_owned())
    });
    (id, question)
}

/// How often a call reached the server.
pub fn reached(stage: &Stage) -> usize {
    let received = fs::read_to_string(stage.project().join("received")).unwrap_or_default();
    received.lines().filter(|line| line.contains("tools/call")).count()
}

/// A question's row now.
pub fn row(stage: &Stage, question: &str) -> serde_json::Value {
    let all = stage.every_question();
    all.into_iter().find(|row| row["id"] == question).expect("the question")
}
