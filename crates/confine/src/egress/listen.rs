//! The sockets inside the box: made by its init, served by the gateway.

use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use portcullis_guard::egress::Reach;
use serde::{Deserialize, Serialize};

use crate::sys::process::loopback_address;
use crate::trouble::{During, Step};

/// Where programs that know about proxies find ours.
pub(crate) const PROXY_PORT: u16 = 3128;
/// Where programs ask for names.
pub(crate) const NAMES_PORT: u16 = 53;

/// Stand-ins for listed names: a range that is routed nowhere (RFC 2544).
const STAND_INS: (Ipv4Addr, Ipv4Addr) =
    (Ipv4Addr::new(198, 18, 0, 1), Ipv4Addr::new(255, 254, 0, 0));
/// One address and no other.
const ALONE: Ipv4Addr = Ipv4Addr::BROADCAST;

/// What the box needs to know about a list: where to listen, and how to describe it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doors {
    ports: Vec<u16>,
    addresses: Vec<Ipv4Addr>,
    pub(crate) shown: Vec<String>,
}

/// A box's listening sockets, in our hands: the proxy, names over UDP and over TCP,
/// then one for each port.
#[derive(Debug)]
pub struct Sockets(pub(crate) Vec<OwnedFd>);

impl Doors {
    /// The doors that a list needs.
    #[must_use]
    pub fn of(reach: &Reach) -> Self {
        let old = |address| match address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        };
        let taken = [PROXY_PORT, NAMES_PORT];
        Self {
            ports: reach.ports().into_iter().filter(|port| !taken.contains(port)).collect(),
            addresses: reach
                .addresses()
                .filter_map(old)
                .filter(|address| !address.is_loopback())
                .collect(),
            shown: reach.texts().map(str::to_owned).collect(),
        }
    }

    /// Whether something of ours listens in the box at this port.
    #[must_use]
    pub fn listens_at(&self, port: u16) -> bool {
        self.ports.contains(&port) || [PROXY_PORT, NAMES_PORT].contains(&port)
    }
}

/// Makes the sockets. Called by the init, inside the box's own network, which it
/// still owns.
pub(crate) fn open(doors: &Doors) -> Step<Vec<OwnedFd>> {
    let (stand_in, mask) = STAND_INS;
    let own = doors.addresses.iter().map(|address| (*address, ALONE));
    for (number, (address, mask)) in (1..).zip([(stand_in, mask)].into_iter().chain(own)) {
        loopback_address(number, address, mask).during("give the box's loopback an address")?;
    }
    let here = Ipv4Addr::LOCALHOST;
    let listen = |address: Ipv4Addr, port: u16| -> Step<OwnedFd> {
        let what = format!("listen at port {port} of the box");
        TcpListener::bind((address, port)).map(Into::into).during(what)
    };
    let questions = UdpSocket::bind((here, NAMES_PORT)).during("answer for names in the box")?;
    let mut all = vec![listen(here, PROXY_PORT)?, questions.into(), listen(here, NAMES_PORT)?];
    for port in &doors.ports {
        all.push(listen(Ipv4Addr::UNSPECIFIED, *port)?);
    }
    Ok(all)
}
