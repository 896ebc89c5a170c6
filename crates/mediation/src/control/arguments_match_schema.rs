//! Arguments fit the tool's own input schema (MCP-VAL-01 to -04).

use portcullis_catalog::control::ARGUMENTS_MATCH_SCHEMA;
use portcullis_guard::schema::Schema;
use portcullis_policy::Decision;
use serde_json::Value;

/// Judges arguments; a schema that cannot be used is a denial, not a free pass.
pub(crate) fn judge(schema: &Result<Schema, String>, arguments: &Value) -> Decision {
    match schema {
        Err(why) => {
            let why = format!("the tool's input schema cannot be used: {why}");
            Decision::deny(ARGUMENTS_MATCH_SCHEMA, why)
        }
        Ok(schema) => match schema.validate(arguments) {
            Ok(()) => Decision::default(),
            Err(violation) => Decision::deny(ARGUMENTS_MATCH_SCHEMA, violation.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use portcullis_policy::Effect;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_fits_passes_and_an_unusable_schema_passes_nothing() {
        let path = json!({"type": "object", "properties": {"path": {"type": "string"}}});
        let remote = json!({"$ref": "https://example.net/schema.json"});
        for (schema, arguments, expect) in [
            (&path, json!({"path": "a"}), Effect::Allow),
            (&path, json!({"path": 1}), Effect::Deny),
            (&path, json!([]), Effect::Deny),
            (&remote, json!({}), Effect::Deny),
        ] {
            let compiled = Schema::compile(schema).map_err(|why| why.to_string());
            assert_eq!(judge(&compiled, &arguments).effect, expect, "{schema} {arguments}");
        }
    }

    #[test]
    fn the_reason_repeats_no_value() {
        let schema = Schema::compile(&json!({"type": "string"})).map_err(|why| why.to_string());
        let decision = judge(&schema, &json!({"hunter2": "hunter2"}));
        assert!(decision.because.iter().all(|because| !because.why.contains("hunter2")));
    }
}
