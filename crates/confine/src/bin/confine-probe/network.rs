//! Ways out through the network and other sockets.
#![allow(unsafe_code, reason = "an attacker makes bare system calls")]

use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use crate::{Attempt, Outcome, call, given, said};

pub(crate) const ATTEMPTS: &[Attempt] = &[
    Attempt { name: "connect-loopback", run: || connect(format!("127.0.0.1:{}", given("PORT"))) },
    Attempt { name: "connect-loopback-6", run: || connect(format!("[::1]:{}", given("PORT"))) },
    Attempt { name: "connect-internet", run: || connect("1.1.1.1:443".to_owned()) },
    Attempt { name: "connect-metadata", run: || connect("169.254.169.254:80".to_owned()) },
    Attempt { name: "send-datagram", run: send_datagram },
    Attempt { name: "unix-socket", run: || socket(libc::AF_UNIX, libc::SOCK_STREAM, 0) },
    Attempt { name: "unix-socket-in-root", run: unix_in_root },
    Attempt { name: "vm-socket", run: || socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0) },
    Attempt { name: "packet-socket", run: || socket(libc::AF_PACKET, libc::SOCK_RAW, 3) },
    Attempt { name: "raw-socket", run: || socket(libc::AF_INET, libc::SOCK_RAW, 1) },
    Attempt { name: "multipath-tcp", run: || socket(libc::AF_INET, libc::SOCK_STREAM, 262) },
    Attempt { name: "crypto-socket", run: || socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0) },
    Attempt { name: "audit-socket", run: || socket(libc::AF_NETLINK, libc::SOCK_RAW, 9) },
    Attempt { name: "bluetooth-socket", run: || socket(libc::AF_BLUETOOTH, libc::SOCK_RAW, 1) },
];

fn connect(address: String) -> Outcome {
    let address: SocketAddr = address.parse().map_err(|_| "no address".to_owned())?;
    said(TcpStream::connect_timeout(&address, Duration::from_secs(3)))
}

fn send_datagram() -> Outcome {
    let socket = UdpSocket::bind("0.0.0.0:0").map_err(|error| error.to_string())?;
    said(socket.send_to(b"probe", "8.8.8.8:53"))
}

fn socket(family: i32, kind: i32, protocol: i32) -> Outcome {
    // SAFETY: numbers in, a descriptor or an error out.
    call(i64::from(unsafe { libc::socket(family, kind, protocol) }))
}

fn unix_in_root() -> Outcome {
    said(std::os::unix::net::UnixStream::connect(format!("{}/agent.sock", given("RW"))))
}
