//! One thing that is wrong, with where, how it is known, and how to mend it.

use serde::{Deserialize, Serialize};

use crate::evidence::Place;
use crate::evidence::source::Step;

/// How bad it is when it is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// A weakness that needs another one.
    Low,
    /// Bounded power, or a layer that is missing.
    Medium,
    /// Harm by itself, in a bounded place.
    High,
    /// Whoever may call it has the machine, or the data.
    Critical,
}

impl Severity {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// How sure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Something speaks for it.
    Possible,
    /// The code says so, or an answer does.
    Likely,
    /// It was done, and its effect was seen.
    Confirmed,
}

impl Confidence {
    /// The word in reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Possible => "possible",
            Self::Likely => "likely",
            Self::Confirmed => "confirmed",
        }
    }
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Location {
    /// In a file.
    Source(Place),
    /// At a server.
    Server {
        /// Which server, as the report names it.
        server: String,
        /// Which tool, resource or prompt.
        #[serde(skip_serializing_if = "Option::is_none")]
        tool: Option<String>,
        /// Which parameter.
        #[serde(skip_serializing_if = "Option::is_none")]
        parameter: Option<String>,
    },
}

impl Location {
    /// The place in a file, when it is one.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Source(place) => Some(place),
            Self::Server { .. } => None,
        }
    }
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Source(place) => place.fmt(f),
            Self::Server { server, tool, parameter } => {
                let mut more = [tool, parameter].into_iter().flatten();
                f.write_str(server)?;
                more.try_for_each(|part| write!(f, "/{part}"))
            }
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The check's id.
    pub check: String,
    /// How bad.
    pub severity: Severity,
    /// How sure.
    pub confidence: Confidence,
    /// One line that names the thing itself.
    pub title: String,
    /// Where.
    pub location: Location,
    /// Where the caller's value comes from and goes to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// The request that proves it: `params` of `tools/call`, or `{"curl": ...}` for one over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reproducer: Option<serde_json::Value>,
    /// What was seen, in words.
    pub evidence: String,
}
