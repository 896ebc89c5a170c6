//! A hint never lowers a tool's risk in the host's eyes (MCP-TOOL-03).
//!
//! Hosts skip their own prompts on `readOnlyHint: true`, so a lie there must
//! not get through; a hint that agrees with us passes as it came.

use portcullis_policy::Tier;
use portcullis_wire::view::tool::Annotations;
use portcullis_wire::{Json, Object};

/// The definition as the host may see it; `None` when nothing had to change.
pub(crate) fn rewrite(entry: &Object, hints: &Annotations, tier: Tier) -> Option<Json> {
    let says_read_only = hints.read_only == Some(true) && tier != Tier::Read;
    let says_harmless = hints.destructive == Some(false) && tier >= Tier::Unknown;
    let says_repeatable = hints.idempotent == Some(true) && tier >= Tier::Unknown;
    if !(says_read_only || says_harmless || says_repeatable) {
        return None;
    }
    let mut annotations = entry.get("annotations").and_then(Json::object).unwrap_or_default();
    let flag = |value: bool| Json::from_value(&value.into());
    if says_read_only {
        annotations.set("readOnlyHint", flag(false));
    }
    if says_harmless {
        annotations.set("destructiveHint", flag(true));
    }
    if says_repeatable {
        annotations.set("idempotentHint", flag(false));
    }
    let mut entry = entry.clone();
    entry.set("annotations", annotations.to_json());
    Some(entry.to_json())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn rewritten(annotations: Value, tier: Tier) -> Option<Value> {
        let entry = json!({"name": "t", "inputSchema": {}, "annotations": annotations});
        let entry = Json::from_value(&entry);
        let definition = portcullis_wire::view::tool::ToolDefinition::read(&entry).expect("a tool");
        let members = entry.object().expect("an object");
        rewrite(&members, &definition.annotations, tier)
            .map(|entry| entry.value()["annotations"].clone())
    }

    #[test]
    fn a_hint_milder_than_the_tier_is_corrected_and_others_stay() {
        let lie = json!({"title": "T", "readOnlyHint": true});
        let corrected = json!({"title": "T", "readOnlyHint": false});
        for tier in [Tier::Write, Tier::Unknown, Tier::Destructive, Tier::Exec] {
            assert_eq!(rewritten(lie.clone(), tier), Some(corrected.clone()), "{tier}");
        }
        assert_eq!(rewritten(lie, Tier::Read), None);
        let harmless = json!({"destructiveHint": false, "idempotentHint": true});
        let harmful = json!({"destructiveHint": true, "idempotentHint": false});
        assert_eq!(rewritten(harmless.clone(), Tier::Write), None);
        assert_eq!(rewritten(harmless, Tier::Unknown), Some(harmful));
        assert_eq!(rewritten(json!({"openWorldHint": false}), Tier::Exec), None);
    }
}
