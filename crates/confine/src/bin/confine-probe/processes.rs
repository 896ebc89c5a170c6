//! Ways out through other processes, and through having more of one's own.
#![allow(unsafe_code, reason = "an attacker makes bare system calls")]

use std::fs;

use crate::{Attempt, Outcome, call, given, said};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    // First: other attempts may leave descriptors of their own behind.
    Attempt { name: "inherited-descriptor", run: inherited },
    Attempt { name: "see-host-processes", run: host_processes },
    Attempt {
        name: "read-victim-environment",
        run: || said(fs::read(format!("/proc/{}/environ", given("VICTIM")))),
    },
    Attempt { name: "read-init-environment", run: || said(fs::read("/proc/1/environ")) },
    Attempt { name: "own-environment", run: own_environment },
    Attempt { name: "trace-victim", run: || trace(victim()) },
    Attempt { name: "trace-init", run: || trace(1) },
    Attempt { name: "read-victim-memory", run: read_memory },
    Attempt { name: "signal-victim", run: signal_victim },
    Attempt { name: "signal-parent", run: signal_parent },
    Attempt { name: "take-descriptor", run: take_descriptor },
    Attempt { name: "fork-bomb", run: fork_bomb },
    Attempt { name: "become-root", run: become_root },
    Attempt { name: "drop-groups", run: drop_groups },
    Attempt { name: "user-namespace", run: user_namespace },
    Attempt { name: "clone-namespace", run: clone_namespace },
    Attempt { name: "clone3-namespace", run: clone3 },
    Attempt { name: "enter-namespace", run: enter_namespace },
    Attempt { name: "type-into-terminal", run: || ioctl(libc::TIOCSTI) },
    Attempt { name: "type-with-high-bits", run: || ioctl(libc::TIOCSTI | 1 << 32) },
    Attempt { name: "open-terminal", run: || said(fs::File::open("/dev/tty")) },
    Attempt { name: "raise-limit", run: raise_limit },
    Attempt { name: "raise-priority", run: raise_priority },
    Attempt { name: "capabilities", run: || status("CapEff:", "0000000000000000") },
    Attempt { name: "capability-bounds", run: || status("CapBnd:", "0000000000000000") },
    Attempt { name: "new-privileges", run: || status("NoNewPrivs:", "1") },
    Attempt { name: "core-dump", run: core_dump },
];

fn victim() -> i32 {
    given("VICTIM").parse().unwrap_or(1)
}

fn host_processes() -> Outcome {
    let all = fs::read_dir("/proc").map_err(|error| error.to_string())?.flatten();
    let seen = all.filter(|e| e.file_name().to_string_lossy().parse::<u32>().is_ok()).count();
    if seen > 3 { Ok(seen.to_string()) } else { Err(seen.to_string()) }
}

fn own_environment() -> Outcome {
    let kept = ["GATEWAY_SECRET", "CARGO_MANIFEST_DIR"]
        .into_iter()
        .find(|n| std::env::var_os(n).is_some());
    kept.map(str::to_owned).ok_or_else(|| "scrubbed".to_owned())
}

fn trace(pid: i32) -> Outcome {
    // SAFETY: asks, and lets go when this process ends.
    call(unsafe { libc::ptrace(libc::PTRACE_SEIZE, pid, 0, 0) })
}

fn read_memory() -> Outcome {
    let mut byte = 0u8;
    let ours = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
    let theirs = libc::iovec { iov_base: 0x1000 as _, iov_len: 1 };
    // SAFETY: writes at most one byte to `byte`.
    let result =
        unsafe { libc::process_vm_readv(victim(), &raw const ours, 1, &raw const theirs, 1, 0) };
    // A fault means that we were let in and merely guessed a wrong address.
    let fault = std::io::Error::last_os_error().raw_os_error() == Some(libc::EFAULT);
    if fault { Ok("let in".to_owned()) } else { call(result as i64) }
}

fn signal_victim() -> Outcome {
    // SAFETY: signal 0 only asks.
    call(i64::from(unsafe { libc::kill(victim(), 0) }))
}

fn signal_parent() -> Outcome {
    // SAFETY: signal 0 only asks.
    call(i64::from(unsafe { libc::kill(libc::getppid(), 0) }))
}

fn take_descriptor() -> Outcome {
    // SAFETY: numbers in, a descriptor or an error out.
    let pidfd = unsafe { libc::syscall(libc::SYS_pidfd_open, 1, 0) };
    // SAFETY: as above.
    call(unsafe { libc::syscall(libc::SYS_pidfd_getfd, pidfd, 0, 0) })
}

fn inherited() -> Outcome {
    // SAFETY: F_GETFD only asks.
    let open = (3..1024).find(|fd| unsafe { libc::fcntl(*fd, libc::F_GETFD) } >= 0);
    open.map(|fd| format!("descriptor {fd}")).ok_or_else(|| "none".to_owned())
}

/// The tests allow 32 processes; 64 children are a success.
fn fork_bomb() -> Outcome {
    let mut children = Vec::new();
    let mut outcome = Ok("64 processes".to_owned());
    for _ in 0..64 {
        // SAFETY: one thread; the child only waits to be ended.
        match unsafe { libc::fork() } {
            0 => loop {
                // SAFETY: sleeps until a signal.
                unsafe { libc::pause() };
            },
            -1 => {
                outcome = Err(format!("stopped after {}", children.len()));
                break;
            }
            pid => children.push(pid),
        }
    }
    for pid in children {
        // SAFETY: our own children.
        unsafe {
            libc::kill(pid, libc::SIGKILL);
            libc::waitpid(pid, std::ptr::null_mut(), 0);
        }
    }
    outcome
}

fn become_root() -> Outcome {
    // SAFETY: changes our id or fails.
    call(unsafe { libc::syscall(libc::SYS_setresuid, 0, 0, 0) })
}

fn drop_groups() -> Outcome {
    // SAFETY: an empty list.
    call(unsafe { libc::syscall(libc::SYS_setgroups, 0, 0) })
}

fn user_namespace() -> Outcome {
    // SAFETY: one thread.
    call(i64::from(unsafe { libc::unshare(libc::CLONE_NEWUSER) }))
}

fn clone_namespace() -> Outcome {
    let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::SIGCHLD;
    // SAFETY: a fork; the child leaves at once.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) };
    if pid == 0 {
        // SAFETY: nothing of Rust's runs.
        unsafe { libc::_exit(0) };
    }
    call(pid)
}

fn clone3() -> Outcome {
    let arguments = [libc::CLONE_NEWUSER as u64, 0, 0, 0, libc::SIGCHLD as u64, 0, 0, 0];
    // SAFETY: a fork; the child leaves at once.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), 64) };
    if pid == 0 {
        // SAFETY: nothing of Rust's runs.
        unsafe { libc::_exit(0) };
    }
    call(pid)
}

fn enter_namespace() -> Outcome {
    use std::os::fd::AsRawFd;
    let file = fs::File::open("/proc/1/ns/mnt").map_err(|error| error.to_string())?;
    // SAFETY: a valid descriptor.
    call(i64::from(unsafe { libc::setns(file.as_raw_fd(), 0) }))
}

fn ioctl(request: u64) -> Outcome {
    let character = b'#';
    // SAFETY: reads one byte.
    let result = unsafe { libc::syscall(libc::SYS_ioctl, 0, request, &raw const character) };
    // On a pipe the kernel refuses anyway; only the filter's answer counts.
    let filtered = std::io::Error::last_os_error().raw_os_error() == Some(libc::EPERM);
    if result < 0 && filtered { Err("EPERM".to_owned()) } else { Ok("not filtered".to_owned()) }
}

fn raise_limit() -> Outcome {
    let more = libc::rlimit { rlim_cur: 1 << 30, rlim_max: 1 << 30 };
    // SAFETY: a valid `rlimit`.
    call(i64::from(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const more) }))
}

fn raise_priority() -> Outcome {
    // SAFETY: a number in.
    call(i64::from(unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, -10) }))
}

fn status(key: &str, good: &str) -> Outcome {
    let text = fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let value =
        text.lines().find_map(|line| line.strip_prefix(key)).unwrap_or("").trim().to_owned();
    if value == good { Err(value) } else { Ok(value) }
}

fn core_dump() -> Outcome {
    let mut limit = libc::rlimit { rlim_cur: 1, rlim_max: 1 };
    // SAFETY: a valid place to write.
    unsafe { libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit) };
    if limit.rlim_max == 0 { Err("0".to_owned()) } else { Ok(limit.rlim_max.to_string()) }
}
