//! What was declared first is all there is (MCP-CAP-03).
//!
//! Capabilities that cannot be judged yet are taken out of a declaration before
//! the other side sees it, so nobody builds on them.

use portcullis_catalog::control::CAPABILITY_FROZEN;
use portcullis_guard::egress::Reach;
use portcullis_policy::{Decision, Effect, Extensions, Obligation, Opening};
use portcullis_wire::Revision;
use serde_json::{Map, Value};

use super::extensions_agreed;
use crate::settings::MayAsk;

/// Client capabilities that pass in any case. Sampling and elicitation are for the
/// operator to open, extensions for [`extensions_agreed`] to say.
const CLIENT_MAY: &[&str] = &["roots"];

/// Server capabilities that pass.
const SERVER_MAY: &[&str] = &["tools", "prompts", "resources", "completions", "logging"];

/// What a client's declaration looks like to the server.
pub(crate) fn clamp_client(
    declared: &Value,
    allowed: &Extensions,
    may_ask: &MayAsk,
    revision: Revision,
) -> Value {
    let extensions = extensions_agreed::clamp(declared, allowed, revision);
    let asked = Value::Object(asked(declared, may_ask));
    with(with(only(declared, CLIENT_MAY), extensions), asked)
}

/// What a server may ask of the model and of the person. It sees only the parts that
/// are let through, so that it asks for nothing that would be refused.
fn asked(declared: &Value, may_ask: &MayAsk) -> Map<String, Value> {
    let mut kept = Map::new();
    let parts = |name: &str| declared.get(name).and_then(Value::as_object);
    if let Some(parts) = parts("sampling").filter(|_| may_ask.sampling.mode < Opening::Refuse) {
        // No context of others is ever given.
        let tools = parts.get("tools").map(|tools| ("tools".to_owned(), tools.clone()));
        kept.insert("sampling".to_owned(), Value::Object(tools.into_iter().collect()));
    }
    if let Some(parts) = parts("elicitation").filter(|_| may_ask.elicitation.mode < Opening::Refuse)
    {
        // Who names neither can show forms only.
        let forms = parts.contains_key("form") || !parts.contains_key("url");
        let links = may_ask.links != Reach::default();
        let named = [("form", forms), ("url", links)].into_iter().filter(|(_, may)| *may);
        let left: Map<String, Value> = named
            .filter_map(|(name, _)| Some((name.to_owned(), parts.get(name)?.clone())))
            .collect();
        if forms || left.contains_key("url") {
            kept.insert("elicitation".to_owned(), Value::Object(left));
        }
    }
    kept
}

/// What a server's declaration looks like to the client.
pub(crate) fn clamp_server(declared: &Value, allowed: &Extensions, revision: Revision) -> Value {
    let extensions = extensions_agreed::clamp(declared, allowed, revision);
    let mut kept = with(only(declared, SERVER_MAY), extensions);
    let tasks = extensions_agreed::core_tasks(declared, allowed, revision);
    if let (Some(members), Some(tasks)) = (kept.as_object_mut(), tasks) {
        members.insert("tasks".to_owned(), tasks);
    }
    kept
}

fn with(mut kept: Value, more: Value) -> Value {
    if let (Some(members), Value::Object(more)) = (kept.as_object_mut(), more) {
        members.extend(more);
    }
    kept
}

fn only(declared: &Value, names: &[&str]) -> Value {
    let Some(members) = declared.as_object() else { return Value::Object(Map::new()) };
    let kept = members.iter().filter(|(name, _)| names.contains(&name.as_str()));
    Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect())
}

/// What was taken out of a declaration, for the record.
pub(crate) fn cut(declared: &Value, kept: &Value, whose: &str) -> Decision {
    let names = |value: &Value| -> Vec<String> {
        value.as_object().map(|members| members.keys().cloned().collect()).unwrap_or_default()
    };
    let extensions = extensions_agreed::cut(declared, kept, whose);
    let kept = names(kept);
    let is_plain = |name: &String| !["extensions", "tasks"].contains(&name.as_str());
    let cut = names(declared).into_iter().filter(|name| !kept.contains(name)).filter(is_plain);
    let cut: Vec<String> = cut.collect();
    if cut.is_empty() {
        return extensions;
    }
    let shown: String = cut.join(", ").chars().take(200).collect();
    let why = format!(
        "{whose} declares {}, which is not let through",
        portcullis_guard::text::visible(&shown)
    );
    let plain = Decision::because(Effect::Allow, CAPABILITY_FROZEN, why);
    plain.owing(Obligation::Rewritten).and(extensions)
}

/// A later declaration, cut down to the first one; and what it wanted beyond.
pub(crate) fn under(ceiling: &Value, declared: &Value) -> (Value, Vec<String>) {
    let (Some(ceiling), Some(declared)) = (ceiling.as_object(), declared.as_object()) else {
        return (Value::Object(Map::new()), Vec::new());
    };
    let mut grown = Vec::new();
    let mut kept = Map::new();
    for (name, value) in declared {
        match ceiling.get(name) {
            None => grown.push(name.clone()),
            Some(first) => {
                let (value, more) = members_under(first, value);
                grown.extend(more.into_iter().map(|member| format!("{name}.{member}")));
                kept.insert(name.clone(), value);
            }
        }
    }
    (Value::Object(kept), grown)
}

/// One level deeper: `listChanged`, `subscribe` and their like cannot grow either.
fn members_under(first: &Value, later: &Value) -> (Value, Vec<String>) {
    let (Some(first), Some(later)) = (first.as_object(), later.as_object()) else {
        return (first.clone(), Vec::new());
    };
    let grows = |name: &String, value: &Value| {
        first.get(name) != Some(value) && *value != Value::Bool(false)
    };
    let grown = later.iter().filter(|(name, value)| grows(name, value));
    let grown: Vec<String> = grown.map(|(name, _)| name.clone()).collect();
    let kept = later.iter().filter(|(name, _)| !grown.contains(name));
    (Value::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect()), grown)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn growth_is_cut_and_named() {
        let first = json!({"roots": {}, "x": {"listChanged": false}});
        let later = json!({"roots": {"listChanged": true}, "x": {"listChanged": false}, "y": {}});
        let (kept, grown) = under(&first, &later);
        assert_eq!(kept, json!({"roots": {}, "x": {"listChanged": false}}));
        assert_eq!(grown, ["roots.listChanged", "y"]);
    }

    #[test]
    fn less_than_before_is_no_growth() {
        let (kept, grown) = under(&json!({"roots": {"listChanged": true}}), &json!({"roots": {}}));
        assert_eq!((kept, grown), (json!({"roots": {}}), vec![]));
    }

    #[test]
    fn of_what_is_opened_only_the_parts_that_are_let_through_are_declared() {
        let rule = portcullis_guard::egress::Rule::new("login.example.com").expect("a rule");
        let links = Reach::new(vec![rule]).expect("a list");
        let open = |links: Reach| MayAsk {
            sampling: portcullis_policy::Sampling { mode: Opening::Ask, ..Default::default() },
            elicitation: portcullis_policy::Elicitation {
                mode: Opening::Show,
                ..Default::default()
            },
            links,
        };
        for (declared, links, expect) in [
            (json!({"sampling": {}}), Reach::default(), json!({"sampling": {}})),
            (
                json!({"sampling": {"context": {}, "tools": {}}}),
                Reach::default(),
                json!({"sampling": {"tools": {}}}),
            ),
            (json!({"elicitation": {}}), Reach::default(), json!({"elicitation": {}})),
            (
                json!({"elicitation": {"form": {}, "url": {}}}),
                Reach::default(),
                json!({"elicitation": {"form": {}}}),
            ),
            // Without its only part it would read as the other one.
            (json!({"elicitation": {"url": {}}}), Reach::default(), json!({})),
            (
                json!({"elicitation": {"url": {}}}),
                links.clone(),
                json!({"elicitation": {"url": {}}}),
            ),
            (json!({"sampling": true, "elicitation": []}), links, json!({})),
        ] {
            let revision = Revision::V2025_11_25;
            let clamped = clamp_client(&declared, &Extensions::new(), &open(links), revision);
            assert_eq!(clamped, expect, "{declared}");
        }
    }

    #[test]
    fn what_cannot_be_judged_is_not_declared() {
        let declared =
            json!({"roots": {}, "sampling": {}, "elicitation": {}, "extensions": {"a/b": {}}});
        let (none, revision) = (Extensions::new(), Revision::V2025_11_25);
        let closed = MayAsk::default();
        assert_eq!(clamp_client(&declared, &none, &closed, revision), json!({"roots": {}}));
        let declared = json!({"tools": {}, "tasks": {}});
        assert_eq!(clamp_server(&declared, &none, revision), json!({"tools": {}}));
    }
}
