//! What a published package is, beside its source: which one, what its installation runs, what it starts.

use portcullis_guard::launch::Registry;
use serde::{Deserialize, Serialize};

use super::source::LeftOut;

/// Where a package is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Published {
    /// The registry of npm.
    Npm,
    /// The Python Package Index.
    Pypi,
}

impl Published {
    /// The same, as whoever reads commands calls it.
    #[must_use]
    pub fn registry(self) -> Registry {
        match self {
            Self::Npm => Registry::Npm,
            Self::Pypi => Registry::Python,
        }
    }
}

/// One version of a package, installed into a place that is thrown away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Where it is published.
    pub published: Published,
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What its files hash to, as the installer checked it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integrity: Option<String>,
    /// How many packages came with it, itself among them.
    #[serde(default)]
    pub packages: usize,
    /// Why it could not be brought: its installer's last words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// What would run on the machine of whoever installs it. Nothing of it ran here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scripts: Vec<Script>,
    /// The programs that it brings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub programs: Vec<String>,
    /// What could not be looked at, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unread: Vec<LeftOut>,
}

/// A script that an installer runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// Whose it is.
    pub package: String,
    /// When it runs: `preinstall`, `install`, `postinstall`, or `build`.
    pub when: String,
    /// What it runs, credentials covered.
    pub command: String,
}
