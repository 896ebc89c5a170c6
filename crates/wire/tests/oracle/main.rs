//! The shape table against the official schemas, on messages that nobody wrote.
//!
//! Messages are made by walking our own table, then broken in one place, and
//! both judges say whether they fit. Where they disagree we are stricter, for a
//! reason that [`reasons`] names; laxer we are in one place, which it names too. The schemas belong to the
//! pinned conformance suite (`peers/node`) and are not in this repository.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]
#![allow(unreachable_pub, reason = "a test's modules")]
#![allow(clippy::print_stdout, reason = "how many of each, for whoever asks")]

mod breaking;
mod dice;
mod making;
mod official;
mod reasons;
mod sdk;

use std::collections::{BTreeMap, BTreeSet};

use portcullis_wire::method::{INPUT_REQUESTS, METHODS, TASKS};
use portcullis_wire::{Era, Kind, Limits, Message, Method, Need, Outcome, Revision, parse};
use serde_json::{Value, json};

use dice::Dice;
use official::Official;

/// Messages for each revision; the SDK of 2024 gets fewer.
const MESSAGES: usize = 6000;
const FEWER: usize = 3000;

/// One thing that both judges look at.
struct Sample {
    row: &'static Method,
    /// The message is the row's result, not its request or notification.
    is_result: bool,
}

#[test]
fn our_table_agrees_with_the_official_schemas() {
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for (revision, official) in Official::all() {
        wrong.extend(compare(revision, &official, &mut used));
    }
    assert!(wrong.is_empty(), "without a reason:\n{}", wrong.join("\n"));
    let unused: Vec<_> =
        reasons::ALL.iter().map(|reason| reason.name).filter(|name| !used.contains(name)).collect();
    assert!(unused.is_empty(), "reasons that excuse nothing: {unused:?}");
}

#[test]
fn our_table_agrees_with_an_sdk_of_2024() {
    let revision = Revision::V2024_11_05;
    let (mut dice, samples) = (Dice::new(2024), samples(revision));
    let make = |turn: usize| {
        let sample = &samples[turn % samples.len()];
        (sample, message(sample, &made(sample, revision, turn / samples.len(), &mut dice)))
    };
    let messages: Vec<(&Sample, Value)> = (0..FEWER).map(make).collect();
    let (mut agreed, mut wrong) = (0, BTreeMap::new());
    for ((sample, message), theirs) in messages.iter().zip(sdk::verdicts(&messages)) {
        match (judge(sample, message, revision), theirs) {
            (Ok(()), true) | (Err(_), false) => agreed += 1,
            (Ok(()), false) if sdk::is_narrower(message) => {}
            (Ok(()), false) => drop(wrong.insert(format!("laxer: {}", sample.row.name), message)),
            (Err(why), true) => {
                let excused = reasons::excuse(&why, revision, sample.row.name).is_some();
                if !excused && !sdk::is_wider(&why) {
                    wrong.insert(format!("stricter: {why}"), message);
                }
            }
        }
    }
    let wrong: Vec<_> = wrong.iter().map(|(why, message)| format!("{why}: {message}")).collect();
    assert!(wrong.is_empty(), "without a reason:\n{}", wrong.join("\n"));
    assert!(agreed > FEWER * 3 / 4, "{agreed} of {FEWER} agree");
}

/// The params or the result of one sample; two of three turns break it somewhere.
fn made(sample: &Sample, revision: Revision, turn: usize, dice: &mut Dice) -> Value {
    let shape = if sample.is_result { sample.row.result } else { sample.row.params };
    let mut value = making::make(shape, revision, dice, 0);
    for _ in 0..turn % 3 {
        breaking::change(&mut value, dice);
    }
    value
}

fn compare(
    revision: Revision,
    official: &Official,
    used: &mut BTreeSet<&'static str>,
) -> Vec<String> {
    let samples = samples(revision);
    let mut dice = Dice::new(u64::from(revision.as_str().bytes().map(u32::from).sum::<u32>()));
    let (mut fit, mut misfit, mut apart) = (0, 0, BTreeMap::new());
    let mut wrong = BTreeMap::new();
    for turn in 0..MESSAGES {
        let sample = &samples[turn % samples.len()];
        let value = made(sample, revision, turn / samples.len(), &mut dice);
        let message = message(sample, &value);
        let (ours, theirs) = (judge(sample, &message, revision), official.fits(sample, &message));
        match (&ours, theirs) {
            (Ok(()), true) => fit += 1,
            (Err(_), false) => misfit += 1,
            (Ok(()), false) if official.fits(sample, &reasons::whole_numbers(sample, &message)) => {
            }
            (Ok(()), false) => {
                let why = official.why(sample, &message);
                wrong.entry(format!("laxer: {why}")).or_insert(message);
            }
            (Err(why), true) => match reasons::excuse(why, revision, sample.row.name) {
                Some(reason) => *apart.entry(reason).or_insert(0) += 1,
                None => drop(wrong.entry(format!("stricter: {why}")).or_insert(message)),
            },
        }
    }
    assert!(fit > MESSAGES / 5 && misfit > MESSAGES / 5, "{revision}: {fit} fit, {misfit} do not");
    println!("{revision}: {fit} fit, {misfit} do not, stricter: {apart:?}");
    used.extend(apart.into_keys());
    wrong.iter().map(|(why, message)| format!("{revision}: {why}: {message}")).collect()
}

/// Everything that a revision may carry. What an extension adds is in no schema of
/// the core; `tasks.rs` of the laws has examples of its own specification.
fn samples(revision: Revision) -> Vec<Sample> {
    let of_core = |row: &&Method| row.needs != Some(Need::TasksExtension);
    let rows = METHODS.iter().filter(|row| row.in_revision(revision)).filter(of_core);
    let calls = rows.flat_map(|row| {
        let result = (row.kind == Kind::Request).then_some(true);
        let both = [Some(false), result].into_iter().flatten();
        both.map(move |is_result| Sample { row, is_result })
    });
    let inside = INPUT_REQUESTS
        .iter()
        .filter(|row| row.in_revision(revision))
        .flat_map(|row| [false, true].map(|is_result| Sample { row, is_result }));
    let created = TASKS
        .iter()
        .filter(|row| row.in_revision(revision) && revision.era() == Era::Legacy)
        .map(|row| Sample { row, is_result: true });
    calls.chain(inside).chain(created).collect()
}

fn message(sample: &Sample, value: &Value) -> Value {
    match (sample.is_result, sample.row.kind) {
        (true, _) => json!({"jsonrpc": "2.0", "id": 1, "result": value}),
        (false, Kind::Request) => {
            json!({"jsonrpc": "2.0", "id": 1, "method": sample.row.name, "params": value})
        }
        (false, Kind::Notification) => {
            json!({"jsonrpc": "2.0", "method": sample.row.name, "params": value})
        }
    }
}

/// What the gateway thinks of the line.
fn judge(sample: &Sample, message: &Value, revision: Revision) -> Result<(), String> {
    let line = message.to_string();
    let parsed = parse(line.as_bytes(), &Limits::default()).map_err(|why| why.to_string())?;
    let judged = match &parsed {
        Message::Request(request) => {
            sample.row.params.holds_params(request.params.as_ref(), revision)
        }
        Message::Notification(said) => {
            sample.row.params.holds_params(said.params.as_ref(), revision)
        }
        Message::Response(response) => match &response.outcome {
            Outcome::Result(result) => sample.row.result.holds(result, "result", revision),
            Outcome::Error(_) => return Err("an error is no result".to_owned()),
        },
    };
    judged.map_err(|misfit| misfit.to_string())
}
