//! What an operator may write about a server's tools, and its meaning.

use std::collections::BTreeSet;
use std::fmt;

use portcullis_catalog::control;
use serde::{Deserialize, Serialize};

use crate::decision::{Decision, Effect};

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
    /// These are asked whatever their tier.
    pub ask: Vec<Pattern>,
    /// These do not exist for the host.
    pub deny: Vec<Pattern>,
    /// Which tiers are asked.
    pub mode: Ask,
}

impl Rules {
    /// Is this tool there at all? (MCP-CAP-05)
    pub fn judge_listing(&self, tool: &str) -> Decision {
        let hit = |pattern: &&Pattern| pattern.matches(tool);
        if let Some(pattern) = self.deny.iter().find(hit) {
            let why = format!("`{tool}` is on the deny list (`{pattern}`)");
            return Decision::deny(control::TOOLS_LISTED, why);
        }
        match &self.allow {
            Some(allow) if !allow.iter().any(|pattern| pattern.matches(tool)) => {
                Decision::deny(control::TOOLS_LISTED, format!("`{tool}` is not on the allow list"))
            }
            _ => Decision::default(),
        }
    }

    /// May this call run without a person? (MCP-APPR-01 to 05)
    pub fn judge_call(&self, tool: ToolFacts<'_>) -> Decision {
        let reasons = self.reasons_to_ask(tool);
        let effect = if self.mode == Ask::Never { Effect::Deny } else { Effect::Ask };
        reasons.into_iter().fold(Decision::default(), |decision, why| {
            decision.and(Decision::because(effect, control::APPROVE_BY_RISK, why))
        })
    }

    fn reasons_to_ask(&self, tool: ToolFacts<'_>) -> BTreeSet<String> {
        let ToolFacts { name, tier, changed, first_open_world_use } = tool;
        // With nobody there, what `risky` would ask is denied.
        let mode = if self.mode == Ask::Never { Ask::Risky } else { self.mode };
        let mut reasons = BTreeSet::new();
        if let Some(pattern) = self.ask.iter().find(|pattern| pattern.matches(name)) {
            reasons.insert(format!("`{name}` is on the ask list (`{pattern}`)"));
        }
        if changed {
            reasons.insert(format!("the definition of `{name}` changed since it was first seen"));
        }
        if tier >= Tier::Unknown || (mode >= Ask::Writes && tier >= Tier::Write) {
            reasons.insert(format!("`{name}` is in tier {tier}"));
        }
        if mode >= Ask::Risky && first_open_world_use {
            reasons.insert(format!("first use of `{name}`, which may reach the open world"));
        }
        if mode == Ask::Always {
            reasons.insert("every call is asked".to_owned());
        }
        reasons
    }

    /// Every pattern with its list's name, for warnings about dead entries.
    pub fn patterns(&self) -> impl Iterator<Item = (&'static str, &Pattern)> {
        let allow = self.allow.iter().flatten().map(|pattern| ("allow", pattern));
        let ask = self.ask.iter().map(|pattern| ("ask", pattern));
        let deny = self.deny.iter().map(|pattern| ("deny", pattern));
        allow.chain(ask).chain(deny)
    }
}

/// A tool name in which `*` stands for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// Any text is a pattern; an empty one matches only the empty name.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Linear in the product of both lengths at worst, with no recursion.
    #[must_use]
    pub fn matches(&self, name: &str) -> bool {
        let mut pieces = self.0.split('*');
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
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(name: &str, tier: Tier) -> ToolFacts<'_> {
        ToolFacts { name, tier, changed: false, first_open_world_use: false }
    }

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

    #[test]
    fn deny_beats_allow_and_an_allow_list_is_exclusive() {
        let rules = Rules {
            allow: Some(vec![Pattern::new("read_*"), Pattern::new("delete_*")]),
            deny: vec![Pattern::new("delete_*")],
            ..Rules::default()
        };
        let effect = |tool| rules.judge_listing(tool).effect;
        assert_eq!(effect("read_file"), Effect::Allow);
        assert_eq!(effect("delete_file"), Effect::Deny);
        assert_eq!(effect("write_file"), Effect::Deny);
    }

    #[test]
    fn modes_by_tier() {
        use Effect::{Allow, Ask as AskPerson, Deny};
        for (mode, read, write, unknown, exec) in [
            (Ask::Never, Allow, Allow, Deny, Deny),
            (Ask::Destructive, Allow, Allow, AskPerson, AskPerson),
            (Ask::Risky, Allow, Allow, AskPerson, AskPerson),
            (Ask::Writes, Allow, AskPerson, AskPerson, AskPerson),
            (Ask::Always, AskPerson, AskPerson, AskPerson, AskPerson),
        ] {
            let rules = Rules { mode, ..Rules::default() };
            let effect = |tier| rules.judge_call(facts("t", tier)).effect;
            assert_eq!(effect(Tier::Read), read, "{mode:?} read");
            assert_eq!(effect(Tier::Write), write, "{mode:?} write");
            assert_eq!(effect(Tier::Unknown), unknown, "{mode:?} unknown");
            assert_eq!(effect(Tier::Exec), exec, "{mode:?} exec");
        }
    }

    #[test]
    fn a_changed_tool_and_a_first_open_world_use_are_asked() {
        let rules = Rules::default();
        let changed = ToolFacts { changed: true, ..facts("t", Tier::Read) };
        let open = ToolFacts { first_open_world_use: true, ..facts("t", Tier::Read) };
        assert_eq!(rules.judge_call(changed).effect, Effect::Ask);
        assert_eq!(rules.judge_call(open).effect, Effect::Ask);
        let mild = Rules { mode: Ask::Destructive, ..Rules::default() };
        assert_eq!(mild.judge_call(open).effect, Effect::Allow);
        assert_eq!(mild.judge_call(changed).effect, Effect::Ask);
    }
}
