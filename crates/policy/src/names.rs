//! What an operator may write about things that have a name: prompts and, by the
//! patterns of their URIs, resources.

use std::fmt;

use crate::rules::Pattern;

/// Which of a server's named things the host may have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// When present, nothing else is listed or used.
    pub allow: Option<Vec<Pattern>>,
    /// Allow lists of others, who only tighten: a name is on each of them too.
    pub ceilings: Vec<Vec<Pattern>>,
    /// These do not exist for the host.
    pub deny: Vec<Pattern>,
}

/// Why a name does not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unlisted {
    /// This entry of the deny list means it.
    Denied(Pattern),
    /// No entry of the allow list means it.
    NotAllowed,
}

impl fmt::Display for Unlisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(entry) => write!(f, "on the deny list (`{entry}`)"),
            Self::NotAllowed => f.write_str("not on the allow list"),
        }
    }
}

impl Names {
    /// Nothing was written, so everything passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allow.is_none() && self.ceilings.is_empty() && self.deny.is_empty()
    }

    /// Whether a name passes.
    ///
    /// # Errors
    /// [`Unlisted`].
    pub fn judge(&self, name: &str) -> Result<(), Unlisted> {
        if let Some(entry) = self.deny.iter().find(|entry| entry.matches(name)) {
            return Err(Unlisted::Denied(entry.clone()));
        }
        let passes = |allow: &Vec<Pattern>| allow.iter().any(|entry| entry.matches(name));
        if self.allow.iter().chain(&self.ceilings).all(passes) {
            Ok(())
        } else {
            Err(Unlisted::NotAllowed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deny_wins_and_an_allow_list_leaves_nothing_else() {
        let patterns = |texts: &[&str]| texts.iter().map(|text| Pattern::new(text)).collect();
        let lists = Names {
            allow: Some(patterns(&["review*"])),
            deny: patterns(&["*_all"]),
            ..Names::default()
        };
        for (name, expect) in [
            ("review", Ok(())),
            ("review_all", Err(Unlisted::Denied(Pattern::new("*_all")))),
            ("write", Err(Unlisted::NotAllowed)),
        ] {
            assert_eq!(lists.judge(name), expect, "{name}");
        }
        assert_eq!(Names::default().judge("anything"), Ok(()));
    }
}
