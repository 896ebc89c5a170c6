//! What a tool brings from the world outside is marked as untrusted (MCP-APPR-05).

use portcullis_catalog::control::OPEN_WORLD_MARKED;
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::{Json, Object};

/// The member of a result's `_meta`: where its content comes from.
const UNTRUSTED: &str = "portcullis/untrusted";

/// Marks a result, for hosts that treat such content apart. The text stays as it
/// is: programs read it too.
pub(crate) fn mark(result: &Json) -> Option<(Json, Decision)> {
    let mut members = result.object()?;
    let mut meta = members.get("_meta").and_then(Json::object).unwrap_or_else(Object::new);
    meta.set(UNTRUSTED, Json::string("open-world"));
    members.set("_meta", meta.to_json());
    let why = "the tool reaches the world outside; its output is marked as untrusted";
    let decision = Decision::because(Effect::Allow, OPEN_WORLD_MARKED, why);
    Some((members.to_json(), decision.owing(Obligation::Rewritten)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_mark_stands_beside_what_is_there() {
        let result = Json::from_value(&json!({"content": [], "_meta": {"x": 1}}));
        let (marked, _) = mark(&result).expect("an object");
        let meta = json!({"x": 1, "portcullis/untrusted": "open-world"});
        assert_eq!(marked.value(), json!({"content": [], "_meta": meta}));
    }
}
