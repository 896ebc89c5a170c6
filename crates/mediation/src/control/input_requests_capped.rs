//! A server asks for the model and for the person only so often (MCP-SAMP-05,
//! MCP-ELIC-10): beyond that it is answered no, and nobody sees the question.

use std::time::{Duration, Instant};

use portcullis_catalog::control::INPUT_REQUESTS_CAPPED;
use portcullis_policy::Decision;

use super::calls_per_minute::Quota;
use crate::settings::MayAsk;

/// How often a server has asked.
#[derive(Debug)]
pub(crate) struct Asking {
    models_minute: Quota,
    models_hour: Quota,
    people_hour: Quota,
    per_call: u32,
}

impl Asking {
    pub(crate) fn new(may: &MayAsk) -> Self {
        let (minute, hour) = (Duration::from_secs(60), Duration::from_secs(3600));
        Self {
            models_minute: Quota::new(may.sampling.per_minute, minute),
            models_hour: Quota::new(may.sampling.per_hour, hour),
            people_hour: Quota::new(may.elicitation.per_hour, hour),
            per_call: may.elicitation.per_call,
        }
    }

    /// One more question of this method. `before` is how many questions for the person
    /// the call that it belongs to has had.
    pub(crate) fn spend(&mut self, method: &str, before: u32, now: Instant) -> Decision {
        let no = |why: &str| Decision::deny(INPUT_REQUESTS_CAPPED, why);
        match method {
            "sampling/createMessage" => {
                let spent =
                    self.models_minute.spend(now).and_then(|()| self.models_hour.spend(now));
                spent.map_or_else(|_| no("it asks for the model too often"), |()| yes())
            }
            "elicitation/create" if before >= self.per_call => {
                no("one call has asked the person often enough")
            }
            "elicitation/create" => {
                let spent = self.people_hour.spend(now);
                spent.map_or_else(|_| no("it asks the person too often"), |()| yes())
            }
            _ => yes(),
        }
    }
}

fn yes() -> Decision {
    Decision::default()
}

#[cfg(test)]
mod tests {
    use portcullis_policy::{Effect, Elicitation, Sampling};

    use super::*;

    #[test]
    fn nagging_ends() {
        #[expect(clippy::disallowed_methods, reason = "an arbitrary epoch")]
        let start = Instant::now();
        let (model, person) = ("sampling/createMessage", "elicitation/create");
        let may = MayAsk {
            sampling: Sampling { per_minute: 2, per_hour: 3, ..Sampling::default() },
            elicitation: Elicitation { per_call: 1, per_hour: 2, ..Elicitation::default() },
            ..MayAsk::default()
        };
        let mut asking = Asking::new(&may);
        let minute = start + Duration::from_secs(60);
        for (method, before, now, expect) in [
            (model, 0, start, Effect::Allow),
            (model, 0, start, Effect::Allow),
            (model, 0, start, Effect::Deny),
            (model, 0, minute, Effect::Allow),
            (model, 0, minute, Effect::Deny),
            (person, 1, start, Effect::Deny),
            (person, 0, start, Effect::Allow),
            (person, 0, start, Effect::Allow),
            (person, 0, start, Effect::Deny),
            ("roots/list", 9, start, Effect::Allow),
        ] {
            assert_eq!(asking.spend(method, before, now).effect, expect, "{method} {before}");
        }
    }
}
