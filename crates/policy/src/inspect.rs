//! What becomes of suspicious text in what a server says, and of what flows through
//! a session.

use crate::rules::Ask;

/// What is done about a finding, mildest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Treatment {
    /// It is not looked for.
    Off,
    /// It passes, and shows: written out, or labelled as data.
    Mark,
    /// It is taken out, and the rest passes.
    Redact,
    /// A person must say yes.
    Ask,
    /// What holds it does not pass.
    Deny,
}

impl Treatment {
    /// Every treatment with its word.
    pub const ALL: [(&'static str, Self); 5] = [
        ("off", Self::Off),
        ("mark", Self::Mark),
        ("redact", Self::Redact),
        ("ask", Self::Ask),
        ("deny", Self::Deny),
    ];

    /// The word in files and records.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Mark => "mark",
            Self::Redact => "redact",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }

    /// Reads a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(known, _)| *known == word).map(|(_, treatment)| treatment)
    }
}

/// What becomes of a call that would carry private data out of a session in which
/// somebody outside has spoken, mildest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Flow {
    /// It is recorded, and passes.
    Observe,
    /// A person is asked.
    #[default]
    Ask,
    /// It does not pass.
    Deny,
}

impl Flow {
    /// Each with its word, mildest first.
    pub const WORDS: &[(&str, Self)] =
        &[("observe", Self::Observe), ("ask", Self::Ask), ("deny", Self::Deny)];

    /// The word in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Observe => "observe",
            Self::Ask => "ask",
            Self::Deny => "deny",
        }
    }

    /// Where nobody is there to ask, what would be asked does not pass.
    #[must_use]
    pub fn with(self, mode: Ask) -> Self {
        if self == Self::Ask && mode == Ask::Never { Self::Deny } else { self }
    }
}

/// The operator's choices for one server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inspect {
    /// Characters that hide, reorder, or speak to a terminal.
    pub hidden: Treatment,
    /// Orders to a model, in results, resources, prompts and messages.
    pub instructions: Treatment,
    /// Credentials, by the form their issuers give them.
    pub secrets: Treatment,
    /// Hidden characters and orders in definitions and in the server's own
    /// instructions.
    pub definitions: Treatment,
    /// Stack traces, SQL, places and versions in errors.
    pub errors: Treatment,
    /// What tools bring from the world outside.
    pub open_world: Treatment,
}

impl Inspect {
    /// Nothing is looked for.
    pub const NOTHING: Self = Self {
        hidden: Treatment::Off,
        instructions: Treatment::Off,
        secrets: Treatment::Off,
        definitions: Treatment::Off,
        errors: Treatment::Off,
        open_world: Treatment::Off,
    };
}

impl Default for Inspect {
    /// What reads text goes on working: a page with an order in it is shown as
    /// data. A definition has no reason to give orders, so there it is withheld.
    fn default() -> Self {
        Self {
            hidden: Treatment::Mark,
            instructions: Treatment::Mark,
            secrets: Treatment::Redact,
            definitions: Treatment::Deny,
            errors: Treatment::Redact,
            open_world: Treatment::Mark,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_nobody_can_be_asked_nothing_is_asked() {
        for mode in [Ask::Destructive, Ask::Risky, Ask::Writes, Ask::Always] {
            assert_eq!(Flow::Ask.with(mode), Flow::Ask);
        }
        assert_eq!(Flow::Ask.with(Ask::Never), Flow::Deny);
        assert_eq!(Flow::Observe.with(Ask::Never), Flow::Observe);
        assert!(Flow::WORDS.is_sorted_by_key(|(_, flow)| *flow));
    }

    #[test]
    fn every_word_is_read_as_it_is_written() {
        for (word, treatment) in Treatment::ALL {
            assert_eq!((Treatment::parse(word), treatment.as_str()), (Some(treatment), word));
        }
        assert_eq!(Treatment::parse("maybe"), None);
    }
}
