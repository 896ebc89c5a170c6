//! `confine-probe hold KIND MIB PROCESSES`: holds memory, says `held` when it
//! has it, and leaves after a second. For the tests of the box's meter.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::FromRawFd as _;
use std::path::Path;
use std::time::Duration;

use crate::{at, given, raw, say};

const LONG_ENOUGH: Duration = Duration::from_secs(1);

pub(crate) fn hold(words: &[String]) {
    let [kind, mib, processes] = words else { return };
    let bytes = mib.parse::<usize>().unwrap_or(0) << 20;
    let processes = processes.parse::<u32>().unwrap_or(1);
    // What is held before the forks is shared by them all.
    let before = if kind == "forked" { Some(vec![7_u8; bytes]) } else { None };
    let mut children = Vec::new();
    for number in 0..processes {
        // SAFETY: this program has one thread.
        match unsafe { libc::fork() } {
            0 => {
                keep(kind, bytes, number);
                // SAFETY: nothing of Rust's needs to run.
                unsafe { libc::_exit(0) };
            }
            pid => children.push(pid),
        }
    }
    say("held");
    for pid in children {
        // SAFETY: our own child; nobody asks for its status.
        unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
    }
    drop(before);
}

fn keep(kind: &str, bytes: usize, number: u32) {
    let block = [7_u8; 1 << 16];
    let fill = |mut file: File| {
        for _ in 0..bytes / block.len() {
            let _ = file.write_all(&block);
        }
        file
    };
    match kind {
        "private" => {
            let held = vec![7_u8; bytes];
            std::thread::sleep(LONG_ENOUGH);
            drop(held);
        }
        "memfd" => {
            let made = raw(libc::SYS_memfd_create, &[at(c"held".to_bytes_with_nul()), 0]);
            let Some(fd) = made.ok().and_then(|fd| i32::try_from(fd).ok()) else { return };
            // SAFETY: the descriptor was made for us just now.
            let held = fill(unsafe { File::from_raw_fd(fd) });
            std::thread::sleep(LONG_ENOUGH);
            drop(held);
        }
        "files" => {
            let name = Path::new(&given("TMPDIR")).join(format!("held-{number}"));
            let held = File::create(name).map(fill);
            std::thread::sleep(LONG_ENOUGH);
            drop(held);
        }
        _ => std::thread::sleep(LONG_ENOUGH),
    }
}
