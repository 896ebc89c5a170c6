//! A proxy of the person's own, between us and the hosts of the prepare phase.
//!
//! Who needs one to reach the registry keeps needing it. What may be reached is judged
//! before as ever; which address a name has is then the proxy's to find.

use std::fmt;
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_guard::egress::{Host, Target};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Resolver;

/// Longest answer of a proxy to a CONNECT.
const LONGEST: usize = 8 << 10;

/// A proxy, and which hosts are reached without it.
#[derive(Clone)]
pub struct Via {
    proxy: Target,
    /// The `Proxy-Authorization` that its address asks for.
    login: Option<String>,
    except: Vec<String>,
}

impl Via {
    /// A proxy as variables such as `HTTPS_PROXY` and `NO_PROXY` name it.
    ///
    /// # Errors
    /// What of it is not supported.
    pub fn new(proxy: &str, except: &str) -> Result<Self, String> {
        let rest = match proxy.split_once("://") {
            Some(("http", rest)) => rest,
            None => proxy,
            Some((scheme, _)) => {
                return Err(format!("a `{scheme}://` proxy is not supported: only `http://`"));
            }
        };
        let authority = rest.split('/').next().unwrap_or_default();
        let (login, host) = match authority.rsplit_once('@') {
            Some((login, host)) => (Some(STANDARD.encode(percent_decoded(login))), host),
            None => (None, authority),
        };
        let proxy = Target::new(host, Some(80))
            .map_err(|why| format!("the proxy in the environment cannot be used: {why}"))?;
        let except = except.split(',').map(|word| word.trim().to_ascii_lowercase());
        let except = except.filter(|word| !word.is_empty()).collect();
        Ok(Self { proxy, login: login.map(|login| format!("Basic {login}")), except })
    }

    /// Whether a target is reached through it.
    pub(super) fn serves(&self, target: &Target) -> bool {
        let host = target.host.to_string();
        let below = |word: &str| {
            let word = word.trim_start_matches("*.").trim_start_matches('.');
            host == word || host.strip_suffix(word).is_some_and(|start| start.ends_with('.'))
        };
        !self.except.iter().any(|word| word == "*" || below(word))
    }

    /// A tunnel through it.
    pub(super) async fn connect(
        &self,
        target: &Target,
        resolver: &Resolver,
    ) -> io::Result<TcpStream> {
        let mut stream = self.reach(resolver).await?;
        let login = self.login.as_ref().map(|login| format!("Proxy-Authorization: {login}\r\n"));
        let ask = format!(
            "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n{}\r\n",
            login.unwrap_or_default()
        );
        stream.write_all(ask.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            // One by one: what follows belongs to the host behind.
            let byte = stream.read_u8().await?;
            head.push(byte);
            if head.len() > LONGEST {
                return Err(io::Error::other("the person's proxy answers without end"));
            }
        }
        let status = head.get(8..12).unwrap_or_default();
        if head.starts_with(b"HTTP/1.") && status == b" 200" {
            return Ok(stream);
        }
        let said = String::from_utf8_lossy(head.split(|byte| *byte == b'\r').next().unwrap_or(&[]))
            .into_owned();
        Err(io::Error::other(format!("the person's proxy answers `{said}`")))
    }

    async fn reach(&self, resolver: &Resolver) -> io::Result<TcpStream> {
        let port = self.proxy.port;
        let addresses = match &self.proxy.host {
            Host::Address(address) => vec![*address],
            Host::Name(name) => {
                let (resolver, name) = (resolver.clone(), name.to_string());
                tokio::task::spawn_blocking(move || resolver.lookup(&name)).await??
            }
        };
        let mut last = io::Error::other("the person's proxy has no address");
        for address in addresses {
            match TcpStream::connect((address, port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// What stands between a URL's percent signs.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = (*first == b'%').then(|| after.get(..2)).flatten();
        let hex = hex.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        out.push(hex.unwrap_or(*first));
        rest = if hex.is_some() { after.get(2..).unwrap_or_default() } else { after };
    }
    out
}

impl fmt::Debug for Via {
    /// Without the login.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Via({})", self.proxy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_read_as_programs_do() {
        for (text, proxy, login) in [
            ("http://proxy.test:3128", "proxy.test:3128", None),
            ("http://proxy.test/", "proxy.test:80", None),
            ("10.0.0.1:8080", "10.0.0.1:8080", None),
            ("http://ada:p%40ss@proxy.test:1", "proxy.test:1", Some("Basic YWRhOnBAc3M=")),
        ] {
            let via = Via::new(text, "").unwrap();
            assert_eq!((via.proxy.to_string().as_str(), via.login.as_deref()), (proxy, login));
            assert!(!format!("{via:?}").contains("YWRh"), "{via:?}");
        }
        for bad in ["https://proxy.test", "socks5://proxy.test", "http://", "http://a b"] {
            assert!(Via::new(bad, "").is_err(), "{bad}");
        }
    }

    #[test]
    fn some_hosts_need_no_proxy() {
        let via = Via::new("proxy.test", "localhost, .corp.test,*.lan,10.0.0.5").unwrap();
        for (target, through) in [
            ("registry.npmjs.org:443", true),
            ("localhost:4873", false),
            ("npm.corp.test:443", false),
            ("corp.test:443", false),
            ("notcorp.test:443", true),
            ("npm.lan:443", false),
            ("10.0.0.5:80", false),
        ] {
            assert_eq!(via.serves(&Target::new(target, None).unwrap()), through, "{target}");
        }
        assert!(!Via::new("p", "*").unwrap().serves(&Target::new("a.test:1", None).unwrap()));
    }
}
