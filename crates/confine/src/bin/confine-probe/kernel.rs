//! Rarely used doors of the kernel: ke01-ke14, ke16, ke17, ke19, ke20.

use std::os::raw::c_long;

use crate::Outcome::{self, Held, Leak};
use crate::{Attempt, alone, any, at, attempt, call, given, path, raw};

const SESSION: c_long = -3;

pub(crate) const ATTEMPTS: &[Attempt] = &[
    attempt("ke01", "set up io_uring", io_uring),
    attempt("ke02", "load a bpf program", || zeroed(libc::SYS_bpf)),
    attempt("ke03", "open performance events", performance),
    attempt("ke04", "open a userfaultfd", || call(libc::SYS_userfaultfd, &[1])),
    attempt("ke05", "name the session keyring", || call(libc::SYS_keyctl, &[0, SESSION, 0])),
    alone("ke06", "add a key", add_key),
    attempt("ke07", "request a key", request_key),
    attempt("ke08", "read a secret of the session keyring", read_key),
    attempt("ke09", "load a kernel", || call(libc::SYS_kexec_load, &[0, 0, 0])),
    attempt("ke10", "load a module", || call(libc::SYS_init_module, &[0, 0, 0])),
    alone("ke11", "change the personality", || call(libc::SYS_personality, &[0x004_0000])),
    attempt("ke12", "watch files with fanotify", || call(libc::SYS_fanotify_init, &[0x200, 0])),
    attempt("ke13", "read the kernel's log", || call(libc::SYS_syslog, &[10, 0, 0])),
    attempt("ke14", "add swap", || call(libc::SYS_swapon, &[at(c"/tmp/x".to_bytes_with_nul()), 0])),
    alone("ke16", "change the local descriptor table", descriptor_table),
    attempt("ke17", "ask for quotas", quota),
    alone("ke19", "use x32 numbers", x32),
    alone("ke20", "use the 32-bit door", thirty_two_bits),
    attempt("ex06", "set the clock", || call(libc::SYS_clock_settime, &[0, 0])),
    attempt("ex07", "set the host's name", || call(libc::SYS_sethostname, &[at(b"probe"), 5])),
    attempt("ex08", "account for processes", || call(libc::SYS_acct, &[0])),
    attempt("ex09", "restart the machine", || call(libc::SYS_reboot, &[0, 0, 0])),
    attempt("ex10", "use a number that no kernel knows", || call(9999, &[])),
    attempt("ex11", "open with openat2, whose mode no filter sees", openat2),
];

fn zeroed(number: c_long) -> Outcome {
    let attributes = [0_u8; 128];
    call(number, &[0, at(&attributes), 128])
}

fn io_uring() -> Outcome {
    let parameters = [0_u8; 120];
    call(libc::SYS_io_uring_setup, &[1, at(&parameters)])
}

fn performance() -> Outcome {
    let mut attributes = [0_u32; 32];
    attributes[..2].copy_from_slice(&[1, 128]);
    call(libc::SYS_perf_event_open, &[at(&attributes), 0, -1, -1, 0])
}

fn add_key() -> Outcome {
    let (kind, name) = (at(c"user".to_bytes_with_nul()), at(c"probe".to_bytes_with_nul()));
    const PROCESS: c_long = -2;
    call(libc::SYS_add_key, &[kind, name, name, 1, PROCESS])
}

/// A key that is not there would be asked for with `/sbin/request-key`; that no
/// such program exists is not the box's doing.
fn request_key() -> Outcome {
    let key = path(given("KEY"));
    let (kind, name) = (at(c"user".to_bytes_with_nul()), at(key.to_bytes_with_nul()));
    call(libc::SYS_request_key, &[kind, name, 0, 0])
}

fn read_key() -> Outcome {
    let key = path(given("KEY"));
    let (kind, name) = (at(c"user".to_bytes_with_nul()), at(key.to_bytes_with_nul()));
    let room = [0_u8; 64];
    const SEARCH: c_long = 10;
    const READ: c_long = 11;
    match raw(libc::SYS_keyctl, &[SEARCH, SESSION, kind, name, 0]) {
        Ok(serial) => call(libc::SYS_keyctl, &[READ, serial, at(&room), 64]),
        Err(error) => Held(error.to_string()),
    }
}

#[cfg(target_arch = "x86_64")]
fn descriptor_table() -> Outcome {
    let (read, room) = (0, [0_u8; 64]);
    call(libc::SYS_modify_ldt, &[read, at(&room), 64])
}

#[cfg(not(target_arch = "x86_64"))]
fn descriptor_table() -> Outcome {
    Held("this architecture has none".to_owned())
}

fn quota() -> Outcome {
    const SYNC: c_long = 0x80_0001 << 8;
    call(libc::SYS_quotactl, &[SYNC, 0, 0, 0])
}

/// Its mode is behind a pointer where no filter can see it, so it must not exist.
fn openat2() -> Outcome {
    let how = [0_u64; 3];
    let top = at(c"/".to_bytes_with_nul());
    call(libc::SYS_openat2, &[libc::AT_FDCWD.into(), top, at(&how), 24])
}

#[cfg(target_arch = "x86_64")]
fn x32() -> Outcome {
    const X32: c_long = 0x4000_0000;
    any([call(X32 + libc::SYS_getpid, &[]), call(X32, &[])])
}

#[cfg(not(target_arch = "x86_64"))]
fn x32() -> Outcome {
    Held("this architecture has none".to_owned())
}

/// `getpid` of i386, past a filter that only knows the numbers of x86-64.
#[cfg(target_arch = "x86_64")]
fn thirty_two_bits() -> Outcome {
    const GETPID: i64 = 20;
    let result: i64;
    // SAFETY: the call takes no arguments and writes no memory; what it may
    // clobber is named.
    unsafe {
        std::arch::asm!(
            "int 0x80", inlateout("rax") GETPID => result,
            out("r8") _, out("r9") _, out("r10") _, out("r11") _,
        );
    }
    if result > 0 { Leak(result.to_string()) } else { Held(result.to_string()) }
}

#[cfg(not(target_arch = "x86_64"))]
fn thirty_two_bits() -> Outcome {
    let _: fn(String) -> Outcome = Leak;
    Held("this architecture has none".to_owned())
}
