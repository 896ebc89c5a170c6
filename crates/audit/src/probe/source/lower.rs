//! From a grammar's tree to the small language that is followed. Each language has its room.

pub(super) mod go;
pub(super) mod javascript;
pub(super) mod python;
pub(super) mod rust;
mod script;

use std::cell::Cell;
use std::rc::Rc;

use tree_sitter::Node;

use super::ir::{At, Expr, Kind, Word};

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
        }
    }

    /// Fields and parameters that hold a path, where the language says so.
    pub(super) fn paths(&mut self) -> Vec<Word> {
        std::mem::take(&mut self.rust.paths)
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
            Some('0') => out.push('\0'),
            Some(c @ ('\\' | '\'' | '"' | '`' | '/')) => out.push(c),
            Some('x') if chars.as_str().starts_with("00") => {
                out.push('\0');
                let _zeroes = (chars.next(), chars.next());
            }
            Some(c) => out.extend(['\\', c]),
            None => out.push('\\'),
        }
    }
    out
}
