//! The rounds: every subject in turn, again and again, so that a slow minute of
//! the machine is everybody's.

use std::time::Duration;

use crate::host::{Host, Load, Series};
use crate::process::{self, Family, Memory};
use crate::subject::{FILLERS, MANY, POLICIES, Places, SUBJECTS, Subject};
use crate::upstream::prose;

/// How often a program is only started and ended, in each round.
const STARTS: u32 = 5;

/// A sort of call, and what the tables call it.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) load: Load,
}

/// Everything measured of one subject in one round.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) subject: Subject,
    /// One for each case, in order.
    pub(crate) series: Vec<Series>,
    /// The long list of tools, again and again.
    pub(crate) listing: Option<Series>,
    /// From nothing to the first answer, in milliseconds.
    pub(crate) starts: Vec<f64>,
    /// Processor time of a start and an end, in milliseconds.
    pub(crate) start_cpu: f64,
    pub(crate) memory: Held,
}

/// The memory of one subject; nothing where there is no such process or it is not ours to see.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Held {
    /// The gateway, after `tools/list`.
    pub(crate) fresh: Option<Memory>,
    /// The gateway, after all calls.
    pub(crate) used: Option<Memory>,
    /// The processes of the box.
    pub(crate) boxed: Option<Memory>,
}

/// The calls of each round; `scale` divides their number.
pub(crate) fn cases(scale: usize) -> Vec<Case> {
    let case = |name, rest: String, text, calls: usize, window| {
        let calls = (calls / scale).max(10);
        Case { name, load: Load { rest, text, calls, window } }
    };
    let echo = |bytes| call("echo", &format!(r#"{{"text":"{}"}}"#, prose(bytes)));
    let read = |bytes| call("read_bytes", &format!(r#"{{"bytes":{bytes}}}"#));
    let (small, large) = (64 << 10, 1 << 20);
    vec![
        case("100 B there and back", echo(100), 100, 5000, 1),
        case("64 KiB there and back", echo(small), small, 400, 1),
        case("64 KiB back", read(small), small, 400, 1),
        case("1 MiB back", read(large), large, 40, 1),
        case("100 B there and back, 16 at once", echo(100), 100, 5000, 16),
        case("64 KiB back, 16 at once", read(small), small, 400, 16),
        case("1 MiB back, 16 at once", read(large), large, 48, 16),
    ]
}

/// A request from after its id on.
fn call(tool: &str, arguments: &str) -> String {
    format!(r#""method":"tools/call","params":{{"name":"{tool}","arguments":{arguments}}}}}"#)
}

/// Takes every subject in turn, `rounds` times.
pub(crate) fn rounds(
    places: &Places,
    cases: &[Case],
    rounds: usize,
    mut tell: impl FnMut(usize, Subject),
) -> Result<Vec<Sample>, String> {
    // The first start makes keys and tables; no later one does.
    for subject in all() {
        begin(places, subject, FILLERS)?.end()?;
    }
    let mut samples = Vec::new();
    for round in 0..rounds {
        for subject in all() {
            tell(round, subject);
            let sample = sample(places, subject, cases);
            samples.push(sample.map_err(|error| format!("{}: {error}", subject.name()))?);
        }
    }
    Ok(samples)
}

/// Everybody, once.
fn all() -> impl Iterator<Item = Subject> {
    SUBJECTS.into_iter().chain(POLICIES.into_iter().skip(1))
}

fn begin(places: &Places, subject: Subject, fillers: usize) -> Result<Host, String> {
    let mut host = Host::start(&places.program(subject, fillers), &places.complaints())?;
    host.list()?;
    Ok(host)
}

fn sample(places: &Places, subject: Subject, cases: &[Case]) -> Result<Sample, String> {
    let mut starts = Vec::new();
    let before = process::ended_children();
    for _ in 0..STARTS {
        let host = Host::start(&places.program(subject, FILLERS), &places.complaints())?;
        starts.push(host.started.as_secs_f64() * 1e3);
        host.end()?;
    }
    let used = process::ended_children().saturating_sub(before);
    let start_cpu = used.as_secs_f64() * 1e3 / f64::from(STARTS);

    // Policies beyond the first add to calls and starts, and to nothing else.
    let own = matches!(subject, Subject::Policies(_));
    let cases = if own { cases.get(..1).unwrap_or_default() } else { cases };
    let listing = if own { None } else { Some(listing(places, subject, cases)?) };
    let mut host = begin(places, subject, FILLERS)?;
    std::thread::sleep(Duration::from_millis(100));
    let family = Family::of(host.pid());
    let gateway = |family: &Family| family.gateway.and_then(process::memory);
    let fresh = gateway(&family);
    let series = cases.iter().map(|case| host.calls(&case.load)).collect::<Result<Vec<_>, _>>()?;
    let memory = Held { fresh, used: gateway(&family), boxed: boxed(&family) };
    host.end()?;
    Ok(Sample { subject, series, listing, starts, start_cpu, memory })
}

/// A server with many tools, asked for them again and again.
fn listing(places: &Places, subject: Subject, cases: &[Case]) -> Result<Series, String> {
    let mut host = begin(places, subject, MANY)?;
    // As few, and fewer when fewer calls are wanted.
    let calls = cases.iter().map(|case| case.load.calls).min().unwrap_or(10);
    let series = host.lists(calls.max(10))?;
    host.end()?;
    Ok(series)
}

/// What the processes of the box hold together.
fn boxed(family: &Family) -> Option<Memory> {
    let all = family.boxed.iter().map(|pid| process::memory(*pid)).collect::<Option<Vec<_>>>()?;
    all.into_iter()
        .reduce(|a, b| Memory { rss_kib: a.rss_kib + b.rss_kib, pss_kib: a.pss_kib + b.pss_kib })
}
