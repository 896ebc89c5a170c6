//! Mounts as handles: clone a tree, restrict it, attach it.
#![allow(unsafe_code, reason = "mount_setattr(2) has no wrapper in rustix")]

use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::io::Errno;
use rustix::mount::{MoveMountFlags, OpenTreeFlags, move_mount, open_tree};

/// What a mount forbids. The kernel's `MOUNT_ATTR_*`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Forbid(u64);

impl Forbid {
    pub(crate) const WRITE: Self = Self(1);
    pub(crate) const SUID: Self = Self(2);
    pub(crate) const DEVICES: Self = Self(4);
    pub(crate) const EXEC: Self = Self(8);

    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Adds `other` if `wanted`.
    pub(crate) const fn and_if(self, wanted: bool, other: Self) -> Self {
        if wanted { self.and(other) } else { self }
    }
}

#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns: u64,
}

/// Restricts the mount that `tree` refers to, with everything mounted below it
/// if `recursive`. A root that is read-only on top and writable in a submount
/// would be no read-only root. Events neither arrive here nor leave.
pub(crate) fn restrict(tree: impl AsFd, forbid: Forbid, recursive: bool) -> Result<(), Errno> {
    let propagation = if recursive { libc::MS_PRIVATE } else { 0 };
    let attr = MountAttr { set: forbid.0, clear: 0, propagation, userns: 0 };
    set_attributes(tree, &attr, recursive)
}

/// Takes the restriction to reading back from one mount, and from none below it.
pub(crate) fn allow_writing(mount: impl AsFd) -> Result<(), Errno> {
    let attr = MountAttr { set: 0, clear: Forbid::WRITE.0, propagation: 0, userns: 0 };
    set_attributes(mount, &attr, false)
}

/// Maps the ids of a detached tree as a user namespace does.
pub(crate) fn map_ids(tree: impl AsFd, namespace: impl AsFd) -> Result<(), Errno> {
    const MOUNT_ATTR_IDMAP: u64 = 0x0010_0000;
    let userns = u64::try_from(namespace.as_fd().as_raw_fd()).map_err(|_| Errno::BADF)?;
    let attr = MountAttr { set: MOUNT_ATTR_IDMAP, clear: 0, propagation: 0, userns };
    set_attributes(tree, &attr, true)
}

fn set_attributes(tree: impl AsFd, attr: &MountAttr, recursive: bool) -> Result<(), Errno> {
    let depth = if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the path is a NUL-terminated literal, `attr` outlives the call and
    // its size is given; the kernel writes to neither.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            tree.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | depth,
            std::ptr::from_ref(attr),
            size_of::<MountAttr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(super::process::last_errno()) }
}

/// A detached copy of the mounts at an open directory or file.
pub(crate) fn clone_tree(at: impl AsFd) -> Result<OwnedFd, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE
        | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(at, c"", flags)
}

/// A detached copy of one mount, without what is mounted on it.
pub(crate) fn clone_one(at: impl AsFd) -> Result<OwnedFd, Errno> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH;
    open_tree(at, c"", flags)
}

/// Attaches a detached tree on top of an open directory or file.
pub(crate) fn attach(tree: impl AsFd, at: impl AsFd) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    move_mount(tree, c"", at, c"", flags)
}

/// Opens an absolute path without following a single link.
pub(crate) fn open_exact(path: &Path) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    match openat2(CWD, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve) {
        Err(Errno::NOSYS) => crate::beneath::exactly(path),
        done => done,
    }
}

/// Opens a name below `dir`, never leaving it and never following a link.
pub(crate) fn open_below(dir: impl AsFd, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    openat2(dir, name, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)
}
