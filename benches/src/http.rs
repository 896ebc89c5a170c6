//! What the HTTP gateway costs, beside nobody, nginx, and whatever else is named.
//!
//! `web.rs` is the server, `load.rs` the clients, `place.rs` starts what is compared, `soak.rs` looks
//! whether anything grows.

mod load;
mod place;
mod soak;
pub(crate) mod web;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

pub(crate) use self::load::Endpoint;
use self::load::{Calls, clients};
use self::place::{Place, Subject};
pub(crate) use self::soak::run as soak;
use crate::stats::{median, shown};

/// Sessions that nobody uses, for their memory; with a process in a box each, a tenth of them.
const IDLE: usize = 1000;
/// What they are asked for by.
const IDLE_NAME: &str = "idle sessions";
/// How long they do nothing before they are measured.
const REST: Duration = Duration::from_secs(12);
/// Gateways that are measured while they hold them.
const IDLE_ROUNDS: usize = 3;

/// A gateway that runs already: `NAME=PORT/PATH`.
pub(crate) fn peer(text: &str) -> Option<(String, Endpoint)> {
    let (name, rest) = text.split_once('=')?;
    let (port, path) = rest.split_once('/')?;
    let endpoint = Endpoint { port: port.parse().ok()?, path: format!("/{path}") };
    Some((name.to_owned(), endpoint))
}

/// What is asked: by how many, in which form, how much.
#[derive(Clone, Debug)]
struct Case {
    name: String,
    events: bool,
    calls: Calls,
}

/// The list has its own server.
const LIST: &str = "list of 1,000 tools";

fn cases(scale: usize) -> Vec<Case> {
    let mut all = Vec::new();
    for (size, bytes, single, many) in
        [("1 KiB", 1 << 10, 2000, 12_000), ("64 KiB", 1 << 16, 500, 2400)]
    {
        for events in [false, true] {
            for connections in [1, 16, 128] {
                let form = if events { "events" } else { "JSON" };
                let total = if connections == 1 { single } else { many };
                let calls = Calls {
                    rest: read(bytes, events),
                    answer: bytes,
                    connections,
                    each: (total / connections / scale).max(2),
                };
                all.push(Case { name: format!("{connections}, {size}, {form}"), events, calls });
            }
        }
    }
    let rest = r#""method":"tools/list","params":{}}"#.to_owned();
    let calls = Calls { rest, answer: 300_000, connections: 1, each: (40 / scale).max(2) };
    all.push(Case { name: format!("1, {LIST}"), events: false, calls });
    all
}

/// A call with so long a result; where it is told as events, progress comes before it.
fn read(bytes: usize, events: bool) -> String {
    let meta = if events { r#","_meta":{"progressToken":"bench"}"# } else { "" };
    format!(
        r#""method":"tools/call","params":{{"name":"read_bytes","arguments":{{"bytes":{bytes}}}{meta}}}}}"#
    )
}

/// One figure of each round.
#[derive(Debug, Default)]
struct Found {
    p50: Vec<f64>,
    rate: Vec<f64>,
    cpu: Vec<f64>,
}

/// What was found, by case and by subject.
type All = BTreeMap<(usize, usize), Found>;

/// Measures all of it, or what has `only` in its name; the text of the tables.
pub(crate) fn run(
    gateway: &Path,
    work: &Path,
    (rounds, scale): (usize, usize),
    (peers, only): (&[(String, Endpoint)], &str),
) -> Result<String, String> {
    let subjects = Subject::all(peers);
    let mut cases = cases(scale);
    cases.retain(|case| case.name.contains(only));
    let mut found = All::new();
    for round in 0..rounds {
        for (which, case) in cases.iter().enumerate() {
            eprintln!("round {} of {rounds}: {}", round + 1, case.name);
            for (who, subject) in subjects.iter().enumerate() {
                let one = measured(gateway, work, subject, case);
                let (p50, rate, cpu) = match one {
                    Ok(Some(one)) => one,
                    Ok(None) => continue,
                    // What runs already may not do everything.
                    Err(error) if matches!(subject, Subject::Peer(..)) => {
                        eprintln!("{}, {}: {error}", subject.name(), case.name);
                        continue;
                    }
                    Err(error) => {
                        return Err(format!("{}, {}: {error}", subject.name(), case.name));
                    }
                };
                let found = found.entry((which, who)).or_default();
                found.p50.push(p50);
                found.rate.push(rate);
                found.cpu.push(cpu);
            }
        }
    }
    let mut text = table(&subjects, &cases, &found);
    text.push_str(&ratios(&cases, &found));
    if !IDLE_NAME.contains(only) {
        return Ok(text);
    }
    text.push_str("\n### Idle sessions\n\n| | sessions | KiB of each |\n|---|---|---|\n");
    for subject in subjects.iter().filter(|subject| subject.is_ours()) {
        let most = if let Subject::ServeStdio = subject { IDLE / 10 } else { IDLE };
        let count = (most / scale).max(10);
        let each = (0..rounds.min(IDLE_ROUNDS)).map(|_| {
            eprintln!("{count} idle sessions: {}", subject.name());
            idle(gateway, work, subject, count)
        });
        let each = median(each.collect::<Result<Vec<_>, _>>()?);
        text.push_str(&format!("| {} | {count} | {} |\n", subject.name(), shown(each)));
    }
    Ok(text)
}

fn table(subjects: &[Subject], cases: &[Case], found: &All) -> String {
    let mut text = "### Streamable HTTP: requests per second · p50 µs · CPU µs per request\n\n| connections, result, answer |".to_owned();
    text.extend(subjects.iter().map(|subject| format!(" {} |", subject.name())));
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(subjects.len()));
    for (which, case) in cases.iter().enumerate() {
        text.push_str(&format!("\n| {} |", case.name));
        for (who, subject) in subjects.iter().enumerate() {
            text.push_str(&match found.get(&(which, who)) {
                Some(found) => {
                    let all = [&found.rate, &found.p50, &found.cpu];
                    let [rate, p50, cpu] = all.map(|all| median(all.iter().copied()));
                    let cpu = if subject.has_process() { cpu } else { f64::NAN };
                    format!(" {} · {} · {} |", shown(rate), shown(p50), shown(cpu))
                }
                None => " – |".to_owned(),
            });
        }
    }
    text.push('\n');
    text
}

/// Of the same round: what we add to a call, and our throughput as a part of nginx's.
fn ratios(cases: &[Case], found: &All) -> String {
    // As `Subject::all` has them.
    let [bare, nginx, ours] = [0, 1, 2];
    let mut text = "\n### portcullis beside the others, of the same rounds\n\n| connections, result, answer | p50 added to the server's, µs | added to nginx's, µs | of nginx's throughput |\n|---|---|---|---|".to_owned();
    for (which, case) in cases.iter().enumerate() {
        let of = |who| found.get(&(which, who));
        let (Some(ours), Some(bare)) = (of(ours), of(bare)) else { continue };
        let less = |other: &Found| {
            median(ours.p50.iter().zip(&other.p50).map(|(ours, other)| ours - other))
        };
        let part = |other: &Found| {
            median(ours.rate.iter().zip(&other.rate).map(|(ours, other)| ours / other))
        };
        let nginx = of(nginx).map(|nginx| (less(nginx), part(nginx)));
        let (beyond, part) = nginx.unwrap_or((f64::NAN, f64::NAN));
        text.push_str(&format!(
            "\n| {} | {} | {} | {} |",
            case.name,
            shown(less(bare)),
            shown(beyond),
            shown(part)
        ));
    }
    text.push('\n');
    text
}

/// Median, calls per second, and processor time of each; nothing where it cannot be.
fn measured(
    gateway: &Path,
    work: &Path,
    subject: &Subject,
    case: &Case,
) -> Result<Option<(f64, f64, f64)>, String> {
    let tools = if case.name.contains(LIST) { 1000 } else { crate::subject::FILLERS };
    let Some(place) = Place::start(gateway, work, subject, (case.events, tools))? else {
        return Ok(None);
    };
    let mut all = clients(&place.endpoint, case.calls.connections)?;
    load::warm_up(&mut all, &case.calls)?;
    let before = place.cpu();
    let took = load::run(&mut all, &case.calls)?;
    let cpu = place.cpu().saturating_sub(before).as_secs_f64() * 1e6;
    let count = (case.calls.connections * case.calls.each) as f64;
    let rate = count / took.all.as_secs_f64();
    Ok(Some((took.p50, rate, cpu / count)))
}

/// What one more session takes of the gateway's own memory.
fn idle(gateway: &Path, work: &Path, subject: &Subject, count: usize) -> Result<f64, String> {
    let tools = crate::subject::FILLERS;
    let place = Place::start(gateway, work, subject, (false, tools))?.ok_or("it does not start")?;
    let first = clients(&place.endpoint, 2)?;
    let before = place.memory();
    // A session outlives its connection, and nobody has a thousand of those.
    for _ in 0..count {
        drop(clients(&place.endpoint, 1)?);
    }
    std::thread::sleep(REST);
    let after = place.memory();
    drop(first);
    Ok((after - before) / count as f64)
}
