//! One pure session with a server that answers everything, a store in a directory of its
//! own, and a person who says yes.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use portcullis_guard::UriLists;
use portcullis_guard::path::{Access, Root, Roots};
use portcullis_journal::{Redactor, Timestamp};
use portcullis_mediation::cover::Width;
use portcullis_mediation::grant::{GrantKey, Lasts};
use portcullis_mediation::{
    ApprovalKey, Fact, Fingerprint, Limits, Output, Question, SealKey, Session, Settings, Ticket,
    tier_of,
};
use portcullis_policy::{Answer, Ask, Base, Policies, Principal, Rules, ServerName, Tier};
use portcullis_store::{ApprovalStore as _, Approvals, Choice, GrantStore as _, Verdict};
use portcullis_wire::{Json, Message, Outcome, Peer, Response};
use serde_json::{Value, json};

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A person was asked, and it ran.
    Person,
    /// It ran.
    Nobody,
    /// It was denied before anybody could be asked: its arguments were made up badly.
    Denied,
}

/// A session and everything around it.
pub(crate) struct Conversation {
    session: Session,
    store: Approvals,
    _state: tempfile::TempDir,
    tools: Vec<Value>,
    /// The names that the host was shown.
    listed: BTreeSet<String>,
    tiers: Vec<(String, Tier)>,
    grants: bool,
    now: Instant,
    wall: Timestamp,
    asked: usize,
    ran: usize,
    next: u64,
}

impl Conversation {
    pub(crate) fn begin(
        tools: &[Value],
        mode: Ask,
        local: bool,
        grants: bool,
    ) -> Result<Self, String> {
        let state = tempfile::Builder::new().prefix("portcullis-replay").tempdir();
        let state = state.map_err(|error| format!("no directory to work in: {error}"))?;
        let store = Approvals::open(state.path()).map_err(|error| error.to_string())?;
        let mut this = Self {
            session: Session::new(settings(mode, local)?),
            store,
            _state: state,
            tools: tools.to_vec(),
            listed: BTreeSet::new(),
            tiers: Vec::new(),
            grants,
            now: Instant::now(),
            wall: Timestamp(1_795_478_400_000_000),
            asked: 0,
            ran: 0,
            next: 0,
        };
        let peer = json!({"name": "replay", "version": "1"});
        let hello =
            json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": peer});
        this.client("initialize", &hello)?;
        this.says(Peer::Client, &json!({"method": "notifications/initialized"}))?;
        this.client("tools/list", &json!({}))?;
        let tier = |tool: &Value| {
            let name = tool["name"].as_str().filter(|name| this.listed.contains(*name))?;
            Some((name.to_owned(), tier_of(&Json::from_value(tool))?))
        };
        this.tiers = this.tools.iter().filter_map(tier).collect();
        Ok(this)
    }

    pub(crate) fn tiers(&self) -> &[(String, Tier)] {
        &self.tiers
    }

    pub(crate) fn tier(&self, tool: &str) -> Tier {
        let known = self.tiers.iter().find(|(name, _)| name == tool);
        known.map_or(Tier::Unknown, |(_, tier)| *tier)
    }

    /// Makes a call.
    pub(crate) fn call(&mut self, tool: &str, arguments: &Value) -> Result<Asked, String> {
        // A person's pace, so that no limit speaks.
        let pause = Duration::from_secs(5);
        self.now += pause;
        self.wall = self.wall.after(pause);
        let (asked, ran) = (self.asked, self.ran);
        self.client("tools/call", &json!({"name": tool, "arguments": arguments}))?;
        Ok(match (self.asked > asked, self.ran > ran) {
            (true, true) => Asked::Person,
            (false, true) => Asked::Nobody,
            (false, false) => Asked::Denied,
            (true, false) => return Err(format!("`{tool}` did not run after a yes: {arguments}")),
        })
    }

    /// The server defines a tool anew, and the host looks.
    pub(crate) fn redefine(&mut self, tool: &str) -> Result<(), String> {
        for defined in self.tools.iter_mut().filter(|defined| defined["name"] == tool) {
            defined["description"] = "Does what it did, and more.".into();
        }
        self.says(Peer::Server, &json!({"method": "notifications/tools/list_changed"}))?;
        self.client("tools/list", &json!({}))
    }

    fn client(&mut self, method: &str, params: &Value) -> Result<(), String> {
        self.next += 1;
        self.says(Peer::Client, &json!({"id": self.next, "method": method, "params": params}))
    }

    fn says(&mut self, peer: Peer, message: &Value) -> Result<(), String> {
        let message = parsed(message)?;
        self.session.receive(peer, message, self.now);
        self.perform()
    }

    fn perform(&mut self) -> Result<(), String> {
        while let Some(output) = self.session.poll_output() {
            match output {
                Output::Forward(Peer::Server, message) | Output::Reply(Peer::Server, message) => {
                    if let Message::Request(request) = message.get() {
                        let method = request.method.clone();
                        let id = request.id.to_json().value();
                        self.serve(&id, &method)?;
                    }
                }
                Output::Forward(Peer::Client, message) => self.told(message.get()),
                Output::Consult(ticket, key) => self.consult(ticket, &key)?,
                Output::Ask(ticket, question) => self.ask(ticket, &question)?,
                Output::Close(closing) => return Err(closing.to_string()),
                _ => {}
            }
        }
        Ok(())
    }

    /// The host sees a list.
    fn told(&mut self, message: &Message) {
        let Message::Response(Response { outcome: Outcome::Result(result), .. }) = message else {
            return;
        };
        let listed = result.value();
        let tools = listed["tools"].as_array().into_iter().flatten();
        self.listed.extend(tools.filter_map(|tool| tool["name"].as_str().map(str::to_owned)));
    }

    fn serve(&mut self, id: &Value, method: &str) -> Result<(), String> {
        let peer = json!({"name": "server", "version": "1"});
        let result = match method {
            "initialize" => json!({"protocolVersion": "2025-11-25", "serverInfo": peer,
                "capabilities": {"tools": {"listChanged": true}}}),
            "tools/list" => json!({"tools": self.tools}),
            _ => {
                self.ran += 1;
                json!({"content": [], "isError": true})
            }
        };
        let message = parsed(&json!({"id": id, "result": result}))?;
        self.session.receive(Peer::Server, message, self.now);
        Ok(())
    }

    fn consult(&mut self, ticket: Ticket, key: &ApprovalKey) -> Result<(), String> {
        let (session, project) = self.session.binds();
        let found = self.store.remembered(&GrantKey::from(key), session, project, self.wall);
        let remembered = found.map_err(|error| error.to_string())?;
        let fact = self.store.consult(key, self.wall).map_err(|error| error.to_string())?;
        if fact != Fact::Unknown {
            return Err(format!("a call was asked about before: {fact:?}"));
        }
        self.session.advise_with(ticket, fact, &remembered, self.now);
        Ok(())
    }

    /// The person says yes, and where that is offered to the narrowest cover that is more
    /// than this call again.
    fn ask(&mut self, ticket: Ticket, question: &Question) -> Result<(), String> {
        self.asked += 1;
        let failed = |error: portcullis_store::StoreError| error.to_string();
        self.store.ask(question, self.wall).map_err(failed)?;
        let covers = &question.standing.covers;
        let useful = covers.iter().position(|cover| cover.width() > Width::Exact);
        let cover = useful.unwrap_or(0) + 1;
        let answered = if self.grants && !covers.is_empty() {
            let choice = Choice { cover, lasts: Lasts::Session };
            self.store
                .give(&question.approval, choice, "replay", self.wall)
                .map_err(failed)?
                .is_ok()
        } else {
            let yes = Verdict::Approve;
            self.store.decide(&question.approval, yes, "replay", self.wall).map_err(failed)?.is_ok()
        };
        let taken =
            self.store.take(&question.approval, &question.key, self.wall).map_err(failed)?;
        if !answered || taken != portcullis_store::Taken::Approved {
            return Err(format!("the answer was not taken: {taken:?}"));
        }
        self.session.answer(ticket, Answer::Approve, self.now);
        Ok(())
    }
}

fn parsed(message: &Value) -> Result<Message, String> {
    let mut message = message.clone();
    message["jsonrpc"] = "2.0".into();
    let limits = portcullis_wire::Limits::default();
    portcullis_wire::parse(message.to_string().as_bytes(), &limits)
        .map_err(|malformed| malformed.to_string())
}

fn settings(mode: Ask, local: bool) -> Result<Settings, String> {
    let server = ServerName::new("replay").map_err(|error| error.to_string())?;
    let principal = Principal::user(1000);
    let rules = Rules { mode, ..Rules::default() };
    let policies = Policies::new(&principal, &server, &rules, Base::Allow, &[]);
    let mut roots = Roots::new();
    if local {
        let root = Root::new("/home/ada/project").map_err(|error| error.to_string())?;
        roots.add(root, Access::Write);
    }
    let cwd = if local { "/home/ada/project" } else { "/sandbox/home" };
    Ok(Settings {
        server,
        principal,
        session: "session".to_owned(),
        project: "project".to_owned(),
        rules: policies.map_err(|_| "the usual lists do not compile")?,
        resources: UriLists::default(),
        extensions: portcullis_policy::Extensions::new(),
        policy: Fingerprint::of(b"replay"),
        roots,
        askable: Default::default(),
        cwd: Some(cwd.to_owned()),
        flow: portcullis_policy::Flow::default(),
        open_world: !local,
        inspect: portcullis_policy::Inspect::default(),
        may_ask: Default::default(),
        trusted_hosts: Default::default(),
        // Everybody is asked, so that every question counts.
        limits: Limits { questions_per_hour: u32::MAX, ..Limits::default() },
        patience: Duration::from_secs(120),
        hold: Duration::from_secs(45),
        pinning: portcullis_mediation::pin::Pinning {
            mode: portcullis_mediation::pin::Mode::Note,
            ..Default::default()
        },
        observe: false,
        firm: None,
        without: Default::default(),
        dice: 7,
        tally: None,
        seal: SealKey::new([7; 32]),
        redactor: Redactor::new([7; 32]),
    })
}
