//! An error tells nothing of the machine that it happened on (MCP-LOG-05).
//!
//! Places inside of the roots stay, because the asker knows them; everything else
//! is in the side log under a reference that the asker gets too.

use portcullis_catalog::control::ERRORS_SANITISED;
use portcullis_guard::leak;
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::Json;
use portcullis_wire::leaves::{self, Place};

use super::results_inspected::shown;

/// An error as it may go on, what it gave away, and where the details are.
pub(crate) fn sanitise(
    error: &Json,
    reference: &str,
    granted: impl Fn(&str) -> bool,
    concerned: impl Fn(&Place<'_>) -> bool,
) -> Option<(Json, Decision)> {
    let mut decision = Decision::default();
    let mut told = false;
    let replaced = leaves::replace(error, |leaf| {
        if leaf.is_name || !concerned(leaf.place) {
            return None;
        }
        let found = leak::leaks(&leaf.text, &granted);
        let (first, _) = found.first()?;
        let why = format!("{} at `{}`", first.as_str(), shown(leaf.place));
        decision = std::mem::take(&mut decision).and(Decision::because(
            Effect::Allow,
            ERRORS_SANITISED,
            why,
        ));
        let mut text = leak::withhold(&leaf.text, &found);
        if !std::mem::replace(&mut told, true) {
            text.push_str(&format!(" (reference {reference})"));
        }
        Some(text)
    });
    // Only values were replaced, so no two names can clash.
    let other = replaced.ok().flatten()?;
    Some((other, decision.owing(Obligation::Rewritten)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_text_tells_where_the_rest_is() {
        let error = Json::from_value(&json!({
            "message": "no /etc/app/key", "data": {"trace": ["see /srv/app/x", "/p/notes.txt"]},
        }));
        let (clean, decision) =
            sanitise(&error, "s-7", |place| place.starts_with("/p"), |_| true).expect("leaks");
        assert_eq!(
            clean.value(),
            json!({"message": "no <withheld:path> (reference s-7)",
                "data": {"trace": ["see <withheld:path>", "/p/notes.txt"]}})
        );
        assert_eq!(decision.because.len(), 2);
        let quiet = Json::from_value(&json!({"message": "`limit` is too large"}));
        assert!(sanitise(&quiet, "s-7", |_| false, |_| true).is_none());
    }
}
