//! The doorbell: what a server reached for is told, and nothing is decided by it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what went wrong by failing")]

mod common;

use std::path::Path;

use common::{at, open, profile, unsupported};
use portcullis_confine::{Level, Wish, spawn};

/// Runs Python in a box with a doorbell; what it printed, and what was told.
fn rung(script: &str, place: &Path) -> (String, Vec<Wish>) {
    let mut profile = at(Level::Full, profile(&["python3", "-c", script]));
    profile.command.push(place.into());
    profile.doorbell = true;
    let confined = spawn(&profile).unwrap_or_else(|error| panic!("{error}"));
    drop(confined.stdin);
    let errors = std::thread::spawn(|| common::text(std::fs::File::from(confined.stderr)));
    let out = common::text(std::fs::File::from(confined.stdout));
    let mut custody = confined.custody;
    let exit = custody.wait().unwrap();
    assert_eq!(errors.join().unwrap(), "", "{exit}");
    (out, custody.wishes().unwrap())
}

/// Not below `/tmp`, of which a box has its own.
fn scene() -> Option<tempfile::TempDir> {
    if unsupported(Level::Full) {
        return None;
    }
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    open(dir.path());
    Some(dir)
}

#[test]
fn what_exists_outside_is_told_once_and_stays_outside() {
    let Some(dir) = scene() else { return };
    for name in ["secret", "looked-at", "program"] {
        std::fs::write(dir.path().join(name), "x").unwrap();
        open(&dir.path().join(name));
    }
    let script = r"
import os, sys, errno, socket
place = sys.argv[1]
def tries(what):
    try: what(); print('WORKED')
    except OSError as error: print(errno.errorcode[error.errno])
for _ in range(3): tries(lambda: open(place + '/secret'))
tries(lambda: os.stat(place + '/looked-at'))
tries(lambda: open(place + '/exists-nowhere'))
tries(lambda: os.execv(place + '/program', ['x']))
s = socket.socket(); tries(lambda: s.connect(('192.0.2.1', 443)))
tries(lambda: s.connect(('127.0.0.1', 9)))
";
    let (out, told) = rung(script, dir.path());
    let nothing = ["ENOENT"; 6].join("\n");
    assert_eq!(out, format!("{nothing}\nENETUNREACH\nECONNREFUSED\n"));
    let path = |name: &str| dir.path().join(name).display().to_string();
    for wish in [
        Wish::Open(path("secret")),
        Wish::Open(path("looked-at")),
        Wish::Run(path("program")),
        Wish::Connect("192.0.2.1:443".to_owned()),
    ] {
        assert_eq!(told.iter().filter(|other| **other == wish).count(), 1, "{wish:?} {told:?}");
    }
    assert!(!told.iter().any(|wish| format!("{wish:?}").contains("nowhere")), "{told:?}");
    assert!(!told.iter().any(|wish| format!("{wish:?}").contains("127.0.0.1")), "{told:?}");
}

#[test]
fn a_server_cannot_ring_without_end() {
    let Some(dir) = scene() else { return };
    for number in 0..300 {
        std::fs::write(dir.path().join(number.to_string()), "").unwrap();
    }
    let script = r"
import os, sys
for round in range(3):
    for number in range(300): os.path.exists(f'{sys.argv[1]}/{number}')
print('done')
";
    let (out, told) = rung(script, dir.path());
    assert_eq!(out, "done\n");
    assert_eq!((told.len(), told.last()), (201, Some(&Wish::More)));
}

/// Every thread and child of a server may be announced at once, and goes on.
#[test]
fn many_callers_at_once_all_go_on() {
    let Some(dir) = scene() else { return };
    let script = r"
import os, sys, threading
def work():
    for _ in range(200): os.path.exists(sys.argv[1] + '/x')
threads = [threading.Thread(target=work) for _ in range(8)]
[thread.start() for thread in threads]
for _ in range(4):
    if os.fork() == 0: work(); os._exit(0)
[thread.join() for thread in threads]
[os.wait() for _ in range(4)]
print('done')
";
    assert_eq!(rung(script, dir.path()).0, "done\n");
}
