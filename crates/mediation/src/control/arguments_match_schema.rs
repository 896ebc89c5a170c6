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
