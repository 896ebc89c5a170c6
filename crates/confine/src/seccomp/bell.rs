//! The doorbell's own filter: these calls are announced to the broker, which lets
//! every one of them pass. It stands beside the filter that decides and changes
//! none of its answers: for the kernel an errno is stricter than an announcement.

use std::os::fd::{FromRawFd as _, OwnedFd};

use libc::sock_filter;
use rustix::io::Errno;

use super::emit::OURS;

/// Calls that name a place, with the argument that is its path.
#[cfg(target_arch = "x86_64")]
const HERE: &[(libc::c_long, u8)] = &[
    (libc::SYS_open, 0),
    (libc::SYS_stat, 0),
    (libc::SYS_lstat, 0),
    (libc::SYS_access, 0),
    (libc::SYS_readlink, 0),
];
#[cfg(not(target_arch = "x86_64"))]
const HERE: &[(libc::c_long, u8)] = &[];

const EVERYWHERE: &[(libc::c_long, u8)] = &[
    (libc::SYS_openat, 1),
    (libc::SYS_newfstatat, 1),
    (libc::SYS_statx, 1),
    (libc::SYS_faccessat, 1),
    (libc::SYS_faccessat2, 1),
    (libc::SYS_readlinkat, 1),
    (libc::SYS_execve, 0),
    (libc::SYS_execveat, 1),
    (libc::SYS_connect, 1),
];

/// Which argument of an announced call says what it wants.
pub(crate) fn argument(call: libc::c_long) -> Option<u8> {
    let mut all = HERE.iter().chain(EVERYWHERE);
    all.find(|(known, _)| *known == call).map(|(_, argument)| *argument)
}

/// Installs the filter on this thread, for good; what is announced arrives at the
/// handle. Needs no-new-privileges.
pub(crate) fn install() -> Result<OwnedFd, Errno> {
    let mut program = program();
    let length = u16::try_from(program.len()).map_err(|_| Errno::TOOBIG)?;
    let filter = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    let listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // Without it a signal would interrupt and repeat a call that is being looked at
    // (Linux 5.19). An older kernel repeats.
    let patient = listener | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    match set(&filter, patient) {
        Err(Errno::INVAL) => set(&filter, listener),
        other => other,
    }
}

fn set(filter: &libc::sock_fprog, flags: libc::c_ulong) -> Result<OwnedFd, Errno> {
    // SAFETY: `filter` describes a program of the caller's, which outlives the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            std::ptr::from_ref(filter),
        )
    };
    let fd = i32::try_from(fd).map_err(|_| Errno::BADF)?;
    if fd < 0 {
        return Err(crate::sys::process::last_errno());
    }
    // SAFETY: the kernel just made it, for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A call in another machine's numbering is killed by the other filter.
fn program() -> Vec<sock_filter> {
    let step = |code: u32, k: u32, jt: u8, jf: u8| sock_filter { code: code as u16, jt, jf, k };
    let load = |offset| step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0, 0);
    let equal = |k, jt, jf| step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, k, jt, jf);
    let answer = |k| step(libc::BPF_RET | libc::BPF_K, k, 0, 0);
    let calls: Vec<u32> =
        HERE.iter().chain(EVERYWHERE).filter_map(|(call, _)| u32::try_from(*call).ok()).collect();
    let count = u8::try_from(calls.len()).unwrap_or(u8::MAX);
    let mut out = vec![load(4), equal(OURS, 0, count + 1), load(0)];
    // Each jumps over the rest and the ALLOW to the announcement.
    out.extend((0..count).zip(&calls).map(|(place, call)| equal(*call, count - place, 0)));
    out.extend([answer(libc::SECCOMP_RET_ALLOW), answer(libc::SECCOMP_RET_USER_NOTIF)]);
    out
}
