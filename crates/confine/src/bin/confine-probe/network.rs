//! Sockets, and what other processes share without files: fs40, fs41, ne01-ne16.

use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{self as unix, UnixStream};
use std::path::Path;
use std::time::Duration;

use crate::Outcome::{self, Held, Leak};
use crate::looking::{read, rw};
use crate::{Attempt, any, at, attempt, call, given, path, said};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    attempt("fs40", "connect to a unix socket in a root", || {
        said(UnixStream::connect(rw("agent.sock")))
    }),
    attempt("fs41", "connect to unix sockets outside, by path", sockets_by_path),
    attempt("ne01", "connect to a service on 127.0.0.1", || {
        connect(format!("127.0.0.1:{}", given("PORT")))
    }),
    attempt("ne02", "connect to a service on ::1", || connect(format!("[::1]:{}", given("PORT6")))),
    attempt("ne03", "connect to the internet", || connect("1.1.1.1:443".to_owned())),
    attempt("ne04", "send a datagram to the internet", send_datagram),
    attempt("ne05", "resolve a name", || said(("example.com", 443).to_socket_addrs())),
    attempt("ne06", "connect to an abstract unix socket", abstract_socket),
    attempt("ne07", "open a socket to the virtual machine's host", || {
        socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0)
    }),
    attempt("ne08", "open packet and raw sockets", || {
        any([socket(libc::AF_PACKET, libc::SOCK_RAW, 3), socket(libc::AF_INET, libc::SOCK_RAW, 1)])
    }),
    attempt("ne09", "open a multipath TCP socket, past Landlock's TCP rules", || {
        socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP)
    }),
    attempt("ne10", "open crypto, netfilter and audit sockets", || {
        any([
            socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
            socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER),
            socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT),
        ])
    }),
    attempt("ne11", "see the host's interfaces and sockets", network_tables),
    attempt("ne12", "attach shared memory of the host (System V)", || {
        let id = given("SHARED_MEMORY").parse().unwrap_or(-1);
        call(libc::SYS_shmat, &[id, 0, libc::SHM_RDONLY.into()])
    }),
    attempt("ne13", "open a message queue of the host", || {
        let name = path(given("QUEUE"));
        call(libc::SYS_mq_open, &[at(name.to_bytes_with_nul()), libc::O_RDONLY.into(), 0, 0])
    }),
    attempt("ne14", "read /dev/shm of the host", || read(given("SHM_FILE"))),
    attempt("ne15", "learn the host's name", host_name),
    attempt("ne16", "listen where the network can reach us", listen),
    attempt("ex15", "learn which start of the machine this is", || {
        match std::fs::read_to_string("/proc/sys/kernel/random/boot_id") {
            Ok(id) if id.trim() == given("BOOT") => Leak(id),
            Ok(id) => Held(id),
            Err(error) => Held(error.to_string()),
        }
    }),
    attempt("ex12", "connect to the cloud's metadata", || connect("169.254.169.254:80".to_owned())),
    attempt("ex13", "open a bluetooth socket", || socket(libc::AF_BLUETOOTH, libc::SOCK_RAW, 1)),
    attempt("ex14", "open any unix socket", || socket(libc::AF_UNIX, libc::SOCK_STREAM, 0)),
];

fn connect(address: String) -> Outcome {
    match address.parse::<SocketAddr>() {
        Ok(address) => said(TcpStream::connect_timeout(&address, Duration::from_secs(3))),
        Err(_) => Held(format!("`{address}` is no address")),
    }
}

fn send_datagram() -> Outcome {
    let socket = UdpSocket::bind("0.0.0.0:0");
    said(socket.and_then(|socket| socket.send_to(b"probe", "8.8.8.8:53")))
}

fn socket(family: i32, kind: i32, protocol: i32) -> Outcome {
    call(libc::SYS_socket, &[family.into(), kind.into(), protocol.into()])
}

fn sockets_by_path() -> Outcome {
    let known = [
        "/run/docker.sock",
        "/var/run/docker.sock",
        "/run/dbus/system_bus_socket",
        "/tmp/.X11-unix/X0",
    ];
    let all = known.map(str::to_owned).into_iter().chain([given("SOCKET")]);
    any(all.map(|path| said(UnixStream::connect(Path::new(&path)))))
}

fn abstract_socket() -> Outcome {
    let address = unix::SocketAddr::from_abstract_name(given("ABSTRACT"));
    said(address.and_then(|address| UnixStream::connect_addr(&address)))
}

fn network_tables() -> Outcome {
    let read =
        |name: &str| std::fs::read_to_string(format!("/proc/self/net/{name}")).unwrap_or_default();
    let (sockets, interfaces) = (read("unix"), read("dev"));
    let socket = sockets.lines().find(|line| line.contains(&given("ABSTRACT")));
    let other = |line: &&str| !line.trim_start().starts_with("lo:");
    let interface = interfaces.lines().skip(2).find(other);
    match socket.or(interface) {
        Some(line) => Leak(line.to_owned()),
        None => Held(format!("{} sockets", sockets.lines().count().saturating_sub(1))),
    }
}

fn host_name() -> Outcome {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname");
    let name = name.or_else(|_| std::fs::read_to_string("/etc/hostname")).unwrap_or_default();
    let mut room = [0_u8; 390];
    // SAFETY: six names of 65 bytes each.
    unsafe { libc::uname(room.as_mut_ptr().cast()) };
    let asked = String::from_utf8_lossy(&room[65..130]).trim_end_matches('\0').to_owned();
    let host = given("HOST");
    let seen = name.trim() == host || asked == host;
    if seen { Leak(asked) } else { Held(asked) }
}

/// The host has a listener at this port of 127.0.0.1. Whoever is told that the
/// address is in use is in the host's network; whoever gets it is alone.
fn listen() -> Outcome {
    match TcpListener::bind(format!("0.0.0.0:{}", given("PORT"))) {
        Ok(_) => Held("bound, in a network of our own".to_owned()),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => Leak(error.to_string()),
        Err(error) => Held(error.to_string()),
    }
}
