//! Plays every case of the casebook against the pure session, on a virtual clock.
//!
//! Each case is reported under its file and anchor; words on the command line
//! select cases, as with any other test. The binary's driver plays the same pages.

#[path = "casebook/operator.rs"]
mod operator;
#[path = "casebook/shelf.rs"]
mod shelf;
#[path = "casebook/store.rs"]
mod store;
#[path = "casebook/world.rs"]
mod world;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::{fs, io};

use portcullis_casebook::{Case, page};

use world::World;

/// One case, and where it stands.
struct Entry {
    name: String,
    file: String,
    outcome: Result<Case, String>,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let entries = match entries() {
        Ok(entries) => entries,
        Err(error) => vec![Entry::broken("casebook", error.to_string())],
    };
    let filters: Vec<&String> = words.iter().filter(|word| !word.starts_with("--")).collect();
    let chosen = |entry: &&Entry| {
        filters.is_empty() || filters.iter().any(|filter| entry.name.contains(*filter))
    };
    let chosen: Vec<&Entry> = entries.iter().filter(chosen).collect();
    match run(&chosen, words.iter().any(|word| word == "--list")) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) | Err(_) => ExitCode::FAILURE,
    }
}

/// Plays the cases; true when all hold.
fn run(entries: &[&Entry], list: bool) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    let mut failures = Vec::new();
    for entry in entries {
        if list {
            writeln!(out, "{}: test", entry.name)?;
            continue;
        }
        match entry.play() {
            Ok(()) => writeln!(out, "test {} ... ok", entry.name)?,
            Err(why) => {
                writeln!(out, "test {} ... FAILED", entry.name)?;
                failures.push(why);
            }
        }
    }
    for failure in &failures {
        writeln!(out, "\n{failure}")?;
    }
    if !list {
        let played = entries.len() - failures.len();
        writeln!(out, "\n{played} cases hold, {} do not", failures.len())?;
    }
    // A casebook that cannot be found must not look like one that holds.
    Ok(failures.is_empty() && (list || !entries.is_empty()))
}

impl Entry {
    fn broken(file: &str, why: String) -> Self {
        Self { name: file.to_owned(), file: file.to_owned(), outcome: Err(why) }
    }

    fn play(&self) -> Result<(), String> {
        let case = self.outcome.as_ref().map_err(Clone::clone)?;
        World::play(case).map_err(|failed| {
            let line = if failed.line == 0 { case.line } else { failed.line };
            format!("{}:{line}: {}\n    {}", self.file, failed.text, failed.why)
        })
    }
}

/// Every case of every page, in the order of the files.
fn entries() -> io::Result<Vec<Entry>> {
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
    let mut entries = Vec::new();
    for file in files {
        let below = file.strip_prefix(&root).unwrap_or(&file).display().to_string();
        entries.extend(cases(&format!("casebook/{below}"), &text(&file)?));
    }
    Ok(entries)
}

#[expect(
    clippy::disallowed_methods,
    reason = "the mind reads no files, its tests read the casebook"
)]
fn text(file: &Path) -> io::Result<String> {
    fs::read_to_string(file)
}

fn cases(file: &str, text: &str) -> Vec<Entry> {
    match page::read(text, file) {
        Err(malformed) => vec![Entry::broken(file, malformed.to_string())],
        Ok(page) => {
            let entry = |case: Case| Entry {
                name: format!("{file}#{}", case.anchor),
                file: file.to_owned(),
                outcome: Ok(case),
            };
            page.cases.into_iter().map(entry).collect()
        }
    }
}
