//! Attempts to break out, made by the payload itself when it is fully confined
//! and just before it becomes the server.
//!
//! What a level promises is tried; one attempt that succeeds and nothing starts.
#![allow(unsafe_code, reason = "the attempts are bare system calls")]

use std::fs::{File, OpenOptions};
use std::os::fd::RawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::order::{Attempt, Order};
use crate::profile::{Level, Network};
use crate::trouble::{Part, Step, Trouble};

/// What the kernel answered: `Err` is what we hope for.
pub(crate) type Answer = Result<String, std::io::Error>;

/// One attempt: what it tries, and whether a level promises that it fails.
struct Try {
    name: &'static str,
    from: Level,
    run: fn(&Order) -> Answer,
}

const TRIES: &[Try] = &[
    Try { name: "inherit a descriptor", from: Level::None, run: inherited },
    Try { name: "raise a limit", from: Level::None, run: raise_limit },
    Try { name: "become uid 0", from: Level::None, run: become_root },
    Try { name: "open the person's home", from: Level::Landlock, run: open_home },
    Try { name: "read the host's files", from: Level::Landlock, run: read_host },
    Try { name: "write outside the roots", from: Level::Landlock, run: write_outside },
    Try { name: "mount a file system", from: Level::Landlock, run: mount },
    Try { name: "make a user namespace", from: Level::Landlock, run: user_namespace },
    Try { name: "trace process 1", from: Level::Landlock, run: trace },
    Try { name: "enter the root of process 1", from: Level::Landlock, run: enter_init },
    Try { name: "open a unix socket", from: Level::Landlock, run: unix_socket },
    Try { name: "use a keyring", from: Level::Landlock, run: keyring },
    Try { name: "set up io_uring", from: Level::Landlock, run: io_uring },
    Try { name: "load a bpf program", from: Level::Landlock, run: bpf },
    Try { name: "type into a terminal", from: Level::Landlock, run: terminal },
    Try { name: "reach the host's network", from: Level::Landlock, run: reach_host },
    Try { name: "see the host's processes", from: Level::Full, run: host_processes },
];

/// Tries everything that this level promises to hold.
pub(crate) fn run(order: &Order) -> Vec<Attempt> {
    let promised = TRIES.iter().filter(|attempt| attempt.from <= order.level);
    promised
        .map(|attempt| {
            let answer = (attempt.run)(order);
            let held = answer.is_err();
            let detail = answer.unwrap_or_else(|error| error.to_string());
            Attempt { name: attempt.name.to_owned(), held, detail }
        })
        .collect()
}

/// The first attempt that was not held is the reason not to start.
pub(crate) fn judge(attempts: &[Attempt]) -> Step<()> {
    match attempts.iter().find(|attempt| !attempt.held) {
        None => Ok(()),
        Some(Attempt { name, detail, .. }) => {
            Err(Trouble::new(Part::SelfTest, format!("the box did not hold: {name} ({detail})")))
        }
    }
}

/// Nothing went wrong because nothing was there to try.
pub(crate) fn nothing(what: &str) -> Answer {
    Err(std::io::Error::other(what.to_owned()))
}

fn inherited(_: &Order) -> Answer {
    let survives = |fd: &RawFd| {
        // SAFETY: F_GETFD reads a flag and fails on a closed descriptor.
        let flags = unsafe { libc::fcntl(*fd, libc::F_GETFD) };
        flags >= 0 && flags & libc::FD_CLOEXEC == 0
    };
    match (3..open_descriptors()).find(survives) {
        Some(fd) => Ok(format!("descriptor {fd} would survive")),
        None => nothing("none"),
    }
}

/// One more than the highest open descriptor.
fn open_descriptors() -> RawFd {
    let listed = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let names = listed.filter_map(|entry| entry.file_name().to_str()?.parse::<RawFd>().ok());
    names.max().map_or(1024, |highest| highest + 1)
}

pub(crate) fn raise_limit<T>(_: &T) -> Answer {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let Some(hard) = getrlimit(Resource::Nofile).maximum else {
        return Ok("unlimited".to_owned());
    };
    let more = Rlimit { current: Some(hard + 1), maximum: Some(hard + 1) };
    setrlimit(Resource::Nofile, more)?;
    Ok("raised".to_owned())
}

fn become_root(order: &Order) -> Answer {
    if order.account.uid == 0 {
        return nothing("uid 0 is an ordinary user's name in this container");
    }
    // SAFETY: changes an id or fails.
    call(unsafe { libc::syscall(libc::SYS_setresuid, 0, 0, 0) })
}

/// The home may exist in the view as a bare mount point above a root.
fn open_home(order: &Order) -> Answer {
    let Some(home) = &order.person_home else { return nothing("no home is known") };
    foreign(Path::new(home), order)
}

fn read_host(order: &Order) -> Answer {
    let kept =
        ["/etc/shadow", "/etc/machine-id", "/var/log", "/var/lib", "/home", "/boot", "/sys/kernel"];
    match kept.iter().find_map(|path| foreign(Path::new(path), order).ok()) {
        Some(opened) => Ok(opened),
        None => nothing("none of them opens"),
    }
}

/// Opens a path for reading; a directory of our own skeleton does not count.
fn foreign(path: &Path, order: &Order) -> Answer {
    let meta = File::open(path)?.metadata()?;
    let ours = |dir: &str| std::fs::metadata(dir).is_ok_and(|d| d.dev() == meta.dev());
    if order.level == Level::Full && (ours("/") || ours("/tmp")) {
        return nothing("only our own mount point");
    }
    Ok(format!("opened `{}`", path.display()))
}

fn write_outside(_: &Order) -> Answer {
    for dir in ["/", "/usr", "/etc", "/var/tmp"] {
        let path = Path::new(dir).join(".portcullis-selftest");
        if OpenOptions::new().write(true).create_new(true).open(&path).is_ok() {
            let _ = std::fs::remove_file(&path);
            return Ok(format!("wrote `{}`", path.display()));
        }
    }
    nothing("none can be written")
}

pub(crate) fn mount<T>(_: &T) -> Answer {
    let (none, at, kind) = (c"none".as_ptr(), c"/".as_ptr(), c"tmpfs".as_ptr());
    // SAFETY: literals; there is no data to read.
    call(unsafe { libc::syscall(libc::SYS_mount, none, at, kind, 0, 0) })
}

pub(crate) fn user_namespace<T>(_: &T) -> Answer {
    // SAFETY: if this succeeds we refuse to go on.
    call(unsafe { libc::syscall(libc::SYS_unshare, libc::CLONE_NEWUSER) })
}

pub(crate) fn trace<T>(_: &T) -> Answer {
    // SAFETY: if this succeeds we refuse to go on, and our end releases process 1.
    call(unsafe { libc::syscall(libc::SYS_ptrace, libc::PTRACE_SEIZE, 1, 0, 0) })
}

fn enter_init(_: &Order) -> Answer {
    File::open("/proc/1/root/")?;
    Ok("opened".to_owned())
}

fn unix_socket(_: &Order) -> Answer {
    // SAFETY: opens a descriptor or fails.
    call(unsafe { libc::syscall(libc::SYS_socket, libc::AF_UNIX, libc::SOCK_STREAM, 0) })
}

pub(crate) fn keyring<T>(_: &T) -> Answer {
    const KEYCTL_GET_KEYRING_ID: libc::c_long = 0;
    const SESSION: libc::c_long = -3;
    // SAFETY: numbers in, a number out.
    call(unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_GET_KEYRING_ID, SESSION, 0) })
}

pub(crate) fn io_uring<T>(_: &T) -> Answer {
    let mut parameters = [0u8; 120];
    // SAFETY: the kernel writes at most the 120 bytes of `struct io_uring_params`.
    call(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, parameters.as_mut_ptr()) })
}

pub(crate) fn bpf<T>(_: &T) -> Answer {
    let attributes = [0u8; 128];
    // SAFETY: command 0 makes a map from attributes of which the size is given.
    call(unsafe { libc::syscall(libc::SYS_bpf, 0, attributes.as_ptr(), attributes.len()) })
}

pub(crate) fn terminal<T>(_: &T) -> Answer {
    let character = b'#';
    // SAFETY: TIOCSTI reads one byte.
    call(unsafe { libc::syscall(libc::SYS_ioctl, 0, libc::TIOCSTI, &raw const character) })
}

fn reach_host(order: &Order) -> Answer {
    if order.network == Network::Host {
        return nothing("asked for");
    }
    match order.bait {
        Some(port) => {
            std::net::TcpStream::connect(("127.0.0.1", port))?;
            Ok(format!("connected to 127.0.0.1:{port}"))
        }
        None => {
            std::net::UdpSocket::bind(("127.0.0.1", 0))?;
            if order.level == Level::Full {
                nothing("an empty network")
            } else {
                Ok("opened a socket".to_owned())
            }
        }
    }
}

/// The gateway's own box has two processes at this moment, the init and us.
fn host_processes(_: &Order) -> Answer {
    let seen = std::fs::read_dir("/proc")?.flatten();
    let seen = seen.filter(|e| e.file_name().to_string_lossy().parse::<u32>().is_ok()).count();
    if seen > 2 { Ok(format!("{seen} processes")) } else { nothing("only this box's") }
}

pub(crate) fn call(result: libc::c_long) -> Answer {
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok("permitted".to_owned()) }
}
