//! Starting a server in a box, seen from the gateway.

use std::ffi::OsString;
use std::fs::File;
use std::io::Write as _;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::fs::{MemfdFlags, memfd_create};
use rustix::net::RecvFlags;
use rustix::pipe::{PipeFlags, pipe_with};

use crate::confined::{Confined, Custody};
use crate::dial;
use crate::egress::Sockets;
use crate::env::{environment, hidden_certificates};
use crate::error::SpawnError;
use crate::order::{Account, Order, OrderedRoot, Report};
use crate::profile::{Level, Network, Profile};
use crate::protect::is_place;
use crate::support::fix_for;
use crate::sys::socket;
use crate::trouble::{Part, Trouble};

/// The word that makes our own binary the broker.
pub(crate) const BROKER: &str = "__confine";

/// Starts a server in the strongest box that this machine allows.
///
/// Blocks for some milliseconds. On success the server is confined, tested and
/// running; on failure nothing is left running.
///
/// # Errors
///
/// [`SpawnError::Weaker`] if the box cannot be as strong as `profile.least`,
/// and the others for a command, root or account that does not work out.
pub fn spawn(profile: &Profile) -> Result<Confined, SpawnError> {
    let _awake = crate::own::wake();
    let account = crate::user::account(profile.user.as_deref()).map_err(SpawnError::User)?;
    let least = least(profile)?;
    let mut missing = None;
    for level in [Level::Full, Level::Landlock, Level::None] {
        if level > profile.most || level < least {
            continue;
        }
        let order = order(profile, account, level)?;
        match attempt(profile, &order)? {
            Ok(confined) => return Ok(confined),
            // A weaker level may still be acceptable; the first reason is the best.
            Err(trouble) => drop(missing.get_or_insert(trouble)),
        }
    }
    let missing = missing
        .unwrap_or_else(|| Trouble::new(Part::Box, "no level lies between the least and the most"));
    Err(SpawnError::Weaker { asked: least, fix: fix_for(&missing), missing: missing.text() })
}

/// Names are held by an empty network, and only a full box has one: Landlock knows
/// ports, not hosts.
fn least(profile: &Profile) -> Result<Level, SpawnError> {
    if !matches!(profile.network, Network::Named(_)) {
        return Ok(profile.least);
    }
    if profile.most < Level::Full {
        return Err(SpawnError::Weaker {
            asked: Level::Full,
            missing: "below level full, a network cannot be held to names".to_owned(),
            fix: "use `--confinement full`, or `--network none`".to_owned(),
        });
    }
    Ok(Level::Full)
}

/// Completes a profile. Everything that can be found wrong here is not worth a process.
fn order(profile: &Profile, account: Account, level: Level) -> Result<Order, SpawnError> {
    let env = environment(&profile.env, &profile.network);
    let path = env.get(std::ffi::OsStr::new("PATH")).cloned().unwrap_or_default();
    let program = crate::command::find_program(profile.command.first(), &path)?;
    if profile.store.is_some() && !profile.roots.is_empty() {
        return Err(SpawnError::Root("a box that installs a package has no roots".to_owned()));
    }
    if let Some(place) = profile.roots.iter().flat_map(|root| &root.protect).find(|p| !is_place(p))
    {
        let place = crate::root::shown(place);
        return Err(SpawnError::Root(format!("`{place}` is not a place inside a root")));
    }
    let (code, mut aliases) = code(profile)?;
    let roots: Vec<OrderedRoot> = profile.roots.iter().map(ordered).collect();
    let named = roots.iter().filter_map(|root| Some((root.alias.clone()?, root.path.clone())));
    aliases.extend(named);
    Ok(Order {
        level,
        program: program.into(),
        argv: profile.command.clone(),
        env: env.into_iter().collect(),
        roots,
        code,
        aliases,
        store: profile.store.clone().map(Into::into),
        home_files: profile.home_files.clone(),
        cwd: profile.cwd.clone().map(Into::into),
        network: profile.network.clone(),
        limits: profile.limits,
        alone: profile.alone,
        doorbell: profile.doorbell && level == Level::Full,
        dials: if level == Level::Full { profile.dials.min(dial::MOST) } else { 0 },
        account,
        person_home: std::env::var_os("HOME").filter(|home| home.as_os_str() != "/"),
        bait: None,
    })
}

pub(crate) fn ordered(root: &crate::root::RootGrant) -> OrderedRoot {
    OrderedRoot {
        path: root.path.clone().into(),
        alias: root.alias.clone().map(Into::into),
        access: root.access,
        protect: root.protect.iter().cloned().map(Into::into).collect(),
        device: root.device,
        inode: root.inode,
    }
}

/// Canonical code directories, and the names they were asked for by.
type Code = (Vec<OsString>, Vec<(OsString, OsString)>);

fn code(profile: &Profile) -> Result<Code, SpawnError> {
    let (mut code, mut aliases) = (Vec::new(), Vec::new());
    for asked in profile.code.iter().cloned().chain(hidden_certificates()) {
        let real = std::fs::canonicalize(&asked).map_err(|error| SpawnError::Io {
            what: format!("open `{}`", asked.display()),
            reason: error,
        })?;
        if crate::command::too_wide(&real) {
            let path = crate::root::shown(&real);
            return Err(SpawnError::Root(format!("`{path}` is too much to run code from")));
        }
        if real != asked && asked.is_absolute() {
            aliases.push((asked.into(), real.clone().into()));
        }
        code.push(real.into());
    }
    Ok((code, aliases))
}

/// One try at one level. The inner error is a missing piece of the machine's.
fn attempt(profile: &Profile, order: &Order) -> Result<Result<Confined, Trouble>, SpawnError> {
    let (control, theirs) = socket::pair().map_err(io("make the control socket"))?;
    let broker = launch(profile.launcher.as_deref(), theirs)?;
    let mut custody = Custody::new(control, broker);
    let pipes = send_order(custody.control(), order)?;
    let started = hear(&custody)?;
    match started {
        Ok(Begun { pid, achieved, sockets, dials }) => {
            custody.pid = pid;
            custody.live = order.level == Level::Full;
            let [stdin, stdout, stderr] = pipes;
            let sockets = (!sockets.is_empty()).then_some(Sockets(sockets));
            Ok(Ok(Confined { stdin, stdout, stderr, sockets, dials, achieved, custody }))
        }
        Err(trouble) => classify(order, trouble).map(Err),
    }
}

/// The broker is our own binary again, so that everything from here to the
/// server happens in a process with one thread.
fn launch(launcher: Option<&Path>, control: OwnedFd) -> Result<Child, SpawnError> {
    let own = PathBuf::from("/proc/self/exe");
    let launcher = launcher.unwrap_or(&own);
    #[expect(clippy::disallowed_methods, reason = "this is where processes start")]
    let mut command = Command::new(launcher);
    command.arg0("portcullis").arg(BROKER).env_clear().current_dir("/");
    command.stdin(control).stdout(Stdio::null()).stderr(Stdio::null());
    let what = format!("start the broker `{}`", launcher.display());
    command.spawn().map_err(|reason| SpawnError::Io { what, reason })
}

/// The order travels in a memory file: environment and arguments may be long.
fn send_order(control: &OwnedFd, order: &Order) -> Result<[OwnedFd; 3], SpawnError> {
    let bytes = serde_json::to_vec(order).map_err(|error| SpawnError::Io {
        what: "write the order".to_owned(),
        reason: error.into(),
    })?;
    let memory = memfd_create(c"order", MemfdFlags::CLOEXEC).map_err(io("write the order"))?;
    let mut memory = File::from(memory);
    let rewound = memory.write_all(&bytes).and_then(|()| std::io::Seek::rewind(&mut memory));
    rewound.map_err(|reason| SpawnError::Io { what: "write the order".to_owned(), reason })?;
    let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(io("make the standard streams"));
    let ((child_in, stdin), (stdout, child_out), (stderr, child_err)) = (pipe()?, pipe()?, pipe()?);
    let fds = [memory.as_fd(), child_in.as_fd(), child_out.as_fd(), child_err.as_fd()];
    socket::send(control, b"order", &fds).map_err(io("send the order"))?;
    Ok([stdin, stdout, stderr])
}

/// What the broker says of a server that runs.
struct Begun {
    pid: i32,
    achieved: crate::order::Achieved,
    sockets: Vec<OwnedFd>,
    dials: Vec<OwnedFd>,
}

fn hear(custody: &Custody) -> Result<Result<Begun, Trouble>, SpawnError> {
    let (bytes, mut sockets) = socket::receive(custody.control(), RecvFlags::empty())
        .map_err(io("hear from the broker"))?;
    match serde_json::from_slice(&bytes) {
        Ok(Report::Started { pid, achieved, dials }) => {
            let dials = sockets.split_off(sockets.len().saturating_sub(dials));
            Ok(Ok(Begun { pid, achieved, sockets, dials }))
        }
        Ok(Report::Failed(trouble)) => Ok(Err(trouble)),
        _ => Ok(Err(Trouble::new(Part::Box, "the broker died before it could build the box"))),
    }
}

/// Only a missing piece of the machine allows a weaker try.
fn classify(order: &Order, trouble: Trouble) -> Result<Trouble, SpawnError> {
    let command = crate::root::shown(&order.program);
    match trouble.part {
        Part::Box => Ok(trouble),
        Part::Root => Err(SpawnError::Root(trouble.text())),
        Part::SelfTest => Err(SpawnError::Weaker {
            asked: order.level,
            fix: fix_for(&trouble),
            missing: trouble.text(),
        }),
        Part::Program => {
            let why = crate::command::why_not_started(Path::new(&order.program), trouble.errno);
            Err(SpawnError::CommandNotExecutable { command, why })
        }
    }
}

fn io(what: &'static str) -> impl Fn(rustix::io::Errno) -> SpawnError {
    move |error| SpawnError::Io { what: what.to_owned(), reason: error.into() }
}
