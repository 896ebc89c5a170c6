//! The test programs, several at once, with what passing tests print kept to the lines that matter.
//!
//! Most of them wait more than they work: for servers to start, for a box, for a browser. So they
//! run in [`LANES`], the long ones first, each with its whole output in a file of `target/ci`. A
//! test that this machine cannot run prints `skipped: why` and passes; those lines are collected.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::{Ci, peers, seconds};
use crate::{run, say};

/// Programs at once.
const LANES: usize = 2;
/// What takes long begins first, so that no lane is left with it at the end.
const LONG: &[&str] = &[
    "cli::peers",
    "cli::casebook",
    "mediation::model",
    "cli::run",
    "cli::browser",
    "cli::matrix",
    "cli::audit",
    "cli::serve",
    "cli::channels",
    "audit::live",
];

/// The whole workspace, and the examples in its documentation.
pub(super) fn all(ci: &mut Ci<'_>) -> Result<(), String> {
    let peers = peers::folder(ci);
    let mut build = ci.repo.cargo();
    build.args(["test", "--workspace"]).env("PORTCULLIS_PEERS", &peers);
    let programs = programs(&mut build)?;
    let command = |program: &Program| {
        let mut command = run::command(&program.path);
        command.current_dir(&program.folder).env("CARGO_MANIFEST_DIR", &program.folder);
        command.env("PORTCULLIS_PEERS", &peers).arg("--show-output");
        Ok(command)
    };
    let ran = in_lanes(ci, programs, "tests", command);
    let mut documents = ci.repo.cargo();
    documents.args(["test", "--workspace", "--locked", "--no-fail-fast", "--doc"]);
    ran.and(run::pass(&mut documents))
}

/// Runs each of them, shows what matters, collects the reasons of skipped tests. All run, also when
/// one has failed.
pub(super) fn in_lanes(
    ci: &mut Ci<'_>,
    mut programs: Vec<Program>,
    log: &str,
    command: impl Fn(&Program) -> Result<Command, String> + Sync,
) -> Result<(), String> {
    let folder = ci.target.join("ci").join(log);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let length = |program: &Program| LONG.iter().position(|name| *name == program.name);
    programs.sort_by_key(|program| length(program).unwrap_or(LONG.len()));
    if programs.is_empty() {
        return Err("there is no test program".to_owned());
    }
    let waiting = Mutex::new(VecDeque::from(programs));
    let (skipped, failed) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    let lane = || {
        while let Some(program) = { lock(&waiting).pop_front() } {
            let begun = Instant::now();
            let ran = command(&program).and_then(|mut tests| whole(&mut tests, &program, &folder));
            let (shown, fate) = match ran {
                Ok(ran) => {
                    lock(&skipped).extend(ran.skipped);
                    (ran.shown, if ran.passed { Ok(()) } else { Err("tests failed".to_owned()) })
                }
                Err(why) => (Vec::new(), Err(why)),
            };
            let end = fate.as_ref().map_or_else(|why| format!(": {why}"), |()| String::new());
            let took = seconds(begun.elapsed());
            // One piece, so that no other lane's lines come between.
            say(&format!("-- {} ({took}){end}\n{}", program.name, shown.join("\n")));
            if fate.is_err() {
                lock(&failed).push(program.name);
            }
        }
    };
    std::thread::scope(|lanes| {
        for _ in 0..LANES {
            lanes.spawn(lane);
        }
    });
    ci.skipped.append(&mut lock(&skipped));
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    match failed.as_slice() {
        [] => Ok(()),
        failed => Err(format!("tests failed: {}", failed.join(", "))),
    }
}

/// What a program did.
struct Ran {
    shown: Vec<String>,
    skipped: Vec<String>,
    passed: bool,
}

/// Runs one to its end.
fn whole(tests: &mut Command, program: &Program, folder: &Path) -> Result<Ran, String> {
    let log = folder.join(format!("{}.log", program.name.replace("::", "-")));
    let broken = |error: std::io::Error| format!("{}: {error}", log.display());
    let file = File::create(&log).map_err(broken)?;
    let both = file.try_clone().map_err(broken)?;
    let status = tests.stdin(Stdio::null()).stdout(file).stderr(both).status();
    let passed = status.map_err(|error| error.to_string())?.success();
    let output = fs::read(&log).map_err(broken)?;
    let mut filter = Filter::default();
    let output = String::from_utf8_lossy(&output);
    let shown = output.lines().filter(|line| filter.shows(line)).map(str::to_owned).collect();
    Ok(Ran { shown, skipped: filter.skipped, passed })
}

fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Which lines of a test run are shown.
#[derive(Default)]
struct Filter {
    quiet: bool,
    skipped: Vec<String>,
}

impl Filter {
    fn shows(&mut self, line: &str) -> bool {
        if let Some(why) = line.trim_start().strip_prefix("skipped: ") {
            self.skipped.push(why.trim_end().to_owned());
        }
        match line {
            "successes:" => self.quiet = true,
            "failures:" => self.quiet = false,
            line if line.starts_with("test result:") => self.quiet = false,
            _ => {}
        }
        let passed = line.starts_with("test ") && line.ends_with(" ... ok");
        !self.quiet && !passed && !line.trim().is_empty()
    }
}

/// The test programs that `cargo test` would run, built.
pub(super) fn programs(test: &mut Command) -> Result<Vec<Program>, String> {
    test.args(["--no-run", "--locked", "--message-format", "json-render-diagnostics"]);
    let messages = run::read(test.stderr(Stdio::inherit()))?;
    let messages = messages.lines().filter_map(|line| serde_json::from_str(line).ok());
    Ok(messages.filter_map(|message| Program::of(&message)).collect())
}

/// A test program.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Program {
    /// `crate::target`, for people.
    pub(super) name: String,
    /// The file to run.
    pub(super) path: String,
    /// The package's folder, where cargo would run it.
    pub(super) folder: String,
}

impl Program {
    /// The name of its package's folder.
    pub(super) fn package(&self) -> &str {
        self.folder.rsplit('/').next().unwrap_or_default()
    }

    fn of(message: &serde_json::Value) -> Option<Self> {
        let test = message["profile"]["test"].as_bool()?;
        let path = message["executable"].as_str().filter(|_| test)?.to_owned();
        let manifest = message["manifest_path"].as_str()?;
        let folder = manifest.strip_suffix("/Cargo.toml")?.to_owned();
        let package = folder.rsplit('/').next().unwrap_or_default();
        let name = format!("{package}::{}", message["target"]["name"].as_str()?);
        Some(Self { name, path, folder })
    }
}

#[cfg(test)]
mod unit {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_takes_long_exists() {
        for (package, program) in LONG.iter().filter_map(|name| name.split_once("::")) {
            let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates");
            let tests = crates.join(package).join("tests").join(program);
            let there = tests.with_extension("rs").is_file() || tests.join("main.rs").is_file();
            assert!(there, "{package}::{program} is no test program any more");
        }
    }

    #[test]
    fn what_passes_is_quiet_and_what_was_skipped_is_heard() {
        let mut filter = Filter::default();
        let output = "running 2 tests\ntest a ... ok\ntest b ... FAILED\n\nsuccesses:\n\n---- a stdout ----\n\
            skipped: no landlock here\nnoise\n\nfailures:\nwhy\n\ntest result: FAILED. 1 passed";
        let shown: Vec<_> = output.lines().filter(|line| filter.shows(line)).collect();
        let expected = [
            "running 2 tests",
            "test b ... FAILED",
            "failures:",
            "why",
            "test result: FAILED. 1 passed",
        ];
        assert_eq!(shown, expected);
        assert_eq!(filter.skipped, ["no landlock here"]);
    }

    #[test]
    fn a_test_program_is_recognised() {
        let message = json!({
            "reason": "compiler-artifact", "manifest_path": "/r/crates/confine/Cargo.toml",
            "target": {"name": "escapes"}, "profile": {"test": true}, "executable": "/t/escapes-1",
        });
        let program = Program::of(&message).expect("a program");
        assert_eq!(
            (program.name.as_str(), program.folder.as_str()),
            ("confine::escapes", "/r/crates/confine")
        );
        let library = json!({"profile": {"test": true}, "executable": null, "manifest_path": "x"});
        assert_eq!(Program::of(&library), None);
    }
}
