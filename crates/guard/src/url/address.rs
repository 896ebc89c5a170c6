//! Which hosts of a link are this machine's or its network's. Addresses are judged
//! as where a server may connect to; here are the spellings that browsers take too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::egress::inside;

/// Whether a host is one that only this machine or its network can mean: a name or
/// an address, in any spelling that a resolver takes (`inet_aton(3)`).
pub(super) fn is_inside(host: &str) -> bool {
    let host = host.trim_end_matches('.');
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let address = address.parse::<Ipv6Addr>();
        return address.map_or(true, |address| inside(IpAddr::V6(address)).is_some());
    }
    if let Some(address) = aton(host) {
        return inside(IpAddr::V4(address)).is_some();
    }
    // One label, or a domain that no public resolver answers for (RFC 6761, 6762,
    // 8375, and `.internal` as reserved by ICANN in 2024).
    let inside = [".localhost", ".local", ".internal", ".home.arpa", ".lan", ".intranet", ".corp"];
    !host.contains('.') || inside.iter().any(|end| host.ends_with(end))
}

/// An IPv4 address in one to four decimal, octal or hexadecimal numbers.
fn aton(host: &str) -> Option<Ipv4Addr> {
    let numbers = host.split('.').map(number).collect::<Option<Vec<u64>>>()?;
    let (last, first) = numbers.split_last()?;
    if first.len() > 3 || first.iter().any(|number| *number > 255) {
        return None;
    }
    let room = 32 - 8 * u32::try_from(first.len()).ok()?;
    let high = first.iter().fold(0_u64, |high, number| (high << 8) | number);
    if *last >= 1_u64 << room {
        return None;
    }
    u32::try_from((high << room) | last).ok().map(Ipv4Addr::from)
}

fn number(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    match lower.strip_prefix("0x") {
        Some("") => Some(0),
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None if lower.len() > 1 && lower.starts_with('0') => u64::from_str_radix(&lower, 8).ok(),
        None => lower.parse().ok(),
    }
}
