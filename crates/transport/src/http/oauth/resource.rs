//! What we are called by whoever gives out tokens for us (RFC 8707, RFC 9728).

use portcullis_policy::ServerName;

use super::super::listener::Address;

/// The address under which we are known: `https://name[:port]`, without a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource(String);

impl Resource {
    /// As the operator wrote it.
    #[must_use]
    pub fn new(uri: &str) -> Self {
        Self(uri.trim_end_matches('/').to_owned())
    }

    /// That of what listens there, when nobody wrote another.
    #[must_use]
    pub fn of(address: &Address, encrypted: bool) -> Self {
        let scheme = if encrypted { "https" } else { "http" };
        Self(match address {
            Address::Tcp(address) => format!("{scheme}://{address}"),
            Address::Unix(_) => format!("{scheme}://localhost"),
        })
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands in `Host`.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or(self.0.as_str(), |(_, authority)| authority)
    }

    /// What is asked for there, as we are called.
    pub(super) fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// What a token for this place may name: all of us, or that server alone.
    pub(super) fn audiences(&self, path: &str) -> Vec<String> {
        // An address without a path is written in two ways.
        let mut all = vec![self.0.clone(), self.at("/")];
        all.extend(server(path).map(|_| self.at(path)));
        all
    }

    /// Where it is said who gives out tokens for this place.
    pub(super) fn metadata(&self, path: &str) -> String {
        let place = server(path).map_or("", |_| path);
        format!("{}{WELL_KNOWN}{place}", self.0)
    }
}

/// Where a protected resource describes itself; behind it, the path of what is described.
pub(super) const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

/// The server that lives at a path.
pub(super) fn server(path: &str) -> Option<ServerName> {
    let name = path.strip_prefix("/s/")?.strip_suffix("/mcp")?;
    ServerName::new(name).ok()
}
