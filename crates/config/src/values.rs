//! Single words of the file and of the command line, parsed into their meaning.

use std::time::Duration;

use portcullis_policy::Ask;

use crate::config::{Access, Account, Confinement, Network, Root, Source, Variable};
use crate::secret::{self, SecretString};

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

/// Reads `DIR`, `DIR:ro` or `DIR:rw`.
///
/// # Errors
/// [`Unfit`] when there is no directory, or it could not be one.
pub fn parse_root(text: &str) -> Result<Root, Unfit> {
    let (path, access) = match text.rsplit_once(':') {
        Some((path, "rw")) => (path, Access::Write),
        Some((path, "ro")) => (path, Access::Read),
        _ => (text, Access::Read),
    };
    Root::new(path, access)
}

/// Reads `ro` or `rw`.
///
/// # Errors
/// [`Unfit`] for any other word.
pub fn parse_access(text: &str) -> Result<Access, Unfit> {
    choose(text, "an access", ACCESS)
}

/// Every access with its word.
pub const ACCESS: &[(&str, Access)] = &[("ro", Access::Read), ("rw", Access::Write)];

/// Reads `none` or `host`.
///
/// # Errors
/// [`Unfit`] for anything else; names of hosts are not supported by this version.
pub fn parse_network(text: &str) -> Result<Network, Unfit> {
    match text {
        "none" => Ok(Network::None),
        "host" => Ok(Network::Host),
        _ => Err(Unfit::new(format!(
            "`{text}` is not a network: this version knows `none` and `host`, and no lists of names yet"
        ))),
    }
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
        None => Source::Value(SecretString::new(value)),
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

/// Refuses a plain value that is a secret; references are the way.
///
/// # Errors
/// [`Unfit`], without the secret.
pub(crate) fn refuse_secret(name: &str, value: &str) -> Result<(), Unfit> {
    match secret::look(value) {
        None => Ok(()),
        Some(kind) => Err(Unfit::new(format!(
            "the value of `{name}` looks like a secret ({kind}), and this file is no place for it: \
             write `{name} = {{ file = \"…\" }}` or `{name} = {{ env = \"{name}\" }}`"
        ))),
    }
}
