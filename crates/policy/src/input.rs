//! What a server may ask of the host's model, and of the person.

use crate::names::Names;

/// What becomes of a question of a server, mildest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Opening {
    /// It is judged, and goes on when nothing speaks against it.
    Show,
    /// It is judged, and a person says whether it goes on.
    Ask,
    /// It is refused.
    #[default]
    Refuse,
}

impl Opening {
    /// Each with its word, mildest first.
    pub const WORDS: &[(&str, Self)] =
        &[("show", Self::Show), ("ask", Self::Ask), ("refuse", Self::Refuse)];

    /// The word in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Show => "show",
            Self::Ask => "ask",
            Self::Refuse => "refuse",
        }
    }
}

/// What of a conversation with the model a person is asked about, mildest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Review {
    /// What the server wants; what the model answers goes on unasked.
    Request,
    /// That, and what the model answered, before the server gets it.
    #[default]
    Both,
}

impl Review {
    /// Each with its word, mildest first.
    pub const WORDS: &[(&str, Self)] = &[("request", Self::Request), ("both", Self::Both)];

    /// The word in files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Both => "both",
        }
    }
}

/// What a server may ask of the host's model. It never goes on unasked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sampling {
    /// Whether it may ask at all; what would be shown unasked is asked.
    pub mode: Opening,
    /// What a person sees of it.
    pub review: Review,
    /// The longest answer that it may want.
    pub max_tokens: u32,
    /// The models that it may wish for.
    pub models: Names,
    /// How often in a minute.
    pub per_minute: u32,
    /// How often in an hour.
    pub per_hour: u32,
}

impl Sampling {
    /// What may be written for its mode, mildest first.
    pub const MODES: &[(&str, Opening)] = &[("ask", Opening::Ask), ("refuse", Opening::Refuse)];
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            mode: Opening::Refuse,
            review: Review::Both,
            max_tokens: 1024,
            models: Names::default(),
            per_minute: 4,
            per_hour: 30,
        }
    }
}

/// What a server may ask of the person. Where it may send them stands beside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elicitation {
    /// Whether it may ask at all.
    pub mode: Opening,
    /// How often while one call runs.
    pub per_call: u32,
    /// How often in an hour.
    pub per_hour: u32,
}

impl Default for Elicitation {
    fn default() -> Self {
        Self { mode: Opening::Refuse, per_call: 3, per_hour: 20 }
    }
}
