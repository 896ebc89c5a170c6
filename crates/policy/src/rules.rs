//! What an operator may write about a server without writing a policy;
//! [`crate::lists`] says it in Cedar.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::names::Names;
use crate::place::Place;

/// How risky a call of a tool is, mildest first.
///
/// Computed by us from name, schema and hints; a hint can raise the tier but
/// never lower it (MCP-TOOL-03, MCP-APPR-04).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tier {
    /// Reads only, as far as name, schema and hints agree.
    Read,
    /// Adds or changes things.
    Write,
    /// Nothing says what it does.
    Unknown,
    /// Deletes or overwrites things.
    Destructive,
    /// Runs code or commands.
    Exec,
}

impl Tier {
    /// The word used in records, questions and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Unknown => "unknown",
            Self::Destructive => "destructive",
            Self::Exec => "exec",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which calls a person must approve (`--ask`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Ask {
    /// Nobody is there to ask: what `risky` would ask is denied.
    Never,
    /// Exec, destructive and unknown tools, and changed ones.
    Destructive,
    /// These, and the first use of an open-world tool.
    #[default]
    Risky,
    /// These, and writing tools.
    Writes,
    /// Every call.
    Always,
}

impl Ask {
    /// The word in files, options and policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Never => "never",
            Self::Destructive => "destructive",
            Self::Risky => "risky",
            Self::Writes => "writes",
            Self::Always => "always",
        }
    }
}

/// What is known about the tool of one call when rules are judged.
#[derive(Clone, Copy, Debug)]
pub struct ToolFacts<'a> {
    /// The tool's exact name.
    pub name: &'a str,
    /// Our assessment of its risk.
    pub tier: Tier,
    /// Its definition is not the one first seen.
    pub changed: bool,
    /// It may reach the open world and has not been used in this session.
    pub first_open_world_use: bool,
}

/// The lists and modes an operator set for one server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// When present, nothing else is listed or called.
    pub allow: Option<Vec<Pattern>>,
    /// Allow lists of others, who may only tighten: a tool is on each of them too.
    pub ceilings: Vec<Vec<Pattern>>,
    /// These are asked whatever their tier.
    pub ask: Vec<Pattern>,
    /// These do not exist for the host.
    pub deny: Vec<Pattern>,
    /// Which tiers are asked.
    pub mode: Ask,
    /// Where that was written.
    pub mode_at: Option<Place>,
    /// Which resources the host may have; what an entry means, others know.
    pub resources: Names,
    /// Which prompts the host may have.
    pub prompts: Names,
}

impl Rules {
    /// Every pattern with its list's name, for warnings about dead entries.
    pub fn patterns(&self) -> impl Iterator<Item = (&'static str, &Pattern)> {
        let allow = self.allow.iter().chain(&self.ceilings).flatten();
        let allow = allow.map(|pattern| ("allow", pattern));
        let ask = self.ask.iter().map(|pattern| ("ask", pattern));
        let deny = self.deny.iter().map(|pattern| ("deny", pattern));
        allow.chain(ask).chain(deny)
    }
}

/// A tool name in which `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    place: Option<Place>,
}

impl Pattern {
    /// Any text is a pattern; an empty one matches only the empty name.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), place: None }
    }

    /// The same pattern, and where it was written.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Where it was written.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }

    /// Linear in the product of both lengths at worst, with no recursion.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut pieces = self.text.split('*');
        let Some(first) = pieces.next() else { return false };
        let Some(mut rest) = name.strip_prefix(first) else { return false };
        let Some(last) = pieces.next_back() else { return rest.is_empty() };
        for piece in pieces {
            match rest.split_once(piece) {
                _ if piece.is_empty() => {}
                Some((_, after)) => rest = after,
                None => return false,
            }
        }
        rest.ends_with(last)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expect) in [
            ("delete_*", "delete_file", true),
            ("delete_*", "undelete_file", false),
            ("*", "", true),
            ("*_file", "read_file", true),
            ("a*b*c", "a__b__c", true),
            ("a*b*c", "acb", false),
            ("ab", "ab", true),
            ("ab", "abc", false),
            ("aa*aa", "aaa", false),
            ("a**b", "axb", true),
            ("*x*", "axb", true),
        ] {
            assert_eq!(Pattern::new(pattern).matches(name), expect, "{pattern} {name}");
        }
    }
}
