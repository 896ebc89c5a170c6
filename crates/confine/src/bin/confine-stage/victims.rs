//! What is worth stealing, outside of every root.
//!
//! Everything here is gone when the value is: System V objects and message
//! queues would else outlive us.

use std::ffi::CString;
use std::fs;
use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The account of root's servers, unless somebody says otherwise.
pub(crate) const NOBODY: u32 = 65534;

/// What the stage holds while the attacker acts.
#[derive(Debug)]
pub(crate) struct Victims {
    name: String,
    port: u16,
    port6: Option<u16>,
    socket: PathBuf,
    shared: i32,
    process: Child,
    _open: (TcpListener, Option<TcpListener>, [UnixListener; 3]),
}

impl Victims {
    /// Puts everything in place.
    pub(crate) fn set(scene: &Path) -> std::io::Result<Self> {
        let name = format!("portcullis-stage-{}", std::process::id());
        take_terminal();
        inherit(&scene.join("vault/secret"))?;
        keep_in_keyring(&name);
        let socket = scene.join("vault/agent.sock");
        let four = TcpListener::bind(("127.0.0.1", 0))?;
        // A machine without IPv6 has one service less to protect.
        let six = TcpListener::bind(("::1", 0)).ok();
        let unix = [
            UnixListener::bind(scene.join("home/rw/agent.sock"))?,
            UnixListener::bind(&socket)?,
            UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name)?)?,
        ];
        for socket in [scene.join("home/rw/agent.sock"), socket.clone()] {
            open(&socket)?;
        }
        fs::write(memory_file(&name), "secret")?;
        open(&memory_file(&name))?;
        make_queue(&name);
        let six_port = six.as_ref().and_then(|six| six.local_addr().ok());
        Ok(Self {
            port: four.local_addr()?.port(),
            port6: six_port.map(|address| address.port()),
            socket,
            shared: share_memory(),
            process: bystander()?,
            _open: (four, six, unix),
            name,
        })
    }

    /// Their names.
    pub(crate) fn variables(&self) -> Vec<(String, String)> {
        let port6 = self.port6.map(|port| port.to_string());
        let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id");
        let all = [
            ("PORT", self.port.to_string()),
            ("PORT6", port6.unwrap_or_default()),
            ("SOCKET", self.socket.display().to_string()),
            ("ABSTRACT", self.name.clone()),
            ("KEY", self.name.clone()),
            ("QUEUE", self.name.clone()),
            ("SHM_FILE", memory_file(&self.name).display().to_string()),
            ("SHARED_MEMORY", self.shared.to_string()),
            ("VICTIM", self.process.id().to_string()),
            ("HOST", host),
            ("BOOT", boot.unwrap_or_default().trim().to_owned()),
        ];
        all.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

impl Drop for Victims {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(memory_file(&self.name));
        let queue = CString::new(self.name.as_str()).unwrap_or_default();
        // SAFETY: a string that outlives the call; numbers and no pointer.
        unsafe {
            libc::syscall(libc::SYS_mq_unlink, queue.as_ptr());
            libc::shmctl(self.shared, libc::IPC_RMID, std::ptr::null_mut());
        }
    }
}

fn memory_file(name: &str) -> PathBuf {
    Path::new("/dev/shm").join(name)
}

fn open(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o777))
}

/// Whatever terminal is our stdin becomes the one that `/dev/tty` means.
fn take_terminal() {
    let _ = rustix::process::setsid();
    // SAFETY: an ioctl on stdin that takes a number.
    unsafe { libc::ioctl(0, libc::TIOCSCTTY as _, 0) };
}

/// A descriptor that every child gets: it is not close-on-exec.
fn inherit(secret: &Path) -> std::io::Result<()> {
    use std::os::unix::ffi::OsStrExt as _;
    let path = CString::new(secret.as_os_str().as_bytes())?;
    // SAFETY: a string that outlives the call.
    let fd = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY) };
    if fd < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

/// A secret in a session keyring of our own.
fn keep_in_keyring(name: &str) {
    const JOIN: libc::c_long = 1;
    const SESSION: libc::c_long = -3;
    const SET_PERMISSIONS: libc::c_long = 5;
    const EVERYTHING: libc::c_long = 0x3f3f_3f3f;
    let key = CString::new(name).unwrap_or_default();
    let (kind, secret) = (c"user", b"secret");
    // SAFETY: strings that outlive the calls, a payload with its length, numbers.
    unsafe {
        let ring = libc::syscall(libc::SYS_keyctl, JOIN, 0);
        let (kind, key, secret) = (kind.as_ptr(), key.as_ptr(), secret.as_ptr());
        let serial = libc::syscall(libc::SYS_add_key, kind, key, secret, 6, SESSION);
        for made in [ring, serial] {
            libc::syscall(libc::SYS_keyctl, SET_PERMISSIONS, made, EVERYTHING);
        }
    }
}

fn make_queue(name: &str) {
    let queue = CString::new(name).unwrap_or_default();
    let flags = libc::O_CREAT | libc::O_RDWR;
    // SAFETY: a string that outlives the call; the attributes are the kernel's own.
    unsafe {
        let masked = libc::umask(0);
        libc::syscall(libc::SYS_mq_open, queue.as_ptr(), flags, 0o666, 0);
        libc::umask(masked);
    }
}

fn share_memory() -> i32 {
    // SAFETY: numbers in, a number out.
    unsafe { libc::shmget(libc::IPC_PRIVATE, 4096, libc::IPC_CREAT | 0o666) }
}

/// A process of the same account, with a secret in its environment.
fn bystander() -> std::io::Result<Child> {
    #[expect(clippy::disallowed_methods, reason = "a victim, not a server")]
    let mut sleep = Command::new("sleep");
    sleep.arg("600").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    as_server(&mut sleep).spawn()
}

/// The account that a server would have.
pub(crate) fn as_server(command: &mut Command) -> &mut Command {
    if rustix::process::geteuid().is_root() { command.uid(NOBODY).gid(NOBODY) } else { command }
}

/// Ends the process with this argument. `false` if there was none.
pub(crate) fn end(argument: &str) -> bool {
    let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let named = |pid: &i32| {
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|byte| *byte == 0).any(|word| word == argument.as_bytes())
    };
    let found: Vec<i32> = numbers.filter(named).collect();
    for pid in &found {
        // SAFETY: numbers in; the process is the attacker's own.
        unsafe { libc::kill(*pid, libc::SIGKILL) };
    }
    !found.is_empty()
}
