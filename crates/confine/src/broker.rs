//! The broker: a single-threaded process between the gateway and one box.
//!
//! It reads aloud: take the order, build the box, say what it is, then wait for
//! either end to go, and take the other with it.

use std::fs::File;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, waitpid};

use crate::bare;
use crate::init::{self, Pipes};
use crate::namespace;
use crate::order::{Exit, Order, Report};
use crate::payload::{listen, say};
use crate::profile::{Level, Network};
use crate::skeleton::hand_over;
use crate::sys::process::{Side, adopt_stdin, clone_into, close_from, notice_children, place_at};
use crate::sys::socket;
use crate::trouble::{During, Part, Step, Trouble};
use crate::view;

/// The broker's whole life. The gateway passed the control socket as our stdin.
pub(crate) fn main() -> Step<()> {
    let begun = close_from(3).during("close what was inherited");
    let control = match begun.and_then(|()| adopt_stdin().during("take the control socket")) {
        Ok(control) => control,
        Err(trouble) => return refuse(trouble),
    };
    notice_children();
    // A terminal's Ctrl-C is the gateway's to handle.
    let _ = rustix::process::setsid();
    match take_order(&control).and_then(|(order, stdio)| serve(&control, order, stdio)) {
        Ok(exit) => tell(&control, &Report::Exited(exit)),
        Err(trouble) => tell(&control, &Report::Failed(trouble)),
    }
}

/// Before there is a control socket of our own. An order left unread would
/// make the kernel drop our answer.
fn refuse(trouble: Trouble) -> Step<()> {
    let stdin = std::io::stdin();
    let _ = socket::receive(&stdin, RecvFlags::empty());
    say(&stdin, &Report::Failed(trouble)).during("tell the gateway")
}

fn tell(control: &OwnedFd, report: &Report) -> Step<()> {
    match say(control, report) {
        Ok(()) | Err(Errno::PIPE) => Ok(()),
        Err(error) => Err(error).during("tell the gateway"),
    }
}

fn take_order(control: &OwnedFd) -> Step<(Order, Vec<OwnedFd>)> {
    let (_, fds) = socket::receive(control, RecvFlags::empty()).during("receive the order")?;
    let mut fds = fds.into_iter();
    let order = fds.next().ok_or_else(|| Trouble::new(Part::Box, "there was no order"))?;
    let mut bytes = Vec::new();
    File::from(order).read_to_end(&mut bytes).during("read the order")?;
    let order: Order = serde_json::from_slice(&bytes)
        .map_err(|error| Trouble::new(Part::Box, format!("the order is unreadable: {error}")))?;
    let stdio: Vec<_> = fds.collect();
    let null = File::open("/dev/null").during("open /dev/null")?;
    place_at(&null.into(), 0).during("let go of the control socket's first number")?;
    for pipe in stdio.iter().filter(|_| order.account.switch) {
        // Some servers open `/dev/stdout`, which asks for the owner.
        hand_over(pipe.as_fd(), order.account).during("hand the pipes over")?;
    }
    Ok((order, stdio))
}

fn serve(control: &OwnedFd, order: Order, stdio: Vec<OwnedFd>) -> Step<Exit> {
    match order.level {
        Level::Full => full(control, order, stdio),
        Level::Landlock | Level::None => bare::serve(control, order, stdio),
    }
}

fn full(control: &OwnedFd, mut order: Order, stdio: Vec<OwnedFd>) -> Step<Exit> {
    // Something worth reaching on the host's loopback, for the self-test.
    let bait = (order.network == Network::None)
        .then(|| TcpListener::bind(("127.0.0.1", 0)).ok())
        .flatten();
    order.bait = bait.as_ref().and_then(|bait| bait.local_addr().ok()).map(|a| a.port());
    // Root's own power ends with the next step. If it is not enough for this
    // (a container's root), the init tries without.
    let granted = if order.account.switch { view::clone_granted(&order).ok() } else { None };
    namespace::enter(&order.account)?;
    let (report, theirs) = socket::pair().during("make the report socket")?;
    let (status, status_to) = std::io::pipe().during("make a pipe")?;
    let network = if order.network == Network::None { libc::CLONE_NEWNET } else { 0 };
    match clone_into(namespace::BOX | network).during("make the box's namespaces")? {
        Side::Child => {
            drop((report, status, bait));
            let pipes = Pipes { report: theirs, stdio, status: status_to.into() };
            init::run(&order, granted, pipes)
        }
        Side::Parent(init) => {
            drop((theirs, stdio, status_to, granted));
            let result = watch(control, &report, init);
            end(init);
            result?;
            Ok(reported(status).unwrap_or(Exit::Signal(libc::SIGKILL)))
        }
    }
}

fn watch(control: &OwnedFd, report: &OwnedFd, init: Pid) -> Step<()> {
    let handle = pidfd_open(init, PidfdFlags::empty()).during("hold the init")?;
    let achieved = listen(report)?;
    tell(control, &Report::Started { pid: init.as_raw_nonzero().get(), achieved })?;
    until_one_ends(&[control, &handle]).during("watch the box")
}

/// Waits until one of them is gone: the gateway, which says nothing after its
/// order, or a process. Any event is an end.
pub(crate) fn until_one_ends(ends: &[&OwnedFd]) -> Result<(), Errno> {
    loop {
        let mut fds: Vec<_> = ends.iter().map(|end| PollFd::new(*end, PollFlags::IN)).collect();
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        if fds.iter().any(|fd| !fd.revents().is_empty()) {
            return Ok(());
        }
    }
}

/// With the init, the kernel ends every process of the box before this returns.
fn end(init: Pid) {
    let _ = kill_process(init, Signal::KILL);
    while let Err(Errno::INTR) = waitpid(Some(init), WaitOptions::empty()) {}
}

/// How the server ended, if the init lived to say it.
fn reported(mut status: std::io::PipeReader) -> Option<Exit> {
    let mut bytes = Vec::new();
    status.read_to_end(&mut bytes).ok()?;
    serde_json::from_slice(&bytes).ok()
}
