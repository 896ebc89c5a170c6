//! JavaScript and TypeScript, lowered: expressions and patterns.

use std::rc::Rc;

use tree_sitter::Node;

use super::super::ir::{Arg, Call, Cmp, Entry, Expr, Item, Kind, Pattern};
use super::python::joined;
use super::{Lower, chain, field, named, unescape};

impl Lower<'_> {
    pub(super) fn js_pattern(&mut self, node: Node<'_>) -> Pattern {
        self.deeper(|it| it.js_pattern_kind(node)).unwrap_or(Pattern::Ignored)
    }

    fn js_pattern_kind(&mut self, node: Node<'_>) -> Pattern {
        match node.kind() {
            "identifier" | "shorthand_property_identifier_pattern" | "this" => {
                Pattern::Name(self.word(node))
            }
            "lexical_declaration" | "variable_declaration" => {
                let first = named(node).first().and_then(|it| field(*it, "name"));
                first.map_or(Pattern::Ignored, |it| self.js_pattern(it))
            }
            "array_pattern" => {
                let parts = named(node);
                let rest = parts.iter().position(|it| it.kind() == "rest_pattern");
                Pattern::Items(parts.into_iter().map(|it| self.js_pattern(it)).collect(), rest)
            }
            "object_pattern" => {
                let fields = named(node).into_iter().filter_map(|it| self.js_field(it));
                Pattern::Fields(fields.collect())
            }
            "assignment_pattern" | "object_assignment_pattern" => {
                field(node, "left").map_or(Pattern::Ignored, |it| self.js_pattern(it))
            }
            "rest_pattern" | "parenthesized_expression" | "non_null_expression" => {
                let inner = named(node).first().copied();
                inner.map_or(Pattern::Ignored, |it| self.js_pattern(it))
            }
            "member_expression" | "subscript_expression" => Pattern::Place(self.js(node)),
            _ => Pattern::Ignored,
        }
    }

    /// One member of a pattern; the rest of them is the whole again, under the name `...`.
    fn js_field(&mut self, node: Node<'_>) -> Option<(Rc<str>, Pattern)> {
        Some(match node.kind() {
            "shorthand_property_identifier_pattern" => {
                (self.word(node), Pattern::Name(self.word(node)))
            }
            "object_assignment_pattern" => return self.js_field(field(node, "left")?),
            "pair_pattern" => {
                let key = self.text(field(node, "key")?).trim_matches(['"', '\'']);
                (Rc::from(key), self.js_pattern(field(node, "value")?))
            }
            "rest_pattern" => (Rc::from("..."), self.js_pattern(node)),
            _ => return None,
        })
    }

    pub(super) fn js(&mut self, node: Node<'_>) -> Expr {
        let kind = self.deeper(|it| it.js_kind(node)).flatten();
        kind.map_or_else(|| self.nothing(node), |kind| self.expr(node, kind))
    }

    fn js_boxed(&mut self, node: Node<'_>, name: &str) -> Option<Box<Expr>> {
        field(node, name).map(|it| Box::new(self.js(it)))
    }

    fn js_all(&mut self, nodes: Vec<Node<'_>>) -> Vec<Expr> {
        nodes.into_iter().map(|it| self.js(it)).collect()
    }

    fn js_kind(&mut self, node: Node<'_>) -> Option<Kind> {
        Some(match node.kind() {
            "identifier" | "this" | "super" | "shorthand_property_identifier" | "import" => {
                Kind::Name(self.word(node))
            }
            "string" => self.js_string(node),
            "template_string" => self.js_template(node),
            "number" => Kind::Number(self.word(node)),
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "null" | "undefined" => Kind::Nothing,
            "regex" => Kind::Regex(self.word(field(node, "pattern")?)),
            "member_expression" => {
                Kind::Member(self.js_boxed(node, "object")?, self.word(field(node, "property")?))
            }
            "subscript_expression" => {
                Kind::Index(self.js_boxed(node, "object")?, self.js_boxed(node, "index")?)
            }
            "call_expression" => self.js_call(node, "function")?,
            "new_expression" => self.js_call(node, "constructor")?,
            "await_expression"
            | "parenthesized_expression"
            | "as_expression"
            | "satisfies_expression"
            | "non_null_expression" => {
                return named(node).first().map(|it| self.js(*it).kind);
            }
            "type_assertion" | "sequence_expression" => {
                return named(node).last().map(|it| self.js(*it).kind);
            }
            "arrow_function"
            | "function_expression"
            | "generator_function"
            | "method_definition" => Kind::Function(self.js_function(node)),
            "binary_expression" => self.js_binary(node)?,
            "unary_expression" => self.js_unary(node)?,
            "ternary_expression" => Kind::Choice(
                self.js_boxed(node, "condition")?,
                self.js_boxed(node, "consequence")?,
                self.js_boxed(node, "alternative")?,
            ),
            "assignment_expression" => {
                let target = self.js_pattern(field(node, "left")?);
                Kind::Assign(Box::new(target), self.js_boxed(node, "right")?)
            }
            "class" => Kind::Class(Rc::new(self.js_class(node))),
            "yield_expression" if is_in_generator(node) => {
                let from = self.text(node).trim_start_matches("yield").trim_start();
                let from = from.starts_with('*');
                let value = named(node).first().map(|it| self.js(*it));
                self.yielded(node, value, from)
            }
            // What is awaited, once a compiler has written it as a generator.
            "yield_expression" => return named(node).first().map(|it| self.js(*it).kind),
            "array" => Kind::List(self.js_items(node)),
            "object" => Kind::Map(self.js_entries(node)),
            _ => Kind::Other(self.js_all(named(node))),
        })
    }

    fn js_string(&mut self, node: Node<'_>) -> Kind {
        let text = self.text(node);
        let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
        Kind::Text(Rc::from(unescape(inner)))
    }

    fn js_template(&mut self, node: Node<'_>) -> Kind {
        let mut parts = Vec::new();
        for child in named(node) {
            match child.kind() {
                "template_substitution" => {
                    parts.extend(named(child).first().map(|it| self.js(*it)));
                }
                "string_fragment" | "escape_sequence" => {
                    let text = unescape(self.text(child));
                    parts.push(self.expr(child, Kind::Text(Rc::from(text))));
                }
                _ => {}
            }
        }
        joined(parts)
    }

    fn js_call(&mut self, node: Node<'_>, callee: &str) -> Option<Kind> {
        let callee = self.js(field(node, callee)?);
        let arguments = field(node, "arguments");
        if let Some(template) = arguments.filter(|it| it.kind() == "template_string") {
            // A tagged template: its tag decides what becomes of the parts.
            let mut args = vec![self.js(template)];
            args.extend(named(template).into_iter().filter_map(|it| {
                let substitution = it.kind() == "template_substitution";
                let inner = named(it).first().copied().filter(|_| substitution)?;
                Some(self.js(inner))
            }));
            let tag = Expr { at: callee.at, kind: Kind::Member(Box::new(callee), Rc::from("`")) };
            let arg = |value| Arg { name: None, spread: false, value };
            let args = args.into_iter().map(arg).collect();
            return Some(Kind::Call(Box::new(Call { callee: tag, args })));
        }
        let mut args = Vec::new();
        for child in arguments.map(named).unwrap_or_default() {
            let (spread, value) = match child.kind() {
                "spread_element" => (true, *named(child).first()?),
                _ => (false, child),
            };
            args.push(Arg { name: None, spread, value: self.js(value) });
        }
        Some(Kind::Call(Box::new(Call { callee, args })))
    }

    fn js_operator(&self, node: Node<'_>) -> &str {
        field(node, "operator").map(|it| self.text(it)).unwrap_or_default()
    }

    fn js_binary(&mut self, node: Node<'_>) -> Option<Kind> {
        let operator = self.js_operator(node).to_owned();
        let same =
            |it: Node<'_>| it.kind() == "binary_expression" && self.js_operator(it) == operator;
        let at = self.at(node);
        let not = |kind| Kind::Not(Box::new(Expr { kind, at }));
        if matches!(operator.as_str(), "+" | "&&" | "||" | "??") {
            let operands = chain(node, same);
            let operands = self.js_all(operands);
            return Some(match operator.as_str() {
                "+" => Kind::Parts(operands),
                "&&" => Kind::And(operands),
                _ => Kind::Or(operands),
            });
        }
        let left = self.js_boxed(node, "left")?;
        let right = self.js_boxed(node, "right")?;
        Some(match operator.as_str() {
            "===" | "==" => Kind::Compare(Cmp::Equal, left, right),
            "!==" | "!=" => not(Kind::Compare(Cmp::Equal, left, right)),
            "in" => Kind::Compare(Cmp::In, left, right),
            "instanceof" => Kind::Compare(Cmp::Instance, left, right),
            "<" | ">" | "<=" | ">=" => Kind::Compare(Cmp::Order, left, right),
            _ => Kind::Other(vec![*left, *right]),
        })
    }

    fn js_unary(&mut self, node: Node<'_>) -> Option<Kind> {
        let argument = self.js_boxed(node, "argument")?;
        let at = argument.at;
        Some(match self.js_operator(node) {
            "!" => Kind::Not(argument),
            // `void 0` is nothing; what stands behind it otherwise is done all the same.
            "void" if matches!(argument.kind, Kind::Number(_)) => Kind::Nothing,
            "typeof" => {
                let callee = Expr { kind: Kind::Name(Rc::from("typeof")), at };
                let args = vec![Arg { name: None, spread: false, value: *argument }];
                Kind::Call(Box::new(Call { callee, args }))
            }
            "+" => {
                let callee = Expr { kind: Kind::Name(Rc::from("Number")), at };
                let args = vec![Arg { name: None, spread: false, value: *argument }];
                Kind::Call(Box::new(Call { callee, args }))
            }
            _ => Kind::Other(vec![*argument]),
        })
    }

    fn js_items(&mut self, node: Node<'_>) -> Vec<Item> {
        let item = |it: Node<'_>| match it.kind() {
            "spread_element" => Some(Item { spread: true, value: self.js(*named(it).first()?) }),
            _ => Some(Item { spread: false, value: self.js(it) }),
        };
        named(node).into_iter().filter_map(item).collect()
    }

    fn js_entries(&mut self, node: Node<'_>) -> Vec<Entry> {
        named(node).into_iter().filter_map(|it| self.js_entry(it)).collect()
    }

    fn js_entry(&mut self, node: Node<'_>) -> Option<Entry> {
        let (key, value) = match node.kind() {
            "pair" => (field(node, "key"), self.js(field(node, "value")?)),
            "shorthand_property_identifier" => (Some(node), self.js(node)),
            "method_definition" => (field(node, "name"), self.js(node)),
            "spread_element" => (None, self.js(*named(node).first()?)),
            _ => return None,
        };
        let key = key.map(|it| match it.kind() {
            "computed_property_name" => match named(it).first() {
                Some(inner) => self.js(*inner),
                None => self.nothing(it),
            },
            _ => {
                let text = self.text(it).trim_matches(['"', '\'']);
                self.expr(it, Kind::Text(Rc::from(text)))
            }
        });
        Some(Entry { key, value })
    }
}

/// Whether what stands here is given out by a generator that somebody wrote: one that a compiler made is handed to a
/// function of the compiler's at once.
fn is_in_generator(node: Node<'_>) -> bool {
    let mut at = node;
    while let Some(parent) = at.parent() {
        match parent.kind() {
            "generator_function_declaration" | "method_definition" => return true,
            "generator_function" => {
                return parent.parent().is_none_or(|it| it.kind() != "arguments");
            }
            "function_declaration" | "arrow_function" | "function_expression" => return false,
            _ => at = parent,
        }
    }
    false
}
