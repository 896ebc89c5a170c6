//! What `portcullis audit` says while it works: on stderr, one line on a terminal and seldom a line elsewhere, and never in
//! the report. A server's own names speak to no terminal.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test")]

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use serde_json::Value;

/// A server whose tool never answers, and has a name for a terminal.
const SERVER: &str = concat!(
    include_str!("../../audit/tests/live/server.py"),
    "\nimport time\ntools[0]['name'] = '\\x1b]0;mine\\x07show'\ncalled = lambda name, arguments: time.sleep(100)\nserve()\n"
);
/// Back to the beginning of the line, and nothing more on it.
const CLEAR: &str = "\r\u{1b}[K";

#[expect(clippy::disallowed_methods, reason = "the subject of the test is our own binary")]
fn audit(desk: &Path, stderr: Stdio, time: &str) -> std::process::Child {
    fs::write(desk.join("server.py"), SERVER).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis"));
    command.args(["audit", "--json", "--timeout", time, "--", "/usr/bin/python3", "server.py"]);
    command.current_dir(desk).env_clear().env("PATH", "/usr/bin:/bin").env("HOME", desk);
    let out = File::create(desk.join("out")).unwrap();
    command.env("TERM", "xterm").stdin(Stdio::null()).stdout(out).stderr(stderr).spawn().unwrap()
}

/// The report is whole, and has nothing of it.
fn report(desk: &Path) -> Value {
    let text = fs::read_to_string(desk.join("out")).unwrap();
    assert!(!text.contains("auditing for"), "{text}");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn on_a_terminal_it_is_one_line() {
    let desk = tempfile::tempdir().unwrap();
    let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
    grantpt(&ours).unwrap();
    unlockpt(&ours).unwrap();
    let name = ptsname(&ours, Vec::new()).unwrap();
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let terminal: OwnedFd = open(name.as_c_str(), flags, Mode::empty()).unwrap();
    let size = Winsize { ws_row: 24, ws_col: 60, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&terminal, size).unwrap();
    let mut child = audit(desk.path(), terminal.into(), "8s");
    // Until nobody has the other end any more, which is an error here.
    let mut shown = Vec::new();
    let _ended = File::from(ours).read_to_end(&mut shown);
    child.wait().unwrap();
    let shown = String::from_utf8(shown).unwrap();
    let lines: Vec<&str> = shown.split(CLEAR).collect();
    let (first, last) = (lines.first().unwrap(), lines.last().unwrap());
    assert!(lines.len() > 4 && first.is_empty(), "{shown:?}");
    assert!(!last.contains("auditing"), "it is gone at the end: {shown:?}");
    let row = |it: &&str| it.starts_with("portcullis: auditing for ");
    let rows: Vec<&str> = lines.iter().copied().filter(row).collect();
    assert!(rows.iter().any(|it| it.contains("attacking tool 1 of 1")), "{shown:?}");
    let clean = |it: &&str| it.chars().count() < 60 && !it.contains(['\u{1b}', '\u{7}', '\n']);
    assert!(rows.iter().all(clean), "{shown:?}");
    report(desk.path());
}

#[test]
fn elsewhere_it_is_a_line_now_and_then() {
    let desk = tempfile::tempdir().unwrap();
    let said = File::create(desk.path().join("said")).unwrap();
    audit(desk.path(), said.into(), "25s").wait().unwrap();
    let said = fs::read_to_string(desk.path().join("said")).unwrap();
    let lines: Vec<&str> = said.lines().filter(|it| it.contains("auditing for")).collect();
    assert!((1..=8).contains(&lines.len()), "{said}");
    assert!(lines.iter().all(|it| it.starts_with("portcullis: auditing for ")), "{said}");
    assert!(!said.contains(['\u{1b}', '\r', '\u{7}']), "{said:?}");
    report(desk.path());
}

#[test]
fn what_takes_no_time_says_nothing() {
    let desk = tempfile::tempdir().unwrap();
    fs::write(desk.path().join("out"), "").unwrap();
    let said = File::create(desk.path().join("said")).unwrap();
    audit(desk.path(), said.into(), "1s").wait().unwrap();
    assert!(!fs::read_to_string(desk.path().join("said")).unwrap().contains("auditing for"));
}
