//! What a request must be called by, and where it may come from, before anything else of it is
//! looked at (MCP-HTTP-01, MCP-HTTP-02).
//!
//! A page in a browser can reach every port of its machine, under its own name (`Origin` tells), or
//! under a name whose DNS it controls (`Host` tells). Both are held against lists, letter by letter:
//! whatever is not on them is turned away, however much it looks like something that is.

use hyper::header::{HOST, HeaderName, ORIGIN};
use hyper::http::request::Parts;
use hyper::http::uri::Authority;
use hyper::{StatusCode, Version};

use super::listener::Address;
use super::reply::Refusal;

/// The names under which we are reached, and the pages that may call us.
#[derive(Debug)]
pub struct Wall {
    hosts: Vec<String>,
    origins: Vec<String>,
}

const TWICE: Refusal = Refusal::new(StatusCode::BAD_REQUEST, "the request has no one host");
const NOT_US: Refusal = Refusal::new(StatusCode::FORBIDDEN, "this is not that host");
const NOT_FROM_THERE: Refusal =
    Refusal::new(StatusCode::FORBIDDEN, "no page of that origin may call this");

impl Wall {
    /// For what listens there: its own names, `hosts` (`name` or `name:port`), and pages of
    /// `origins` (`https://name[:port]`, or `scheme://*`), all in lower case.
    #[must_use]
    pub fn new(address: &Address, hosts: &[String], origins: &[String]) -> Self {
        let mut all = hosts.to_vec();
        match address {
            Address::Unix(_) => all.push("localhost".to_owned()),
            Address::Tcp(address) => {
                all.push(address.to_string());
                if address.ip().is_loopback() {
                    let port = address.port();
                    let names = ["localhost", "127.0.0.1", "[::1]"];
                    all.extend(names.map(|name| format!("{name}:{port}")));
                    // Port 80 is not written.
                    all.extend(names.iter().filter(|_| port == 80).map(|name| (*name).to_owned()));
                }
            }
        }
        // Of web pages no scheme is listed: each would be everybody's.
        let origins =
            origins.iter().filter(|it| !matches!(it.as_str(), "http://*" | "https://*" | "*"));
        Self { hosts: all, origins: origins.cloned().collect() }
    }

    /// Whether it may come any further.
    ///
    /// # Errors
    /// 403 for another host, and for a page that may not call us; 400 for a request that does not
    /// say once what host it is for, or says several things of where it comes from.
    pub fn admits(&self, parts: &Parts) -> Result<(), Refusal> {
        // In HTTP/2 `:authority` says what `Host` says in HTTP/1.1, and `Host` may be left out
        // (RFC 9113, section 8.3.1). Where both are said, they say the same.
        let named = parts.uri.authority().filter(|_| parts.version == Version::HTTP_2);
        let host = once(parts, HOST)?.or_else(|| named.map(Authority::as_str)).ok_or(TWICE)?;
        if !self.is_us(host) {
            return Err(NOT_US);
        }
        // What the target says comes first for some readers (RFC 9112, section 3.2.2).
        if let Some(authority) = parts.uri.authority()
            && !authority.as_str().eq_ignore_ascii_case(host)
        {
            return Err(NOT_US);
        }
        // A target that names a host is one of HTTP's: no tunnel, and nobody else's scheme.
        let scheme = parts.uri.scheme_str();
        if parts.uri.authority().is_some() && !matches!(scheme, Some("http" | "https")) {
            return Err(NOT_US);
        }
        match once(parts, ORIGIN)? {
            Some(origin) if self.may_call(origin) => Ok(()),
            Some(_) => Err(NOT_FROM_THERE),
            None => self.by_no_page(parts),
        }
    }

    fn is_us(&self, host: &str) -> bool {
        self.hosts.iter().any(|ours| ours.eq_ignore_ascii_case(host))
    }

    fn may_call(&self, origin: &str) -> bool {
        let origin = origin.to_ascii_lowercase();
        self.origins.iter().any(|listed| match listed.strip_suffix('*') {
            // A whole scheme is listed; what follows it is a name, and nothing else.
            Some(scheme) => origin.strip_prefix(scheme).is_some_and(|name| {
                let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte);
                !name.is_empty() && name.bytes().all(letter)
            }),
            None => *listed == origin,
        })
    }

    /// A page that says nothing of where it is from: a browser does (Fetch Metadata).
    fn by_no_page(&self, parts: &Parts) -> Result<(), Refusal> {
        let site = once(parts, HeaderName::from_static("sec-fetch-site"))?;
        if site.is_none_or(|site| site == "none") { Ok(()) } else { Err(NOT_FROM_THERE) }
    }
}

/// A header that may stand once, and is text.
fn once(parts: &Parts, name: HeaderName) -> Result<Option<&str>, Refusal> {
    let mut all = parts.headers.get_all(name).iter();
    let Some(value) = all.next() else { return Ok(None) };
    if all.next().is_some() {
        return Err(TWICE);
    }
    value.to_str().map(Some).map_err(|_| TWICE)
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::*;

    fn head(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn wall(origins: &[&str]) -> Wall {
        let address = Address::Tcp("127.0.0.1:8808".parse().unwrap());
        let origins: Vec<String> = origins.iter().map(|it| (*it).to_owned()).collect();
        Wall::new(&address, &["gate.example.com".to_owned()], &origins)
    }

    fn status(wall: &Wall, uri: &str, headers: &[(&str, &str)]) -> u16 {
        wall.admits(&head(uri, headers)).map_or_else(|it| it.status.as_u16(), |()| 200)
    }

    #[test]
    fn a_request_is_for_one_of_our_names() {
        let wall = wall(&[]);
        for host in
            ["127.0.0.1:8808", "localhost:8808", "LOCALHOST:8808", "[::1]:8808", "gate.example.com"]
        {
            assert_eq!(status(&wall, "/", &[("host", host)]), 200, "{host}");
            let target = format!("http://{host}/s/x/mcp");
            assert_eq!(status(&wall, &target, &[("host", host)]), 200, "{target}");
        }
        for host in [
            "",
            "evil.example",
            "evil.example:8808",
            "127.0.0.1",
            "127.0.0.1:8809",
            "127.0.0.1:08808",
            "127.0.0.1:8808 ",
            "127.0.0.1:8808.",
            "127.0.0.1.:8808",
            "localhost.:8808",
            "localhost.evil.example:8808",
            "evil-localhost:8808",
            "a.localhost:8808",
            "127.0.0.1:8808@evil.example",
            "evil@127.0.0.1:8808",
            "127.0.0.1:8808,evil.example",
            "127.1:8808",
            "0177.0.0.1:8808",
            "2130706433:8808",
            "0.0.0.0:8808",
            "127.0.0.2:8808",
            "::1:8808",
            "[::1%25lo]:8808",
            "[0:0:0:0:0:0:0:1]:8808",
            "[::ffff:127.0.0.1]:8808",
            "gate.example.com.",
            "gate.example.com:8808",
            "gate.example.com.evil.example",
            "xgate.example.com",
        ] {
            assert_eq!(status(&wall, "/", &[("host", host)]), 403, "{host}");
        }
        let ours = ("host", "127.0.0.1:8808");
        for target in ["http://evil.example/", "http://localhost:8808/", "http://a@127.0.0.1:8808/"]
        {
            assert_eq!(status(&wall, target, &[ours]), 403, "{target}");
        }
        assert_eq!(status(&wall, "/", &[]), 400);
        assert_eq!(status(&wall, "/", &[ours, ours]), 400);
        assert_eq!(status(&wall, "/", &[ours, ("host", "evil.example")]), 400);
    }

    #[test]
    fn a_page_calls_only_from_an_origin_that_is_listed() {
        let ours = ("host", "127.0.0.1:8808");
        let listed = wall(&["https://app.example.com", "vscode-webview://*"]);
        let from = |wall: &Wall, origin: &str| status(wall, "/", &[ours, ("origin", origin)]);
        for origin in
            ["https://app.example.com", "HTTPS://APP.example.com", "vscode-webview://1a-b"]
        {
            assert_eq!(from(&listed, origin), 200, "{origin}");
            assert_eq!(from(&wall(&[]), origin), 403, "{origin}");
        }
        for origin in [
            "",
            "null",
            "*",
            "https://evil.example",
            "http://127.0.0.1:8808",
            "http://localhost:8808",
            "http://app.example.com",
            "https://app.example.com.",
            "https://app.example.com:443",
            "https://app.example.com:8443",
            "https://app.example.com/",
            "https://app.example.com.evil.example",
            "https://evil-app.example.com",
            "https://a@app.example.com",
            "https://app.example.com https://evil.example",
            "https://app.example.com, https://evil.example",
            "vscode-webview://",
            "vscode-webview://a/../b",
            "vscode-webview-x://a",
            "file://",
        ] {
            assert_eq!(from(&listed, origin), 403, "{origin}");
        }
        // Of web pages none is listed by its scheme alone.
        let all = wall(&["https://*", "http://*", "*"]);
        for origin in ["https://evil.example", "http://evil.example", "https://*", "x", "*"] {
            assert_eq!(from(&all, origin), 403, "{origin}");
        }
        let twice = ("origin", "https://app.example.com");
        assert_eq!(status(&listed, "/", &[ours, twice, twice]), 400);
        for (site, expect) in
            [("none", 200), ("cross-site", 403), ("same-site", 403), ("same-origin", 403)]
        {
            assert_eq!(status(&listed, "/", &[ours, ("sec-fetch-site", site)]), expect, "{site}");
        }
    }

    #[test]
    fn a_socket_in_the_file_system_is_localhost() {
        let wall = Wall::new(&Address::Unix("/run/x".into()), &[], &[]);
        assert_eq!(status(&wall, "/", &[("host", "localhost")]), 200);
        assert_eq!(status(&wall, "/", &[("host", "evil.example")]), 403);
    }
}
