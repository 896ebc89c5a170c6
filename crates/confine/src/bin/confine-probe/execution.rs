//! Running a program that we brought along, or with more rights: fs26-fs28, fs47.
#![expect(clippy::disallowed_methods, reason = "the attacker tries to start programs")]

use std::fs::{self, File};
use std::io::Write as _;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Outcome::{self, Held, Leak};
use crate::looking::rw;
use crate::writing::chmod;
use crate::{Attempt, at, attempt, given, raw, said};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    attempt("fs26", "execute a program placed in a writable root", || execute(rw("program"))),
    attempt("fs27", "execute a program placed in /tmp", || {
        execute(Path::new(&given("TMPDIR")).join("program"))
    }),
    attempt("fs28", "be somebody else through a set-id program", set_id_program),
    attempt("fs47", "execute from memory, without a file", from_memory),
];

fn execute(copy: PathBuf) -> Outcome {
    if let Err(error) = fs::copy("/bin/true", &copy) {
        return Held(format!("cannot be placed: {error}"));
    }
    if let Held(why) = chmod(&copy, 0o755) {
        return Held(why);
    }
    said(Command::new(copy).status())
}

/// Starts one that waits for input, and looks who it is.
fn set_id_program() -> Outcome {
    let known = ["/usr/bin/su", "/bin/su", "/usr/bin/passwd", "/usr/bin/newgrp"];
    let Some(program) = known.iter().find(|path| Path::new(path).exists()) else {
        return Held("there is none".to_owned());
    };
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return Held(error.to_string()),
    };
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    drop(child.stdin.take());
    let _ = child.kill();
    let _ = child.wait();
    let ids = status.lines().find(|line| line.starts_with("Uid:")).unwrap_or_default();
    let effective = ids.split_whitespace().nth(2);
    let more = effective.is_some() && effective != ids.split_whitespace().nth(1);
    if more { Leak(ids.to_owned()) } else { Held(ids.to_owned()) }
}

fn from_memory() -> Outcome {
    let made = raw(libc::SYS_memfd_create, &[at(c"program".to_bytes_with_nul()), 0]);
    let fd = match made.map(i32::try_from) {
        Ok(Ok(fd)) => fd,
        other => return Held(format!("{other:?}")),
    };
    // SAFETY: the descriptor was made for us just now.
    let mut memory = unsafe { File::from_raw_fd(fd) };
    let filled = fs::read("/bin/true").and_then(|bytes| memory.write_all(&bytes));
    if let Err(error) = filled {
        return Held(error.to_string());
    }
    said(Command::new(format!("/proc/self/fd/{}", memory.as_raw_fd())).status())
}
