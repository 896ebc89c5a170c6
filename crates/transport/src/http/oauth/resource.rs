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
        // The transport of 2024-11-05 has two paths of its own to the same server.
        let server = server(path).or_else(|| at(path, "/sse")).or_else(|| at(path, "/message"));
        all.extend(server.map(|server| self.at(&format!("/s/{server}/mcp"))));
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
    at(path, "/mcp")
}

fn at(path: &str, door: &str) -> Option<ServerName> {
    ServerName::new(path.strip_prefix("/s/")?.strip_suffix(door)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_for_a_server_is_for_all_its_doors_and_no_other_server() {
        let us = Resource::new("https://gate.example.com/");
        let own = "https://gate.example.com/s/files/mcp".to_owned();
        for door in ["mcp", "sse", "message"] {
            let all = us.audiences(&format!("/s/files/{door}"));
            assert_eq!(all.last(), Some(&own), "{door}");
            assert_eq!(all.len(), 3, "{door}");
        }
        for other in ["/s/files/", "/s/files", "/s/files/mcp/sse", "/sse", "/s//sse", "/"] {
            assert_eq!(us.audiences(other).len(), 2, "{other}");
        }
    }
}
