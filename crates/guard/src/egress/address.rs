//! Where a listed name must not lead: back inside.
//!
//! Whoever owns a name chooses its address, so a name alone must reach neither this
//! machine nor its neighbours nor a cloud's metadata (DNS rebinding, SSRF). The
//! ranges are those of the IANA special-purpose registries (RFC 6890); the ranges for
//! documentation lead nowhere, and are not inside.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Ranges of IPv4: first address, length of the prefix, and what is there.
const INSIDE: &[([u8; 4], u32, &str)] = &[
    ([0, 0, 0, 0], 8, "this network"),
    ([10, 0, 0, 0], 8, "a private network"),
    ([100, 64, 0, 0], 10, "a provider's inner network"),
    ([127, 0, 0, 0], 8, "this machine"),
    ([169, 254, 0, 0], 16, "link-local, where clouds keep credentials"),
    ([172, 16, 0, 0], 12, "a private network"),
    ([192, 0, 0, 0], 24, "reserved for protocols"),
    ([192, 88, 99, 0], 24, "a relay of 6to4"),
    ([192, 168, 0, 0], 16, "a private network"),
    ([198, 18, 0, 0], 15, "a network for measurements, and our own stand-ins"),
    ([224, 0, 0, 0], 4, "multicast"),
    ([240, 0, 0, 0], 4, "reserved"),
    // The host's agent in Azure, on a public address.
    ([168, 63, 129, 16], 32, "a cloud's own service"),
];

/// What lies at an address that a name may not lead to, or nothing if it may.
#[must_use]
pub fn inside(address: IpAddr) -> Option<&'static str> {
    match address.to_canonical() {
        IpAddr::V4(address) => inside_4(address),
        IpAddr::V6(address) => inside_6(address),
    }
}

fn inside_4(address: Ipv4Addr) -> Option<&'static str> {
    let number = u32::from(address);
    let holds = |(first, length, _): &&([u8; 4], u32, &str)| {
        let mask = u32::MAX << (32 - length);
        number & mask == u32::from_be_bytes(*first)
    };
    INSIDE.iter().find(holds).map(|(_, _, what)| *what)
}

/// Global unicast is 2000::/3 and nothing else; what carries an old address leads
/// where that leads.
fn inside_6(address: Ipv6Addr) -> Option<&'static str> {
    let [first, second, third, ..] = address.segments();
    let (_, last) = (u128::from(address) >> 32, u128::from(address) & u128::from(u32::MAX));
    let embedded = Ipv4Addr::from(u32::try_from(last).unwrap_or_default());
    match (first, second, third) {
        (0x64, 0xff9b, 0) if u128::from(address) >> 32 == (0x64_ff9b_u128 << 64) => {
            inside_4(embedded)
        }
        (0, _, _) => Some("this machine, or an old form of an address"),
        (0xfc00..=0xfdff, _, _) => Some("a private network"),
        (0xfe80..=0xfeff, _, _) => Some("link-local, where clouds keep credentials"),
        (0xff00..=0xffff, _, _) => Some("multicast"),
        // RFC 2928: Teredo, ORCHID and other protocols; RFC 3056: 6to4.
        (0x2001, 0..=0x1ff, _) | (0x2002, _, _) => Some("a tunnel"),
        (0x2000..=0x3fff, _, _) => None,
        _ => Some("reserved"),
    }
}

/// Addresses that nobody can mean, not even the operator.
#[must_use]
pub fn is_nowhere(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let stand_in = u32::from(address) & 0xfffe_0000 == u32::from_be_bytes([198, 18, 0, 0]);
            address.is_unspecified() || address.is_multicast() || address.is_broadcast() || stand_in
        }
        IpAddr::V6(address) => address.is_unspecified() || address.is_multicast(),
    }
}
