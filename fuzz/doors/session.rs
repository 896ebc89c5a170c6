//! What two peers, a person and a clock may do to one conversation.
//!
//! The first byte chooses how far the conversation is before the input begins, and from
//! 128 on the operator lets every extension be agreed on; its seventh bit lets the server
//! ask for the model and the person. The rest is a script: one line for each thing that happens, its first letter says what.
//! `c` and `s` are lines of the client and of the server as they are; `a` and `e`
//! the server's answer to the oldest request, so that a script gets deep; `y` and `n` a
//! person's answer; `t` time; `g` other roots; `d` a restart; `j` a journal that
//! fails; `x` and `z` the end of a peer.
//!
//! Whatever happens: nothing leaves without its record directly before it, what is
//! denied stays, what must be asked has its yes, nobody is answered twice, the
//! server's secrets do not reach the client, and in the end nobody waits.
#![no_main]

use std::collections::{BTreeMap, VecDeque};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use libfuzzer_sys::fuzz_target;
use portcullis_guard::UriLists;
use portcullis_guard::egress::{Reach, Rule};
use portcullis_guard::path::{Access, Root, Roots};
use portcullis_journal::{Record, Redactor};
use portcullis_mediation::{
    Closing, Fact, Fingerprint, MayAsk, Output, SealKey, Session, Settings, Shown, Ticket,
};
use portcullis_policy::{
    Answer, Base, Effect, Elicitation, Extension, Extensions, Obligation, Opening, Pattern,
    Policies, Principal, Rules, Sampling, ServerName,
};
use portcullis_wire::{Id, Json, Limits, Malformed, MalformedKind, Message, Peer};

/// A token of a known kind, which no answer brings to the client.
const SECRET: &str = "ghp_0123456789abcdefghijABCDEFGHIJ012345";
/// Not there for anybody.
const DENIED: &str = "format_disk";
/// Its name says that it deletes: never without a person.
const ASKED: &str = "delete_file";

thread_local! {
    /// Compiled once, because that takes longer than a conversation.
    static POLICIES: Policies = {
        let rules = Rules { deny: vec![Pattern::new(DENIED)], ..Rules::default() };
        Policies::new(&Principal::user(1), &name(), &rules, Base::Allow, &[]).expect("policies")
    };
}

/// The moment at which every script begins.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

fuzz_target!(|bytes: &[u8]| {
    let Some((start, script)) = bytes.split_first() else { return };
    let all = Extension::ALL.map(|(_, extension)| extension);
    let extensions = all.into_iter().filter(|_| *start >= 128).collect();
    let may_ask = if *start & 64 == 0 { MayAsk::default() } else { open() };
    let mut stage = Stage::new(extensions, may_ask);
    stage.open(*start);
    let client_knows = script.windows(SECRET.len()).any(|part| part == SECRET.as_bytes())
        && script.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"c"));
    stage.secret_may_pass = client_knows;
    for line in script.split(|byte| *byte == b'\n').take(64) {
        stage.happens(line);
    }
    stage.ends();
});

fn name() -> ServerName {
    ServerName::new("s").expect("a name")
}

fn roots(access: Access) -> Roots {
    let mut roots = Roots::new();
    roots.add(Root::new("/p").expect("a root"), access);
    roots
}

/// Where a host may offer more, once a person said yes.
fn askable() -> Roots {
    let mut roots = Roots::new();
    roots.add(Root::new("/asked").expect("a root"), Access::Write);
    roots
}

/// A server that may ask whatever a server may ask.
fn open() -> MayAsk {
    let rule = Rule::new("login.example.com").expect("a rule");
    MayAsk {
        sampling: Sampling { mode: Opening::Ask, ..Sampling::default() },
        elicitation: Elicitation { mode: Opening::Show, ..Elicitation::default() },
        links: Reach::new(vec![rule]).expect("a list"),
    }
}

fn settings(extensions: Extensions, may_ask: MayAsk) -> Settings {
    Settings {
        server: name(),
        principal: Principal::user(1),
        session: "door".to_owned(),
        project: "project".to_owned(),
        rules: POLICIES.with(Policies::clone),
        resources: UriLists::default(),
        policy: Fingerprint::of(b"policy"),
        roots: roots(Access::Write),
        askable: askable(),
        cwd: Some("/p".to_owned()),
        flow: Default::default(),
        open_world: false,
        inspect: portcullis_policy::Inspect::default(),
        may_ask,
        trusted_hosts: ["p".to_owned()].into(),
        limits: portcullis_mediation::Limits::default(),
        patience: Duration::from_secs(120),
        hold: Duration::from_secs(45),
        pinning: Default::default(),
        observe: false,
        firm: None,
        without: Default::default(),
        extensions,
        dice: 7,
        tally: None,
        seal: SealKey::new([7; 32]),
        redactor: Redactor::new([7; 32]),
    }
}

/// The conversation, and what was seen of it.
struct Stage {
    session: Session,
    now: Instant,
    limits: Limits,
    /// The record that was kept last, if nothing happened since.
    record: Option<Box<Record>>,
    /// At the server, not answered.
    owed: VecDeque<Id>,
    /// Requests of the client by id, less their answers.
    open: BTreeMap<String, i64>,
    /// Questions that wait.
    asked: VecDeque<Ticket>,
    /// How often a person said yes, less the calls that left with one.
    yes: i64,
    failed: bool,
    /// The client said the secret itself.
    secret_may_pass: bool,
}

impl Stage {
    fn new(extensions: Extensions, may_ask: MayAsk) -> Self {
        Self {
            session: Session::new(settings(extensions, may_ask)),
            now: *EPOCH,
            limits: Limits { message_bytes: 1 << 20, depth: 64, nodes: Limits::NODES },
            record: None,
            owed: VecDeque::new(),
            open: BTreeMap::new(),
            asked: VecDeque::new(),
            yes: 0,
            failed: false,
            secret_may_pass: false,
        }
    }

    /// A handshake of one of the revisions, and the tools; or nothing.
    fn open(&mut self, start: u8) {
        let tools = r#"{"tools":[{"name":"read_file","inputSchema":{"type":"object"}},{"name":"delete_file","inputSchema":{"type":"object","properties":{"path":{"type":"string"}}}},{"name":"format_disk","inputSchema":{"type":"object"}}]"#;
        let legacy = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];
        let both = r#""roots":{"listChanged":true},"sampling":{},"elicitation":{},"tasks":{"list":{},"cancel":{},"requests":{"elicitation":{"create":{}}}},"extensions":{"io.modelcontextprotocol/tasks":{},"io.modelcontextprotocol/ui":{}}"#;
        let offers = r#"{"tasks":{"list":{},"cancel":{},"requests":{"tools":{"call":{}}}},"extensions":{"io.modelcontextprotocol/tasks":{},"io.modelcontextprotocol/ui":{}},"tools":{"listChanged":true},"resources":{"subscribe":true,"listChanged":true},"prompts":{"listChanged":true},"logging":{},"completions":{}}"#;
        let peer = r#"{"name":"p","version":"1"}"#;
        match start % 6 {
            0 => {}
            5 => {
                let meta = format!(
                    r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{peer},"io.modelcontextprotocol/clientCapabilities":{{{both}}}}}"#
                );
                self.happens(format!(r#"c{{"jsonrpc":"2.0","id":"d","method":"server/discover","params":{{{meta}}}}}"#).as_bytes());
                self.happens(format!(r#"a{{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{offers},"serverInfo":{peer},"ttlMs":1000,"cacheScope":"private"}}"#).as_bytes());
                self.happens(
                    format!(
                        r#"c{{"jsonrpc":"2.0","id":"l","method":"tools/list","params":{{{meta}}}}}"#
                    )
                    .as_bytes(),
                );
                self.happens(
                    format!(
                        r#"a{tools},"resultType":"complete","ttlMs":1000,"cacheScope":"private"}}"#
                    )
                    .as_bytes(),
                );
            }
            row => {
                let version = legacy[usize::from(row) - 1];
                self.happens(format!(r#"c{{"jsonrpc":"2.0","id":"i","method":"initialize","params":{{"protocolVersion":"{version}","capabilities":{{{both}}},"clientInfo":{peer}}}}}"#).as_bytes());
                self.happens(format!(r#"a{{"protocolVersion":"{version}","capabilities":{offers},"serverInfo":{peer}}}"#).as_bytes());
                self.happens(br#"c{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
                self.happens(br#"c{"jsonrpc":"2.0","id":"l","method":"tools/list"}"#);
                self.happens(format!("a{tools}}}").as_bytes());
            }
        }
    }

    fn happens(&mut self, line: &[u8]) {
        let Some((what, rest)) = line.split_first() else { return };
        let (peer, other) = (Peer::Client, Peer::Server);
        match what {
            b'c' => self.says(peer, rest),
            b's' => self.says(other, rest),
            b'a' | b'e' => self.answers(if *what == b'a' { "result" } else { "error" }, rest),
            b'y' | b'n' => {
                let Some(ticket) = self.asked.pop_front() else { return };
                if self.session.is_waiting(ticket) && *what == b'y' {
                    self.yes += 1;
                    self.session.answer(ticket, Answer::Approve, self.now);
                } else {
                    self.session.answer(ticket, Answer::Reject, self.now);
                }
            }
            b't' => self.passes(rest),
            b'g' => {
                let access = if rest.is_empty() { Access::Read } else { Access::Write };
                let ceiling = if rest == b"0" { Roots::new() } else { roots(access) };
                self.session.set_ceiling(ceiling, "somebody said so");
            }
            b'd' if self.session.may_restart() => {
                self.owed.clear();
                self.session.restarted("somebody said so", self.now);
            }
            b'j' => {
                self.failed = true;
                self.session.journal_failed();
            }
            b'x' => self.session.closed(peer, self.now),
            b'z' => self.session.closed(other, self.now),
            _ => return,
        }
        self.perform();
    }

    fn says(&mut self, peer: Peer, line: &[u8]) {
        match portcullis_wire::parse(line, &self.limits) {
            Ok(message) => {
                if let (Peer::Client, Message::Request(request)) = (peer, &message) {
                    *self.open.entry(request.id.to_string()).or_default() += 1;
                }
                self.session.receive(peer, message, self.now);
            }
            Err(Malformed { kind: MalformedKind::Batch, .. }) => {
                if let (Peer::Client, Ok(members)) =
                    (peer, portcullis_wire::batch(line, &self.limits, usize::MAX))
                {
                    for member in members {
                        let id = match member {
                            Ok(Message::Request(request)) => Some(request.id),
                            Ok(_) => None,
                            Err(malformed) => malformed.id,
                        };
                        if let Some(id) = id {
                            *self.open.entry(id.to_string()).or_default() += 1;
                        }
                    }
                }
                self.session.receive_batch(peer, line, &self.limits, self.now);
            }
            Err(malformed) => {
                if let (Peer::Client, Some(id)) = (peer, &malformed.id) {
                    *self.open.entry(id.to_string()).or_default() += 1;
                }
                self.session.malformed(peer, &malformed, self.now);
            }
        }
    }

    /// The server answers the oldest request with whatever the input says.
    fn answers(&mut self, member: &str, rest: &[u8]) {
        let (Some(id), Ok(rest)) = (self.owed.pop_front(), std::str::from_utf8(rest)) else {
            return;
        };
        let id = id.to_json();
        let line = format!(r#"{{"jsonrpc":"2.0","id":{},"{member}":{rest}}}"#, id.text());
        self.says(Peer::Server, line.as_bytes());
    }

    fn passes(&mut self, rest: &[u8]) {
        let seconds = rest.first().map_or(1, |byte| u64::from(*byte));
        self.now += Duration::from_secs(seconds);
        while let Some(next) = self.session.poll_timeout().filter(|next| *next <= self.now) {
            self.session.handle_timeout(self.now);
            self.perform();
            let again = self.session.poll_timeout();
            assert!(again.is_none_or(|again| again > next), "the clock stands still");
        }
    }

    fn perform(&mut self) {
        let mut rounds = 0;
        while let Some(output) = self.session.poll_output() {
            rounds += 1;
            assert!(rounds < 100_000, "it goes on without end");
            let before = self.record.take();
            match output {
                Output::Record(record) => self.record = Some(record),
                Output::Forward(to, message) => self.forwarded(to, message.get(), before),
                Output::Reply(to, message) => self.left(to, message.get()),
                Output::Together(to, all) => {
                    all.iter().for_each(|message| self.left(to, message.get()));
                }
                Output::Consult(ticket, _) => {
                    self.session.advise(ticket, Fact::Unknown, self.now);
                }
                Output::Ask(ticket, _) => {
                    self.asked.push_back(ticket);
                    let shown = Shown { form: Some("may it?".to_owned()), place: None };
                    self.session.ask_in_host(ticket, &shown, self.now);
                }
                Output::Withdraw(approval) => self.session.lapsed(&approval),
                Output::Close(closing) => self.closes(closing),
                Output::Look(root) => self.session.looked(&root, Ok(Vec::new())),
                Output::Admit(admitted) => self.session.not_admitted(&admitted.newcomer, "it went"),
                // What the host brings is no yes before the store took it as one.
                Output::Decided(..) | Output::Unanswered(_) => {}
                Output::Accept(_) | Output::Sighted(_) | Output::Log(_) | Output::Roots(_) => {}
            }
        }
    }

    fn closes(&mut self, closing: Closing) {
        assert!(self.session.is_closed(), "{closing}, and it goes on");
    }

    fn forwarded(&mut self, to: Peer, message: &Message, before: Option<Box<Record>>) {
        assert!(!self.failed, "forwarded after the journal failed");
        let record = before.expect("a record directly before whatever is forwarded");
        assert_ne!(record.decision.effect, Effect::Deny, "forwarded what was denied");
        if let (Peer::Client, Message::Request(request)) = (to, message)
            && request.method == "sampling/createMessage"
        {
            assert!(record.decision.obligations.contains(&Obligation::Approved));
            self.yes -= 1;
            assert!(self.yes >= 0, "the model is asked without a yes");
        }
        if let (Peer::Server, Message::Request(request)) = (to, message)
            && request.method == "tools/call"
        {
            let params = request.params.as_ref().map(Json::value).unwrap_or_default();
            assert_ne!(params["name"], DENIED, "called what is not there");
            if params["name"] == ASKED {
                assert!(record.decision.obligations.contains(&Obligation::Approved));
                self.yes -= 1;
                assert!(self.yes >= 0, "called without a yes");
            }
            let path = params["arguments"]["path"].as_str().unwrap_or("notes.txt");
            assert!(!path.starts_with("/etc/"), "called with a path outside: {path:?}");
        }
        self.left(to, message);
    }

    /// Wherever it goes and whoever wrote it.
    fn left(&mut self, to: Peer, message: &Message) {
        let mut line = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "it is only read again here")]
        portcullis_wire::write::encode(message, &mut line);
        let text = String::from_utf8(line).expect("text");
        let limits = Limits { message_bytes: usize::MAX, depth: 128, nodes: usize::MAX };
        let again = portcullis_wire::parse(text.trim_end().as_bytes(), &limits);
        assert_eq!(again.as_ref(), Ok(message), "what leaves is read as something else: {text}");
        match (to, message) {
            (Peer::Server, Message::Request(request)) => self.owed.push_back(request.id.clone()),
            (Peer::Client, Message::Response(response)) => {
                if let Some(id) = &response.id {
                    let left = self.open.entry(id.to_string()).or_default();
                    *left -= 1;
                    assert!(*left >= 0, "{id} is answered more than once");
                }
            }
            _ => {}
        }
        if to == Peer::Client && !self.secret_may_pass {
            assert!(!text.contains(SECRET), "a secret reaches the client: {text}");
        }
    }

    fn ends(mut self) {
        self.session.closed(Peer::Client, self.now);
        self.perform();
        assert!(self.session.is_closed() && self.session.is_idle(), "over, and somebody waits");
        assert!(self.session.poll_timeout().is_none(), "over, and it waits for a moment");
        self.happens(br#"c{"jsonrpc":"2.0","id":"late","method":"ping"}"#);
        assert!(self.session.poll_output().is_none());
    }
}
