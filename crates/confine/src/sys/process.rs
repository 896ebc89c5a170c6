//! Processes: how they are born, become something else, and end.
#![allow(unsafe_code, reason = "fork, clone, execve and friends have no safe wrapper")]

use std::convert::Infallible;
use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

use rustix::io::Errno;
use rustix::process::Pid;

/// The errno of the call that just failed.
pub(crate) fn last_errno() -> Errno {
    Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::INVAL)
}

/// The two sides of a fork.
pub(crate) enum Side {
    /// We are the new process.
    Child,
    /// We are the old one.
    Parent(Pid),
}

/// `fork(2)`. Only ever called in the single-threaded broker and its children,
/// where the child may do whatever the parent could.
pub(crate) fn fork() -> Result<Side, Errno> {
    // SAFETY: this process has one thread, so no lock can be held by a thread
    // that does not exist in the child.
    side(unsafe { libc::fork() })
}

/// A fork that puts the child into new namespaces.
pub(crate) fn clone_into(namespaces: libc::c_int) -> Result<Side, Errno> {
    let flags = namespaces | libc::SIGCHLD;
    // SAFETY: without CLONE_VM and with no stack this is a fork; see `fork`.
    // The trailing arguments are unused, so their order, which differs between
    // machines, does not matter.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags as libc::c_ulong, 0, 0, 0, 0) };
    side(pid as libc::pid_t)
}

fn side(pid: libc::pid_t) -> Result<Side, Errno> {
    match pid {
        0 => Ok(Side::Child),
        1.. => Pid::from_raw(pid).map(Side::Parent).ok_or(Errno::INVAL),
        _ => Err(last_errno()),
    }
}

/// Every signal does what it does by default: what we or our parents ignore, a
/// server must not find ignored.
pub(crate) fn default_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        // SAFETY: no handler runs, for none is installed; numbers that cannot be
        // changed are refused.
        unsafe { libc::signal(signal, libc::SIG_DFL) };
    }
}

/// The end of a child is ours to wait for, whatever our parent ignored.
pub(crate) fn notice_children() {
    // SAFETY: as above.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_DFL) };
}

/// From now on the end of a child waits for [`child_or`] to hear of it.
pub(crate) fn hear_of_children() {
    // SAFETY: a set of our own, made empty before it is used.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::sigprocmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
    }
}

/// Waits until a child ends, or for so long.
pub(crate) fn child_or(patience: std::time::Duration) {
    let patience = libc::timespec {
        tv_sec: patience.as_secs().try_into().unwrap_or(libc::time_t::MAX),
        tv_nsec: patience.subsec_nanos().into(),
    };
    // SAFETY: as above; nobody asks who it was.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&raw mut set);
        libc::sigaddset(&raw mut set, libc::SIGCHLD);
        libc::sigtimedwait(&raw const set, std::ptr::null_mut(), &raw const patience);
    }
}

/// Leaves without running anything of Rust's: the child of a fork owns nothing.
pub(crate) fn leave(code: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { libc::_exit(code) }
}

/// Moves into new namespaces.
pub(crate) fn unshare(namespaces: libc::c_int) -> Result<(), Errno> {
    // SAFETY: no CLONE_FILES among them, and one thread.
    check(unsafe { libc::unshare(namespaces) })
}

/// Marks every descriptor from `first` on as closed at the next execve.
pub(crate) fn close_on_exec_from(first: u32) -> Result<(), Errno> {
    let flags = libc::CLOSE_RANGE_CLOEXEC as libc::c_int;
    // SAFETY: only a flag is changed, no descriptor is closed.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, flags) } as libc::c_int)
}

/// Closes every descriptor from `first` on.
pub(crate) fn close_from(first: u32) -> Result<(), Errno> {
    // SAFETY: called before this process has opened anything of its own, so no
    // owner of one of these descriptors exists here.
    check(unsafe { libc::syscall(libc::SYS_close_range, first, u32::MAX, 0) } as libc::c_int)
}

/// Closes every descriptor above 2 but these.
pub(crate) fn close_all_but(kept: &[std::os::fd::RawFd]) -> Result<(), Errno> {
    let mut kept: Vec<u32> = kept.iter().filter_map(|fd| u32::try_from(*fd).ok()).collect();
    kept.sort_unstable();
    let mut first = 3u32;
    for fd in kept.into_iter().filter(|fd| *fd > 2) {
        if fd > first {
            // SAFETY: the caller names every descriptor that a living value owns.
            check(unsafe { libc::syscall(libc::SYS_close_range, first, fd - 1, 0) } as libc::c_int)?;
        }
        first = first.max(fd + 1);
    }
    close_from(first)
}

/// Takes over the descriptor that the gateway passed as ours.
pub(crate) fn adopt_stdin() -> Result<OwnedFd, Errno> {
    // SAFETY: `dup` of descriptor 0 either fails or gives one that nobody owns.
    let fd = unsafe { libc::fcntl(0, libc::F_DUPFD_CLOEXEC, 3) };
    if fd < 0 {
        return Err(last_errno());
    }
    // SAFETY: just made, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Puts a descriptor at 0, 1 or 2.
pub(crate) fn place_at(fd: &OwnedFd, number: libc::c_int) -> Result<(), Errno> {
    use std::os::fd::AsRawFd;
    // SAFETY: the standard streams are owned by nobody in this process.
    let made = unsafe { libc::dup2(fd.as_raw_fd(), number) };
    if made == number { Ok(()) } else { Err(last_errno()) }
}

/// Joins a new, empty session keyring: the inherited one may hold secrets.
pub(crate) fn new_session_keyring() -> Result<(), Errno> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: a null name asks for an anonymous keyring; nothing is written.
    let result = unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0usize) };
    if result < 0 { Err(last_errno()) } else { Ok(()) }
}

/// Brings the loopback of this network namespace up.
pub(crate) fn loopback_up() -> Result<(), Errno> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    use std::os::fd::AsRawFd;
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: all zeroes is a valid `ifreq`.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = *from as libc::c_char;
    }
    request.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as libc::c_short;
    // SAFETY: the request is an `ifreq` as SIOCSIFFLAGS expects.
    check(unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request) })
}

/// Gives the loopback of this network namespace one more address, and with a wide
/// mask every address of that range: on a loopback a whole network is local.
pub(crate) fn loopback_address(
    number: usize,
    address: std::net::Ipv4Addr,
    mask: std::net::Ipv4Addr,
) -> Result<(), Errno> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    use std::os::fd::AsRawFd;
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    for (request, value) in [(libc::SIOCSIFADDR, address), (libc::SIOCSIFNETMASK, mask)] {
        // SAFETY: all zeroes is a valid `ifreq`.
        let mut asked: libc::ifreq = unsafe { std::mem::zeroed() };
        let name = format!("lo:{number}");
        // The last byte stays zero: a name is shorter than its place.
        for (to, from) in asked.ifr_name.iter_mut().take(libc::IFNAMSIZ - 1).zip(name.bytes()) {
            *to = from as libc::c_char;
        }
        let socket_address = libc::sockaddr_in {
            sin_family: libc::AF_INET as libc::sa_family_t,
            sin_port: 0,
            sin_addr: libc::in_addr { s_addr: u32::from_ne_bytes(value.octets()) },
            sin_zero: [0; 8],
        };
        // SAFETY: `sockaddr_in` and `sockaddr` have the same size, and the kernel reads
        // the one by its family where the other is expected.
        asked.ifr_ifru.ifru_addr =
            unsafe { std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(socket_address) };
        // SAFETY: the request is an `ifreq` as both calls expect.
        check(unsafe { libc::ioctl(socket.as_raw_fd(), request as _, &raw const asked) })?;
    }
    Ok(())
}

/// The host name of this namespace.
pub(crate) fn set_host_name(name: &CStr) -> Result<(), Errno> {
    // SAFETY: pointer and length belong together.
    check(unsafe { libc::sethostname(name.as_ptr(), name.count_bytes()) })
}

/// A string for the kernel; one with a NUL inside is not one.
pub(crate) fn c_string(text: impl AsRef<OsStr>) -> Result<CString, Errno> {
    CString::new(text.as_ref().as_bytes()).map_err(|_| Errno::INVAL)
}

/// Becomes another program. Returns only if that failed.
pub(crate) fn execute(
    program: &CStr,
    argv: &[CString],
    env: &[CString],
) -> Result<Infallible, Errno> {
    let pointers = |list: &[CString]| -> Vec<*const libc::c_char> {
        list.iter().map(|s| s.as_ptr()).chain([std::ptr::null()]).collect()
    };
    let (argv, env) = (pointers(argv), pointers(env));
    // SAFETY: both arrays end with a null pointer and their strings outlive the call.
    unsafe { libc::execve(program.as_ptr(), argv.as_ptr(), env.as_ptr()) };
    Err(last_errno())
}

fn check(result: libc::c_int) -> Result<(), Errno> {
    if result < 0 { Err(last_errno()) } else { Ok(()) }
}
