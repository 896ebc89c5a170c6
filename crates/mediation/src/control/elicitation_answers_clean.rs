//! What a person typed goes to the server only when it carries no credential, whatever
//! the form asked for (MCP-ELIC-01). That it fits the form is for
//! `answers_match_questions.rs`.

use portcullis_catalog::control::ELICITATION_ANSWERS_CLEAN;
use portcullis_guard::secret::find_certain;
use portcullis_policy::Decision;
use portcullis_wire::{Json, leaves};

/// Judges an answer to `elicitation/create`.
pub(crate) fn judge(answer: &Json) -> Decision {
    let mut found = None;
    let _unchanged = leaves::replace(answer, |leaf| {
        found = found.or_else(|| find_certain(&leaf.text).first().map(|hit| hit.kind));
        None
    });
    match found {
        Some(kind) => {
            let why = format!("the answer carries {}", kind.as_str());
            Decision::deny(ELICITATION_ANSWERS_CLEAN, why)
        }
        None => Decision::default(),
    }
}

#[cfg(test)]
mod tests {
    use portcullis_policy::Effect;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_credential_does_not_go_on_whatever_it_was_typed_into() {
        let token = format!("gh{}_{}", "p", "a1B2".repeat(9));
        for (content, expect) in [
            (json!({"name": "Ada"}), Effect::Allow),
            (json!({"name": format!("my token is {token}")}), Effect::Deny),
            (json!({"days": ["mo", token.clone()]}), Effect::Deny),
            (json!({token.clone(): true}), Effect::Deny),
            (json!({"age": 36, "sure": true}), Effect::Allow),
        ] {
            let answer = json!({"action": "accept", "content": content});
            let judged = judge(&Json::from_value(&answer));
            assert_eq!(judged.effect, expect, "{content}");
            assert!(!format!("{judged:?}").contains(&token));
        }
    }
}
