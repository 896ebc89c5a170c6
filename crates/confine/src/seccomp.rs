//! The filter on system calls: an allow-list in one small program.
//!
//! `table.rs` names the calls, `rules.rs` the calls whose arguments decide,
//! `emit.rs` turns both into the kernel's instructions as a binary search, and
//! this file installs the result. `own.rs` is the list of a program that confines
//! itself. `bell.rs` is a filter of its own beside it, and
//! decides nothing.
#![allow(unsafe_code, reason = "seccomp(2) has no wrapper in rustix")]

pub(crate) mod bell;
mod emit;
pub(crate) mod own;
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
    load(emit::program(&rules::verdicts(sockets)))
}

/// Installs the filter of a program that confines itself, on this thread and those
/// that it starts, for good. Needs no-new-privileges.
pub(crate) fn install_own(own: &own::Own) -> Result<usize, Errno> {
    load(emit::program(&own::verdicts(own)))
}

fn load(mut program: Vec<libc::sock_filter>) -> Result<usize, Errno> {
    let length = u16::try_from(program.len()).map_err(|_| Errno::TOOBIG)?;
    let filter = libc::sock_fprog { len: length, filter: program.as_mut_ptr() };
    // SAFETY: `filter` describes `program`, which outlives the call.
    let result = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, &raw const filter)
    };
    if result == 0 { Ok(program.len()) } else { Err(crate::sys::process::last_errno()) }
}
