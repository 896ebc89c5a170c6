//! One text for one meaning, for fingerprints.
//!
//! As RFC 8785 (JSON Canonicalization Scheme): no white space, members sorted by
//! the UTF-16 units of their names, strings escaped only where they must be.
//! With one difference: numbers keep the text they were written in, so `1.0` and
//! `1` have two fingerprints. That is the safe direction: a change that might
//! mean something to some reader is never hidden by the fingerprint.

use crate::json::{Json, elements};

/// The canonical text of a value. Feed it to a hash, not to a peer.
pub fn canonical(json: &Json) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    write(json, &mut out);
    out
}

fn write(json: &Json, out: &mut Vec<u8>) {
    if let Some(object) = json.object() {
        let mut members: Vec<_> = object.iter().collect();
        members.sort_by(|(one, _), (two, _)| one.encode_utf16().cmp(two.encode_utf16()));
        list(b'{', b'}', &members, out, |(name, value), out| {
            out.extend_from_slice(Json::string(name).text().as_bytes());
            out.push(b':');
            write(value, out);
        });
    } else if let Some(items) = elements(json) {
        list(b'[', b']', &items, out, write);
    } else if let Some(text) = json.as_text() {
        out.extend_from_slice(Json::string(&text).text().as_bytes());
    } else {
        out.extend_from_slice(json.text().trim().as_bytes());
    }
}

fn list<T>(
    open: u8,
    close: u8,
    items: &[T],
    out: &mut Vec<u8>,
    mut item: impl FnMut(&T, &mut Vec<u8>),
) {
    out.push(open);
    for (at, each) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        item(each, out);
    }
    out.push(close);
}
