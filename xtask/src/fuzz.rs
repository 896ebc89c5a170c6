//! `cargo xtask fuzz`: strangers' bytes at every door, guided by coverage.
//!
//! A door is one file in `fuzz/doors`, with a corpus of the same name. The
//! coverage comes from flags that the stable compiler has, so nothing else has
//! to be installed. A finding ends the run and leaves its input in
//! `fuzz/artifacts/DOOR`. What was learned is kept in `target/fuzz/corpus/DOOR`, and
//! `--keep` adds the few inputs of it that reach new code to the corpus.

use std::fs;
use std::path::{Path, PathBuf};

use crate::repo::Repo;
use crate::{run, say};

/// The coverage that libFuzzer reads, as its own documentation asks for it.
const COVERAGE: &str = "-Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares \
    --cfg=fuzzing";

/// Longest input, in bytes: beyond it only the bounds on size are met again.
const LONGEST: u32 = 16 << 10;
/// One input that takes longer than this is a finding, in seconds.
const SLOWEST: u32 = 10;
/// How much memory one door may take, in MiB.
const MEMORY: u32 = 2048;

/// What to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Order {
    /// All doors when empty.
    doors: Vec<String>,
    /// How long each, in seconds.
    seconds: u32,
    /// The corpus grows by what was learned.
    keep: bool,
}

impl Order {
    /// Reads what stands behind `fuzz`.
    pub(crate) fn read(words: &[&str]) -> Result<Self, String> {
        let mut order = Self { doors: Vec::new(), seconds: 60, keep: false };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--keep" => order.keep = true,
                "--seconds" => {
                    let count = words.next().and_then(|text| text.parse().ok());
                    order.seconds = count.ok_or("--seconds takes a whole number")?;
                }
                door if !door.starts_with('-') => order.doors.push(door.to_owned()),
                other => return Err(format!("fuzz knows no `{other}`")),
            }
        }
        Ok(order)
    }

    /// Every door, for a moment: the corpora are played, and a little more.
    pub(crate) fn smoke() -> Self {
        Self { doors: Vec::new(), seconds: 5, keep: false }
    }
}

/// Builds the doors and knocks at each.
pub(crate) fn command(repo: &Repo, order: &Order) -> Result<(), String> {
    let room = Room { root: repo.root().join("fuzz"), target: repo.target()?.join("fuzz") };
    let all = room.doors()?;
    let unknown = order.doors.iter().find(|door| !all.contains(door));
    if let Some(door) = unknown {
        return Err(format!("there is no door `{door}`; there are {}", all.join(", ")));
    }
    let doors = if order.doors.is_empty() { &all } else { &order.doors };
    let host = host()?;
    room.build(repo, &host, doors)?;
    for door in doors {
        room.knock(&host, door, order)?;
    }
    Ok(())
}

/// Where the doors are.
struct Room {
    root: PathBuf,
    target: PathBuf,
}

impl Room {
    /// The names of all doors, in order.
    fn doors(&self) -> Result<Vec<String>, String> {
        let folder = self.root.join("doors");
        let broken = |error: std::io::Error| format!("{}: {error}", folder.display());
        let mut doors = Vec::new();
        for entry in fs::read_dir(&folder).map_err(broken)? {
            let path = entry.map_err(broken)?.path();
            doors.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
        doors.sort();
        Ok(doors)
    }

    fn build(&self, repo: &Repo, host: &str, doors: &[String]) -> Result<(), String> {
        let mut cargo = repo.cargo();
        cargo.args(["build", "--profile", "fuzz", "--locked", "--quiet"]);
        // With a target, the flags are for the doors and not for build scripts.
        cargo.args(["--package", "portcullis-fuzz", "--target", host]);
        cargo.arg("--target-dir").arg(&self.target).env("RUSTFLAGS", COVERAGE);
        for door in doors {
            cargo.args(["--bin", door]);
        }
        run::pass(&mut cargo)
    }

    /// One door: its corpus, then what coverage leads to, until the time is up.
    fn knock(&self, host: &str, door: &str, order: &Order) -> Result<(), String> {
        let program = self.target.join(host).join("fuzz").join(door);
        let committed = self.root.join("corpus").join(door);
        let learned = self.target.join("corpus").join(door);
        let findings = self.root.join("artifacts").join(door);
        for folder in [&committed, &learned, &findings] {
            fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        }
        let mut fuzzer = run::command(&program);
        fuzzer.arg(&learned).arg(&committed);
        fuzzer.args(arguments(order.seconds, &findings));
        let log = self.target.join(format!("{door}.log"));
        let file = fs::File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        fuzzer.stderr(file);
        let passed = run::pass(&mut fuzzer);
        let said = fs::read_to_string(&log).unwrap_or_default();
        if let Err(failed) = passed {
            return Err(format!("{failed}\n{}", tail(&said, 40)));
        }
        say(&format!("{door}: {}", summary(&said).ok_or("the fuzzer did not say what it did")?));
        if order.keep { merge(&program, &committed, &learned) } else { Ok(()) }
    }
}

fn arguments(seconds: u32, findings: &Path) -> Vec<String> {
    vec![
        format!("-max_total_time={seconds}"),
        format!("-max_len={LONGEST}"),
        format!("-timeout={SLOWEST}"),
        format!("-rss_limit_mb={MEMORY}"),
        format!("-artifact_prefix={}/", findings.display()),
        "-print_final_stats=1".to_owned(),
    ]
}

/// Adds to the corpus the few inputs that reach code which it does not reach yet.
fn merge(program: &Path, committed: &Path, learned: &Path) -> Result<(), String> {
    let mut merge = run::command(program);
    merge.args(["-set_cover_merge=1", "-use_counters=0", "-max_len=4096"]);
    run::read(merge.arg(committed).arg(learned)).map(drop)
}

/// `12345 inputs in 5 s`, from what libFuzzer says at the end.
fn summary(said: &str) -> Option<String> {
    let done = said.lines().rev().find(|line| line.starts_with("Done "))?;
    let words: Vec<_> = done.split_whitespace().collect();
    let ["Done", inputs, "runs", "in", seconds, ..] = words.as_slice() else { return None };
    Some(format!("{inputs} inputs in {seconds} s, no finding"))
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<_> = text.lines().collect();
    all.iter().skip(all.len().saturating_sub(lines)).copied().collect::<Vec<_>>().join("\n")
}

/// The compiler's own target triple.
fn host() -> Result<String, String> {
    let said = run::read(run::command("rustc").arg("-vV"))?;
    let host = said.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| "rustc does not name its host".to_owned())
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn an_order_is_read() {
        let order = Order::read(&["parse", "--seconds", "600", "--keep"]).expect("an order");
        assert_eq!(order, Order { doors: vec!["parse".to_owned()], seconds: 600, keep: true });
        for wrong in [&["--seconds"][..], &["--seconds", "long"], &["--quick"]] {
            assert!(Order::read(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_the_fuzzer_did_is_told_and_its_silence_is_not() {
        let said = "INFO: x\nDone 123 runs in 6 second(s)\nstat::x: 1\n";
        assert_eq!(summary(said).as_deref(), Some("123 inputs in 6 s, no finding"));
        assert_eq!(summary("INFO: x\n"), None);
    }
}
