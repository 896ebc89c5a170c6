//! Attempts to get out of our own box, made by ourselves right after it was shut.
#![allow(unsafe_code, reason = "the attempts are bare system calls")]

use std::fs::{File, OpenOptions};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, RawFd};
use std::path::{Path, PathBuf};

use super::{OwnBox, covered};
use crate::landlock::{self, Rule};
use crate::order::Attempt;
use crate::profile::{Access, Level};
use crate::root::shown;
use crate::selftest::{self, Answer, call, nothing};
use crate::sys::process::leave;

/// What was made ready while everything was still open.
pub(super) struct Tried {
    /// Could be opened just now, and lies in nothing that was granted.
    outside: Vec<PathBuf>,
    /// Directories in which nothing may be made.
    unwritable: Vec<PathBuf>,
    /// A listener of our own, on a port that is not granted.
    bait: Option<TcpListener>,
}

struct Try {
    name: &'static str,
    from: Level,
    run: fn(&Tried) -> Answer,
}

const TRIES: &[Try] = &[
    Try { name: "raise a limit", from: Level::None, run: selftest::raise_limit },
    Try { name: "run a program", from: Level::None, run: execute },
    Try { name: "start a process", from: Level::None, run: start },
    Try { name: "signal a process", from: Level::None, run: signal },
    Try { name: "mount a file system", from: Level::None, run: selftest::mount },
    Try { name: "make a user namespace", from: Level::None, run: selftest::user_namespace },
    Try { name: "trace process 1", from: Level::None, run: selftest::trace },
    Try { name: "use a keyring", from: Level::None, run: selftest::keyring },
    Try { name: "set up io_uring", from: Level::None, run: selftest::io_uring },
    Try { name: "load a bpf program", from: Level::None, run: selftest::bpf },
    Try { name: "type into a terminal", from: Level::None, run: selftest::terminal },
    Try { name: "open what lies outside", from: Level::Landlock, run: open_outside },
    Try { name: "write where only reading is granted", from: Level::Landlock, run: write },
    Try { name: "reach a door of this machine", from: Level::None, run: reach },
];

/// Everybody has some of them.
const FAMILIAR: &[&str] = &["/", "/etc/passwd", "/etc/shadow", "/usr", "/proc/1", "/var", "/tmp"];

impl Tried {
    pub(super) fn prepare(own: &OwnBox<'_>, rules: &[Rule]) -> Self {
        let home = std::env::var_os("HOME").map(PathBuf::from);
        let above = own.roots.iter().filter_map(|root| root.path.parent()).map(Path::to_path_buf);
        let known = FAMILIAR.iter().map(PathBuf::from).chain(home).chain(above);
        let closed = known.filter(|path| path.is_absolute() && !covered(path, rules));
        let outside = closed.filter(|path| File::open(path).is_ok()).collect();
        let read_only = own.roots.iter().filter(|root| root.access == Access::ReadOnly);
        let inside = |path: &Path| {
            let writable = own.roots.iter().filter(|root| root.access == Access::ReadWrite);
            let writable = writable.map(|root| &root.path).chain(&own.state).chain(&own.write);
            writable.into_iter().any(|dir| path.starts_with(dir))
        };
        let unwritable = read_only.map(|root| root.path.clone()).chain(["/tmp".into(), "/".into()]);
        Self {
            outside,
            unwritable: unwritable.filter(|path| !inside(path)).collect(),
            bait: bait(&own.reach.tcp),
        }
    }

    pub(super) fn descriptor(&self) -> Option<RawFd> {
        self.bait.as_ref().map(|bait| bait.as_raw_fd())
    }

    /// Tries everything that this level promises to hold.
    pub(super) fn run(self, own: &OwnBox<'_>, level: Level) -> Vec<Attempt> {
        // Where the kernel holds no ports, nothing about them is promised.
        let ports = own.reach.tcp.is_empty() || (level > Level::None && landlock::version() >= 4);
        let ports = ports || self.bait.is_none();
        let promised = TRIES.iter().filter(|one| one.from <= level);
        promised
            .filter(|one| ports || one.name != "reach a door of this machine")
            .map(|one| {
                let answer = (one.run)(&self);
                let held = answer.is_err();
                let detail = answer.unwrap_or_else(|error| error.to_string());
                Attempt { name: one.name.to_owned(), held, detail }
            })
            .collect()
    }
}

fn bait(granted: &[u16]) -> Option<TcpListener> {
    let bait = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    let port = bait.local_addr().ok()?.port();
    (!granted.contains(&port)).then_some(bait)
}

/// The kernel would complain about the address, the filter does not look at it.
fn execute(_: &Tried) -> Answer {
    let none = std::ptr::null::<libc::c_char>();
    // SAFETY: with no path at all this fails, in the filter or behind it.
    let result = unsafe { libc::syscall(libc::SYS_execve, none, none, none) };
    reached_kernel(result, libc::EFAULT)
}

fn start(_: &Tried) -> Answer {
    // SAFETY: a fork of a process with one thread; a child, if there is one, leaves.
    let pid = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    if pid == 0 {
        leave(0)
    }
    call(pid)
}

fn signal(_: &Tried) -> Answer {
    // SAFETY: signal 0 to ourselves asks whether it may be sent.
    call(unsafe { libc::syscall(libc::SYS_kill, libc::getpid(), 0) })
}

fn reached_kernel(result: libc::c_long, complaint: i32) -> Answer {
    match call(result) {
        Err(error) if error.raw_os_error() == Some(complaint) => Ok("permitted".to_owned()),
        answer => answer,
    }
}

fn open_outside(tried: &Tried) -> Answer {
    match tried.outside.iter().find(|path| File::open(path).is_ok()) {
        Some(path) => Ok(format!("opened `{}`", shown(path))),
        None => nothing(&format!("none of {} opens any more", tried.outside.len())),
    }
}

fn write(tried: &Tried) -> Answer {
    for dir in &tried.unwritable {
        let path = dir.join(format!(".portcullis-selftest-{}", std::process::id()));
        if OpenOptions::new().write(true).create_new(true).open(&path).is_ok() {
            let _ = std::fs::remove_file(&path);
            return Ok(format!("wrote in `{}`", shown(dir)));
        }
    }
    nothing("none can be written")
}

fn reach(tried: &Tried) -> Answer {
    let Some(bait) = &tried.bait else { return nothing("this machine has no such door") };
    TcpStream::connect(bait.local_addr()?)?;
    Ok("connected".to_owned())
}
