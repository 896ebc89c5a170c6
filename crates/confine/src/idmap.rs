//! Started as root, a server is somebody else, who could not even read a root
//! with mode 0700. An id-mapped mount lets its account stand in for the owner,
//! below that mount only: what belongs to the owner on disk belongs to the
//! server in the view, and what the server makes belongs to the owner on disk.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;

use rustix::fs::fstat;
use rustix::process::{Pid, WaitOptions, waitpid};

use crate::order::Account;
use crate::sys::mount::map_ids;
use crate::sys::process::{Side, fork, leave, unshare};

/// One more than the last id.
const END: u32 = u32::MAX;

/// Lets the account stand in for the owner of a tree. `false` if the file
/// system or the machine cannot: then ordinary permissions decide.
pub(crate) fn stand_in(tree: &OwnedFd, account: &Account) -> bool {
    let Ok(stat) = fstat(tree) else { return false };
    if (stat.st_uid, stat.st_gid) == (account.uid, account.gid) {
        return true;
    }
    let maps = (swap(stat.st_uid, account.uid), swap(stat.st_gid, account.gid));
    match user_namespace(&maps.0, &maps.1) {
        Some(namespace) => map_ids(tree, &namespace).is_ok(),
        None => false,
    }
}

/// Every id is itself, but these two are each other.
fn swap(one: u32, other: u32) -> String {
    let (low, high) = (one.min(other), one.max(other));
    if low == high {
        return format!("0 0 {END}\n");
    }
    let between = (low + 1, low + 1, high - low - 1);
    let above = (high + 1, high + 1, END - high - 1);
    let pieces = [(0, 0, low), (low, high, 1), between, (high, low, 1), above];
    let lines = pieces.iter().filter(|(_, _, count)| *count > 0);
    lines.map(|(inside, outside, count)| format!("{inside} {outside} {count}\n")).collect()
}

/// A user namespace that exists for its maps alone.
fn user_namespace(uids: &str, gids: &str) -> Option<OwnedFd> {
    let (mut entered, say) = std::io::pipe().ok()?;
    let (mut wait, hold) = std::io::pipe().ok()?;
    match fork().ok()? {
        Side::Child => {
            drop((entered, hold));
            let _ =
                unshare(libc::CLONE_NEWUSER).map(|()| std::io::Write::write_all(&mut &say, b"!"));
            // The broker lets go when it is done with us, and if it dies.
            drop(say);
            let _ = wait.read(&mut [0]);
            leave(0)
        }
        Side::Parent(holder) => {
            drop((say, wait));
            let namespace =
                entered.read_exact(&mut [0]).ok().and_then(|()| mapped(holder, uids, gids));
            drop(hold);
            let _ = waitpid(Some(holder), WaitOptions::empty());
            namespace
        }
    }
}

fn mapped(holder: Pid, uids: &str, gids: &str) -> Option<OwnedFd> {
    let of = |name: &str| format!("/proc/{}/{name}", holder.as_raw_nonzero());
    std::fs::write(of("uid_map"), uids).ok()?;
    std::fs::write(of("gid_map"), gids).ok()?;
    File::open(of("ns/user")).ok().map(OwnedFd::from)
}

#[cfg(test)]
mod tests {
    use super::swap;

    #[test]
    fn two_ids_change_places() {
        for (one, other, expect) in [
            (0, 65534, "0 65534 1\n1 1 65533\n65534 0 1\n65535 65535 4294901760\n"),
            (5, 4, "0 0 4\n4 5 1\n5 4 1\n6 6 4294967289\n"),
            (7, 7, "0 0 4294967295\n"),
        ] {
            assert_eq!(swap(one, other), expect);
        }
    }
}
