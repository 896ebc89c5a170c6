//! Arguments have a bounded size and depth, whatever the schema says
//! (MCP-LIM-05; 97 % of real string parameters have no bound of their own).

use portcullis_catalog::control::ARGUMENTS_BOUNDED;
use portcullis_guard::schema::Bounds;
use portcullis_policy::Decision;
use serde_json::Value;

/// Judges the arguments of one call.
pub(crate) fn judge(arguments: &Value) -> Decision {
    match Bounds::default().check(arguments) {
        Ok(()) => Decision::default(),
        Err(excess) => Decision::deny(ARGUMENTS_BOUNDED, excess.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use portcullis_policy::Effect;
    use serde_json::json;

    use super::*;

    #[test]
    fn size_and_depth() {
        let deep = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        for (arguments, expect) in [
            (json!({}), Effect::Allow),
            (json!({"a": "x".repeat(60_000)}), Effect::Allow),
            (json!({"a": "x".repeat(70_000)}), Effect::Deny),
            (json!({"x".repeat(70_000): 1}), Effect::Deny),
            (json!(vec!["x".repeat(60_000); 20]), Effect::Deny),
            (deep(20), Effect::Allow),
            (deep(40), Effect::Deny),
        ] {
            assert_eq!(judge(&arguments).effect, expect, "{} bytes", arguments.to_string().len());
        }
    }
}
