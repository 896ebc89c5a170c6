//! One text for one meaning, for fingerprints.
//!
//! As RFC 8785 (JSON Canonicalization Scheme): no white space, members sorted by
//! the UTF-16 units of their names, strings escaped only where they must be.
//! With one difference: numbers keep the text they were written in, so `1.0` and
//! `1` have two fingerprints. That is the safe direction: a change that might
//! mean something to some reader is never hidden by the fingerprint.

use crate::json::Json;
use crate::scan;

/// The canonical text of a value. Feed it to a hash, not to a peer.
pub fn canonical(json: &Json) -> Vec<u8> {
    let mut out = Vec::with_capacity(json.len());
    write(&Cursor { rest: json.text() }.value(), &mut out);
    out
}

/// A value taken apart once, so that deep ones cost no more than flat ones.
enum Node<'a> {
    Object(Vec<(String, Node<'a>)>),
    Array(Vec<Node<'a>>),
    /// A string that was written as it must be, without its quotes.
    Plain(&'a str),
    /// A string that was written with escapes, unescaped.
    Text(String),
    /// A number or a word, as written.
    Other(&'a str),
}

/// Walks text that passed the strict pass and therefore needs no checks. The
/// nesting is bounded by that pass too.
struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// Passes white space, then `count` bytes.
    fn skip(&mut self, count: usize) {
        self.rest = self.rest.trim_start().get(count..).unwrap_or_default();
    }

    fn starts_with(&mut self, byte: char) -> bool {
        self.skip(0);
        self.rest.starts_with(byte)
    }

    fn value(&mut self) -> Node<'a> {
        if self.starts_with('{') {
            let mut members = Vec::new();
            self.each('}', |cursor| {
                let name = cursor.string();
                cursor.skip(1);
                members.push((name, cursor.value()));
            });
            Node::Object(members)
        } else if self.starts_with('[') {
            let mut items = Vec::new();
            self.each(']', |cursor| items.push(cursor.value()));
            Node::Array(items)
        } else if self.starts_with('"') {
            let inside = self.inside();
            if inside.contains('\\') {
                Node::Text(scan::unescape(inside))
            } else {
                Node::Plain(inside)
            }
        } else {
            let end = |c: char| matches!(c, ',' | ']' | '}') || c.is_ascii_whitespace();
            let (word, rest) = self.rest.split_at(self.rest.find(end).unwrap_or(self.rest.len()));
            self.rest = rest;
            Node::Other(word)
        }
    }

    /// Runs over the elements up to `close`; each takes at least one byte.
    fn each(&mut self, close: char, mut element: impl FnMut(&mut Self)) {
        self.skip(1);
        while !self.rest.is_empty() && !self.starts_with(close) {
            element(self);
            if self.starts_with(',') {
                self.skip(1);
            }
        }
        self.skip(1);
    }

    fn string(&mut self) -> String {
        scan::unescape(self.inside())
    }

    /// A string as written, between its quotes.
    fn inside(&mut self) -> &'a str {
        self.skip(1);
        let mut end = 0;
        let bytes = self.rest.as_bytes();
        while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(end..).unwrap_or_default()) {
            end += found;
            if bytes.get(end) == Some(&b'"') {
                break;
            }
            end += 2;
        }
        let inside = self.rest.get(..end).unwrap_or_default();
        self.rest = self.rest.get(end + 1..).unwrap_or_default();
        inside
    }
}

fn write(node: &Node<'_>, out: &mut Vec<u8>) {
    match node {
        Node::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by(|(one, _), (two, _)| one.encode_utf16().cmp(two.encode_utf16()));
            list(b'{', b'}', &members, out, |(name, value), out| {
                text(name, out);
                out.push(b':');
                write(value, out);
            });
        }
        Node::Array(items) => list(b'[', b']', items, out, write),
        // Control characters cannot stand in it and quotes would end it: nothing must be escaped.
        Node::Plain(inside) => {
            out.push(b'"');
            out.extend_from_slice(inside.as_bytes());
            out.push(b'"');
        }
        Node::Text(content) => text(content, out),
        Node::Other(written) => out.extend_from_slice(written.as_bytes()),
    }
}

fn text(content: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(Json::string(content).text().as_bytes());
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
