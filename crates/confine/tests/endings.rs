//! Whoever is killed, no process of a server survives.
#![allow(clippy::unwrap_used, reason = "a test says what went wrong by failing")]

mod common;

use std::fs;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use common::{at, profile, unsupported};
use portcullis_confine::{Level, spawn};
use rustix::process::{Pid, Signal, kill_process};

/// A sleep that only this test can have started, by its odd length in seconds.
fn marker() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("9{}.{:03}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Leaves a session of its own behind that ignores polite signals.
fn script(marker: &str) -> String {
    format!(
        "trap '' TERM HUP; (setsid sleep {marker} </dev/null >/dev/null 2>&1 &); sleep {marker}"
    )
}

fn living(marker: &str) -> usize {
    let all = fs::read_dir("/proc").unwrap().flatten();
    let lines = all.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    lines.filter(|line| line.split(|b| *b == 0).any(|word| word == marker.as_bytes())).count()
}

/// Ends are the kernel's to schedule; this only waits, and never forever.
fn eventually(wanted: impl Fn() -> bool) -> bool {
    for _ in 0..2000 {
        if wanted() {
            return true;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    false
}

fn kill(pid: i32) {
    kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
}

/// A gateway in a process of its own, its broker, and the first of its server.
fn gateway(level: Level, marker: &str) -> (Child, i32, i32) {
    #[expect(clippy::disallowed_methods, reason = "the test needs a gateway to kill")]
    let mut child = Command::new(env!("CARGO_BIN_EXE_confine-box"))
        .args(["gateway", level.word(), "sh", "-c", &script(marker)])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = Vec::new();
    let mut byte = [0];
    let out = child.stdout.as_mut().unwrap();
    while out.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
        line.extend(byte);
    }
    let text = String::from_utf8(line).unwrap();
    let (broker, server) = text.split_once(' ').unwrap();
    (child, broker.parse().unwrap(), server.parse().unwrap())
}

/// lc01: whoever of us is killed. lc02: what forked twice, has a session of its own
/// and ignores polite signals, here and below.
#[test]
fn killing_any_of_us_ends_the_server() {
    for level in [Level::Full, Level::Landlock, Level::None] {
        if unsupported(level) {
            continue;
        }
        for who in ["gateway", "broker", "first process"] {
            let marker = marker();
            let (mut child, broker, server) = gateway(level, &marker);
            assert!(eventually(|| living(&marker) >= 2), "{level}: the server did not start");
            match who {
                "gateway" => child.kill().unwrap(),
                "broker" => kill(broker),
                _ => kill(server),
            }
            assert!(eventually(|| living(&marker) == 0), "{level}: survived the {who}'s end");
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}

#[test]
fn dropping_custody_ends_the_server_before_it_returns() {
    for level in [Level::Full, Level::Landlock, Level::None] {
        if unsupported(level) {
            continue;
        }
        let marker = marker();
        let confined = spawn(&at(level, profile(&["sh", "-c", &script(&marker)]))).unwrap();
        assert!(eventually(|| living(&marker) >= 2), "{level}: the server did not start");
        drop(confined);
        assert_eq!(living(&marker), 0, "{level}");
    }
}

/// lc02
#[test]
fn a_server_that_ends_takes_its_children_along() {
    for level in [Level::Full, Level::Landlock, Level::None] {
        if unsupported(level) {
            continue;
        }
        let marker = marker();
        let script = format!("(setsid sleep {marker} </dev/null >/dev/null 2>&1 &); exit 4");
        let confined = spawn(&at(level, profile(&["sh", "-c", &script]))).unwrap();
        let mut custody = confined.custody;
        assert_eq!(custody.wait().unwrap(), portcullis_confine::Exit::Code(4));
        assert_eq!(living(&marker), 0, "{level}");
    }
}

#[test]
fn nothing_private_is_left_in_tmp() {
    if unsupported(Level::Landlock) {
        return;
    }
    let mut home = String::new();
    let confined = spawn(&at(Level::Landlock, profile(&["sh", "-c", "echo $HOME"]))).unwrap();
    fs::File::from(confined.stdout).read_to_string(&mut home).unwrap();
    let home = std::path::PathBuf::from(home.trim());
    drop(confined.custody);
    assert!(home.is_absolute() && !home.exists(), "{}", home.display());
}
