//! A structured result fits the tool's own output schema (MCP-VAL-06).
//!
//! A schema that cannot be used is nobody's: the host does not see it, because it
//! would follow references and expressions that we refuse, and its tool's results
//! are recorded as unchecked.

use portcullis_catalog::control::STRUCTURED_RESULTS_MATCH;
use portcullis_guard::schema::Schema;
use portcullis_guard::text;
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::{Json, Object};

/// A tool's definition without an output schema that cannot be used.
pub(crate) fn without_unusable(entry: &Json) -> Option<(Json, Decision)> {
    let mut members = entry.object()?;
    let why = Schema::check(&members.get("outputSchema")?.value()).err()?;
    members.remove("outputSchema");
    let name = members.get("name").and_then(Json::as_text).unwrap_or_default();
    let name = text::visible(&name.chars().take(128).collect::<String>());
    let why = format!("the output schema of `{name}` was left out: {why}");
    let decision = Decision::because(Effect::Allow, STRUCTURED_RESULTS_MATCH, why);
    Some((members.to_json(), decision.owing(Obligation::Rewritten)))
}

/// Judges the result of a tool that declared an output schema.
pub(crate) fn judge(schema: &Result<Schema, String>, result: &Object) -> Decision {
    let schema = match schema {
        Ok(schema) => schema,
        Err(why) => {
            let why = format!("unchecked: the tool's output schema cannot be used: {why}");
            return Decision::because(Effect::Allow, STRUCTURED_RESULTS_MATCH, why);
        }
    };
    // A tool that failed owes no structure (server/tools, Output Schema).
    if result.get("isError").is_some_and(|flag| flag.text() == "true") {
        return Decision::default();
    }
    let Some(content) = result.get("structuredContent") else {
        return Decision::deny(STRUCTURED_RESULTS_MATCH, "the structured content is missing");
    };
    match schema.validate(&content.value()) {
        Ok(()) => Decision::default(),
        Err(violation) => Decision::deny(STRUCTURED_RESULTS_MATCH, violation.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_does_not_fit_does_not_pass() {
        let schema =
            json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}});
        let compiled = Schema::compile(&schema).map_err(|why| why.to_string());
        for (result, expect) in [
            (json!({"structuredContent": {"n": 1}}), Effect::Allow),
            (json!({"structuredContent": {"n": "1"}}), Effect::Deny),
            (json!({"structuredContent": {}}), Effect::Deny),
            (json!({"content": []}), Effect::Deny),
            (json!({"content": [], "isError": true}), Effect::Allow),
        ] {
            let members = Json::from_value(&result).object().expect("an object");
            assert_eq!(judge(&compiled, &members).effect, expect, "{result}");
        }
        let unusable = Err("too costly".to_owned());
        let decision = judge(&unusable, &Json::from_value(&json!({})).object().expect("an object"));
        assert!(decision.effect == Effect::Allow && decision.names(STRUCTURED_RESULTS_MATCH));
    }
}
