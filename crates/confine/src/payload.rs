//! The last steps before a process is the server: everything it gives up, in order.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::set_no_new_privs;

use crate::landlock::{self, Rule, Tcp};
use crate::limits;
use crate::namespace;
use crate::order::{Achieved, Feature, Order, Report};
use crate::profile::{Access, Level, Limits, Network};
use crate::protect::Protected;
use crate::seccomp::{self, Sockets};
use crate::selftest;
use crate::sys::process::{
    c_string, close_on_exec_from, default_signals, execute, new_session_keyring, place_at,
};
use crate::sys::socket::hung_up;
use crate::trouble::{During, Part, Step, Trouble};
use crate::view::View;

/// Confines this process, proves it, reports it, and becomes the server.
/// Returns only the reason why not.
pub(crate) fn become_server(
    order: &Order,
    view: &View,
    ceiling: &[Rule],
    stdio: &[OwnedFd],
    report: &OwnedFd,
) -> Step<Infallible> {
    let _ = rustix::process::setsid();
    take_stdio(stdio)?;
    // Blocked by some containers; the system call is denied below in any case.
    let _ = new_session_keyring();
    namespace::become_account(&order.account)?;
    die_with_parent(report)?;
    if order.level == Level::Full {
        namespace::enter_inner(&order.account)?;
    }
    let mut achieved = Achieved::new(order);
    achieved.describe_protection(order, view);
    limits::apply(&order.limits, order.level == Level::Full)?;
    enter_directory(order)?;
    achieved.weak.extend(unwritable_roots(order));
    limits::drop_capabilities()?;
    set_no_new_privs(true).during("set no-new-privileges")?;
    if order.level > Level::None {
        let offline = order.network == Network::None && order.level == Level::Landlock;
        let tcp = if offline { Tcp::Only(&[]) } else { Tcp::Free };
        let landlock = landlock::restrict(ceiling, tcp)?;
        achieved.add("landlock", landlock);
        if order.doorbell {
            announce(report)?;
            achieved.add("doorbell", "calls that name a place are announced".to_owned());
        }
        let filter = seccomp::install(sockets(order)).during("install the system call filter")?;
        achieved.add("system calls", format!("allow-list, {filter} instructions"));
    }
    achieved.selftest = selftest::run(order);
    selftest::judge(&achieved.selftest)?;
    say(report, &Report::Ready(achieved)).during("report over the control socket")?;
    start(order)
}

/// Before the filter that decides, which allows no other after it. The handle goes
/// to the broker: whoever has it can make calls wait.
fn announce(report: &OwnedFd) -> Step<()> {
    let listener = seccomp::bell::install().during("install the doorbell")?;
    say_with(report, &Report::Bell, &[listener.as_fd()]).during("hand the doorbell over")
}

/// One report, one message.
pub(crate) fn say(to: impl AsFd, report: &Report) -> Result<(), Errno> {
    say_with(to, report, &[])
}

/// One report, with descriptors.
pub(crate) fn say_with(
    to: impl AsFd,
    report: &Report,
    fds: &[BorrowedFd<'_>],
) -> Result<(), Errno> {
    let bytes = serde_json::to_vec(report).map_err(|_| Errno::INVAL)?;
    crate::sys::socket::send(to, &bytes, fds)
}

/// Set after the account, for changing that forgets it. The parent may have
/// died before, but then nobody holds the other end of the report socket.
pub(crate) fn die_with_parent(report: &OwnedFd) -> Step<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).during("die with our parent")?;
    if hung_up(report) { Err(Trouble::new(Part::Box, "the broker is gone")) } else { Ok(()) }
}

/// The three pipes, and nothing else that would survive.
fn take_stdio(stdio: &[OwnedFd]) -> Step<()> {
    for (number, fd) in (0..).zip(stdio) {
        place_at(fd, number).during("take the standard streams")?;
    }
    close_on_exec_from(3).during("close what was inherited")
}

/// The asked directory, else the first root, else home; only the asked one is a must.
fn enter_directory(order: &Order) -> Step<()> {
    if let Some(cwd) = &order.cwd {
        let what = format!("enter the working directory `{}`", crate::root::shown(cwd));
        return rustix::process::chdir(cwd.as_os_str()).during_part(Part::Root, what);
    }
    let home = order.variable("HOME");
    let mut places = order.roots.iter().map(|root| &root.path).chain(home);
    if !places.any(|place| rustix::process::chdir(place.as_os_str()).is_ok()) {
        rustix::process::chdir("/").during("enter a directory")?;
    }
    Ok(())
}

/// A writable root that the account may not write is a surprise worth telling.
fn unwritable_roots(order: &Order) -> Vec<String> {
    let writable = |path: &std::ffi::OsStr| {
        use rustix::fs::{AtFlags, CWD, accessat};
        accessat(CWD, path, rustix::fs::Access::WRITE_OK, AtFlags::empty()).is_ok()
    };
    let roots = order.roots.iter().filter(|root| root.access == Access::ReadWrite);
    let closed = roots.filter(|root| !writable(&root.path));
    let told = |path| {
        let uid = order.account.uid;
        format!(
            "root `{}` is granted for writing, but uid {uid} may not write there",
            crate::root::shown(path)
        )
    };
    closed.map(|root| told(&root.path)).collect()
}

fn sockets(order: &Order) -> Sockets {
    let reachable = order.level == Level::Full || order.network == Network::Host;
    if reachable { Sockets::Internet } else { Sockets::None }
}

fn start(order: &Order) -> Step<Infallible> {
    let what = || format!("start `{}`", crate::root::shown(&order.program));
    let list = |items: Vec<Result<CString, Errno>>| -> Result<Vec<CString>, Errno> {
        items.into_iter().collect()
    };
    let program = c_string(&order.program).during_part(Part::Program, what())?;
    let argv = list(order.argv.iter().map(c_string).collect());
    let env = order.env.iter().map(|(name, value)| {
        let mut pair = name.clone();
        pair.push("=");
        pair.push(value);
        c_string(pair)
    });
    let env = list(env.collect());
    let argv = argv.during_part(Part::Program, "pass the arguments")?;
    let env = env.during_part(Part::Program, "pass the environment")?;
    default_signals();
    execute(&program, &argv, &env).during_part(Part::Program, what())
}

impl Achieved {
    fn new(order: &Order) -> Self {
        let mut achieved = Self {
            level: order.level,
            features: Vec::new(),
            selftest: Vec::new(),
            weak: Vec::new(),
        };
        let Limits {
            processes,
            open_files,
            file_bytes,
            data_bytes_per_process,
            memory_bytes,
            tmp_bytes,
        } = order.limits;
        let mib = |bytes: u64| bytes >> 20;
        let plenty = format!(
            "{open_files} open files, {} MiB per file, {} MiB data per process, {} MiB in all",
            mib(file_bytes),
            mib(data_bytes_per_process),
            mib(memory_bytes)
        );
        achieved.add("user", format!("uid {}, no capabilities", order.account.uid));
        achieved.add("environment", format!("{} variables, from scratch", order.env.len()));
        if order.level == Level::Full {
            achieved.add("namespaces", "user (two), mount, pid, ipc, uts, cgroup".to_owned());
            let roots = order.roots.len();
            achieved.add("mounts", format!("{roots} roots, {} MiB private /tmp", mib(tmp_bytes)));
            achieved.add("limits", format!("{processes} processes, {plenty}"));
        } else {
            achieved.add("limits", plenty);
        }
        achieved.describe_network(order);
        achieved.describe_weakness(order);
        achieved
    }

    fn add(&mut self, name: &str, detail: String) {
        self.features.push(Feature { name: name.to_owned(), detail });
    }

    fn describe_network(&mut self, order: &Order) {
        let detail = match (&order.network, order.level) {
            (Network::None, Level::Full) => "none: an empty network of its own".to_owned(),
            (Network::Named(doors), Level::Full) => {
                format!("by name, through our proxy: {}", doors.shown.join(", "))
            }
            (Network::None, Level::Landlock) => "none: no sockets".to_owned(),
            _ => {
                self.weak.push("the server reaches everything this machine reaches".to_owned());
                "everything this machine reaches".to_owned()
            }
        };
        self.add("network", detail);
    }

    fn describe_protection(&mut self, order: &Order, view: &View) {
        for (root, Protected { held, absent }) in &view.protected {
            let list = |places: &BTreeSet<String>| {
                places.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
            };
            let held = if held.is_empty() { "nothing".to_owned() } else { list(held) };
            let absent = match absent.len() {
                0 => String::new(),
                _ => format!("; not there, so held only once it is: {}", list(absent)),
            };
            self.add("protected", format!("in {root}: {held}{absent}"));
        }
        if order.level < Level::Full && order.roots.iter().any(|root| !root.protect.is_empty()) {
            let told = "nothing inside a writable root is protected from the server";
            self.weak.push(told.to_owned());
        }
    }

    fn describe_weakness(&mut self, order: &Order) {
        let told: &[&str] = match order.level {
            Level::Full => &[],
            Level::Landlock => &[
                "names, sizes and times of files outside the roots can be read, modes and times of own files changed",
                "processes of the server are not counted; host name and network tables are visible",
            ],
            Level::None => &["not confined: the server may do whatever its account may do"],
        };
        self.weak.extend(told.iter().map(|line| (*line).to_owned()));
    }
}

/// Everything that init and payload said of themselves.
pub(crate) struct Heard {
    pub(crate) achieved: Achieved,
    /// The mount namespace of the box, its bare file system, and the view's root.
    pub(crate) handed: Option<[OwnedFd; 3]>,
    /// The box's listening sockets, if it has a network by name.
    pub(crate) sockets: Vec<OwnedFd>,
    /// Sockets to call into the box with.
    pub(crate) dials: Vec<OwnedFd>,
    /// Where calls are announced.
    pub(crate) bell: Option<OwnedFd>,
}

/// The payload's own calls are announced too: they pass, until it says something.
fn let_pass_until(report: &OwnedFd, bell: &OwnedFd) -> Result<(), Errno> {
    use crate::sys::notice::{go_on, next};
    use rustix::event::{PollFd, PollFlags, poll};
    loop {
        let mut fds = [PollFd::new(report, PollFlags::IN), PollFd::new(bell, PollFlags::IN)];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let [said, rang] = fds.map(|fd| fd.revents());
        if rang.contains(PollFlags::IN) {
            match next(bell) {
                Ok(notice) => go_on(bell, notice),
                Err(Errno::NOENT | Errno::INTR) => {}
                Err(error) => return Err(error),
            }
        } else if !said.is_empty() || rang.contains(PollFlags::HUP) {
            return Ok(());
        }
    }
}

/// What the other end of a report socket said, until it closed.
pub(crate) fn listen(from: &OwnedFd) -> Step<Heard> {
    use rustix::net::RecvFlags;
    let (mut ready, mut handed, mut bell) = (None, None, None);
    let (mut sockets, mut dials) = (Vec::new(), Vec::new());
    loop {
        if let Some(listener) = &bell {
            let_pass_until(from, listener).during("let the payload pass")?;
        }
        let (bytes, fds) = crate::sys::socket::receive(from, RecvFlags::empty())
            .during("hear from the payload")?;
        if bytes.is_empty() {
            // Closed by execve: it is the server now. Or it died before.
            let achieved = ready
                .ok_or_else(|| Trouble::new(Part::Box, "the payload died while confining itself"));
            return achieved.map(|achieved| Heard { achieved, handed, sockets, dials, bell });
        }
        match serde_json::from_slice(&bytes) {
            Ok(Report::Built) => handed = <[OwnedFd; 3]>::try_from(fds).ok(),
            Ok(Report::Bell) => bell = fds.into_iter().next(),
            Ok(Report::Ready(achieved)) => ready = Some(achieved),
            Ok(Report::Sockets) => sockets.extend(fds),
            Ok(Report::Dials) => dials.extend(fds),
            Ok(Report::Failed(trouble)) => return Err(trouble),
            _ => return Err(Trouble::new(Part::Box, "the payload said something unknown")),
        }
    }
}
