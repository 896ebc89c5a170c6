//! The world around one session: two peers, a journal, a person and a clock.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use portcullis_casebook::{
    Answer, Case, Journal, Ledger, Mailbox, Sent, Setup, Side, Unmet, What, question,
};
use portcullis_guard::path::Roots;
use portcullis_mediation::grant::Lasts;
use portcullis_mediation::{
    ApprovalId, ApprovalKey, Fact, Newcomer, Output, Session, Shown, Ticket,
};
use portcullis_policy::Permitted;
use portcullis_wire::{Frame, Framer, Malformed, MalformedKind, Message, Peer};

use crate::operator;
use crate::shelf::Shelf;
use crate::store::{Store, Taken};

/// How long the gateway waits for answers after the host closed its end.
const DRAIN: Duration = Duration::from_secs(5);

/// What there is below every directory in which a person is asked about what a host offers.
const THERE: &[&str] = portcullis_casebook::setup::THERE;

/// Where a case fails, and why.
#[derive(Debug)]
pub(crate) struct Failed {
    /// The line in the page; zero when it is the whole case.
    pub(crate) line: usize,
    /// The step as written.
    pub(crate) text: String,
    /// What is wrong.
    pub(crate) why: String,
}

/// Everything around one session.
#[derive(Debug)]
pub(crate) struct World {
    session: Session,
    now: Instant,
    limits: portcullis_wire::Limits,
    client: Mailbox,
    server: Mailbox,
    from_client: Framer,
    from_server: Framer,
    ledger: Ledger,
    store: Store,
    shelf: Shelf,
    waiting: BTreeMap<Ticket, Waiting>,
    /// What was granted, and let in since.
    ceiling: Roots,
    /// Where a person is asked about more.
    askable: Roots,
    journal_fails: bool,
    /// The last thing done was writing a record.
    recorded: bool,
    draining: Option<Instant>,
    over: bool,
}

/// A call that waits for the store.
#[derive(Debug)]
struct Waiting {
    key: ApprovalKey,
    approval: Option<ApprovalId>,
    joined: bool,
}

impl World {
    /// Plays a case to its end, and looks whether everybody was answered.
    pub(crate) fn play(case: &Case) -> Result<(), Failed> {
        let whole = |why: String| Failed { line: 0, text: case.title.clone(), why };
        let setup = Setup::of(case).map_err(|bad| whole(bad.to_string()))?;
        let mut world = Self::new(&setup).map_err(whole)?;
        let opening = setup.opening();
        let failed = |step: &portcullis_casebook::Step, why: String| Failed {
            line: step.line,
            text: step.text.clone(),
            why,
        };
        for step in &opening {
            world
                .step(&step.what)
                .map_err(|why| failed(step, format!("{:?}: {why}", step.what)))?;
        }
        world.client.turn_page();
        world.server.turn_page();
        world.ledger.turn_page();
        for step in &case.steps {
            world.step(&step.what).map_err(|why| failed(step, why))?;
        }
        world.finish().map_err(|why| whole(format!("at the end: {why}")))
    }

    fn new(setup: &Setup) -> Result<Self, String> {
        let (settings, limits) = operator::settings(setup)?;
        #[expect(clippy::disallowed_methods, reason = "an arbitrary epoch for a clock of ours")]
        let now = Instant::now();
        let shelf = Shelf::of(settings.pinning.pins.clone());
        let (ceiling, askable) = (settings.roots.clone(), settings.askable.clone());
        Ok(Self {
            session: Session::new(settings),
            ceiling,
            askable,
            now,
            limits,
            client: Mailbox::new(Side::Client, setup.meta()),
            server: Mailbox::new(Side::Server, serde_json::Map::new()),
            from_client: Framer::new(limits.message_bytes),
            from_server: Framer::new(limits.message_bytes),
            ledger: Ledger::default(),
            store: Store::default(),
            shelf,
            waiting: BTreeMap::new(),
            journal_fails: false,
            recorded: false,
            draining: None,
            over: false,
        })
    }

    fn step(&mut self, what: &What) -> Result<(), String> {
        let unmet = |unmet: Unmet| unmet.to_string();
        match what {
            What::Sends(side, sent) => self.says(*side, sent),
            What::Receives(side, received) => self.mailbox(*side).expect(received).map_err(unmet),
            What::Asked(part) => self.asked(part.as_deref()),
            What::Answers(answer) => self.answers(*answer),
            What::Edits(content) => self.edits(content),
            What::Grants { lasts, cover } => self.grants(lasts, *cover),
            What::Revokes if self.store.revoke() => self.settle(),
            What::Revokes => Err("there is no grant".to_owned()),
            What::Accepts(name) => self.accepts(name.as_deref()),
            What::Wait(time) => self.wait(*time),
            What::Journal(Journal::Fails) => {
                self.journal_fails = true;
                Ok(())
            }
            What::Journal(line) => self.ledger.expect(line).map_err(unmet),
        }
    }

    fn mailbox(&mut self, side: Side) -> &mut Mailbox {
        match side {
            Side::Client => &mut self.client,
            Side::Server => &mut self.server,
        }
    }

    fn says(&mut self, side: Side, sent: &Sent) -> Result<(), String> {
        if self.over {
            return Err("the conversation is over".to_owned());
        }
        let Some(bytes) = self.mailbox(side).say(sent).map_err(|unmet| unmet.to_string())? else {
            match side {
                Side::Client => self.draining = Some(self.now),
                Side::Server => self.session.closed(Peer::Server, self.now),
            }
            return self.settle();
        };
        let (framer, peer) = match side {
            Side::Client => (&mut self.from_client, Peer::Client),
            Side::Server => (&mut self.from_server, Peer::Server),
        };
        framer.push(&bytes);
        for frame in framer.by_ref().collect::<Vec<_>>() {
            self.line(peer, frame);
            self.settle()?;
        }
        Ok(())
    }

    fn line(&mut self, peer: Peer, frame: Frame) {
        let parsed = match &frame {
            Frame::Line(line) => portcullis_wire::parse(line, &self.limits),
            Frame::TooLong { .. } => Err(Malformed { kind: MalformedKind::TooLong, id: None }),
        };
        match (parsed, frame) {
            (Ok(message), _) => self.session.receive(peer, message, self.now),
            (Err(Malformed { kind: MalformedKind::Batch, .. }), Frame::Line(line)) => {
                self.session.receive_batch(peer, &line, &self.limits, self.now);
            }
            (Err(malformed), _) => self.session.malformed(peer, &malformed, self.now),
        }
    }

    /// Does what the session says and looks for answers, until nothing moves.
    fn settle(&mut self) -> Result<(), String> {
        loop {
            self.perform()?;
            if !self.look_for_answers() {
                break;
            }
        }
        let drained =
            self.draining.is_some_and(|since| self.session.is_idle() || self.now >= since + DRAIN);
        if drained && !self.over {
            self.session.closed(Peer::Client, self.now);
            self.perform()?;
        }
        Ok(())
    }

    fn perform(&mut self) -> Result<(), String> {
        while let Some(output) = self.session.poll_output() {
            let recorded = std::mem::take(&mut self.recorded);
            match output {
                Output::Record(_) if self.journal_fails => self.session.journal_failed(),
                Output::Record(record) => {
                    let record = serde_json::to_value(record).map_err(|error| error.to_string())?;
                    self.ledger.push(record);
                    self.recorded = true;
                }
                Output::Forward(..) if !recorded => {
                    return Err("something was forwarded without a record before it".to_owned());
                }
                Output::Forward(peer, message) | Output::Reply(peer, message) => {
                    self.deliver(peer, message.get())?;
                }
                Output::Together(peer, messages) => self.deliver_batch(peer, &messages)?,
                Output::Consult(ticket, key) => self.consult(ticket, *key),
                Output::Ask(ticket, question) => {
                    let approval = Some(question.approval.clone());
                    let waiting = Waiting { key: question.key.clone(), approval, joined: false };
                    self.waiting.insert(ticket, waiting);
                    let form = format!("may `{}` run? {}", question.key.tool, question.arguments);
                    let quiet = question.standing.quiet;
                    self.store.ask(*question, self.now);
                    if !quiet {
                        let shown = Shown { form: Some(form), place: None };
                        self.session.ask_in_host(ticket, &shown, self.now);
                    }
                }
                Output::Decided(approval, answer, _) => {
                    self.store.decide(&approval, answer, self.now);
                }
                Output::Unanswered(_) => {}
                Output::Withdraw(approval) => {
                    if self.store.withdraw(&approval) {
                        self.session.lapsed(&approval);
                    }
                    self.waiting.retain(|_, waiting| waiting.approval.as_ref() != Some(&approval));
                }
                Output::Look(root) => {
                    let itself = self.askable.iter().any(|(asked, _)| *asked == *root);
                    let named = THERE.iter().any(|name| root.path().ends_with(name));
                    let there = itself || named;
                    let seen = there.then(Vec::new).ok_or_else(|| "it is not there".to_owned());
                    self.session.looked(&root, seen);
                }
                Output::Admit(admission) => {
                    let Newcomer { root, access } = admission.newcomer;
                    self.ceiling.add(root, access);
                    self.session.set_ceiling(self.ceiling.clone(), "let in");
                }
                Output::Accept(acceptance) => {
                    let pins = self.shelf.answered(&acceptance.drift);
                    self.session.repinned(pins);
                }
                Output::Sighted(sighting) => self.shelf.sighted(*sighting),
                Output::Log(_) | Output::Roots(_) => {}
                Output::Close(_) => self.over = true,
            }
        }
        Ok(())
    }

    fn deliver_batch(&mut self, to: Peer, messages: &[Permitted<Message>]) -> Result<(), String> {
        let mut bytes = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "what the transport would write")]
        portcullis_wire::write::encode_batch(messages.iter().map(Permitted::get), &mut bytes);
        self.arrives(to, &bytes)
    }

    /// Through the only encoder, as bytes, and back.
    fn deliver(&mut self, to: Peer, message: &Message) -> Result<(), String> {
        let mut bytes = Vec::new();
        #[expect(clippy::disallowed_methods, reason = "what the transport would write")]
        portcullis_wire::write::encode(message, &mut bytes);
        self.arrives(to, &bytes)
    }

    fn arrives(&mut self, to: Peer, bytes: &[u8]) -> Result<(), String> {
        let value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        let side = if to == Peer::Client { Side::Client } else { Side::Server };
        self.mailbox(side).arrived(value).map_err(|unmet| format!("the {side:?} got {unmet}"))
    }

    fn consult(&mut self, ticket: Ticket, key: ApprovalKey) {
        let fact = self.store.consult(&key, self.now);
        if let Fact::Pending(approval, _) = &fact {
            let approval = Some(approval.clone());
            self.waiting.insert(ticket, Waiting { key, approval, joined: true });
        }
        let remembered = self.store.remembered(self.session.binds(), self.now);
        self.session.advise_with(ticket, fact, &remembered, self.now);
    }

    /// True when something was found.
    fn look_for_answers(&mut self) -> bool {
        let mut found = false;
        for (ticket, waiting) in std::mem::take(&mut self.waiting) {
            let Some(approval) = &waiting.approval else { continue };
            if !self.session.is_waiting(ticket) {
                continue;
            }
            match self.store.take(approval, &waiting.key, self.now) {
                Taken::Pending => {
                    let grants = self.store.remembered(self.session.binds(), self.now).grants;
                    if !self.session.stand(ticket, &grants, self.now) {
                        self.waiting.insert(ticket, waiting);
                        continue;
                    }
                }
                Taken::Approved => {
                    self.session.answer(ticket, portcullis_policy::Answer::Approve, self.now);
                }
                Taken::Edited(edited) => self.session.answer_edited(ticket, &edited, self.now),
                Taken::Gone if waiting.joined => {
                    self.session.advise(ticket, Fact::Unknown, self.now);
                }
                Taken::Denied => {
                    self.session.answer(ticket, portcullis_policy::Answer::Reject, self.now);
                }
                Taken::Gone => self.session.advise(ticket, Fact::Lapsed, self.now),
            }
            found = true;
        }
        found
    }

    fn asked(&mut self, part: Option<&str>) -> Result<(), String> {
        let waits = self.store.oldest(self.now).map(|asked| {
            let (kind, tool) = (asked.key.matter.as_str(), &asked.key.tool);
            question(kind, tool, &asked.arguments, asked.risk.as_str(), &asked.reasons)
        });
        match (waits, part) {
            (None, None) => Ok(()),
            (Some(text), Some(part)) if text.contains(part) => Ok(()),
            (Some(text), _) => Err(format!("the question is: {text}")),
            (None, Some(_)) => Err("no question waits".to_owned()),
        }
    }

    fn answers(&mut self, answer: Answer) -> Result<(), String> {
        let waits = self.store.oldest(self.now).map(|question| question.approval.clone());
        let last = || self.store.0.last().map(|row| row.question.approval.clone());
        let id = waits.or_else(last).ok_or("nobody was ever asked")?;
        let answer = match answer {
            Answer::Approves => portcullis_policy::Answer::Approve,
            Answer::Denies => portcullis_policy::Answer::Reject,
        };
        self.store.decide(&id, answer, self.now);
        self.settle()
    }

    fn edits(&mut self, content: &serde_json::Value) -> Result<(), String> {
        let waits = self.store.oldest(self.now).map(|question| question.approval.clone());
        let id = waits.ok_or("no question waits")?;
        self.store.edit(&id, &content.to_string(), self.now)?;
        self.settle()
    }

    fn grants(&mut self, lasts: &str, cover: usize) -> Result<(), String> {
        let lasts = Lasts::parse(lasts).ok_or("no such time")?;
        let waits = self.store.oldest(self.now).map(|question| question.approval.clone());
        let id = waits.ok_or("no question waits")?;
        if !self.store.give(&id, lasts, cover, self.now) {
            return Err("that is not offered".to_owned());
        }
        self.settle()
    }

    fn accepts(&mut self, name: Option<&str>) -> Result<(), String> {
        let pins = self.shelf.accept(name).ok_or("nothing waits to be accepted")?;
        self.session.repinned(pins);
        self.settle()
    }

    /// Moves the clock from moment to moment.
    fn wait(&mut self, time: Duration) -> Result<(), String> {
        let end = self.now + time;
        loop {
            let drained = self.draining.map(|since| since + DRAIN).filter(|_| !self.over);
            let next = [self.session.poll_timeout(), drained].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now = self.now.max(next);
            self.session.handle_timeout(self.now);
            self.settle()?;
            if self.session.poll_timeout().is_some_and(|again| again <= self.now) {
                return Err("the session wants the same moment again".to_owned());
            }
        }
        self.now = end;
        self.settle()
    }

    /// The host leaves; then everybody must have been answered.
    fn finish(&mut self) -> Result<(), String> {
        self.draining.get_or_insert(self.now);
        self.settle()?;
        self.wait(DRAIN)?;
        if !self.over || !self.session.is_closed() || !self.session.is_idle() {
            return Err("the session did not end".to_owned());
        }
        let unanswered = self.client.unanswered();
        if !unanswered.is_empty() {
            return Err(format!("never answered: {unanswered:?}"));
        }
        if self.store.oldest(self.now).is_some() {
            return Err("a question still waits".to_owned());
        }
        Ok(())
    }
}
