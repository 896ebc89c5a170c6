//! The bare file system that a view is assembled on.
//!
//! Everything goes through open handles and never through a path that somebody
//! else could have changed: mount points are looked up component by component,
//! no link is followed, and a missing directory is created only while still on
//! a file system of ours, never inside a mounted root.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path};

use rustix::fs::{
    AtFlags, CWD, Gid, Mode, OFlags, Uid, fstat, mkdirat, openat, symlinkat, unlinkat,
};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountPropagationFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount_change, unmount,
};

use crate::order::Account;
use crate::root::shown;
use crate::sys::mount::{Forbid, attach, clone_one, clone_tree, open_below, open_exact, restrict};
use crate::trouble::{During, Part, Step, Trouble};

/// Where the skeleton hangs until it becomes `/`: any of these will do, for
/// what they hide has been cloned before.
const STAGES: &[&str] = &["/tmp", "/run", "/mnt", "/var", "/usr"];

/// What a new mount point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
}

/// A file system in memory, with its limits.
pub(crate) struct Memory<'a> {
    pub(crate) mode: &'a str,
    pub(crate) bytes: u64,
    pub(crate) files: u64,
    pub(crate) owner: Option<Account>,
}

/// The new root while it is built.
#[derive(Debug)]
pub(crate) struct Skeleton {
    root: OwnedFd,
    /// Device numbers of the file systems that we made and may create in.
    ours: BTreeSet<u64>,
}

impl Skeleton {
    /// An empty root, hung over a directory that is not needed any more.
    pub(crate) fn raise() -> Step<Self> {
        let slave = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
        mount_change("/", slave).during("stop our mounts from reaching the host")?;
        let memory = Memory { mode: "0755", bytes: 4 << 20, files: 4096, owner: None };
        let root = memory.mount(Forbid::SUID.and(Forbid::DEVICES))?;
        let stage = STAGES.iter().find_map(|dir| open_exact(Path::new(dir)).ok());
        let stage = stage.ok_or_else(|| Trouble::new(Part::Box, "no directory to build in"))?;
        attach(&root, stage).during("attach the new root")?;
        let ours = BTreeSet::from([device(&root)?]);
        Ok(Self { root, ours })
    }

    /// The bare file system again, by a handle on it.
    pub(crate) fn again(root: OwnedFd) -> Step<Self> {
        let ours = BTreeSet::from([device(&root)?]);
        Ok(Self { root, ours })
    }

    /// A handle on the bare file system, in which mount points can still be made
    /// when the box sees it read-only.
    pub(crate) fn keep(&self) -> Step<OwnedFd> {
        clone_one(&self.root).during("clone the new root")
    }

    /// Removes a mount point that is not needed any more, and what was made for it.
    /// A directory that the ceiling knows would be another one if made again.
    pub(crate) fn forget(&self, at: &Path, known: impl Fn(&Path) -> bool) {
        let names: Vec<_> =
            at.components().filter(|part| matches!(part, Component::Normal(_))).collect();
        for depth in (1..=names.len()).rev() {
            let path: std::path::PathBuf = names.iter().take(depth).collect();
            if known(&Path::new("/").join(&path)) {
                return;
            }
            let parent = path.parent().unwrap_or(Path::new(""));
            let dir = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            let Ok(dir) = open_below(&self.root, dir) else { return };
            let Some(name) = path.file_name() else { return };
            // What is not empty is somebody's way, and stays.
            if unlinkat(dir, name, AtFlags::REMOVEDIR).is_err() {
                return;
            }
        }
    }

    /// Mounts a file system in memory.
    pub(crate) fn memory(&mut self, at: &str, memory: &Memory<'_>, forbid: Forbid) -> Step<()> {
        let tree = memory.mount(forbid)?;
        self.ours.insert(device(&tree)?);
        self.mount(Path::new(at), &tree, Kind::Directory)
    }

    /// Mounts a fresh `/proc` that shows this box's processes only.
    pub(crate) fn proc(&self) -> Step<()> {
        let everything = MountAttrFlags::MOUNT_ATTR_NOSUID
            | MountAttrFlags::MOUNT_ATTR_NODEV
            | MountAttrFlags::MOUNT_ATTR_NOEXEC;
        let tree = file_system("proc", &[], everything).during("mount /proc")?;
        self.mount(Path::new("/proc"), &tree, Kind::Directory)
    }

    /// Whether something is there.
    pub(crate) fn has(&self, at: &Path) -> bool {
        at.strip_prefix("/").is_ok_and(|below| open_below(&self.root, below).is_ok())
    }

    /// A piece of our own, to be mounted once more.
    pub(crate) fn clone(&self, from: &Path, forbid: Forbid) -> Step<OwnedFd> {
        let what = || format!("clone `{}`", shown(from));
        let tree = clone_tree(self.point(from, Kind::File)?).during(what())?;
        restrict(&tree, forbid, false).during(what())?;
        Ok(tree)
    }

    /// Mounts a detached tree at a path, making the mount point if need be.
    pub(crate) fn mount(&self, at: &Path, tree: &OwnedFd, kind: Kind) -> Step<()> {
        let point = self.point(at, kind)?;
        attach(tree, point).during(format!("mount `{}`", shown(at)))
    }

    /// A symbolic link. Where something is already, that stays.
    pub(crate) fn link(&self, at: &Path, target: impl rustix::path::Arg) -> Step<()> {
        let (Some(parent), Some(name)) = (at.parent(), at.file_name()) else { return Ok(()) };
        let dir = self.point(parent, Kind::Directory)?;
        match symlinkat(target, dir, name) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(error).during(format!("link `{}`", shown(at))),
        }
    }

    /// A small file of ours.
    pub(crate) fn write(&self, at: &str, bytes: &[u8], owner: Option<Account>) -> Step<()> {
        let what = || format!("write `{at}`");
        let path = Path::new(at);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Ok(()) };
        let dir = reopen(&self.point(parent, Kind::Directory)?).during(what())?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::from_raw_mode(if owner.is_some() { 0o600 } else { 0o644 });
        let mut file = File::from(openat(dir, name, flags, mode).during(what())?);
        file.write_all(bytes).during(what())?;
        match owner.filter(|account| account.switch) {
            Some(account) => hand_over(file.as_fd(), account).during(what()),
            None => Ok(()),
        }
    }

    /// Forbids something on one of our own mounts, not on those below it.
    pub(crate) fn restrict(&self, at: &str, forbid: Forbid) -> Step<()> {
        let point = self.point(Path::new(at), Kind::Directory)?;
        restrict(point, forbid, false).during(format!("restrict `{at}`"))
    }

    /// Becomes the root of this process; the old one is gone.
    pub(crate) fn become_root(self) -> Step<()> {
        restrict(&self.root, Forbid::WRITE, false).during("make the new root read-only")?;
        rustix::process::fchdir(&self.root).during("enter the new root")?;
        rustix::process::pivot_root(".", ".").during("change the root")?;
        unmount(".", UnmountFlags::DETACH).during("let go of the old root")?;
        rustix::process::chdir("/").during("enter the new root")?;
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", private).during("keep our mounts to ourselves")
    }

    /// The number of the bare file system.
    pub(crate) fn device(&self) -> u64 {
        fstat(&self.root).map_or(0, |stat| stat.st_dev)
    }

    /// Walks to a mount point, creating what is missing on our own file systems.
    pub(crate) fn point(&self, at: &Path, kind: Kind) -> Step<OwnedFd> {
        let mut here = open_below(&self.root, ".").during("open the new root")?;
        let names: Vec<_> =
            at.components().filter(|part| matches!(part, Component::Normal(_))).collect();
        for (i, part) in names.iter().enumerate() {
            let kind = if i + 1 == names.len() { kind } else { Kind::Directory };
            here = match open_below(&here, part.as_os_str()) {
                Err(Errno::NOENT) => self.create(&here, part.as_os_str(), kind),
                other => other,
            }
            .during_part(Part::Root, format!("reach `{}`", shown(at)))?;
        }
        Ok(here)
    }

    fn create(&self, dir: &OwnedFd, name: &std::ffi::OsStr, kind: Kind) -> Result<OwnedFd, Errno> {
        if !self.ours.contains(&fstat(dir)?.st_dev) {
            return Err(Errno::NOENT);
        }
        match kind {
            Kind::Directory => mkdirat(dir, name, Mode::from_raw_mode(0o755))?,
            Kind::File => {
                let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
                drop(openat(dir, name, flags, Mode::from_raw_mode(0o644))?);
            }
        }
        open_below(dir, name)
    }
}

impl Memory<'_> {
    fn mount(&self, forbid: Forbid) -> Step<OwnedFd> {
        let (bytes, files) = (self.bytes.to_string(), self.files.to_string());
        let mut options = vec![("mode", self.mode), ("size", &bytes), ("nr_inodes", &files)];
        let owner = self.owner.map(|who| (who.uid.to_string(), who.gid.to_string()));
        if let Some((uid, gid)) = &owner {
            options.extend([("uid", uid.as_str()), ("gid", gid.as_str())]);
        }
        let tree = file_system("tmpfs", &options, MountAttrFlags::empty())
            .during("make a file system in memory")?;
        restrict(&tree, forbid, false).during("restrict a file system in memory")?;
        Ok(tree)
    }
}

fn file_system(
    kind: &str,
    options: &[(&str, &str)],
    attributes: MountAttrFlags,
) -> Result<OwnedFd, Errno> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (key, value) in options {
        fsconfig_set_string(context.as_fd(), *key, *value)?;
    }
    fsconfig_create(context.as_fd())?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes)
}

/// A handle that can be created in, for one that only points.
fn reopen(point: &OwnedFd) -> Result<OwnedFd, Errno> {
    openat(point, ".", OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
}

/// Makes something of ours the server's.
pub(crate) fn hand_over(what: BorrowedFd<'_>, to: Account) -> Result<(), Errno> {
    let (uid, gid) = (Uid::from_raw(to.uid), Gid::from_raw(to.gid));
    rustix::fs::fchown(what, Some(uid), Some(gid))
}

fn device(of: &OwnedFd) -> Step<u64> {
    fstat(of).map(|stat| stat.st_dev).during("look at a file system of ours")
}

/// Device and inode of what a handle refers to.
pub(crate) fn identity(of: &OwnedFd) -> Result<(u64, u64), Errno> {
    let stat = fstat(of)?;
    Ok((stat.st_dev, stat.st_ino))
}

/// What kind of mount point a handle needs.
pub(crate) fn kind(of: &OwnedFd) -> Result<Kind, Errno> {
    let directory = rustix::fs::FileType::from_raw_mode(fstat(of)?.st_mode).is_dir();
    Ok(if directory { Kind::Directory } else { Kind::File })
}

/// Where a symbolic link points, if the path is one.
pub(crate) fn link_target(path: &Path) -> Option<std::ffi::CString> {
    let stat = rustix::fs::statat(CWD, path, AtFlags::SYMLINK_NOFOLLOW).ok()?;
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_symlink() {
        return None;
    }
    rustix::fs::readlinkat(CWD, path, Vec::new()).ok()
}
