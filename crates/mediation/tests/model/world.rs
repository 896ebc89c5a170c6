//! One session, and everything around it that may go wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use portcullis_journal::{Event, Record};
use portcullis_mediation::{ApprovalId, ApprovalKey, Fact, Output, Session, Ticket};
use portcullis_policy::{Answer, Effect, Obligation};
use portcullis_wire::{Id, Message, Peer};
use serde_json::{Value, json};

use crate::settings::{listing, settings};
use crate::store::{Row, State, Store, Taken};

/// Something that may happen next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Action {
    /// The client calls what nobody asks about.
    Read,
    /// The client calls what must be asked.
    Delete,
    /// The same call, under another id.
    DeleteAgain,
    /// Another file.
    DeleteOther,
    /// The client calls what the operator wants asked, in one directory.
    Edit,
    /// Another file of that directory.
    EditNear,
    /// A file elsewhere.
    EditFar,
    /// The person answers the oldest question for its directory, until the session ends.
    Grant,
    /// The person takes the last grant back.
    Revoke,
    /// Somebody writes into the store that everything may be deleted.
    Forge,
    /// The client takes a call back.
    CancelRead,
    /// The client takes a call back.
    CancelDelete,
    /// The person answers the oldest question.
    Yes,
    /// The person answers the oldest question.
    No,
    /// The gateway looks whether somebody answered.
    Look,
    /// Time passes until something ends.
    Tick,
    /// The server answers the oldest request.
    Answer,
    /// The server answers the last request a second time.
    AnswerAgain,
    /// The server answers what was never asked.
    Lie,
    /// The server defines its tools anew, and the client looks.
    Redefine,
    /// The server says that its list changed.
    Doubt,
    /// The next record cannot be written.
    JournalFails,
    /// The record after the next cannot be written.
    JournalFailsSoon,
    /// The store can be neither read nor written.
    StoreFails,
    /// The store can be read, and no question fits in.
    StoreFills,
    /// The server asks for the model.
    Model,
    /// The host's model answers.
    Complete,
    /// The server takes its request back.
    CancelModel,
    /// The server dies.
    Die,
    /// The client closes its end.
    Leave,
}

/// A request of the client.
#[derive(Debug, Default)]
struct Asked {
    cancelled: bool,
    answers: usize,
}

/// A call that waits in the store.
#[derive(Debug)]
struct Waiting {
    key: ApprovalKey,
    approval: ApprovalId,
    joined: bool,
}

/// The session, and what was seen of it.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) session: Session,
    pub(crate) now: Instant,
    path: Vec<Action>,
    pub(crate) store: Store,
    waiting: BTreeMap<Ticket, Waiting>,
    asked: BTreeMap<Id, Asked>,
    /// At the server, not answered; and whether it is a listing.
    owed: Vec<(Id, bool)>,
    answered: Vec<Id>,
    /// How many records can still be written; none when there is no end to it.
    journal: Option<usize>,
    journal_failed: bool,
    store_fails: bool,
    store_full: bool,
    last: Option<Box<Record>>,
    /// What a person said yes to, and how often it was used.
    pub(crate) yes: BTreeSet<String>,
    used: BTreeSet<String>,
    /// Which definition of the tool each question was about, and which holds now;
    /// none while the server says that something changed.
    pub(crate) asked_about: BTreeMap<String, usize>,
    pub(crate) definition: Option<usize>,
    closings: usize,
    /// The server's own request: how often it was answered, and that it was taken back.
    model: Asked,
    /// At the host, not answered.
    at_host: Vec<Id>,
}

impl World {
    /// The world at the end of a path; every step is checked on the way.
    pub(crate) fn after(epoch: Instant, path: &[Action]) -> Self {
        let mut world = Self {
            session: Session::new(settings()),
            now: epoch,
            path: Vec::new(),
            store: Store::default(),
            waiting: BTreeMap::new(),
            asked: BTreeMap::new(),
            owed: Vec::new(),
            answered: Vec::new(),
            journal: None,
            journal_failed: false,
            store_fails: false,
            store_full: false,
            last: None,
            yes: BTreeSet::new(),
            used: BTreeSet::new(),
            asked_about: BTreeMap::new(),
            definition: Some(0),
            closings: 0,
            model: Asked::default(),
            at_host: Vec::new(),
        };
        world.open();
        for action in path {
            world.path.push(*action);
            world.step(*action);
        }
        world
    }

    /// The handshake and the listing.
    fn open(&mut self) {
        let peer = json!({"name": "p", "version": "1"});
        let version = "2025-11-25";
        let params = json!({"protocolVersion": version, "capabilities": {"sampling": {}}, "clientInfo": peer});
        self.client(json!({"id": "open", "method": "initialize", "params": params}));
        let tools = json!({"tools": {"listChanged": true}});
        self.answer(json!({"protocolVersion": version, "capabilities": tools, "serverInfo": peer}));
        self.client(json!({"method": "notifications/initialized"}));
        self.client(json!({"id": "list", "method": "tools/list"}));
        self.answer(listing("as it was"));
        self.answered.clear();
        self.asked.clear();
    }

    /// What a state is, as far as it decides what happens next.
    pub(crate) fn fingerprint(&self) -> String {
        let Self { session, now, store, waiting, asked, owed, answered, .. } = self;
        let Self { journal, journal_failed, store_fails, store_full, .. } = self;
        let Self { yes, used, definition, model, at_host, .. } = self;
        format!(
            "{session:?} {now:?} {store:?} {waiting:?} {asked:?} {owed:?} {answered:?} \
             {journal:?} {journal_failed} {store_fails} {store_full} {yes:?} {used:?} {definition:?} \
             {model:?} {at_host:?}"
        )
    }

    pub(crate) fn is_over(&self) -> bool {
        self.session.is_closed()
    }

    /// Whether the action would be anything at all.
    pub(crate) fn can(&self, action: Action) -> bool {
        let open = |id: &str| self.asked.get(&Id::from(id)).is_some_and(|asked| !asked.cancelled);
        let pending = || self.store.0.iter().any(|row| row.state == State::Pending);
        match action {
            Action::CancelRead => open("read"),
            Action::CancelDelete => open("delete"),
            Action::Yes | Action::No | Action::Grant => pending(),
            Action::Revoke => self.store.1.iter().any(|kept| !kept.revoked),
            Action::Look => !self.waiting.is_empty(),
            Action::Tick => self.session.poll_timeout().is_some(),
            Action::Answer => !self.owed.is_empty(),
            Action::AnswerAgain => !self.answered.is_empty(),
            Action::Complete => !self.at_host.is_empty(),
            Action::CancelModel => self.path.contains(&Action::Model) && !self.model.cancelled,
            _ => true,
        }
    }

    fn step(&mut self, action: Action) {
        match action {
            Action::Read => self.call("read", "read_file", "a"),
            Action::Delete => self.call("delete", "delete_file", "a"),
            Action::DeleteAgain => self.call("delete again", "delete_file", "a"),
            Action::DeleteOther => self.call("delete other", "delete_file", "b"),
            Action::Edit => self.call("edit", "edit_file", "/p/src/a"),
            Action::EditNear => self.call("edit near", "edit_file", "/p/src/b"),
            Action::EditFar => self.call("edit far", "edit_file", "/p/src-far/c"),
            Action::Grant => self.grant(),
            Action::Revoke => {
                let revoked = self.store.revoke();
                self.check(revoked, "nothing stands");
            }
            Action::Forge => self.forge(),
            Action::CancelRead => self.cancel("read"),
            Action::CancelDelete => self.cancel("delete"),
            Action::Yes => self.decide(Answer::Approve),
            Action::No => self.decide(Answer::Reject),
            Action::Look => self.look(),
            Action::Tick => self.tick(),
            Action::Answer => {
                let lists = self.owed.first().is_some_and(|(_, lists)| *lists);
                self.definition = if lists { Some(0) } else { self.definition };
                let called = || json!({"content": []});
                self.answer(if lists { listing("as it was") } else { called() });
            }
            Action::Doubt => self.doubt(),
            Action::AnswerAgain => {
                let id = self.answered.last().cloned();
                self.server_says(id.as_ref(), &json!({"content": []}));
            }
            Action::Lie => {
                self.server_says(Some(&Id::from(4711)), &json!({"content": []}));
                self.server_says(Some(&Id::from("3")), &json!({"content": []}));
            }
            Action::Redefine => self.redefine(),
            Action::JournalFails => self.journal = Some(0),
            Action::JournalFailsSoon => self.journal = Some(1),
            Action::StoreFails => self.store_fails = true,
            Action::StoreFills => self.store_full = true,
            Action::Model => {
                let params = json!({"messages": [], "maxTokens": 5});
                let method = "sampling/createMessage";
                self.says(Peer::Server, json!({"id": "m", "method": method, "params": params}));
            }
            Action::Complete => {
                let id = self.at_host.remove(0).to_json().value();
                let content = json!({"type": "text", "text": "x"});
                let result = json!({"role": "assistant", "content": content, "model": "m"});
                self.client(json!({"id": id, "result": result}));
            }
            Action::CancelModel => {
                self.model.cancelled = self.model.answers == 0;
                let params = json!({"requestId": "m"});
                let method = "notifications/cancelled";
                self.says(Peer::Server, json!({"method": method, "params": params}));
            }
            Action::Die => self.session.closed(Peer::Server, self.now),
            Action::Leave => self.session.closed(Peer::Client, self.now),
        }
        self.perform();
        for (id, asked) in &self.asked {
            self.check(asked.answers <= 1, &format!("{id} was answered more than once"));
        }
        self.check(self.model.answers <= 1, "the server was answered more than once");
        if self.is_over() {
            self.check_the_end();
        }
    }

    fn call(&mut self, id: &str, tool: &str, path: &str) {
        self.asked.insert(Id::from(id), Asked::default());
        let params = json!({"name": tool, "arguments": {"path": path}});
        self.client(json!({"id": id, "method": "tools/call", "params": params}));
    }

    fn cancel(&mut self, id: &str) {
        if let Some(asked) = self.asked.get_mut(&Id::from(id)) {
            asked.cancelled = asked.answers == 0;
        }
        self.client(json!({"method": "notifications/cancelled", "params": {"requestId": id}}));
    }

    fn client(&mut self, message: Value) {
        self.says(Peer::Client, message);
    }

    fn doubt(&mut self) {
        self.definition = None;
        self.says(Peer::Server, json!({"method": "notifications/tools/list_changed"}));
    }

    fn redefine(&mut self) {
        self.doubt();
        self.asked.insert(Id::from("relist"), Asked::default());
        self.client(json!({"id": "relist", "method": "tools/list"}));
        if let Some((id, _)) = self.owed.pop() {
            self.definition = Some(1);
            self.server_says(Some(&id), &listing("as it is now"));
        }
    }

    fn answer(&mut self, result: Value) {
        if !self.owed.is_empty() {
            let (id, _) = self.owed.remove(0);
            self.answered.push(id.clone());
            self.server_says(Some(&id), &result);
        }
    }

    fn server_says(&mut self, id: Option<&Id>, result: &Value) {
        let id = id.map(|id| id.to_json().value());
        self.says(Peer::Server, json!({"id": id, "result": result}));
    }

    fn says(&mut self, peer: Peer, mut message: Value) {
        if let Some(members) = message.as_object_mut() {
            members.insert("jsonrpc".to_owned(), "2.0".into());
        }
        let parsed = portcullis_wire::parse(message.to_string().as_bytes(), &Default::default());
        match parsed {
            Ok(message) => self.session.receive(peer, message, self.now),
            Err(malformed) => self.check(false, &malformed.to_string()),
        }
        self.perform();
    }

    fn decide(&mut self, answer: Answer) {
        let Some(question) = self.store.oldest(self.now) else { return };
        let id = question.approval.clone();
        if answer == Answer::Approve {
            self.yes.insert(id.to_string());
        }
        self.store.decide(&id, answer, self.now);
    }

    fn look(&mut self) {
        for (ticket, waiting) in std::mem::take(&mut self.waiting) {
            if !self.session.is_waiting(ticket) {
                continue;
            }
            if self.store_fails {
                self.session.advise(ticket, Fact::Unavailable, self.now);
                self.perform();
                continue;
            }
            match self.store.take(&waiting.approval, &waiting.key, self.now) {
                Taken::Pending => {
                    let grants = self.store.remembered(self.session.binds(), self.now).grants;
                    if !self.session.stand(ticket, &grants, self.now) {
                        self.waiting.insert(ticket, waiting);
                    }
                }
                Taken::Edited(edited) => self.session.answer_edited(ticket, &edited, self.now),
                Taken::Approved => self.session.answer(ticket, Answer::Approve, self.now),
                Taken::Gone if waiting.joined => {
                    self.session.advise(ticket, Fact::Unknown, self.now);
                }
                Taken::Denied => self.session.answer(ticket, Answer::Reject, self.now),
                Taken::Gone => self.session.advise(ticket, Fact::Lapsed, self.now),
            }
            self.perform();
        }
    }

    fn tick(&mut self) {
        if let Some(next) = self.session.poll_timeout() {
            self.now = self.now.max(next);
            self.session.handle_timeout(self.now);
            let again = self.session.poll_timeout();
            self.check(again.is_none_or(|again| again > self.now), "the clock stands still");
        }
    }

    /// Does what the session says, and looks at the order.
    fn perform(&mut self) {
        while let Some(output) = self.session.poll_output() {
            let before = self.last.take();
            match output {
                Output::Record(record) => self.record(record),
                Output::Forward(to, message) => self.forwarded(to, message.get(), before),
                Output::Reply(Peer::Client, message) => self.told(message.get()),
                Output::Together(..) => self.check(false, "nobody sent a batch"),
                Output::Consult(ticket, key) => self.consult(ticket, *key),
                Output::Ask(ticket, _) if self.store_full => {
                    self.session.advise(ticket, Fact::Unavailable, self.now);
                }
                Output::Ask(ticket, question) => {
                    let (key, approval) = (question.key.clone(), question.approval.clone());
                    let definition = self.definition.unwrap_or(usize::MAX);
                    self.asked_about.insert(approval.to_string(), definition);
                    self.waiting.insert(ticket, Waiting { key, approval, joined: false });
                    self.store.ask(*question, self.now);
                }
                Output::Sighted(_) | Output::Decided(..) | Output::Unanswered(_) => {}
                Output::Withdraw(approval) => {
                    if self.store.withdraw(&approval) {
                        self.session.lapsed(&approval);
                    }
                }
                Output::Close(_) => self.closings += 1,
                Output::Reply(Peer::Server, message) => self.server_told(message.get()),
                Output::Log(_)
                | Output::Roots(_)
                | Output::Look(_)
                | Output::Admit(_)
                | Output::Accept(_) => {}
            }
        }
    }

    fn record(&mut self, record: Box<Record>) {
        if self.journal == Some(0) {
            self.journal_failed = true;
            return self.session.journal_failed();
        }
        self.said_no(&record);
        self.journal = self.journal.map(|left| left - 1);
        self.last = Some(record);
    }

    /// What is recorded as a person's no is one.
    fn said_no(&self, record: &Record) {
        let mut reasons = record.decision.because.iter();
        if reasons.any(|because| because.why.starts_with("a person said no")) {
            let named =
                |row: &&Row| Some(row.question.approval.as_str()) == record.approval.as_deref();
            let row = self.store.0.iter().find(named);
            self.check(row.is_some_and(|row| row.state == State::Denied), "nobody said no");
        }
    }

    fn consult(&mut self, ticket: Ticket, key: ApprovalKey) {
        if self.store_fails {
            return self.session.advise(ticket, Fact::Unavailable, self.now);
        }
        let fact = self.store.consult(&key, self.now);
        if let Fact::Pending(approval, _) = &fact {
            let waiting = Waiting { key, approval: approval.clone(), joined: true };
            self.waiting.insert(ticket, waiting);
        }
        let remembered = self.store.remembered(self.session.binds(), self.now);
        self.session.advise_with(ticket, fact, &remembered, self.now);
    }

    /// Invariants 4, 6, 11 and 12, at the only place where anything leaves.
    fn forwarded(&mut self, to: Peer, message: &Message, before: Option<Box<Record>>) {
        self.check(!self.journal_failed, "forwarded after the journal failed");
        let Some(record) = before else {
            return self.check(false, "forwarded without a record directly before it");
        };
        self.check(record.decision.effect != Effect::Deny, "forwarded what was denied");
        match (to, message) {
            (Peer::Client, Message::Request(request)) => {
                let shown = request.params.as_ref().map(portcullis_wire::Json::value);
                self.approved_as_shown(&record, shown);
                self.at_host.push(request.id.clone());
            }
            (Peer::Client, message) => self.told(message),
            (Peer::Server, Message::Response(response)) => {
                if let portcullis_wire::Outcome::Result(result) = &response.outcome {
                    self.approved_as_shown(&record, Some(result.value()));
                }
                self.server_told(message);
            }
            (Peer::Server, Message::Request(request)) => {
                self.check(record.event == Event::Intent, "a request without its intent");
                self.check(record.method.as_ref() == Some(&request.method), "another's record");
                let known = self.owed.iter().any(|(id, _)| *id == request.id);
                self.check(!known && !self.answered.contains(&request.id), "an id used before");
                self.owed.push((request.id.clone(), request.method == "tools/list"));
                match (record.tool.as_deref(), &record.grant) {
                    (Some("edit_file"), Some(_)) => self.granted(&record, request),
                    (Some("delete_file" | "edit_file"), None) => self.approved(&record, request),
                    (_, grant) => self.check(grant.is_none(), "a grant for what is not asked"),
                }
            }
            (Peer::Server, _) => {}
        }
    }

    /// What was asked leaves only behind a yes to exactly this, once.
    fn approved(&mut self, record: &Record, request: &portcullis_wire::Request) {
        let owed = record.decision.obligations.contains(&Obligation::Approved);
        self.check(owed && record.decision.effect == Effect::Ask, "a yes that is not recorded");
        let id = record.approval.clone().unwrap_or_default();
        self.check(self.yes.contains(&id), "a call that nobody said yes to");
        let fresh = self.used.insert(id.clone());
        self.check(fresh, "a yes that was used before");
        let about = self.asked_about.get(&id).copied();
        self.check(about == self.definition, "a yes to another definition");
        let row = self.store.0.iter().find(|row| row.question.approval.as_str() == id);
        let arguments =
            request.params.as_ref().map(|params| params.value()["arguments"].to_string());
        let shown = row.map(|row| row.question.arguments.clone());
        self.check(shown == arguments, "a yes to other arguments");
        self.check(row.is_some_and(|row| row.state == State::Ended), "a yes that stays open");
    }

    /// What a server asked, or the model answered, leaves only behind a yes to exactly this.
    fn approved_as_shown(&mut self, record: &Record, leaves: Option<Value>) {
        let owed = record.decision.obligations.contains(&Obligation::Approved);
        self.check(owed && record.decision.effect == Effect::Ask, "a yes that is not recorded");
        let id = record.approval.clone().unwrap_or_default();
        self.check(self.yes.contains(&id), "something that nobody said yes to");
        let fresh = self.used.insert(id.clone());
        self.check(fresh, "a yes that was used before");
        let row = self.store.0.iter().find(|row| row.question.approval.as_str() == id);
        let shown = row.and_then(|row| serde_json::from_str(&row.question.arguments).ok());
        self.check(shown == leaves, "something else than what was shown");
        self.check(row.is_some_and(|row| row.state == State::Ended), "a yes that stays open");
    }

    /// The server got an answer: to what it asked, and still waits for.
    fn server_told(&mut self, message: &Message) {
        if let Message::Response(_) = message {
            self.model.answers += 1;
            let late = self.model.cancelled;
            self.check(!late, "answered after the server took it back");
        }
    }

    /// The client got an answer: one that it waits for.
    fn told(&mut self, message: &Message) {
        let Message::Response(response) = message else { return };
        let known = response.id.as_ref().and_then(|id| self.asked.get_mut(id));
        if let Some(asked) = known {
            asked.answers += 1;
            let late = asked.cancelled;
            self.check(!late, "answered after it was taken back");
        }
    }

    /// Nobody waits once the session is over.
    fn check_the_end(&mut self) {
        self.check(self.session.is_idle(), "over, but not idle");
        self.check(self.session.poll_timeout().is_none(), "over, but waits for a moment");
        self.check(self.closings == 1, "over, and not said so exactly once");
        let asks = self.store.oldest(self.now).is_some();
        self.check(!asks, "over, and a person is still asked");
        let asked = std::mem::take(&mut self.asked);
        for (id, asked) in &asked {
            self.check(asked.answers == usize::from(!asked.cancelled), &format!("{id}: {asked:?}"));
        }
        self.asked = asked;
    }

    /// Whatever happened: when the client leaves, everybody is answered, and
    /// nothing that comes later does anything.
    pub(crate) fn ends_well(mut self) {
        if !self.is_over() {
            self.path.push(Action::Leave);
            self.step(Action::Leave);
        }
        self.check(self.is_over(), "the client left and the session goes on");
        self.journal = None;
        for action in [Action::Yes, Action::Look, Action::Answer, Action::Lie, Action::Read] {
            let before = self.owed.len();
            match action {
                Action::Read => self.client(json!({"id": "late", "method": "ping"})),
                action => self.step(action),
            }
            self.check(self.owed.len() <= before, "something left after the end");
        }
    }

    #[track_caller]
    pub(crate) fn check(&self, holds: bool, what: &str) {
        assert!(holds, "{what}, after {:?}", self.path);
    }
}
