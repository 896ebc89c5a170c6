//! Sockets of a box's own network, with which somebody outside calls a server that listens in there.
//!
//! A socket belongs to the network in which it was made, whoever holds it. The init makes some and
//! passes them out unconnected; the box gets no way out by them, for nothing in it keeps one.

use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

use crate::trouble::{During, Step};

/// The most that are made: they travel in one message with the box's listening sockets.
pub(crate) const MOST: u8 = 96;

/// Makes them. One of IPv6 also calls IPv4 addresses (RFC 3493, section 3.7); without IPv6, they
/// are of IPv4.
pub(crate) fn open(count: u8) -> Step<Vec<OwnedFd>> {
    let make = |family| socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let one = || make(AddressFamily::INET6).or_else(|_| make(AddressFamily::INET));
    (0..count).map(|_| one().during("make a socket of the box's network")).collect()
}
