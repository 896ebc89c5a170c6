//! What a server offers and how it is started, as first approved: its pins.
//!
//! ```text
//!  seen for the first time ──▶ pinned ── seen again: the same ───────▶ passes
//!                                │  └─── seen again: it drifted ─────▶ withheld
//!                                ◀── a person accepts what was seen ───┘
//! ```
//!
//! Read in this order: `definition.rs` (a tool, a prompt or a server, field by
//! field), `volatile.rs` (what may vary from start to start), `compare.rs` (what
//! drifted, and how bad that is). `control/definition_pinned.rs` is where a
//! session meets its pins.

mod compare;
mod definition;
mod kin;
mod volatile;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

pub use compare::{Change, Risk, compare};
pub use definition::{Definition, Field};
pub use kin::{kin, resembles};
pub use volatile::{Place, Surroundings};

/// What is pinned together: it is seen in one answer of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Section {
    /// The command, its program and its files.
    Launch,
    /// Its handshake: instructions, capabilities, revision.
    Server,
    /// Its tools.
    Tool,
    /// Its prompts.
    Prompt,
    /// Its resources.
    Resource,
    /// Its resource templates.
    Template,
}

impl Section {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Launch, Self::Server, Self::Tool, Self::Prompt, Self::Resource, Self::Template];

    /// The word in lists and messages.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Launch => "launch",
            Self::Server => "server",
            Self::Tool => "tool",
            Self::Prompt => "prompt",
            Self::Resource => "resource",
            Self::Template => "template",
        }
    }

    /// Reads the word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|section| section.as_str() == text)
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing that has a pin: a tool by its name, a resource by its URI.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Part {
    /// What kind of thing.
    pub section: Section,
    /// Its name; empty where there is one of a kind.
    pub name: String,
}

impl Part {
    /// A part by kind and name.
    #[must_use]
    pub fn new(section: Section, name: &str) -> Self {
        Self { section, name: name.to_owned() }
    }
}

impl fmt::Display for Part {
    /// As a person reads it: nothing in a name stays hidden.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.is_empty() {
            return f.write_str(self.section.as_str());
        }
        let name = portcullis_guard::text::bounded(&self.name, 128);
        write!(f, "{} `{}`", self.section, portcullis_guard::text::visible(&name))
    }
}

/// A definition, and what surrounded the server when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    /// What it was.
    pub definition: Definition,
    /// What the server was told of its surroundings then.
    pub surroundings: Surroundings,
}

/// Everything that is pinned of one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// Each part as it was approved.
    pub parts: BTreeMap<Part, Pinned>,
    /// Sections that were seen to their end: whatever is not in `parts` is new.
    pub whole: BTreeSet<Section>,
}

/// What an operator wants of pins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mode {
    /// Drift is recorded and withholds nothing.
    Note,
    /// What is seen first is pinned, and what drifts is withheld.
    #[default]
    First,
    /// Nothing passes before a person has accepted it.
    Ask,
}

/// What a session is told about pins.
#[derive(Clone, Debug, Default)]
pub struct Pinning {
    /// What the operator wants.
    pub mode: Mode,
    /// What was pinned before.
    pub pins: Pins,
    /// What this process of the server was told of its surroundings.
    pub surroundings: Surroundings,
    /// Somebody is there who can be asked about drift.
    pub asks: bool,
    /// Tools of other servers, by the look of their names: see [`resembles`].
    pub neighbours: BTreeMap<String, (String, String)>,
}

/// What was seen of one section, for whoever keeps pins.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sighting {
    /// Seen for the first time, to be pinned unless somebody pinned it meanwhile.
    pub first: BTreeMap<Part, Definition>,
    /// Pinned, and seen as something better: what it was, and what it is pinned as now.
    pub risen: BTreeMap<Part, (Definition, Definition)>,
    /// Seen as something else than what is pinned: candidates for acceptance.
    pub drifted: BTreeMap<Part, Definition>,
    /// Seen as pinned again: no longer a candidate.
    pub same: BTreeSet<Part>,
    /// Pinned, and listed no more.
    pub gone: BTreeSet<Part>,
    /// The section was seen to its end.
    pub whole: Option<Section>,
    /// What surrounded the server.
    pub surroundings: Surroundings,
}
