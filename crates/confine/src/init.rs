//! The first process of a box: builds the view, starts the payload, buries orphans.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Pid, WaitOptions, WaitStatus, set_dumpable_behavior, umask, wait,
};

use crate::dial;
use crate::egress;
use crate::limits;
use crate::memory::{self, Meter};
use crate::namespace;
use crate::order::{Exit, Order, Report};
use crate::payload;
use crate::profile::Network;
use crate::sys::mount::open_exact;
use crate::sys::process::{
    Side, child_or, fork, hear_of_children, leave, loopback_up, set_host_name,
};
use crate::trouble::{During, Part, Step, Trouble};
use crate::view::{self, Granted, OURS, View};

/// What the init holds of the outside.
pub(crate) struct Pipes {
    /// To the broker, until the payload is the server.
    pub(crate) report: OwnedFd,
    /// The server's standard streams.
    pub(crate) stdio: Vec<OwnedFd>,
    /// To the broker, for the way the server ended.
    pub(crate) status: OwnedFd,
}

/// Runs the box until the server has ended, then leaves with it.
pub(crate) fn run(order: &Order, granted: Option<Granted>, pipes: Pipes) -> ! {
    let Pipes { report, stdio, status } = pipes;
    let started = prepare(order, granted, &report)
        .and_then(|view| start(order, &view, &report, &stdio))
        .and_then(|server| give_up_everything(order, &report).map(|()| server));
    let server = match started {
        Ok(server) => server,
        Err(trouble) => {
            let _ = payload::say(&report, &Report::Failed(trouble));
            leave(125);
        }
    };
    drop((report, stdio));
    hear_of_children();
    bury(server, File::from(status), Meter::new(order.limits.memory_bytes, OURS))
}

fn prepare(order: &Order, granted: Option<Granted>, report: &OwnedFd) -> Step<View> {
    payload::die_with_parent(report)?;
    let _ = rustix::process::setsid();
    // Our own directories need their modes; the server gets the person's umask back.
    let persons = umask(Mode::from_raw_mode(0o022));
    let mut view = view::build(order, granted)?;
    hand_over(&mut view, report)?;
    umask(persons);
    if order.network != Network::Host {
        loopback_up().during("bring the box's loopback up")?;
    }
    if let Network::Named(doors) = &order.network {
        pass_out(egress::listen::open(doors)?, &Report::Sockets, report)?;
    }
    if order.dials > 0 && order.network != Network::Host {
        pass_out(dial::open(order.dials)?, &Report::Dials, report)?;
    }
    set_host_name(c"sandbox").during("name the box")?;
    Ok(view)
}

/// Before we hide from tracers, and with us our `/proc/PID/ns`. The server must
/// never hold what is handed over: with it, it could make mount points.
fn hand_over(view: &mut View, report: &OwnedFd) -> Step<()> {
    let inside = File::open("/proc/self/ns/mnt").during("open our mount namespace")?;
    let bare = view.bare.take();
    let bare = bare.ok_or_else(|| Trouble::new(Part::Box, "there is no bare file system"))?;
    let root = open_exact(Path::new("/")).during("hold the view")?;
    let fds = [inside.as_fd(), bare.as_fd(), root.as_fd()];
    payload::say_with(report, &Report::Built, &fds).during("hand the view over")
}

/// The sockets are the gateway's from here on; nothing in the box keeps one.
fn pass_out(sockets: Vec<OwnedFd>, what: &Report, report: &OwnedFd) -> Step<()> {
    let all: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
    payload::say_with(report, what, &all).during("pass the box's sockets out")
}

fn start(order: &Order, view: &View, report: &OwnedFd, stdio: &[OwnedFd]) -> Step<Pid> {
    match fork().during("start the payload")? {
        Side::Parent(pid) => Ok(pid),
        Side::Child => {
            let ceiling = view::ceiling(order);
            let Err(trouble) = payload::become_server(order, view, &ceiling, stdio, report);
            let _ = payload::say(report, &Report::Failed(trouble));
            leave(126)
        }
    }
}

/// The init needs nothing any more but to wait, and to look at its box as the
/// account that the server is.
fn give_up_everything(order: &Order, report: &OwnedFd) -> Step<()> {
    namespace::become_account(&order.account)?;
    payload::die_with_parent(report)?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).during("hide from tracers")?;
    limits::drop_capabilities()?;
    rustix::thread::set_no_new_privs(true).during("set no-new-privileges")
}

/// Waits for everything, and looks now and then how much memory there is in the
/// box; when the server itself ends, its status goes to the broker, and our end
/// takes the rest of the box with it.
fn bury(server: Pid, mut status: File, mut meter: Meter) -> ! {
    loop {
        let ended = match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, how))) if pid == server => Some(exit(how)),
            Ok(Some(_)) | Err(Errno::INTR) => continue,
            Ok(None) => meter.exceeded(&memory::everybody_else()).map(Exit::Memory),
            Err(_) => leave(0),
        };
        if let Some(exit) = ended {
            let _ = serde_json::to_vec(&exit).map(|bytes| status.write_all(&bytes));
            leave(0);
        }
        child_or(memory::INTERVAL);
    }
}

/// A wait status in our words.
pub(crate) fn exit(status: WaitStatus) -> Exit {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Code(125),
    }
}
