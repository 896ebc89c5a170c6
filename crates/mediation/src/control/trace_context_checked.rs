//! Trace context has the form that W3C gave it, or it is left out (MCP-LOG-09).
//!
//! It goes through servers and logs of many owners, so it may carry names of
//! spans and nothing else: baggage, which is text of anybody's choice, never
//! passes a boundary.

use portcullis_catalog::control::TRACE_CONTEXT_CHECKED;
use portcullis_guard::secret;
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::trace::{TRACEPARENT, TRACESTATE, TraceParent};
use portcullis_wire::{Json, Object};

/// Most members of a `tracestate` (Trace Context, 3.3.1.1), and its longest text
/// that everybody must carry (3.3.1.5).
const STATES: usize = 32;
const STATE: usize = 512;

/// Takes out of a `_meta` whatever is not in order.
pub(crate) fn clean(meta: &mut Object) -> Decision {
    let mut decision = Decision::default();
    let mut drop_member = |meta: &mut Object, name: &str, why: &str| {
        if meta.remove(name).is_some() {
            let why = format!("`{name}` was left out: {why}");
            let opinion = Decision::because(Effect::Allow, TRACE_CONTEXT_CHECKED, why);
            decision = std::mem::take(&mut decision).and(opinion).owing(Obligation::Rewritten);
        }
    };
    let text =
        |meta: &Object, name: &str| meta.get(name).and_then(Json::as_text).unwrap_or_default();
    if TraceParent::parse(&text(meta, TRACEPARENT)).is_none() {
        drop_member(meta, TRACEPARENT, "it does not have its form");
        // A state belongs to a parent (3.3).
        drop_member(meta, TRACESTATE, "it has no parent");
    }
    if !is_tracestate(&text(meta, TRACESTATE)) {
        drop_member(meta, TRACESTATE, "it does not have its form");
    }
    drop_member(meta, "baggage", "it is text of anybody's choice");
    decision
}

/// The same, for the `_meta` of a value that has one.
pub(crate) fn clean_in(json: &Json) -> Option<(Json, Decision)> {
    let mut members = json.object()?;
    let mut meta = members.get("_meta")?.object()?;
    let decision = clean(&mut meta);
    if decision.because.is_empty() {
        return None;
    }
    members.set("_meta", meta.to_json());
    Some((members.to_json(), decision))
}

/// A list of `key=value`, each key once, printable ASCII (3.3.1).
fn is_tracestate(text: &str) -> bool {
    let mut keys = std::collections::BTreeSet::new();
    let members: Vec<&str> = text.split(',').map(str::trim).collect();
    text.len() <= STATE
        && members.len() <= STATES
        && secret::find(text).is_empty()
        && members.iter().filter(|member| !member.is_empty()).all(|member| {
            member.split_once('=').is_some_and(|(key, value)| {
                is_key(key) && is_value(value) && keys.insert(key.to_owned())
            })
        })
}

fn is_key(key: &str) -> bool {
    let allowed = |b: u8| {
        b.is_ascii_lowercase()
            || b.is_ascii_digit()
            || matches!(b, b'_' | b'-' | b'*' | b'/' | b'@')
    };
    key.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && key.len() <= 256
        && key.bytes().all(allowed)
}

fn is_value(value: &str) -> bool {
    !value.is_empty()
        && value.len() <= 256
        && value.bytes().all(|b| (0x20..=0x7e).contains(&b) && b != b',' && b != b'=')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn cleaned(meta: Value) -> Value {
        let json = Json::from_value(&json!({"_meta": meta}));
        clean_in(&json).map_or(json, |(json, _)| json).value()["_meta"].clone()
    }

    #[test]
    fn only_the_form_passes() {
        let good = json!({"traceparent": PARENT, "tracestate": "a=1,b@c=x y", "other": 1});
        assert_eq!(cleaned(good.clone()), good);
        let mut carried = good.clone();
        carried["baggage"] = json!("user=ada");
        assert_eq!(cleaned(carried), good);
        let zeros = PARENT.replace("b7ad6b7169203331", "0000000000000000");
        for parent in [
            json!(PARENT.to_uppercase()),
            json!(zeros),
            json!("00-1-2-3"),
            json!(7),
            json!(format!("{PARENT}-x")),
        ] {
            assert_eq!(
                cleaned(json!({"traceparent": parent, "tracestate": "a=1"})),
                json!({}),
                "{parent}"
            );
        }
        let token = format!("a=gh{}_{}", "p", "a1B2".repeat(9));
        for state in [
            "A=1".to_owned(),
            "a".to_owned(),
            "a=1,a=2".to_owned(),
            "x=".to_owned() + &"y".repeat(600),
            token,
        ] {
            let left = cleaned(json!({"traceparent": PARENT, "tracestate": state}));
            assert_eq!(left, json!({"traceparent": PARENT}), "{state}");
        }
    }
}
