//! Announced system calls: hearing of one, reading what it wants, letting it pass.
#![allow(unsafe_code, reason = "seccomp's notifications and process_vm_readv have no wrapper")]

use std::os::fd::{AsRawFd as _, OwnedFd};

use rustix::io::Errno;

/// A call that waits to go on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Notice {
    id: u64,
    pub(crate) pid: i32,
    pub(crate) call: libc::c_long,
    pub(crate) arguments: [u64; 6],
}

/// The next announced call.
pub(crate) fn next(listener: &OwnedFd) -> Result<Notice, Errno> {
    // SAFETY: all zeroes is a valid `seccomp_notif`, and what the kernel asks for.
    let mut heard: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one `seccomp_notif`.
    let result = unsafe {
        libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut heard)
    };
    if result < 0 {
        return Err(super::process::last_errno());
    }
    Ok(Notice {
        id: heard.id,
        pid: i32::try_from(heard.pid).unwrap_or(0),
        call: libc::c_long::from(heard.data.nr),
        arguments: heard.data.args,
    })
}

/// Lets it go on, as if nobody had listened. If it was killed meanwhile, nobody waits.
pub(crate) fn go_on(listener: &OwnedFd, notice: Notice) {
    let mut answer = libc::seccomp_notif_resp {
        id: notice.id,
        val: 0,
        error: 0,
        flags: libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
    };
    // SAFETY: the kernel reads one `seccomp_notif_resp`.
    unsafe { libc::ioctl(listener.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer) };
}

/// Bytes of another process's memory: as many as are there, up to the buffer.
pub(crate) fn peek(pid: i32, address: u64, into: &mut [u8]) -> usize {
    let ours = libc::iovec { iov_base: into.as_mut_ptr().cast(), iov_len: into.len() };
    let base = std::ptr::without_provenance_mut(usize::try_from(address).unwrap_or(0));
    let theirs = libc::iovec { iov_base: base, iov_len: into.len() };
    // SAFETY: the kernel writes at most `into`; the other address is only a number here.
    let read = unsafe { libc::process_vm_readv(pid, &raw const ours, 1, &raw const theirs, 1, 0) };
    usize::try_from(read).unwrap_or(0)
}
