//! What was said about the questions of a server, and what it settles to.

use portcullis_guard::egress::Reach;
use portcullis_policy::{Ask, Elicitation, Names, Opening, Review, Sampling};

/// What was written in `[server.NAME.sampling]`; the rest is inherited.
#[derive(Clone, Debug, Default)]
pub struct SomeSampling {
    pub(crate) mode: Option<Opening>,
    pub(crate) review: Option<Review>,
    pub(crate) max_tokens: Option<u32>,
    pub(crate) models: Option<Names>,
    pub(crate) per_minute: Option<u32>,
    pub(crate) per_hour: Option<u32>,
}

/// What was written in `[server.NAME.elicitation]`; the rest is inherited.
#[derive(Clone, Debug, Default)]
pub struct SomeElicitation {
    pub(crate) mode: Option<Opening>,
    pub(crate) urls: Option<Reach>,
    pub(crate) per_call: Option<u32>,
    pub(crate) per_hour: Option<u32>,
}

impl SomeSampling {
    pub(crate) fn over(self, other: Self) -> Self {
        Self {
            mode: self.mode.or(other.mode),
            review: self.review.or(other.review),
            max_tokens: self.max_tokens.or(other.max_tokens),
            models: self.models.or(other.models),
            per_minute: self.per_minute.or(other.per_minute),
            per_hour: self.per_hour.or(other.per_hour),
        }
    }

    /// The same, with nothing left unsaid that has a usual value.
    pub(crate) fn said(self) -> Self {
        let usual = Sampling::default();
        Self {
            mode: self.mode.or(Some(usual.mode)),
            review: self.review.or(Some(usual.review)),
            max_tokens: self.max_tokens.or(Some(usual.max_tokens)),
            models: self.models,
            per_minute: self.per_minute.or(Some(usual.per_minute)),
            per_hour: self.per_hour.or(Some(usual.per_hour)),
        }
    }

    /// Fills in what was not written. Where nobody is there to ask, what would be
    /// asked is refused.
    pub(crate) fn settle(self, ask: Ask) -> Sampling {
        let usual = Sampling::default();
        Sampling {
            mode: with(self.mode.unwrap_or(usual.mode), ask),
            review: self.review.unwrap_or(usual.review),
            max_tokens: self.max_tokens.unwrap_or(usual.max_tokens),
            models: self.models.unwrap_or_default(),
            per_minute: self.per_minute.unwrap_or(usual.per_minute),
            per_hour: self.per_hour.unwrap_or(usual.per_hour),
        }
    }
}

impl SomeElicitation {
    pub(crate) fn over(self, other: Self) -> Self {
        Self {
            mode: self.mode.or(other.mode),
            urls: self.urls.or(other.urls),
            per_call: self.per_call.or(other.per_call),
            per_hour: self.per_hour.or(other.per_hour),
        }
    }

    /// The same, with nothing left unsaid.
    pub(crate) fn said(self) -> Self {
        let usual = Elicitation::default();
        Self {
            mode: self.mode.or(Some(usual.mode)),
            urls: self.urls.or_else(|| Some(Reach::default())),
            per_call: self.per_call.or(Some(usual.per_call)),
            per_hour: self.per_hour.or(Some(usual.per_hour)),
        }
    }

    /// Fills in what was not written, as [`SomeSampling::settle`] does.
    pub(crate) fn settle(self, ask: Ask) -> (Elicitation, Reach) {
        let usual = Elicitation::default();
        let elicitation = Elicitation {
            mode: with(self.mode.unwrap_or(usual.mode), ask),
            per_call: self.per_call.unwrap_or(usual.per_call),
            per_hour: self.per_hour.unwrap_or(usual.per_hour),
        };
        (elicitation, self.urls.unwrap_or_default())
    }
}

fn with(mode: Opening, ask: Ask) -> Opening {
    if mode == Opening::Ask && ask == Ask::Never { Opening::Refuse } else { mode }
}
