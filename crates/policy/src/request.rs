//! The parties of a judgement: who acts, and for which server.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who acts: fixed at connection (stdio: the process's user) or per request.
///
/// For stdio it reads `uid:1000`. It never comes from what a peer says of
/// itself (`clientInfo` is a claim, MCP-CAP-14).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Principal(String);

impl Principal {
    /// The principal behind a local process.
    #[must_use]
    pub fn user(uid: u32) -> Self {
        Self(format!("uid:{uid}"))
    }

    /// The bearer of a token that an operator gave to somebody of this name.
    #[must_use]
    pub fn token(name: &str) -> Self {
        Self(format!("token:{name}"))
    }

    /// Somebody to whom an issuer gave a token: its name with the operator, and theirs with it. The
    /// same name with two issuers is two people.
    #[must_use]
    pub fn subject(issuer: &str, subject: &str) -> Self {
        Self(format!("oauth:{issuer}:{}", plain(subject)))
    }

    /// A program to which an issuer gave a token for itself.
    #[must_use]
    pub fn client(issuer: &str, client: &str) -> Self {
        Self(format!("oauth-client:{issuer}:{}", plain(client)))
    }

    /// Whoever has a certificate of this name, which an authority of the operator's vouches for.
    #[must_use]
    pub fn certificate(name: &str) -> Self {
        Self(format!("certificate:{}", plain(name)))
    }

    /// Somebody of whom nothing is known: in records of what was refused, and nowhere else.
    #[must_use]
    pub fn unknown() -> Self {
        Self("unknown".to_owned())
    }

    /// The text that records and approvals carry.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A name that others chose, in letters that mean nothing to a terminal or a path; two names stay two.
fn plain(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._@:/=+|".contains(&byte) {
            plain.push(char::from(byte));
        } else {
            plain.push_str(&format!("%{byte:02X}"));
        }
    }
    plain
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Our name for a server: chosen by the operator, never by the server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServerName(String);

/// Why a name was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadServerName;

impl fmt::Display for BadServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a server's name is 1 to 64 letters, digits, `-`, `_` or `.`, and starts with a letter or digit")
    }
}

impl std::error::Error for BadServerName {}

impl ServerName {
    /// Accepts names that are safe in paths, terminals and file names.
    ///
    /// # Errors
    /// [`BadServerName`] when the name is empty, longer than 64 characters or
    /// holds anything but `[A-Za-z0-9._-]`.
    pub fn new(name: &str) -> Result<Self, BadServerName> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if starts_well && name.len() <= 64 && name.chars().all(allowed) {
            return Ok(Self(name.to_owned()));
        }
        Err(BadServerName)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_others_name_stay_apart() {
        let subject = |issuer, name| Principal::subject(issuer, name).to_string();
        assert_eq!(subject("corp", "auth0|7"), "oauth:corp:auth0|7");
        assert_eq!(subject("corp", "Jo\u{1b}[2J%C3"), "oauth:corp:Jo%1B%5B2J%25C3");
        assert_ne!(subject("corp", "ada"), subject("other", "ada"));
        assert_ne!(Principal::subject("corp", "app"), Principal::client("corp", "app"));
        assert_eq!(Principal::certificate("a b").as_str(), "certificate:a%20b");
    }

    #[test]
    fn names_are_safe_in_paths_and_terminals() {
        for good in ["files", "a", "github-mcp", "x.y_z", "9lives"] {
            assert!(ServerName::new(good).is_ok(), "{good}");
        }
        let long = "a".repeat(65);
        for bad in ["", "..", "-x", "a/b", "a b", "a\nb", "é", long.as_str()] {
            assert!(ServerName::new(bad).is_err(), "{bad:?}");
        }
    }
}
