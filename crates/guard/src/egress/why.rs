//! Why something was not reached, in words for a person, and what would allow it.

use std::fmt;
use std::net::IpAddr;

use super::host::{NotAHost, Target};
use crate::text::{bounded, visible};

/// Longest host of a server's choosing that is repeated, in characters.
const SHOWN: usize = 120;

/// One thing that was not reached.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denial {
    asked: String,
    /// The reason.
    pub why: Why,
}

/// The reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Why {
    /// Nobody listed it.
    NotListed,
    /// It is listed, but not with this port.
    OtherPort,
    /// It names no host.
    NotAHost(NotAHost),
    /// The name leads inside.
    Inside(IpAddr, &'static str),
    /// The name leads to no address.
    Unresolved,
    /// It leads somewhere, and nobody answers there.
    Unreachable(String),
    /// TLS asks for another name than the one that was let through.
    OtherName(String),
    /// TLS hides the name it asks for, or asks for none.
    NoName,
    /// What was said is not what this port is for.
    Protocol(&'static str),
    /// An address that stands in for no name.
    NoStandIn,
    /// There is no room for more.
    TooMany,
}

impl Why {
    /// It was let through, and then did not work: nobody's denial.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Unresolved | Self::Unreachable(_))
    }
}

impl Denial {
    /// About a target that was understood.
    #[must_use]
    pub fn of(target: &Target, why: Why) -> Self {
        Self { asked: target.to_string(), why }
    }

    /// About words of a server's.
    #[must_use]
    pub fn about(asked: &str, why: Why) -> Self {
        Self { asked: visible(&bounded(asked, SHOWN)), why }
    }

    /// What was asked for; safe to show.
    #[must_use]
    pub fn asked(&self) -> &str {
        &self.asked
    }

    /// What would allow it, if anything should.
    #[must_use]
    pub fn remedy(&self) -> Option<String> {
        let asked = &self.asked;
        let entry = match &self.why {
            Why::NotListed | Why::OtherPort => asked.clone(),
            Why::Inside(IpAddr::V4(address), _) => format!("{asked}={address}"),
            Why::Inside(IpAddr::V6(address), _) => format!("{asked}=[{address}]"),
            _ => return None,
        };
        Some(format!("allow it with `--network {entry}` or `network = [\"{entry}\"]`"))
    }
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server wants `{}`: {}", self.asked, self.why)?;
        self.remedy().map_or(Ok(()), |remedy| write!(f, "; {remedy}"))
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotListed => f.write_str("it is not listed"),
            Self::OtherPort => f.write_str("it is listed with another port"),
            Self::NotAHost(why) => why.fmt(f),
            Self::Inside(address, what) => write!(f, "it leads to {address}: {what}"),
            Self::Unresolved => f.write_str("the name leads to no address"),
            Self::Unreachable(why) => write!(f, "nobody answers there: {why}"),
            Self::OtherName(name) => write!(f, "inside, it asks for `{name}`"),
            Self::NoName => f.write_str("TLS does not say, or hides, which name it asks for"),
            Self::Protocol(what) => f.write_str(what),
            Self::NoStandIn => f.write_str("no listed name has this address"),
            Self::TooMany => f.write_str("there is no room for more names"),
        }
    }
}
