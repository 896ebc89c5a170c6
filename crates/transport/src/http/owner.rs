//! Whose socket the other end of a connection is: the kernel is asked for that one, and where it
//! does not answer, its list of all is read.
//!
//! The list is no way to begin with. It is as long as the machine has sockets, and the kernel walks
//! all it could have: 9 ms were measured for 130 of them, in which a gateway does nothing else.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use rustix::io::Errno;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use rustix::net::{ipproto, recv, sendto, socket_with};

/// Every socket of our network, by family: proc_net_tcp in the kernel's documents.
const TABLES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];
/// A connection that is open at both ends. Others are listed as root's whosever they were.
const ESTABLISHED: &str = "01";
/// The same, as it is said to who asks for one (`TCP_ESTABLISHED`, tcp_states.h).
const IS_OPEN: u8 = 1;

/// Bytes of the head of each message (netlink(7)).
const HEAD: usize = 16;
/// Of the question: `inet_diag_req_v2` (sock_diag(7)).
const QUESTION: usize = 56;
/// Of the answer: `inet_diag_msg`, and where in it the account is.
const ANSWER: usize = 72;
const ACCOUNT: usize = 64;
/// A question about one family, and its answer.
const BY_FAMILY: u16 = 20;
/// The answer that there is none, with the number of the error.
const ERROR: u16 = 2;
/// It is a question (`NLM_F_REQUEST`).
const REQUEST: u16 = 1;

/// Who owns the socket that is `here` and talks to `there`, on this machine.
pub(super) fn owner(here: SocketAddr, there: SocketAddr) -> Option<u32> {
    // A program may call an IPv4 address by a socket of the other family.
    let (here, there) = (plain(here), plain(there));
    asked(here, there).unwrap_or_else(|_| from_tables(here, there))
}

fn from_tables(here: SocketAddr, there: SocketAddr) -> Option<u32> {
    let first = usize::from(here.is_ipv6());
    let tables = [TABLES.get(first), TABLES.get(1 - first)];
    tables.into_iter().flatten().find_map(|table| {
        let table = std::fs::read_to_string(table).unwrap_or_default();
        listed(&table, here, there)
    })
}

/// What the kernel says of this one socket: nobody's when there is none that is open at both ends.
/// An error is no answer: a kernel without this question, or one that does not let us ask.
fn asked(here: SocketAddr, there: SocketAddr) -> Result<Option<u32>, Errno> {
    let (kind, flags) = (SocketType::DGRAM, SocketFlags::CLOEXEC);
    let asks = socket_with(AddressFamily::NETLINK, kind, flags, Some(netlink::SOCK_DIAG))?;
    let question = question(here, there);
    sendto(&asks, &question, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0; 4096];
    // It was written before the question returned: nothing is waited for.
    let (_, length) = recv(&asks, &mut answer[..], RecvFlags::DONTWAIT)?;
    let answer = answer.get(..length).ok_or(Errno::PROTO)?;
    match said(answer, here, there) {
        Err(Errno::NOENT) => Ok(None),
        said => said,
    }
}

fn question(here: SocketAddr, there: SocketAddr) -> Vec<u8> {
    let family = if here.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let length = u32::try_from(HEAD + QUESTION).unwrap_or_default();
    let mut text = Vec::with_capacity(HEAD + QUESTION);
    text.extend(length.to_ne_bytes());
    text.extend(BY_FAMILY.to_ne_bytes());
    text.extend(REQUEST.to_ne_bytes());
    // Neither its number nor who asks matters: there is one question, and one answer.
    text.extend([0; 8]);
    // Nothing beyond what is always told, of connections that are open at both ends.
    let family = u8::try_from(family.as_raw()).unwrap_or_default();
    let protocol = u8::try_from(ipproto::TCP.as_raw().get()).unwrap_or_default();
    text.extend([family, protocol, 0, 0]);
    text.extend((1_u32 << IS_OPEN).to_ne_bytes());
    text.extend(here.port().to_be_bytes());
    text.extend(there.port().to_be_bytes());
    text.extend(bytes(here.ip()));
    text.extend(bytes(there.ip()));
    // By no interface, and without a cookie: the addresses are all that we know.
    text.extend(0_u32.to_ne_bytes());
    text.extend(u64::MAX.to_ne_bytes());
    text
}

fn said(answer: &[u8], here: SocketAddr, there: SocketAddr) -> Result<Option<u32>, Errno> {
    let body = answer.get(HEAD..).ok_or(Errno::PROTO)?;
    match short(answer, 4) {
        Some(ERROR) => {
            // Zero, or what the error is, below it.
            let number = word(body, 0).map(u32::cast_signed).and_then(i32::checked_neg);
            Err(number.filter(|it| *it > 0).map_or(Errno::PROTO, Errno::from_raw_os_error))
        }
        Some(BY_FAMILY) if body.len() >= ANSWER => {
            // A socket of the other family says its addresses in its own way.
            let is_it = end(body, 4, 8) == Some(here)
                && end(body, 6, 24) == Some(there)
                && body.get(1) == Some(&IS_OPEN);
            Ok(is_it.then(|| word(body, ACCOUNT)).flatten())
        }
        _ => Err(Errno::PROTO),
    }
}

fn bytes(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V4(ip) => {
            let mut all = [0; 16];
            all[..4].copy_from_slice(&ip.octets());
            all
        }
        IpAddr::V6(ip) => ip.octets(),
    }
}

/// One end of the connection that an answer is about.
fn end(body: &[u8], port: usize, address: usize) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(body.get(port..port + 2)?.try_into().ok()?);
    let address: [u8; 16] = body.get(address..address + 16)?.try_into().ok()?;
    let ip = if u16::from(*body.first()?) == AddressFamily::INET.as_raw() {
        IpAddr::from(*address.first_chunk::<4>()?)
    } else {
        IpAddr::from(address).to_canonical()
    };
    Some(SocketAddr::new(ip, port))
}

fn short(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2)?.try_into().ok().map(u16::from_ne_bytes)
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes)
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
    fn an_answer_about_another_is_none() {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let question = question(at(5000), at(8000));
        let said = |answer: &[u8]| said(answer, at(5000), at(8000));
        let mut answer = [&question[..HEAD], &[0; ANSWER]].concat();
        answer[HEAD] = u8::try_from(AddressFamily::INET.as_raw()).unwrap();
        answer[HEAD + 1] = IS_OPEN;
        answer[HEAD + 4..HEAD + 40].copy_from_slice(&question[HEAD + 8..HEAD + 44]);
        answer[HEAD + ACCOUNT..HEAD + ACCOUNT + 4].copy_from_slice(&1000_u32.to_ne_bytes());
        assert_eq!(said(&answer), Ok(Some(1000)));
        for (at, is) in [(HEAD + 1, 6), (HEAD + 5, 9), (HEAD + 11, 9), (HEAD + 24, 9)] {
            let mut other = answer.clone();
            other[at] = is;
            assert_eq!(said(&other), Ok(None), "{at}");
        }
        assert_eq!(said(&answer[..HEAD + ANSWER - 1]), Err(Errno::PROTO));
        answer[4..6].copy_from_slice(&ERROR.to_ne_bytes());
        answer[HEAD..HEAD + 4].copy_from_slice(&(-13_i32).to_ne_bytes());
        assert_eq!(said(&answer), Err(Errno::ACCESS), "nobody is let off by it");
        answer[HEAD..HEAD + 4].copy_from_slice(&i32::MIN.to_ne_bytes());
        assert_eq!(said(&answer), Err(Errno::PROTO));
        assert_eq!(said(&[]), Err(Errno::PROTO));
    }

    #[test]
    fn the_kernel_says_who_we_are() {
        for (listens, called) in
            [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1"), ("127.0.0.1:0", "::ffff:127.0.0.1")]
        {
            // A machine may have no IPv6.
            let Ok(listener) = TcpListener::bind(listens) else { continue };
            let port = listener.local_addr().unwrap().port();
            let Ok(stream) = TcpStream::connect((called.parse::<IpAddr>().unwrap(), port)) else {
                continue;
            };
            let (accepted, peer) = listener.accept().unwrap();
            let (here, us) = (accepted.local_addr().unwrap(), Some(geteuid().as_raw()));
            assert_eq!(owner(peer, here), us, "{listens} called as {called}");
            let (there, here) = (plain(peer), plain(here));
            // Both ways say the same of a connection, and of one that is gone.
            assert_eq!(asked(there, here), Ok(us), "{listens} called as {called}");
            assert_eq!(from_tables(there, here), us, "{listens} called as {called}");
            drop(stream);
            assert_eq!(asked(there, here), Ok(None), "{listens} called as {called}");
            assert_eq!(from_tables(there, here), None, "{listens} called as {called}");
            // Who listens there is not at the other end of anything.
            let nobodys = SocketAddr::new(there.ip(), 1);
            assert_eq!(asked(here, nobodys), Ok(None), "{listens} called as {called}");
        }
    }
}
