//! The journal for the console: records by words, sessions, and whether it holds.

use std::collections::BTreeMap;
use std::path::Path;

use portcullis_console::api::{Found, Record, Seal, Search, Session};
use portcullis_store::{Entry, Report, StoreError, last, read, verify};
use serde_json::Value;

/// How many records a page has.
const PAGE: usize = 50;
/// How many records are looked at for one page.
const LOOKED: u64 = 50_000;
/// How many of them at once: the newest are at the end, and files are read from the front.
const STEP: u64 = 2_000;
/// A record that is longer is not on the page.
const WHOLE: usize = 64 * 1024;
/// How many records the sessions are taken from, and how many sessions there are.
const RECENT: u64 = 20_000;
const SESSIONS: usize = 100;
/// Records of ours that belong to no conversation: of commands, and of what comes before a start.
const OURS: &[&str] = &["launch", "pins"];
/// A journal of more bytes is read through when that is wanted only.
const QUICK: u64 = 32 * 1024 * 1024;

/// Records that have a text, the newest first.
pub(crate) fn search(dir: &Path, search: &Search) -> Result<Found, StoreError> {
    if !dir.is_dir() {
        return Ok(Found::default());
    }
    let newest = last(dir)?.saturating_add(1);
    let mut end = search.before.map_or(newest, |before| before.min(newest));
    let stop = end.saturating_sub(LOOKED);
    let wanted = search.text.to_lowercase();
    let mut records = Vec::new();
    while end > 1 && end > stop && records.len() <= PAGE {
        let from = end.saturating_sub(STEP).max(1);
        let mut found = Vec::new();
        for entry in between(dir, from, end)? {
            if wanted.is_empty() || entry.line.to_lowercase().contains(&wanted) {
                found.push(record(&entry));
            }
        }
        records.extend(found.into_iter().rev());
        end = from;
    }
    let mut next = (end > 1).then_some(end);
    if records.len() > PAGE {
        records.truncate(PAGE);
        next = records.last().map(|record: &Record| record.seq);
    }
    Ok(Found { records, next })
}

/// The records from one number to before another.
fn between(dir: &Path, from: u64, end: u64) -> Result<Vec<Entry>, StoreError> {
    let mut all = Vec::new();
    for entry in read(dir, from)? {
        let entry = entry?;
        if entry.seq >= end {
            break;
        }
        all.push(entry);
    }
    Ok(all)
}

/// The last records, oldest first.
pub(crate) fn recent(dir: &Path) -> Result<Vec<Value>, StoreError> {
    if !dir.is_dir() {
        return Ok(Vec::new());
    }
    let end = last(dir)?.saturating_add(1);
    let entries = between(dir, end.saturating_sub(RECENT).max(1), end)?;
    Ok(entries.iter().filter_map(|entry| serde_json::from_str(&entry.line).ok()).collect())
}

/// A text of a record; nothing when there is none.
pub(crate) fn text<'a>(record: &'a Value, member: &str) -> &'a str {
    record.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn time(record: &Value) -> String {
    text(record, "time").split('.').next().unwrap_or_default().replace('T', " ")
}

fn record(entry: &Entry) -> Record {
    let value: Value = serde_json::from_str(&entry.line).unwrap_or_default();
    let join = |parts: &[&str]| {
        parts.iter().copied().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" ")
    };
    let because = value.pointer("/decision/because").and_then(Value::as_array);
    let why = because.into_iter().flatten().map(|one| text(one, "why"));
    let why = why.collect::<Vec<_>>().join("; ");
    let long = format!("\"{} bytes: portcullis journal show {}\"", entry.line.len(), entry.seq);
    Record {
        seq: entry.seq,
        time: time(&value),
        event: text(&value, "event").to_owned(),
        server: text(&value, "server").to_owned(),
        what: join(&[text(&value, "method"), text(&value, "tool")]),
        says: join(&[text(&value, "outcome"), &why, text(&value, "note")]),
        whole: if entry.line.len() > WHOLE { long } else { entry.line.clone() },
    }
}

/// The last sessions, the newest first.
pub(crate) fn sessions(dir: &Path) -> Result<Vec<Session>, StoreError> {
    let mut places = BTreeMap::new();
    let mut all: Vec<Session> = Vec::new();
    for record in recent(dir)? {
        let name = text(&record, "session");
        if name.is_empty() || OURS.contains(&name) {
            continue;
        }
        let place = *places.entry(name.to_owned()).or_insert_with(|| {
            all.push(Session {
                name: name.to_owned(),
                server: text(&record, "server").to_owned(),
                caller: text(&record, "principal").to_owned(),
                began: time(&record),
                ..Session::default()
            });
            all.len() - 1
        });
        let Some(session) = all.get_mut(place) else { continue };
        session.last = time(&record);
        match text(&record, "event") {
            "intent" => session.passed += 1,
            "denied" => session.denied += 1,
            "asked" => session.asked += 1,
            "ended" => {
                let note = text(&record, "note");
                session.ended = Some(if note.is_empty() { "ended" } else { note }.to_owned());
            }
            _ => {}
        }
    }
    all.reverse();
    all.truncate(SESSIONS);
    Ok(all)
}

/// Whether the journal is as it was written.
pub(crate) fn seal(dir: &Path, wanted: bool) -> Seal {
    if !dir.is_dir() {
        return Seal::Holds("Nothing was recorded yet.".to_owned());
    }
    let bytes = size(dir);
    if bytes > QUICK && !wanted {
        let mebibytes = bytes >> 20;
        return Seal::Unknown(format!("It has {mebibytes} MiB, and was not read through."));
    }
    match verify(dir) {
        Ok(Report { broken: None, records, segments, covered, .. }) => Seal::Holds(format!(
            "The journal verifies: {records} records in {segments} segments, signed up to record {covered}."
        )),
        Ok(Report { broken: Some(broken), records, .. }) => Seal::Broken(format!(
            "The journal does not verify: {broken}; {records} records before it are as they were written."
        )),
        Err(error) => Seal::Broken(format!("The journal could not be read: {error}.")),
    }
}

fn size(dir: &Path) -> u64 {
    let files = std::fs::read_dir(dir).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|found| found.len()).sum()
}
