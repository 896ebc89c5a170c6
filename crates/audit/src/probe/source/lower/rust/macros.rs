//! Rust's macros keep what they are given from the grammar. Those that are calls, lists or tests in all but their mark
//! are read as such: what is parsed is a copy of the text, byte for byte as long, in which they are written that way.
//!
//! `format!("{a}", b)` becomes a call, `vec![a]` a list, `json!({"a": b})` assignments in brackets, and
//! `matches!(a, B | C)` a call with both. Names are read from the text as it is.

use std::collections::BTreeSet;

/// Macros whose arguments are expressions.
#[rustfmt::skip]
const CALLS: &[&str] = &[
    "format", "format_args", "print", "println", "eprint", "eprintln", "write", "writeln", "panic", "todo", "unimplemented", "unreachable", "assert", "assert_eq",
    "assert_ne", "debug_assert", "debug_assert_eq", "bail", "ensure", "anyhow", "eyre", "format_err", "dbg", "env", "option_env", "concat", "include_str",
    "include_bytes", "query", "query_as", "query_scalar", "join", "try_join", "pin", "ready", "formatdoc", "indoc", "cmd",
];
const LOGS: &[&str] = &["trace", "debug", "info", "warn", "error", "event", "log"];
const LISTS: &[&str] = &["vec", "params", "smallvec", "hashset", "btreeset"];
const OBJECTS: &[&str] = &["json", "object", "named_params"];
const TABLES: &[&str] = &["lazy_static"];

/// One piece of a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Piece {
    /// Space and comments.
    Nothing,
    Word,
    /// A text, a character or a lifetime.
    Literal,
    Open,
    Close,
    Mark,
}

/// A text as it is parsed, with where it is another one.
#[derive(Debug)]
pub(in super::super::super) struct Read {
    pub(in super::super::super) text: String,
    spans: Vec<(usize, usize)>,
}

/// The text as it is parsed; None when no macro is in it.
pub(in super::super::super) fn as_calls(text: &str) -> Option<Read> {
    let (from, to) = (text.as_bytes(), text.as_bytes().to_vec());
    let mut scan =
        Scan { from, to, edits: 0, closes: Vec::new(), own: BTreeSet::new(), spans: Vec::new() };
    scan.pair();
    scan.all();
    let to = (scan.edits > 0).then_some(scan.to)?;
    Some(Read { text: String::from_utf8(to).ok()?, spans: scan.spans })
}

impl Read {
    /// Gives macros back their own text where the grammar does not fit. False when that changes nothing.
    pub(in super::super::super) fn undo(&mut self, own: &str, errors: &[(usize, usize)]) -> bool {
        let mut back: Vec<(usize, usize)> = Vec::new();
        for (from, to) in errors {
            let around = self.spans.iter().filter(|it| it.0 <= *from && *from <= it.1);
            let inside = self.spans.iter().filter(|it| *from <= it.0 && it.0 < *to);
            let before = self.spans.iter().filter(|it| it.1 <= *from);
            let found =
                around.min_by_key(|it| it.1 - it.0).or_else(|| inside.min_by_key(|it| it.0));
            back.extend(found.or_else(|| before.max_by_key(|it| it.1)));
        }
        let mut bytes = std::mem::take(&mut self.text).into_bytes();
        for (from, to) in &back {
            let (own, now) = (own.as_bytes().get(*from..*to), bytes.get_mut(*from..*to));
            if let (Some(own), Some(now)) = (own, now) {
                now.copy_from_slice(own);
            }
        }
        self.text = String::from_utf8(bytes).unwrap_or_default();
        let gone = |it: &(usize, usize)| back.iter().any(|of| of.0 <= it.0 && it.1 <= of.1);
        self.spans.retain(|it| !gone(it));
        !back.is_empty()
    }
}

struct Scan<'t> {
    from: &'t [u8],
    to: Vec<u8>,
    /// How many bytes are others.
    edits: usize,
    /// Where each bracket opens, and where it closes.
    closes: Vec<(usize, usize)>,
    /// Macros that are written here, by their names: what those do with what they are given is their own matter.
    own: BTreeSet<Vec<u8>>,
    /// What was written in another way, from where to where.
    spans: Vec<(usize, usize)>,
}

/// Deeper than this nobody writes JSON, and no test of a pattern is longer.
const DEEPEST: u32 = 64;
const LONGEST: usize = 20_000;

impl Scan<'_> {
    fn all(&mut self) {
        let mut at = 0;
        while at < self.from.len() {
            let (piece, end) = self.piece(at);
            let mut next = end;
            if piece == Piece::Word
                && let Some((mark, open)) = self.invoked(end)
            {
                let name = self.from.get(at..end).unwrap_or_default();
                let name = std::str::from_utf8(name).unwrap_or_default();
                if name == "macro_rules" {
                    let (_, end_of_name) = self.piece(open);
                    let own = self.from.get(open..end_of_name).unwrap_or_default();
                    self.own.insert(own.to_vec());
                    let brace = self.brace_behind(open);
                    // What has no end is no definition, and hides nothing behind it.
                    next = self.pair_of(brace).map_or(end, |it| it.saturating_add(1));
                } else {
                    let edited = self.edits;
                    self.rewrite(name, at, mark, open);
                    if self.edits > edited {
                        let to = self.close_of(open).saturating_add(1).min(self.from.len());
                        self.spans.push((self.path_before(at), to));
                    }
                }
            }
            at = next.max(at.saturating_add(1));
        }
    }

    /// Where a macro's mark is behind its name, and what follows the mark.
    fn invoked(&self, end: usize) -> Option<(usize, usize)> {
        let mark = self.behind_space(end);
        if self.byte(mark) != b'!' || self.byte(mark.saturating_add(1)) == b'=' {
            return None;
        }
        Some((mark, self.behind_space(mark.saturating_add(1))))
    }

    /// The brace of `macro_rules! name {`
    fn brace_behind(&self, mut at: usize) -> usize {
        while at < self.from.len() {
            let (piece, end) = self.piece(at);
            if piece == Piece::Open {
                break;
            }
            at = end.max(at.saturating_add(1));
        }
        at
    }

    fn byte(&self, at: usize) -> u8 {
        self.from.get(at).copied().unwrap_or_default()
    }

    fn behind_space(&self, mut at: usize) -> usize {
        while at < self.from.len() {
            let (piece, end) = self.piece(at);
            if piece != Piece::Nothing {
                break;
            }
            at = end;
        }
        at
    }

    fn put(&mut self, at: usize, byte: u8) {
        if let Some(slot) = self.to.get_mut(at) {
            *slot = byte;
            self.edits = self.edits.saturating_add(1);
        }
    }

    fn blank(&mut self, from: usize, to: usize) {
        for at in from..to {
            // A line stays one, or all behind it would stand elsewhere.
            if self.byte(at) != b'\n' {
                self.put(at, b' ');
            }
        }
    }

    fn rewrite(&mut self, name: &str, at: usize, mark: usize, open: usize) {
        if !matches!(self.byte(open), b'(' | b'[' | b'{') || self.own.contains(name.as_bytes()) {
            return;
        }
        let close = self.close_of(open);
        // `params! { "name" => value }`
        let pairs = name == "params" && self.byte(open) == b'{';
        if LISTS.contains(&name) && !pairs {
            let from = self.path_before(at);
            self.blank(from, open);
            self.put(open, b'[');
            self.put(close, b']');
            return;
        }
        if TABLES.contains(&name) {
            let from = self.path_before(at);
            self.blank(from, open.saturating_add(1));
            self.blank(close, close.saturating_add(1));
            return;
        }
        if name == "select" {
            if self.byte(open) == b'{' && self.arms(open, close) {
                self.blank(self.path_before(at), open);
            }
            return;
        }
        if name == "matches" {
            if !self.is_plain_test(open, close) {
                return;
            }
        } else if OBJECTS.contains(&name) {
            self.value(open, close, DEEPEST);
        } else if LOGS.contains(&name) || pairs {
            self.log(open, close);
        } else if !CALLS.contains(&name) {
            return;
        }
        // The mark becomes a letter of the name, wherever it stands.
        let end = at.saturating_add(name.len());
        self.blank(end, open);
        let letter = if self.byte(end) == b'\n' { mark } else { end.min(mark) };
        self.put(letter, b'_');
        self.put(open, b'(');
        self.put(close, b')');
    }

    /// `a::b::` before a name.
    fn path_before(&self, at: usize) -> usize {
        let mut from = at;
        while from >= 2 && self.from.get(from - 2..from) == Some(b"::") {
            from -= 2;
            while from > 0 && is_letter(self.byte(from - 1)) {
                from -= 1;
            }
        }
        from
    }

    /// Looks once which bracket closes which.
    fn pair(&mut self) {
        let mut open = Vec::new();
        let mut at = 0;
        while at < self.from.len() {
            let (piece, end) = self.piece(at);
            match piece {
                Piece::Open => open.push(at),
                Piece::Close => self.closes.extend(open.pop().map(|it| (it, at))),
                _ => {}
            }
            at = end.max(at.saturating_add(1));
        }
        self.closes.sort_unstable();
    }

    /// What closes this bracket.
    fn close_of(&self, open: usize) -> usize {
        self.pair_of(open).unwrap_or(self.from.len())
    }

    fn pair_of(&self, open: usize) -> Option<usize> {
        let found = self.closes.binary_search_by_key(&open, |it| it.0);
        found.ok().and_then(|it| self.closes.get(it)).map(|it| it.1)
    }

    /// The pieces directly inside a bracket: nothing of what is in brackets of its own.
    fn inside(&self, open: usize, close: usize) -> Vec<(Piece, usize, usize)> {
        let mut found = Vec::new();
        let mut at = open.saturating_add(1);
        while at < close {
            let (piece, end) = self.piece(at);
            let end = match piece {
                Piece::Open => self.close_of(at).saturating_add(1),
                _ => end,
            };
            if piece != Piece::Nothing {
                found.push((piece, at, end));
            }
            at = end.max(at.saturating_add(1));
        }
        found
    }

    /// `tracing::info!(target: "x", path = %p, ?q, "words {}", r)`, `slog::info!(log, "words"; "key" => p)`
    fn log(&mut self, open: usize, close: usize) {
        let mut before = b'(';
        for (piece, at, _) in self.inside(open, close) {
            let byte = self.byte(at);
            if piece == Piece::Mark {
                match byte {
                    b';' => self.put(at, b','),
                    b'>' if before == b'=' => {
                        self.put(at, b' ');
                        continue;
                    }
                    b'%' | b'?' if matches!(before, b'(' | b',' | b'=') => {
                        self.put(at, b' ');
                        continue;
                    }
                    b':' if self.byte(at.saturating_add(1)) != b':' && before != b':' => {
                        self.put(at, b'=');
                    }
                    _ => {}
                }
            }
            before = byte;
        }
    }

    /// `{"key": value, ...}`: the braces become round, what parts a key from its value an equals sign.
    fn value(&mut self, open: usize, close: usize, left: u32) {
        let Some(left) = left.checked_sub(1) else { return };
        match self.byte(open) {
            b'{' => {
                self.put(open, b'(');
                self.put(close, b')');
                self.entries(open, close, left);
            }
            _ => self.elements(open, close, left),
        }
    }

    fn elements(&mut self, open: usize, close: usize, left: u32) {
        let mut fresh = true;
        for (_, at, end) in self.inside(open, close) {
            if fresh && matches!(self.byte(at), b'{' | b'[') {
                self.value(at, end.saturating_sub(1), left);
            }
            fresh = self.byte(at) == b',';
        }
    }

    fn entries(&mut self, open: usize, close: usize, left: u32) {
        let (mut key, mut fresh) = (true, false);
        let mut skip = 0;
        for (_, at, end) in self.inside(open, close) {
            if at < skip {
                continue;
            }
            let byte = self.byte(at);
            if key && byte == b':' && self.byte(at.saturating_add(1)) == b':' {
                skip = at.saturating_add(2);
            } else if key && byte == b':' {
                self.put(at, b'=');
                (key, fresh) = (false, true);
                continue;
            } else if fresh && matches!(byte, b'{' | b'[') {
                self.value(at, end.saturating_sub(1), left);
            }
            fresh = false;
            if byte == b',' {
                key = true;
            }
        }
    }

    /// `name = future => body, ...`: what is waited for, and what is done then, become statements. False when that cannot be.
    fn arms(&mut self, open: usize, close: usize) -> bool {
        let pieces = self.inside(open, close);
        let byte_at = |index: usize| pieces.get(index).map_or(0, |it| self.byte(it.1));
        let mut edits: Vec<(usize, u8)> = Vec::new();
        let (mut begins, mut in_body, mut asked) = (true, false, false);
        for (index, (piece, at, end)) in pieces.iter().enumerate() {
            let next = byte_at(index.saturating_add(1));
            let first = std::mem::take(&mut begins);
            if asked && (self.byte(*at) != b'=' || next != b'>') {
                edits.extend((*at..*end).filter(|it| self.byte(*it) != b'\n').map(|it| (it, b' ')));
                continue;
            }
            match (self.byte(*at), self.from.get(*at..*end).unwrap_or_default()) {
                (b'=', _) if !in_body && next == b'>' => {
                    asked = false;
                    edits.extend([(*at, b';'), (at.saturating_add(1), b' ')]);
                    in_body = true;
                }
                (b',', _) if in_body => {
                    edits.push((*at, b';'));
                    (in_body, begins) = (false, true);
                }
                // `, if condition`: when it is waited for is not asked.
                (b',', _) if next == b'i' => {
                    edits.push((*at, b' '));
                    asked = true;
                }
                (b',', _) | (_, b"else" | b"biased") => return false,
                (_, b"_") if first => edits.push((*at, b'x')),
                // A body in braces needs no comma behind it.
                (b'{', _) if in_body && *piece == Piece::Open && next != b',' => {
                    let alone = index.checked_sub(1).map_or(0, byte_at) == b'>';
                    (in_body, begins) = (!alone, alone);
                }
                _ => {}
            }
        }
        for (at, byte) in edits {
            self.put(at, byte);
        }
        true
    }

    /// Whether the pattern of `matches!` is one of words and values alone; what it ignores gets a name.
    fn is_plain_test(&mut self, open: usize, close: usize) -> bool {
        let comma = self.inside(open, close).into_iter().find(|it| self.byte(it.1) == b',');
        let Some((_, comma, _)) = comma else { return false };
        if close.saturating_sub(comma) > LONGEST {
            return false;
        }
        let mut ignored = Vec::new();
        let mut at = comma;
        while at < close {
            let (piece, end) = self.piece(at);
            match (piece, self.from.get(at..end).unwrap_or_default()) {
                (Piece::Word, b"if" | b"ref" | b"mut") => return false,
                (Piece::Word, b"_") => ignored.push(at),
                (Piece::Open, b"{" | b"[") | (Piece::Mark, b"@" | b"=" | b"&") => return false,
                _ => {}
            }
            at = end.max(at.saturating_add(1));
        }
        for at in ignored {
            self.put(at, b'x');
        }
        true
    }

    /// What begins here, and where it ends.
    fn piece(&self, at: usize) -> (Piece, usize) {
        let one = at.saturating_add(1);
        let next = self.byte(one);
        match self.byte(at) {
            b' ' | b'\t' | b'\n' | b'\r' => (Piece::Nothing, one),
            b'/' if next == b'/' => (Piece::Nothing, self.until(at, b'\n')),
            b'/' if next == b'*' => (Piece::Nothing, self.comment(at)),
            b'"' => (Piece::Literal, self.text(one)),
            b'b' | b'c' if next == b'"' => (Piece::Literal, self.text(at.saturating_add(2))),
            b'b' if next == b'\'' => (Piece::Literal, self.character(one)),
            b'r' if matches!(next, b'"' | b'#') && self.raw(one).is_some() => {
                (Piece::Literal, self.raw(one).unwrap_or(one))
            }
            b'b' if next == b'r' && self.raw(at.saturating_add(2)).is_some() => {
                (Piece::Literal, self.raw(at.saturating_add(2)).unwrap_or(one))
            }
            b'\'' => (Piece::Literal, self.character(at)),
            b'(' | b'[' | b'{' => (Piece::Open, one),
            b')' | b']' | b'}' => (Piece::Close, one),
            byte if is_letter(byte) => {
                let mut end = one;
                while is_letter(self.byte(end)) {
                    end = end.saturating_add(1);
                }
                (Piece::Word, end)
            }
            _ => (Piece::Mark, one),
        }
    }

    fn until(&self, mut at: usize, byte: u8) -> usize {
        while at < self.from.len() && self.byte(at) != byte {
            at = at.saturating_add(1);
        }
        at
    }

    fn comment(&self, mut at: usize) -> usize {
        let mut depth = 0_u32;
        while at < self.from.len() {
            match (self.byte(at), self.byte(at.saturating_add(1))) {
                (b'/', b'*') => {
                    depth = depth.saturating_add(1);
                    at = at.saturating_add(1);
                }
                (b'*', b'/') => {
                    depth = depth.saturating_sub(1);
                    at = at.saturating_add(1);
                }
                _ => {}
            }
            at = at.saturating_add(1);
            if depth == 0 {
                break;
            }
        }
        at
    }

    fn text(&self, mut at: usize) -> usize {
        while at < self.from.len() {
            match self.byte(at) {
                b'\\' => at = at.saturating_add(1),
                b'"' => return at.saturating_add(1),
                _ => {}
            }
            at = at.saturating_add(1);
        }
        at
    }

    /// `r#"..."#` from behind the `r`.
    fn raw(&self, at: usize) -> Option<usize> {
        let mut quote = at;
        while self.byte(quote) == b'#' {
            quote = quote.saturating_add(1);
        }
        if self.byte(quote) != b'"' {
            return None;
        }
        let hashes = quote - at;
        let mut end = quote.saturating_add(1);
        loop {
            end = self.until(end, b'"');
            if end >= self.from.len() {
                return Some(end);
            }
            end = end.saturating_add(1);
            if (0..hashes).all(|it| self.byte(end.saturating_add(it)) == b'#') {
                return Some(end.saturating_add(hashes));
            }
        }
    }

    /// A character, or a lifetime.
    fn character(&self, at: usize) -> usize {
        let one = at.saturating_add(1);
        if self.byte(one) == b'\\' {
            return self.until(at.saturating_add(3), b'\'').saturating_add(1);
        }
        let mut end = one.saturating_add(1);
        // The rest of a character of several bytes.
        while self.byte(end) & 0xC0 == 0x80 {
            end = end.saturating_add(1);
        }
        match self.byte(end) {
            b'\'' => end.saturating_add(1),
            _ => one,
        }
    }
}

fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

#[cfg(test)]
mod tests;
