//! `match` of Python's: which values a case stands for, and which names it gives to parts.

use std::rc::Rc;

use tree_sitter::Node;

use super::super::super::ir::{Case, Do, Expr, Kind, Pattern, Stmt, Word};
use super::super::{Lower, field, fields, named};

impl Lower<'_> {
    pub(super) fn py_match(&mut self, node: Node<'_>) -> Option<Do> {
        let at = self.at(node);
        let subject = self.py(field(node, "subject")?);
        let body = field(node, "body")?;
        // Looked at once, and taken apart where a pattern says how.
        let name: Word = Rc::from(format!("match!{}:{}", at.line, at.column));
        let whole = |kind| Stmt { kind, at };
        let named_whole = || Expr { kind: Kind::Name(Rc::clone(&name)), at };
        let mut cases = Vec::new();
        for clause in named(body).into_iter().filter(|it| it.kind() == "case_clause") {
            let patterns = named(clause).into_iter().filter(|it| it.kind() == "case_pattern");
            let mut values = Vec::new();
            let mut always = false;
            let mut taken = Vec::new();
            for pattern in patterns {
                always |= !self.py_case(pattern, &mut values);
                match self.py_capture(pattern) {
                    Pattern::Ignored => {}
                    pattern => taken.push(whole(Do::Let(pattern, named_whole()))),
                }
            }
            taken.extend(self.py_body(clause, "consequence"));
            let body = taken;
            cases.push(Case { values, always, body });
        }
        let first = whole(Do::Let(Pattern::Name(Rc::clone(&name)), subject));
        Some(Do::Block(vec![first, whole(Do::Switch(named_whole(), cases))]))
    }

    /// The names that a pattern gives to parts.
    fn py_capture(&mut self, node: Node<'_>) -> Pattern {
        let parts = named(node);
        let inner = |it: &mut Self, node: Node<'_>| {
            it.deeper(|it| it.py_capture(node)).unwrap_or(Pattern::Ignored)
        };
        match node.kind() {
            "identifier" => Pattern::Name(self.word(node)),
            "dotted_name" if !self.text(node).contains('.') => Pattern::Name(self.word(node)),
            "as_pattern" => match parts.as_slice() {
                [.., name] if name.kind() == "identifier" => Pattern::Name(self.word(*name)),
                _ => Pattern::Ignored,
            },
            "list_pattern" | "tuple_pattern" => {
                let splat = |it: &Node<'_>| {
                    let it = if it.kind() == "case_pattern" {
                        named(*it).first().copied()
                    } else {
                        Some(*it)
                    };
                    it.is_some_and(|it| it.kind() == "splat_pattern")
                };
                let rest = parts.iter().position(splat);
                Pattern::Items(parts.into_iter().map(|it| inner(self, it)).collect(), rest)
            }
            "case_pattern" | "splat_pattern" | "union_pattern" => match parts.as_slice() {
                [one] => inner(self, *one),
                _ => Pattern::Ignored,
            },
            "dict_pattern" => {
                let keys = fields(node, "key");
                let values = fields(node, "value");
                let pair = |(key, value): (Node<'_>, Node<'_>)| {
                    let word = self.text(key).trim_matches(['"', '\'']);
                    (Rc::from(word), inner(self, value))
                };
                Pattern::Fields(keys.into_iter().zip(values).map(pair).collect())
            }
            "class_pattern" => {
                let mut taken = Vec::new();
                for part in parts.into_iter().skip(1) {
                    let part = match part.kind() {
                        "case_pattern" => named(part).first().copied().unwrap_or(part),
                        _ => part,
                    };
                    match (part.kind(), named(part).as_slice()) {
                        ("keyword_pattern", [name, value]) => {
                            taken.push((self.word(*name), inner(self, *value)));
                        }
                        // Which member it is, the class says: any of them.
                        _ => taken.push((Rc::from("..."), inner(self, part))),
                    }
                }
                Pattern::Fields(taken)
            }
            _ => Pattern::Ignored,
        }
    }

    /// The values that a pattern stands for; false when it fits more than these.
    fn py_case(&mut self, node: Node<'_>, values: &mut Vec<Expr>) -> bool {
        match node.kind() {
            "case_pattern" | "union_pattern" => {
                let parts = named(node);
                !parts.is_empty() && parts.into_iter().all(|it| self.py_case(it, values))
            }
            "string" | "concatenated_string" | "none" | "true" | "false" | "integer" | "float" => {
                values.push(self.py(node));
                true
            }
            "dotted_name" if self.text(node).contains('.') => {
                values.push(self.py_dotted(node));
                true
            }
            _ => false,
        }
    }
}
