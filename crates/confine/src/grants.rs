//! Roots that come and go while the server runs, from the broker's side.
//!
//! The broker owns the user namespace that the box's mounts belong to, so it may
//! do what nobody inside can. It keeps a copy of the host's mounts to take roots
//! from, made when the first change is asked for, and goes into the box's mount
//! namespace for the moment in which one is hung up or taken down. It runs no
//! code of the box there and opens nothing but mount points.
//!
//! Taking down is a plain `umount2`, never a lazy one, because that is the
//! kernel's own test, atomic and complete: it succeeds only if no descriptor, no
//! working directory, no mapping, no running program and no descriptor on its way
//! through a socket still refers to the root. What it does not count is inotify.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, fstat};
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_change, unmount};
use rustix::process::{Pid, chroot, fchdir};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::holders::{Held, Proc};
use crate::landlock::{Right, Rule};
use crate::live::{Applied, Request};
use crate::mounts::{Mount, parse, topmost_first};
use crate::order::{Account, Order, OrderedRoot};
use crate::profile::Access;
use crate::protect::{Plan, pin, seal};
use crate::root::shown;
use crate::skeleton::{Kind, Skeleton, identity};
use crate::sys::mount::{Forbid, allow_writing, attach, open_below, open_exact, restrict};
use crate::sys::process::{leave, unshare};
use crate::trouble::{During, Part, Step, Trouble};
use crate::view::{self, Grant, Layer};

/// What the broker holds of a box that stands.
#[derive(Debug)]
pub(crate) struct Grants {
    init: i32,
    account: Account,
    /// The box's mount namespace.
    inside: OwnedFd,
    /// The bare file system below it, writable here and nowhere else.
    skeleton: Skeleton,
    proc: Proc,
    /// Where roots are taken from.
    host: Option<Host>,
    /// What is mounted of the host, by path.
    mounted: BTreeMap<PathBuf, Mounted>,
    /// What the ceiling says, which nobody can change any more.
    ceiling: Vec<Rule>,
    /// Directories that were writable from the start.
    writable: BTreeSet<(u64, u64)>,
    /// What is protected, and the directories above it.
    guarded: BTreeMap<PathBuf, Guard>,
}

/// A copy of the host's mounts, and the way back to it.
#[derive(Debug)]
struct Host {
    namespace: OwnedFd,
    root: OwnedFd,
}

/// One piece of the host in the box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mounted {
    /// A root that came as a writable one, with its protected places.
    Writable,
    /// A root that was never more than readable.
    Readable,
    /// The program and what it needs: not ours to change.
    Code,
}

/// A mount that somebody outside may bring to nothing.
#[derive(Debug, Clone, Copy)]
struct Guard {
    hold: Hold,
    /// The file or directory that was there when it was mounted.
    on: Option<(u64, u64)>,
}

/// What such a mount is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hold {
    /// A directory above a protected place stays where it is.
    Above,
    /// A protected place stays read-only.
    Place,
}

impl Grants {
    pub(crate) fn new(order: &Order, init: Pid, inside: OwnedFd, bare: OwnedFd) -> Step<Self> {
        let is_root = |path: &Path| order.roots.iter().any(|root| Path::new(&root.path) == path);
        let mounted = |(path, grant): (PathBuf, Grant)| {
            let what = match (is_root(&path), grant.right()) {
                (true, Right::Write) => Mounted::Writable,
                (true, Right::Read) => Mounted::Readable,
                _ => Mounted::Code,
            };
            (path, what)
        };
        let writable = order.roots.iter().filter(|root| root.access == Access::ReadWrite);
        Ok(Self {
            init: init.as_raw_nonzero().get(),
            account: order.account,
            inside,
            skeleton: Skeleton::again(bare)?,
            proc: Proc::open().during("open /proc")?,
            host: None,
            mounted: view::grants(order).into_iter().map(mounted).collect(),
            ceiling: view::ceiling(order),
            writable: writable.map(|root| (root.device, root.inode)).collect(),
            guarded: order.roots.iter().flat_map(guarded).collect(),
        })
    }

    /// Something is protected, so that it pays to look.
    pub(crate) fn guards(&self) -> bool {
        !self.guarded.is_empty()
    }

    /// Protects again what somebody outside replaced. Outside of the box, where
    /// nothing is a mount point, an editor or git may rename a new file over a
    /// protected one, and the kernel lets the mount on the old one go.
    pub(crate) fn guard_again(&mut self) {
        let changed: Vec<_> = self
            .guarded
            .iter()
            .map(|(place, guard)| (place.clone(), *guard, there(place)))
            .filter(|(_, guard, now)| guard.on != *now)
            .collect();
        // In their order a directory comes before what is in it.
        for (place, guard, now) in changed {
            let held = now.is_none() || self.hold_again(&place, guard.hold, now).is_ok();
            // What could not be protected is tried again.
            if let Some(known) = self.guarded.get_mut(&place).filter(|_| held) {
                known.on = now;
            }
        }
    }

    fn hold_again(&mut self, place: &Path, hold: Hold, now: Option<(u64, u64)>) -> Step<()> {
        self.be_outside()?;
        self.be_inside(|root| {
            let handle = open_below(root, below(place)).during("open a protected place")?;
            if identity(&handle).ok() != now {
                return Err(Trouble::new(Part::Box, "it was replaced once more"));
            }
            let mode = fstat(&handle).during("look at a protected place")?.st_mode;
            match hold {
                Hold::Above if FileType::from_raw_mode(mode).is_dir() => pin(&handle, place),
                // A file stands where the directory was, such as the `.git` of a worktree.
                Hold::Above | Hold::Place => seal(&handle, place),
            }
        })
    }

    /// Does what was asked, or says what would be needed for it.
    pub(crate) fn serve(&mut self, request: Request) -> Applied {
        let path = request.path();
        let asks = matches!(request, Request::Grant(_));
        let done = self.be_outside().and_then(|()| match request {
            Request::Grant(root) => self.grant(&root),
            Request::Revoke { .. } => self.revoke(&path, UnmountFlags::empty()),
            Request::Detach { .. } => self.revoke(&path, UnmountFlags::DETACH),
            Request::Change { access, .. } => self.change(&path, access),
        });
        done.unwrap_or_else(|trouble| match (trouble.part, asks) {
            // Only what is not shown can be refused and stay so: what should go, goes.
            (Part::Root, true) => Applied::Refused(trouble.text()),
            _ => Applied::Restart(trouble.text()),
        })
    }

    fn grant(&mut self, root: &OrderedRoot) -> Step<Applied> {
        let path = PathBuf::from(&root.path);
        match (self.mounted.get(&path), root.access) {
            (None, _) => {}
            (Some(Mounted::Code), _) => return restart("it holds the server's program"),
            (Some(Mounted::Readable), Access::ReadWrite) => {
                let taken = self.revoke(&path, UnmountFlags::empty())?;
                if taken != Applied::Live {
                    return Ok(taken);
                }
            }
            (Some(_), access) => return self.change(&path, access),
        }
        if let Some(why) = self.needs_a_new_box(&path, root) {
            return restart(&why);
        }
        let plan =
            Plan { places: root.protect.iter().map(PathBuf::from).collect(), nested: vec![] };
        let writable = root.access == Access::ReadWrite;
        let plan = if writable { plan } else { Plan::default() };
        let layer = view::granted_layer(&path, Grant::of(root), plan, &self.account)?;
        let hung = self.hang_up(&path, layer)?;
        if hung == Applied::Live {
            let mounted = if writable { Mounted::Writable } else { Mounted::Readable };
            self.guarded.extend(guarded(root));
            self.mounted.insert(path, mounted);
        }
        Ok(hung)
    }

    /// What only a start can give.
    fn needs_a_new_box(&self, path: &Path, root: &OrderedRoot) -> Option<String> {
        if self.account.switch {
            // Only outside of our namespace could its owner be stood in for.
            return Some("the gateway runs as root".to_owned());
        }
        let mut others = self.mounted.keys();
        if let Some(other) = others.find(|o| o.starts_with(path) || path.starts_with(o)) {
            return Some(format!("it and `{}` lie one in the other", shown(other)));
        }
        let writes = root.access == Access::ReadWrite;
        let may = self.may_write(path, (root.device, root.inode));
        (writes && !may).then(|| "nothing may be written there in this box".to_owned())
    }

    /// The ceiling covers a writable root here: by a directory above it, which the
    /// kernel finds on its way up through the mount, or as itself.
    fn may_write(&self, path: &Path, identity: (u64, u64)) -> bool {
        let above =
            |(dir, right): &Rule| *right == Right::Write && dir != path && path.starts_with(dir);
        self.writable.contains(&identity) || self.ceiling.iter().any(above)
    }

    /// Mount points are made on the bare file system, which the box cannot write.
    /// Elsewhere the server could have put something in the way.
    fn hang_up(&self, path: &Path, layer: Layer) -> Step<Applied> {
        let bare = self.skeleton.point(path, Kind::Directory)?;
        let bare = identity(&bare).during("look at a mount point")?;
        let hung = self.be_inside(|root| {
            let point = open_below(root, below(path)).ok();
            let Some(point) = point.filter(|point| identity(point) == Ok(bare)) else {
                return restart("its place in the box belongs to the server");
            };
            match layer {
                Layer::Tree(tree, _) => attach(&tree, &point).during("mount a root")?,
                Layer::Guarded(guarded) => drop(guarded.lay(&point)?),
                Layer::Link(_) => return restart("it is a link"),
            }
            Ok(Applied::Live)
        });
        if hung.as_ref().ok() != Some(&Applied::Live) {
            // Whatever is there by now, it is no root.
            let _ = self.be_inside(|root| take_all(root, &self.proc, path, UnmountFlags::DETACH));
            self.forget(path);
        }
        hung
    }

    fn revoke(&mut self, path: &Path, how: UnmountFlags) -> Step<Applied> {
        match self.mounted.get(path) {
            None => return Ok(Applied::Refused(format!("`{}` is no root here", shown(path)))),
            Some(Mounted::Code) => return restart("it holds the server's program"),
            Some(Mounted::Readable | Mounted::Writable) => {}
        }
        let inner = self.mounted.keys().find(|other| *other != path && other.starts_with(path));
        if let Some(inner) = inner {
            return restart(&format!("`{}` lies in it", shown(inner)));
        }
        let bare = self.skeleton.device();
        let parent = below(path.parent().unwrap_or(path));
        let (taken, device) = self.be_inside(|root| {
            let above = open_below(root, parent).during("open the directory above")?;
            if identity(&above).is_ok_and(|(device, _)| device != bare) {
                return Ok((Applied::Restart("it lies in a place of the server's".into()), 0));
            }
            self.take_down(root, path, how)
        })?;
        if taken == Applied::Live {
            self.mounted.remove(path);
            self.guarded.retain(|place, _| !place.starts_with(path));
            self.forget(path);
            if self.proc.watches(self.init, device) {
                return restart("the server watches its files by inotify");
            }
        }
        Ok(taken)
    }

    /// From the last mount to the first. A protected root becomes read-only
    /// before its protections go.
    fn take_down(&self, root: &OwnedFd, path: &Path, how: UnmountFlags) -> Step<(Applied, u64)> {
        let mounts = mounts_at(&self.proc, path)?;
        // None, if somebody outside removed the directory it hung on.
        let device = mounts.first().map_or(0, |mount| mount.device);
        let top = open_below(root, below(path)).during("open a root")?;
        let narrowed = restrict(&top, Forbid::WRITE, true);
        drop(top);
        match narrowed {
            Err(Errno::BUSY) if how.is_empty() => return Ok((self.busy(path, &mounts), device)),
            Err(Errno::BUSY) | Ok(()) => {}
            Err(error) => return Err(error).during("make a root read-only"),
        }
        match take_all(root, &self.proc, path, how) {
            Ok(()) => Ok((Applied::Live, device)),
            Err(trouble) if trouble.errno == Errno::BUSY.raw_os_error() => {
                Ok((self.busy(path, &mounts), device))
            }
            Err(trouble) => Err(trouble),
        }
    }

    fn forget(&self, path: &Path) {
        self.skeleton.forget(path, |dir| self.ceiling.iter().any(|(known, _)| known == dir));
    }

    fn change(&self, path: &Path, access: Access) -> Step<Applied> {
        let mounted = self.mounted.get(path).copied();
        if access == Access::ReadWrite && mounted != Some(Mounted::Writable) {
            return restart("it was not writable when it came");
        }
        if mounted.is_none_or(|mounted| mounted == Mounted::Code) {
            return Ok(Applied::Refused(format!("`{}` is no root here", shown(path))));
        }
        self.be_inside(|root| {
            let top = open_below(root, below(path)).during("open a root")?;
            let changed = match access {
                Access::ReadOnly => restrict(&top, Forbid::WRITE, true),
                // What is protected below it keeps its own.
                Access::ReadWrite => allow_writing(&top),
            };
            drop(top);
            match changed {
                Err(Errno::BUSY) => Ok(self.busy(path, &mounts_at(&self.proc, path)?)),
                other => other.during("change a root").map(|()| Applied::Live),
            }
        })
    }

    fn busy(&self, path: &Path, mounts: &[Mount]) -> Applied {
        let mounts = mounts.iter().map(|mount| mount.id).collect();
        Applied::Busy(self.proc.holders(self.init, &Held { mounts: &mounts, root: path }))
    }

    /// Makes sure that we are in a copy of the host's mounts, from which roots can
    /// be taken, and to which there is a way back.
    fn be_outside(&mut self) -> Step<()> {
        if self.host.is_none() {
            unshare(libc::CLONE_NEWNS).during("copy the host's mounts")?;
            let slave = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
            mount_change("/", slave).during("stop our mounts from reaching the host")?;
            let namespace = File::open("/proc/self/ns/mnt").during("hold our mount namespace")?;
            let root = open_exact(Path::new("/")).during("hold our root")?;
            self.host = Some(Host { namespace: namespace.into(), root });
        }
        Ok(())
    }

    /// Does something in the box's mount namespace, and comes back.
    fn be_inside<T>(&self, work: impl FnOnce(&OwnedFd) -> Step<T>) -> Step<T> {
        let Some(host) = &self.host else {
            return Err(Trouble::new(Part::Box, "there is no way back"));
        };
        enter(&self.inside).during("enter the box's mounts")?;
        let root = open_exact(Path::new("/")).during("open the box's root");
        let done = root.and_then(|root| work(&root));
        let back = enter(&host.namespace).and_then(|()| fchdir(&host.root));
        if back.and_then(|()| chroot(".")).is_err() {
            // Better no box than a broker that looks at the wrong machine.
            leave(1)
        }
        done
    }
}

/// The protected places of a root with the directories above them, as they are.
/// What is not there cannot be mounted over, and was reported so: it is held once it comes.
fn guarded(root: &OrderedRoot) -> BTreeMap<PathBuf, Guard> {
    let mut all = BTreeMap::new();
    let writable = root.access == Access::ReadWrite;
    for place in root.protect.iter().filter(|_| writable).map(Path::new) {
        for part in place.ancestors().filter(|part| !part.as_os_str().is_empty()) {
            let hold = if part == place { Hold::Place } else { Hold::Above };
            let path = Path::new(&root.path).join(part);
            let on = there(&path);
            let guard = all.entry(path).or_insert(Guard { hold, on });
            guard.hold = guard.hold.max(hold);
        }
    }
    all
}

/// The file or directory at a path, if it is neither absent nor a link.
fn there(path: &Path) -> Option<(u64, u64)> {
    identity(&open_exact(path).ok()?).ok()
}

fn enter(namespace: &OwnedFd) -> Result<(), Errno> {
    use std::os::fd::AsFd as _;
    move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Mount))
}

fn mounts_at(proc: &Proc, path: &Path) -> Step<Vec<Mount>> {
    let list = proc.mountinfo().during("list the box's mounts")?;
    Ok(parse(&list).into_iter().filter(|mount| mount.point.starts_with(path)).collect())
}

/// Unmounts everything at and below a path, children first. No link is followed:
/// the way into a root is pinned against the server, and looked at once more.
fn take_all(root: &OwnedFd, proc: &Proc, path: &Path, how: UnmountFlags) -> Step<()> {
    let mounts = mounts_at(proc, path)?;
    for mount in topmost_first(&mounts) {
        let what = || format!("unmount `{}`", shown(&mount.point));
        drop(open_below(root, below(&mount.point)).during(what())?);
        unmount(&mount.point, UnmountFlags::NOFOLLOW | how).during(what())?;
    }
    Ok(())
}

/// An absolute path as it is below `/`.
fn below(path: &Path) -> &Path {
    let inner = path.strip_prefix("/").unwrap_or(path);
    if inner.as_os_str().is_empty() { Path::new(".") } else { inner }
}

fn restart(why: &str) -> Step<Applied> {
    Ok(Applied::Restart(why.to_owned()))
}
