//! Places where people keep credentials, named in a text.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

/// What published attacks asked models to read, and no definition of 913 tools of
/// 51 real servers names (SAFE-T1502).
const PLACES: &[&str] = &[
    ".ssh/",
    "id_rsa",
    "id_ed25519",
    ".aws/credentials",
    ".cursor/mcp.json",
    "claude_desktop_config.json",
    ".git-credentials",
    "/etc/shadow",
    "/etc/passwd",
    ".gnupg/",
    ".netrc",
    ".docker/config.json",
    "wallet.dat",
    "/proc/self/environ",
];

static COMPILED: LazyLock<Option<AhoCorasick>> =
    LazyLock::new(|| AhoCorasick::builder().ascii_case_insensitive(true).build(PLACES).ok());

/// Whether a text names a place where people keep credentials.
pub fn names_secret_place(text: &str) -> bool {
    match &*COMPILED {
        Some(places) => places.is_match(text),
        None => PLACES.iter().any(|place| text.to_ascii_lowercase().contains(place)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_of_credentials() {
        for text in ["read ~/.ssh/id_rsa first", "~/.AWS/credentials", "cat /etc/passwd"] {
            assert!(names_secret_place(text), "{text}");
        }
        for text in ["the path of a file", "a valid ssh url", "passwords are hashed", "~/project"] {
            assert!(!names_secret_place(text), "{text}");
        }
    }
}
