//! Whose process is at the other end of a connection.
//!
//! Everybody on a machine reaches its loopback: other accounts, and servers that were given the
//! whole network. The kernel knows whose socket the other end is, and so which account; it does not
//! tell a server of ours from whoever started it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Every socket of our network, by family: proc_net_tcp in the kernel's documents.
const TABLES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
/// A connection that is open at both ends. Others are listed as root's whosever they were.
const ESTABLISHED: &str = "01";

/// Who made a request, as the kernel says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The account whose process it is. `None` when that cannot be found out: it is on another
    /// machine, in a network of its own, or gone.
    pub uid: Option<u32>,
    /// Where it is, unless it came by a socket in the file system.
    pub address: Option<SocketAddr>,
    /// The certificate that they showed, when they were asked for one.
    pub certificate: Option<Arc<Certificate>>,
    /// What is known of the connection.
    pub standing: Standing,
}

/// Whether a connection ever carried a request of somebody known. One that did not gives way where
/// there are too many.
#[derive(Clone, Debug, Default)]
pub struct Standing(Arc<AtomicBool>);

impl Standing {
    /// It does now, and for as long as it lasts.
    pub fn prove(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether it did.
    #[must_use]
    pub fn is_proven(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl PartialEq for Standing {
    fn eq(&self, other: &Self) -> bool {
        self.is_proven() == other.is_proven()
    }
}

impl Eq for Standing {}

/// A certificate that an authority of the operator's choice vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The one name in it.
    pub name: String,
    /// SHA-256 of it, as tokens that are bound to it say it (RFC 8705).
    pub digest: String,
}

/// Who owns the socket that is `here` and talks to `there`, on this machine.
pub(super) fn owner(here: SocketAddr, there: SocketAddr) -> Option<u32> {
    // A program may call an IPv4 address by a socket of the other family.
    let (here, there) = (plain(here), plain(there));
    let first = usize::from(here.is_ipv6());
    let tables = [TABLES.get(first), TABLES.get(1 - first)];
    tables.into_iter().flatten().find_map(|table| {
        let table = std::fs::read_to_string(table).unwrap_or_default();
        listed(&table, here, there)
    })
}

fn listed(table: &str, here: SocketAddr, there: SocketAddr) -> Option<u32> {
    table.lines().skip(1).find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let is_it = is(fields.next()?, here)
            && is(fields.next()?, there)
            && fields.next() == Some(ESTABLISHED);
        // Between them: queues, the timer, retransmissions.
        is_it.then(|| fields.nth(3)?.parse().ok()).flatten()
    })
}

/// Whether this is an address as the kernel writes it: words as they lie in memory, and the port.
fn is(written: &str, address: SocketAddr) -> bool {
    let Some((ip, port)) = written.split_once(':') else { return false };
    u16::from_str_radix(port, 16) == Ok(address.port()) && read(ip) == Some(address.ip())
}

fn read(written: &str) -> Option<IpAddr> {
    let word = |at: usize| {
        let word = written.get(8 * at..8 * at + 8)?;
        Some(u32::from_str_radix(word, 16).ok()?.to_ne_bytes())
    };
    match written.len() {
        8 => Some(Ipv4Addr::from(word(0)?).into()),
        32 => {
            let words = [word(0)?, word(1)?, word(2)?, word(3)?];
            let bytes: [u8; 16] = words.as_flattened().try_into().ok()?;
            Some(IpAddr::from(Ipv6Addr::from(bytes)).to_canonical())
        }
        _ => None,
    }
}

fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use rustix::process::geteuid;

    use super::*;

    fn written(address: SocketAddr) -> String {
        let words = match address.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let words = words.chunks(4).map(|word| u32::from_ne_bytes(word.try_into().unwrap()));
        let words: String = words.map(|word| format!("{word:08X}")).collect();
        format!("{words}:{:04X}", address.port())
    }

    fn line(from: SocketAddr, to: SocketAddr, state: &str, uid: u32) -> String {
        let (from, to) = (written(from), written(to));
        format!("   0: {from} {to} {state} 00000000:00000000 00:00000000 00000000 {uid:>5}   0 1\n")
    }

    #[test]
    fn the_owner_is_that_of_the_other_end() {
        let hosts = [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("::ffff:127.0.0.1", "127.0.0.1")];
        for (host, seen) in hosts {
            let at = |port| SocketAddr::new(host.parse().unwrap(), port);
            let seen = |port| SocketAddr::new(seen.parse().unwrap(), port);
            let table = [
                "  sl  local_address rem_address   st ...\n".to_owned(),
                line(at(8000), at(5000), "01", 7),
                line(at(5000), at(8000), "01", 1000),
                line(at(5001), at(8000), "06", 0),
                "   4: rubbish:zz 1 01 0 0 0 3\n".to_owned(),
            ]
            .concat();
            assert_eq!(listed(&table, seen(5000), seen(8000)), Some(1000), "{host}");
            assert_eq!(listed(&table, seen(8000), seen(5000)), Some(7), "{host}");
            assert_eq!(listed(&table, seen(5001), seen(8000)), None, "it is gone already");
            assert_eq!(listed(&table, seen(5002), seen(8000)), None, "{host}");
        }
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        assert_eq!(listed("", at(1), at(2)), None);
    }

    #[test]
    fn the_kernel_says_who_we_are() {
        for (listens, called) in
            [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1"), ("127.0.0.1:0", "::ffff:127.0.0.1")]
        {
            // A machine may have no IPv6.
            let Ok(listener) = TcpListener::bind(listens) else { continue };
            let port = listener.local_addr().unwrap().port();
            let Ok(_stream) = TcpStream::connect((called.parse::<IpAddr>().unwrap(), port)) else {
                continue;
            };
            let (accepted, peer) = listener.accept().unwrap();
            let uid = owner(peer, accepted.local_addr().unwrap());
            assert_eq!(uid, Some(geteuid().as_raw()), "{listens} called as {called}");
        }
    }
}
