//! How a person is called to a question.

/// A way to call a person. Every question also waits in the list of approvals, which
/// calls nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// The terminal that the gateway was started from.
    Terminal,
    /// The host, by a form or a link of its own.
    Elicitation,
    /// A console that is open.
    Console,
}

impl Channel {
    /// Each with its word.
    pub const WORDS: &[(&str, Self)] = &[
        ("terminal", Self::Terminal),
        ("elicitation", Self::Elicitation),
        ("console", Self::Console),
    ];

    /// The order in which they are tried when nobody says another one.
    pub const USUAL: &[Self] = &[Self::Terminal, Self::Elicitation, Self::Console];

    /// The word in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Terminal => "terminal",
            Self::Elicitation => "elicitation",
            Self::Console => "console",
        }
    }
}
