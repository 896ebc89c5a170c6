//! The levels without namespaces: Landlock and seccomp, or nothing but hygiene.
//!
//! Home and `/tmp` are directories of our own that go away with the server, and
//! the broker, as subreaper, finds every process that the server left behind.
//! Without a process namespace the kernel does not do that for us, so there are
//! two of us, each watching the other: whichever is killed, the other cleans up.

use std::collections::BTreeSet;
use std::fs::DirBuilder;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::io::Errno;
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, kill_process, pidfd_open, set_child_subreaper,
    wait, waitpid,
};

use crate::broker::one_ends_within;
use crate::init::exit;
use crate::landlock::{Right, Rule};
use crate::memory::{INTERVAL, Meter};
use crate::order::{Exit, Order, Report};
use crate::payload::{self, listen, say};
use crate::profile::Network;
use crate::sys::process::{Side, fork, leave};
use crate::sys::socket;
use crate::trouble::{During, Part, Step, Trouble};
use crate::view::{self, NODES, SYSTEM_CODE, SYSTEM_DATA};

/// What else programs read; of other processes they see nothing.
const HARMLESS: &[&str] = &[
    "/etc/nsswitch.conf",
    "/etc/hosts",
    "/proc/self",
    "/proc/meminfo",
    "/proc/cpuinfo",
    "/proc/stat",
    "/proc/loadavg",
    "/sys/devices/system/cpu/online",
];

/// Leaves the work to a second process and cleans up if that is killed.
pub(crate) fn serve(control: &OwnedFd, order: Order, stdio: Vec<OwnedFd>) -> Step<Exit> {
    become_reaper()?;
    let first = pidfd_open(getpid(), PidfdFlags::empty()).during("hold ourselves")?;
    let place = Place::planned();
    match fork().during("start the second broker")? {
        Side::Child => serve_as_second(control, &first, order, place, stdio),
        Side::Parent(second) => {
            drop(stdio);
            while let Err(Errno::INTR) = waitpid(Some(second), WaitOptions::empty()) {}
            kill_orphans();
            // Both of us know its name and remove it, for either may be killed.
            drop(place);
            // It has reported, or its silence will be understood.
            leave(0)
        }
    }
}

fn become_reaper() -> Step<()> {
    set_child_subreaper(Some(getpid())).during("become the reaper of the server's orphans")
}

/// Starts the server, says what it is, waits for its end or that of the first.
fn serve_as_second(
    control: &OwnedFd,
    first: &OwnedFd,
    mut order: Order,
    place: Place,
    stdio: Vec<OwnedFd>,
) -> Step<Exit> {
    become_reaper()?;
    // Not before both of us know its name: whoever is left removes it.
    place.make(&order)?;
    place.settle(&mut order);
    let (report, theirs) = socket::pair().during("make the report socket")?;
    match fork().during("start the payload")? {
        Side::Child => {
            drop(report);
            let Err(trouble) = confine(&order, &place, &stdio, &theirs);
            let _ = say(&theirs, &Report::Failed(trouble));
            leave(126)
        }
        Side::Parent(server) => {
            drop((theirs, stdio));
            let watched = watch(control, first, &report, server, order.limits.memory_bytes);
            let exit = end(server);
            kill_orphans();
            drop(place);
            watched.map(|ours| ours.unwrap_or(exit))
        }
    }
}

fn confine(
    order: &Order,
    place: &Place,
    stdio: &[OwnedFd],
    report: &OwnedFd,
) -> Step<std::convert::Infallible> {
    check_roots(order)?;
    payload::become_server(order, &view::View::default(), &ceiling(order, place), stdio, report)
}

/// Without mounts, identity is all there is to compare.
fn check_roots(order: &Order) -> Step<()> {
    for root in &order.roots {
        let what = || format!("open `{}`", crate::root::shown(&root.path));
        let handle =
            crate::sys::mount::open_exact(Path::new(&root.path)).during_part(Part::Root, what())?;
        let now = crate::skeleton::identity(&handle).during_part(Part::Root, what())?;
        if now != (root.device, root.inode) {
            let path = crate::root::shown(&root.path);
            let what = format!("`{path}` is no longer the directory that was approved");
            return Err(Trouble::new(Part::Root, what));
        }
    }
    Ok(())
}

fn ceiling(order: &Order, place: &Place) -> Vec<Rule> {
    let mut rules = Vec::new();
    let mut add = |paths: &[&str], right| {
        rules.extend(paths.iter().map(|path| (PathBuf::from(path), right)));
    };
    add(SYSTEM_CODE, order.code_right());
    add(SYSTEM_DATA, Right::Read);
    add(HARMLESS, Right::Read);
    add(NODES, Right::Device);
    if order.network == Network::Host {
        add(&["/etc/resolv.conf", "/run/systemd/resolve"], Right::Read);
    }
    rules.extend([place.home(), place.tmp()].map(|dir| (dir, Right::Write)));
    let granted = view::grants(order).into_iter();
    rules.extend(granted.map(|(path, grant)| (path, order.less(grant.right()))));
    rules.extend(order.itself());
    rules
}

/// Until somebody is gone, or the server holds too much.
fn watch(
    control: &OwnedFd,
    first: &OwnedFd,
    report: &OwnedFd,
    server: Pid,
    most: u64,
) -> Step<Option<Exit>> {
    let handle = pidfd_open(server, PidfdFlags::empty()).during("hold the server")?;
    let achieved = listen(report)?.achieved;
    let started = Report::Started { pid: server.as_raw_nonzero().get(), achieved, dials: 0 };
    match say(control, &started) {
        Ok(()) | Err(Errno::PIPE) => {}
        Err(error) => return Err(error).during("tell the gateway"),
    }
    let mut meter = Meter::new(most, &[]);
    loop {
        if one_ends_within(&[control, first, &handle], INTERVAL).during("watch the server")? {
            return Ok(None);
        }
        let ours: Vec<i32> =
            descendants(getpid()).iter().map(|pid| pid.as_raw_nonzero().get()).collect();
        if let Some(held) = meter.exceeded(&ours) {
            return Ok(Some(Exit::Memory(held)));
        }
    }
}

fn end(server: Pid) -> Exit {
    let _ = kill_process(server, Signal::KILL);
    loop {
        match waitpid(Some(server), WaitOptions::empty()) {
            Ok(Some((_, status))) => return exit(status),
            Err(Errno::INTR) | Ok(None) => {}
            Err(_) => return Exit::Signal(libc::SIGKILL),
        }
    }
}

/// Whoever survived the server is our child now, or a child of one.
fn kill_orphans() {
    loop {
        let all = descendants(getpid());
        for pid in &all {
            let _ = kill_process(*pid, Signal::KILL);
        }
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

fn descendants(of: Pid) -> Vec<Pid> {
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    let mut open = vec![of];
    while let Some(pid) = open.pop() {
        for child in children(pid) {
            if seen.insert(child.as_raw_nonzero()) {
                found.push(child);
                open.push(child);
            }
        }
    }
    found
}

/// The children of a process, as the kernel lists them.
pub(crate) fn children(of: Pid) -> Vec<Pid> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", of.as_raw_nonzero()));
    let lists = tasks.into_iter().flatten().flatten().map(|task| task.path().join("children"));
    let text: String = lists.filter_map(|list| std::fs::read_to_string(list).ok()).collect();
    text.split_whitespace().filter_map(|pid| pid.parse().ok().and_then(Pid::from_raw)).collect()
}

/// Our own directories for one server, removed with this value.
struct Place(PathBuf);

impl Place {
    /// A name in `/tmp` that nobody has: nothing is there yet.
    fn planned() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("portcullis-{}-{}", std::process::id(), since.as_nanos());
        Self(Path::new("/tmp").join(name))
    }

    /// Creating is exclusive: what somebody else put there is no place of ours.
    fn make(&self, order: &Order) -> Step<()> {
        for dir in [self.0.clone(), self.home(), self.tmp()] {
            directory(&dir).during("make a private directory in /tmp")?;
        }
        for file in &order.home_files {
            std::fs::write(self.home().join(&file.name), &file.bytes)
                .during("write to the private home")?;
        }
        if order.account.switch {
            self.give_to(order).during("hand the private directories over")?;
        }
        Ok(())
    }

    fn home(&self) -> PathBuf {
        self.0.join("home")
    }

    fn tmp(&self) -> PathBuf {
        self.0.join("tmp")
    }

    fn give_to(&self, order: &Order) -> std::io::Result<()> {
        let files = order.home_files.iter().map(|file| self.home().join(&file.name));
        for path in [self.0.clone(), self.home(), self.tmp()].into_iter().chain(files) {
            std::os::unix::fs::chown(path, Some(order.account.uid), Some(order.account.gid))?;
        }
        Ok(())
    }

    /// Points the server's variables here.
    fn settle(&self, order: &mut Order) {
        order.set_variable("HOME", self.home().into());
        order.set_variable("TMPDIR", self.tmp().into());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn directory(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}
