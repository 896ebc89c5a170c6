//! What a pattern asks of a value, and the names that it gives to parts of it.
//!
//! Names are bound before the question is asked: each is a name of its own, so nobody else looks at it.

use std::rc::Rc;

use tree_sitter::Node;

use super::super::super::ir::{Cmp, Do, Expr, Kind, Pattern, Stmt, Word};
use super::super::{Lower, field, named};

impl Lower<'_> {
    /// Binds the names in a pattern; the question, unless the pattern fits whatever there is.
    pub(super) fn rs_pattern(
        &mut self,
        node: Node<'_>,
        whole: &Word,
        out: &mut Vec<Stmt>,
    ) -> Option<Expr> {
        self.deeper(|it| it.rs_pattern_within(node, whole, out)).flatten()
    }

    fn rs_pattern_within(
        &mut self,
        node: Node<'_>,
        whole: &Word,
        out: &mut Vec<Stmt>,
    ) -> Option<Expr> {
        match node.kind() {
            "match_pattern" => self.rs_pattern(node.child(0)?, whole, out),
            "identifier" | "shorthand_field_identifier" => self.rs_identifier(node, whole, out),
            "mut_pattern" | "ref_pattern" | "reference_pattern" => {
                self.rs_pattern(named(node).into_iter().next_back()?, whole, out)
            }
            "captured_pattern" => {
                let parts = named(node);
                let name = self.word(*parts.first()?);
                self.rs_let(&name, whole, node, out);
                self.rs_pattern(*parts.get(1)?, whole, out)
            }
            "tuple_struct_pattern" => self.rs_tuple_struct(node, whole, out),
            "struct_pattern" => self.rs_struct_pattern(node, whole, out),
            "tuple_pattern" => {
                let mut tests = Vec::new();
                let mut behind = false;
                for (index, child) in pieces(node).into_iter().enumerate() {
                    if child.kind() == "remaining_field_pattern" {
                        behind = true;
                        continue;
                    }
                    let index = self.expr(child, Kind::Number(Rc::from(index.to_string())));
                    let name = self.expr(child, Kind::Name(Rc::clone(whole)));
                    let item = match behind {
                        // Which one it is depends on how many there are: any of them.
                        true => self.rs_named(child, "any!", vec![name]),
                        false => self.rs_named(child, "item!", vec![name, index]),
                    };
                    let part = self.rs_part(child, item, out);
                    tests.extend(self.rs_pattern(child, &part, out));
                }
                all_of(tests, self.at(node))
            }
            "slice_pattern" => self.rs_slice_pattern(node, whole, out),
            "or_pattern" => {
                let mut tests = Vec::new();
                let mut always = false;
                for child in pieces(node) {
                    match self.rs_pattern(child, whole, out) {
                        Some(test) => tests.push(test),
                        None => always = true,
                    }
                }
                let at = self.at(node);
                (!always).then_some(Expr { kind: Kind::Or(tests), at })
            }
            "range_pattern" => {
                let name = self.expr(node, Kind::Name(Rc::clone(whole)));
                let other = self.nothing(node);
                let (name, other) = (Box::new(name), Box::new(other));
                Some(self.expr(node, Kind::Compare(Cmp::Order, name, other)))
            }
            "scoped_identifier" => {
                let value = self.rs(node, out);
                Some(self.rs_equal(node, whole, value))
            }
            kind if kind.ends_with("_literal") => {
                let value = self.rs(node, out);
                Some(self.rs_equal(node, whole, value))
            }
            _ => None,
        }
    }

    fn rs_equal(&mut self, node: Node<'_>, whole: &Word, value: Expr) -> Expr {
        let name = self.expr(node, Kind::Name(Rc::clone(whole)));
        self.expr(node, Kind::Compare(Cmp::Equal, Box::new(name), Box::new(value)))
    }

    /// A name for what is here; one that is written large is somebody's constant.
    fn rs_identifier(&mut self, node: Node<'_>, whole: &Word, out: &mut Vec<Stmt>) -> Option<Expr> {
        let text = self.text(node);
        if text == "None" {
            let name = self.expr(node, Kind::Name(Rc::clone(whole)));
            let test = self.rs_named(node, "is_some!", vec![name]);
            return Some(self.expr(node, Kind::Not(Box::new(test))));
        }
        if text.starts_with(|it: char| it.is_ascii_uppercase()) {
            let value = self.expr(node, Kind::Name(self.rs_called(text)));
            return Some(self.rs_equal(node, whole, value));
        }
        self.rs_let(&self.word(node), whole, node, out);
        None
    }

    fn rs_let(&mut self, name: &Word, whole: &Word, node: Node<'_>, out: &mut Vec<Stmt>) {
        let called = self.rs_bind(name);
        let value = self.expr(node, Kind::Name(Rc::clone(whole)));
        out.push(Stmt { kind: Do::Let(Pattern::Name(called), value), at: self.at(node) });
    }

    /// A name for a part of a value.
    pub(super) fn rs_part(&mut self, node: Node<'_>, value: Expr, out: &mut Vec<Stmt>) -> Word {
        let name = self.rs_fresh();
        let pattern = Pattern::Name(Rc::clone(&name));
        out.push(Stmt { kind: Do::Let(pattern, value), at: self.at(node) });
        name
    }

    /// `Some(x)`, `Ok(x)`, `Err(x)`, and what is made of one of our own types.
    fn rs_tuple_struct(
        &mut self,
        node: Node<'_>,
        whole: &Word,
        out: &mut Vec<Stmt>,
    ) -> Option<Expr> {
        let of = field(node, "type")?;
        let path = self.rs_plain(of);
        let children: Vec<Node<'_>> =
            pieces(node).into_iter().filter(|it| it.id() != of.id()).collect();
        let last = path.rsplit("::").next().unwrap_or_default();
        let (inside, asks) = match last {
            "Some" => ("some!", "is_some!"),
            "Ok" => ("ok!", "is_ok!"),
            "Err" => ("err!", "is_ok!"),
            "Parameters" | "Json" | "State" | "Extension" | "Query" => ("some!", ""),
            // What leads no path away from where it begins.
            "Normal" if path.ends_with("Component::Normal") => ("some!", "is_normal!"),
            _ => return self.rs_variant(of, &children, whole, out),
        };
        let name = |it: &Self| it.expr(node, Kind::Name(Rc::clone(whole)));
        let held = self.rs_named(node, inside, vec![name(self)]);
        let part = self.rs_part(node, held, out);
        let inner = children.first().and_then(|it| self.rs_pattern(*it, &part, out));
        if asks.is_empty() {
            return inner;
        }
        let test = self.rs_named(node, asks, vec![name(self)]);
        let test = match last {
            "Err" => self.expr(node, Kind::Not(Box::new(test))),
            _ => test,
        };
        all_of([Some(test), inner].into_iter().flatten().collect(), self.at(node))
    }

    /// `Shape::Circle(radius)`: whether it is one is not known, unless nothing is in it.
    fn rs_variant(
        &mut self,
        of: Node<'_>,
        children: &[Node<'_>],
        whole: &Word,
        out: &mut Vec<Stmt>,
    ) -> Option<Expr> {
        let mut tests = vec![self.rs_is_variant(of, whole)];
        let mut behind = false;
        for (index, child) in children.iter().enumerate() {
            if child.kind() == "remaining_field_pattern" {
                behind = true;
                continue;
            }
            let name = self.expr(*child, Kind::Name(Rc::clone(whole)));
            let member = match behind {
                true => self.rs_named(*child, "any!", vec![name]),
                false => {
                    let member = Kind::Member(Box::new(name), Rc::from(index.to_string()));
                    self.expr(*child, member)
                }
            };
            let part = self.rs_part(*child, member, out);
            tests.extend(self.rs_pattern(*child, &part, out));
        }
        all_of(tests, self.at(of))
    }

    fn rs_is_variant(&mut self, of: Node<'_>, whole: &Word) -> Expr {
        let name = self.expr(of, Kind::Name(Rc::clone(whole)));
        let variant = self.rs_plain(of);
        let variant = self.rs_path(of, variant.split("::"));
        self.rs_named(of, "is_variant!", vec![name, variant])
    }

    fn rs_struct_pattern(
        &mut self,
        node: Node<'_>,
        whole: &Word,
        out: &mut Vec<Stmt>,
    ) -> Option<Expr> {
        let of = field(node, "type")?;
        let mut tests = Vec::new();
        if of.kind() == "scoped_type_identifier" {
            tests.push(self.rs_is_variant(of, whole));
        }
        for child in named(node).into_iter().filter(|it| it.kind() == "field_pattern") {
            let Some(name) = field(child, "name") else { continue };
            let base = self.expr(child, Kind::Name(Rc::clone(whole)));
            let member = self.expr(child, Kind::Member(Box::new(base), self.word(name)));
            let part = self.rs_part(child, member, out);
            let inner = field(child, "pattern").unwrap_or(name);
            tests.extend(self.rs_pattern(inner, &part, out));
        }
        all_of(tests, self.at(node))
    }

    /// `[first, rest @ ..]`
    fn rs_slice_pattern(
        &mut self,
        node: Node<'_>,
        whole: &Word,
        out: &mut Vec<Stmt>,
    ) -> Option<Expr> {
        let mut tests = vec![self.nothing(node)];
        let mut behind = false;
        for (index, child) in pieces(node).into_iter().enumerate() {
            let base = Box::new(self.expr(child, Kind::Name(Rc::clone(whole))));
            let rest = self.text(child).ends_with("..");
            let part = match (index, rest) {
                // Behind the rest it is counted from the end: it may be any.
                _ if behind => Kind::Slice(base, false),
                (_, true) => Kind::Slice(base, false),
                _ => {
                    let index = self.expr(child, Kind::Number(Rc::from(index.to_string())));
                    Kind::Index(base, Box::new(index))
                }
            };
            behind |= rest;
            let part = self.expr(child, part);
            let part = self.rs_part(child, part, out);
            tests.extend(self.rs_pattern(child, &part, out));
        }
        all_of(tests, self.at(node))
    }
}

/// What stands between brackets and commas; `_` is a piece, too.
pub(super) fn pieces<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let mut cursor = node.walk();
    let all = node.children(&mut cursor).filter(|it| !it.is_extra());
    all.filter(|it| it.is_named() || it.kind() == "_").collect()
}

/// All of these questions as one.
fn all_of(mut tests: Vec<Expr>, at: super::super::super::ir::At) -> Option<Expr> {
    match tests.len() {
        0 | 1 => tests.pop(),
        _ => Some(Expr { kind: Kind::And(tests), at }),
    }
}
