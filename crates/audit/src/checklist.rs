//! What has to be seen to, line by line: passed, failed, not testable, not applicable.
//!
//! A line passes only when something was really tried or read, and it says what. What could not
//! be tested is said, with the reason, and is never a pass; the grade counts tested lines only.

mod client;
mod supply;
mod transport;

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::evidence::Evidence;
use crate::evidence::Source;
use crate::evidence::live::{Answer, Attack, Live, TOOLS, Trial, is_sorry};
use crate::evidence::source::{FactKind, Sink};
use crate::finding::{Confidence, Finding};
use client::CLIENT;
use supply::{BUNDLE, SUPPLY};
use transport::TRANSPORT;

/// How a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// It was tested, and holds.
    Pass,
    /// It was tested, and does not hold.
    Fail,
    /// There is nothing here that it could be about.
    NotApplicable,
    /// It could not be tested.
    Unknown,
}

impl Status {
    /// The words in reports.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Pass => "PASS",
            Self::Fail => "FAIL",
            Self::NotApplicable => "NOT APPLICABLE",
            Self::Unknown => "NOT TESTABLE",
        }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Its name, in kebab case.
    pub control: String,
    /// What has to be seen to.
    pub statement: String,
    /// How it stands.
    pub status: Status,
    /// What that rests on.
    pub evidence: String,
}

/// A line before it is answered.
struct Line {
    control: &'static str,
    statement: &'static str,
    /// A finding of one of these is a no.
    checks: &'static [&'static str],
    /// What was looked at; what it says decides between a yes, nothing to look at, and nobody could.
    tested: fn(&Evidence) -> Tested,
}

/// What was looked at.
enum Tested {
    /// This was tried, and it is enough for a yes.
    Yes(String),
    /// This was read, and it is enough for a yes where nothing of it is in doubt.
    Read(String),
    /// Nothing, for there is nothing of the kind.
    Nothing(&'static str),
    /// Nothing, though there may be something.
    Not(String),
}

/// What has to be seen to in a server.
const SERVER: &[Line] = &[
    Line {
        control: "arguments-validated",
        statement: "Arguments are validated against a JSON Schema that bounds them.",
        checks: &["unbounded-input"],
        tested: arguments,
    },
    Line {
        control: "paths-contained",
        statement: "Paths are resolved, lie inside the roots, and traversal is refused.",
        checks: &["path-escape", "path-prefix"],
        tested: |it| {
            tried(
                it,
                &[Attack::Traversal, Attack::Neighbour, Attack::Symlink],
                &[Sink::FileRead, Sink::FileWrite],
                "a path",
            )
        },
    },
    Line {
        control: "no-shell",
        statement: "No shell reads what a caller sends, and no word of it is an option.",
        checks: &[
            "shell-execution",
            "free-process",
            "option-injection",
            "code-execution",
            "template-injection",
            "unsafe-deserialisation",
        ],
        tested: |it| {
            tried(
                it,
                &[Attack::CommandInjection, Attack::OptionInjection],
                &[Sink::Shell, Sink::Process, Sink::Code, Sink::Template, Sink::Deserialise],
                "a command",
            )
        },
    },
    Line {
        control: "queries-parametrised",
        statement: "Queries are the server's own, with placeholders for values.",
        checks: &["raw-sql", "sql-first-word"],
        tested: |it| tried(it, &[Attack::SqlWrite, Attack::SqlRead], &[Sink::Sql], "a query"),
    },
    Line {
        control: "rate-limited",
        statement: "Many calls at once are answered or refused, and do not take the server down.",
        checks: &[],
        tested: burst,
    },
    Line {
        control: "timeouts",
        statement: "Every call ends.",
        checks: &["no-timeout", "inherited-input", "slow-pattern"],
        tested: ends,
    },
    Line {
        control: "errors-sanitised",
        statement: "Errors tell nothing of the server's machine.",
        checks: &["raw-errors"],
        tested: errors,
    },
    Line { control: "calls-logged", statement: "Calls are logged.", checks: &[], tested: logged },
    Line {
        control: "permissions-minimal",
        statement: "It needs no more than it was given.",
        checks: &[
            "lying-annotations",
            "hidden-tool",
            "server-side-request",
            "takes-credentials",
            "plants-itself",
            "undisclosed-sharing",
        ],
        tested: reached,
    },
    Line {
        control: "description-honest",
        statement: "What it says of itself is true, complete, stable, and gives no orders to the model.",
        checks: &["missing-annotations", "hostile-text", "shadowed-tool", "definition-drift"],
        tested: described,
    },
];

/// Every line, answered. Those of a host only for its config, those of the transport only where it was asked over HTTP.
#[must_use]
pub fn lines(evidence: &Evidence, findings: &[Finding]) -> Vec<Row> {
    lines_beside(evidence, findings, &[])
}

/// The same, where comments in the source silence some findings: a line that rests on one of those is no yes.
#[must_use]
pub fn lines_beside(evidence: &Evidence, findings: &[Finding], silenced: &[Finding]) -> Vec<Row> {
    let host = evidence.config.iter().flat_map(|_| CLIENT);
    let alone = evidence.config.is_some() && evidence.source.is_none() && evidence.live.is_none();
    let server = SERVER.iter().filter(|_| !alone);
    let transport = evidence.http.iter().flat_map(|_| TRANSPORT);
    let supply = evidence.package.iter().flat_map(|_| SUPPLY);
    let supply = supply.chain(evidence.bundle.iter().flat_map(|_| BUNDLE));
    host.chain(supply)
        .chain(server)
        .chain(transport)
        .map(|line| {
            let quiet: Vec<&Finding> =
                silenced.iter().filter(|it| line.checks.contains(&it.check.as_str())).collect();
            let row = answer(line, evidence, findings);
            match quiet.first() {
                Some(first) if row.status != Status::Fail => Row {
                    status: Status::Unknown,
                    evidence: format!(
                        "a comment in the source silences: {}{}",
                        first.title,
                        more(quiet.len())
                    ),
                    ..row
                },
                _ => row,
            }
        })
        .collect()
}

/// The names of the lines, in their order.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    SERVER.iter().map(|line| (line.control, line.statement))
}

/// The names of the lines of a host's config, in their order.
pub fn client_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    CLIENT.iter().map(|line| (line.control, line.statement))
}

/// The names of the lines of a package, in their order.
pub fn supply_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    SUPPLY.iter().map(|line| (line.control, line.statement))
}

/// The names of the lines of a bundle, in their order.
pub fn bundle_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    BUNDLE.iter().map(|line| (line.control, line.statement))
}

/// The names of the lines of a server over HTTP, in their order.
pub fn transport_names() -> impl Iterator<Item = (&'static str, &'static str)> {
    TRANSPORT.iter().map(|line| (line.control, line.statement))
}

/// From A (everything that was tested holds) to F; `None` when nothing was tested.
#[must_use]
pub fn grade(rows: &[Row]) -> Option<char> {
    let tested =
        rows.iter().filter(|row| matches!(row.status, Status::Pass | Status::Fail)).count();
    let failed = rows.iter().filter(|row| row.status == Status::Fail).count();
    if tested == 0 {
        return None;
    }
    Some(match failed * 100 / tested {
        0 => 'A',
        1..=15 => 'B',
        16..=30 => 'C',
        31..=50 => 'D',
        51..=70 => 'E',
        _ => 'F',
    })
}

fn answer(line: &Line, evidence: &Evidence, findings: &[Finding]) -> Row {
    let of_it = findings.iter().filter(|it| line.checks.contains(&it.check.as_str()));
    let (against, doubted): (Vec<&Finding>, Vec<&Finding>) =
        of_it.partition(|it| it.confidence > Confidence::Possible);
    let (status, said) = match (against.split_first(), (line.tested)(evidence)) {
        (Some((first, _)), _) => (Status::Fail, format!("{}{}", first.title, more(against.len()))),
        (None, Tested::Yes(what)) if !doubted.is_empty() => {
            (Status::Pass, format!("{what}; {}", in_doubt(&doubted)))
        }
        (None, Tested::Read(_)) if !doubted.is_empty() => (Status::Unknown, in_doubt(&doubted)),
        (None, Tested::Yes(what) | Tested::Read(what)) => (Status::Pass, what),
        (None, Tested::Nothing(why)) => (Status::NotApplicable, why.to_owned()),
        (None, Tested::Not(why)) => (Status::Unknown, why),
    };
    Row {
        control: line.control.to_owned(),
        statement: line.statement.to_owned(),
        status,
        evidence: said,
    }
}

/// What may be a way in: nobody knows whether the looks on it are enough.
fn in_doubt(doubted: &[&Finding]) -> String {
    let first = doubted.first().map(|it| it.title.as_str()).unwrap_or_default();
    format!("in doubt (`--persona pedantic` shows it): {first}{}", more(doubted.len()))
}

/// How many there are behind the first.
fn more(all: usize) -> String {
    match all {
        0 | 1 => String::new(),
        _ => format!(", and {} more", all - 1),
    }
}

/// A server that answered; `Err` says why nobody could ask it.
fn answering(evidence: &Evidence) -> Result<&Live, Tested> {
    match &evidence.live {
        Some(live) if live.untested.iter().any(|it| it.what == TOOLS) => {
            Err(Tested::Not("it did not say which tools it has".to_owned()))
        }
        Some(live) if live.revision.is_some() => Ok(live),
        Some(live) => {
            let why = live.untested.first().map_or("it never answered", |it| it.why.as_str());
            Err(Tested::Not(format!("the server did not run: {why}")))
        }
        None => {
            let why = evidence.bundle.as_ref().and_then(|bundle| bundle.unstarted.as_deref());
            let gone = evidence.package.as_ref().is_some_and(|it| it.failed.is_some());
            Err(Tested::Not(match why {
                _ if gone => "the package could not be brought".to_owned(),
                Some(why) => format!("the server was not started: {why}; add `-- COMMAND`"),
                None => "the server was not started; add `-- COMMAND`".to_owned(),
            }))
        }
    }
}

/// Why a line about calls says nothing of a server that was asked over HTTP; `None` where tools were called.
fn uncalled(evidence: &Evidence) -> Option<Tested> {
    let none = evidence.live.as_ref().is_some_and(|live| live.trials.is_empty());
    (none && evidence.http.is_some() && answering(evidence).is_ok()).then(|| {
        let why =
            "no tool is called at an address; start the server in the box, or read its source";
        Tested::Not(why.to_owned())
    })
}

/// Why source alone is no pass.
const PART: &str = "nothing in what was read, but not everything could be read or followed";

/// Nothing of the program was left out, and every grammar fitted.
fn is_whole(source: &Source) -> bool {
    !source.files.is_empty()
        && source.left_out.iter().all(|out| out.aside)
        && source.files.iter().all(|file| file.whole)
}

/// Source that was read, and not whole.
fn is_part(evidence: &Evidence) -> bool {
    evidence.source.as_ref().is_some_and(|source| !is_whole(source))
}

/// Trials of these kinds, or else source that was read whole without such a sink.
fn tried(evidence: &Evidence, attacks: &[Attack], sinks: &[Sink], what: &'static str) -> Tested {
    let trials = evidence.live.iter().flat_map(|live| &live.trials);
    // What got no answer may not have arrived.
    let heard = |it: &Trial| !matches!(it.answer, Answer::Ended | Answer::Silence);
    let answered = trials.filter(|it| attacks.contains(&it.attack) && heard(it));
    // What says no to everything said no to an attack as well, and nobody knows what else it would do.
    let (made, refused): (Vec<_>, Vec<_>) = answered.partition(|it| works(evidence, it));
    let made = made.len();
    if made == 0 && !refused.is_empty() && evidence.source.is_none() {
        return Tested::Not(format!(
            "no tool that was attacked with {what} answered an honest call"
        ));
    }
    let mut said = String::new();
    if made > 0 {
        let _ = write!(said, "{made} attacks with {what} had no effect");
    }
    let Some(source) = &evidence.source else {
        return match (made, answering(evidence)) {
            (1.., _) => Tested::Yes(said),
            (0, Ok(live)) if live.tools.is_empty() => Tested::Nothing("it has no tools"),
            (0, Ok(_)) => uncalled(evidence).unwrap_or_else(|| {
                Tested::Not(format!("no parameter looks like {what}, and the source was not read"))
            }),
            (0, Err(why)) => why,
        };
    };
    let unclear = source
        .facts
        .iter()
        .filter(|it| matches!(it.kind, FactKind::Unclear(sink) if sinks.contains(&sink)));
    if made == 0
        && let Some(first) = unclear.clone().next()
    {
        let more = more(unclear.count());
        let place = &first.place;
        return Tested::Not(format!(
            "what becomes of a caller's value at {place} could not be followed{more}"
        ));
    }
    let whole = is_whole(source);
    let sunk = source.flows.iter().filter(|flow| sinks.contains(&flow.sink)).count();
    match (sunk, made) {
        (1.., 1..) => Tested::Yes(format!("{said}; in the source, {sunk} flows pass looks")),
        (1.., 0) if whole => {
            Tested::Read(format!("in the source, {sunk} flows pass sufficient looks"))
        }
        (1.., 0) => Tested::Not(PART.to_owned()),
        (0, 1..) => Tested::Yes(said),
        (0, 0) if source.offered().next().is_none() => {
            Tested::Not("no handler was found in the source".to_owned())
        }
        (0, 0) if whole => Tested::Nothing("nothing that a caller sends arrives there"),
        (0, 0) => Tested::Not(
            "no such flow in what was read, but not everything could be read".to_owned(),
        ),
    }
}

/// Whether what a trial was made on answered an honest request: of tools, one that did.
fn works(evidence: &Evidence, trial: &Trial) -> bool {
    let trials = evidence.live.iter().flat_map(|live| &live.trials);
    let honest = |it: &Trial| {
        it.tool == trial.tool
            && it.attack == Attack::Benign
            && it.answer == Answer::Result
            && !is_sorry(&it.said)
    };
    let tools = || evidence.live.iter().flat_map(|live| &live.tools);
    let is_tool = tools().any(|it| it.get("name").and_then(Value::as_str) == Some(&trial.tool));
    !is_tool || trials.into_iter().any(honest)
}

fn arguments(evidence: &Evidence) -> Tested {
    let trials = evidence.live.iter().flat_map(|live| &live.trials);
    let made = trials.filter(|it| it.attack == Attack::Invalid && works(evidence, it)).count();
    let handlers = evidence.source.iter().flat_map(Source::offered);
    let read = handlers.map(|it| it.parameters.len()).sum::<usize>();
    match (made, read) {
        (1.., _) => {
            Tested::Yes(format!("{made} calls with invalid arguments were refused or bounded"))
        }
        (0, 1..) if is_part(evidence) => Tested::Not(PART.to_owned()),
        (0, 1..) => Tested::Read(format!("{read} parameters have bounds in the source")),
        (0, 0) => answering(evidence)
            .err()
            .or_else(|| uncalled(evidence))
            .unwrap_or(Tested::Nothing("no tool has parameters")),
    }
}

fn burst(evidence: &Evidence) -> Tested {
    let live = match answering(evidence) {
        Ok(live) => live,
        Err(why) => return why,
    };
    if let Some(uncalled) = uncalled(evidence) {
        return uncalled;
    }
    let made: Vec<_> = live.trials.iter().filter(|it| it.attack == Attack::Rate).collect();
    let bad = made.iter().any(|it| matches!(it.answer, Answer::Silence | Answer::Ended));
    match (made.is_empty(), bad) {
        (true, _) => Tested::Not("no tool could be called as it is meant".to_owned()),
        (false, true) => Tested::Not("a burst of calls was not answered to its end".to_owned()),
        (false, false) => Tested::Yes(
            "a burst of calls was answered or refused, and the next call too".to_owned(),
        ),
    }
}

fn ends(evidence: &Evidence) -> Tested {
    let live = match answering(evidence) {
        Ok(live) => live,
        Err(why) => {
            // The source alone: something that waits, each with an end.
            let waits = evidence.source.iter().flat_map(|source| &source.flows);
            let waits = waits
                .filter(|it| matches!(it.sink, Sink::Process | Sink::Shell | Sink::Url))
                .count();
            let endless = evidence.source.iter().flat_map(|source| &source.facts);
            let endless = endless.filter(|it| it.kind == FactKind::NoTimeout).count();
            return match (waits, endless) {
                (1.., 0) if !is_part(evidence) => {
                    Tested::Read(format!("{waits} calls that wait have an end in the source"))
                }
                _ => why,
            };
        }
    };
    if let Some(uncalled) = uncalled(evidence) {
        return uncalled;
    }
    let silent = live.trials.iter().filter(|it| it.answer == Answer::Silence).count();
    match (live.trials.len(), silent) {
        (0, _) => Tested::Not("no tool could be called".to_owned()),
        (made, 0) => Tested::Yes(format!("{made} calls were all answered in time")),
        (made, silent) => {
            Tested::Not(format!("{silent} of {made} calls were not answered in time"))
        }
    }
}

fn errors(evidence: &Evidence) -> Tested {
    let trials = evidence.live.iter().flat_map(|live| &live.trials);
    let erred =
        trials.filter(|it| matches!(it.answer, Answer::ToolError | Answer::ProtocolError)).count()
            + transport::errors(evidence);
    let handlers = evidence.source.as_ref().map_or(0, |source| source.offered().count());
    match (erred, handlers) {
        (1.., _) => Tested::Yes(format!("{erred} errors told nothing of the machine")),
        (0, 1..) if is_part(evidence) => Tested::Not(PART.to_owned()),
        (0, 1..) => Tested::Read(format!(
            "in the source, {handlers} handlers answer errors in their own words"
        )),
        (0, 0) => {
            answering(evidence).err().unwrap_or(Tested::Not("no call ended in an error".to_owned()))
        }
    }
}

fn logged(evidence: &Evidence) -> Tested {
    match answering(evidence) {
        Ok(live) if evidence.http.is_some() && live.trials.is_empty() => {
            uncalled(evidence).unwrap_or(Tested::Not("it was not watched".to_owned()))
        }
        Ok(live) if live.logs_calls => Tested::Yes("a call leaves a line on standard error or a log message".to_owned()),
        Ok(_) => Tested::Not("nothing on standard error and no log message; a log of its own is not visible from outside".to_owned()),
        Err(why) => why,
    }
}

fn reached(evidence: &Evidence) -> Tested {
    let live = match answering(evidence) {
        Ok(live) => live,
        Err(why) => return why,
    };
    if live.box_level != "full" {
        return Tested::Not(format!(
            "only a full box tells what was reached for; this one is `{}`",
            live.box_level
        ));
    }
    let own = live.wishes.iter().filter(|wish| wish.during.is_none()).count();
    match own {
        0 => Tested::Yes("by itself it reached for nothing outside of its box".to_owned()),
        some => Tested::Not(format!(
            "when it started it reached for {some} things outside of its box; see the list"
        )),
    }
}

fn described(evidence: &Evidence) -> Tested {
    match answering(evidence) {
        Ok(live) if live.tools.is_empty() => Tested::Nothing("it has no tools"),
        Ok(live) => {
            let launched = if evidence.http.is_some() { "" } else { " and twice launched" };
            Tested::Yes(format!("{} tools, twice listed{launched}", live.tools.len()))
        }
        Err(why) => why,
    }
}
