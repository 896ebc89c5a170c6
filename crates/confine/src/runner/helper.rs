//! The helper: waits for calls, and holds a box for each.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::RecvFlags;
use rustix::process::{WaitOptions, wait};

use super::narrow::{narrowed, within};
use super::program::Admitted;
use super::{Call, Orders, Told};
use crate::confined::{Confined, Custody};
use crate::error::SpawnError;
use crate::order::{Achieved, Exit};
use crate::profile::{Access, Profile};
use crate::spawn::spawn;
use crate::sys::process::{Side, adopt_stdin, close_from, fork, leave, notice_children, place_at};
use crate::sys::socket;
use crate::trouble::{During, Part, Step, Trouble};

/// Calls that may run at once. The server has fewer; this holds when it does not.
const MOST_AT_ONCE: usize = 16;

/// No call lives longer, whatever it asks for.
const LONGEST: Duration = Duration::from_secs(3600);

/// The helper's whole life. The server passed the control socket as our stdin.
pub(crate) fn main() -> Step<()> {
    close_from(3).during("close what was inherited")?;
    let control = adopt_stdin().during("take the control socket")?;
    let null = File::open("/dev/null").during("open /dev/null")?;
    place_at(&null.into(), 0).during("let go of the control socket's first number")?;
    notice_children();
    // A terminal's Ctrl-C is the server's to handle.
    let _ = rustix::process::setsid();
    let orders = take_orders(&control)?;
    match try_a_box(&orders) {
        Ok(achieved) => tell(&control, &Told::Ready(achieved)),
        Err(error) => {
            tell(&control, &failed(&error));
            return Ok(());
        }
    }
    let mut running = 0usize;
    loop {
        let (bytes, mut fds) = match socket::receive(&control, RecvFlags::empty()) {
            Err(Errno::CONNRESET) => return Ok(()),
            received => received.during("hear from the server")?,
        };
        let Some(reply) = fds.pop() else { return Ok(()) };
        running = running.saturating_sub(bury());
        if running >= MOST_AT_ONCE {
            tell(&reply, &Told::Failed { why: "too much runs already".to_owned(), code: 1 });
            continue;
        }
        if let Side::Child = fork().during("start a holder")? {
            drop(control);
            hold(&orders, &bytes, &reply);
            leave(0);
        }
        running += 1;
    }
}

/// How many holders ended since.
fn bury() -> usize {
    let mut ended = 0;
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some(_)) => ended += 1,
            Err(Errno::INTR) => {}
            Ok(None) | Err(_) => return ended,
        }
    }
}

fn take_orders(control: &OwnedFd) -> Step<Orders> {
    let (_, fds) = socket::receive(control, RecvFlags::empty()).during("receive the orders")?;
    let orders = fds.into_iter().next();
    let orders = orders.ok_or_else(|| Trouble::new(Part::Box, "there were no orders"))?;
    let mut bytes = Vec::new();
    File::from(orders).read_to_end(&mut bytes).during("read the orders")?;
    serde_json::from_slice(&bytes)
        .map_err(|error| Trouble::new(Part::Box, format!("the orders are unreadable: {error}")))
}

/// What a call's box will be, with a program that does nothing.
fn try_a_box(orders: &Orders) -> Result<Achieved, SpawnError> {
    let mut profile = Profile::new(vec!["true".into()]);
    profile.roots = orders.roots.clone();
    allow(orders, &mut profile, orders.programs.iter().any(|program| program.writes));
    Ok(spawn(&profile)?.achieved)
}

fn allow(orders: &Orders, profile: &mut Profile, writes: bool) {
    if !writes {
        profile.roots.iter_mut().for_each(|root| root.access = Access::ReadOnly);
    }
    (profile.least, profile.most) = (orders.least, orders.most);
    profile.user = orders.user.clone();
}

/// One call, from its words to the end of the last process that it started.
fn hold(orders: &Orders, bytes: &[u8], reply: &OwnedFd) {
    let call: Call = match serde_json::from_slice(bytes) {
        Ok(call) => call,
        Err(error) => return tell(reply, &refused(format!("no call: {error}"))),
    };
    let time = Duration::from_millis(call.deadline_ms).min(LONGEST);
    let profile = match profile(orders, call) {
        Ok(profile) => profile,
        Err(why) => return tell(reply, &refused(why)),
    };
    let Confined { stdin, stdout, stderr, mut custody, .. } = match spawn(&profile) {
        Ok(confined) => confined,
        Err(error) => return tell(reply, &failed(&error)),
    };
    // It reads nothing, of the protocol least of all.
    drop(stdin);
    let started = serde_json::to_vec(&Told::Started).unwrap_or_default();
    if socket::send(reply, &started, &[stdout.as_fd(), stderr.as_fd()]).is_err() {
        return;
    }
    drop((stdout, stderr));
    // From here on it runs; how long its box took is not its fault.
    let deadline = Instant::now() + time;
    let late = watch(reply, &custody, deadline);
    // Nobody asks any more, it is late, or it ended by itself: after this nothing of it lives.
    custody.kill();
    let exit = custody.wait().unwrap_or(Exit::Signal(libc::SIGKILL));
    drop(custody);
    tell(reply, &Told::Ended { exit, late });
}

/// Until it ends, nobody asks any more, or it is late. Whether it is.
fn watch(reply: &OwnedFd, custody: &Custody, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).ok();
        let ended = custody.ended();
        let mut fds =
            [PollFd::new(reply, PollFlags::IN), PollFd::from_borrowed_fd(ended, PollFlags::IN)];
        match poll(&mut fds, left.as_ref()) {
            Ok(0) => return true,
            Err(Errno::INTR) => {}
            Ok(_) | Err(_) => return false,
        }
    }
}

/// The program by name, the words behind its own, and less than all roots at most.
/// Nothing else of a call is believed.
fn profile(orders: &Orders, call: Call) -> Result<Profile, String> {
    let mut known = orders.programs.iter();
    let program = known.find(|program| program.name == call.program);
    let program: &Admitted = program.ok_or("no such program")?;
    program.unchanged()?;
    let words = call.words.into_iter().map(Into::into);
    let mut profile = Profile::new(program.command.iter().cloned().chain(words).collect());
    profile.roots = match call.roots {
        None => orders.roots.clone(),
        Some(paths) => paths.iter().map(|path| narrowed(path, orders)).collect::<Result<_, _>>()?,
    };
    profile.cwd = match call.directory {
        Some(directory) if within(&directory, &profile.roots).is_some() => Some(directory),
        Some(_) => return Err("the directory lies in no root".to_owned()),
        None => None,
    };
    allow(orders, &mut profile, program.writes);
    profile.code = program.code.clone();
    profile.env = program.env.clone();
    if !program.path.is_empty() {
        profile.env.entry("PATH".to_owned()).or_insert_with(|| program.path.clone());
    }
    profile.limits = program.limits;
    profile.alone = program.alone;
    Ok(profile)
}

fn refused(why: String) -> Told {
    Told::Failed { why, code: 1 }
}

fn failed(error: &SpawnError) -> Told {
    let why = match error {
        SpawnError::Weaker { missing, .. } => missing.clone(),
        other => other.to_string(),
    };
    Told::Failed { why, code: error.exit_code() }
}

/// Whoever does not hear it is gone.
fn tell(to: &OwnedFd, told: &Told) {
    let _ = serde_json::to_vec(told).map(|bytes| socket::send(to, &bytes, &[]));
}
