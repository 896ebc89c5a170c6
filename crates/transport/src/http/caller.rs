//! Whose process is at the other end of a connection.
//!
//! Everybody on a machine reaches its loopback: other accounts, and servers that were given the
//! whole network. The kernel knows whose socket the other end is.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, OnceLock};

/// Every socket of our network, by family: proc_net_tcp in the kernel's documents.
const TABLES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
/// A connection that is open at both ends. Others are listed as root's whosever they were.
const ESTABLISHED: &str = "01";

/// Who made a request, as the kernel says.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The account whose process it is.
    pub account: Account,
    /// Where it is, unless it came by a socket in the file system.
    pub address: Option<SocketAddr>,
    /// The certificate that they showed, when they were asked for one.
    pub certificate: Option<Arc<Certificate>>,
}

/// Whose process is at the other end, looked up when somebody asks: the kernel's list has every
/// socket of the machine, and most of who is let in is known by something else.
#[derive(Clone, Debug)]
pub struct Account {
    ends: Option<Ends>,
    /// The same for every request of a connection: who goes away is not asked about again.
    found: Arc<OnceLock<Option<u32>>>,
}

/// A connection within this machine.
#[derive(Clone, Copy, Debug)]
struct Ends {
    theirs: SocketAddr,
    ours: SocketAddr,
}

/// A certificate that an authority of the operator's choice vouches for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// The one name in it.
    pub name: String,
    /// SHA-256 of it, as tokens that are bound to it say it (RFC 8705).
    pub digest: String,
}

impl Account {
    /// This one, or one that cannot be found out.
    #[must_use]
    pub fn known(uid: Option<u32>) -> Self {
        Self { ends: None, found: Arc::new(OnceLock::from(uid)) }
    }

    /// Of whoever is at `theirs` and talks to us at `ours`.
    pub(super) fn between(theirs: SocketAddr, ours: SocketAddr) -> Self {
        let ends = is_near(theirs.ip(), ours.ip()).then_some(Ends { theirs, ours });
        Self { ends, found: Arc::default() }
    }

    /// Whose it is. `None` when that cannot be found out: it is on another machine, in a network
    /// of its own, or gone.
    #[must_use]
    pub fn uid(&self) -> Option<u32> {
        self.uid_by(owner)
    }

    /// Whether somebody asked.
    #[cfg(test)]
    pub(super) fn is_found(&self) -> bool {
        self.found.get().is_some()
    }

    fn uid_by(&self, look: impl FnOnce(SocketAddr, SocketAddr) -> Option<u32>) -> Option<u32> {
        let find = || self.ends.and_then(|ends| look(ends.theirs, ends.ours));
        *self.found.get_or_init(find)
    }
}

/// Only processes of this machine reach its loopback, or come from an address of its own. Of
/// others the kernel lists nothing here.
fn is_near(theirs: IpAddr, ours: IpAddr) -> bool {
    let (theirs, ours) = (theirs.to_canonical(), ours.to_canonical());
    theirs.is_loopback() || ours.is_loopback() || theirs == ours
}

/// Who owns the socket that is `here` and talks to `there`, on this machine.
fn owner(here: SocketAddr, there: SocketAddr) -> Option<u32> {
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
    fn a_stranger_of_another_machine_is_looked_for_nowhere_and_others_once() {
        for (theirs, ours, looked) in [
            ("127.0.0.1:5000", "127.0.0.1:8000", 1),
            ("127.9.9.9:5000", "127.0.0.1:8000", 1),
            ("[::1]:5000", "[::1]:8000", 1),
            ("[::ffff:127.0.0.1]:5000", "[::ffff:127.0.0.1]:8000", 1),
            // A socket may be bound to any address of its machine.
            ("192.0.2.1:5000", "127.0.0.1:8000", 1),
            ("192.0.2.1:5000", "192.0.2.1:8000", 1),
            ("[::ffff:192.0.2.1]:5000", "192.0.2.1:8000", 1),
            ("192.0.2.2:5000", "192.0.2.1:8000", 0),
            ("[::ffff:192.0.2.2]:5000", "[::ffff:192.0.2.1]:8000", 0),
            ("[2001:db8::2]:5000", "[2001:db8::1]:8000", 0),
        ] {
            let account = Account::between(theirs.parse().unwrap(), ours.parse().unwrap());
            assert!(!account.is_found(), "{theirs}: nobody asked");
            let counted = std::cell::Cell::new(0);
            let look = |_, _| {
                counted.set(counted.get() + 1);
                Some(7)
            };
            let again = account.clone();
            let seen = (account.uid_by(look), again.uid_by(look));
            let uid = (looked > 0).then_some(7);
            assert_eq!((seen, counted.get()), ((uid, uid), looked), "{theirs} at {ours}");
        }
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
