//! Other processes: pr01-pr06, pr13, pr18, pr24, ke15, ke18.

use std::fs::{self, File};
use std::os::fd::AsRawFd;

use crate::Outcome::{self, Held, Leak, Look};
use crate::{Attempt, alone, any, at, attempt, call, given, others, raw, said};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    attempt("pr01", "see the host's processes", host_processes),
    attempt("pr02", "read the environment of others", || {
        any(others().map(|pid| said(fs::read(format!("/proc/{pid}/environ")))))
    }),
    alone("pr03", "trace others", || {
        any(others().map(|pid| call(libc::SYS_ptrace, &[libc::PTRACE_SEIZE.into(), pid.into()])))
    }),
    attempt("pr04", "read the memory of others", || any(others().map(read_memory))),
    attempt("pr05", "signal others", || {
        any(others().map(|pid| call(libc::SYS_kill, &[pid.into(), 0])))
    }),
    attempt("pr06", "take a descriptor from others", || any(others().map(take_descriptor))),
    alone("pr13", "enter the namespaces of others", || any(others().map(enter_namespaces))),
    attempt("pr18", "outlive the box as a daemon", daemonise),
    attempt("pr24", "find the gateway's secrets in our environment", own_environment),
    attempt("ke15", "compare ourselves with others", || {
        let me = std::process::id().into();
        any(others().map(|pid| call(libc::SYS_kcmp, &[pid.into(), me, 1])))
    }),
    attempt("ke18", "move the pages of others", || {
        any(others().map(|pid| call(libc::SYS_move_pages, &[pid.into()])))
    }),
];

/// A box holds its init, this program, and this attempt.
fn host_processes() -> Outcome {
    let Ok(all) = fs::read_dir("/proc") else { return Held("no /proc".to_owned()) };
    let number = |name: &std::ffi::OsStr| name.to_string_lossy().parse::<u32>().is_ok();
    let seen = all.flatten().filter(|entry| number(&entry.file_name())).count();
    if seen > 3 { Leak(seen.to_string()) } else { Held(seen.to_string()) }
}

fn read_memory(pid: i32) -> Outcome {
    let mut byte = 0_u8;
    let ours = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let theirs = libc::iovec { iov_base: 0x1000 as _, iov_len: 1 };
    match raw(libc::SYS_process_vm_readv, &[pid.into(), at(&ours), 1, at(&theirs), 1, 0]) {
        // We were let in, and merely guessed a wrong address.
        Err(error) if error.raw_os_error() == Some(libc::EFAULT) => Leak(error.to_string()),
        Err(error) => Held(error.to_string()),
        Ok(_) => Leak("a byte".to_owned()),
    }
}

fn take_descriptor(pid: i32) -> Outcome {
    match raw(libc::SYS_pidfd_open, &[pid.into(), 0]) {
        Ok(handle) => call(libc::SYS_pidfd_getfd, &[handle, 0, 0]),
        Err(error) => Held(error.to_string()),
    }
}

fn enter_namespaces(pid: i32) -> Outcome {
    any(["mnt", "net", "user", "pid"].map(|kind| {
        match File::open(format!("/proc/{pid}/ns/{kind}")) {
            Ok(file) => call(libc::SYS_setns, &[file.as_raw_fd().into(), 0]),
            Err(error) => Held(error.to_string()),
        }
    }))
}

/// A grandchild in a session of its own, that the stage can find by its name.
#[expect(clippy::disallowed_methods, reason = "the attacker leaves a process behind")]
fn daemonise() -> Outcome {
    use std::process::{Command, Stdio};
    let mut daemon = Command::new("setsid");
    daemon.args(["--fork", "sleep", &given("DAEMON")]);
    daemon.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    match daemon.status() {
        Ok(status) if status.success() => Look("left behind".to_owned()),
        other => Held(format!("{other:?}")),
    }
}

fn own_environment() -> Outcome {
    let kept =
        ["GATEWAY_SECRET", "SSH_AUTH_SOCK"].into_iter().find(|n| std::env::var_os(n).is_some());
    kept.map_or_else(|| Held("scrubbed".to_owned()), |name| Leak(name.to_owned()))
}
