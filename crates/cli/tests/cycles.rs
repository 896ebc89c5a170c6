//! A thousand starts and ends, polite ones and kills at any moment of any of our
//! processes: afterwards there is no process, mount, socket or file too many.
//!
//! `PORTCULLIS_CYCLES` says how many, `PORTCULLIS_SEED` which moments.

#![allow(unreachable_pub, reason = "a test's modules")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

#[path = "stage/mod.rs"]
mod stage;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, set_child_subreaper, wait};

use stage::kin::{self, Kin};
use stage::{PATIENCE, Stage};

/// As many as the promise names. What they cost is mostly starting processes.
const CYCLES: u32 = 1000;

/// Leaves an orphan with a session of its own, and waits for its input to end.
const SERVER: &str = "(trap '' TERM HUP; setsid sleep 1000) >/dev/null 2>&1 </dev/null & \
                      exec cat >/dev/null";

/// When something happens after a start, at most: the slowest start of a box on a
/// busy machine, and a moment of running.
const SPREAD: u64 = 40;

/// Numbers that only look random (xorshift, Marsaglia 2003): a run can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }
}

/// What the machine has that could be ours.
struct Traces {
    mounts: String,
    sockets: BTreeSet<String>,
    private: BTreeSet<String>,
    temporary: BTreeSet<String>,
}

impl Traces {
    fn take(stage: &Stage) -> Self {
        let sockets = fs::read_to_string("/proc/net/unix").unwrap();
        let ours = |line: &&str| {
            line.contains("portcullis") || line.contains(&stage.path().display().to_string())
        };
        Self {
            mounts: fs::read_to_string("/proc/self/mountinfo").unwrap(),
            sockets: sockets.lines().filter(ours).map(str::to_owned).collect(),
            private: names("/tmp").into_iter().filter(|name| is_left(name)).collect(),
            temporary: names(stage.path().join("tmp")),
        }
    }
}

fn names(folder: impl AsRef<std::path::Path>) -> BTreeSet<String> {
    let entries = fs::read_dir(folder).unwrap().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// `portcullis-PID-N`, a private directory below level full, whose process is gone.
fn is_left(name: &str) -> bool {
    let number = name.strip_prefix("portcullis-").and_then(|rest| rest.split('-').next());
    number.and_then(|pid| pid.parse().ok()).is_some_and(|pid| kin::find(pid).is_none())
}

/// One life of a gateway, and of everybody below it.
fn cycle(stage: &Stage, dice: &mut Dice) {
    // Below level full there is one way to end, whatever else is missing.
    let level = if dice.below(4) == 0 { "none" } else { "full" };
    let mut command = stage.run(&["--confinement", level], &Stage::shell(SERVER));
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut gateway = command.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(dice.below(SPREAD)));
    let pid = i32::try_from(gateway.id()).unwrap();
    match dice.below(4) {
        0 => {}
        1 => drop(kill_process(Pid::from_raw(pid).unwrap(), Signal::TERM)),
        _ => {
            let mut all = vec![kin::find(pid)];
            all.extend(kin::below(pid).into_iter().map(Some));
            let chosen = usize::try_from(dice.below(all.len() as u64)).unwrap();
            if let Some(victim) = all[chosen] {
                kin::kill(victim);
            }
        }
    }
    // Whoever is left learns that the host has gone.
    drop(gateway.stdin.take());
    finish(&mut gateway);
    let left = nobody_is_left();
    assert!(left.is_empty(), "level {level}: {}", told(&left));
}

fn finish(gateway: &mut Child) {
    let deadline = Instant::now() + PATIENCE;
    while gateway.try_wait().unwrap().is_none() {
        assert!(Instant::now() < deadline, "the gateway does not end");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// We are whom orphans fall to, so whoever lives is below us.
fn nobody_is_left() -> Vec<Kin> {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        let left = kin::below(getpid().as_raw_nonzero().get());
        if left.is_empty() || Instant::now() > deadline {
            return left;
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn told(left: &[Kin]) -> String {
    left.iter().map(|kin| format!("{} {}", kin.pid, kin::name(*kin))).collect::<Vec<_>>().join(", ")
}

fn number(name: &str, usual: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[test]
fn a_thousand_lives_leave_nothing_behind() {
    let (cycles, seed) =
        (number("PORTCULLIS_CYCLES", CYCLES.into()), number("PORTCULLIS_SEED", 42));
    set_child_subreaper(Some(getpid())).unwrap();
    let stage = Stage::new();
    let before = Traces::take(&stage);
    let mut dice = Dice(seed.max(1));
    for n in 0..cycles {
        let dice_before = dice.0;
        let lived =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| cycle(&stage, &mut dice)));
        assert!(lived.is_ok(), "life {n} of seed {seed} (dice {dice_before})");
    }
    let after = Traces::take(&stage);
    assert_eq!(after.mounts, before.mounts);
    assert_eq!(after.sockets, before.sockets);
    assert_eq!((after.private, after.temporary), (before.private, before.temporary));
    stage.verify();
}
