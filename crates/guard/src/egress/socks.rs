//! SOCKS5 (RFC 1928), as far as we speak it: no login, CONNECT only.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Read;
use super::bytes::Cursor;

/// The first byte of a conversation.
pub const VERSION: u8 = 5;

/// Answer to a greeting: no login.
pub const WELCOME: [u8; 2] = [VERSION, 0];
/// Answer to a greeting that offers no way without a login.
pub const NO_WAY: [u8; 2] = [VERSION, 0xff];

/// Answers to a request (RFC 1928 section 6); the bound address is nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Connected.
    Connected = 0,
    /// Not allowed by the rules.
    Denied = 2,
    /// Nobody answers there.
    Unreachable = 4,
    /// Neither BIND nor UDP.
    NotSupported = 7,
}

impl Reply {
    /// As bytes.
    #[must_use]
    pub fn bytes(self) -> [u8; 10] {
        [VERSION, self as u8, 0, 1, 0, 0, 0, 0, 0, 0]
    }
}

/// What is asked for, as text that [`super::Target`] reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To be connected with a host and a port.
    Connect(String, u16),
    /// Something else.
    Other,
}

/// Reads a greeting: whether a conversation without a login is offered.
///
/// # Errors
/// When it is no greeting.
pub fn greeting(bytes: &[u8]) -> Result<Read<bool>, &'static str> {
    let mut cursor = Cursor::new(bytes);
    if cursor.byte().is_some_and(|version| version != VERSION) {
        return Err("it is not SOCKS5");
    }
    let Some(methods) = cursor.counted() else { return Ok(Read::More) };
    Ok(Read::Whole(methods.contains(&0), bytes.len() - cursor.left()))
}

/// Reads a request.
///
/// # Errors
/// When it is no request.
pub fn request(bytes: &[u8]) -> Result<Read<Asked>, &'static str> {
    let mut cursor = Cursor::new(bytes);
    let Some(head) = cursor.take(4) else { return Ok(Read::More) };
    let &[VERSION, command, 0, kind] = head else { return Err("it is not SOCKS5") };
    let host = match kind {
        1 => cursor
            .take(4)
            .and_then(|four| <[u8; 4]>::try_from(four).ok())
            .map(|four| IpAddr::V4(Ipv4Addr::from(four)).to_string()),
        3 => match cursor.counted().map(|name| std::str::from_utf8(name)) {
            None => None,
            Some(name) => Some(name.map_err(|_| "a name is not text")?.to_owned()),
        },
        4 => cursor
            .take(16)
            .and_then(|all| <[u8; 16]>::try_from(all).ok())
            .map(|all| format!("[{}]", Ipv6Addr::from(all))),
        _ => return Err("an address is of no known kind"),
    };
    let (Some(host), Some(port)) = (host, cursor.short()) else { return Ok(Read::More) };
    let asked = if command == 1 { Asked::Connect(host, port) } else { Asked::Other };
    Ok(Read::Whole(asked, bytes.len() - cursor.left()))
}
