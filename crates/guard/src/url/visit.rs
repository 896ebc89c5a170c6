//! Whether a person may be sent to an address, and which host that is.

use std::net::IpAddr;

use super::split;
use crate::egress::{Host, Reach, Target};
use crate::secret;

/// Longer than any address that a person can be asked to look at.
const LONGEST: usize = 2048;

/// Why a person is not sent there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotVisited {
    /// No web address, or one that two programs could read differently.
    #[error("it is no plain web address")]
    Unreadable,
    /// A user name, or a person's address, in it.
    #[error("it names a person")]
    Person,
    /// A credential in it.
    #[error("it carries a credential")]
    Secret,
    /// Not encrypted, to another machine.
    #[error("it is not https")]
    Plain,
    /// Not among what the operator listed.
    #[error("`{0}` is not among the hosts to which this server may send a person")]
    NotListed(String),
}

/// Judges an address that a server wants a person to open. Nothing is looked up or
/// fetched: the host is judged as it is written.
///
/// # Errors
/// [`NotVisited`].
pub fn visit(url: &str, listed: &Reach) -> Result<Target, NotVisited> {
    if url.len() > LONGEST || !url.is_ascii() || url.contains(' ') {
        return Err(NotVisited::Unreadable);
    }
    let pieces = split(url).map_err(|_| NotVisited::Unreadable)?;
    let usual = match pieces.scheme {
        "https" => 443,
        "http" => 80,
        _ => return Err(NotVisited::Unreadable),
    };
    let authority = pieces.authority.filter(|authority| !authority.is_empty());
    let authority = authority.ok_or(NotVisited::Unreadable)?;
    // Also behind the host: who clicks it would be known by it.
    if url.contains('@') || url.to_ascii_lowercase().contains("%40") {
        return Err(NotVisited::Person);
    }
    if !secret::find_certain(url).is_empty() {
        return Err(NotVisited::Secret);
    }
    let target = Target::new(authority, Some(usual)).map_err(|_| NotVisited::Unreadable)?;
    if pieces.scheme == "http" && !is_loopback(&target.host) {
        return Err(NotVisited::Plain);
    }
    match listed.judge(&target) {
        Ok(_) => Ok(target),
        Err(_) => Err(NotVisited::NotListed(target.to_string())),
    }
}

fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Address(IpAddr::V4(address)) => address.is_loopback(),
        Host::Address(IpAddr::V6(address)) => address.is_loopback(),
        Host::Name(name) => name.as_str() == "localhost",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::egress::Rule;

    #[test]
    fn only_what_is_listed_is_visited_and_it_is_read_in_one_way() {
        let listed = ["login.example.com", "*.pages.test:8443", "127.0.0.1:8080", "localhost:8081"];
        let listed = listed.map(|text| Rule::new(text).expect("a rule"));
        let listed = Reach::new(listed.to_vec()).expect("a list");
        let token = format!("gh{}_{}", "p", "a1B2".repeat(9));
        for (url, expect) in [
            ("https://login.example.com", Ok("login.example.com:443")),
            ("https://login.example.com/a/b?c=d#e", Ok("login.example.com:443")),
            ("https://LOGIN.example.com.:443/", Ok("login.example.com:443")),
            ("https://ada.pages.test:8443/x", Ok("ada.pages.test:8443")),
            ("http://127.0.0.1:8080/x", Ok("127.0.0.1:8080")),
            ("http://localhost:8081", Ok("localhost:8081")),
            ("https://pages.test:8443/", Err("is not among")),
            ("https://login.example.com:8443/", Err("is not among")),
            ("https://login.example.com.evil.test/", Err("is not among")),
            ("https://127.0.0.1:8081/", Err("is not among")),
            ("https://xn--lgin-5qa.example.com/", Err("is not among")),
            ("http://login.example.com/", Err("not https")),
            ("https://login.example.com@evil.test/", Err("names a person")),
            ("https://evil.test/?@login.example.com", Err("names a person")),
            ("https://login.example.com/?hint=ada%40home.test", Err("names a person")),
            ("https://l\u{f6}gin.example.com/", Err("no plain")),
            ("https://login.example.com\\@evil.test/", Err("no plain")),
            ("https://login.example.com /", Err("no plain")),
            ("https://login.example.com\n/", Err("no plain")),
            ("https://0177.0.0.1/", Err("no plain")),
            ("https:login.example.com/", Err("no plain")),
            ("https:///login.example.com/", Err("no plain")),
            ("HTTPS://login.example.com/", Err("no plain")),
            ("javascript:alert(1)", Err("no plain")),
            ("data:text/html,x", Err("no plain")),
            ("file:///etc/passwd", Err("no plain")),
            ("", Err("no plain")),
        ] {
            let visited = visit(url, &listed).map(|target| target.to_string());
            match expect {
                Ok(target) => assert_eq!(visited.as_deref(), Ok(target), "{url}"),
                Err(why) => {
                    let said = visited.expect_err(url).to_string();
                    assert!(said.contains(why), "{url}: {said}");
                }
            }
        }
        let url = format!("https://login.example.com/?token={token}");
        assert_eq!(visit(&url, &listed), Err(NotVisited::Secret));
        let long = format!("https://login.example.com/{}", "a".repeat(LONGEST));
        assert_eq!(visit(&long, &listed), Err(NotVisited::Unreadable));
        assert!(
            visit("https://login.example.com", &Reach::default()).is_err(),
            "nothing is listed"
        );
    }
}
