//! Whether an actual value contains what a case expects.
//!
//! Objects may have more keys than expected; arrays have the expected length,
//! element by element; numbers are compared by value. Four spellings of an
//! expected string are special: `"…"` is any value, `"…part…"`, `"start…"` and
//! `"…end"` are strings with that part, and `"<absent>"` is a key that is not there.

use std::fmt;

use serde_json::{Map, Value};

/// The expected key must not be there.
pub const ABSENT: &str = "<absent>";
const ANY: char = '…';

/// Where two values differ, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// A JSON pointer into the actual value; empty for the whole.
    pub pointer: String,
    /// What was expected there and what was found.
    pub why: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() { "the value" } else { &self.pointer };
        write!(f, "{place}: {}", self.why)
    }
}

impl std::error::Error for Mismatch {}

/// Whether `actual` contains `expected`.
///
/// # Errors
/// The first place where it does not.
pub fn subset(expected: &Value, actual: &Value) -> Result<(), Mismatch> {
    contains(expected, actual, "")
}

fn contains(expected: &Value, actual: &Value, pointer: &str) -> Result<(), Mismatch> {
    let fine = match (expected, actual) {
        (Value::Object(wanted), Value::Object(found)) => return object(wanted, found, pointer),
        (Value::Array(wanted), Value::Array(found)) => return array(wanted, found, pointer),
        (Value::String(wanted), found) => string(wanted, found),
        (Value::Number(wanted), Value::Number(found)) => {
            wanted == found
                || (wanted.is_f64() || found.is_f64()) && wanted.as_f64() == found.as_f64()
        }
        (wanted, found) => wanted == found,
    };
    if fine { Ok(()) } else { Err(differ(pointer, format!("expected {expected}, found {actual}"))) }
}

fn object(
    wanted: &Map<String, Value>,
    found: &Map<String, Value>,
    pointer: &str,
) -> Result<(), Mismatch> {
    for (key, value) in wanted {
        let place = format!("{pointer}/{}", key.replace('~', "~0").replace('/', "~1"));
        match found.get(key) {
            Some(there) if value.as_str() == Some(ABSENT) => {
                return Err(differ(&place, format!("expected no such key, found {there}")));
            }
            Some(there) => contains(value, there, &place)?,
            None if value.as_str() == Some(ABSENT) => {}
            None => return Err(differ(&place, format!("expected {value}, found no such key"))),
        }
    }
    Ok(())
}

fn array(wanted: &[Value], found: &[Value], pointer: &str) -> Result<(), Mismatch> {
    if wanted.len() != found.len() {
        let why = format!("expected {} elements, found {}", wanted.len(), found.len());
        return Err(differ(pointer, why));
    }
    let pairs = wanted.iter().zip(found).enumerate();
    pairs
        .into_iter()
        .try_for_each(|(at, (want, have))| contains(want, have, &format!("{pointer}/{at}")))
}

fn string(wanted: &str, found: &Value) -> bool {
    if wanted.chars().eq([ANY]) {
        return true;
    }
    let Value::String(found) = found else { return false };
    match (wanted.strip_prefix(ANY), wanted.strip_suffix(ANY)) {
        (Some(rest), Some(_)) => found.contains(rest.trim_end_matches(ANY)),
        (Some(end), None) => found.ends_with(end),
        (None, Some(start)) => found.starts_with(start),
        (None, None) => found == wanted,
    }
}

fn differ(pointer: &str, why: String) -> Mismatch {
    Mismatch { pointer: pointer.to_owned(), why }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(expected: Value, actual: Value) -> String {
        subset(&expected, &actual).map_or_else(|mismatch| mismatch.to_string(), |()| String::new())
    }

    #[test]
    fn more_is_fine_less_is_not() {
        assert_eq!(check(json!({"a": 1}), json!({"a": 1, "b": 2})), "");
        assert_eq!(check(json!({"a": {"b": []}}), json!({"a": {"b": [], "c": 1}})), "");
        assert_eq!(check(json!({"a": 1.0}), json!({"a": 1})), "");
        assert_eq!(
            check(json!({"a": {"b/c": 1}}), json!({"a": {}})),
            "/a/b~1c: expected 1, found no such key"
        );
        assert_eq!(check(json!([1]), json!([1, 2])), "the value: expected 1 elements, found 2");
        assert_eq!(check(json!([{"x": 1}]), json!([{"x": 2}])), "/0/x: expected 1, found 2");
        assert_eq!(check(json!("1"), json!(1)), "the value: expected \"1\", found 1");
    }

    #[test]
    fn an_ellipsis_stands_for_the_rest() {
        for fits in ["…", "…not…", "was…", "…permitted", "was not permitted"] {
            assert_eq!(check(json!(fits), json!("was not permitted")), "", "{fits}");
        }
        for wrong in ["…yes…", "not…", "…was", "was"] {
            assert_ne!(check(json!(wrong), json!("was not permitted")), "", "{wrong}");
        }
        assert_eq!(check(json!({"a": "…"}), json!({"a": [1, 2]})), "");
        assert_ne!(check(json!({"a": "…"}), json!({})), "");
    }

    #[test]
    fn a_key_can_be_forbidden() {
        assert_eq!(check(json!({"a": "<absent>"}), json!({"b": 1})), "");
        assert_eq!(
            check(json!({"a": "<absent>"}), json!({"a": null})),
            "/a: expected no such key, found null"
        );
    }
}
