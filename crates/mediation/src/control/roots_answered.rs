//! A server learns the host's roots only inside the operator's ceiling
//! (MCP-ROOT-01, -02, -08).

use portcullis_catalog::control::ROOTS_ANSWERED;
use portcullis_guard::path::{Roots, intersect};
use portcullis_policy::{Decision, Obligation};
use portcullis_wire::view::resource;
use portcullis_wire::{Json, Object, array};

/// Cuts an answer to `roots/list` down to the ceiling; says what fell away.
///
/// An answer that does not fit its shape becomes an empty list.
pub(crate) fn rewrite(answer: &Json, ceiling: &Roots) -> (Json, Decision) {
    let mut decision = Decision::default();
    let mut kept = Vec::new();
    let mut seen = std::collections::BTreeSet::new();
    for root in resource::roots(answer).unwrap_or_default() {
        let inside = intersect(&root.uri, ceiling);
        if inside.is_empty() {
            let why = format!("the host's root `{}` lies outside the ceiling", root.uri);
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
