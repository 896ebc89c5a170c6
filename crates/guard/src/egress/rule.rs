//! What the operator listed, and what of it a target meets.
//!
//! ```text
//! api.example.com                 the name, ports 80 and 443
//! api.example.com:8443            the name, this port
//! *.example.com                   every name below it, not the name itself
//! 10.0.0.5:8080                   an address exception: this address, this port
//! wiki.example.com:80=10.0.0.5:8080   the name leads exactly there, whatever DNS says
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use super::address::{inside, is_nowhere};
use super::host::{Host, HostName, NotAHost, Target};
use super::why::{Denial, Why};

/// Ports of a name without a port: the two that the web has.
pub const WEB: [u16; 2] = [80, 443];

/// Most ports in one list: each is a listener inside the box.
pub const MOST_PORTS: usize = 24;

/// Most rules in one list.
const MOST_RULES: usize = 256;

/// One entry of the operator's list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    who: Who,
    ports: Vec<u16>,
    /// Where the name leads, whatever DNS says; with a port of its own or the asked one.
    exactly: Option<(IpAddr, Option<u16>)>,
    /// The operator vouches for the name: it may lead inside.
    vouched: bool,
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Exactly(Host),
    Below(HostName),
}

/// Everything that a server may reach.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach(Vec<Rule>);

/// How to get to a target that is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// Ask for the name's addresses, once; dial one that [`Route::accepts`].
    Resolve {
        /// The name.
        name: HostName,
        /// The port.
        port: u16,
        /// The operator vouches for wherever it leads.
        vouched: bool,
    },
    /// Dial exactly this address.
    Address(SocketAddr),
}

/// Why a text is no rule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotARule {
    /// The name, address or port in it.
    #[error("`{0}`: {1}")]
    Host(String, NotAHost),
    /// `*` alone, or all of a top-level domain.
    #[error(
        "`{0}` is too wide: put at least two labels after `*.`, or write `host` for everything"
    )]
    TooWide(String),
    /// `*` elsewhere than as the first label.
    #[error("`{0}`: `*` stands for the first labels only, as in `*.example.com`")]
    Star(String),
    /// An address without a port.
    #[error("`{0}` is an address: name its one port too, as in `{0}:8080`")]
    AddressPort(String),
    /// An address that is no destination.
    #[error("`{0}` leads nowhere: name one address of one machine")]
    Nowhere(String),
    /// A list without end.
    #[error("a list names at most {MOST_RULES} hosts and {MOST_PORTS} ports")]
    TooMany,
}

impl Rule {
    /// Understands one entry.
    ///
    /// # Errors
    /// [`NotARule`] says what is wrong with it.
    pub fn new(text: &str) -> Result<Self, NotARule> {
        let (name, exactly) = match text.split_once('=') {
            Some((name, address)) => (name, Some(exception(text, address)?)),
            None => (text, None),
        };
        let bad = |why| NotARule::Host(text.to_owned(), why);
        let (host, port) = split_port(name).map_err(bad)?;
        let who = who(text, host)?;
        let lead = exactly.and_then(|(_, port)| port);
        let ports = port.or(lead).map_or_else(|| WEB.to_vec(), |port| vec![port]);
        match (&who, exactly) {
            (Who::Exactly(Host::Address(address)), None) => {
                if port.is_none() {
                    return Err(NotARule::AddressPort(text.to_owned()));
                }
                if is_nowhere(*address) {
                    return Err(NotARule::Nowhere(text.to_owned()));
                }
            }
            // Only a name can lead to an address.
            (Who::Exactly(Host::Address(_)), Some(_)) => return Err(bad(NotAHost::Letter)),
            (Who::Below(_), Some(_)) => return Err(NotARule::Star(text.to_owned())),
            _ => {}
        }
        Ok(Self { who, ports, exactly, vouched: false, text: text.to_owned() })
    }

    /// A name that the operator's own settings vouch for: it may lead inside.
    #[must_use]
    pub fn vouched(target: &Target) -> Self {
        let who = Who::Exactly(target.host.clone());
        let text = target.to_string();
        Self { who, ports: vec![target.port], exactly: None, vouched: true, text }
    }

    /// As the operator wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether everything that the other entry reaches is reached by this one, in
    /// the same way: a name that leads where DNS says is another than one that does not.
    fn covers(&self, other: &Self) -> bool {
        let who = match (&self.who, &other.who) {
            (Who::Below(above), Who::Below(name)) => name == above || name.is_below(above),
            (_, Who::Exactly(host)) => self.names(host),
            (Who::Exactly(_), Who::Below(_)) => false,
        };
        let leads = self.exactly == other.exactly && (self.vouched || !other.vouched);
        who && leads && other.ports.iter().all(|port| self.ports.contains(port))
    }

    fn names(&self, host: &Host) -> bool {
        match (&self.who, host) {
            (Who::Exactly(listed), host) => listed == host,
            (Who::Below(above), Host::Name(name)) => name.is_below(above),
            (Who::Below(_), Host::Address(_)) => false,
        }
    }
}

fn split_port(text: &str) -> Result<(&str, Option<u16>), NotAHost> {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => {
            Ok((host, Some(super::host::read_port(port)?)))
        }
        _ => Ok((text, None)),
    }
}

fn who(text: &str, host: &str) -> Result<Who, NotARule> {
    let bad = |why| NotARule::Host(text.to_owned(), why);
    if host == "*" {
        return Err(NotARule::TooWide(text.to_owned()));
    }
    if let Some(above) = host.strip_prefix("*.") {
        let above = HostName::new(above).map_err(bad)?;
        if above.labels() < 2 {
            return Err(NotARule::TooWide(text.to_owned()));
        }
        return Ok(Who::Below(above));
    }
    if host.contains('*') {
        return Err(NotARule::Star(text.to_owned()));
    }
    Host::new(host).map(Who::Exactly).map_err(bad)
}

fn exception(text: &str, address: &str) -> Result<(IpAddr, Option<u16>), NotARule> {
    let bad = |why| NotARule::Host(text.to_owned(), why);
    let (host, port) = split_port(address).map_err(bad)?;
    match Host::new(host).map_err(bad)? {
        Host::Address(address) if is_nowhere(address) => Err(NotARule::Nowhere(text.to_owned())),
        Host::Address(address) => Ok((address, port)),
        Host::Name(_) => Err(bad(NotAHost::Letter)),
    }
}

impl Reach {
    /// A list of what may be reached.
    ///
    /// # Errors
    /// [`NotARule::TooMany`] when it has no reasonable end.
    pub fn new(rules: Vec<Rule>) -> Result<Self, NotARule> {
        let reach = Self(rules);
        if reach.0.len() > MOST_RULES || reach.ports().len() > MOST_PORTS {
            return Err(NotARule::TooMany);
        }
        Ok(reach)
    }

    /// Each entry as the operator wrote it.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(Rule::as_str)
    }

    /// The first entry of these that reaches more than this list does.
    #[must_use]
    pub fn exceeded_by<'a>(&self, others: &'a Self) -> Option<&'a str> {
        let covered = |other: &&Rule| self.0.iter().any(|rule| rule.covers(other));
        let exact = || self.0.iter().filter(|rule| rule.exactly.is_some());
        let kept = |other: &&Rule| exact().all(|rule| others.keeps(rule, other));
        others.0.iter().find(|other| !covered(other) || !kept(other)).map(Rule::as_str)
    }

    /// An exception of the outer list is obeyed before DNS. One of our entries that meets its
    /// target without it must stand beside it, or the name would lead where DNS says.
    fn keeps(&self, exact: &Rule, other: &Rule) -> bool {
        let Who::Exactly(host) = &exact.who else { return true };
        let met = |rule: &Rule, port| rule.names(host) && rule.ports.contains(&port);
        let repeated =
            |port| self.0.iter().any(|rule| rule.exactly == exact.exactly && met(rule, port));
        let mut ports = exact.ports.iter().filter(|port| met(other, **port));
        other.exactly.is_some() || ports.all(|port| repeated(*port))
    }

    /// Every port in the list, and those of the web.
    #[must_use]
    pub fn ports(&self) -> BTreeSet<u16> {
        self.0.iter().flat_map(|rule| rule.ports.iter().copied()).chain(WEB).collect()
    }

    /// Addresses that are listed themselves.
    pub fn addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.0.iter().filter_map(|rule| match rule.who {
            Who::Exactly(Host::Address(address)) => Some(address),
            _ => None,
        })
    }

    /// Whether a name is listed, with whatever port: then it may be resolved.
    #[must_use]
    pub fn lists(&self, name: &HostName) -> bool {
        let host = Host::Name(name.clone());
        self.0.iter().any(|rule| rule.names(&host))
    }

    /// Whether an entry leads to exactly this address, by itself or by a name that is said to.
    #[must_use]
    pub fn leads_to(&self, at: SocketAddr) -> bool {
        let ip = at.ip().to_canonical();
        self.0.iter().any(|rule| match (&rule.who, rule.exactly) {
            (_, Some((address, port))) => {
                let port_fits =
                    port.map_or_else(|| rule.ports.contains(&at.port()), |it| it == at.port());
                address.to_canonical() == ip && port_fits
            }
            (Who::Exactly(Host::Address(address)), None) => {
                address.to_canonical() == ip && rule.ports.contains(&at.port())
            }
            _ => false,
        })
    }

    /// Judges a target.
    ///
    /// # Errors
    /// A [`Denial`] that says what would allow it.
    pub fn judge(&self, target: &Target) -> Result<Route, Denial> {
        let named: Vec<_> = self.0.iter().filter(|rule| rule.names(&target.host)).collect();
        let met = || named.iter().filter(|rule| rule.ports.contains(&target.port));
        if met().next().is_none() {
            let why = if named.is_empty() { Why::NotListed } else { Why::OtherPort };
            return Err(Denial::of(target, why));
        }
        // An exception is exact, so it goes before what DNS would say.
        if let Some((address, port)) = met().find_map(|rule| rule.exactly) {
            return Ok(Route::Address(SocketAddr::new(address, port.unwrap_or(target.port))));
        }
        Ok(match &target.host {
            Host::Address(address) => Route::Address(SocketAddr::new(*address, target.port)),
            Host::Name(name) => Route::Resolve {
                name: name.clone(),
                port: target.port,
                vouched: met().any(|rule| rule.vouched),
            },
        })
    }
}

impl Route {
    /// Whether an address that the name resolved to may be dialled, or what is there.
    ///
    /// # Errors
    /// What lies at the address.
    pub fn accepts(&self, address: IpAddr) -> Result<(), &'static str> {
        match self {
            _ if is_nowhere(address) => Err("nowhere"),
            Self::Resolve { vouched: false, .. } => inside(address).map_or(Ok(()), Err),
            Self::Resolve { vouched: true, .. } | Self::Address(_) => Ok(()),
        }
    }
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.texts().collect::<Vec<_>>().join(", "))
    }
}
