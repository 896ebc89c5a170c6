//! Ways out through rarely used doors of the kernel.
#![allow(unsafe_code, reason = "an attacker makes bare system calls")]

use crate::{Attempt, Outcome, call};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    Attempt { name: "io-uring", run: io_uring },
    Attempt { name: "bpf", run: || zeroed(libc::SYS_bpf) },
    Attempt { name: "perf-events", run: perf },
    Attempt { name: "userfaultfd", run: || numbers(libc::SYS_userfaultfd, [1, 0, 0]) },
    Attempt { name: "session-keyring", run: || numbers(libc::SYS_keyctl, [0, -3, 0]) },
    Attempt { name: "join-keyring", run: || numbers(libc::SYS_keyctl, [1, 0, 0]) },
    Attempt { name: "add-key", run: add_key },
    Attempt { name: "request-key", run: request_key },
    Attempt { name: "kexec", run: || numbers(libc::SYS_kexec_load, [0, 0, 0]) },
    Attempt { name: "load-module", run: || numbers(libc::SYS_init_module, [0, 0, 0]) },
    Attempt { name: "personality", run: || numbers(libc::SYS_personality, [0x004_0000, 0, 0]) },
    Attempt { name: "fanotify", run: || numbers(libc::SYS_fanotify_init, [0x200, 0, 0]) },
    Attempt { name: "kernel-log", run: || numbers(libc::SYS_syslog, [10, 0, 0]) },
    Attempt { name: "swap", run: swap },
    Attempt { name: "compare-processes", run: || numbers(libc::SYS_kcmp, [1, 1, 0]) },
    Attempt { name: "move-pages", run: || numbers(libc::SYS_move_pages, [1, 0, 0]) },
    Attempt { name: "set-clock", run: || numbers(libc::SYS_clock_settime, [0, 0, 0]) },
    Attempt { name: "host-name", run: host_name },
    Attempt { name: "accounting", run: || numbers(libc::SYS_acct, [0, 0, 0]) },
    Attempt { name: "reboot", run: || numbers(libc::SYS_reboot, [0, 0, 0]) },
    Attempt { name: "x32-numbers", run: || numbers(0x4000_0000 + 39, [0, 0, 0]) },
    Attempt { name: "unknown-number", run: || numbers(9999, [0, 0, 0]) },
    Attempt { name: "openat2", run: openat2 },
];

fn numbers(number: libc::c_long, [a, b, c]: [libc::c_long; 3]) -> Outcome {
    // SAFETY: numbers in; null pointers where the kernel wants pointers.
    call(unsafe { libc::syscall(number, a, b, c, 0, 0, 0) })
}

fn zeroed(number: libc::c_long) -> Outcome {
    let attributes = [0u8; 128];
    // SAFETY: 128 readable bytes.
    call(unsafe { libc::syscall(number, 0, attributes.as_ptr(), attributes.len()) })
}

fn io_uring() -> Outcome {
    let mut parameters = [0u8; 120];
    // SAFETY: `io_uring_params` is 120 bytes.
    call(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr()) })
}

fn perf() -> Outcome {
    let mut attributes = [0u32; 32];
    attributes[..2].copy_from_slice(&[1, 128]);
    // SAFETY: 128 readable bytes, as the second word says.
    call(unsafe { libc::syscall(libc::SYS_perf_event_open, attributes.as_ptr(), 0, -1, -1, 0) })
}

fn add_key() -> Outcome {
    let (kind, name) = (c"user".as_ptr(), c"probe".as_ptr());
    // SAFETY: literals, and one byte of payload.
    call(unsafe { libc::syscall(libc::SYS_add_key, kind, name, name, 1, -2) })
}

fn request_key() -> Outcome {
    let (kind, name) = (c"user".as_ptr(), c"probe".as_ptr());
    // SAFETY: literals.
    call(unsafe { libc::syscall(libc::SYS_request_key, kind, name, 0, 0) })
}

fn swap() -> Outcome {
    // SAFETY: a literal.
    call(unsafe { libc::syscall(libc::SYS_swapon, c"/tmp/x".as_ptr(), 0) })
}

fn host_name() -> Outcome {
    // SAFETY: a literal and its length.
    call(unsafe { libc::syscall(libc::SYS_sethostname, c"probe".as_ptr(), 5) })
}

/// Its mode is behind a pointer where no filter can see it, so it must not exist.
fn openat2() -> Outcome {
    let how = [0u64; 3];
    // SAFETY: a literal and three words.
    call(unsafe {
        libc::syscall(libc::SYS_openat2, libc::AT_FDCWD, c"/".as_ptr(), how.as_ptr(), 24)
    })
}
