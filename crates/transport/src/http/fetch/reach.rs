//! Where a request of ours may lead.
//!
//! The judgement of addresses is `guard`'s, the same that holds for servers in their boxes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use portcullis_guard::egress::{self, Host, Route, Target};

use super::error::FetchError;
use portcullis_guard::egress::Origin;

/// Whom requests may reach; nobody, until something is added.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    own: Vec<Target>,
    listed: egress::Reach,
    anyone: bool,
}

/// How to get there.
#[derive(Debug)]
pub(super) enum Way {
    /// One of these, and nothing is looked up.
    At(Vec<SocketAddr>),
    /// By a name, whose addresses are judged by the route.
    Named(Route),
}

impl Reach {
    /// Whoever has a public address. For addresses that a stranger's document names.
    #[must_use]
    pub fn public() -> Self {
        Self { anyone: true, ..Self::default() }
    }

    /// And the origin that the operator wrote himself: an address as written, be it this
    /// machine's; `localhost` on this machine; any other name if it leads outside.
    #[must_use]
    pub fn and_own(mut self, origin: &Origin) -> Self {
        self.own.push(origin.target().clone());
        self
    }

    /// And what the operator listed, which may give a name an address inside.
    #[must_use]
    pub fn and_listed(self, listed: egress::Reach) -> Self {
        Self { listed, ..self }
    }

    /// Judges a target.
    pub(super) fn judge(&self, target: &Target) -> Result<Way, FetchError> {
        if let Ok(route) = self.listed.judge(target) {
            return Ok(match route {
                Route::Address(address) => Way::At(vec![address]),
                Route::Resolve { .. } => Way::Named(route),
            });
        }
        let is_own = self.own.contains(target);
        if !is_own && !self.anyone {
            return Err(FetchError::NotListed(target.to_string()));
        }
        let port = target.port;
        match &target.host {
            Host::Name(name) if name.as_str() == "localhost" => {
                if !is_own {
                    return Err(inside(target, "this machine"));
                }
                // Never looked up (RFC 6761, section 6.3).
                let here = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
                Ok(Way::At(here.map(|address| SocketAddr::new(address, port)).to_vec()))
            }
            Host::Name(name) => {
                Ok(Way::Named(Route::Resolve { name: name.clone(), port, vouched: false }))
            }
            Host::Address(address) => {
                let route = Route::Address(SocketAddr::new(*address, port));
                let what = match egress::inside(*address) {
                    Some(what) if !is_own => Err(what),
                    _ => route.accepts(*address),
                };
                what.map_err(|what| inside(target, what))?;
                Ok(Way::At(vec![SocketAddr::new(*address, port)]))
            }
        }
    }
}

/// The address of a name, if the name may lead there.
pub(super) fn accepted(
    target: &Target,
    route: &Route,
    address: IpAddr,
) -> Result<SocketAddr, FetchError> {
    let address = address.to_canonical();
    route.accepts(address).map_err(|what| inside(target, what))?;
    Ok(SocketAddr::new(address, target.port))
}

fn inside(target: &Target, what: &str) -> FetchError {
    FetchError::Inside { host: target.to_string(), what: what.to_owned() }
}

#[cfg(test)]
mod tests {
    use portcullis_guard::egress::Rule;

    use super::*;
    use portcullis_guard::egress::Url;

    fn target(url: &str) -> Target {
        Url::new(url).unwrap().origin().target().clone()
    }

    fn says(reach: &Reach, url: &str) -> String {
        match reach.judge(&target(url)) {
            Ok(Way::At(addresses)) => format!("at {addresses:?}"),
            Ok(Way::Named(_)) => "named".to_owned(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn a_stranger_leads_nowhere_inside() {
        for host in [
            "127.0.0.1",
            "127.9.9.9",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "168.63.129.16",
            "[::]",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:10.0.0.1]",
            "[::127.0.0.1]",
            "[64:ff9b::10.0.0.1]",
            "[64:ff9b:1::10.0.0.1]",
            "[2002:a00:1::]",
            "[fc00::1]",
            "[fd12::1]",
            "[fe80::1]",
            "[ff02::1]",
            "[2001::1]",
            "[fec0::1]",
            "localhost",
            "localhost.",
        ] {
            let said = says(&Reach::public(), &format!("https://{host}/"));
            assert!(said.contains("it is not reached from here"), "{host}: {said}");
        }
        for (host, expect) in [
            ("93.184.216.34", "at [93.184.216.34:443]"),
            ("[2606:2800::1]", "at [[2606:2800::1]:443]"),
            ("a.test", "named"),
        ] {
            assert_eq!(says(&Reach::public(), &format!("https://{host}/")), expect);
        }
    }

    #[test]
    fn what_the_operator_wrote_is_reached_and_nothing_beside_it() {
        let own = |url: &str| Reach::default().and_own(Url::new(url).unwrap().origin());
        for (reach, url, expect) in [
            (own("http://127.0.0.1:80/"), "http://127.0.0.1:80/x", "at [127.0.0.1:80]"),
            (own("https://10.0.0.1/"), "https://10.0.0.1/", "at [10.0.0.1:443]"),
            (own("http://localhost:81/"), "http://localhost:81/", "at [127.0.0.1:81, [::1]:81]"),
            (own("https://a.test/"), "https://a.test/", "named"),
        ] {
            assert_eq!(says(&reach, url), expect, "{url}");
        }
        for (reach, url) in [
            (own("http://127.0.0.1:80/"), "http://127.0.0.1:81/"),
            (own("http://127.0.0.1:80/"), "http://127.0.0.2:80/"),
            (own("http://localhost:80/"), "http://127.0.0.1:80/"),
            (own("https://a.test/"), "https://b.test/"),
            (Reach::default(), "https://a.test/"),
        ] {
            assert!(says(&reach, url).contains("is not among"), "{url}");
        }
        let nowhere = own("https://0.0.0.0/");
        assert!(says(&nowhere, "https://0.0.0.0/").contains("nowhere"));
        let lan = egress::Reach::new(vec![Rule::new("wiki.test=10.0.0.5").unwrap()]).unwrap();
        let reach = own("https://wiki.test/").and_listed(lan);
        assert_eq!(says(&reach, "https://wiki.test/"), "at [10.0.0.5:443]");
    }

    #[test]
    fn a_name_leads_outside_only() {
        let target = target("https://a.test/");
        let Ok(Way::Named(route)) = Reach::public().judge(&target) else { panic!("not named") };
        for (address, expect) in [
            ("93.184.216.34", true),
            ("10.0.0.1", false),
            ("::ffff:10.0.0.1", false),
            ("127.0.0.1", false),
            ("::1", false),
            ("64:ff9b::7f00:1", false),
            ("fd00::1", false),
        ] {
            let accepted = accepted(&target, &route, address.parse().unwrap());
            assert_eq!(accepted.is_ok(), expect, "{address}");
        }
    }
}
