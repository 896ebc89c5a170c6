//! One pass over JSON text that checks everything and builds almost nothing.
//!
//! RFC 8259 leaves room where two readers may disagree: repeated names, lone
//! surrogates, numbers nobody can hold, unlimited nesting. This scanner closes
//! that room. It walks the whole text once, and records only the outermost
//! level (names and the text of each value).
//!
//! A fault that leaves the structure readable (a repeated name, say) does not
//! stop the walk: the text is refused all the same, but its caller may still
//! learn which request to answer. The first fault found is the one reported.

use std::borrow::Cow;

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    Syntax,
    TooDeep,
    TooMany,
    DuplicateKey,
    LoneSurrogate,
    NumberOutOfRange,
    NulInKey,
    ReservedKey,
}

/// One member of the outermost object.
#[derive(Debug)]
pub(crate) struct Member<'a> {
    /// The name as written, quotes included.
    pub(crate) written: &'a str,
    pub(crate) name: Cow<'a, str>,
    pub(crate) value: &'a str,
}

/// The outermost level of a text.
#[derive(Debug)]
pub(crate) enum Shape<'a> {
    Object(Vec<Member<'a>>),
    Array(Vec<&'a str>),
    Scalar,
}

/// A text that is JSON, and what is wrong with it nevertheless.
#[derive(Debug)]
pub(crate) struct Scan<'a> {
    pub(crate) shape: Shape<'a>,
    pub(crate) fault: Option<Fault>,
}

/// Names that serde_json gives a meaning of its own: with its `raw_value` or
/// `arbitrary_precision` features an object with such a name is read as
/// something else than an object. No peer has a reason to send one.
const RESERVED: &str = "$serde_json::private::";

/// Up to this many names comparing each with each beats sorting.
const FEW: usize = 16;

/// Walks `text`, which must be exactly one JSON value with nesting up to `depth`.
pub(crate) fn scan(text: &str, depth: usize) -> Result<Scan<'_>, Fault> {
    bounded(text, depth, usize::MAX)
}

/// The same of a text that consists of up to `nodes` values, each member, element and level counted.
pub(crate) fn bounded(text: &str, depth: usize, nodes: usize) -> Result<Scan<'_>, Fault> {
    let mut scanner = Scanner { text, at: 0, depth, nodes, names: Vec::new(), fault: None };
    scanner.count()?;
    scanner.space();
    let shape = match scanner.peek() {
        Some(b'{') => {
            let mut members = Vec::new();
            scanner.object(Some(&mut members))?;
            Shape::Object(members)
        }
        Some(b'[') => {
            let mut items = Vec::new();
            scanner.array(Some(&mut items))?;
            Shape::Array(items)
        }
        _ => {
            scanner.value()?;
            Shape::Scalar
        }
    };
    scanner.space();
    if scanner.at != text.len() {
        return Err(Fault::Syntax);
    }
    Ok(Scan { shape, fault: scanner.fault })
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    /// How many levels may still be opened.
    depth: usize,
    /// How many values may still come.
    nodes: usize,
    /// Names of all open objects, innermost last.
    names: Vec<Cow<'a, str>>,
    fault: Option<Fault>,
}

impl<'a> Scanner<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn since(&self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    fn note(&mut self, fault: Fault) {
        self.fault.get_or_insert(fault);
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.take(byte) { Ok(()) } else { Err(Fault::Syntax) }
    }

    fn open(&mut self) -> Result<(), Fault> {
        self.depth = self.depth.checked_sub(1).ok_or(Fault::TooDeep)?;
        Ok(())
    }

    fn count(&mut self) -> Result<(), Fault> {
        self.nodes = self.nodes.checked_sub(1).ok_or(Fault::TooMany)?;
        Ok(())
    }

    /// A value inside of another one.
    fn inner(&mut self) -> Result<(), Fault> {
        self.count()?;
        self.value()
    }

    fn value(&mut self) -> Result<(), Fault> {
        match self.peek() {
            Some(b'{') => self.object(None),
            Some(b'[') => self.array(None),
            Some(b'"') => self.string().map(drop),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true"),
            Some(b'f') => self.word("false"),
            Some(b'n') => self.word("null"),
            _ => Err(Fault::Syntax),
        }
    }

    fn word(&mut self, word: &str) -> Result<(), Fault> {
        if !self.rest().starts_with(word.as_bytes()) {
            return Err(Fault::Syntax);
        }
        self.at += word.len();
        Ok(())
    }

    fn object(&mut self, mut seen: Option<&mut Vec<Member<'a>>>) -> Result<(), Fault> {
        self.open()?;
        self.expect(b'{')?;
        let base = self.names.len();
        self.space();
        let mut more = !self.take(b'}');
        while more {
            self.space();
            let start = self.at;
            let name = self.name()?;
            let written = self.since(start);
            self.space();
            self.expect(b':')?;
            self.space();
            self.names.push(name.clone());
            let start = self.at;
            self.inner()?;
            if let Some(seen) = seen.as_deref_mut() {
                seen.push(Member { written, name, value: self.since(start) });
            }
            more = self.more(b'}')?;
        }
        self.close(base);
        self.depth += 1;
        Ok(())
    }

    /// Forgets the names of the object whose names start at `base`; one that is
    /// there twice is a fault.
    fn close(&mut self, base: usize) {
        let names = self.names.get_mut(base..).unwrap_or_default();
        let twice = if names.len() <= FEW {
            let mut rest = names.iter();
            std::iter::from_fn(|| Some((rest.next()?, rest.as_slice())))
                .any(|(name, others)| others.contains(name))
        } else {
            names.sort_unstable();
            names.iter().zip(names.iter().skip(1)).any(|(one, next)| one == next)
        };
        self.names.truncate(base);
        if twice {
            self.note(Fault::DuplicateKey);
        }
    }

    fn array(&mut self, mut seen: Option<&mut Vec<&'a str>>) -> Result<(), Fault> {
        self.open()?;
        self.expect(b'[')?;
        self.space();
        let mut more = !self.take(b']');
        while more {
            self.space();
            let start = self.at;
            self.inner()?;
            if let Some(seen) = seen.as_deref_mut() {
                seen.push(self.since(start));
            }
            more = self.more(b']')?;
        }
        self.depth += 1;
        Ok(())
    }

    /// After an element: a comma means another one, `close` means the end.
    fn more(&mut self, close: u8) -> Result<bool, Fault> {
        self.space();
        if self.take(b',') {
            return Ok(true);
        }
        self.expect(close)?;
        Ok(false)
    }

    fn name(&mut self) -> Result<Cow<'a, str>, Fault> {
        let start = self.at + 1;
        let escaped = self.string()?;
        let inside = self.text.get(start..self.at - 1).ok_or(Fault::Syntax)?;
        let name = if escaped { Cow::Owned(unescape(inside)) } else { Cow::Borrowed(inside) };
        // A reader built on C strings would cut the name at the zero.
        if escaped && name.contains('\0') {
            self.note(Fault::NulInKey);
        }
        if name.starts_with(RESERVED) {
            self.note(Fault::ReservedKey);
        }
        Ok(name)
    }

    /// Passes a string, quotes included, and says whether it has escapes.
    fn string(&mut self) -> Result<bool, Fault> {
        self.expect(b'"')?;
        let mut escaped = false;
        loop {
            let end = memchr::memchr2(b'"', b'\\', self.rest()).ok_or(Fault::Syntax)?;
            let plain = self.rest().get(..end).unwrap_or_default();
            // A fold, not a search: this one the compiler turns into vector code.
            if plain.iter().fold(u8::MAX, |least, byte| least.min(*byte)) < 0x20 {
                return Err(Fault::Syntax);
            }
            self.at += end;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(escaped);
                }
                Some(b'\\') => self.escape()?,
                _ => return Err(Fault::Syntax),
            }
            escaped = true;
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        self.at += 1;
        let kind = self.peek().ok_or(Fault::Syntax)?;
        self.at += 1;
        match kind {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Ok(()),
            b'u' => self.unicode(),
            _ => Err(Fault::Syntax),
        }
    }

    /// Passes the four digits after `\u`, and the other half of a pair.
    fn unicode(&mut self) -> Result<(), Fault> {
        match self.four_digits()? {
            0xD800..=0xDBFF => {
                let mark = self.at;
                let pair = self.take(b'\\')
                    && self.take(b'u')
                    && matches!(self.four_digits()?, 0xDC00..=0xDFFF);
                if !pair {
                    self.at = mark;
                    self.note(Fault::LoneSurrogate);
                }
            }
            0xDC00..=0xDFFF => self.note(Fault::LoneSurrogate),
            _ => {}
        }
        Ok(())
    }

    fn four_digits(&mut self) -> Result<u16, Fault> {
        let digits = self.rest().first_chunk::<4>().ok_or(Fault::Syntax)?;
        let mut unit = 0;
        for digit in digits {
            let digit = char::from(*digit).to_digit(16).ok_or(Fault::Syntax)?;
            unit = unit * 16 + u16::try_from(digit).unwrap_or_default();
        }
        self.at += 4;
        Ok(unit)
    }

    fn number(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        let exponent = self.take(b'e') || self.take(b'E');
        if exponent {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let written = self.since(start);
        // Without an exponent a number needs 309 digits to leave the doubles.
        if (exponent || written.len() > 300)
            && !written.parse::<f64>().is_ok_and(|number| number.is_finite())
        {
            self.note(Fault::NumberOutOfRange);
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start { Err(Fault::Syntax) } else { Ok(()) }
    }
}

/// The inside of a string that [`Scanner::string`] passed, with its escapes read.
/// A lone surrogate becomes U+FFFD: such a text is refused anyway.
pub(crate) fn unescape(inside: &str) -> String {
    if !inside.contains('\\') {
        return inside.to_owned();
    }
    let mut out = String::with_capacity(inside.len());
    let mut units: Vec<u16> = Vec::new();
    let mut chars = inside.chars();
    while let Some(next) = chars.next() {
        let read = match (next, next == '\\') {
            (plain, false) => plain,
            (_, true) => match chars.next() {
                Some('b') => '\u{8}',
                Some('f') => '\u{c}',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('u') => {
                    let unit = chars.by_ref().take(4).fold(0u32, |unit, digit| {
                        unit.wrapping_mul(16) | digit.to_digit(16).unwrap_or_default()
                    });
                    units.push(u16::try_from(unit).unwrap_or_default());
                    continue;
                }
                Some(other) => other,
                None => break,
            },
        };
        flush(&mut units, &mut out);
        out.push(read);
    }
    flush(&mut units, &mut out);
    out
}

fn flush(units: &mut Vec<u16>, out: &mut String) {
    let decoded = char::decode_utf16(units.drain(..));
    out.extend(decoded.map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
}
