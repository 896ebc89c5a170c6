//! Which texts name a host, and in how many ways: one.
//!
//! A name that two programs could read differently is refused here: a NUL (a check of
//! the end reads `evil.test\0.example.com` as allowed, a resolver stops at the NUL), user
//! names before an `@`, numbers that some resolvers take for addresses (octal ones in
//! CVE-2021-29921), and letters outside of ASCII.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest name (RFC 1035 section 2.3.4, as text without the last dot).
const LONGEST: usize = 253;
/// Longest label (RFC 1035 section 2.3.4).
const LONGEST_LABEL: usize = 63;

/// A host's name: lower case, without a last dot, letters, digits and hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

/// A name or a literal address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Host {
    /// A name.
    Name(HostName),
    /// An address, in its canonical family.
    Address(IpAddr),
}

/// A host and a port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Where.
    pub host: Host,
    /// Which door; never 0.
    pub port: u16,
}

/// Why a text names no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum NotAHost {
    /// Nothing, or an empty label.
    #[error("part of the name is empty")]
    Empty,
    /// More than 253 letters, or a label of more than 63.
    #[error("the name is too long")]
    TooLong,
    /// A user name before an `@`.
    #[error("a host has no user name")]
    UserName,
    /// Neither letter nor digit nor hyphen, in a place where it may be.
    #[error("a host is letters, digits, hyphens and dots; other alphabets in their `xn--` form")]
    Letter,
    /// The last label is a number: some programs would read an address.
    #[error("it looks like an address in disguise")]
    Number,
    /// No port, or none that exists.
    #[error("the port is missing or not between 1 and 65535")]
    Port,
}

impl HostName {
    /// Understands a name.
    ///
    /// # Errors
    /// [`NotAHost`] unless every program must read it in the same way.
    pub fn new(text: &str) -> Result<Self, NotAHost> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.len() > LONGEST {
            return Err(NotAHost::TooLong);
        }
        if text.contains('@') {
            return Err(NotAHost::UserName);
        }
        text.split('.').try_for_each(label)?;
        if text.rsplit('.').next().is_some_and(is_number) {
            return Err(NotAHost::Number);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// How many labels it has.
    #[must_use]
    pub fn labels(&self) -> usize {
        self.0.split('.').count()
    }

    /// Whether it is a name below another one: at least one label more.
    #[must_use]
    pub fn is_below(&self, above: &Self) -> bool {
        let start = self.0.strip_suffix(above.as_str());
        start.and_then(|start| start.strip_suffix('.')).is_some_and(|start| !start.is_empty())
    }
}

fn label(text: &str) -> Result<(), NotAHost> {
    if text.is_empty() {
        return Err(NotAHost::Empty);
    }
    if text.len() > LONGEST_LABEL {
        return Err(NotAHost::TooLong);
    }
    let letters = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !letters || text.starts_with('-') || text.ends_with('-') {
        return Err(NotAHost::Letter);
    }
    Ok(())
}

/// What `inet_aton` and the URL standard would take for the end of an IPv4 address.
fn is_number(label: &str) -> bool {
    let hex = label.strip_prefix("0x").or_else(|| label.strip_prefix("0X"));
    label.bytes().all(|byte| byte.is_ascii_digit())
        || hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl Host {
    /// Understands `api.example.com`, `192.0.2.1` or `[2001:db8::1]`.
    ///
    /// # Errors
    /// [`NotAHost`] for anything else, odd spellings of addresses included.
    pub fn new(text: &str) -> Result<Self, NotAHost> {
        if let Some(inside) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            let address: Ipv6Addr = inside.parse().map_err(|_| NotAHost::Letter)?;
            return Ok(Self::address(address.into()));
        }
        match text.parse::<Ipv4Addr>() {
            Ok(address) => Ok(Self::address(address.into())),
            Err(_) => HostName::new(text).map(Self::Name),
        }
    }

    /// An address; one of the old family in a coat of the new is of the old.
    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self::Address(address.to_canonical())
    }
}

impl Target {
    /// Understands `host:port`, or `host` where a port goes without saying.
    ///
    /// # Errors
    /// [`NotAHost`], as [`Host::new`], or when there is no port.
    pub fn new(text: &str, usual: Option<u16>) -> Result<Self, NotAHost> {
        if text.contains('@') {
            return Err(NotAHost::UserName);
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(read_port(port)?)),
            _ => (text, usual),
        };
        Ok(Self { host: Host::new(host)?, port: port.ok_or(NotAHost::Port)? })
    }
}

/// A port as digits, without sign or leading zero.
pub(crate) fn read_port(text: &str) -> Result<u16, NotAHost> {
    let digits = !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or(NotAHost::Port)
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => name.fmt(f),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}
