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
