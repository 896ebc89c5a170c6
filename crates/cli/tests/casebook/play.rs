//! One case on its stage: the host and the server are this file's, everything
//! between them is the real thing.
//!
//! What the pure driver does by looking at one queue is done here by waiting
//! until everybody sleeps. What must be there may come late; what must not be
//! there is looked for when nobody moves any more.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use portcullis_casebook::{
    Answer, Case, Journal, Ledger, Mailbox, Received, Sent, Setup, Side, Step, Unmet, What,
    question, setup::THERE,
};
use portcullis_journal::Timestamp;
use portcullis_mediation::pin::{Definition, Part, Section, Sighting};
use portcullis_store::PinStore as _;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Map, Value};

use crate::stage::gateway::gone;
use crate::stage::pipes::left;
use crate::stage::{Gateway, PATIENCE, Puppet, Stage, finish};

/// How late something may come when nobody is busy any more: somebody's clock
/// must ring, or somebody must look.
const LATE: Duration = Duration::from_secs(10);

/// The person's home, as cases spell it.
const HOME: &str = "/home/ada";

/// How long the gateway may take to see an answer that was given elsewhere.
const LOOK: Duration = Duration::from_millis(400);

/// Old records of a journal that will fail.
const SEEDS: usize = 1000;

/// Where a case fails, and why.
#[derive(Debug)]
pub struct Failed {
    /// The line in the page; zero when it is the whole case.
    pub line: usize,
    /// The step as written.
    pub text: String,
    /// What is wrong.
    pub why: String,
}

/// One case.
struct Play {
    stage: Stage,
    gateway: Gateway,
    client: Mailbox,
    server: Mailbox,
    ledger: Ledger,
    /// The number of the last record that was read.
    read: usize,
    /// The next step is this one again.
    in_burst: bool,
}

/// Plays a case to its end, and looks whether everybody was answered, the
/// journal holds, and nothing is left.
pub fn play(case: &Case) -> Result<(), Failed> {
    let whole = |why: String| Failed { line: 0, text: case.title.clone(), why };
    let failed = |step: &Step, why| Failed { line: step.line, text: step.text.clone(), why };
    let setup = Setup::of(case).map_err(|bad| whole(bad.to_string()))?;
    let breaks = case.steps.iter().any(|step| step.what == What::Journal(Journal::Fails));
    let mut play = Play::begin(&setup, if breaks { SEEDS } else { 0 });
    play.started().map_err(whole)?;
    for step in &setup.opening() {
        play.step(&step.what).map_err(|why| failed(step, format!("{:?}: {why}", step.what)))?;
    }
    play.turn_page().map_err(whole)?;
    for (at, step) in case.steps.iter().enumerate() {
        // `client N times` comes in one burst: a rate is none when each is waited for. A
        // server's answers wait for what they answer.
        let next = case.steps.get(at + 1).filter(|next| next.line == step.line);
        play.in_burst = matches!(next.map(|next| &next.what), Some(What::Sends(Side::Client, _)));
        play.step(&step.what).map_err(|why| {
            let complaints = play.gateway.complaints();
            failed(step, format!("{why}\n    {complaints}"))
        })?;
    }
    play.finish().map_err(|why| whole(format!("at the end: {why}")))
}

impl Play {
    fn begin(setup: &Setup, read: usize) -> Self {
        let stage = Stage::new();
        stage.seed_journal(read);
        let puppet = Puppet::new(&stage);
        let config = stage.config(&config(setup, &stage, &puppet));
        let config = config.display().to_string();
        let start = || stage.run(&["--name", "case", "--config", &config], &puppet.command());
        if setup.table.get("pins").and_then(toml::Value::as_str) == Some("ask") {
            consent(&stage, start());
        }
        if let Some(spoke) = &setup.spoke {
            knows(&stage, spoke);
        }
        let command = start();
        Self {
            gateway: Gateway::start(command, Some(puppet)),
            stage,
            client: Mailbox::new(Side::Client, setup.meta()),
            server: Mailbox::new(Side::Server, Map::new()),
            ledger: Ledger::default(),
            read,
            in_burst: false,
        }
    }

    /// Waits until the server is in its box; that is recorded, and no case's business.
    fn started(&mut self) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            self.gateway.turn(Duration::from_millis(20));
            self.read_journal();
            if !self.ledger.is_empty() {
                return Ok(());
            }
            let ended = self.gateway.ended().is_some();
            if ended || left(deadline).is_zero() {
                self.gateway.turn(Duration::ZERO);
                return Err(format!("it did not start: {}", self.gateway.complaints()));
            }
        }
    }

    fn turn_page(&mut self) -> Result<(), String> {
        self.calm()?;
        self.read_journal();
        self.client.turn_page();
        self.server.turn_page();
        self.ledger.turn_page();
        Ok(())
    }

    fn step(&mut self, what: &What) -> Result<(), String> {
        match what {
            What::Sends(side, sent) => self.says(*side, sent),
            What::Receives(side, received) => self.receives(*side, received),
            What::Asked(part) => self.asked(part.as_deref()),
            What::Answers(answer) => self.answers(*answer),
            What::Edits(content) => self.edits(content),
            What::Grants { lasts, cover } => self.grants(lasts, *cover),
            What::Revokes => self.revokes(),
            What::Accepts(name) => self.accepts(name.as_deref()),
            What::Wait(time) => {
                self.gateway.wait(*time);
                self.calm()
            }
            What::Journal(Journal::Fails) => self.break_journal(),
            What::Journal(line) => self.journal(line),
        }
    }

    fn mailbox(&mut self, side: Side) -> &mut Mailbox {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn says(&mut self, side: Side, sent: &Sent) -> Result<(), String> {
        let said = self.mailbox(side).say(sent).map_err(|unmet| unmet.to_string())?;
        let mut bytes = said.map(|bytes| self.real(&bytes));
        if side == Side::Client {
            bytes = bytes.map(|bytes| self.offer_pipes(&bytes));
        }
        let server = self.gateway.server.as_mut().ok_or("there is no server")?;
        let to = if side == Side::Client { &mut self.gateway.to } else { &mut server.to_host };
        match bytes {
            None => to.close(),
            Some(_) if to.is_closed() => return Err("the conversation is over".to_owned()),
            Some(bytes) => to.push(&bytes),
        }
        if self.in_burst { Ok(()) } else { self.calm() }
    }

    /// Until nobody moves; what arrives meanwhile is in the mailboxes.
    fn calm(&mut self) -> Result<(), String> {
        self.gateway.calm();
        self.collect()
    }

    fn collect(&mut self) -> Result<(), String> {
        for side in [Side::Client, Side::Server] {
            while let Some(line) = self.line(side) {
                let line = self.told(&String::from_utf8_lossy(&line));
                let said = |why: String| format!("the {side:?} got {why}: {line}");
                let mut value =
                    serde_json::from_str(&line).map_err(|error| said(error.to_string()))?;
                self.hide_pipes(&mut value);
                self.mailbox(side).arrived(value).map_err(|unmet| said(unmet.to_string()))?;
            }
        }
        Ok(())
    }

    /// A host that says which roots it offers always offers the one with the
    /// pipes, without which the server could not speak.
    fn offer_pipes(&self, bytes: &[u8]) -> Vec<u8> {
        let uri = format!("file://{}", self.stage.path().join("pipes").display());
        let text = String::from_utf8_lossy(bytes);
        if !text.contains(r#""roots":["#) {
            return bytes.to_vec();
        }
        let offered = text.replace(r#""roots":["#, &format!(r#""roots":[{{"uri":"{uri}"}},"#));
        offered.replace("},]", "}]").into_bytes()
    }

    /// The root with the pipes is the stage's: no case knows of it.
    fn hide_pipes(&self, value: &mut Value) {
        let uri = format!("file://{}", self.stage.path().join("pipes").display());
        match value {
            Value::Array(items) => {
                items.retain(|item| item["uri"] != uri.as_str());
                items.iter_mut().for_each(|item| self.hide_pipes(item));
            }
            Value::Object(members) => members.values_mut().for_each(|it| self.hide_pipes(it)),
            _ => {}
        }
    }

    fn line(&mut self, side: Side) -> Option<Vec<u8>> {
        match side {
            Side::Client => self.gateway.from.line(),
            Side::Server => self.gateway.server.as_mut()?.from_host.line(),
        }
    }

    fn receives(&mut self, side: Side, received: &Received) -> Result<(), String> {
        if *received == Received::Nothing {
            self.calm()?;
        }
        self.meet(|play| {
            play.collect().map_err(Unmet::Wrong)?;
            play.mailbox(side).expect(received)
        })
    }

    /// What is missing may still come.
    fn meet(&mut self, mut look: impl FnMut(&mut Self) -> Result<(), Unmet>) -> Result<(), String> {
        let deadline = Instant::now() + LATE;
        loop {
            match look(self) {
                Ok(()) => return Ok(()),
                Err(Unmet::Missing(_)) if !left(deadline).is_zero() => {
                    self.gateway.turn(Duration::from_millis(10));
                }
                Err(unmet) => return Err(unmet.to_string()),
            }
        }
    }

    fn journal(&mut self, line: &Journal) -> Result<(), String> {
        if matches!(line, Journal::Nothing | Journal::Lacks(_)) {
            self.calm()?;
        }
        self.meet(|play| {
            play.read_journal();
            play.ledger.expect(line)
        })
    }

    /// Reads the records that are new, with the command that people use.
    fn read_journal(&mut self) {
        for record in self.stage.journal(self.read + 1) {
            self.read += 1;
            let told = self.told(&record.to_string());
            let record: Value = serde_json::from_str(&told).unwrap_or_default();
            // How the process ended is known only where there is one.
            let note = record["note"].as_str().unwrap_or_default();
            if !note.starts_with("the server ended:") {
                self.ledger.push(record);
            }
        }
    }

    /// The journal does not grow any more, as on a full disk, whoever we are.
    /// Everything else that the gateway writes is smaller than a seeded journal.
    fn break_journal(&mut self) -> Result<(), String> {
        self.calm()?;
        let pid = Pid::from_raw(self.gateway.pid()).ok_or("no process")?;
        let size = self.stage.journal_size();
        let most = Rlimit { current: Some(size), maximum: Some(size) };
        prlimit(Some(pid), Resource::Fsize, most).map_err(|error| error.to_string())?;
        Ok(())
    }

    fn asked(&mut self, part: Option<&str>) -> Result<(), String> {
        self.meet(|play| {
            let text = play.stage.questions().first().map(|row| play.told(&text(row)));
            match (text, part) {
                (None, None) => Ok(()),
                (Some(text), Some(part)) if text.contains(part) => Ok(()),
                (Some(text), Some(_)) => Err(Unmet::Wrong(format!("the question is: {text}"))),
                (Some(text), None) => Err(Unmet::Missing(format!("the question is: {text}"))),
                (None, Some(_)) => Err(Unmet::Missing("no question waits".to_owned())),
            }
        })
    }

    fn answers(&mut self, answer: Answer) -> Result<(), String> {
        let waiting = self.stage.questions().into_iter().next();
        let waits = waiting.is_some();
        let asked = waiting.or_else(|| self.stage.every_question().pop());
        let id = asked.and_then(|row| row["id"].as_str().map(str::to_owned));
        let id = id.ok_or("nobody was ever asked")?;
        let word = if answer == Answer::Approves { "approve" } else { "deny" };
        let said = self.stage.says(&["approvals", word, &id]);
        if said.code != if waits { 0 } else { 2 } {
            return Err(format!("{said:?}"));
        }
        self.gateway.wait(LOOK);
        self.calm()
    }

    fn edits(&mut self, content: &Value) -> Result<(), String> {
        let waits = self.stage.questions().into_iter().next().ok_or("no question waits")?;
        let id = waits["id"].as_str().unwrap_or_default().to_owned();
        let file = self.stage.path().join("edited");
        std::fs::write(&file, content.to_string()).map_err(|error| error.to_string())?;
        let file = file.display().to_string();
        let said = self.stage.says(&["approvals", "edit", &id, "--from", &file]);
        if said.code != 0 {
            return Err(format!("{said:?}"));
        }
        self.gateway.wait(LOOK);
        self.calm()
    }

    fn grants(&mut self, lasts: &str, cover: usize) -> Result<(), String> {
        let waits = self.stage.questions().into_iter().next().ok_or("no question waits")?;
        let id = waits["id"].as_str().unwrap_or_default().to_owned();
        let cover = cover.to_string();
        let words = ["approvals", "approve", &id, "--for", lasts, "--covers", &cover];
        let said = self.stage.says(&words);
        if said.code != 0 {
            return Err(format!("{said:?}"));
        }
        self.gateway.wait(LOOK);
        self.calm()
    }

    fn revokes(&mut self) -> Result<(), String> {
        let all = self.stage.says(&["grants", "list", "--json"]);
        let all: Vec<Value> = serde_json::from_str(&all.out).map_err(|error| error.to_string())?;
        let last = all.iter().rfind(|grant| grant["kind"] == "call").ok_or("there is no grant")?;
        let said = self.stage.says(&["grants", "revoke", last["id"].as_str().unwrap_or_default()]);
        if said.code == 0 { self.calm() } else { Err(format!("{said:?}")) }
    }

    fn accepts(&mut self, name: Option<&str>) -> Result<(), String> {
        self.calm()?;
        let looked = self.stage.says(&["pins", "diff", "case"]);
        if looked.code != 0 {
            return Err(format!("{looked:?}"));
        }
        let mut words = vec!["pins", "accept", "case"];
        words.extend(name);
        let said = self.stage.says(&words);
        if said.code != 0 {
            return Err(format!("{said:?}"));
        }
        self.gateway.wait(LOOK);
        self.calm()
    }

    /// The host leaves; then everybody was answered and nothing is left.
    fn finish(mut self) -> Result<(), String> {
        let kin = self.gateway.kin();
        self.gateway.to.close();
        let code = self.gateway.exit().code();
        gone(&kin);
        let open = |play: &mut Self| (!play.gateway.from.ended).then_some(());
        while open(&mut self).is_some() {
            self.gateway.turn(Duration::from_millis(10));
        }
        self.collect()?;
        let unanswered = self.client.unanswered();
        if !unanswered.is_empty() {
            return Err(format!("never answered: {unanswered:?}"));
        }
        if let Some(question) = self.stage.questions().first() {
            return Err(format!("a question still waits: {question}"));
        }
        let proof = self.stage.says(&["journal", "verify"]);
        if proof.code != 0 {
            return Err(format!("{proof:?}"));
        }
        let expected = if self.host_ended_it() { 0 } else { 1 };
        if code != Some(expected) {
            let complaints = self.gateway.complaints();
            return Err(format!("exit code {code:?}, not {expected}: {complaints}"));
        }
        let left = std::fs::read_dir(self.stage.path().join("tmp")).map_or(1, Iterator::count);
        if left == 0 { Ok(()) } else { Err("temporary files are left".to_owned()) }
    }

    /// By the journal's own word.
    fn host_ended_it(&self) -> bool {
        let ended = self.stage.events("ended");
        ended.last().is_some_and(|record| record["note"] == "the host closed the pipe")
    }

    /// A case's bytes, on this machine.
    fn real(&self, bytes: &[u8]) -> Vec<u8> {
        let home = self.stage.home().display().to_string();
        let mut out = Vec::with_capacity(bytes.len());
        let mut rest = bytes;
        while let Some(at) = rest.windows(HOME.len()).position(|part| part == HOME.as_bytes()) {
            let (before, after) = rest.split_at(at);
            out.extend_from_slice(before);
            out.extend_from_slice(home.as_bytes());
            rest = after.get(HOME.len()..).unwrap_or_default();
        }
        out.extend_from_slice(rest);
        out
    }

    /// What is said on this machine, as a case spells it.
    fn told(&self, text: &str) -> String {
        text.replace(&self.stage.home().display().to_string(), HOME)
    }
}

/// Whoever wants to be asked is asked before the first start, too; no case's business.
fn consent(stage: &Stage, start: std::process::Command) {
    let refused = finish(start);
    assert_eq!(refused.code, 2, "{refused:?}");
    assert_eq!(stage.says(&["pins", "diff", "case"]).code, 0);
    let accepted = stage.says(&["pins", "accept", "case"]);
    assert_eq!(accepted.code, 0, "{accepted:?}");
    // The question is open still, and no case's either.
    for asked in stage.questions() {
        let id = asked["id"].as_str().unwrap_or_default();
        assert_eq!(stage.says(&["approvals", "deny", id]).code, 0);
    }
}

/// From earlier sessions, the server is known to speak this revision.
fn knows(stage: &Stage, spoke: &str) {
    let mut definition = Definition::default();
    definition.set("speaks", &Value::from(spoke));
    let first = BTreeMap::from([(Part::new(Section::Server, "revision"), definition)]);
    let sighting = Sighting { first, ..Sighting::default() };
    let mut pins = portcullis_store::Pins::open(&stage.state()).expect("a state directory");
    pins.sighted("case", &sighting, Timestamp::default()).expect("it is stored");
}

/// A row of `approvals list --json`, as cases read it.
fn text(row: &Value) -> String {
    let word = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    let reasons: Vec<String> = serde_json::from_value(row["reasons"].clone()).unwrap_or_default();
    question(&word("kind"), &word("tool"), &row["arguments"].to_string(), &word("risk"), &reasons)
}

/// The case's settings as a config. Its roots are made below the stage's home,
/// and the pipes of its server come last.
fn config(setup: &Setup, stage: &Stage, puppet: &Puppet) -> String {
    let mut table = setup.table.clone();
    let home = stage.home().display().to_string();
    let mut roots =
        table.remove("roots").and_then(|roots| roots.as_array().cloned()).unwrap_or_default();
    for root in &mut roots {
        let text = root.as_str().unwrap_or_default().replace(HOME, &home);
        let asks = text.ends_with(":ask");
        let folder = text.trim_end_matches(":ask").trim_end_matches(":rw");
        let folder = folder.trim_end_matches(":ro");
        if let Ok(below) = Path::new(folder).strip_prefix(stage.path()) {
            let below = below.display().to_string();
            stage.folder(&below, 0o777);
            for place in THERE.iter().filter(|_| asks) {
                stage.folder(&format!("{below}{place}"), 0o777);
            }
        }
        *root = text.into();
    }
    let lists = table.get_mut("resources").and_then(toml::Value::as_table_mut);
    for (_, uris) in lists.into_iter().flat_map(toml::Table::iter_mut) {
        for uri in uris.as_array_mut().into_iter().flatten() {
            *uri = uri.as_str().unwrap_or_default().replace(HOME, &home).into();
        }
    }
    roots.push(puppet.root().into());
    table.insert("roots".to_owned(), roots.into());
    let servers = toml::Table::from_iter([("case".to_owned(), toml::Value::from(table))]);
    let mut file = toml::Table::from_iter([("server".to_owned(), toml::Value::from(servers))]);
    if let Some(policy) = &setup.policy {
        stage.policy("case.cedar", policy);
        let files = toml::Value::from(vec!["case.cedar"]);
        let policy = toml::Table::from_iter([("files".to_owned(), files)]);
        file.insert("policy".to_owned(), policy.into());
    }
    file.to_string()
}
