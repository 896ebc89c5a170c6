//! `cargo test`, with what passing tests print kept to the lines that matter.
//!
//! A test that this machine cannot run prints `skipped: why` and passes; those
//! lines are collected. Everything else that a passing test prints is in
//! `target/ci/tests.log`.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use super::{Ci, peers};
use crate::{run, say};

/// The whole workspace.
pub(super) fn all(ci: &mut Ci<'_>) -> Result<(), String> {
    let mut cargo = ci.repo.cargo();
    cargo.args(["test", "--workspace", "--locked", "--no-fail-fast", "--", "--show-output"]);
    cargo.env("PORTCULLIS_PEERS", peers::folder(ci));
    listen(ci, &mut cargo, "tests.log")
}

/// Runs tests, shows what matters, collects the reasons of skipped ones.
pub(super) fn listen(ci: &mut Ci<'_>, tests: &mut Command, log: &str) -> Result<(), String> {
    let folder = ci.target.join("ci");
    let broken = |error: std::io::Error| format!("{}: {error}", folder.display());
    fs::create_dir_all(&folder).map_err(broken)?;
    let mut log = fs::File::create(folder.join(log)).map_err(broken)?;
    let spawned = tests.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.map_err(|error| error.to_string())?;
    let stdout = child.stdout.take().ok_or("no pipe")?;
    let mut filter = Filter::default();
    for line in BufReader::new(stdout).split(b'\n') {
        let line = line.map_err(broken)?;
        let line = String::from_utf8_lossy(&line);
        writeln!(log, "{line}").map_err(broken)?;
        if filter.shows(&line) {
            say(&line);
        }
    }
    ci.skipped.append(&mut filter.skipped);
    let status = child.wait().map_err(|error| error.to_string())?;
    if status.success() { Ok(()) } else { Err(format!("tests failed ({status})")) }
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
