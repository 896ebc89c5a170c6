//! The last steps before a process is the server: everything it gives up, in order.

use std::convert::Infallible;
use std::ffi::CString;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::{Signal, set_parent_process_death_signal};
use rustix::thread::set_no_new_privs;

use crate::landlock::{self, Rule};
use crate::limits;
use crate::namespace;
use crate::order::{Achieved, Feature, Order, Report};
use crate::profile::{Access, Level, Limits, Network};
use crate::seccomp::{self, Sockets};
use crate::selftest;
use crate::sys::process::{
    c_string, close_on_exec_from, default_signals, execute, new_session_keyring, place_at,
};
use crate::sys::socket::hung_up;
use crate::trouble::{During, Part, Step, Trouble};

/// Confines this process, proves it, reports it, and becomes the server.
/// Returns only the reason why not.
pub(crate) fn become_server(
    order: &Order,
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
    limits::apply(&order.limits, order.level == Level::Full)?;
    enter_directory(order)?;
    achieved.weak.extend(unwritable_roots(order));
    limits::drop_capabilities()?;
    set_no_new_privs(true).during("set no-new-privileges")?;
    if order.level > Level::None {
        let landlock = landlock::restrict(
            ceiling,
            order.network == Network::None && order.level == Level::Landlock,
        )?;
        achieved.add("landlock", landlock);
        let filter = seccomp::install(sockets(order)).during("install the system call filter")?;
        achieved.add("system calls", format!("allow-list, {filter} instructions"));
    }
    achieved.selftest = selftest::run(order);
    selftest::judge(&achieved.selftest)?;
    say(report, &Report::Ready(achieved)).during("report over the control socket")?;
    start(order)
}

/// One report, one message.
pub(crate) fn say(to: impl AsFd, report: &Report) -> Result<(), Errno> {
    let bytes = serde_json::to_vec(report).map_err(|_| Errno::INVAL)?;
    crate::sys::socket::send(to, &bytes, &[])
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
        let Limits { processes, open_files, file_bytes, data_bytes_per_process, tmp_bytes } =
            order.limits;
        let mib = |bytes: u64| bytes >> 20;
        let plenty = format!(
            "{open_files} open files, {} MiB per file, {} MiB data per process",
            mib(file_bytes),
            mib(data_bytes_per_process)
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
        let detail = match (order.network, order.level) {
            (Network::None, Level::Full) => "none: an empty network of its own",
            (Network::None, Level::Landlock) => "none: no sockets",
            (Network::Host, _) | (Network::None, Level::None) => "everything this machine reaches",
        };
        self.add("network", detail.to_owned());
        if detail.starts_with("everything") {
            self.weak.push("the server reaches everything this machine reaches".to_owned());
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

/// What the other end of a report socket said, until it closed.
pub(crate) fn listen(from: &OwnedFd) -> Step<Achieved> {
    use rustix::net::RecvFlags;
    let mut ready = None;
    loop {
        let (bytes, _) = crate::sys::socket::receive(from, RecvFlags::empty())
            .during("hear from the payload")?;
        if bytes.is_empty() {
            // Closed by execve: it is the server now. Or it died before.
            return ready
                .ok_or_else(|| Trouble::new(Part::Box, "the payload died while confining itself"));
        }
        match serde_json::from_slice(&bytes) {
            Ok(Report::Ready(achieved)) => ready = Some(achieved),
            Ok(Report::Failed(trouble)) => return Err(trouble),
            _ => return Err(Trouble::new(Part::Box, "the payload said something unknown")),
        }
    }
}
