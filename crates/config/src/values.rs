//! Single words of the file and of the command line, parsed into their meaning.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use portcullis_guard::egress::{Reach, Rule};
use portcullis_guard::secret::SecretString;
use portcullis_policy::Ask;

use crate::config::{Access, Account, Confinement, Network, Pins, Root, Source, Variable};
use crate::secret;

/// A value that cannot be meant: what is wrong with it, and what would do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unfit(String);

impl Unfit {
    /// Says what is wrong, lower case, without a full stop.
    #[must_use]
    pub fn new(what: impl Into<String>) -> Self {
        Self(what.into())
    }
}

/// Reads `2m`, `60s`, `500ms` or `1h`.
///
/// # Errors
/// [`Unfit`] when there is no number, no unit, or no end to it.
pub fn parse_duration(text: &str) -> Result<Duration, Unfit> {
    let unfit =
        || Unfit::new(format!("`{text}` is not a duration: write `500ms`, `60s`, `2m` or `1h`"));
    let (number, unit) = split_unit(text).ok_or_else(unfit)?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(unfit()),
    };
    number.checked_mul(milliseconds).map(Duration::from_millis).ok_or_else(unfit)
}

/// Writes a duration as [`parse_duration`] reads it.
#[must_use]
pub fn show_duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    for (unit, size) in [("h", 3_600_000), ("m", 60_000), ("s", 1_000)] {
        if milliseconds >= size && milliseconds.is_multiple_of(size) {
            return format!("{}{unit}", milliseconds / size);
        }
    }
    format!("{milliseconds}ms")
}

/// Reads `4MiB`, `64KiB`, `1GiB` or `512B`.
///
/// # Errors
/// [`Unfit`] when there is no number, no unit, or no end to it.
pub fn parse_size(text: &str) -> Result<u64, Unfit> {
    let unfit = || Unfit::new(format!("`{text}` is not a size: write `64KiB`, `4MiB` or `1GiB`"));
    let (number, unit) = split_unit(text).ok_or_else(unfit)?;
    let bytes = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(unfit()),
    };
    number.checked_mul(bytes).ok_or_else(unfit)
}

/// Writes a size as [`parse_size`] reads it.
#[must_use]
pub fn show_size(bytes: u64) -> String {
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if bytes >> shift > 0 && bytes.is_multiple_of(1 << shift) {
            return format!("{}{unit}", bytes >> shift);
        }
    }
    format!("{bytes}B")
}

fn split_unit(text: &str) -> Option<(u64, &str)> {
    let (number, unit) = text.split_at_checked(text.find(|c: char| !c.is_ascii_digit())?)?;
    Some((number.parse().ok()?, unit))
}

/// Reads `DIR`, `DIR:ro` or `DIR:rw`, each with `:ask` after it or without.
///
/// # Errors
/// [`Unfit`] when there is no directory, or it could not be one.
pub fn parse_root(text: &str) -> Result<Root, Unfit> {
    let (text, asks) = match text.strip_suffix(":ask") {
        Some(text) => (text, true),
        None => (text, false),
    };
    let (path, access) = match text.rsplit_once(':') {
        Some((path, "rw")) => (path, Access::Write),
        Some((path, "ro")) => (path, Access::Read),
        _ => (text, Access::Read),
    };
    let root = Root::new(path, access)?;
    Ok(if asks { root.asking() } else { root })
}

/// Does a path mean the same wherever we are started: absolute, or below home?
#[must_use]
pub fn is_anchored(path: &str) -> bool {
    path.starts_with('/') || path == "~" || path.starts_with("~/")
}

/// Writes out the `~` at the start of a path; nothing where there is no home.
#[must_use]
pub fn expand_home(path: &str, home: Option<&Path>) -> Option<PathBuf> {
    match path.strip_prefix('~') {
        Some("") => home.map(Path::to_owned),
        // However many slashes follow, it stays below.
        Some(rest) if rest.starts_with('/') => Some(home?.join(rest.trim_start_matches('/'))),
        _ => Some(PathBuf::from(path)),
    }
}

/// Every access with its word.
pub const ACCESS: &[(&str, Access)] = &[("ro", Access::Read), ("rw", Access::Write)];

/// Reads `none`, `host`, or hosts with a comma between them.
///
/// # Errors
/// [`Unfit`] when one of them is no host, with what would be one.
pub fn parse_network(text: &str) -> Result<Network, Unfit> {
    match text {
        "none" => Ok(Network::None),
        "host" => Ok(Network::Host),
        _ => {
            let rules = text.split(',').map(|word| parse_reach(word.trim()));
            named(rules.collect::<Result<_, _>>()?)
        }
    }
}

/// Reads one host that may be reached: `HOST[:PORT]`, `*.HOST[:PORT]`, `ADDRESS:PORT`, or
/// `HOST[:PORT]=ADDRESS[:PORT]`.
///
/// # Errors
/// [`Unfit`] when it is none of these.
pub fn parse_reach(text: &str) -> Result<Rule, Unfit> {
    Rule::new(text).map_err(|wrong| Unfit::new(wrong.to_string()))
}

/// These hosts; none of them is `none`.
pub(crate) fn named(rules: Vec<Rule>) -> Result<Network, Unfit> {
    if rules.is_empty() {
        return Ok(Network::None);
    }
    Reach::new(rules).map(Network::Named).map_err(|wrong| Unfit::new(wrong.to_string()))
}

/// Reads `NAME`, `NAME=VALUE` or `NAME=@FILE`.
///
/// # Errors
/// [`Unfit`] when the name cannot name a variable; the value is never repeated.
pub fn parse_env(text: &str) -> Result<Variable, Unfit> {
    let (name, value) = match text.split_once('=') {
        None => return Variable::new(text, Source::Environment(text.to_owned())),
        Some(parts) => parts,
    };
    let source = match value.strip_prefix('@') {
        Some("") => {
            return Err(Unfit::new(format!("`{name}=@` names no file: write `{name}=@FILE`")));
        }
        Some(file) => Source::File(file.to_owned()),
        None => {
            secret::refuse_in_option(name, value)?;
            Source::Value(Arc::new(SecretString::new(value.to_owned())))
        }
    };
    Variable::new(name, source)
}

/// Reads `never`, `destructive`, `risky`, `writes` or `always`.
///
/// # Errors
/// [`Unfit`] for any other word.
pub fn parse_ask(text: &str) -> Result<Ask, Unfit> {
    choose(text, "a mode of asking", ASK)
}

/// Every mode of asking with its word, mildest first.
pub const ASK: &[(&str, Ask)] = &[
    ("never", Ask::Never),
    ("destructive", Ask::Destructive),
    ("risky", Ask::Risky),
    ("writes", Ask::Writes),
    ("always", Ask::Always),
];

/// Reads `full`, `landlock` or `none`.
///
/// # Errors
/// [`Unfit`] for any other word.
pub fn parse_confinement(text: &str) -> Result<Confinement, Unfit> {
    choose(text, "a confinement", CONFINEMENT)
}

/// Every confinement with its word, weakest last.
pub const CONFINEMENT: &[(&str, Confinement)] = &[
    ("full", Confinement::Full),
    ("landlock", Confinement::Landlock),
    ("none", Confinement::None),
];

/// Every way to treat pins with its word, mildest first.
pub const PINS: &[(&str, Pins)] =
    &[("note", Pins::Note), ("first", Pins::First), ("ask", Pins::Ask)];

/// Reads the name of an unprivileged account.
///
/// # Errors
/// [`Unfit`] when no account could have that name, or it is root.
pub fn parse_user(text: &str) -> Result<Account, Unfit> {
    Account::new(text)
}

/// Picks the meaning of one word out of few.
pub(crate) fn choose<T: Copy>(text: &str, what: &str, words: &[(&str, T)]) -> Result<T, Unfit> {
    let found = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
    found.ok_or_else(|| {
        let known: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        Unfit::new(format!("`{text}` is not {what}: choose {}", known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        let milliseconds = Duration::from_millis;
        for (text, expect) in [
            ("500ms", Some(milliseconds(500))),
            ("60s", Some(milliseconds(60_000))),
            ("2m", Some(milliseconds(120_000))),
            ("1h", Some(milliseconds(3_600_000))),
            ("0s", Some(Duration::ZERO)),
            ("", None),
            ("2", None),
            ("m", None),
            ("-2m", None),
            ("2.5m", None),
            ("2 m", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(parse_duration(text).ok(), expect, "{text}");
        }
        for text in ["500ms", "90s", "2m", "1h", "0ms"] {
            assert_eq!(show_duration(parse_duration(text).unwrap()), text);
        }
    }

    #[test]
    fn sizes() {
        for (text, expect) in [
            ("4MiB", Some(4 << 20)),
            ("64KiB", Some(64 << 10)),
            ("1GiB", Some(1 << 30)),
            ("7B", Some(7)),
            ("4MB", None),
            ("4", None),
            ("1KiBB", None),
            ("99999999999GiB", None),
        ] {
            assert_eq!(parse_size(text).ok(), expect, "{text}");
        }
        for text in ["4MiB", "1500B", "1GiB", "3KiB", "0B"] {
            assert_eq!(show_size(parse_size(text).unwrap()), text);
        }
    }

    #[test]
    fn roots() {
        for (text, path, access) in [
            ("/a", "/a", Access::Read),
            ("/a:ro", "/a", Access::Read),
            ("/a:rw", "/a", Access::Write),
            ("/a:b", "/a:b", Access::Read),
            ("/a:b:rw", "/a:b", Access::Write),
            (".", ".", Access::Read),
        ] {
            let root = parse_root(text).unwrap();
            assert_eq!((root.path(), root.access()), (path, access), "{text}");
        }
        for (text, path, asks) in [
            ("~/w:ask", "~/w", true),
            ("~/w:rw:ask", "~/w", true),
            ("~/w:ask:rw", "~/w:ask", false),
        ] {
            let root = parse_root(text).unwrap();
            assert_eq!((root.path(), root.asks()), (path, asks), "{text}");
        }
        assert!(parse_root("").is_err() && parse_root(":rw").is_err());
    }

    #[test]
    fn variables() {
        for (text, name, source) in [
            ("TOKEN", "TOKEN", "env TOKEN"),
            ("A=b=c", "A", "value b=c"),
            ("A=", "A", "value "),
            ("A=@/run/token", "A", "file /run/token"),
        ] {
            let variable = parse_env(text).unwrap();
            let read = match variable.source() {
                Source::Value(value) => format!("value {}", value.expose("a test")),
                Source::Environment(name) => format!("env {name}"),
                Source::File(path) => format!("file {path}"),
            };
            assert_eq!((variable.name(), read.as_str()), (name, source), "{text}");
            assert!(!format!("{variable:?}").contains("b=c"));
        }
        for bad in ["", "=x", "1A=x", "A B=hunter2", "A=@", "A-B"] {
            let said = parse_env(bad).unwrap_err().to_string();
            assert!(!said.contains("hunter2"), "{said}");
        }
    }

    #[test]
    fn networks_and_accounts() {
        assert_eq!(parse_network("none"), Ok(Network::None));
        assert_eq!(parse_network("host"), Ok(Network::Host));
        for (text, shown) in [
            ("api.github.com:443", "api.github.com:443"),
            ("a.test, *.b.test:8443", "a.test,*.b.test:8443"),
            ("127.0.0.1:8080,wiki.test=10.0.0.5", "127.0.0.1:8080,wiki.test=10.0.0.5"),
        ] {
            let network = parse_network(text).unwrap();
            assert!(matches!(network, Network::Named(_)), "{text}");
            assert_eq!(network.to_string(), shown);
            assert_eq!(parse_network(shown), Ok(network));
        }
        for bad in ["", "all", "*", "a.test,", "none,a.test:0", "https://a.test", "10.0.0.5"] {
            // A word that could be a host is one: `all` reaches a host of that name.
            assert_eq!(parse_network(bad).is_err(), bad != "all", "{bad}");
        }
        for (name, good) in
            [("nobody", true), ("mcp-1", true), ("65534", true), ("root", false), ("0", false)]
        {
            assert_eq!(parse_user(name).is_ok(), good, "{name}");
        }
        assert!(parse_user("").is_err() && parse_user("a b").is_err());
    }

    #[test]
    fn home_is_written_out() {
        for (path, expect, homeless) in [
            ("~", "/h", None),
            ("~/x", "/h/x", None),
            ("~//x", "/h/x", None),
            ("~ada/x", "~ada/x", Some("~ada/x")),
            ("/a/~", "/a/~", Some("/a/~")),
            ("a", "a", Some("a")),
        ] {
            let found = expand_home(path, Some(Path::new("/h")));
            assert_eq!(found.as_deref(), Some(Path::new(expect)), "{path}");
            assert_eq!(expand_home(path, None).as_deref(), homeless.map(Path::new), "{path}");
        }
    }
}
