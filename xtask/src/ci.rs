//! `cargo xtask test`: everything a change must pass, here and anywhere.
//!
//! [`STEPS`] is the story. Each step says its name when it starts and how long
//! it took; the first that fails ends the run with one line. What a machine
//! cannot do is said by the tests themselves (`skipped: why`), and counted.

mod demo;
mod deny;
mod lesson;
pub(crate) mod peers;
mod release;
mod system;
mod tests;
mod unprivileged;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::repo::Repo;
use crate::{fuzz, generate, run, say, tidy};

/// What the steps share.
pub(crate) struct Ci<'a> {
    pub(crate) repo: &'a Repo,
    /// Where cargo builds; ours are `peers/`, `tools/` and `ci/` below it.
    pub(crate) target: PathBuf,
    /// Why tests were skipped, as they said it.
    pub(crate) skipped: Vec<String>,
}

type Step = fn(&mut Ci<'_>) -> Result<(), String>;

/// In order: the cheap and the likely to fail first.
const STEPS: &[(&str, Step)] = &[
    ("toolchain", toolchain),
    ("system programs", system::install),
    ("peers", peers::install),
    ("format", |ci| run::pass(ci.repo.cargo().args(["fmt", "--all", "--check"]))),
    ("tidy", |ci| tidy::command(ci.repo)),
    ("documents", |ci| generate::check(ci.repo)),
    ("clippy", clippy),
    ("dependencies", deny::check),
    ("release build", release::build),
    ("tests", tests::all),
    ("tests of the box, as an ordinary user", unprivileged::tests),
    ("fuzz doors", |ci| fuzz::command(ci.repo, &fuzz::Order::smoke())),
    ("demo", demo::plays),
    ("lesson", lesson::plays),
];

/// Runs every step, from the first on whose name begins so.
pub(crate) fn command(repo: &Repo, from: &str) -> Result<(), String> {
    let first = STEPS.iter().position(|(name, _)| name.starts_with(from));
    let steps = first.and_then(|first| STEPS.get(first..));
    let steps = steps.ok_or_else(|| format!("no step's name begins with `{from}`"))?;
    let mut ci = Ci { repo, target: repo.target()?, skipped: Vec::new() };
    let begun = Instant::now();
    let mut times = Vec::new();
    for (name, step) in steps {
        say(&format!("\n==> {name}"));
        let started = Instant::now();
        step(&mut ci).map_err(|why| format!("{name}: {why}"))?;
        let took = started.elapsed();
        say(&format!("<== {name}: {}", seconds(took)));
        times.push((name, took));
    }
    let all = if steps.len() == STEPS.len() { "every step" } else { "every step from there on" };
    say(&format!("\n{all} passed"));
    for (name, took) in times {
        say(&format!("  {:>8}  {name}", seconds(took)));
    }
    say(&format!("  {:>8}  in all", seconds(begun.elapsed())));
    say(&summary(&ci.skipped));
    Ok(())
}

fn toolchain(ci: &mut Ci<'_>) -> Result<(), String> {
    say(run::read(ci.repo.cargo().arg("--version"))?.trim_end());
    say(run::read(run::command("rustc").arg("--version"))?.trim_end());
    let kernel = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let who = if run::root() { "root" } else { "an ordinary user" };
    say(&format!("kernel {}, {cores} cores, as {who}", kernel.trim()));
    Ok(())
}

fn clippy(ci: &mut Ci<'_>) -> Result<(), String> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
    run::pass(ci.repo.cargo().args(arguments))
}

/// `skipped 3: why (2), other why (1)`
fn summary(skipped: &[String]) -> String {
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for why in skipped {
        match reasons.iter_mut().find(|(seen, _)| seen == why) {
            Some((_, count)) => *count += 1,
            None => reasons.push((why, 1)),
        }
    }
    let reasons: Vec<_> =
        reasons.iter().map(|(why, count)| format!("\n  {count} x {why}")).collect();
    format!("skipped: {}{}", skipped.len(), reasons.concat())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn reasons_are_counted() {
        let skipped = ["no landlock".to_owned(), "no git".to_owned(), "no landlock".to_owned()];
        assert_eq!(summary(&skipped), "skipped: 3\n  2 x no landlock\n  1 x no git");
        assert_eq!(summary(&[]), "skipped: 0");
    }
}
