//! An address on the web that every program reads in one way.

use std::fmt;
use std::net::IpAddr;

use super::host::{Host, NotAHost, Target};

/// Longest address, in bytes.
const LONGEST: usize = 2048;

/// Why a text is no address that we send to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAUrl {
    /// Neither `https:` nor `http:`.
    #[error("an address begins with `https://`")]
    Scheme,
    /// Not encrypted, to another machine.
    #[error("it is not https, and does not lead to this machine")]
    Plain,
    /// Its host.
    #[error("its host: {0}")]
    Host(#[from] NotAHost),
    /// A letter that stands in no path or query.
    #[error("there is a letter in it that stands in no address: write it as `%XX`")]
    Letter,
    /// Longer than 2048 bytes.
    #[error("it is too long")]
    TooLong,
}

/// `https://host[:port][/path][?query]`, or `http:` where the host is this machine. It has no
/// login and no fragment.
#[derive(Clone, PartialEq, Eq)]
pub struct Url {
    origin: Origin,
    /// From the first `/` on.
    path: String,
}

/// Scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    is_https: bool,
    target: Target,
}

impl Url {
    /// Understands an address.
    ///
    /// # Errors
    /// [`NotAUrl`] for whatever two programs could read differently, or what is not encrypted.
    pub fn new(text: &str) -> Result<Self, NotAUrl> {
        if text.len() > LONGEST {
            return Err(NotAUrl::TooLong);
        }
        let (is_https, rest) = match text.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            _ => return Err(NotAUrl::Scheme),
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if !path.bytes().all(stands_in_a_path) {
            return Err(NotAUrl::Letter);
        }
        let target = Target::new(authority, Some(if is_https { 443 } else { 80 }))?;
        if !is_https && !is_this_machine(&target.host) {
            return Err(NotAUrl::Plain);
        }
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        Ok(Self { origin: Origin { is_https, target }, path })
    }

    /// Where another address leads that is written relative to this one: in full, with another
    /// host (`//…`), or from the top (`/…`).
    ///
    /// # Errors
    /// [`NotAUrl`] for any other form, as programs disagree about those.
    pub fn join(&self, text: &str) -> Result<Self, NotAUrl> {
        if text.starts_with("//") {
            let scheme = if self.origin.is_https { "https" } else { "http" };
            return Self::new(&format!("{scheme}:{text}"));
        }
        if text.starts_with('/') {
            return Self::new(&format!("{}{text}", self.origin));
        }
        Self::new(text)
    }

    /// Whose it is.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Path and query.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// All of it.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{}{}", self.origin, self.path)
    }

    /// Host and port as a `Host` header has them.
    #[must_use]
    pub fn authority(&self) -> String {
        let text = self.origin.to_string();
        text.split_once("://").map_or(text.clone(), |(_, authority)| authority.to_owned())
    }
}

impl Origin {
    /// It is encrypted.
    #[must_use]
    pub const fn is_https(&self) -> bool {
        self.is_https
    }

    /// Host and port.
    #[must_use]
    pub const fn target(&self) -> &Target {
        &self.target
    }

    /// The host is this machine by its own word.
    #[must_use]
    pub fn is_this_machine(&self) -> bool {
        is_this_machine(&self.target.host)
    }
}

/// RFC 3986, section 2, without `#`: fragments are for readers of documents.
fn stands_in_a_path(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?[]@!$&'()*+,;=%".contains(&byte)
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Address(IpAddr::V4(address)) => address.is_loopback(),
        Host::Address(IpAddr::V6(address)) => address.is_loopback(),
        Host::Name(name) => name.as_str() == "localhost",
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, usual) = if self.is_https { ("https", 443) } else { ("http", 80) };
        write!(f, "{scheme}://{}", self.target.host)?;
        if self.target.port == usual { Ok(()) } else { write!(f, ":{}", self.target.port) }
    }
}

/// A query may hold what nobody else should read.
impl fmt::Debug for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Url({}/…)", self.origin)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_reading() {
        for (text, expect) in [
            ("https://a.test", Ok("https://a.test/")),
            ("https://A.test.:443/x?y=%2F", Ok("https://a.test/x?y=%2F")),
            ("https://a.test:8443?x", Ok("https://a.test:8443/?x")),
            ("https://192.0.2.1/", Ok("https://192.0.2.1/")),
            ("https://[::ffff:192.0.2.1]/", Ok("https://192.0.2.1/")),
            ("http://127.0.0.1:8080/mcp", Ok("http://127.0.0.1:8080/mcp")),
            ("http://[::1]:8080/mcp", Ok("http://[::1]:8080/mcp")),
            ("http://localhost/mcp", Ok("http://localhost/mcp")),
            ("http://a.test/", Err(NotAUrl::Plain)),
            ("http://10.0.0.1/", Err(NotAUrl::Plain)),
            ("http://localhost.a.test/", Err(NotAUrl::Plain)),
            ("HTTPS://a.test/", Err(NotAUrl::Scheme)),
            ("ftp://a.test/", Err(NotAUrl::Scheme)),
            ("a.test", Err(NotAUrl::Scheme)),
            ("https://a.test/#x", Err(NotAUrl::Letter)),
            ("https://a.test/ x", Err(NotAUrl::Letter)),
            ("https://a.test/\r\nx: y", Err(NotAUrl::Letter)),
            ("https://a.test/\u{e4}", Err(NotAUrl::Letter)),
            ("https://a.test/\"", Err(NotAUrl::Letter)),
        ] {
            assert_eq!(Url::new(text).map(|url| url.text()), expect.map(str::to_owned), "{text}");
        }
        for text in [
            "https://",
            "https:///x",
            "https://ada@a.test/",
            "https://a.test@b.test/",
            "https://a.test\\@b.test/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://2130706433/",
            "https://a.test:0/",
            "https://a.test:65536/",
            "https://a.test:+1/",
            "https://[::1%25lo]/",
            "https://a\u{2024}test/",
            "https://a..test/",
        ] {
            assert!(matches!(Url::new(text), Err(NotAUrl::Host(_))), "{text}");
        }
        assert_eq!(
            Url::new(&format!("https://a.test/{}", "a".repeat(LONGEST))),
            Err(NotAUrl::TooLong)
        );
    }

    #[test]
    fn an_address_beside_another_is_read_in_one_way() {
        let url = Url::new("https://a.test:8443/x/y?z").unwrap();
        for (text, expect) in [
            ("/b", Ok("https://a.test:8443/b")),
            ("//b.test/c", Ok("https://b.test/c")),
            ("https://b.test/c", Ok("https://b.test/c")),
            ("http://b.test/c", Err(NotAUrl::Plain)),
            ("b", Err(NotAUrl::Scheme)),
            ("../b", Err(NotAUrl::Scheme)),
            ("?b", Err(NotAUrl::Scheme)),
            ("", Err(NotAUrl::Scheme)),
        ] {
            assert_eq!(url.join(text).map(|url| url.text()), expect.map(str::to_owned), "{text}");
        }
        assert!(!format!("{url:?}").contains('z'), "a query is not shown");
    }
}
