//! How a server lives and dies at others' cost: lc05, lc08, lc09, ex16.

use std::fs::{self, File};
use std::io::Read as _;

use crate::Outcome::{self, Held, Leak};
use crate::{Attempt, alone, any, at, attempt, call, given, path, raw};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    attempt("lc05", "open our standard streams anew and read what others wrote", reopen_streams),
    alone("lc08", "make timers without end", timer_bomb),
    alone("lc09", "leave a core dump to whoever takes them", dump),
    alone("ex16", "choose who gets our core dumps", choose_handler),
];

/// A file among them would open with any mode, wherever it lies.
fn reopen_streams() -> Outcome {
    let reopened = (0..3).map(|number| {
        let stream = format!("/proc/self/fd/{number}");
        match fs::metadata(&stream) {
            Ok(facts) if facts.is_file() => {
                let mut text = String::new();
                match File::open(&stream).and_then(|mut file| file.read_to_string(&mut text)) {
                    Ok(_) if text.is_empty() => Held("a file, and empty".to_owned()),
                    Ok(_) => Leak(text),
                    Err(error) => Held(error.to_string()),
                }
            }
            Ok(_) => Held("no file".to_owned()),
            Err(error) => Held(error.to_string()),
        }
    });
    any(reopened)
}

/// The tests allow 4096.
fn timer_bomb() -> Outcome {
    const MANY: usize = 8192;
    let mut timer = 0_i32;
    let mut make = || {
        let arguments = [libc::CLOCK_MONOTONIC.into(), 0, (&raw mut timer) as libc::c_long];
        raw(libc::SYS_timer_create, &arguments)
    };
    match (0..MANY).find_map(|made| make().err().map(|error| (made, error))) {
        Some((made, error)) => Held(format!("stopped after {made}: {error}")),
        None => Leak(format!("{MANY} timers")),
    }
}

/// A child crashes where it may write, with as much of a limit as it can get.
fn dump() -> Outcome {
    let place = path(given("RW"));
    // SAFETY: this attempt has a process of its own, with one thread.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: a valid path, valid limits, and the end of this process.
        unsafe {
            libc::chdir(place.as_ptr());
            libc::prctl(libc::PR_SET_DUMPABLE, 1);
            let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit);
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_CORE, &raw const limit);
            libc::abort();
        }
    }
    let mut status = 0;
    // SAFETY: our own child, and a place for its status.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    let left = fs::read_dir(given("RW")).into_iter().flatten().flatten();
    let left = left.filter(|entry| entry.file_name().to_string_lossy().starts_with("core"));
    let left: Vec<_> = left.map(|entry| entry.path()).collect();
    let dumped = !left.is_empty();
    left.into_iter().for_each(|file| drop(fs::remove_file(file)));
    if dumped || libc::WCOREDUMP(status) {
        return Leak("dumped".to_owned());
    }
    Held(format!("signal {}, and no dump", libc::WTERMSIG(status)))
}

/// With a limit of zero there is no file, but the host's handler is called.
fn choose_handler() -> Outcome {
    let none = libc::rlimit64 { rlim_cur: 0, rlim_max: 0 };
    let core = libc::RLIMIT_CORE.into();
    any([
        call(libc::SYS_prlimit64, &[0, core, at(&none), 0]),
        #[cfg(target_arch = "x86_64")]
        call(libc::SYS_setrlimit, &[core, at(&none)]),
    ])
}
