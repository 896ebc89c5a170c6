//! A start that a person is asked about, before anything of the server is installed or run.
//!
//! The question lies in the store like any other, so every view shows it. It is waited for
//! while somebody waits for us: a host that holds our pipe, or a person at a terminal.
//! After that the answer counts at the next start, for the same command and the same files.

use std::io::IsTerminal as _;
use std::os::fd::AsFd as _;
use std::time::Instant;

use portcullis_config as config;
use portcullis_console::{Said, Words};
use portcullis_guard::launch::{Mark, decides, marks, variable};
use portcullis_guard::text::visible;
use portcullis_journal::{Event, Record};
use portcullis_mediation::grant::Standing;
use portcullis_mediation::pin::{Change, Definition, Part};
use portcullis_mediation::{ApprovalId, ApprovalKey, Fact, Fingerprint, Matter, Question};
use portcullis_policy::{Ask, Channel, Principal, Tier};
use portcullis_store::{ApprovalStore as _, Approvals, Journal, Taken, Verdict};
use portcullis_wire::{Json, canonical};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};

use crate::approve::kept;
use crate::dice;
use crate::driver::wall_clock;
use crate::fault::Fault;
use crate::launch::{HOLD, Plan};
use crate::prompt::Prompt;

/// How often the store is looked at, in nanoseconds.
const LOOK: i64 = 150_000_000;

/// Questions of two starts with the same words are one.
const SESSION: &str = "launch";

/// What a person said of a start.
#[derive(Debug)]
pub(crate) enum Word {
    /// This person said yes, to exactly what was shown.
    Yes(String),
    /// A person said no.
    No(ApprovalId),
    /// Nobody said anything yet.
    Nothing(ApprovalId),
    /// Nobody is asked here.
    Unasked,
}

/// What is to be started, as a person is shown it.
pub(crate) struct Launch<'a> {
    /// What the operator decided.
    pub(crate) plan: &'a Plan,
    /// `command` or `program`.
    pub(crate) part: &'a str,
    /// As it is now.
    pub(crate) seen: &'a Definition,
    /// What of it is not as it was approved; nothing when it never was.
    pub(crate) changes: &'a [Change],
    /// Why it is asked.
    pub(crate) why: &'a str,
    /// What is shown with it.
    pub(crate) beside: &'a Beside,
}

/// What a person is shown with a part of a start, so that one yes is for all of it.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// Pinned by the same yes.
    pub(crate) parts: Vec<(Part, Definition)>,
    /// Only shown.
    pub(crate) shown: serde_json::Map<String, Value>,
}

/// Longest question that anybody can be asked to look through, in bytes.
const LARGEST: usize = 256 << 10;

/// A person typed the command, or looks at a terminal.
pub(crate) fn at_terminal() -> bool {
    std::io::stdin().is_terminal()
}

impl Launch<'_> {
    /// Asks, and waits as long as somebody waits for us.
    pub(crate) fn ask(
        &self,
        journal: &mut Journal,
        approvals: &mut Approvals,
    ) -> Result<Word, Fault> {
        if self.plan.server.rules.mode == Ask::Never {
            return Ok(Word::Unasked);
        }
        let question = self.question()?;
        let lost =
            |error| Fault::ours("the question cannot be stored, so nothing is started", error);
        match approvals.consult(&question.key, wall_clock()).map_err(lost)? {
            Fact::Approved(id) => Ok(Word::Yes(decided_by(approvals, &id))),
            Fact::Denied(id) => Ok(Word::No(id)),
            Fact::Pending(id, _) => self.wait(approvals, Question { approval: id, ..question }),
            Fact::Unknown => {
                self.record(journal, Event::Asked, self.why, Some(&question.approval))?;
                approvals.ask(&question, wall_clock()).map_err(lost)?;
                self.wait(approvals, question)
            }
            // Nothing of a start can be edited.
            Fact::Unavailable | Fact::Lapsed | Fact::Edited(..) => {
                Ok(Word::Nothing(question.approval))
            }
        }
    }

    fn question(&self) -> Result<Question, Fault> {
        let [bits, _] = dice::two()?;
        let content = canonical(&Json::from_value(&self.content()));
        // What nobody can be shown whole, nobody is asked about.
        let whole = |seen: &Definition| seen.0.keys().all(|field| seen.value(field).is_some());
        let mut beside = self.beside.parts.iter().map(|(_, seen)| seen);
        let unknown = !whole(self.seen) || !beside.all(whole);
        if unknown || content.len() > LARGEST {
            let why =
                format!("the {} is too long to be shown whole, so nobody is asked", self.part);
            return Err(Fault::operator(why));
        }
        let key = ApprovalKey {
            matter: Matter::Launch,
            principal: Principal::user(rustix::process::getuid().as_raw()),
            server: self.plan.server.name.clone(),
            session: SESSION.to_owned(),
            tool: self.part.to_owned(),
            definition_pin: Fingerprint::of(self.plan.pins.as_bytes()),
            arguments_digest: Fingerprint::of(&content),
            policy: Fingerprint::of(SESSION.as_bytes()),
        };
        Ok(Question {
            approval: ApprovalId::from_entropy(bits),
            key,
            arguments: String::from_utf8_lossy(&content).into_owned(),
            risk: Tier::Exec,
            reasons: self.reasons(),
            patience: self.plan.server.patience,
            standing: Standing::default(),
        })
    }

    /// Everything that decides what would run, and where: whole.
    fn content(&self) -> Value {
        let mut all = json!({
            "started in": std::env::current_dir().map(|dir| dir.display().to_string()).ok(),
        });
        if self.plan.server.remote.is_none() {
            all["command"] = json!(self.plan.server.command);
        }
        if let Some(members) = all.as_object_mut() {
            let beside = self.beside.parts.iter().map(|(_, seen)| seen);
            for seen in beside.chain([self.seen]) {
                let value = |field: &String| Some((field.clone(), seen.value(field)?));
                members.extend(seen.0.keys().filter_map(value));
            }
            members.extend(self.beside.shown.clone());
            let before: serde_json::Map<String, Value> = self
                .changes
                .iter()
                .map(|change| {
                    let text = change.before.as_deref().unwrap_or("\"too long to be shown\"");
                    (
                        change.field.clone(),
                        serde_json::from_str(text).unwrap_or_else(|_| json!(text)),
                    )
                })
                .collect();
            if !before.is_empty() {
                members.insert("as approved".to_owned(), before.into());
            }
        }
        all
    }

    fn reasons(&self) -> Vec<String> {
        let server = &self.plan.server;
        let command = &server.command;
        let mark = |mark: Mark| format!("look at `{}`: it {}", visible(&mark.word), mark.why);
        let loaded = server.env.iter().filter(|variable| decides(variable.name()));
        let loaded = loaded.filter_map(|variable| match variable.source() {
            config::Source::Value(text) => Some(text.expose("to look at the places in it")),
            _ => None,
        });
        let places = loaded.flat_map(|text| text.split([':', '=', ' ', ','])).map(str::to_owned);
        let open = command.iter().cloned().chain(places).filter(|word| anybody_writes(word));
        let open =
            open.map(|word| format!("look at `{}`: anybody may write there", visible(&word)));
        let why = std::iter::once(self.why.to_owned());
        let marks = all_marks(server).into_iter().map(mark);
        let mut reasons: Vec<String> = why.chain(marks).chain(open).collect();
        reasons.dedup();
        reasons
    }

    fn wait(&self, approvals: &mut Approvals, question: Question) -> Result<Word, Fault> {
        let id = question.approval.clone();
        let mut prompt = Prompt::default();
        // No host speaks with us yet: of the channels only the terminal can be there.
        let terminal = self.plan.server.channels.contains(&Channel::Terminal);
        if !(terminal && prompt.show(&question)) {
            let content = &question.arguments;
            let words =
                Words::of(Matter::Launch, self.plan.server.name.as_str(), self.part, content);
            tell!(
                "portcullis: {}? see `portcullis approvals show {id}`, then \
                 `portcullis approvals approve {id}` or `deny`",
                words.asks
            );
        }
        let deadline = Instant::now() + HOLD.min(self.plan.server.patience);
        loop {
            for typed in prompt.answers() {
                let verdict =
                    if typed.said == Said::Once { Verdict::Approve } else { Verdict::Deny };
                let said =
                    kept(approvals.decide(&typed.approval, verdict, "terminal", wall_clock()));
                typed.tell(said);
            }
            let taken = approvals.take(&id, &question.key, wall_clock());
            let taken = taken.map_err(|error| {
                Fault::ours("approvals cannot be read, so nothing is started", error)
            })?;
            match taken {
                Taken::Approved => return Ok(Word::Yes(decided_by(approvals, &id))),
                Taken::Denied => return Ok(Word::No(id)),
                Taken::Gone | Taken::Edited(_) => return Ok(Word::Nothing(id)),
                Taken::Pending => {}
            }
            if Instant::now() >= deadline || !somebody_waits() {
                return Ok(Word::Nothing(id));
            }
        }
    }

    /// A record about a start that has no session yet.
    pub(crate) fn record(
        &self,
        journal: &mut Journal,
        event: Event,
        note: &str,
        approval: Option<&ApprovalId>,
    ) -> Result<(), Fault> {
        let principal = Principal::user(rustix::process::getuid().as_raw());
        let mut record = Record::new(event, SESSION, &self.plan.server.name, &principal);
        let shown = crate::identity::started(&self.plan.server);
        record.note = Some(format!("{note}: {}", portcullis_guard::redact(&shown)));
        record.approval = approval.map(ToString::to_string);
        let written = journal.append(&record, wall_clock());
        written.map(drop).map_err(|error| Fault::ours("the journal cannot be written", error))
    }
}

/// Everything remarkable about a start: of the command, then of its variables.
pub(crate) fn all_marks(server: &config::Server) -> Vec<Mark> {
    let of = |it: &config::Variable| match it.source() {
        config::Source::Value(text) => variable(it.name(), Some(text.expose("to look at it"))),
        _ => variable(it.name(), None),
    };
    marks(&server.command).into_iter().chain(server.env.iter().flat_map(of)).collect()
}

/// Who answered, for what is pinned by it.
pub(crate) fn decided_by(approvals: &mut Approvals, id: &ApprovalId) -> String {
    let row = approvals.get(id, wall_clock()).ok().flatten();
    let by = row.and_then(|row| row.decided_by).unwrap_or_else(|| "a person".to_owned());
    format!("{by}, {id}")
}

/// Looks for a moment whether the other end of our input is there: a host's pipe, or a
/// terminal. What reads nothing waits for nothing.
fn somebody_waits() -> bool {
    let stdin = std::io::stdin();
    let moment = Timespec { tv_sec: 0, tv_nsec: LOOK };
    let mut polled = [PollFd::from_borrowed_fd(stdin.as_fd(), PollFlags::HUP)];
    if poll(&mut polled, Some(&moment)).is_err() {
        return false;
    }
    let [polled] = &polled;
    let left = polled.revents().intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL);
    let kind = rustix::fs::fstat(stdin.as_fd()).map(|facts| facts.st_mode);
    let kind = kind.map(rustix::fs::FileType::from_raw_mode);
    let held = matches!(kind, Ok(rustix::fs::FileType::Fifo | rustix::fs::FileType::Socket));
    !left && (held || stdin.is_terminal())
}

/// A file, or the directory that it lies in, that every account may change.
fn anybody_writes(word: &str) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let path = std::path::Path::new(word);
    let open = |path: &std::path::Path, sticky: bool| {
        let mode = std::fs::metadata(path).map(|facts| facts.mode()).unwrap_or_default();
        mode & 0o002 != 0 && !(sticky && mode & 0o1000 != 0)
    };
    path.is_absolute() && (open(path, true) || path.parent().is_some_and(|dir| open(dir, true)))
}
