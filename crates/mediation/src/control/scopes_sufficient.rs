//! `scopes-sufficient`: what takes a scope is done only for whoever has it.
//!
//! Judged at the door, before a session hears of the request, by what the operator wrote of the
//! tool: that a token carries some scope says nothing by itself (MCP-AUTH-08).

use std::collections::BTreeSet;

use portcullis_catalog::control::SCOPES_SUFFICIENT;
use portcullis_policy::Decision;

/// Judges what is granted against what is needed. Whoever is held to no scopes has nothing granted
/// to look at.
pub fn judge(needed: &BTreeSet<String>, granted: Option<&BTreeSet<String>>) -> Decision {
    let Some(granted) = granted else { return Decision::default() };
    let missing: Vec<&str> = needed.difference(granted).map(String::as_str).collect();
    if missing.is_empty() {
        return Decision::default();
    }
    Decision::deny(SCOPES_SUFFICIENT, format!("the token lacks the scope {}", missing.join(", ")))
}

#[cfg(test)]
mod tests {
    use portcullis_policy::Effect;

    use super::*;

    fn set(scopes: &[&str]) -> BTreeSet<String> {
        scopes.iter().map(|scope| (*scope).to_owned()).collect()
    }

    #[test]
    fn every_scope_that_is_needed_is_there_letter_by_letter() {
        for (needed, granted, expect) in [
            (&[][..], &[][..], Effect::Allow),
            (&["a"], &["a"], Effect::Allow),
            (&["a"], &["a", "b"], Effect::Allow),
            (&["a", "b"], &["a"], Effect::Deny),
            (&["a"], &[], Effect::Deny),
            (&["files:read"], &["files:*"], Effect::Deny),
            (&["files:read"], &["Files:read"], Effect::Deny),
            (&["files:read"], &["files:read:all"], Effect::Deny),
        ] {
            let decision = judge(&set(needed), Some(&set(granted)));
            assert_eq!(decision.effect, expect, "{needed:?} of {granted:?}");
            assert_eq!(decision.names(SCOPES_SUFFICIENT), expect == Effect::Deny);
        }
        assert_eq!(judge(&set(&["a"]), None).effect, Effect::Allow, "the account itself");
    }
}
