//! What macros were given: texts with holes, JSON, tests of patterns, and ways out of a function.

use std::rc::Rc;

use tree_sitter::Node;

use super::super::super::ir::{Arg, Call, Cmp, Do, Entry, Item, Kind, Pattern, Stmt};
use super::super::{Lower, chain, field, named};

impl Lower<'_> {
    /// A macro that is read as a call.
    pub(super) fn rs_macro(
        &mut self,
        node: Node<'_>,
        name: &str,
        path: &str,
        out: &mut Vec<Stmt>,
    ) -> Option<Kind> {
        let at = self.at(node);
        let given = field(node, "arguments").map(named).unwrap_or_default();
        Some(match name {
            "format" | "format_args" | "anyhow" | "eyre" | "format_err" | "formatdoc" | "indoc"
            | "concat" => self.rs_format(node, &given, out),
            "write" | "writeln" => {
                let (target, rest) = given.split_first()?;
                let text = self.rs_format(node, rest, out);
                let text = self.expr(node, text);
                let kind = match self.rs_target(*target, out) {
                    Pattern::Ignored => Do::Expr(text),
                    target => Do::Grow(target, text),
                };
                out.push(Stmt { kind, at });
                Kind::List(Vec::new())
            }
            "json" | "object" | "named_params" => self.rs_json(*given.first()?, out),
            "matches" => self.rs_matches(&given, out)?,
            "bail" | "ensure" => {
                let (condition, rest) = match name {
                    "ensure" => (Some(self.rs(*given.first()?, out)), given.get(1..)?),
                    _ => (None, given.as_slice()),
                };
                let mut leave = Vec::new();
                let text = self.rs_format(node, rest, &mut leave);
                let text = self.expr(node, text);
                let error = self.rs_named(node, "Err!", vec![text]);
                leave.push(Stmt { kind: Do::Return(Some(error)), at });
                match condition {
                    Some(condition) => {
                        out.push(Stmt { kind: Do::If(condition, Vec::new(), leave), at });
                    }
                    None => out.extend(leave),
                }
                Kind::List(Vec::new())
            }
            "panic" | "todo" | "unimplemented" | "unreachable" => {
                self.rs_named(node, "!never", Vec::new()).kind
            }
            "assert" => {
                let condition = self.rs(*given.first()?, out);
                out.push(Stmt { kind: Do::Assert(condition), at });
                Kind::List(Vec::new())
            }
            "dbg" | "pin" | "ready" => return Some(self.rs(*given.first()?, out).kind),
            "join" | "try_join" => {
                let mut items = Vec::new();
                for it in given {
                    let value = self.rs(it, out);
                    let value = match name {
                        "try_join" => self.rs_named(it, "try!", vec![value]),
                        _ => value,
                    };
                    items.push(Item { spread: false, value });
                }
                Kind::List(items)
            }
            _ => {
                let args = given.into_iter().map(|it| {
                    let value = match it.kind() {
                        "assignment_expression" => field(it, "right").unwrap_or(it),
                        _ => it,
                    };
                    Arg { name: None, spread: false, value: self.rs(value, out) }
                });
                let args = args.collect();
                let path = path.to_owned();
                let callee = self.rs_path(node, path.split("::"));
                Kind::Call(Box::new(Call { callee, args }))
            }
        })
    }

    /// `"text {} {name} {0:?}", a, name = b`
    fn rs_format(&mut self, node: Node<'_>, given: &[Node<'_>], out: &mut Vec<Stmt>) -> Kind {
        let Some((format, rest)) = given.split_first() else { return Kind::Text("".into()) };
        let mut values: Vec<Node<'_>> = Vec::new();
        let mut by_name: Vec<(&str, Node<'_>)> = Vec::new();
        for it in rest {
            match (it.kind(), field(*it, "left"), field(*it, "right")) {
                ("assignment_expression", Some(left), Some(right)) => {
                    by_name.push((self.text(left), right));
                }
                _ => values.push(*it),
            }
        }
        if !format.kind().ends_with("string_literal") {
            let parts = given.iter().map(|it| self.rs(*it, out));
            return Kind::Parts(parts.collect());
        }
        let text = self.rs_string(*format);
        let mut next = 0;
        let mut parts = Vec::new();
        for (fixed, hole) in holes(&text) {
            if !fixed.is_empty() {
                parts.push(self.expr(node, Kind::Text(Rc::from(fixed))));
            }
            let Some(hole) = hole else { continue };
            let name = hole.split(':').next().unwrap_or_default().trim();
            let value = match name.parse::<usize>() {
                _ if name.is_empty() => {
                    next += 1;
                    values.get(next - 1).copied()
                }
                Ok(index) => values.get(index).copied(),
                Err(_) => by_name.iter().find(|it| it.0 == name).map(|it| it.1),
            };
            let value = match value {
                Some(value) => self.rs(value, out),
                None => self.expr(node, Kind::Name(self.rs_called(name))),
            };
            parts.push(self.rs_named(node, "shown!", vec![value]));
        }
        Kind::Parts(parts)
    }

    /// `("key" = value, ...)`, which was `{"key": value}`.
    fn rs_json(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Kind {
        let go = |it: &mut Self| match node.kind() {
            "parenthesized_expression" | "tuple_expression" | "unit_expression" => {
                let mut entries = Vec::new();
                for child in named(node) {
                    if let (Some(left), Some(right)) = (field(child, "left"), field(child, "right"))
                    {
                        let key = Some(it.rs(left, out));
                        let kind = it.rs_json(right, out);
                        entries.push(Entry { key, value: it.expr(right, kind) });
                    }
                }
                Kind::Map(entries)
            }
            "assignment_expression" => match (field(node, "left"), field(node, "right")) {
                (Some(left), Some(right)) => {
                    let key = Some(it.rs(left, out));
                    let kind = it.rs_json(right, out);
                    Kind::Map(vec![Entry { key, value: it.expr(right, kind) }])
                }
                _ => Kind::Other(Vec::new()),
            },
            "array_expression" => {
                let mut items = Vec::new();
                for child in named(node) {
                    let kind = it.rs_json(child, out);
                    items.push(Item { spread: false, value: it.expr(child, kind) });
                }
                Kind::List(items)
            }
            "identifier" if it.text(node) == "null" => Kind::Nothing,
            _ => it.rs(node, out).kind,
        };
        self.deeper(go).unwrap_or(Kind::Other(Vec::new()))
    }

    /// `matches!(value, A | B(_))`
    fn rs_matches(&mut self, given: &[Node<'_>], out: &mut Vec<Stmt>) -> Option<Kind> {
        let [value, pattern] = given else { return None };
        let held = self.rs(*value, out);
        let whole = self.rs_part(*value, held, out);
        let either = |it: Node<'_>| {
            it.kind() == "binary_expression"
                && field(it, "operator").is_some_and(|it| it.kind() == "|")
        };
        let mut tests = Vec::new();
        for one in chain(*pattern, either) {
            let name = self.expr(one, Kind::Name(Rc::clone(&whole)));
            let function = field(one, "function").unwrap_or(one);
            let last = self.rs_plain(function);
            let asks = match last.rsplit("::").next().unwrap_or_default() {
                "Some" => "is_some!",
                "Ok" | "Err" => "is_ok!",
                "Normal" => "is_normal!",
                _ => "",
            };
            let test = match (asks, one.kind()) {
                ("", "range_expression") => {
                    let other = Box::new(self.nothing(one));
                    self.expr(one, Kind::Compare(Cmp::Order, Box::new(name), other))
                }
                ("", _) => {
                    let other = Box::new(self.rs(function, out));
                    self.expr(one, Kind::Compare(Cmp::Equal, Box::new(name), other))
                }
                _ => self.rs_named(one, asks, vec![name]),
            };
            tests.push(match last.ends_with("Err") {
                true => self.expr(one, Kind::Not(Box::new(test))),
                false => test,
            });
        }
        match tests.len() {
            1 => tests.pop().map(|it| it.kind),
            _ => Some(Kind::Or(tests)),
        }
    }
}

/// The fixed texts of a format, each with what stands in the braces behind it.
fn holes(format: &str) -> Vec<(String, Option<String>)> {
    let mut found = Vec::new();
    let mut fixed = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '{' if chars.peek() == Some(&'{') => fixed.extend(chars.next()),
            '}' if chars.peek() == Some(&'}') => fixed.extend(chars.next()),
            '{' => {
                let hole: String = chars.by_ref().take_while(|it| *it != '}').collect();
                found.push((std::mem::take(&mut fixed), Some(hole)));
            }
            c => fixed.push(c),
        }
    }
    found.push((fixed, None));
    found
}

#[cfg(test)]
mod tests {
    use super::holes;

    #[test]
    fn a_format_is_its_texts_and_its_holes() {
        let found = holes("a {} {{b}} {name:?}");
        let expected = [
            ("a ".to_owned(), Some(String::new())),
            (" {b} ".to_owned(), Some("name:?".to_owned())),
            (String::new(), None),
        ];
        assert_eq!(found, expected);
    }
}
