//! The name in a TLS ClientHello (RFC 8446 section 4.1.2, RFC 6066 section 3).
//!
//! Who encrypts the name (RFC 9849, or its draft ESNI) or leaves it out is not let
//! through: on a shared address, the name decides whom one talks to.

use super::bytes::Cursor;
use super::host::HostName;
use super::{Read, Why};

/// Longest hello that is read: several times one with post-quantum key shares.
pub const LONGEST_HELLO: usize = 16 << 10;

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
/// `encrypted_client_hello`, and the `encrypted_server_name` of earlier drafts.
const HIDING: [u16; 2] = [0xfe0d, 0xffce];

const NOT_TLS: Why = Why::Protocol("it is not TLS, which this port is for");

/// Reads the name that a client asks for.
///
/// # Errors
/// The reason why it is not let through.
pub fn server_name(bytes: &[u8]) -> Result<Read<HostName>, Why> {
    let Some(message) = handshake(bytes)? else {
        return if bytes.len() > LONGEST_HELLO { Err(NOT_TLS) } else { Ok(Read::More) };
    };
    let name = hello(&message).ok_or(NOT_TLS)??;
    Ok(Read::Whole(name, bytes.len()))
}

/// The first handshake message, gathered from as many records as it takes.
fn handshake(bytes: &[u8]) -> Result<Option<Vec<u8>>, Why> {
    if bytes.first().is_some_and(|first| *first != HANDSHAKE) {
        return Err(NOT_TLS);
    }
    let mut cursor = Cursor::new(bytes);
    let mut message = Vec::new();
    loop {
        let (Some(kind), Some(version)) = (cursor.byte(), cursor.short()) else { return Ok(None) };
        if kind != HANDSHAKE || version >> 8 != 3 {
            return Err(NOT_TLS);
        }
        let Some(length) = cursor.short() else { return Ok(None) };
        if length == 0 || usize::from(length) > LONGEST_HELLO {
            return Err(NOT_TLS);
        }
        let whole = cursor.take(usize::from(length));
        let Some(part) = whole else { return Ok(None) };
        message.extend_from_slice(part);
        match wanted(&message)? {
            Some(wanted) if message.len() >= wanted => {
                message.truncate(wanted);
                return Ok(Some(message));
            }
            _ => {}
        }
    }
}

/// How long the message says it is, its own head included.
fn wanted(message: &[u8]) -> Result<Option<usize>, Why> {
    let mut cursor = Cursor::new(message);
    if cursor.byte().is_some_and(|kind| kind != CLIENT_HELLO) {
        return Err(NOT_TLS);
    }
    let (Some(high), Some(low)) = (cursor.byte(), cursor.short()) else { return Ok(None) };
    let length = (usize::from(high) << 16) + usize::from(low);
    if length > LONGEST_HELLO { Err(NOT_TLS) } else { Ok(Some(length + 4)) }
}

/// `None` when it is not shaped like one.
fn hello(message: &[u8]) -> Option<Result<HostName, Why>> {
    let mut cursor = Cursor::new(message);
    let _head = cursor.take(4)?;
    let _version = cursor.short()?;
    let _random = cursor.take(32)?;
    let _session = cursor.counted()?;
    let _suites = cursor.long_counted()?;
    let _compressions = cursor.counted()?;
    if cursor.is_done() {
        return Some(Err(Why::NoName));
    }
    let mut extensions = Cursor::new(cursor.long_counted()?);
    if !cursor.is_done() {
        return None;
    }
    let (mut name, mut hides) = (None, false);
    while !extensions.is_done() {
        let (kind, value) = (extensions.short()?, extensions.long_counted()?);
        hides |= HIDING.contains(&kind);
        if kind == SERVER_NAME && name.replace(listed(value)?).is_some() {
            return None;
        }
    }
    Some(if hides { Err(Why::NoName) } else { name.unwrap_or(Err(Why::NoName)) })
}

/// The one name of a list of names.
fn listed(value: &[u8]) -> Option<Result<HostName, Why>> {
    let mut outer = Cursor::new(value);
    let mut list = Cursor::new(outer.long_counted()?);
    let (kind, name) = (list.byte()?, list.long_counted()?);
    if kind != 0 || !list.is_done() || !outer.is_done() {
        return None;
    }
    let name = std::str::from_utf8(name).ok().filter(|name| !name.ends_with('.'))?;
    Some(HostName::new(name).map_err(Why::NotAHost))
}
