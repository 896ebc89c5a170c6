//! A server learns the host's roots only inside the operator's ceiling
//! (MCP-ROOT-01, -02, -08).

use portcullis_catalog::control::ROOTS_ANSWERED;
use portcullis_guard::path::{Roots, intersect};
use portcullis_policy::{Decision, Obligation};
use portcullis_wire::view::resource;
use portcullis_wire::{Json, Object, array};

use crate::newcomer::Newcomers;

/// Cuts an answer to `roots/list` down to the ceiling; says what fell away.
///
/// An answer that does not fit its shape becomes an empty list.
pub(crate) fn rewrite(answer: &Json, ceiling: &Roots, newcomers: &Newcomers) -> (Json, Decision) {
    let mut decision = Decision::default();
    let mut kept = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for root in resource::roots(answer).unwrap_or_default() {
        let inside = intersect(&root.uri, ceiling);
        if inside.is_empty() {
            let asked = !newcomers.asked_about(&root.uri, ceiling).is_empty();
            let not = if asked { "is not a root yet" } else { "lies outside the ceiling" };
            let why = format!("the host's root `{}` {not}", root.uri);
            decision = decision
                .and(Decision::because(portcullis_policy::Effect::Allow, ROOTS_ANSWERED, why))
                .owing(Obligation::Rewritten);
        }
        for uri in inside {
            if seen.insert(uri.clone()) {
                let mut entry = Object::new();
                entry.set("uri", Json::string(&uri));
                if let Some(name) = root.name.as_deref().filter(|_| uri == root.uri) {
                    entry.set("name", Json::string(name));
                }
                kept.push(entry.to_json());
            }
        }
    }
    let mut result = Object::new();
    result.set("roots", array(&kept));
    (result.to_json(), decision)
}

#[cfg(test)]
mod tests {
    use portcullis_guard::path::{Access, Root};
    use serde_json::{Value, json};

    use super::*;

    fn rewritten(answer: Value) -> (Value, Decision) {
        let mut ceiling = Roots::new();
        ceiling.add(Root::new("/home/a/p").expect("a root"), Access::Read);
        let (json, decision) = rewrite(&Json::from_value(&answer), &ceiling, &Newcomers::default());
        (json.value()["roots"].clone(), decision)
    }

    #[test]
    fn only_the_part_under_the_ceiling_is_told() {
        let p = json!([{"uri": "file:///home/a/p"}]);
        for (uri, expect) in [
            ("file:///home/a/p", p.clone()),
            ("file:///", p.clone()),
            ("file:///home/a/p/src", json!([{"uri": "file:///home/a/p/src"}])),
            ("file:///home/a/p-evil", json!([])),
            ("file:///home/a/p/../..", json!([])),
            ("https://example.net/", json!([])),
        ] {
            let (roots, decision) = rewritten(json!({"roots": [{"uri": uri}]}));
            assert_eq!(roots, expect, "{uri}");
            assert_eq!(decision.names(ROOTS_ANSWERED), expect == json!([]), "{uri}");
        }
        let twice = json!({"roots": [{"uri": "file:///home"}, {"uri": "file:///home/a/p"}]});
        assert_eq!(rewritten(twice).0, p);
        let named = json!({"roots": [{"uri": "file:///home/a/p", "name": "P"}]});
        assert_eq!(rewritten(named.clone()).0, named["roots"]);
        assert_eq!(rewritten(json!({"roots": 1})).0, json!([]));
    }
}
