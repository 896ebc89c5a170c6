//! The filter on system calls: an allow-list in one small program.
//!
//! `table.rs` names the calls, `rules.rs` the calls whose arguments decide,
//! `emit.rs` turns both into the kernel's instructions as a binary search, and
//! this file installs the result.
#![allow(unsafe_code, reason = "seccomp(2) has no wrapper in rustix")]

mod emit;
mod rules;
mod table;
#[cfg(test)]
mod tests;

use rustix::io::Errno;

/// Which sockets a server may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sockets {
    /// Internet sockets: the network namespace decides what they reach.
    Internet,
    /// None that reach beyond the process tree.
    None,
}

/// Installs the filter on this thread, for good. Needs no-new-privileges.
pub(crate) fn install(sockets: Sockets) -> Result<usize, Errno> {
    let mut program = emit::program(&rules::verdicts(sockets));
    let length = u16::try_from(program.len()).map_err(|_| Errno::TOOBIG)?;
    let filter = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    // SAFETY: `filter` describes `program`, which outlives the call.
    let result = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const filter)
    };
    if result == 0 { Ok(program.len()) } else { Err(crate::sys::process::last_errno()) }
}
