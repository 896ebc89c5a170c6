//! Plays every case of the casebook through the real binary: real pipes, a real
//! box, a real journal, a real `portcullis approvals`, and the clock on the wall.
//!
//! Each case is reported under its file and anchor; words on the command line
//! select cases, as with any other test. The pure session's driver, in
//! `crates/mediation/tests/casebook.rs`, plays the same pages.

#![allow(unreachable_pub, reason = "a test's modules")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "casebook/play.rs"]
mod play;
#[path = "stage/mod.rs"]
mod stage;

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use portcullis_casebook::{Case, Step, What, page};

use play::Failed;

/// Cases on stage at once. They wait more than they work.
const STAGES: usize = 8;

/// Fewer cases than this are not the casebook.
const FEWEST: usize = 30;

/// One case, and where it stands.
struct Entry {
    name: String,
    file: String,
    case: Case,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let filters: Vec<&String> = words.iter().filter(|word| !word.starts_with("--")).collect();
    let entries = match entries() {
        Ok(entries) => entries,
        Err(why) => return say(&format!("{why}\n"), ExitCode::FAILURE),
    };
    let chosen = |entry: &&Entry| {
        filters.is_empty() || filters.iter().any(|filter| entry.name.contains(*filter))
    };
    let chosen: Vec<&Entry> = entries.iter().filter(chosen).collect();
    if words.iter().any(|word| word == "--list") {
        let names = chosen.iter().map(|entry| format!("{}: test\n", entry.name));
        return say(&names.collect::<String>(), ExitCode::SUCCESS);
    }
    let mut chosen = chosen;
    chosen.sort_by_key(|entry| std::cmp::Reverse(entry.waits()));
    let failures = run(&chosen);
    let (played, failed) = (chosen.len() - failures.len(), failures.len());
    let report: String = failures.iter().map(|failure| format!("\n{failure}\n")).collect();
    let report = format!("{report}\n{played} cases hold, {failed} do not\n");
    say(&report, if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plays the cases, those that take long first; what failed.
fn run(entries: &[&Entry]) -> Vec<String> {
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..STAGES {
            scope.spawn(|| {
                while let Some(entry) = entries.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = entry.play();
                    let word = if outcome.is_ok() { "ok" } else { "FAILED" };
                    say(&format!("test {} ... {word}\n", entry.name), ());
                    failures.lock().unwrap().extend(outcome.err());
                }
            });
        }
    });
    failures.into_inner().unwrap()
}

fn say<T>(text: &str, then: T) -> T {
    let _ = io::stdout().lock().write_all(text.as_bytes());
    then
}

impl Entry {
    /// How long the case waits by its own word.
    fn waits(&self) -> Duration {
        let time =
            |step: &Step| if let What::Wait(time) = step.what { time } else { Duration::ZERO };
        self.case.steps.iter().map(time).sum()
    }

    fn play(&self) -> Result<(), String> {
        let case = &self.case;
        let whole = |why| Failed { line: 0, text: case.title.clone(), why };
        // A panic is a failure of this case, and the others are played all the same.
        let played = std::panic::catch_unwind(|| play::play(case));
        let played = played.unwrap_or_else(|_| Err(whole("a panic, told above".to_owned())));
        played.map_err(|failed| {
            let line = if failed.line == 0 { case.line } else { failed.line };
            format!("{}:{line}: {}\n    {}", self.file, failed.text, failed.why)
        })
    }
}

/// Every case of every page, in the order of the files. A page that cannot be
/// read, or a heading that is not played, is an error.
fn entries() -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    let mut headings = 0;
    for (file, text) in pages().map_err(|error| format!("the casebook cannot be read: {error}"))? {
        headings += text.lines().filter(|line| line.starts_with("## ")).count();
        let page = page::read(&text, &file).map_err(|malformed| malformed.to_string())?;
        entries.extend(page.cases.into_iter().map(|case| {
            let name = format!("{file}#{}", case.anchor);
            Entry { name, file: file.clone(), case }
        }));
    }
    if entries.len() != headings || headings < FEWEST {
        return Err(format!("{} cases under {headings} headings", entries.len()));
    }
    Ok(entries)
}

/// The pages of every layer, by name.
fn pages() -> io::Result<Vec<(String, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../casebook");
    let mut files = Vec::new();
    for folder in fs::read_dir(&root)? {
        let folder = folder?.path();
        if folder.is_dir() {
            let found = fs::read_dir(folder)?.map(|file| file.map(|file| file.path()));
            files.extend(found.collect::<io::Result<Vec<PathBuf>>>()?);
        }
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    let name = |file: &PathBuf| {
        let below = file.strip_prefix(&root).unwrap_or(file).display().to_string();
        Ok((format!("casebook/{below}"), fs::read_to_string(file)?))
    };
    files.iter().map(name).collect()
}
