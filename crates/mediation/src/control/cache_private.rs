//! What a cache may keep of an answer (MCP-RES-06 to -08): nothing that was made for
//! one principal is everybody's, and nothing stays long.

use portcullis_catalog::control::CACHE_PRIVATE;
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::{Json, Object};

use crate::carries::Carries;

/// Longest life of an answer as the server gave it: a definition that changed is
/// noticed within five minutes.
const LONGEST: f64 = 300_000.0;
/// Longest life of an answer that policy changed: so is a policy, within one.
const FILTERED: f64 = 60_000.0;

/// Clamps `cacheScope` and `ttlMs`, where they are.
///
/// `several`: other principals have the same server, and policy may show them less than this one.
pub(crate) fn clamp(
    members: &mut Object,
    filtered: bool,
    several: bool,
    carries: &Carries,
) -> Decision {
    let mut reasons = Vec::new();
    if let Some(scope) = members.get("cacheScope") {
        let public = scope.as_text().as_deref() == Some("public");
        let private = scope.as_text().as_deref() == Some("private");
        let own = filtered || several || carries.private || carries.retry;
        if (public && own) || !(public || private) {
            members.set("cacheScope", Json::string("private"));
            reasons.push("the answer is nobody else's");
        }
    }
    if let Some(written) = members.get("ttlMs") {
        let most = match () {
            () if carries.retry => 0.0,
            () if filtered => FILTERED,
            () => LONGEST,
        };
        let life = written.read::<f64>().ok().filter(|life| *life >= 0.0).unwrap_or(-1.0);
        if !(0.0..=most).contains(&life) {
            let life = if life < 0.0 { 0.0 } else { most };
            members.set("ttlMs", Json::from_value(&serde_json::Value::from(whole(life))));
            reasons.push("the answer would be kept for too long");
        }
    }
    reasons.into_iter().fold(Decision::default(), |decision, why| {
        let because = Decision::because(Effect::Allow, CACHE_PRIVATE, why);
        decision.and(because.owing(Obligation::Rewritten))
    })
}

#[expect(clippy::cast_possible_truncation, reason = "one of three whole constants")]
fn whole(life: f64) -> i64 {
    life as i64
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn where_there_are_several_an_answer_is_nobody_elses() {
        let given = json!({"cacheScope": "public", "ttlMs": 300_000});
        let mut members = Json::from_value(&given).object().expect("an object");
        let decision = clamp(&mut members, false, true, &Carries::default());
        let now: Value = members.to_json().value();
        assert_eq!(now, json!({"cacheScope": "private", "ttlMs": 300_000}));
        assert!(decision.names(CACHE_PRIVATE));
    }

    #[test]
    fn scope_and_life() {
        let retry = Carries { retry: true, ..Carries::default() };
        let later = Carries { private: true, ..Carries::default() };
        let first = Carries::default();
        let public = json!({"cacheScope": "public", "ttlMs": 1000});
        for (given, filtered, carries, expect) in [
            (public.clone(), false, &first, public.clone()),
            (public.clone(), true, &first, json!({"cacheScope": "private", "ttlMs": 1000})),
            (public.clone(), false, &later, json!({"cacheScope": "private", "ttlMs": 1000})),
            (public, false, &retry, json!({"cacheScope": "private", "ttlMs": 0})),
            (json!({"cacheScope": "world"}), false, &first, json!({"cacheScope": "private"})),
            (json!({"cacheScope": 1}), false, &first, json!({"cacheScope": "private"})),
            (json!({"ttlMs": 31_536_000_000_i64}), false, &first, json!({"ttlMs": 300_000})),
            (json!({"ttlMs": 300_000}), true, &first, json!({"ttlMs": 60_000})),
            (json!({"ttlMs": -1}), false, &first, json!({"ttlMs": 0})),
            (json!({"ttlMs": "1h"}), false, &first, json!({"ttlMs": 0})),
            (json!({"tools": []}), true, &first, json!({"tools": []})),
        ] {
            let mut members = Json::from_value(&given).object().expect("an object");
            let decision = clamp(&mut members, filtered, false, carries);
            let now: Value = members.to_json().value();
            assert_eq!(now, expect, "{given}");
            assert_eq!(decision.names(CACHE_PRIVATE), given != expect, "{given}");
        }
    }
}
