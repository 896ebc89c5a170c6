//! A program that confines itself, before it reads what a stranger sends.
//!
//! [`enter`] is one call, early in `main`, while there is one thread: privileges,
//! limits, descriptors, then Landlock for what may be opened and a filter for what may
//! be asked of the kernel. From then on no program is ever executed, no process
//! started, and no socket opened that was not asked for; other programs are run by the
//! helper of [`crate::runner`], which was started before.
//!
//! It needs no namespace and no privilege, and nothing can lift it. It is proven by
//! trying (`own_box/tries.rs`): what succeeds outside of the box is an error, and the
//! program must not go on.
//!
//! ```no_run
//! use portcullis_confine::own_box::{OwnBox, enter};
//! use portcullis_confine::{Access, admit_root};
//!
//! let root = admit_root("/home/ada/project".as_ref(), Access::ReadOnly, None)?;
//! let achieved = enter(&OwnBox { roots: vec![root], ..OwnBox::default() })?;
//! println!("level {}", achieved.level);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod tries;

use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{DumpableBehavior, set_dumpable_behavior};
use rustix::thread::set_no_new_privs;

use crate::error::SpawnError;
use crate::landlock::{self, Right, Rule, Tcp};
use crate::limits;
use crate::order::{Achieved, Feature};
use crate::profile::{Access, Level};
use crate::root::{RootGrant, shown};
use crate::seccomp::{self, own::Own};
use crate::selftest;
use crate::support::fix_for;
use crate::sys::process::close_all_but;
use crate::trouble::{During, Part, Step, Trouble};

/// What this program may touch from [`enter`] on. The default is nothing.
#[derive(Debug, Clone)]
pub struct OwnBox<'a> {
    /// The directories that the program serves.
    pub roots: Vec<RootGrant>,
    /// Directories of its own, to read and write: the journal's.
    pub state: Vec<PathBuf>,
    /// What else it reads, files or directories: a database that is only read.
    pub read: Vec<PathBuf>,
    /// What else it reads and writes.
    pub write: Vec<PathBuf>,
    /// With a list, every descriptor beside 0, 1, 2 and these is closed, also one that a
    /// value of this process still owns: name all that are to live. Without one, what is
    /// open stays open, and [`close_inherited`] is called before anything is opened.
    pub keep: Option<Vec<BorrowedFd<'a>>>,
    /// What it may reach over a network.
    pub reach: Reach,
    /// The least that must be achieved: [`Level::Landlock`], unless weakness is wanted.
    pub least: Level,
    /// Open descriptors at once.
    pub open_files: u64,
    /// The largest file it may write, in bytes.
    pub file_bytes: u64,
    /// Its private writable memory, in bytes.
    pub data_bytes: u64,
}

/// What a confined program may reach. Nothing by default: no socket opens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reach {
    /// TCP, to these ports of any host. Where the kernel cannot hold ports (Landlock
    /// below version 4), `weak` says so.
    pub tcp: Vec<u16>,
    /// Names are resolved in the process: datagrams to any host, the system's
    /// resolver files, and libraries loaded late. Resolve before, if you can.
    pub names: bool,
    /// Unix sockets, whoever listens there: weak, and marked so.
    pub local: bool,
}

impl Default for OwnBox<'_> {
    fn default() -> Self {
        Self {
            roots: Vec::new(),
            state: Vec::new(),
            read: Vec::new(),
            write: Vec::new(),
            keep: None,
            reach: Reach::default(),
            least: Level::Landlock,
            open_files: 1024,
            file_bytes: 1 << 30,
            data_bytes: 2 << 30,
        }
    }
}

/// What a program of ours needs wherever it runs. The rest was loaded at its start.
const NEEDED: &[&str] = &["/etc/localtime", "/usr/share/zoneinfo"];
const DEVICES: &[&str] = &["/dev/null", "/dev/urandom"];
/// What a connection to a database may check its peer with.
const CERTIFICATES: &[&str] =
    &["/etc/ssl", "/etc/pki/tls", "/etc/pki/ca-trust", "/usr/share/ca-certificates"];
/// What the system's resolver reads.
const RESOLVER: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/host.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/run/systemd/resolve",
    "/etc/ld.so.cache",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
];

/// Confines this process, proves it, and says what was achieved.
///
/// Called once, while there is one thread: what is given up here, later threads inherit
/// and earlier ones would not know of.
///
/// # Errors
///
/// [`SpawnError::Weaker`] when the box would be weaker than `least`, or something that
/// it promises to hold was tried and succeeded; [`SpawnError::Root`] when a root is not
/// what was approved. The process may be half confined then: end it.
pub fn enter(own: &OwnBox<'_>) -> Result<Achieved, SpawnError> {
    confine(own).map_err(|trouble| match trouble.part {
        Part::Root => SpawnError::Root(trouble.text()),
        Part::Box | Part::SelfTest | Part::Program => {
            SpawnError::Weaker { asked: own.least, fix: fix_for(&trouble), missing: trouble.text() }
        }
    })
}

/// It reads aloud: look, give up, close, shut, try.
fn confine(own: &OwnBox<'_>) -> Step<Achieved> {
    alone()?;
    let mut achieved = Achieved {
        level: Level::None,
        features: Vec::new(),
        selftest: Vec::new(),
        weak: Vec::new(),
    };
    let rules = rules(own)?;
    // What can be opened now and must not be any more, and a door on this machine.
    let tried = tries::Tried::prepare(own, &rules);
    set_no_new_privs(true).during("set no-new-privileges")?;
    limits::drop_capabilities()?;
    limits::apply_own(own.open_files, own.file_bytes, own.data_bytes)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).during("hide from tracers")?;
    close(own, &tried)?;
    describe(own, &mut achieved);
    shut(own, &rules, &mut achieved)?;
    achieved.selftest = tried.run(own, achieved.level);
    selftest::judge(&achieved.selftest)?;
    Ok(achieved)
}

/// Landlock and the filter hold for the thread that asks, and for its children.
fn alone() -> Step<()> {
    let tasks = std::fs::read_dir("/proc/self/task").during("count our own threads")?;
    match tasks.count() {
        1 => Ok(()),
        count => {
            let what = format!("there are {count} threads: confine before the others start");
            Err(Trouble::new(Part::Box, what))
        }
    }
}

/// Whether this process opened all that is open beside 0, 1 and 2.
static CLOSED: AtomicBool = AtomicBool::new(false);

/// Closes every descriptor but 0, 1 and 2: whatever our parent left open in us. First of
/// all in `main` (after [`crate::personality`]), before this process opens one.
///
/// # Errors
///
/// [`SpawnError::Io`] where the kernel has no `close_range` (before 5.9).
pub fn close_inherited() -> Result<(), SpawnError> {
    close_all_but(&[]).map_err(|reason| SpawnError::Io {
        what: "close what was inherited".to_owned(),
        reason: reason.into(),
    })?;
    CLOSED.store(true, Ordering::Relaxed);
    Ok(())
}

fn close(own: &OwnBox<'_>, tried: &tries::Tried) -> Step<()> {
    let Some(keep) = &own.keep else { return Ok(()) };
    let kept = keep.iter().map(|fd| fd.as_raw_fd());
    let kept: Vec<_> = kept.chain(tried.descriptor()).collect();
    close_all_but(&kept).during("close what was inherited")
}

fn rules(own: &OwnBox<'_>) -> Step<Vec<Rule>> {
    let mut rules: Vec<Rule> = Vec::new();
    for root in &own.roots {
        check(root)?;
        let right = match root.access {
            Access::ReadOnly => Right::Read,
            Access::ReadWrite => Right::Write,
        };
        rules.push((root.path.clone(), right));
    }
    let mut add = |paths: &[&str], right| {
        rules.extend(paths.iter().map(|path| (PathBuf::from(path), right)));
    };
    add(NEEDED, Right::Read);
    add(DEVICES, Right::Device);
    if !own.reach.tcp.is_empty() {
        add(CERTIFICATES, Right::Read);
    }
    if own.reach.names {
        add(RESOLVER, Right::Read);
    }
    rules.extend(own.read.iter().map(|path| (path.clone(), Right::Read)));
    rules.extend(own.state.iter().chain(&own.write).map(|path| (path.clone(), Right::Write)));
    Ok(rules)
}

/// The rule is made from the path: it must still lead to what was approved.
fn check(root: &RootGrant) -> Step<()> {
    let what = || format!("open `{}`", shown(&root.path));
    let handle = crate::sys::mount::open_exact(&root.path).during_part(Part::Root, what())?;
    let now = crate::skeleton::identity(&handle).during_part(Part::Root, what())?;
    if now == (root.device, root.inode) {
        return Ok(());
    }
    let what = format!("`{}` is no longer the directory that was approved", shown(&root.path));
    Err(Trouble::new(Part::Root, what))
}

fn describe(own: &OwnBox<'_>, achieved: &mut Achieved) {
    let mut add = |name: &str, detail: String| {
        achieved.features.push(Feature { name: name.to_owned(), detail });
    };
    add("user", format!("uid {}, no capabilities", rustix::process::geteuid().as_raw()));
    let mib = |bytes: u64| bytes >> 20;
    let (open, file, data) = (own.open_files, mib(own.file_bytes), mib(own.data_bytes));
    add("limits", format!("{open} open files, {file} MiB per file, {data} MiB data"));
    let closed = own.keep.is_some() || CLOSED.load(Ordering::Relaxed);
    if closed {
        add("descriptors", "none that was inherited, but 0, 1 and 2".to_owned());
    }
    add("network", network(&own.reach));
    if !closed {
        achieved.weak.push("descriptors that were inherited are still open".to_owned());
    }
    if own.reach.local {
        achieved.weak.push("unix sockets are open, whoever listens there".to_owned());
    }
    for root in own.roots.iter().filter(|root| root.access == Access::ReadOnly) {
        let wider = |other: &&RootGrant| {
            other.access == Access::ReadWrite && root.path.starts_with(&other.path)
        };
        if let Some(wider) = own.roots.iter().find(wider) {
            let (root, wider) = (shown(&root.path), shown(&wider.path));
            let what = format!("root `{root}` lies in the writable root `{wider}`");
            achieved.weak.push(format!("{what}: the kernel lets us write to it"));
        }
    }
}

fn network(reach: &Reach) -> String {
    let mut open = Vec::new();
    if !reach.tcp.is_empty() {
        let ports: Vec<String> = reach.tcp.iter().map(u16::to_string).collect();
        open.push(format!("TCP to port {}", ports.join(", ")));
    }
    if reach.names {
        open.push("datagrams, to resolve names".to_owned());
    }
    if reach.local {
        open.push("unix sockets".to_owned());
    }
    if open.is_empty() { "none: no sockets".to_owned() } else { open.join("; ") }
}

/// Landlock, then the filter. Without the first a box may still be wanted.
fn shut(own: &OwnBox<'_>, rules: &[Rule], achieved: &mut Achieved) -> Step<()> {
    let ports: &[u16] = &own.reach.tcp;
    match landlock::restrict(rules, Tcp::Only(ports)) {
        Ok(detail) => {
            achieved.level = Level::Landlock;
            achieved.features.push(Feature { name: "landlock".to_owned(), detail });
            weaknesses(own, &mut achieved.weak);
        }
        Err(trouble) if own.least == Level::None => {
            achieved.weak.push(format!("files are not held: {}", trouble.text()));
        }
        Err(trouble) => return Err(trouble),
    }
    if own.least == Level::Full {
        return Err(Trouble::new(Part::Box, "a program that runs already gets no view of its own"));
    }
    let filter = Own {
        pid: std::process::id(),
        tcp: !ports.is_empty(),
        names: own.reach.names,
        local: own.reach.local,
    };
    let length = seccomp::install_own(&filter).during("install the system call filter")?;
    let detail = format!("allow-list without execve and fork, {length} instructions");
    achieved.features.push(Feature { name: "system calls".to_owned(), detail });
    Ok(())
}

/// What Landlock does not see, in words for the journal.
fn weaknesses(own: &OwnBox<'_>, weak: &mut Vec<String>) {
    weak.push(
        "names, sizes and times of files outside can be asked for, not what is in them".to_owned(),
    );
    if !own.reach.tcp.is_empty() && landlock::version() < 4 {
        weak.push("this kernel holds no TCP ports: every port of every host is open".to_owned());
    }
}

/// Whether a path lies in what may be opened.
fn covered(path: &Path, rules: &[Rule]) -> bool {
    rules.iter().any(|(open, _)| path.starts_with(open))
}
