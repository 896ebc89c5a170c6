//! A client and a server with the binary between them: what one says is waited for at the other.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, answered};
use crate::host::{Caller, Host};
use crate::house::House;
use crate::person::Person;
use crate::pipes::Pipes;
use crate::server::{Server, result};
use crate::site::Site;
use crate::stage::{Gateway, PATIENCE, Puppet, Stage};

/// How client and server are reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Both on pipes; the server in a box.
    Pipes,
    /// The client on pipes, the server over Streamable HTTP.
    ToHttp,
    /// The client over Streamable HTTP, the server on pipes.
    FromHttp,
}

/// The server, for whoever carries its words.
pub type Model = Arc<Mutex<Server>>;

/// Both of them.
pub struct Pair {
    host: Host,
    person: Person,
    server: Model,
    /// What carries the server's words; gone before what it works in.
    _carrier: Carrier,
    stage: Stage,
    revision: &'static str,
    last: u64,
    patience: Duration,
    /// What reached the client, and was not taken yet.
    told: Vec<Value>,
    answers: Vec<Value>,
}

#[expect(dead_code, reason = "they are only kept")]
enum Carrier {
    Pipes(Pipes),
    Http(Site),
}

/// What is open for the server; of all that is asked, a person answers for the model alone.
const OPEN: &str = "channels = [\"console\"]\n\
    extensions = [\"io.modelcontextprotocol/tasks\"]\n\
    sampling = { mode = \"ask\", review = \"request\" }\n\
    elicitation = { mode = \"show\", urls = [\"login.example.com\"] }\n";

impl Pair {
    pub fn of(client: &'static str, server: &'static str, way: Way) -> Self {
        let stage = Stage::new();
        let model = Arc::new(Mutex::new(Server::of(server)));
        let (host, carrier) = match way {
            Way::Pipes => pipes(&stage, &model),
            Way::ToHttp => to_http(&stage, &model),
            Way::FromHttp => from_http(&stage, &model, client),
        };
        Self {
            host,
            person: Person::default(),
            server: model,
            _carrier: carrier,
            stage,
            revision: client,
            last: 0,
            patience: PATIENCE,
            told: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// What came before is over.
    pub fn turns_the_page(&mut self) {
        self.told.clear();
        self.person.waits = true;
        self.server.lock().unwrap().anew();
    }

    /// The client goes, and the gateway ends as it should.
    pub fn leaves(self) {
        self.host.leaves();
    }

    /// Lets everybody speak until something is there; nothing when it does not come.
    fn until<T>(&mut self, mut look: impl FnMut(&mut Self) -> Option<T>) -> Option<T> {
        let deadline = Instant::now() + self.patience;
        loop {
            if let Some(found) = look(self) {
                return Some(found);
            }
            if Instant::now() > deadline {
                // Whoever was silent once is not waited for as long again.
                self.patience = Duration::from_millis(1_000);
                return None;
            }
            if self.person.waits && called(&self.server.lock().unwrap(), "model") {
                self.person.looks(&self.stage);
            }
            if let Some(message) = self.host.hears() {
                self.hears(&message);
            }
        }
    }

    /// Something reached the client.
    fn hears(&mut self, message: &Value) {
        match (message.get("method").is_some(), message.get("id").is_some()) {
            (true, true) => {
                let answer = result(message, &answered(message, &self.root()));
                self.host.says(&answer);
            }
            (true, false) => self.told.push(message.clone()),
            (false, _) => {
                self.host.is_answered(message);
                self.answers.push(message.clone());
            }
        }
    }
}

fn options(stage: &Stage) -> Vec<String> {
    let config = stage.config(&format!("[server.puppet]\n{OPEN}")).display().to_string();
    let root = stage.root();
    ["--name", "puppet", "--config", &config, "--root", &root].map(str::to_owned).to_vec()
}

fn pipes(stage: &Stage, model: &Model) -> (Host, Carrier) {
    let puppet = Puppet::new(stage);
    let own = puppet.root();
    let options = options(stage);
    let words: Vec<&str> =
        options.iter().map(String::as_str).chain(["--root", own.as_str()]).collect();
    let gateway = Gateway::start(stage.run(&words, &puppet.command()), None);
    (Host::Pipes(gateway), Carrier::Pipes(Pipes::of(puppet, Arc::clone(model))))
}

fn to_http(stage: &Stage, model: &Model) -> (Host, Carrier) {
    let site = Site::of(Arc::clone(model));
    let mut command = stage.portcullis();
    command.arg("run").args(options(stage)).args(["--url", &site.url]);
    (Host::Pipes(Gateway::start(command, None)), Carrier::Http(site))
}

fn from_http(stage: &Stage, model: &Model, client: &'static str) -> (Host, Carrier) {
    let puppet = Puppet::new(stage);
    let (command, roots) = (json!(puppet.command()), json!([stage.root(), puppet.root()]));
    let house = House::with(
        stage,
        &format!(
            "[serve]\nlisten = \"127.0.0.1:0\"\n[server.puppet]\ncommand = {command}\n\
             roots = {roots}\n{OPEN}"
        ),
    );
    let caller = Caller::of(house, "/s/puppet/mcp", client);
    (Host::Http(caller), Carrier::Pipes(Pipes::of(puppet, Arc::clone(model))))
}

fn called(server: &Server, tool: &str) -> bool {
    server.heard.iter().any(|it| it["params"]["name"] == tool)
}

fn find(all: &[Value], method: &str) -> Option<Value> {
    all.iter().find(|it| it["method"] == method).cloned()
}

impl Client for Pair {
    fn revision(&self) -> &'static str {
        self.revision
    }

    fn root(&self) -> String {
        format!("file://{}", self.stage.project().display())
    }

    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    fn says(&mut self, message: &Value) {
        self.host.says(message);
    }

    fn answer_to(&mut self, id: u64) -> Option<Value> {
        self.until(|pair| {
            let place = pair.answers.iter().position(|answer| answer["id"] == json!(id))?;
            Some(pair.answers.remove(place))
        })
    }

    fn told(&mut self, method: &str) -> Option<Value> {
        self.until(|pair| find(&pair.told, method))
    }

    fn arrived(&mut self, method: &str) -> Option<Value> {
        self.until(|pair| find(&pair.server.lock().unwrap().heard, method))
    }

    fn is_asked(&mut self, _: &Value) -> bool {
        true
    }
}
