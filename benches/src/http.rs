//! What the HTTP gateway costs, beside nobody, nginx, and whatever else is named.
//!
//! `web.rs` is the server, `load.rs` the clients, `place.rs` starts what is compared.

mod load;
mod place;
pub(crate) mod web;

use std::collections::BTreeMap;
use std::path::Path;

pub(crate) use self::load::Endpoint;
use self::load::{Calls, clients};
use self::place::{Place, Subject};
use crate::stats::{median, shown};

/// Sessions that nobody uses, for their memory.
const IDLE: usize = 1000;

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
    name: &'static str,
    events: bool,
    calls: Calls,
}

fn cases(scale: usize) -> Vec<Case> {
    let echo =
        r#""method":"tools/call","params":{"name":"echo","arguments":{"text":"0123456789"}}}"#;
    let read = |bytes: usize| {
        format!(
            r#""method":"tools/call","params":{{"name":"read_bytes","arguments":{{"bytes":{bytes}}}}}}}"#
        )
    };
    let list = r#""method":"tools/list","params":{}}"#;
    let case = |name, events, rest: String, answer, connections, all: usize| Case {
        name,
        events,
        calls: Calls { rest, answer, connections, each: (all / connections / scale).max(2) },
    };
    vec![
        case("1, 100 B", false, echo.to_owned(), 60, 1, 4000),
        case("16, 100 B", false, echo.to_owned(), 60, 16, 32_000),
        case("128, 100 B", false, echo.to_owned(), 60, 128, 32_000),
        case("16, 1 KiB", false, read(1 << 10), 1 << 10, 16, 16_000),
        case("16, 1 KiB, events", true, read(1 << 10), 1 << 10, 16, 16_000),
        case("1, 64 KiB", false, read(1 << 16), 1 << 16, 1, 1000),
        case("16, 64 KiB", false, read(1 << 16), 1 << 16, 16, 4000),
        case("16, 64 KiB, events", true, read(1 << 16), 1 << 16, 16, 4000),
        case("1, list of 1,000 tools", false, list.to_owned(), 300_000, 1, 40),
    ]
}

/// One figure of each round.
#[derive(Debug, Default)]
struct Found {
    p50: Vec<f64>,
    rate: Vec<f64>,
    cpu: Vec<f64>,
}

/// Measures all of it; the text of the tables.
pub(crate) fn run(
    gateway: &Path,
    work: &Path,
    (rounds, scale): (usize, usize),
    peers: &[(String, Endpoint)],
) -> Result<String, String> {
    let subjects = Subject::all(peers);
    let cases = cases(scale);
    let mut found: BTreeMap<(usize, usize), Found> = BTreeMap::new();
    for round in 0..rounds {
        for (who, subject) in subjects.iter().enumerate() {
            eprintln!("round {} of {rounds}: {}", round + 1, subject.name());
            for (which, case) in cases.iter().enumerate() {
                let one = measured(gateway, work, subject, case)
                    .map_err(|error| format!("{}, {}: {error}", subject.name(), case.name))?;
                let Some((p50, rate, cpu)) = one else { continue };
                let found = found.entry((which, who)).or_default();
                found.p50.push(p50);
                found.rate.push(rate);
                found.cpu.push(cpu);
            }
        }
    }
    let mut text = "### Streamable HTTP: requests per second · p50 µs · CPU µs per request\n\n| connections, answer |".to_owned();
    text.extend(subjects.iter().map(|subject| format!(" {} |", subject.name())));
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(subjects.len()));
    for (which, case) in cases.iter().enumerate() {
        text.push_str(&format!("\n| {} |", case.name));
        for who in 0..subjects.len() {
            text.push_str(&match found.remove(&(which, who)) {
                Some(Found { p50, rate, cpu }) => {
                    let [rate, p50, cpu] = [rate, p50, cpu].map(median);
                    format!(" {} · {} · {} |", shown(rate), shown(p50), shown(cpu))
                }
                None => " – |".to_owned(),
            });
        }
    }
    text.push_str("\n\n### Idle sessions\n\n| | sessions | KiB of each |\n|---|---|---|\n");
    for subject in subjects.iter().filter(|subject| subject.is_ours()) {
        let count = (IDLE / scale).max(10);
        eprintln!("{count} idle sessions: {}", subject.name());
        let each = idle(gateway, work, subject, count)?;
        text.push_str(&format!("| {} | {count} | {} |\n", subject.name(), shown(each)));
    }
    Ok(text)
}

/// Median, calls per second, and processor time of each; nothing where it cannot be.
fn measured(
    gateway: &Path,
    work: &Path,
    subject: &Subject,
    case: &Case,
) -> Result<Option<(f64, f64, f64)>, String> {
    let tools = if case.name.contains("tools") { 1000 } else { crate::subject::FILLERS };
    let Some(place) = Place::start(gateway, work, subject, (case.events, tools))? else {
        return Ok(None);
    };
    let mut all = clients(&place.endpoint, case.calls.connections)?;
    let before = place.cpu();
    let took = load::run(&mut all, &case.calls)?;
    // The warming up is in it, on both sides.
    let each = case.calls.each + case.calls.each.div_ceil(10);
    let cpu = place.cpu().saturating_sub(before).as_secs_f64() * 1e6;
    let count = (case.calls.connections * case.calls.each) as f64;
    let rate = count / took.all.as_secs_f64();
    Ok(Some((took.p50, rate, cpu / (case.calls.connections * each) as f64)))
}

/// What one more session takes of the gateway's own memory.
fn idle(gateway: &Path, work: &Path, subject: &Subject, count: usize) -> Result<f64, String> {
    let tools = crate::subject::FILLERS;
    let place = Place::start(gateway, work, subject, (false, tools))?.ok_or("it does not start")?;
    let first = clients(&place.endpoint, 2)?;
    let before = place.memory();
    let rest = clients(&place.endpoint, count)?;
    std::thread::sleep(std::time::Duration::from_secs(1));
    let after = place.memory();
    drop((first, rest));
    Ok((after - before) / count as f64)
}
