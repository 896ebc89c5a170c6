//! What things of several servers are called where they stand beside each other.
//!
//! The operator's name for a server stands before each name, with `__` between: `files__read_file`.
//! A prefix holds no `__` and does not end with `_`, so the first `__` in a name ends the prefix,
//! whatever follows: no server can say a name that reads as another's. An address of a resource is
//! wrapped, `portcullis:files/file:///notes`, which reads back in one way whatever it wraps.

use std::fmt;

use portcullis_policy::ServerName;

/// Stands between a prefix and a server's own name.
const BETWEEN: &str = "__";
/// What hosts take for a name: `^[a-zA-Z0-9_-]{1,64}$`.
const LONGEST: usize = 64;
/// The longest prefix: it leaves a server half of a name.
const PREFIX: usize = 32;
/// Begins an address that was wrapped.
const SCHEME: &str = "portcullis:";

/// What stands before everything of one server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Prefix(String);

/// Why a server's name is no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPrefix;

impl fmt::Display for NoPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "in the aggregate a server's name stands before each of its tools: at most 32 letters, \
             digits, `-` and `_`, without `__` and without `_` at the end",
        )
    }
}

impl std::error::Error for NoPrefix {}

impl Prefix {
    /// That of a server.
    ///
    /// # Errors
    /// [`NoPrefix`] where it could be read in two ways, or would leave too little of a name.
    pub fn of(server: &ServerName) -> Result<Self, NoPrefix> {
        let name = server.as_str();
        let fits = name.len() <= PREFIX && name.chars().all(letter);
        if !fits || name.contains(BETWEEN) || name.ends_with('_') {
            return Err(NoPrefix);
        }
        Ok(Self(name.to_owned()))
    }

    /// The prefix as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What a name of the server's own is called; nothing where no host would take it.
    #[must_use]
    pub fn name(&self, own: &str) -> Option<String> {
        let length = self.0.len() + BETWEEN.len() + own.len();
        let fits = !own.is_empty() && length <= LONGEST && own.chars().all(letter);
        fits.then(|| format!("{}{BETWEEN}{own}", self.0))
    }

    /// What an address of the server's own is called, or a template of some.
    #[must_use]
    pub fn address(&self, own: &str) -> String {
        format!("{SCHEME}{}/{own}", self.0)
    }

    /// The same of something else that a server chose, and that others could have chosen too.
    pub(super) fn mark(&self, own: &str) -> String {
        format!("{}/{own}", self.0)
    }

    /// A title that people read, and after which they choose.
    pub(super) fn title(&self, own: &str) -> String {
        format!("{}: {own}", self.0)
    }
}

const fn letter(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// The prefix of a name, and what the server calls it.
#[must_use]
pub fn name(written: &str) -> Option<(&str, &str)> {
    written.split_once(BETWEEN).filter(|(prefix, own)| !prefix.is_empty() && !own.is_empty())
}

/// The same of an address.
#[must_use]
pub fn address(written: &str) -> Option<(&str, &str)> {
    written.strip_prefix(SCHEME)?.split_once('/').filter(|(prefix, _)| !prefix.is_empty())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(name: &str) -> Result<Prefix, NoPrefix> {
        Prefix::of(&ServerName::new(name).expect("a server's name"))
    }

    #[test]
    fn a_prefix_can_be_read_in_one_way() {
        for good in ["files", "a", "my-files", "a_b", "a-_b", "2", &"x".repeat(PREFIX)] {
            assert_eq!(prefix(good).expect(good).as_str(), good);
        }
        for bad in ["a.b", "a__b", "a_", "files__", &"x".repeat(PREFIX + 1)] {
            assert_eq!(prefix(bad), Err(NoPrefix), "{bad}");
        }
    }

    #[test]
    fn names_are_what_hosts_take() {
        let files = prefix("files").expect("a prefix");
        for (own, called) in [
            ("read", Some("files__read")),
            ("_read", Some("files___read")),
            ("__", Some("files____")),
            ("mail__send", Some("files__mail__send")),
            ("", None),
            ("a.b", None),
            ("a b", None),
            ("a/b", None),
            ("ä", None),
            ("a\u{202e}", None),
        ] {
            assert_eq!(files.name(own).as_deref(), called, "{own}");
        }
        let room = LONGEST - "files__".len();
        assert_eq!(files.name(&"x".repeat(room)).map(|it| it.len()), Some(LONGEST));
        assert_eq!(files.name(&"x".repeat(room + 1)), None);
    }

    #[test]
    fn what_is_nobodys_is_not_read() {
        for nobodys in ["", "read", "__", "__read", "files__", "files_read"] {
            assert_eq!(name(nobodys), None, "{nobodys}");
        }
        for nobodys in ["", "file:///a", "portcullis:", "portcullis:files", "portcullis:/a"] {
            assert_eq!(address(nobodys), None, "{nobodys}");
        }
    }

    proptest! {
        /// Whatever a server calls a thing, it is its own, and nobody else's.
        #[test]
        fn a_name_leads_to_who_said_it(
            server in "[A-Za-z0-9][A-Za-z0-9_-]{0,40}",
            other in "[A-Za-z0-9][A-Za-z0-9_-]{0,40}",
            own in "[A-Za-z0-9_-]{0,70}|[a-c_]{0,6}|\\PC{0,12}",
        ) {
            let (Ok(server), Ok(other)) = (prefix(&server), prefix(&other)) else { return Ok(()) };
            if let Some(called) = server.name(&own) {
                prop_assert!(called.len() <= LONGEST && called.chars().all(letter));
                prop_assert_eq!(name(&called), Some((server.as_str(), own.as_str())));
            }
            // One that begins like another's does not read as the other's.
            let forged = other.name(&own).unwrap_or_default();
            if let Some(called) = server.name(&forged) {
                prop_assert_eq!(name(&called).map(|(prefix, _)| prefix), Some(server.as_str()));
            }
            let (called, forged) = (server.address(&own), server.address(&other.address(&own)));
            prop_assert_eq!(address(&called), Some((server.as_str(), own.as_str())));
            prop_assert_eq!(address(&forged).map(|(prefix, _)| prefix), Some(server.as_str()));
        }
    }
}
