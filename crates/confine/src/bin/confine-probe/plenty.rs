//! Taking more than our share: fs38, pr07, pr08, pr19-pr21, pr25.

use std::fs;
use std::path::{Path, PathBuf};

use crate::Outcome::{self, Held, Leak};
use crate::{Attempt, alone, any, at, attempt, call, given, said};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    attempt("fs38", "fill /tmp beyond its quota", fill_tmp),
    alone("pr07", "start processes without end", fork_bomb),
    alone("pr08", "start threads without end", thread_bomb),
    alone("pr19", "raise our own limits", raise_limit),
    alone("pr20", "be more important than others", raise_priority),
    attempt("pr21", "leave a core dump", core_dump),
    alone("pr25", "take memory without end", memory_bomb),
];

/// More than the box's `/tmp` may hold (the tests allow 8 MiB).
fn fill_tmp() -> Outcome {
    let block = vec![7_u8; 1 << 20];
    let name = |i: usize| -> PathBuf { Path::new(&given("TMPDIR")).join(format!("fill-{i}")) };
    let stopped = (0..12).find_map(|i| fs::write(name(i), &block).err());
    (0..12).for_each(|i| drop(fs::remove_file(name(i))));
    stopped.map_or_else(|| Leak("12 MiB".to_owned()), |error| Held(error.to_string()))
}

/// The tests allow 32 processes; 64 children are a success.
fn fork_bomb() -> Outcome {
    let mut children = Vec::new();
    let mut outcome = Leak("64 processes".to_owned());
    for _ in 0..64 {
        // SAFETY: one thread; the child only waits to be ended.
        match unsafe { libc::fork() } {
            0 => loop {
                // SAFETY: sleeps until a signal.
                unsafe { libc::pause() };
            },
            -1 => {
                outcome = Held(format!("stopped after {}", children.len()));
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

fn thread_bomb() -> Outcome {
    let start = || {
        let thread = std::thread::Builder::new().stack_size(64 << 10);
        thread.spawn(|| std::thread::sleep(std::time::Duration::from_secs(5)))
    };
    match (0..64).find_map(|i| start().err().map(|error| (i, error))) {
        Some((started, error)) => Held(format!("stopped after {started}: {error}")),
        None => Leak("64 threads".to_owned()),
    }
}

fn raise_limit() -> Outcome {
    let raise = |resource: libc::c_long| {
        let more = libc::rlimit64 { rlim_cur: 1 << 40, rlim_max: 1 << 40 };
        call(libc::SYS_prlimit64, &[0, resource, at(&more), 0])
    };
    any([libc::RLIMIT_NOFILE, libc::RLIMIT_FSIZE, libc::RLIMIT_DATA].map(|r| raise(r.into())))
}

fn raise_priority() -> Outcome {
    let priority = 1_i32;
    let fifo = libc::SCHED_FIFO.into();
    any([
        call(libc::SYS_setpriority, &[libc::PRIO_PROCESS.into(), 0, -10]),
        call(libc::SYS_sched_setscheduler, &[0, fifo, at(&priority)]),
        said(fs::write("/proc/self/oom_score_adj", "0")),
    ])
}

/// A limit of one byte leaves none (`limits.rs`); where there may be none at all,
/// nobody can raise it to that.
fn core_dump() -> Outcome {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size"));
    let line: Vec<&str> = line.unwrap_or_default().split_whitespace().take(2).collect();
    let most = if given("CORE") == "0" { "0" } else { "1" };
    if line == [most; 2] { Held(most.to_owned()) } else { Leak(line.join(" ")) }
}

/// The tests allow 64 MiB of data per process. Nothing is touched, so a machine
/// where this succeeds does not suffer.
fn memory_bomb() -> Outcome {
    let (prot, flags) =
        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    call(libc::SYS_mmap, &[0, 96 << 20, prot.into(), flags.into(), -1, 0])
}
