//! Typed redaction: what may be written of arguments, by construction.
//!
//! [`Redacted`] can only be made here, and a record takes nothing else, so an
//! unredacted argument does not compile into the journal. What is kept: the
//! structure, member names, numbers, booleans, and the beginning of strings
//! that are not secret by name or by form. The whole is bounded, so that a
//! large call makes a small record; the digest covers all of it.

use std::fmt::Write as _;

use hmac::{Hmac, KeyInit as _, Mac as _};
use portcullis_guard::secret;
use serde::Serialize;
use serde_json::{Map, Value};
use sha2::Sha256;
use zeroize::Zeroizing;

/// How many characters of a string are written.
pub const STRING_CHARS: usize = 200;

/// How many values of one call's arguments are written; the rest is counted.
pub const VALUES: usize = 512;

/// How many levels of one call's arguments are written.
pub const DEPTH: usize = 32;

/// How far beyond what is written we look for secrets, in bytes: a secret that
/// begins in the written part must be recognised although its end is not
/// written. A private key of 16,384 bits is 12,800 bytes long.
const LOOK_AHEAD: usize = 16 * 1024;

/// Protocol state that is opaque or belongs to other people; never written.
const NEVER: [&str; 3] = ["_meta", "inputResponses", "requestState"];

/// Arguments with every secret taken out; made only by [`Redactor::arguments`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Redacted(Value);

impl Redacted {
    /// What may be written, for looking at.
    #[must_use]
    pub fn as_value(&self) -> &Value {
        &self.0
    }
}

/// `hmac-sha256:` and 64 hex digits: equal arguments, equal digest, and nobody
/// without the key can guess the arguments from it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct ArgumentsDigest(String);

impl ArgumentsDigest {
    /// The digest as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Takes secrets out, and digests what was taken from, with the journal's key.
///
/// The key is zeroed when the redactor is dropped, and never printed.
pub struct Redactor {
    /// The key as HMAC uses it: padded to a block with zeros (RFC 2104).
    block: Zeroizing<[u8; 64]>,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Redactor(…)")
    }
}

impl Redactor {
    /// A redactor with the journal's digest key.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        let key = Zeroizing::new(key);
        let mut block = Zeroizing::new([0; 64]);
        for (place, byte) in block.iter_mut().zip(key.iter()) {
            *place = *byte;
        }
        Self { block }
    }

    /// The arguments as they may be written.
    #[must_use]
    pub fn arguments(&self, value: &Value) -> Redacted {
        Redacted(Walk { left: VALUES }.value(value, DEPTH, false))
    }

    /// Text that a person may read: without known secrets, at most `max`
    /// characters, and without anything that moves a terminal's cursor.
    #[must_use]
    pub fn text(&self, text: &str, max: usize) -> String {
        let shortened = shorten(text, max);
        shortened.chars().map(|c| if unprintable(c) { '\u{fffd}' } else { c }).collect()
    }

    /// The keyed digest of canonical bytes.
    #[must_use]
    pub fn digest(&self, canonical: &[u8]) -> ArgumentsDigest {
        let mac = Hmac::<Sha256>::new((&*self.block).into()).chain_update(canonical);
        let mut text = String::with_capacity(76);
        text.push_str("hmac-sha256:");
        for byte in mac.finalize().into_bytes() {
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        ArgumentsDigest(text)
    }
}

/// One walk through one call's arguments, with what may still be written.
struct Walk {
    left: usize,
}

impl Walk {
    /// `secret`: some member name on the way here says so.
    fn value(&mut self, value: &Value, depth: usize, secret: bool) -> Value {
        self.left = self.left.saturating_sub(1);
        match value {
            Value::Null | Value::Bool(_) => value.clone(),
            Value::Object(members) if depth > 0 => self.object(members, depth - 1, secret),
            Value::Array(items) if depth > 0 => self.array(items, depth - 1, secret),
            Value::Object(_) | Value::Array(_) => Value::from("…(deeper)"),
            // A number may be a PIN.
            Value::Number(_) | Value::String(_) if secret => Value::from("<redacted:member-name>"),
            Value::Number(_) => value.clone(),
            Value::String(text) => Value::from(shorten(text, STRING_CHARS)),
        }
    }

    fn object(&mut self, members: &Map<String, Value>, depth: usize, secret: bool) -> Value {
        let mut kept = Map::new();
        let may_be_written = members.iter().filter(|(name, _)| !NEVER.contains(&name.as_str()));
        for (name, value) in may_be_written {
            if self.left == 0 {
                kept.insert("…".to_owned(), more(members.len(), kept.len()));
                break;
            }
            let secret = secret || secret::secret_name(name);
            kept.insert(shorten(name, STRING_CHARS), self.value(value, depth, secret));
        }
        Value::Object(kept)
    }

    fn array(&mut self, items: &[Value], depth: usize, secret: bool) -> Value {
        let mut kept = Vec::new();
        for item in items {
            if self.left == 0 {
                kept.push(more(items.len(), kept.len()));
                break;
            }
            kept.push(self.value(item, depth, secret));
        }
        Value::Array(kept)
    }
}

fn more(all: usize, kept: usize) -> Value {
    Value::from(format!("…({} more)", all.saturating_sub(kept)))
}

/// The text without secrets, cut after `max` characters with the count of all.
fn shorten(text: &str, max: usize) -> String {
    let (seen, unseen) = split_at_char(text, max.saturating_mul(4).saturating_add(LOOK_AHEAD));
    let clean = secret::redact(seen);
    match clean.char_indices().nth(max) {
        None if unseen.is_empty() => clean.into_owned(),
        None => format!("{clean}…({} chars)", text.chars().count()),
        Some((end, _)) => {
            let (kept, _) = split_at_char(&clean, end);
            format!("{kept}…({} chars)", text.chars().count())
        }
    }
}

/// Splits at the last character boundary that is not after `end` bytes.
fn split_at_char(text: &str, end: usize) -> (&str, &str) {
    text.split_at_checked(text.floor_char_boundary(end)).unwrap_or((text, ""))
}

/// Control characters, and those that reorder or hide text (Unicode TR 36).
fn unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn redactor() -> Redactor {
        Redactor::new([0x0b; 32])
    }

    #[test]
    fn what_is_kept_and_what_is_not() {
        let long = "é".repeat(300);
        let cut = format!("{}…(300 chars)", "é".repeat(200));
        for (from, to) in [
            (json!({"path": "a.txt", "n": 1.5, "deep": [true, null]}), None),
            (json!({"password": "hunter2"}), Some(json!({"password": "<redacted:member-name>"}))),
            (
                json!({"password": {"value": ["x", 1234, true]}}),
                Some(
                    json!({"password": {"value": ["<redacted:member-name>", "<redacted:member-name>", true]}}),
                ),
            ),
            (json!([{"requestState": "a", "_meta": {}, "inputResponses": 1}]), Some(json!([{}]))),
            (json!(long), Some(json!(cut))),
            (json!("x".repeat(200)), None),
        ] {
            let to = to.unwrap_or_else(|| from.clone());
            assert_eq!(redactor().arguments(&from).as_value(), &to);
        }
    }

    #[test]
    fn a_known_secret_is_taken_out_wherever_it_is_written() {
        let secret = format!("ghp_{}", "a1B2".repeat(9));
        let value = json!({"query": format!("use {secret} now"), secret.clone(): 1});
        let written = redactor().arguments(&value).as_value().to_string();
        assert!(!written.contains(&secret) && written.contains("<redacted:"), "{written}");
        let note = redactor().text(&format!("token is {secret}"), 300);
        assert!(!note.contains(&secret), "{note}");
    }

    #[test]
    fn a_secret_across_the_cut_leaves_no_beginning() {
        let secret = format!("ghp_{}", "a1B2".repeat(9));
        for before in 150..210 {
            let text = format!("{} {secret} {}", "x".repeat(before), "y".repeat(50_000));
            let written = redactor().arguments(&json!(text)).as_value().to_string();
            assert!(!written.contains("ghp_a1"), "{before}: {written}");
        }
    }

    #[test]
    fn a_large_call_makes_a_small_record() {
        let wide = json!(vec![json!({"a": "b"}); 100_000]);
        let mut deep = json!(1);
        for _ in 0..100 {
            deep = json!([deep]);
        }
        let names: Map<String, Value> = (0..9999).map(|n| (n.to_string(), json!(n))).collect();
        for value in [wide, deep, json!(names)] {
            let written = redactor().arguments(&value).as_value().to_string();
            assert!(written.len() < 16_384 && written.contains('…'), "{}", written.len());
        }
    }

    #[test]
    fn text_is_short_and_cannot_move_a_cursor() {
        assert_eq!(redactor().text("a\u{1b}[2Jb\u{202e}", 10), "a\u{fffd}[2Jb\u{fffd}");
        assert_eq!(redactor().text("abcdef", 3), "abc…(6 chars)");
        assert_eq!(redactor().text("abc", 3), "abc");
    }

    #[test]
    fn the_digest_is_hmac_sha_256() {
        // RFC 4231, case 1, whose key is shorter: a block padded with zeros is the same key.
        let mut key = [0; 32];
        key[..20].fill(0x0b);
        assert_eq!(
            Redactor::new(key).digest(b"Hi There").as_str(),
            "hmac-sha256:b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        assert!(!format!("{:?}", redactor()).contains("11"));
    }
}
