//! What has to be seen to, line by line: passed, failed, not testable, not applicable.
//!
//! A line passes only when something was really tried or read, and it says what. What could not
//! be tested is said, with the reason, and is never a pass; the grade counts tested lines only.

mod client;
mod server;
mod supply;
mod transport;

use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::evidence::Source;
use crate::evidence::live::{Live, TOOLS};
use crate::finding::{Confidence, Finding};
use client::CLIENT;
use server::SERVER;
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
    let ran = run_alone(evidence);
    host.chain(supply)
        .chain(server)
        .chain(transport)
        .map(|line| {
            let quiet: Vec<&Finding> =
                silenced.iter().filter(|it| line.checks.contains(&it.check.as_str())).collect();
            let row = answer(line, evidence, ran.as_ref(), findings);
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

/// What was done to a server whose source was read as well, by itself.
fn run_alone(evidence: &Evidence) -> Option<Evidence> {
    let both = evidence.source.is_some() && evidence.live.is_some();
    both.then(|| Evidence { source: None, ..evidence.clone() })
}

/// Why a line fails: what was found first. Where only the source says so, what was done says another thing of it, and
/// whoever reads both is told that the worse counts.
fn against_it(
    line: &Line,
    ran: Option<&Evidence>,
    against: &[&Finding],
    first: &Finding,
) -> String {
    let found = format!("{}{}", first.title, more(against.len()));
    let read = against
        .iter()
        .all(|it| it.location.place().is_some() && it.confidence < Confidence::Confirmed);
    match ran.filter(|_| read).map(line.tested) {
        Some(Tested::Yes(what)) => {
            format!("in the source: {found}; when it ran: {what}; the worse counts")
        }
        _ => found,
    }
}

fn answer(line: &Line, evidence: &Evidence, ran: Option<&Evidence>, findings: &[Finding]) -> Row {
    let of_it = findings.iter().filter(|it| line.checks.contains(&it.check.as_str()));
    let (against, doubted): (Vec<&Finding>, Vec<&Finding>) =
        of_it.partition(|it| it.confidence > Confidence::Possible);
    let (status, said) = match (against.first(), (line.tested)(evidence)) {
        (Some(first), _) => (Status::Fail, against_it(line, ran, &against, first)),
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
            Err(Tested::Not(format!("nothing could be asked: {why}")))
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
