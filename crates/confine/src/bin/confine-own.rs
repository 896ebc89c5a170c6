//! A program that confines itself and then tries to get out, for this crate's tests.
//!
//! `confine-own [WORD=VALUE]...` with `ro=DIR`, `rw=DIR`, `state=DIR`, `port=NUMBER`,
//! `names=`, `threads=`, `keep=FD`, `early=`; then `outside=FILE`, `shut=PORT`: what it reaches for.
//! It writes one line per attempt, `name word detail`, and its box as JSON before them.
#![allow(unsafe_code, reason = "the attempts are bare system calls")]

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::net::TcpStream;
use std::os::fd::{BorrowedFd, RawFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use portcullis_confine::own_box::{OwnBox, Reach, close_inherited, enter};
use portcullis_confine::{Access, admit_root};

/// What was asked for on the command line.
struct Asked(Vec<(String, String)>);

impl Asked {
    fn all(&self, name: &str) -> Vec<&str> {
        let named = self.0.iter().filter(|(known, _)| known == name);
        named.map(|(_, value)| value.as_str()).collect()
    }

    fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        self.one(name).map(PathBuf::from)
    }
}

type Answer = Result<String, std::io::Error>;

fn main() -> ExitCode {
    let pairs = std::env::args().skip(1).filter_map(|word| {
        let (name, value) = word.split_once('=')?;
        Some((name.to_owned(), value.to_owned()))
    });
    let asked = Asked(pairs.collect());
    if asked.one("threads").is_some() {
        std::thread::spawn(|| std::thread::sleep(std::time::Duration::from_secs(60)));
    }
    match confine(&asked) {
        Ok(achieved) => say(&achieved),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::from(6);
        }
    }
    for (name, attempt) in ATTEMPTS {
        let line = match attempt(&asked) {
            Ok(detail) => format!("{name} done {detail}"),
            Err(error) => format!("{name} held {error}"),
        };
        say(&line);
    }
    ExitCode::SUCCESS
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

fn confine(asked: &Asked) -> Result<String, String> {
    if asked.one("early").is_some() {
        close_inherited().map_err(|error| error.to_string())?;
    }
    let mut roots = Vec::new();
    for (name, access) in [("ro", Access::ReadOnly), ("rw", Access::ReadWrite)] {
        for dir in asked.all(name) {
            roots.push(admit_root(dir.as_ref(), access, None).map_err(|error| error.to_string())?);
        }
    }
    let numbers = asked.all("keep").into_iter().filter_map(|fd| fd.parse::<RawFd>().ok());
    // SAFETY: the test passes descriptors that it opened for this process.
    let keep: Vec<_> = numbers.map(|fd| unsafe { BorrowedFd::borrow_raw(fd) }).collect();
    let own = OwnBox {
        roots,
        state: asked.path("state").into_iter().collect(),
        keep: Some(keep).filter(|_| asked.one("early").is_none()),
        reach: Reach {
            tcp: asked.all("port").iter().filter_map(|port| port.parse().ok()).collect(),
            names: asked.one("names").is_some(),
            local: false,
        },
        ..OwnBox::default()
    };
    let achieved = enter(&own).map_err(|error| error.to_string())?;
    serde_json::to_string(&achieved).map_err(|error| error.to_string())
}

/// A name, and what it does.
type Attempt = (&'static str, fn(&Asked) -> Answer);

const ATTEMPTS: &[Attempt] = &[
    ("read-root", |asked| read(&asked.path("ro").unwrap_or_default().join("note"))),
    ("write-rw", |asked| write(&asked.path("rw").unwrap_or_default().join("new"))),
    ("rename-rw", |asked| {
        let dir = asked.path("rw").unwrap_or_default();
        fs::rename(dir.join("new"), dir.join("newer")).map(|()| String::new())
    }),
    ("write-state", |asked| write(&asked.path("state").unwrap_or_default().join("journal"))),
    ("write-ro", |asked| write(&asked.path("ro").unwrap_or_default().join("new"))),
    ("open-outside", |asked| read(&asked.path("outside").unwrap_or_default())),
    ("write-outside", |asked| write(&asked.path("outside").unwrap_or_default())),
    ("open-link", |asked| read(&asked.path("ro").unwrap_or_default().join("link"))),
    ("open-dots", |asked| read(&asked.path("ro").unwrap_or_default().join("../outside"))),
    ("open-proc-root", |_| read(Path::new("/proc/self/root/etc/passwd"))),
    ("open-environ", |_| read(Path::new("/proc/1/environ"))),
    ("list-top", |_| fs::read_dir("/").map(|_| String::new())),
    ("remove-outside", |asked| {
        fs::remove_file(asked.path("outside").unwrap_or_default()).map(|()| String::new())
    }),
    ("link-in", |asked| {
        let to = asked.path("rw").unwrap_or_default().join("linked");
        fs::hard_link(asked.path("outside").unwrap_or_default(), to).map(|()| String::new())
    }),
    ("rename-in", |asked| {
        let to = asked.path("rw").unwrap_or_default().join("moved");
        fs::rename(asked.path("outside").unwrap_or_default(), to).map(|()| String::new())
    }),
    ("chmod-outside", |asked| {
        let path = asked.path("outside").unwrap_or_default();
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        fs::set_permissions(path, mode).map(|()| String::new())
    }),
    ("execute", |_| execute()),
    ("thread", |_| {
        let joined = std::thread::spawn(|| 7).join();
        joined.map(|n: i32| n.to_string()).map_err(|_| std::io::Error::other("it panicked"))
    }),
    ("runtime", |_| runtime()),
    ("connect-shut", |asked| connect(asked.one("shut"))),
    ("connect-fast", |asked| connect_fast(asked.one("shut"))),
    ("connect-port", |asked| connect(asked.one("port"))),
    ("listen", |_| std::net::TcpListener::bind(("127.0.0.1", 0)).map(|_| String::new())),
    ("datagram", |_| std::net::UdpSocket::bind(("127.0.0.1", 0)).map(|_| String::new())),
    ("unix", |_| bare(libc::SYS_socket, [libc::AF_UNIX as _, libc::SOCK_STREAM as _, 0])),
    ("raw", |_| bare(libc::SYS_socket, [libc::AF_INET as _, libc::SOCK_RAW as _, 1])),
    ("mptcp", |_| bare(libc::SYS_socket, [libc::AF_INET as _, libc::SOCK_STREAM as _, 262])),
    ("ptrace", |_| bare(libc::SYS_ptrace, [libc::PTRACE_SEIZE as _, parent(), 0])),
    ("signal", |_| bare(libc::SYS_kill, [parent(), 0, 0])),
    ("io_uring", |_| bare(libc::SYS_io_uring_setup, [1, 0, 0])),
    ("bpf", |_| bare(libc::SYS_bpf, [0, 0, 0])),
    ("unshare", |_| bare(libc::SYS_unshare, [libc::CLONE_NEWUSER as _, 0, 0])),
    ("setns", |_| bare(libc::SYS_setns, [0, 0, 0])),
    ("chroot", |_| bare(libc::SYS_chroot, [c"/".as_ptr() as _, 0, 0])),
    ("memfd", |_| bare(libc::SYS_memfd_create, [c"x".as_ptr() as _, 0, 0])),
    ("new-code", |_| new_code()),
    ("descriptor", |asked| descriptor(asked.one("inherited"))),
    ("kept", |asked| descriptor(asked.one("keep"))),
];

fn read(path: &Path) -> Answer {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

fn write(path: &Path) -> Answer {
    let mut file: File = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    file.write_all(b"mine").map(|()| String::new())
}

#[expect(clippy::disallowed_methods, reason = "the attempt is to start a process")]
fn execute() -> Answer {
    std::process::Command::new("/bin/true").status().map(|status| status.to_string())
}

/// What a server does all day: an event loop with time and blocking work.
fn runtime() -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        let work = tokio::task::spawn_blocking(|| "worked".to_owned());
        work.await.map_err(std::io::Error::other)
    })
}

fn connect(port: Option<&str>) -> Answer {
    let port = port.and_then(|port| port.parse().ok()).unwrap_or(1u16);
    TcpStream::connect(("127.0.0.1", port)).map(|_| String::new())
}

/// Connects by sending (`MSG_FASTOPEN`).
fn connect_fast(port: Option<&str>) -> Answer {
    use rustix::net::{AddressFamily, SendFlags, SocketType, sendto, socket};
    let port = port.and_then(|port| port.parse().ok()).unwrap_or(1u16);
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    let to = std::net::SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, port);
    let fast = SendFlags::from_bits_retain(libc::MSG_FASTOPEN as u32);
    sendto(&socket, b"x", fast, &to)?;
    Ok(String::new())
}

fn parent() -> libc::c_long {
    std::os::unix::process::parent_id().into()
}

fn bare(call: libc::c_long, [a, b, c]: [libc::c_long; 3]) -> Answer {
    // SAFETY: numbers and literals; what needs memory fails for want of it.
    let result = unsafe { libc::syscall(call, a, b, c, 0, 0) };
    if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(result.to_string()) }
}

fn new_code() -> Answer {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let protection = libc::PROT_READ | libc::PROT_EXEC;
    // SAFETY: a new mapping that nobody uses.
    let at = unsafe { libc::mmap(std::ptr::null_mut(), 4096, protection, flags, -1, 0) };
    if at == libc::MAP_FAILED { Err(std::io::Error::last_os_error()) } else { Ok(String::new()) }
}

fn descriptor(number: Option<&str>) -> Answer {
    let fd: libc::c_int = number.and_then(|fd| fd.parse().ok()).unwrap_or(-1);
    // SAFETY: reads a flag and fails on a closed descriptor.
    let flags = unsafe { libc::fcntl(fd, libc::F_GETFD) };
    if flags < 0 { Err(std::io::Error::last_os_error()) } else { Ok(String::new()) }
}
