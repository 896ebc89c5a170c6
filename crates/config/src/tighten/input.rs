//! The same for what a server may ask.

use portcullis_guard::egress::Reach;

use super::{Tighten, both, prompts};
use crate::input::{SomeElicitation, SomeSampling};

impl Tighten<'_> {
    pub(super) fn sampling(
        &mut self,
        outer: SomeSampling,
        inner: SomeSampling,
        usual: SomeSampling,
    ) -> SomeSampling {
        let (o, i, u) = (outer, inner, usual);
        SomeSampling {
            mode: self.most("sampling.mode", o.mode, i.mode, u.mode, |it| it.as_str().to_owned()),
            review: self
                .most("sampling.review", o.review, i.review, u.review, |it| it.as_str().to_owned()),
            max_tokens: self.least(
                "sampling.max_tokens",
                o.max_tokens,
                i.max_tokens,
                u.max_tokens,
                ToString::to_string,
            ),
            models: both(o.models, i.models, prompts),
            per_minute: self.least(
                "sampling.per_minute",
                o.per_minute,
                i.per_minute,
                u.per_minute,
                ToString::to_string,
            ),
            per_hour: self.least(
                "sampling.per_hour",
                o.per_hour,
                i.per_hour,
                u.per_hour,
                ToString::to_string,
            ),
        }
    }

    pub(super) fn elicitation(
        &mut self,
        outer: SomeElicitation,
        inner: SomeElicitation,
        usual: SomeElicitation,
    ) -> SomeElicitation {
        let (o, i, u) = (outer, inner, usual);
        let listed = |inner: &Reach, outer: &Reach| outer.exceeded_by(inner).is_none();
        SomeElicitation {
            mode: self
                .most("elicitation.mode", o.mode, i.mode, u.mode, |it| it.as_str().to_owned()),
            urls: self.keep(
                "elicitation.urls",
                o.urls,
                i.urls,
                u.urls,
                listed,
                ToString::to_string,
            ),
            per_call: self.least(
                "elicitation.per_call",
                o.per_call,
                i.per_call,
                u.per_call,
                ToString::to_string,
            ),
            per_hour: self.least(
                "elicitation.per_hour",
                o.per_hour,
                i.per_hour,
                u.per_hour,
                ToString::to_string,
            ),
        }
    }
}
