//! The broker: a single-threaded process between the gateway and one box.
//!
//! It reads aloud: take the order, build the box, say what it is, then wait for
//! either end to go, and take the other with it.

use std::fs::File;
use std::io::Read as _;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, waitpid};

use crate::bare;
use crate::doorbell::Doorbell;
use crate::grants::Grants;
use crate::init::{self, Pipes};
use crate::live::Request;
use crate::namespace;
use crate::order::{Exit, Order, Report};
use crate::payload::{Heard, listen, say, say_with};
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

/// The last that the broker has of the sockets.
fn hand_out(control: &OwnedFd, started: &Report, sockets: Vec<OwnedFd>) -> Step<()> {
    let fds: Vec<_> = sockets.iter().map(AsFd::as_fd).collect();
    match say_with(control, started, &fds) {
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
    let bait = (order.network != Network::Host)
        .then(|| TcpListener::bind(("127.0.0.1", 0)).ok())
        .flatten();
    let port = bait.as_ref().and_then(|bait| bait.local_addr().ok()).map(|a| a.port());
    // At a door of ours the box answers by itself, which proves nothing.
    order.bait = port.filter(|port| match &order.network {
        Network::Named(doors) => !doors.listens_at(*port),
        Network::None | Network::Host => true,
    });
    // Root's own power ends with the next step. If it is not enough for this
    // (a container's root), the init tries without.
    let granted = if order.account.switch { view::clone_granted(&order).ok() } else { None };
    namespace::enter(&order.account)?;
    let (report, theirs) = socket::pair().during("make the report socket")?;
    let (status, status_to) = std::io::pipe().during("make a pipe")?;
    let network = if order.network == Network::Host { 0 } else { libc::CLONE_NEWNET };
    match clone_into(namespace::BOX | network).during("make the box's namespaces")? {
        Side::Child => {
            drop((report, status, bait));
            let pipes = Pipes { report: theirs, stdio, status: status_to.into() };
            init::run(&order, granted, pipes)
        }
        Side::Parent(init) => {
            drop((theirs, stdio, status_to, granted));
            let result = watch(control, &report, init, &order);
            end(init);
            result?;
            Ok(reported(status).unwrap_or(Exit::Signal(libc::SIGKILL)))
        }
    }
}

fn watch(control: &OwnedFd, report: &OwnedFd, init: Pid, order: &Order) -> Step<()> {
    let handle = pidfd_open(init, PidfdFlags::empty()).during("hold the init")?;
    let Heard { achieved, handed, mut sockets, dials, bell } = listen(report)?;
    let handed = handed.ok_or_else(|| Trouble::new(Part::Box, "the init handed nothing over"))?;
    let [inside, bare, view] = handed;
    let mut grants = Grants::new(order, init, inside, bare)?;
    let offline = order.network == Network::None;
    let mut bell = bell.map(|listener| Doorbell::new(listener, view, offline));
    let pid = init.as_raw_nonzero().get();
    let started = Report::Started { pid, achieved, dials: dials.len() };
    sockets.extend(dials);
    hand_out(control, &started, sockets)?;
    let mut next = Instant::now() + LOOK;
    loop {
        // By the clock, so that a server which rings without pause changes nothing.
        if Instant::now() >= next {
            grants.guard_again();
            next = Instant::now() + LOOK;
        }
        let until = grants.guards().then_some(next);
        match wait_for(control, &handle, bell.as_ref(), until).during("watch the box")? {
            Woken::Late => {}
            Woken::Ended => return Ok(()),
            Woken::Rang => rang(control, &mut bell),
            Woken::Asked => match asked(control)? {
                Some(request) => tell(control, &Report::Changed(grants.serve(request)))?,
                None => return Ok(()),
            },
        }
    }
}

/// Somebody rang. Without a bell, or when the gateway has no time to hear, nothing
/// is lost but words.
fn rang(control: &OwnedFd, bell: &mut Option<Doorbell>) {
    match bell.as_mut().map(Doorbell::answer) {
        Some(Ok(Some(wish))) => {
            let bytes = serde_json::to_vec(&Report::Wanted(wish)).unwrap_or_default();
            let _ = socket::offer(control, &bytes);
        }
        Some(Err(_)) => *bell = None,
        Some(Ok(None)) | None => {}
    }
}

/// How often the broker looks whether protected places are still the same ones.
const LOOK: Duration = Duration::from_secs(1);

/// Why the broker woke up.
#[derive(PartialEq, Eq)]
enum Woken {
    /// The gateway said something, or is gone.
    Asked,
    /// The init ended.
    Ended,
    /// The server reached for something.
    Rang,
    /// Nothing happened for a while.
    Late,
}

fn wait_for(
    control: &OwnedFd,
    init: &OwnedFd,
    bell: Option<&Doorbell>,
    until: Option<Instant>,
) -> Result<Woken, Errno> {
    loop {
        let ends = [init, control].into_iter().chain(bell.map(|bell| &bell.listener));
        let mut fds: Vec<_> = ends.map(|end| PollFd::new(end, PollFlags::IN)).collect();
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match poll(&mut fds, left.as_ref()) {
            Ok(0) if left.is_some() => return Ok(Woken::Late),
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
        let mut woken = fds.iter().map(|fd| !fd.revents().is_empty());
        match (woken.next(), woken.next(), woken.next()) {
            (Some(true), ..) => return Ok(Woken::Ended),
            (_, Some(true), _) => return Ok(Woken::Asked),
            (.., Some(true)) => return Ok(Woken::Rang),
            _ => {}
        }
    }
}

/// What the gateway asks for; none when it is gone. It never says anything else.
fn asked(control: &OwnedFd) -> Step<Option<Request>> {
    let (bytes, fds) = match socket::receive(control, RecvFlags::empty()) {
        Err(Errno::CONNRESET) => return Ok(None),
        received => received.during("hear from the gateway")?,
    };
    if bytes.is_empty() {
        return Ok(None);
    }
    let request = serde_json::from_slice(&bytes).ok().filter(|_| fds.is_empty());
    let strange = || Trouble::new(Part::Box, "the gateway asked for something unknown");
    request.map(Some).ok_or_else(strange)
}

/// Waits so long at most for one of them to be gone, a process or the gateway:
/// any event is an end. Whether one is.
pub(crate) fn one_ends_within(ends: &[&OwnedFd], patience: Duration) -> Result<bool, Errno> {
    let patience = Timespec::try_from(patience).map_err(|_| Errno::INVAL)?;
    let mut fds: Vec<_> = ends.iter().map(|end| PollFd::new(*end, PollFlags::IN)).collect();
    match poll(&mut fds, Some(&patience)) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(error) => return Err(error),
    }
    Ok(fds.iter().any(|fd| !fd.revents().is_empty()))
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
