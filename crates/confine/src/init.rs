//! The first process of a box: builds the view, starts the payload, buries orphans.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::OwnedFd;

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Pid, WaitOptions, WaitStatus, set_dumpable_behavior, umask, wait,
};

use crate::limits;
use crate::order::{Exit, Order, Report};
use crate::payload;
use crate::profile::Network;
use crate::sys::process::{Side, fork, leave, loopback_up, set_host_name};
use crate::trouble::{During, Step};
use crate::view::{self, Granted};

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
        .and_then(|()| start(order, &report, &stdio))
        .and_then(|server| give_up_everything().map(|()| server));
    let server = match started {
        Ok(server) => server,
        Err(trouble) => {
            let _ = payload::say(&report, &Report::Failed(trouble));
            leave(125);
        }
    };
    drop((report, stdio));
    bury(server, File::from(status))
}

fn prepare(order: &Order, granted: Option<Granted>, report: &OwnedFd) -> Step<()> {
    payload::die_with_parent(report)?;
    let _ = rustix::process::setsid();
    // Our own directories need their modes; the server gets the person's umask back.
    let persons = umask(Mode::from_raw_mode(0o022));
    view::build(order, granted)?;
    umask(persons);
    if order.network == Network::None {
        loopback_up().during("bring the box's loopback up")?;
    }
    set_host_name(c"sandbox").during("name the box")
}

fn start(order: &Order, report: &OwnedFd, stdio: &[OwnedFd]) -> Step<Pid> {
    match fork().during("start the payload")? {
        Side::Parent(pid) => Ok(pid),
        Side::Child => {
            let ceiling = view::ceiling(order);
            let Err(trouble) = payload::become_server(order, &ceiling, stdio, report);
            let _ = payload::say(report, &Report::Failed(trouble));
            leave(126)
        }
    }
}

/// The init needs nothing any more but to wait.
fn give_up_everything() -> Step<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable).during("hide from tracers")?;
    limits::drop_capabilities()?;
    rustix::thread::set_no_new_privs(true).during("set no-new-privileges")
}

/// Waits for everything; when the server itself ends, its status goes to the
/// broker, and our end takes the rest of the box with it.
fn bury(server: Pid, mut status: File) -> ! {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, how))) if pid == server => {
                let _ = serde_json::to_vec(&exit(how)).map(|bytes| status.write_all(&bytes));
                leave(0);
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => leave(0),
        }
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
