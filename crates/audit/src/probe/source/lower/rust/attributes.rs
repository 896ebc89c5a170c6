//! What stands in brackets before an item: what it is offered as, what JSON calls it, what it is bounded by.

use std::rc::Rc;

use tree_sitter::Node;

use super::super::super::ir::{Arg, Call, Expr, Kind, Word};
use super::super::{Lower, named};

/// One value in an attribute.
#[derive(Debug, Clone)]
enum Value {
    /// A word alone.
    Set,
    Text(String),
    Bool(bool),
    Number(String),
    Words(Vec<(String, Value)>),
}

/// All attributes of one item: their names, and what they hold.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    all: Vec<(String, Value)>,
}

impl Attributes {
    pub(super) fn of(lower: &Lower<'_>, nodes: &[Node<'_>]) -> Self {
        let mut all = Vec::new();
        for node in nodes {
            let Some(attribute) = named(*node).into_iter().find(|it| it.kind() == "attribute")
            else {
                continue;
            };
            let path = named(attribute).first().map(|it| lower.rs_plain(*it)).unwrap_or_default();
            let last = path.rsplit("::").next().unwrap_or_default().to_owned();
            let held = attribute.child_by_field_name("arguments");
            let held = held.map_or(Value::Set, |it| Value::Words(words(lower, it, 4)));
            if last == "test" {
                all.push((last, Value::Set));
            } else {
                all.push((last, held));
            }
        }
        Self { all }
    }

    /// What is compiled for tests only.
    pub(super) fn is_test(&self) -> bool {
        self.all.iter().any(|(name, held)| match held {
            Value::Words(words) => name == "cfg" && words.first().is_some_and(is_for_tests),
            _ => name == "test",
        })
    }

    /// Whether there is one of this name.
    pub(super) fn says(&self, name: &str) -> bool {
        self.all.iter().any(|it| it.0 == name)
    }

    /// Whether a derive is among `#[derive(A, b::C)]`.
    pub(super) fn derives(&self, what: &str) -> bool {
        self.words("derive").any(|it| it.0 == what)
    }

    fn words(&self, name: &str) -> impl Iterator<Item = &(String, Value)> {
        self.all.iter().filter(move |it| it.0 == name).flat_map(|it| match &it.1 {
            Value::Words(words) => words.as_slice(),
            _ => &[],
        })
    }

    /// What JSON calls a field.
    pub(super) fn renamed(&self, own: &Word, of_all: &Self) -> Word {
        let rename = self.words("serde").find(|it| it.0 == "rename");
        if let Some((_, Value::Text(name))) = rename {
            return Rc::from(name.as_str());
        }
        let all = of_all.words("serde").find(|it| it.0 == "rename_all");
        match all {
            Some((_, Value::Text(form))) if form == "camelCase" => Rc::from(camel(own)),
            Some((_, Value::Text(form))) if form == "kebab-case" => Rc::from(own.replace('_', "-")),
            _ => Rc::clone(own),
        }
    }

    /// `#[schemars(length(max = 80))]`, `#[validate(range(max = 9))]`: what a client is told of a field.
    pub(super) fn bounds(&self, lower: &Lower<'_>, node: Node<'_>) -> Option<Expr> {
        let told = ["schemars", "validate", "garde"].into_iter().flat_map(|it| self.words(it));
        let bounded = told.into_iter().any(|(name, held)| match (name.as_str(), held) {
            ("regex" | "pattern", _) => true,
            ("length" | "range", Value::Words(words)) => {
                words.iter().any(|it| matches!(it.0.as_str(), "max" | "equal" | "min"))
                    && (name == "range" || words.iter().any(|it| it.0 != "min"))
            }
            _ => false,
        });
        if !bounded {
            return None;
        }
        let callee = lower.expr(node, Kind::Name("Field!".into()));
        let value = lower.expr(node, Kind::Bool(true));
        let args = vec![Arg { name: Some("max_length".into()), spread: false, value }];
        Some(lower.expr(node, Kind::Call(Box::new(Call { callee, args }))))
    }

    /// `#[tool(name = "x", annotations(read_only_hint = true))]` as a call that is given the function.
    pub(super) fn decorators(&self, lower: &Lower<'_>, node: Node<'_>) -> Vec<Expr> {
        let offers = self.all.iter().filter(|it| matches!(it.0.as_str(), "tool" | "prompt"));
        offers
            .map(|(name, held)| {
                let args = match held {
                    Value::Words(words) => args_of(lower, node, words),
                    _ => Vec::new(),
                };
                called(lower, node, &format!("{name}!"), args)
            })
            .collect()
    }
}

/// `impl ServerHandler for Server`: what the SDK calls for whatever a client asks.
pub(super) fn by_hand(
    lower: &Lower<'_>,
    node: Node<'_>,
    of_trait: Option<&str>,
    name: &str,
) -> Option<Expr> {
    let ours =
        of_trait.is_some_and(|it| it.ends_with("ServerHandler") || it == "ServerHandlerCore");
    let known = matches!(name, "call_tool" | "read_resource" | "get_prompt")
        || matches!(
            name,
            "handle_call_tool_request"
                | "handle_read_resource_request"
                | "handle_get_prompt_request"
        );
    (ours && known).then(|| {
        let value = lower.expr(node, Kind::Text(Rc::from(name)));
        let args = vec![Arg { name: None, spread: false, value }];
        called(lower, node, "handler!", args)
    })
}

fn called(lower: &Lower<'_>, node: Node<'_>, name: &str, args: Vec<Arg>) -> Expr {
    let callee = lower.expr(node, Kind::Name(Rc::from(name)));
    lower.expr(node, Kind::Call(Box::new(Call { callee, args })))
}

fn args_of(lower: &Lower<'_>, node: Node<'_>, words: &[(String, Value)]) -> Vec<Arg> {
    let arg = |(name, held): &(String, Value)| {
        let kind = match held {
            Value::Text(text) => Kind::Text(Rc::from(text.as_str())),
            Value::Bool(yes) => Kind::Bool(*yes),
            Value::Number(number) => Kind::Number(Rc::from(number.as_str())),
            Value::Words(words) => {
                return Arg {
                    name: Some(Rc::from(name.as_str())),
                    spread: false,
                    value: called(lower, node, "annotations!", args_of(lower, node, words)),
                };
            }
            Value::Set => Kind::Bool(true),
        };
        Arg { name: Some(Rc::from(name.as_str())), spread: false, value: lower.expr(node, kind) }
    };
    words.iter().map(arg).collect()
}

/// Whether a condition is so in tests only: `any(test, unix)` is so elsewhere, too.
fn is_for_tests(word: &(String, Value)) -> bool {
    match (word.0.as_str(), &word.1) {
        ("test", Value::Set) => true,
        ("all", Value::Words(words)) => words.iter().any(is_for_tests),
        ("any", Value::Words(words)) => !words.is_empty() && words.iter().all(is_for_tests),
        _ => false,
    }
}

/// `name = "x", other(inner = true), third`
fn words(lower: &Lower<'_>, tree: Node<'_>, left: u32) -> Vec<(String, Value)> {
    let Some(left) = left.checked_sub(1) else { return Vec::new() };
    let mut found: Vec<(String, Value)> = Vec::new();
    let (mut fresh, mut path) = (true, false);
    let mut cursor = tree.walk();
    for child in tree.children(&mut cursor) {
        path &= matches!(child.kind(), "::" | "identifier");
        match child.kind() {
            "," => fresh = true,
            "identifier" if fresh => {
                found.push((lower.text(child).to_owned(), Value::Set));
                (fresh, path) = (false, true);
            }
            // Of `a::b`, the last name counts.
            "::" => {}
            "identifier" if path => {
                if let Some(last) = found.last_mut() {
                    lower.text(child).clone_into(&mut last.0);
                }
            }
            "token_tree" => {
                if let Some((_, held @ Value::Set)) = found.last_mut() {
                    *held = Value::Words(words(lower, child, left));
                }
            }
            "string_literal" | "raw_string_literal" => {
                if let Some((_, held @ Value::Set)) = found.last_mut() {
                    *held = Value::Text(lower.rs_string(child));
                }
            }
            "boolean_literal" => {
                if let Some((_, held @ Value::Set)) = found.last_mut() {
                    *held = Value::Bool(lower.text(child) == "true");
                }
            }
            "integer_literal" => {
                if let Some((_, held @ Value::Set)) = found.last_mut() {
                    *held = Value::Number(lower.text(child).to_owned());
                }
            }
            _ => {}
        }
    }
    found
}

fn camel(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut up = false;
    for c in name.chars() {
        match c {
            '_' => up = true,
            c if up => {
                out.extend(c.to_uppercase());
                up = false;
            }
            c => out.push(c),
        }
    }
    out
}
