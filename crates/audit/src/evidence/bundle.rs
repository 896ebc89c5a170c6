//! What a bundle is (`.mcpb`, before that `.dxt`): an archive with a manifest, which a host unpacks and starts.

use serde::{Deserialize, Serialize};

use super::Place;
use super::config::Entry;
use super::source::LeftOut;

/// One bundle, unpacked into a place that is thrown away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bundle {
    /// What it says of itself, when that could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub manifest: Option<Manifest>,
    /// Whether somebody put their name to it.
    pub signature: Signature,
    /// How many entries it has.
    pub entries: u64,
    /// How much came of them, in bytes.
    pub bytes: u64,
    /// What no honest tool packs, by kind.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flaws: Vec<Flaw>,
    /// Why it was not started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unstarted: Option<String>,
    /// What could not be looked at, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<LeftOut>,
}

/// Whether a bundle is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signature {
    /// It is not.
    None,
    /// There is one behind the archive. Who made it was not looked at.
    Unverified,
}

/// Entries that were not unpacked, or that another program unpacks to something else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flaw {
    /// What is wrong with them.
    pub kind: FlawKind,
    /// The first of them.
    pub name: String,
    /// How many there are.
    pub times: u64,
}

/// What may be wrong with an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FlawKind {
    /// Its name is absolute, or leads upwards.
    LeadsOut,
    /// It is a link.
    Link,
    /// It is a device, a pipe or a socket.
    Device,
    /// A few bytes become very many.
    Bomb,
    /// It lies where another one lies.
    Overlaps,
    /// Two have one name.
    Twice,
    /// Two have names that are one where capitals do not count, or one is a directory of the other.
    Collides,
    /// It has two names, or two forms: one in the directory, one where it lies.
    Disagrees,
    /// It is encrypted.
    Encrypted,
    /// Its name has characters that no name has.
    OddName,
    /// Its content is not what the directory says.
    Broken,
    /// There are bytes behind the archive that are no signature.
    Behind,
}

impl FlawKind {
    /// In words, behind the name of an entry.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::LeadsOut => "leads out of the directory that it is unpacked into",
            Self::Link => "is a link, and what is unpacked later goes through it",
            Self::Device => "is a device, a pipe or a socket",
            Self::Bomb => "becomes far more than it is",
            Self::Overlaps => "lies where another entry lies",
            Self::Twice => "is there twice, and who unpacks it decides which one counts",
            Self::Collides => "is one with another entry where capitals do not count",
            Self::Disagrees => "has one name or form in the directory, and another where it lies",
            Self::Encrypted => "is encrypted, so that nobody looks into it",
            Self::OddName => "has a name that is shown as another one, or is none",
            Self::Broken => "is not what the directory says, or cannot be unpacked",
            Self::Behind => "follows behind the archive, and is no signature",
        }
    }
}

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The version of its form.
    pub format: String,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What runs it: `node`, `python`, `binary` or `uv`.
    pub kind: String,
    /// How a host starts it, with the settings' own values in place of their names.
    pub entry: Entry,
    /// What a host asks a person for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub settings: Vec<Setting>,
    /// The tools that it says it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Vec<String>>,
    /// Whether it says that there are others, which are made when it runs.
    #[serde(default)]
    pub generated: bool,
}

/// One thing that a host asks a person for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// `string`, `number`, `boolean`, `directory` or `file`.
    pub kind: String,
    /// Whether the host is told to keep it like a secret.
    pub sensitive: bool,
    /// Whether its name or its title is one of a secret.
    pub secret: bool,
    /// Whether nothing starts without it.
    pub required: bool,
    /// Whether it has a value of its own.
    pub preset: bool,
    /// Whether it becomes a word of the command.
    pub in_command: bool,
}
