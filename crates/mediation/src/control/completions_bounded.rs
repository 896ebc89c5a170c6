//! Completions are bounded, limited in rate, and suggest nothing that may not be
//! read (MCP-VAL-16).

use portcullis_catalog::control::COMPLETIONS_BOUNDED;
use portcullis_guard::url::template::fill;
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::view::completion::Completion;
use portcullis_wire::{Json, array, elements};

use super::arguments_bounded;
use super::links_judged::{Judge, Named};
use crate::carries::Carries;

/// Longest text to complete, in characters; longer than a path may be.
const TYPED: usize = 4096;
/// Suggestions of one answer (server/utilities/completion).
const VALUES: usize = 100;
/// Longest suggestion, in characters.
const VALUE: usize = 4096;

/// Judges what is asked for; `in_time` when the rate is kept.
pub(crate) fn judge(asked: &Completion, in_time: bool) -> Decision {
    if !in_time {
        return Decision::deny(COMPLETIONS_BOUNDED, "too many completions in too short a time");
    }
    if asked.typed.chars().count() > TYPED {
        return Decision::deny(COMPLETIONS_BOUNDED, "the text to complete is too long");
    }
    let context = asked.context.as_ref().map(|context| arguments_bounded::judge(&context.value()));
    context.unwrap_or_default()
}

/// Cuts an answer to what may be suggested; `None` when it does not fit.
pub(crate) fn cut(judge: &Judge<'_>, carries: &Carries, result: &Json) -> Option<(Json, Decision)> {
    let mut members = result.object()?;
    let mut completion = members.get("completion")?.object()?;
    let values = elements(completion.get("values")?)?;
    let all = values.len();
    let mut decision = Decision::default();
    let mut kept = Vec::new();
    for value in values.into_iter().take(VALUES) {
        let text = value.as_text()?;
        if text.chars().count() > VALUE {
            decision = decision.and(left_out("a suggestion that is too long"));
            continue;
        }
        let opinion = suggestion(judge, carries, &text);
        if opinion.effect != Effect::Deny {
            kept.push(value);
        }
        decision = decision.and(opinion);
    }
    if all > VALUES {
        completion.set("hasMore", Json::from_value(&true.into()));
        decision = decision.and(left_out("more suggestions than an answer may have"));
    }
    decision.effect = Effect::Allow;
    if kept.len() == all {
        return Some((result.clone(), decision));
    }
    completion.set("values", array(&kept));
    // How many there are would tell of those that were left out.
    completion.remove("total");
    members.set("completion", completion.to_json());
    Some((members.to_json(), decision.owing(Obligation::Rewritten)))
}

/// A value for a template is judged by what the template becomes with it.
fn suggestion(judge: &Judge<'_>, carries: &Carries, value: &str) -> Decision {
    let (Some(template), Some(variable)) = (&carries.uri, &carries.variable) else {
        return Decision::default();
    };
    match fill(template, variable, value) {
        Ok(filled) if filled.contains('{') => judge.of(Named::Template(&filled)),
        Ok(filled) => judge.of(Named::Link(&filled)),
        Err(_) => Decision::deny(COMPLETIONS_BOUNDED, "a template that cannot be filled in"),
    }
}

fn left_out(what: &str) -> Decision {
    Decision::because(Effect::Allow, COMPLETIONS_BOUNDED, format!("{what} was left out"))
}
