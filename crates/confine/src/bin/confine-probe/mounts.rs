//! Rebuilding the view: fs22-fs24, fs29-fs33.

use std::fs::File;
use std::os::fd::AsRawFd;

use crate::Outcome::{self, Held};
use crate::{Attempt, alone, any, at, attempt, call, given, path};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    attempt("fs22", "open by handle", open_by_handle),
    attempt("fs23", "take a handle of a name", name_to_handle),
    attempt("fs24", "make a block device", make_device),
    attempt("fs29", "mount a read-only root again, writable", remount),
    attempt("fs30", "clear a mount's read-only attribute", mount_setattr),
    alone("fs31", "unmount a root to see what is below", unmount),
    alone("fs32", "change the root", change_root),
    attempt("fs33", "use the new mount calls", new_mount_calls),
];

fn name_to_handle() -> Outcome {
    let (mut handle, mount) = ([0_u32; 40], 0_i32);
    handle[0] = 128;
    let usr = at(c"/usr".to_bytes_with_nul());
    call(libc::SYS_name_to_handle_at, &[libc::AT_FDCWD.into(), usr, at(&handle), at(&mount), 0])
}

fn open_by_handle() -> Outcome {
    // Inode 2 is the root of most file systems: the "shocker" attack.
    let handle = [8_u32, 1, 2, 0];
    match File::open("/") {
        Ok(root) => call(libc::SYS_open_by_handle_at, &[root.as_raw_fd().into(), at(&handle), 0]),
        Err(error) => Held(error.to_string()),
    }
}

fn make_device() -> Outcome {
    let name = path(format!("{}/disk", given("TMPDIR")));
    let device = libc::c_long::try_from(libc::makedev(254, 0)).unwrap_or_default();
    let mode = (libc::S_IFBLK | 0o600).into();
    let arguments = [libc::AT_FDCWD.into(), at(name.to_bytes_with_nul()), mode, device];
    call(libc::SYS_mknodat, &arguments)
}

fn remount() -> Outcome {
    let root = path(given("RO"));
    let flags = (libc::MS_REMOUNT | libc::MS_BIND).try_into().unwrap_or_default();
    let nothing = at(c"".to_bytes_with_nul());
    call(libc::SYS_mount, &[nothing, at(root.to_bytes_with_nul()), nothing, flags, 0])
}

fn mount_setattr() -> Outcome {
    let root = path(given("RO"));
    let clear_read_only = [0_u64, 1, 0, 0];
    let name = at(root.to_bytes_with_nul());
    let size = 32;
    call(libc::SYS_mount_setattr, &[libc::AT_FDCWD.into(), name, 0, at(&clear_read_only), size])
}

fn unmount() -> Outcome {
    let root = path(given("RO"));
    call(libc::SYS_umount2, &[at(root.to_bytes_with_nul()), libc::MNT_DETACH.into()])
}

fn change_root() -> Outcome {
    let tmp = at(c"/tmp".to_bytes_with_nul());
    any([call(libc::SYS_chroot, &[tmp]), call(libc::SYS_pivot_root, &[tmp, tmp])])
}

fn new_mount_calls() -> Outcome {
    const OPEN_TREE_CLONE: libc::c_long = 1;
    let (kind, top) = (at(c"tmpfs".to_bytes_with_nul()), at(c"/".to_bytes_with_nul()));
    any([
        call(libc::SYS_fsopen, &[kind, 0]),
        call(libc::SYS_open_tree, &[libc::AT_FDCWD.into(), top, OPEN_TREE_CLONE]),
    ])
}
