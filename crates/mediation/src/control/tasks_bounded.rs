//! Tasks are few, end, and are not asked about all the time (MCP-SESS-15).

use std::time::Duration;

use portcullis_catalog::control::TASKS_BOUNDED;
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::{Era, Json, Object};

use super::calls_per_minute::Quota;

/// Tasks that may be open at once.
pub(crate) const OPEN: usize = 32;
/// How long a task may be kept: a person's approval may take a day.
pub(crate) const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Requests about one task in [`SPAN`]; two in a second go on for ever.
const POLLS: u32 = 60;
/// The span of that budget.
const SPAN: Duration = Duration::from_secs(30);
/// How often a host may be told to ask, in milliseconds.
const SOONEST: u64 = 500;

/// How often somebody may ask about one task, or for all of them.
pub(crate) fn polls() -> Quota {
    Quota::new(POLLS, SPAN)
}

/// How long a task is kept that says this.
pub(crate) fn kept(ttl: Option<&Json>) -> Duration {
    let said = ttl.and_then(|ttl| ttl.value().as_f64()).filter(|said| *said >= 0.0);
    let said = said.and_then(|said| Duration::try_from_secs_f64(said / 1000.0).ok());
    said.map_or(LONGEST, |said| said.min(LONGEST))
}

/// What a host asks for, cut to what it may have (2025-11-25).
pub(crate) fn clamp_wish(params: &mut Object) -> Decision {
    let Some(mut task) = params.get("task").and_then(Json::object) else {
        return Decision::default();
    };
    let mut cut = clamp_ttl(&mut task, "ttl");
    let mut wish = Object::new();
    if let Some(ttl) = task.get("ttl") {
        wish.set("ttl", ttl.clone());
    }
    if wish.len() < task.len() {
        // Nobody judges what else it could say.
        cut = cut.and(rewritten("a wish for a task says how long, and nothing else".to_owned()));
    }
    if !cut.because.is_empty() {
        params.set("task", wish.to_json());
    }
    cut
}

/// What a server says of how long and how often, cut to what may be.
pub(crate) fn clamp(task: &mut Object, era: Era) -> Decision {
    let (ttl, poll) = match era {
        Era::Legacy => ("ttl", "pollInterval"),
        Era::Modern => ("ttlMs", "pollIntervalMs"),
    };
    let cut = clamp_ttl(task, ttl);
    let often = task.get(poll).is_some_and(|poll| {
        poll.value()
            .as_f64()
            .is_none_or(|poll| poll < f64::from(u32::try_from(SOONEST).unwrap_or(0)))
    });
    if !often {
        return cut;
    }
    task.set(poll, Json::from_value(&SOONEST.into()));
    cut.and(rewritten(format!("it is asked about every {SOONEST} ms at most")))
}

fn clamp_ttl(task: &mut Object, name: &str) -> Decision {
    let longest = u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX);
    let Some(ttl) = task.get(name) else { return Decision::default() };
    let fits =
        ttl.value().as_f64().is_some_and(|ttl| ttl >= 0.0 && ttl <= LONGEST.as_secs_f64() * 1000.0);
    if fits {
        return Decision::default();
    }
    task.set(name, Json::from_value(&longest.into()));
    rewritten(format!("it is kept for {} h at most", LONGEST.as_secs() / 3600))
}

/// One more task beside those that are open.
pub(crate) fn judge(open: usize) -> Decision {
    if open < OPEN {
        return Decision::default();
    }
    Decision::deny(TASKS_BOUNDED, format!("{open} tasks are open already"))
}

fn rewritten(why: String) -> Decision {
    Decision::because(Effect::Allow, TASKS_BOUNDED, why).owing(Obligation::Rewritten)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_kept_too_long_or_asked_too_often_is_cut() {
        let day = json!(86_400_000);
        for (era, said, told) in [
            (Era::Modern, json!({"ttlMs": 60_000}), json!({"ttlMs": 60_000})),
            (Era::Modern, json!({"ttlMs": null}), json!({"ttlMs": day})),
            (Era::Modern, json!({"ttlMs": 1e300}), json!({"ttlMs": day})),
            (Era::Legacy, json!({"ttl": -5}), json!({"ttl": day})),
            (Era::Legacy, json!({"ttl": 86_400_001}), json!({"ttl": day})),
            (Era::Modern, json!({"pollIntervalMs": 0}), json!({"pollIntervalMs": 500})),
            (Era::Modern, json!({"pollIntervalMs": 500}), json!({"pollIntervalMs": 500})),
            (Era::Legacy, json!({"pollInterval": -1}), json!({"pollInterval": 500})),
            (Era::Legacy, json!({}), json!({})),
        ] {
            let mut task = Json::from_value(&said).object().expect("an object");
            let cut = clamp(&mut task, era);
            assert_eq!(task.to_json().value(), told, "{said}");
            assert_eq!(cut.names(TASKS_BOUNDED), said != told, "{said}");
        }
    }

    #[test]
    fn a_task_is_forgotten_when_it_says_and_at_last_after_a_day() {
        for (said, kept_for) in [
            (json!(1500), Duration::from_millis(1500)),
            (json!(0), Duration::ZERO),
            (Value::Null, LONGEST),
            (json!(-1), LONGEST),
            (json!(1e300), LONGEST),
            (json!(9_000_000_000_u64), LONGEST),
        ] {
            assert_eq!(kept(Some(&Json::from_value(&said))), kept_for, "{said}");
        }
        assert_eq!(kept(None), LONGEST);
    }

    #[test]
    fn there_is_room_for_so_many() {
        assert_eq!(judge(OPEN - 1), Decision::default());
        assert!(judge(OPEN).names(TASKS_BOUNDED));
    }
}
