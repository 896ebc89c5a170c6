//! What the gateway costs: calls, start, memory, and where the time goes.
//!
//! One command, `cargo bench-portcullis`, prints the tables of
//! `docs/performance.md`. Read in this order: `subject.rs` (who is compared),
//! `measure.rs` (the rounds), `host.rs` (the load), `process.rs` (what was used),
//! `parts.rs` (the inside, without pipes), `spawn.rs` (a box alone), `report.rs` (the tables).
//! `http.rs` is about the gateway over HTTP, `questions.rs` about calls that wait for a person; `replay.rs` counts questions instead: how often a person is asked.
//! `upstream.rs` and `relay.rs` are the other programs, in the same binary.

mod audit;
mod host;
mod http;
mod measure;
mod parts;
mod process;
mod questions;
mod relay;
mod replay;
mod report;
mod servers;
mod spawn;
mod stats;
mod subject;
mod upstream;

use std::io::Write as _;
use std::process::ExitCode;

use crate::report::Findings;
use crate::subject::Places;

const USAGE: &str = "\
usage: cargo bench-portcullis [servers | questions | http] [--rounds N] [--quick] [--gateway FILE]
       cargo bench-portcullis replay FOLDER [--calls N] [--seed N]
       cargo bench-portcullis audit --cases FOLDER [--listings FOLDER] [--trees FOLDER] [--peers DIR]
                                    [--only TEXT] [--output FILE] [--rounds N] [--gateway FILE]

  replay FOLDER   how often a person is asked, over the listings of servers in a folder
  audit           what the auditor finds in labelled cases, in listings of honest servers and of how much source,
                  and beside it the peers whose venvs are in a folder
  questions       what it takes to answer one, and what a call costs beside a thousand
  http            the HTTP gateway beside nobody and nginx
  --peer NAME=PORT/PATH   with http: also what runs there already, in front of any server
  --only TEXT     with http: only cases whose name has it, such as `16, 1 KiB` or `idle`
  --soak MINUTES  with http: nothing but sessions that come and go, and what the gateway holds meanwhile
  servers         our own server beside others of its kind, instead of the gateway
  --rounds N      how often every subject is measured [default: 7]
  --quick         a tenth of the calls and two rounds, to see that it works
  --gateway FILE  measure this binary instead of building one";

/// What was asked for.
#[derive(Debug)]
struct Wanted {
    rounds: usize,
    scale: usize,
    gateway: Option<String>,
    part: Part,
    peers: Vec<(String, http::Endpoint)>,
    soak: Option<f64>,
    only: Option<String>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Gateway,
    Http,
    Questions,
    Servers,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["upstream", fillers] => upstream::serve(fillers.parse().unwrap_or_default()),
        ["web", fillers] => http::web::serve(fillers.parse().unwrap_or_default()),
        ["relay", ..] => relay::relay(arguments.get(1..).unwrap_or_default()),
        ["replay", folder, options @ ..] => replayed(folder, options),
        ["audit", options @ ..] => audited(options),
        _ => wanted(&words).and_then(|wanted| bench(&wanted)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// How often a person is asked.
fn replayed(folder: &str, options: &[&str]) -> Result<(), String> {
    let number = |name: &str, usual: usize| {
        let at = options.iter().position(|word| *word == name);
        match at.map(|at| options.get(at + 1).and_then(|word| word.parse().ok())) {
            None => Ok(usual),
            Some(Some(number)) => Ok(number),
            Some(None) => Err(USAGE.to_owned()),
        }
    };
    let (calls, seed) = (number("--calls", replay::CALLS)?, number("--seed", 1)?);
    let tables = replay::run(std::path::Path::new(folder), calls, seed as u64)?;
    print(&format!("{calls} calls for each server, seed {seed}.\n{tables}"))
}

/// What the auditor finds.
fn audited(words: &[&str]) -> Result<(), String> {
    let (mut order, mut gateway, mut output) =
        (audit::Order { rounds: 3, ..Default::default() }, None, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = words.next().copied().ok_or_else(|| USAGE.to_owned())?;
        let absolute = || std::path::absolute(value).map_err(|error| format!("{value}: {error}"));
        match *word {
            "--cases" => order.cases = absolute()?,
            "--listings" => order.listings = Some(absolute()?),
            "--trees" => order.trees = Some(absolute()?),
            "--peers" => order.peers = Some(absolute()?),
            "--only" => value.clone_into(&mut order.only),
            "--rounds" => order.rounds = value.parse().map_err(|_| USAGE.to_owned())?,
            "--output" => output = Some(absolute()?),
            "--gateway" => gateway = Some(value.to_owned()),
            _ => return Err(USAGE.to_owned()),
        }
    }
    if order.cases.as_os_str().is_empty() {
        return Err(USAGE.to_owned());
    }
    if gateway.is_none() {
        build()?;
    }
    let places =
        tempfile::tempdir().map_err(|error| format!("no directory to work in: {error}"))?;
    let places = Places::new(gateway.as_deref(), places.path())?;
    let page = audit::run(places.gateway(), &order, &setting(order.rounds))?;
    match output {
        Some(file) => {
            std::fs::write(&file, page).map_err(|error| format!("{}: {error}", file.display()))
        }
        None => print(&page),
    }
}

fn wanted(words: &[&str]) -> Result<Wanted, String> {
    let (part, peers) = (Part::Gateway, Vec::new());
    let (soak, only) = (None, None);
    let mut wanted = Wanted { rounds: 7, scale: 1, gateway: None, part, peers, soak, only };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or_else(|| USAGE.to_owned());
        match *word {
            "--rounds" => wanted.rounds = value()?.parse().map_err(|_| USAGE.to_owned())?,
            "http" => wanted.part = Part::Http,
            "questions" => wanted.part = Part::Questions,
            "servers" => wanted.part = Part::Servers,
            "--peer" => wanted.peers.push(http::peer(value()?).ok_or_else(|| USAGE.to_owned())?),
            "--only" => wanted.only = Some((*value()?).to_owned()),
            "--soak" => wanted.soak = Some(value()?.parse().map_err(|_| USAGE.to_owned())?),
            "--quick" => (wanted.rounds, wanted.scale) = (2, 10),
            "--gateway" => wanted.gateway = Some((*value()?).to_owned()),
            _ => return Err(USAGE.to_owned()),
        }
    }
    Ok(wanted)
}

fn bench(wanted: &Wanted) -> Result<(), String> {
    if wanted.gateway.is_none() {
        build()?;
    }
    if wanted.part == Part::Servers {
        let tables = servers::run(wanted.rounds, wanted.gateway.as_deref())?;
        return print(&format!("{}\n\n{tables}", setting(wanted.rounds)));
    }
    let work = tempfile::Builder::new().prefix("portcullis-bench").tempdir();
    let work = work.map_err(|error| format!("no directory to work in: {error}"))?;
    let places = Places::new(wanted.gateway.as_deref(), work.path())?;
    let elsewhere = match wanted.part {
        Part::Questions => Some(questions::run(places.gateway(), work.path(), wanted.rounds)?),
        Part::Http => Some(match wanted.soak {
            Some(minutes) => http::soak(places.gateway(), work.path(), minutes)?,
            None => {
                let much = (wanted.rounds, wanted.scale);
                let only = wanted.only.as_deref().unwrap_or_default();
                http::run(places.gateway(), work.path(), much, (&wanted.peers, only))?
            }
        }),
        Part::Gateway | Part::Servers => None,
    };
    if let Some(tables) = elsewhere {
        return print(&format!("{}\n\n{tables}", setting(wanted.rounds)));
    }
    let cases = measure::cases(wanted.scale);
    let rounds = wanted.rounds;
    let samples = measure::rounds(&places, &cases, rounds, |round, subject| {
        eprintln!("round {} of {rounds}: {}", round + 1, subject.name());
    })?;
    eprintln!("inside");
    let costs = parts::costs(work.path(), &cases, rounds * 3)?;
    eprintln!("boxes");
    let spawns = spawn::costs(places.gateway(), rounds)?;
    let findings = Findings { cases, samples, costs, spawns, rounds };
    let text = format!("{}\n\n{}", setting(findings.rounds), findings.tables());
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string())
}

/// Builds the gateway that is measured, with the cargo that runs us.
fn build() -> Result<(), String> {
    let Some(cargo) = std::env::var_os("CARGO") else { return Ok(()) };
    let arguments = ["build", "--release", "--locked", "--package", "portcullis-cli"];
    let status = host::command(cargo).args(arguments).status();
    let built = status.map_err(|error| format!("cargo cannot be started: {error}"))?.success();
    if built { Ok(()) } else { Err("the gateway cannot be built".to_owned()) }
}

fn print(text: &str) -> Result<(), String> {
    writeln!(std::io::stdout(), "{text}").map_err(|error| error.to_string())
}

/// The facts that the figures depend on, in one line.
fn setting(rounds: usize) -> String {
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let kernel = kernel.split('-').next().unwrap_or_default().trim();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let git = host::command("git").args(["describe", "--always", "--dirty"]).output();
    let commit = git.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    let commit = commit.unwrap_or_default();
    format!("Commit {commit}, Linux {kernel}, {cores} cores, medians of {rounds} rounds.")
}
