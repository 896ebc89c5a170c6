//! What exists for a server: the system's programs, its own, its roots, and nothing else.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use crate::idmap::stand_in;
use crate::landlock::{Right, Rule};
use crate::order::{Account, Order, OrderedRoot};
use crate::profile::{Access, Network};
use crate::protect::{Guarded, Plan, Protected};
use crate::root::shown;
use crate::skeleton::{Kind, Memory, Skeleton, identity, kind, link_target};
use crate::sys::mount::{Forbid, clone_tree, open_exact, restrict};
use crate::trouble::{During, Part, Step, Trouble};

/// Programs and libraries of the system.
pub(crate) const SYSTEM_CODE: &[&str] =
    &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store", "/gnu/store"];

/// What programs read about the system, and that says nothing about its people.
pub(crate) const SYSTEM_DATA: &[&str] = &[
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/protocols",
    "/etc/services",
];

/// Devices that are no devices.
pub(crate) const NODES: &[&str] =
    &["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];

/// The box's own writable directories. Their files are memory.
pub(crate) const OURS: &[&str] = &["/tmp", "/run", "/dev/shm", HOME];

/// The private home at level full.
pub(crate) const HOME: &str = "/sandbox/home";

const READ_ONLY: Forbid = Forbid::WRITE.and(Forbid::SUID).and(Forbid::DEVICES);

/// What one path becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) write: bool,
    execute: bool,
    identity: Option<(u64, u64)>,
}

impl Grant {
    const CODE: Self = Self { write: false, execute: true, identity: None };
    const STORE: Self = Self { write: true, execute: true, identity: None };

    pub(crate) fn of(root: &OrderedRoot) -> Self {
        let write = root.access == Access::ReadWrite;
        Self { write, execute: false, identity: Some((root.device, root.inode)) }
    }

    fn forbid(self) -> Forbid {
        Forbid::SUID
            .and(Forbid::DEVICES)
            .and_if(!self.write, Forbid::WRITE)
            .and_if(!self.execute, Forbid::EXEC)
    }

    /// What the ceiling says about it.
    pub(crate) fn right(self) -> Right {
        match (self.write, self.execute) {
            (false, false) => Right::Read,
            (false, true) => Right::Execute,
            (true, false) => Right::Write,
            (true, true) => Right::Build,
        }
    }
}

/// Everything granted, one entry per path.
///
/// A directory that is both a writable root and code stays writable and loses
/// its execution: only the program's own file is laid over it, read-only.
pub(crate) fn grants(order: &Order) -> BTreeMap<PathBuf, Grant> {
    let mut all: BTreeMap<PathBuf, Grant> =
        order.roots.iter().map(|root| (PathBuf::from(&root.path), Grant::of(root))).collect();
    let code = order.code.iter().map(PathBuf::from);
    for path in code.filter(|path| !SYSTEM_CODE.iter().any(|dir| path.starts_with(dir))) {
        match all.get_mut(&path) {
            Some(root) if !root.write => root.execute = true,
            Some(_) if Path::new(&order.program).starts_with(&path) => {
                all.insert(PathBuf::from(&order.program), Grant::CODE);
            }
            Some(_) => {}
            None => drop(all.insert(path, Grant::CODE)),
        }
    }
    all.extend(order.store.iter().map(|store| (PathBuf::from(store), Grant::STORE)));
    all
}

/// The granted pieces of the host, parents first.
pub(crate) type Granted = Vec<(PathBuf, Layer)>;

/// A piece of the host, cloned and restricted, waiting for its place.
pub(crate) enum Layer {
    Tree(OwnedFd, Kind),
    Guarded(Guarded),
    Link(std::ffi::CString),
}

/// A view that stands.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// What is protected in each writable root.
    pub(crate) protected: BTreeMap<String, Protected>,
    /// The bare file system below it all, for the broker.
    pub(crate) bare: Option<OwnedFd>,
}

/// Builds the view and moves into it. Runs in the init's own mount namespace;
/// what root has cloned before, outside of any namespace, comes along.
pub(crate) fn build(order: &Order, granted: Option<Granted>) -> Step<View> {
    let mut layers = clone_system()?;
    layers.extend(granted.map_or_else(|| clone_granted(order), Ok)?);
    let mut skeleton = Skeleton::raise()?;
    fill(&mut skeleton, order)?;
    let mut view = View::default();
    for (path, layer) in layers {
        match layer {
            Layer::Tree(tree, kind) => skeleton.mount(&path, &tree, kind)?,
            Layer::Guarded(guarded) => {
                let point = skeleton.point(&path, Kind::Directory)?;
                view.protected.insert(shown(&path), guarded.lay(&point)?);
            }
            Layer::Link(target) => skeleton.link(&path, target)?,
        }
    }
    for (alias, target) in &order.aliases {
        // Within a root the host's own link is there already.
        let _ = skeleton.link(Path::new(alias), target.as_os_str());
    }
    skeleton.restrict("/dev", Forbid::WRITE)?;
    view.bare = Some(skeleton.keep()?);
    skeleton.become_root()?;
    Ok(view)
}

/// Takes what is needed of the system while it can still be seen.
fn clone_system() -> Step<Vec<(PathBuf, Layer)>> {
    let mut layers = Vec::new();
    let data = READ_ONLY.and(Forbid::EXEC);
    let device = Forbid::SUID.and(Forbid::EXEC);
    let system = [(SYSTEM_CODE, READ_ONLY), (SYSTEM_DATA, data), (NODES, device)];
    for (paths, forbid) in system {
        for path in paths.iter().map(Path::new) {
            layers.extend(system_layer(path, forbid)?.map(|layer| (path.to_owned(), layer)));
        }
    }
    Ok(layers)
}

/// Takes what was granted, after one more look at whether it still is that.
pub(crate) fn clone_granted(order: &Order) -> Step<Granted> {
    let all = grants(order);
    let mut granted: Vec<_> = all.iter().collect();
    granted.sort_by_key(|(path, _)| path.components().count());
    let layer = |(path, grant): (&PathBuf, &Grant)| {
        let plan = plan(order, path, *grant, &all);
        granted_layer(path, *grant, plan, &order.account).map(|layer| (path.clone(), layer))
    };
    granted.into_iter().map(layer).collect()
}

/// What must stay as it is in a writable root: its protected places, and the
/// way to everything else that is mounted inside.
fn plan(order: &Order, path: &Path, grant: Grant, all: &BTreeMap<PathBuf, Grant>) -> Plan {
    if grant.right() != Right::Write {
        return Plan::default();
    }
    let inside = |other: &PathBuf| other.strip_prefix(path).ok().map(Path::to_owned);
    let root = order.roots.iter().find(|root| Path::new(&root.path) == path);
    let places = root.map(|root| root.protect.iter().map(PathBuf::from).collect());
    Plan {
        places: places.unwrap_or_default(),
        nested: all.keys().filter(|other| *other != path).filter_map(inside).collect(),
    }
}

fn system_layer(path: &Path, forbid: Forbid) -> Step<Option<Layer>> {
    if let Some(target) = link_target(path) {
        return Ok(Some(Layer::Link(target)));
    }
    // Not every system has every one of them.
    let Ok(handle) = open_exact(path) else { return Ok(None) };
    let what = || format!("clone `{}`", path.display());
    let kind = kind(&handle).during(what())?;
    let tree = clone_tree(&handle).during(what())?;
    restrict(&tree, forbid, true).during(format!("restrict `{}`", path.display()))?;
    Ok(Some(Layer::Tree(tree, kind)))
}

pub(crate) fn granted_layer(
    path: &Path,
    grant: Grant,
    plan: Plan,
    account: &Account,
) -> Step<Layer> {
    let what = || format!("open `{}`", shown(path));
    let handle = open_exact(path).during_part(Part::Root, what())?;
    let now = identity(&handle).during_part(Part::Root, what())?;
    if grant.identity.is_some_and(|approved| approved != now) {
        let what = format!("`{}` is no longer the directory that was approved", shown(path));
        return Err(Trouble::new(Part::Root, what));
    }
    let kind = kind(&handle).during(what())?;
    let copy = |forbid: Forbid| -> Step<OwnedFd> {
        let tree = clone_tree(&handle).during_part(Part::Root, what())?;
        restrict(&tree, forbid, true).during_part(Part::Root, what())?;
        if account.switch {
            // Where it cannot, the server may find a root closed, and is told so.
            let _ = stand_in(&tree, account);
        }
        Ok(tree)
    };
    if plan.is_empty() || kind == Kind::File {
        return Ok(Layer::Tree(copy(grant.forbid())?, kind));
    }
    // Nobody looks things up in the lower copy, and if somebody could, not to write.
    let lower = copy(grant.forbid().and(Forbid::WRITE))?;
    Ok(Layer::Guarded(Guarded { lower, upper: copy(grant.forbid())?, plan }))
}

/// What the box has of its own.
fn fill(skeleton: &mut Skeleton, order: &Order) -> Step<()> {
    let noexec = Forbid::SUID.and(Forbid::DEVICES).and(Forbid::EXEC);
    let owner = Some(order.account);
    let bytes = order.limits.tmp_bytes;
    let private = Memory { mode: "0700", bytes, files: 1 << 16, owner };
    let small = Memory { mode: "0755", bytes: 64 << 10, files: 64, owner: None };
    skeleton.memory("/tmp", &private, noexec)?;
    skeleton.memory("/run", &Memory { bytes: 1 << 20, ..private }, noexec)?;
    skeleton.memory(HOME, &Memory { mode: "0700", bytes, files: 1 << 16, owner }, noexec)?;
    skeleton.memory("/dev", &small, Forbid::SUID.and(Forbid::EXEC))?;
    let shared = Memory { mode: "0700", bytes, files: 4096, owner };
    skeleton.memory("/dev/shm", &shared, noexec)?;
    for (name, target) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
        let at = Path::new("/dev").join(name);
        skeleton.link(&at, format!("/proc/self/fd{target}"))?;
    }
    skeleton.proc()?;
    crate::mask::hide(skeleton)?;
    for (path, text) in etc(order.account, &order.network) {
        skeleton.write(path, text.as_bytes(), None)?;
    }
    for file in &order.home_files {
        skeleton.write(&format!("{HOME}/{}", file.name), &file.bytes, owner)?;
    }
    Ok(())
}

/// An `/etc` that knows nobody of the host.
fn etc(account: Account, network: &Network) -> Vec<(&'static str, String)> {
    let Account { uid, gid, .. } = account;
    let host = |path: &str| match network {
        Network::Host => std::fs::read_to_string(path).unwrap_or_default(),
        Network::None | Network::Named(_) => String::new(),
    };
    let resolver = match network {
        Network::Named(_) => "nameserver 127.0.0.1\noptions timeout:5 attempts:1\n".to_owned(),
        Network::None | Network::Host => host("/etc/resolv.conf"),
    };
    let user = format!("user:x:{uid}:{gid}:user:{HOME}:/usr/sbin/nologin\n");
    let nobody = "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n";
    let hosts = "127.0.0.1 localhost sandbox\n::1 localhost\n";
    vec![
        ("/etc/passwd", format!("{user}{nobody}")),
        ("/etc/group", format!("user:x:{gid}:\nnogroup:x:65534:\n")),
        ("/etc/hosts", format!("{hosts}{}", host("/etc/hosts"))),
        ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n".to_owned()),
        ("/etc/resolv.conf", resolver),
    ]
}

/// The ceiling for this view.
pub(crate) fn ceiling(order: &Order) -> Vec<Rule> {
    let mut rules = vec![(PathBuf::from("/"), Right::Read)];
    let mut add = |paths: &[&str], right| {
        rules.extend(paths.iter().map(|path| (PathBuf::from(path), right)));
    };
    add(SYSTEM_CODE, order.code_right());
    add(NODES, Right::Device);
    add(OURS, Right::Write);
    let all = grants(order);
    let above = |path: &PathBuf| writable_above(path, &all);
    rules.extend(all.keys().filter_map(above).map(|dir| (dir, Right::Write)));
    // Reading is granted from `/` on. A rule on a root itself would go on holding
    // for a handle on it after the root was taken away; one above it does not.
    let own =
        all.iter().filter(|(path, grant)| grant.right() != Right::Read && above(path).is_none());
    rules.extend(own.map(|(path, grant)| (path.clone(), order.less(grant.right()))));
    rules.extend(order.itself());
    rules
}

/// The directory of the bare file system that may lend its writing to a root: the
/// one above it, if nothing below that is granted for anything but writing. A
/// root that comes later, or comes back as another directory, is covered too.
fn writable_above(path: &Path, all: &BTreeMap<PathBuf, Grant>) -> Option<PathBuf> {
    let above = path.parent().filter(|dir| dir.parent().is_some())?;
    let bare = !all.keys().any(|other| above.starts_with(other))
        && !OURS.iter().any(|dir| above.starts_with(dir));
    let mut below = all.iter().filter(|(other, _)| other.starts_with(above));
    (bare && below.all(|(_, grant)| grant.right() == Right::Write)).then(|| above.to_owned())
}
