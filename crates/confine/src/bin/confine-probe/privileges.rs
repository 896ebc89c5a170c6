//! Becoming more than we are: pr09-pr12, pr22, pr23.

use crate::Outcome::{self, Held, Leak};
use crate::{Attempt, alone, any, at, attempt, call, raw};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    alone("pr09", "become uid 0 or drop groups", || {
        any([call(libc::SYS_setresuid, &[0, 0, 0]), call(libc::SYS_setgroups, &[0, 0])])
    }),
    alone("pr10", "make a user namespace", || {
        call(libc::SYS_unshare, &[libc::CLONE_NEWUSER.into()])
    }),
    alone("pr11", "clone into namespaces", clone),
    alone("pr12", "clone3 into a user namespace", clone3),
    attempt("pr22", "have capabilities", have_capabilities),
    attempt("pr23", "have no-new-privileges unset", lack_no_new_privileges),
    attempt("ex05", "have capabilities within bounds", have_bounds),
];

fn clone() -> Outcome {
    let flags = libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::SIGCHLD;
    leave_if_child(raw(libc::SYS_clone, &[flags.into()]))
}

fn clone3() -> Outcome {
    let flag = u64::try_from(libc::CLONE_NEWUSER).unwrap_or_default();
    let signal = u64::try_from(libc::SIGCHLD).unwrap_or_default();
    let arguments = [flag, 0, 0, 0, signal, 0, 0, 0];
    leave_if_child(raw(libc::SYS_clone3, &[at(&arguments), 64]))
}

fn leave_if_child(result: std::io::Result<libc::c_long>) -> Outcome {
    match result {
        // SAFETY: nothing of Rust's runs.
        Ok(0) => unsafe { libc::_exit(0) },
        Ok(pid) => Leak(pid.to_string()),
        Err(error) => Held(error.to_string()),
    }
}

/// Asks the kernel, not `/proc`, which not everybody may read.
fn have_capabilities() -> Outcome {
    const VERSION_3: u32 = 0x2008_0522;
    let (header, sets) = ([VERSION_3, 0], [0_u32; 6]);
    if let Err(error) = raw(libc::SYS_capget, &[at(&header), at(&sets)]) {
        return Leak(format!("unknown: {error}"));
    }
    let is_set = libc::PR_CAP_AMBIENT_IS_SET.into();
    let ambient = (0..64).any(|bit| option(libc::PR_CAP_AMBIENT, &[is_set, bit]) == 1);
    let all = format!("{sets:?}, ambient: {ambient}");
    if sets == [0; 6] && !ambient { Held(all) } else { Leak(all) }
}

fn have_bounds() -> Outcome {
    let kept: Vec<_> = (0..64).filter(|bit| option(libc::PR_CAPBSET_READ, &[*bit]) == 1).collect();
    if kept.is_empty() { Held("none".to_owned()) } else { Leak(format!("{kept:?}")) }
}

fn lack_no_new_privileges() -> Outcome {
    let set = option(libc::PR_GET_NO_NEW_PRIVS, &[]);
    if set == 1 { Held("set".to_owned()) } else { Leak(set.to_string()) }
}

/// Less than nothing if the kernel does not know it.
fn option(option: libc::c_int, arguments: &[libc::c_long]) -> libc::c_long {
    let all: Vec<_> = std::iter::once(option.into()).chain(arguments.iter().copied()).collect();
    raw(libc::SYS_prctl, &all).unwrap_or(-1)
}
