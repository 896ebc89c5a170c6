//! From a grammar's tree to the small language that is followed. Each language has its room.

pub(super) mod go;
pub(super) mod javascript;
mod labels;
pub(super) mod python;
pub(super) mod rust;
mod script;

use std::cell::Cell;
use std::rc::Rc;
use std::str::Chars;

use tree_sitter::Node;

use super::ir::{Arg, At, Call, Expr, Kind, Word};

/// Deeper nesting than this is nobody's program; what lies below is not followed.
const DEEPEST: u32 = 220;

/// What lowering one file needs.
#[derive(Debug)]
pub(super) struct Lower<'t> {
    text: &'t str,
    file: u32,
    depth: u32,
    /// How many statements and expressions were made.
    pub(super) made: Cell<u64>,
    /// Whether something was nested too deeply to be followed.
    pub(super) too_deep: bool,
    /// What fields of types are called in JSON.
    pub(super) tags: Vec<(Word, Word)>,
    rust: rust::State,
    script: labels::Script,
}

impl<'t> Lower<'t> {
    pub(super) fn new(text: &'t str, file: u32) -> Self {
        Self {
            text,
            file,
            depth: 0,
            made: Cell::new(0),
            too_deep: false,
            tags: Vec::new(),
            rust: rust::State::default(),
            script: labels::Script::default(),
        }
    }

    /// Fields and parameters that hold a path, where the language says so.
    pub(super) fn paths(&mut self) -> Vec<Word> {
        std::mem::take(&mut self.rust.paths)
    }

    /// Macros that are written here, where the language has them.
    pub(super) fn macros(&mut self) -> Vec<Word> {
        std::mem::take(&mut self.rust.macros)
    }

    /// Whether a file is taken by a path that is not followed.
    pub(super) fn takes_elsewhere(&self) -> bool {
        self.rust.elsewhere
    }

    /// Modules that are compiled for tests only, and lines on which such things stand.
    pub(super) fn tests(&mut self) -> (Vec<Word>, Vec<(u32, u32)>) {
        (std::mem::take(&mut self.rust.tests), std::mem::take(&mut self.rust.test_lines))
    }

    /// Columns count characters, so the line's own bytes are looked at.
    fn at(&self, node: Node<'_>) -> At {
        self.made.set(self.made.get().saturating_add(1));
        let start = node.start_position();
        let line_start = node.start_byte().saturating_sub(start.column);
        let before = self.text.get(line_start..node.start_byte()).unwrap_or_default();
        let column = before.chars().count().saturating_add(1);
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        At { file: self.file, line: number(start.row.saturating_add(1)), column: number(column) }
    }

    fn text(&self, node: Node<'_>) -> &'t str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    fn word(&self, node: Node<'_>) -> Word {
        Rc::from(self.text(node))
    }

    fn expr(&self, node: Node<'_>, kind: Kind) -> Expr {
        Expr { kind, at: self.at(node) }
    }

    fn nothing(&self, node: Node<'_>) -> Expr {
        self.expr(node, Kind::Other(Vec::new()))
    }

    /// What a generator gives out, one or each of several.
    fn yielded(&self, node: Node<'_>, value: Option<Expr>, each: bool) -> Kind {
        let word = if each { "yield_each!" } else { "yield!" };
        let callee = self.expr(node, Kind::Name(Rc::from(word)));
        let value = value.unwrap_or_else(|| self.nothing(node));
        let args = vec![Arg { name: None, spread: false, value }];
        Kind::Call(Box::new(Call { callee, args }))
    }

    /// Goes one level down, unless that would be too deep.
    fn deeper<T>(&mut self, go: impl FnOnce(&mut Self) -> T) -> Option<T> {
        if self.depth >= DEEPEST {
            self.too_deep = true;
            return None;
        }
        self.depth = self.depth.saturating_add(1);
        let done = go(self);
        self.depth = self.depth.saturating_sub(1);
        Some(done)
    }
}

impl Lower<'_> {
    /// Of what becomes one in the other, as many as may nest; the others are said not to be followed.
    fn nested<T>(&mut self, mut all: Vec<T>) -> Vec<T> {
        let room = usize::try_from(DEEPEST.saturating_sub(self.depth)).unwrap_or(0);
        self.too_deep |= all.len() > room;
        all.truncate(room);
        all
    }
}

/// The named children, comments left out.
fn named<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|child| !child.is_extra()).collect()
}

fn field<'t>(node: Node<'t>, name: &str) -> Option<Node<'t>> {
    node.child_by_field_name(name)
}

fn fields<'t>(node: Node<'t>, name: &str) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    node.children_by_field_name(name, &mut cursor).collect()
}

/// The operators of a chain such as `a + b + c`, from the left, without recursion.
fn chain<'t>(node: Node<'t>, fits: impl Fn(Node<'t>) -> bool) -> Vec<Node<'t>> {
    let mut operands = Vec::new();
    let mut at = node;
    while fits(at) {
        let (Some(left), Some(right)) = (field(at, "left"), field(at, "right")) else { break };
        operands.push(right);
        at = left;
    }
    operands.push(at);
    operands.reverse();
    operands
}

/// A text literal's escapes that matter to us, undone; the others stay as written.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('x') => numbered(&mut chars, 16, 2, &mut out, "\\x"),
            Some('u') if chars.as_str().starts_with('{') => braced(&mut chars, &mut out),
            Some('u') => numbered(&mut chars, 16, 4, &mut out, "\\u"),
            Some('U') => numbered(&mut chars, 16, 8, &mut out, "\\U"),
            Some(c @ '0'..='7') => {
                let mut value = c.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(next) = chars.clone().next().and_then(|it| it.to_digit(8)) else {
                        break;
                    };
                    value = value * 8 + next;
                    let _read = chars.next();
                }
                out.extend(char::from_u32(value));
            }
            Some(c @ ('\\' | '\'' | '"' | '`' | '/')) => out.push(c),
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}

/// A character by so many digits; what is none stays as written. Two halves of one are put together.
fn numbered(chars: &mut Chars<'_>, base: u32, digits: usize, out: &mut String, written: &str) {
    let Some(value) = take_number(chars, base, digits) else {
        out.push_str(written);
        return;
    };
    if let Some(c) = char::from_u32(value) {
        out.push(c);
        return;
    }
    let mut behind = chars.clone();
    let low = (behind.next() == Some('\\') && behind.next() == Some('u'))
        .then(|| take_number(&mut behind, 16, 4))
        .flatten()
        .filter(|low| (0xD800..0xDC00).contains(&value) && (0xDC00..0xE000).contains(low));
    match low {
        Some(low) => {
            *chars = behind;
            let whole = 0x1_0000 + ((value - 0xD800) << 10) + (low - 0xDC00);
            out.extend(char::from_u32(whole));
        }
        None => out.push(char::REPLACEMENT_CHARACTER),
    }
}

/// `{1f600}`
fn braced(chars: &mut Chars<'_>, out: &mut String) {
    let rest = chars.as_str();
    let inner = rest.get(1..).and_then(|it| it.split_once('}')).map(|it| it.0);
    let found = inner.filter(|it| it.len() <= 8);
    let found =
        found.and_then(|it| char::from_u32(u32::from_str_radix(&it.replace('_', ""), 16).ok()?));
    match (found, inner) {
        (Some(c), Some(inner)) => {
            out.push(c);
            *chars = rest.get(inner.len().saturating_add(2)..).unwrap_or_default().chars();
        }
        _ => out.push_str("\\u"),
    }
}

fn take_number(chars: &mut Chars<'_>, base: u32, digits: usize) -> Option<u32> {
    let text = chars.as_str().get(..digits)?;
    let value =
        text.chars().all(|it| it.is_digit(base)).then(|| u32::from_str_radix(text, base))?;
    *chars = chars.as_str().get(digits..)?.chars();
    value.ok()
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn characters_by_their_numbers_are_characters() {
        for (written, read) in [
            (r"\x73h", "sh"),
            (r"\u{73}\u{1F600}", "s\u{1F600}"),
            (r"\u0073h \uD83D\uDE00", "sh \u{1F600}"),
            (r"\U00000073h", "sh"),
            (r"\163\150 \0", "sh \0"),
            (r"a\n\t\\b\/", "a\n\t\\b/"),
            // What is broken stays, and ends.
            (r"\x7", r"\x7"),
            (r"\xzz", r"\xzz"),
            (r"\u{", r"\u{"),
            (r"\u{110000}", r"\u{110000}"),
            (r"\u12", r"\u12"),
            (r"\uD83D", "\u{FFFD}"),
            (r"\uD83D\u0041", "\u{FFFD}A"),
            (r"\xé", r"\xé"),
            ("\\", "\\"),
        ] {
            assert_eq!(unescape(written), read, "{written}");
        }
    }
}
