//! Whose process a connection on loopback comes from.
//!
//! Everybody on a machine reaches its loopback: other accounts, and servers that were given the
//! whole network. The kernel knows whose socket the other end is, and only our own account's
//! counts.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use rustix::process::geteuid;
use tokio::net::TcpStream;

/// Every socket of our network: proc_net_tcp in the kernel's documents.
const TABLE: &str = "/proc/self/net/tcp";
/// A connection that is open at both ends. Others are listed as root's whosever they were.
const ESTABLISHED: &str = "01";

/// Whether the other end is a process of our account. What cannot be found out is a no.
pub(crate) fn is_ours(stream: &TcpStream, peer: SocketAddr) -> bool {
    let (Ok(SocketAddr::V4(here)), SocketAddr::V4(there)) = (stream.local_addr(), peer) else {
        return false;
    };
    let table = std::fs::read_to_string(TABLE).unwrap_or_default();
    owner(&table, there, here) == Some(geteuid().as_raw())
}

/// Who owns the socket that is `here` and talks to `there`.
fn owner(table: &str, here: SocketAddrV4, there: SocketAddrV4) -> Option<u32> {
    let (here, there) = (written(here), written(there));
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let is_it = fields.next() == Some(&here)
            && fields.next() == Some(&there)
            && fields.next() == Some(ESTABLISHED);
        // Between them: queues, the timer, retransmissions.
        is_it.then(|| fields.nth(3)?.parse().ok()).flatten()
    })
}

/// An address as the kernel writes it: the number as it lies in memory, and the port.
fn written(address: SocketAddrV4) -> String {
    let number = |ip: &Ipv4Addr| u32::from_ne_bytes(ip.octets());
    format!("{:08X}:{:04X}", number(address.ip()), address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(port: u16) -> SocketAddrV4 {
        SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)
    }

    #[test]
    fn the_owner_is_that_of_the_other_end() {
        let line = |from, to, state, uid| {
            let (from, to) = (written(address(from)), written(address(to)));
            format!(
                "   0: {from} {to} {state} 00000000:00000000 00:00000000 00000000 {uid:>5}        0 1\n"
            )
        };
        let table = [
            "  sl  local_address rem_address   st ...\n".to_owned(),
            line(8000, 5000, "01", 7),
            line(5000, 8000, "01", 1000),
            line(5001, 8000, "06", 0),
        ]
        .concat();
        assert_eq!(owner(&table, address(5000), address(8000)), Some(1000));
        assert_eq!(owner(&table, address(8000), address(5000)), Some(7));
        assert_eq!(owner(&table, address(5001), address(8000)), None, "it is gone already");
        assert_eq!(owner(&table, address(5002), address(8000)), None);
        assert_eq!(owner("", address(1), address(2)), None);
    }

    #[test]
    fn the_kernel_says_who_we_are() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let SocketAddr::V4(there) = listener.local_addr().unwrap() else { panic!("no IPv4") };
        let stream = std::net::TcpStream::connect(there).unwrap();
        let SocketAddr::V4(here) = stream.local_addr().unwrap() else { panic!("no IPv4") };
        let table = std::fs::read_to_string(TABLE).unwrap();
        assert_eq!(owner(&table, here, there), Some(geteuid().as_raw()));
    }
}
