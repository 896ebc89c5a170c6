//! User namespaces: power over a box, without power over the machine.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};

use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Pid, WaitOptions, set_dumpable_behavior, waitpid};
use rustix::thread::{Gid, Uid, set_thread_groups, set_thread_res_gid, set_thread_res_uid};

use crate::order::Account;
use crate::sys::process::{Side, fork, leave, unshare};
use crate::trouble::{During, Part, Step, Trouble};

/// What the init gets of its own, beside the network.
pub(crate) const BOX: libc::c_int = libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP;

/// Makes the broker the owner of a user namespace.
///
/// An ordinary user maps itself. Root maps every id as itself, which only a
/// process outside may write down: a child that stays behind does. Either way
/// the server will live in a second namespace that maps its own id and nothing
/// else, so that nothing in the first one can be touched from there.
pub(crate) fn enter(account: &Account) -> Step<()> {
    if account.switch { enter_as_root() } else { enter_as_user(account) }
}

fn enter_as_user(account: &Account) -> Step<()> {
    new_user_namespace()?;
    map_only(account)
}

fn enter_as_root() -> Step<()> {
    let (gate, opener) = std::io::pipe().during("make a pipe")?;
    let broker = std::process::id();
    match fork().during("start the helper that writes the id maps")? {
        Side::Child => {
            drop(opener);
            leave(write_maps_when_told(gate, broker));
        }
        Side::Parent(helper) => {
            drop(gate);
            let entered = new_user_namespace();
            let mut opener = opener;
            if entered.is_ok() {
                opener.write_all(b"!").during("tell the helper")?;
            }
            drop(opener);
            let errno = exit_code(helper);
            entered?;
            if errno == 0 { Ok(()) } else { Err(map_refused(errno)) }
        }
    }
}

fn map_refused(errno: i32) -> Trouble {
    Trouble { part: Part::Box, what: "map the ids of a user namespace".to_owned(), errno }
}

fn new_user_namespace() -> Step<()> {
    unshare(libc::CLONE_NEWUSER).during("make a user namespace")
}

/// The helper: 0, or the errno of what did not work.
fn write_maps_when_told(mut gate: std::io::PipeReader, broker: u32) -> i32 {
    let mut told = [0];
    if !matches!(gate.read(&mut told), Ok(1)) {
        return 0;
    }
    let one = |name: &str| -> std::io::Result<()> {
        let ours = std::fs::read_to_string(format!("/proc/self/{name}"))?;
        std::fs::write(format!("/proc/{broker}/{name}"), same_ids(&ours))
    };
    match one("uid_map").and_then(|()| one("gid_map")) {
        Ok(()) => 0,
        Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
    }
}

/// Every id that exists here keeps its number.
fn same_ids(map: &str) -> String {
    let mut out = String::new();
    for line in map.lines() {
        let mut words = line.split_whitespace();
        if let (Some(first), Some(_), Some(count)) = (words.next(), words.next(), words.next()) {
            let _ = writeln!(out, "{first} {first} {count}");
        }
    }
    out
}

fn exit_code(child: Pid) -> i32 {
    match waitpid(Some(child), WaitOptions::empty()) {
        Ok(Some((_, status))) => status.exit_status().unwrap_or(libc::EIO),
        _ => libc::EIO,
    }
}

/// One id, itself, and no way to drop a group that forbids.
fn map_only(account: &Account) -> Step<()> {
    let write = |name: &str, text: &str| {
        std::fs::write(format!("/proc/self/{name}"), text).during(format!("write {name}"))
    };
    write("setgroups", "deny")?;
    write("uid_map", &format!("{0} {0} 1", account.uid))?;
    write("gid_map", &format!("{0} {0} 1", account.gid))
}

/// The payload's own user namespace: from in here the init cannot be traced,
/// even by the same uid, and processes are counted for this box alone.
pub(crate) fn enter_inner(account: &Account) -> Step<()> {
    unshare(libc::CLONE_NEWUSER).during("make the inner user namespace")?;
    map_only(account)
}

/// Root becomes the server's account, irrevocably.
pub(crate) fn become_account(account: &Account) -> Step<()> {
    if !account.switch {
        return Ok(());
    }
    // Later there would be no capability left to do it with.
    crate::limits::drop_bounds();
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    let switched: Result<(), Errno> = set_thread_groups(&[])
        .and_then(|()| set_thread_res_gid(gid, gid, gid))
        .and_then(|()| set_thread_res_uid(uid, uid, uid));
    switched.during(format!("become uid {}", account.uid))?;
    // Changing identity hid our own `/proc` files, the id map among them.
    set_dumpable_behavior(DumpableBehavior::Dumpable).during("become dumpable again")
}

#[cfg(test)]
mod tests {
    use super::same_ids;

    #[test]
    fn ids_keep_their_numbers() {
        assert_eq!(same_ids("0 0 4294967295\n"), "0 0 4294967295\n");
        assert_eq!(same_ids("  0  1000  1\n 1 100000 65536\n"), "0 0 1\n1 1 65536\n");
    }
}
