//! `portcullis journal`: what happened, and the proof that it was not changed.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

use portcullis_console::card::rows;
use portcullis_guard::text::visible;
use portcullis_store::{Entry, Report, read, verify};
use serde_json::{Value, json};

use crate::args::{Journal, JournalAction, Places};
use crate::exit::{Exit, Trouble};
use crate::state::state_dir;
use crate::style;

/// How often `--follow` looks for more.
const PACE: Duration = Duration::from_millis(200);

pub(super) fn run(args: &Journal, places: &Places) -> Result<Exit, Trouble> {
    let dir = journal_dir(places)?;
    match &args.action {
        JournalAction::Tail { follow, last } => tail(&dir, *last, *follow, args.json),
        JournalAction::Show { seq: Some(seq), .. } => show_one(&dir, *seq, args.json),
        JournalAction::Show { since, .. } => show(&dir, since.unwrap_or(1), args.json),
        JournalAction::Verify => prove(&dir, args.json),
    }
}

fn journal_dir(places: &Places) -> Result<PathBuf, Trouble> {
    let dir = state_dir(places)?.join("journal");
    if dir.is_dir() {
        return Ok(dir);
    }
    let said = format!("there is no journal in `{}`: nothing was recorded yet", dir.display());
    Err(Trouble::new(Exit::Nothing, said))
}

fn tail(dir: &Path, last: usize, follow: bool, json: bool) -> Result<Exit, Trouble> {
    let mut entries = read(dir, 1)?;
    let mut kept = VecDeque::new();
    for entry in &mut entries {
        kept.push_back(entry?);
        if kept.len() > last {
            kept.pop_front();
        }
    }
    for entry in &kept {
        print(entry, json)?;
    }
    if !follow {
        return Ok(Exit::Clean);
    }
    loop {
        for entry in &mut entries {
            print(&entry?, json)?;
        }
        std::thread::sleep(PACE);
    }
}

fn show(dir: &Path, since: u64, json: bool) -> Result<Exit, Trouble> {
    for entry in read(dir, since)? {
        print(&entry?, json)?;
    }
    Ok(Exit::Clean)
}

fn show_one(dir: &Path, seq: u64, json: bool) -> Result<Exit, Trouble> {
    let Some(entry) = read(dir, seq)?.next().transpose()?.filter(|entry| entry.seq == seq) else {
        let said = format!("there is no record {seq}: see `portcullis journal tail`");
        return Err(Trouble::new(Exit::Nothing, said));
    };
    if json {
        print(&entry, true)?;
    } else {
        style::print(&format!("{}\n", rows(&entry.line).join("\n")))?;
    }
    Ok(Exit::Clean)
}

fn print(entry: &Entry, json: bool) -> Result<(), Trouble> {
    let line = if json { entry.line.clone() } else { summary(entry) };
    style::print(&format!("{line}\n"))
}

/// One record on one line.
fn summary(entry: &Entry) -> String {
    let record: Value = serde_json::from_str(&entry.line).unwrap_or_default();
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let time = text("/time").split('.').next().unwrap_or_default().replace('T', " ");
    let because = record.pointer("/decision/because").and_then(Value::as_array);
    let why = because.into_iter().flatten().filter_map(|one| {
        let (control, why) = (one.get("control")?.as_str()?, one.get("why")?.as_str()?);
        Some(format!("{control}: {why}"))
    });
    let parts = [
        format!("{:>6}", entry.seq),
        visible(&time),
        format!("{:<9}", visible(text("/event"))),
        visible(text("/server")),
        visible(text("/method")),
        visible(text("/tool")),
        visible(text("/outcome")),
        visible(&why.collect::<Vec<_>>().join("; ")),
        visible(text("/note")),
    ];
    parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("  ")
}

fn prove(dir: &Path, as_json: bool) -> Result<Exit, Trouble> {
    let report = verify(dir)?;
    let Report { segments, records, covered, torn, .. } = &report;
    if as_json {
        let broken = report.broken.as_ref().map(ToString::to_string);
        let value = json!({
            "verifies": broken.is_none(), "segments": segments, "records": records,
            "covered": covered, "torn": torn, "broken": broken,
        });
        style::print(&format!("{value}\n"))?;
    } else if report.broken.is_none() {
        style::print(&format!(
            "the journal verifies: {records} records in {segments} segments, signed up to record {covered}\n"
        ))?;
    }
    match report.broken {
        None => Ok(Exit::Clean),
        Some(_) if as_json => Ok(Exit::Unverified),
        Some(broken) => {
            let said = format!(
                "the journal does not verify: {broken}; {records} records before it are as they were written"
            );
            Err(Trouble::new(Exit::Unverified, said))
        }
    }
}
