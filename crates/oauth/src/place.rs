//! An address that is used: of the server, and of what is learned on the way.
//!
//! Whoever writes the metadata chooses the addresses in it. They are https, or http to this
//! machine when the server itself is on this machine; they have one reading; and none leads into
//! this machine or its network when the server is outside (MCP-AUTH-17). Names are looked up
//! later, by whoever connects, and judged there again.

use std::fmt;
use std::net::IpAddr;

use portcullis_guard::egress::{Host, Target, inside};

use crate::why::Why;

/// Longer than any address in use.
const LONGEST: usize = 2048;

/// A web address with one reading, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    text: String,
    is_https: bool,
    target: Target,
    /// Scheme and authority, as written.
    origin: String,
    /// From the first slash on, without the query.
    path: String,
    query: Option<String>,
}

impl Place {
    /// Reads an address that the operator wrote, or that was judged before.
    ///
    /// # Errors
    /// [`Why::Address`] when it is no plain web address.
    pub fn read(text: &str) -> Result<Self, Why> {
        let odd =
            |why: &'static str| Why::Address { what: portcullis_guard::text::visible(text), why };
        let letter = |byte: u8| byte.is_ascii_graphic() && !b"\\\"<>^`{|}".contains(&byte);
        if text.len() > LONGEST || !text.bytes().all(letter) {
            return Err(odd("has letters that no address has"));
        }
        let (scheme, rest) = text.split_once("://").ok_or_else(|| odd("is no web address"))?;
        let (is_https, port) = match scheme {
            "https" => (true, 443),
            "http" => (false, 80),
            _ => return Err(odd("is neither https nor http")),
        };
        if rest.contains('#') {
            return Err(odd("has a fragment"));
        }
        let (before, query) = match rest.split_once('?') {
            Some((before, query)) => (before, Some(query.to_owned())),
            None => (rest, None),
        };
        let (authority, path) = before.split_at(before.find('/').unwrap_or(before.len()));
        if authority.contains('@') {
            return Err(odd("names a person"));
        }
        let climbs = path.split('/').any(|part| {
            let lower = part.to_ascii_lowercase().replace("%2e", ".");
            lower == "." || lower == ".."
        });
        if climbs {
            return Err(odd("climbs with dots"));
        }
        let target = Target::new(authority, Some(port))
            .map_err(|_| odd("has no host that can be read in one way"))?;
        let place = Self {
            text: text.to_owned(),
            is_https,
            target,
            origin: format!("{scheme}://{authority}"),
            path: path.to_owned(),
            query,
        };
        if !is_https && !place.is_here() {
            return Err(odd("is not https, and not on this machine"));
        }
        Ok(place)
    }

    /// Reads an address that somebody else wrote, on the way to `server`.
    ///
    /// # Errors
    /// [`Why::Address`] when it must not be used.
    pub fn learned(text: &str, server: &Self) -> Result<Self, Why> {
        let place = Self::read(text)?;
        if server.is_here() {
            // On this machine everything is allowed that is not another machine's inner network.
            let leads = place.leads_inside().filter(|_| !place.is_here());
            return leads.map_or(Ok(place), |why| Err(Why::Address { what: text.to_owned(), why }));
        }
        match place.leads_inside() {
            Some(why) => Err(Why::Address { what: text.to_owned(), why }),
            None => Ok(place),
        }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Scheme, host and port, as written.
    #[must_use]
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// The path, without a slash at its end.
    #[must_use]
    pub fn path(&self) -> &str {
        self.path.trim_end_matches('/')
    }

    /// Whether it has a query.
    #[must_use]
    pub fn has_query(&self) -> bool {
        self.query.is_some()
    }

    /// Whether it leads to this machine itself, by an address or by `localhost`.
    #[must_use]
    pub fn is_here(&self) -> bool {
        match &self.target.host {
            Host::Address(address) => match address.to_canonical() {
                IpAddr::V4(address) => address.is_loopback(),
                IpAddr::V6(address) => address.is_loopback(),
            },
            Host::Name(name) => {
                name.as_str() == "localhost" || name.as_str().ends_with(".localhost")
            }
        }
    }

    /// Whether the same machine and port is meant, over the same protocol.
    #[must_use]
    pub fn is_beside(&self, other: &Self) -> bool {
        self.is_https == other.is_https && self.target == other.target
    }

    /// With more parameters behind it, each encoded.
    #[must_use]
    pub fn with(&self, parameters: &str) -> String {
        match &self.query {
            Some(query) if query.is_empty() => format!("{}{parameters}", self.text),
            Some(_) => format!("{}&{parameters}", self.text),
            None => format!("{}?{parameters}", self.text),
        }
    }

    /// Whether `self` names the server that `server` leads to: itself, or what it lies below
    /// (RFC 8707 lets a resource be named less exactly than an endpoint).
    #[must_use]
    pub fn covers(&self, server: &Self) -> bool {
        let (outer, inner) = (self.path(), server.path());
        let below =
            inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        self.is_beside(server) && self.query.is_none() && below
    }

    fn leads_inside(&self) -> Option<&'static str> {
        match &self.target.host {
            Host::Address(address) => inside(*address),
            Host::Name(name) => {
                let name = name.as_str();
                let ends = [
                    ".localhost",
                    ".local",
                    ".internal",
                    ".home.arpa",
                    ".lan",
                    ".intranet",
                    ".corp",
                ];
                let is_inside = !name.contains('.') || ends.iter().any(|end| name.ends_with(end));
                is_inside.then_some("a name that only this machine or its network knows")
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_reading_and_is_https_or_here() {
        for (text, fits) in [
            ("https://login.example.com", true),
            ("https://login.example.com/a?b=c", true),
            ("http://127.0.0.1:4000/a", true),
            ("http://localhost:4000", true),
            ("http://[::1]:4000/a", true),
            ("http://login.example.com/", false),
            ("HTTPS://login.example.com/", false),
            ("https://ada@login.example.com/", false),
            ("https://login.example.com/#a", false),
            ("https://login.example.com\\@evil.test/", false),
            ("https://login.example.com/a b", false),
            ("https://login.example.com/\"", false),
            ("https://login.example.com/a/../b", false),
            ("https://login.example.com/a/%2E%2e/b", false),
            ("https://x&calc.exe", false),
            ("https://0177.0.0.1/", false),
            ("https://2130706433/", false),
            ("https:///a", false),
            ("javascript:alert(1)", false),
            ("javascript://login.example.com/%0aalert(1)", false),
            ("data:text/html,x", false),
            ("file:///etc/passwd", false),
            ("", false),
        ] {
            assert_eq!(Place::read(text).is_ok(), fits, "{text}");
        }
    }

    #[test]
    fn what_is_learned_outside_leads_outside() {
        let outside = Place::read("https://mcp.example.com/mcp").unwrap();
        let here = Place::read("http://127.0.0.1:4000/mcp").unwrap();
        for (text, from_outside, from_here) in [
            ("https://login.example.com/x", true, true),
            ("https://93.184.215.14/x", true, true),
            ("http://127.0.0.1:5000/x", false, true),
            ("http://localhost:5000/x", false, true),
            ("https://localhost/x", false, true),
            ("https://a.localhost/x", false, true),
            ("https://[::ffff:127.0.0.1]/x", false, true),
            ("https://169.254.169.254/latest", false, false),
            ("https://[::ffff:169.254.169.254]/latest", false, false),
            ("https://[64:ff9b::a9fe:a9fe]/latest", false, false),
            ("https://10.0.0.1/x", false, false),
            ("https://[fd00::1]/x", false, false),
            ("https://metadata.internal/x", false, false),
            ("https://router/x", false, false),
        ] {
            assert_eq!(Place::learned(text, &outside).is_ok(), from_outside, "outside: {text}");
            assert_eq!(Place::learned(text, &here).is_ok(), from_here, "here: {text}");
        }
    }

    #[test]
    fn a_resource_is_the_server_or_what_it_lies_below() {
        let server = Place::read("https://mcp.example.com/a/mcp").unwrap();
        for (text, covers) in [
            ("https://mcp.example.com/a/mcp", true),
            ("https://mcp.example.com/a/mcp/", true),
            ("https://mcp.example.com:443/a", true),
            ("https://mcp.example.com", true),
            ("https://mcp.example.com/a/m", false),
            ("https://mcp.example.com/a/mcp/b", false),
            ("https://mcp.example.com/a?x=y", false),
            ("https://mcp.example.com:8443/a", false),
            ("https://example.com/a/mcp", false),
        ] {
            let resource = Place::read(text).unwrap();
            assert_eq!(resource.covers(&server), covers, "{text}");
        }
    }
}
