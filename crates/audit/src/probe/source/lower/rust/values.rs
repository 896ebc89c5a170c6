//! What stands in Rust's statements: names, calls, operators, closures, and what macros were given.
//!
//! The callee of a method is a member whose name begins with a dot, so that `a.b()` is told from `A::b()`. Calls of ours,
//! which nobody can write, end in an exclamation mark.

use std::collections::BTreeMap;
use std::rc::Rc;

use tree_sitter::Node;

use super::super::super::ir::{Arg, Call, Cmp, Do, Expr, Function, Item, Kind, Pattern, Stmt};
use super::super::{Lower, chain, field, named, unescape};
use super::flow::Dest;
use super::patterns::pieces;

/// Types whose values hold nothing that a client could choose with.
const NUMBERS: &[&str] = &[
    "u8",
    "i8",
    "u16",
    "i16",
    "u32",
    "i32",
    "u64",
    "i64",
    "u128",
    "i128",
    "usize",
    "isize",
    "f32",
    "f64",
    "bool",
    "Uuid",
    "NaiveDate",
];
/// Methods that reach through to what they are called on.
const LENDING: &[&str] = &[
    "lock",
    "unwrap",
    "expect",
    "write",
    "borrow_mut",
    "get_mut",
    "as_mut",
    "deref_mut",
    "by_ref",
    "as_deref_mut",
    "make_mut",
    "borrow",
    "unwrap_or_else",
];
/// Calls that give what they are given.
#[rustfmt::skip]
const HOLDING: &[&str] = &[
    "Ok", "Some", "Box::new", "Arc::new", "Rc::new", "Mutex::new", "RwLock::new", "RefCell::new", "Cell::new", "Cow::Borrowed", "Cow::Owned", "String::from",
    "Box::pin", "Pin::new", "Reverse", "Wrapping", "Parameters", "Cow::from", "Arc::from", "Box::from", "Rc::from", "OsString::from", "OsStr::new", "Arc::clone", "Rc::clone", "Json",
    "Value::String", "Value::from", "Value::Array", "Value::Object", "serde_json::Value::Object", "json!", "str::from_utf8", "String::from_utf8", "String::from_utf8_lossy", "AssertSqlSafe",
];

impl Lower<'_> {
    /// An expression; statements that stand in it come out before it.
    pub(super) fn rs(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Expr {
        let at = self.at(node);
        let kind = self.deeper(|it| it.rs_kind(node, out)).flatten();
        Expr { kind: kind.unwrap_or_else(|| Kind::Other(Vec::new())), at }
    }

    fn rs_boxed(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Box<Expr> {
        Box::new(self.rs(node, out))
    }

    fn rs_kind(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Option<Kind> {
        Some(match node.kind() {
            "identifier" | "type_identifier" => match self.text(node) {
                "None" => Kind::Nothing,
                "Self" => Kind::Name(self.rust.this.clone()?),
                text => Kind::Name(self.rs_called(text)),
            },
            "self" => Kind::Name(Rc::from("self")),
            "scoped_identifier" if self.rs_of_bracketed(node, 8) => {
                let (path, name) = (field(node, "path")?, field(node, "name")?);
                let base = match path.kind() {
                    "bracketed_type" => {
                        let of = named(path).into_iter().next()?;
                        // `<T as Trait>::f`
                        self.rs_type(
                            field(of, "type")
                                .filter(|_| of.kind() == "qualified_type")
                                .unwrap_or(of),
                        )
                    }
                    _ => self.rs(path, out),
                };
                Kind::Member(Box::new(base), self.word(name))
            }
            "scoped_identifier" | "scoped_type_identifier" => {
                let path = self.rs_plain(node);
                self.rs_path(node, path.split("::")).kind
            }
            "generic_function" => return Some(self.rs(field(node, "function")?, out).kind),
            "string_literal" | "raw_string_literal" | "char_literal" => {
                Kind::Text(Rc::from(self.rs_string(node)))
            }
            "integer_literal" | "float_literal" | "negative_literal" => {
                Kind::Number(self.word(node))
            }
            "boolean_literal" => Kind::Bool(self.text(node) == "true"),
            "unit_expression" => Kind::List(Vec::new()),
            "parenthesized_expression" | "reference_expression" | "await_expression" => {
                return Some(self.rs(named(node).into_iter().next_back()?, out).kind);
            }
            "try_expression" => {
                let inner = self.rs(*named(node).first()?, out);
                let name = match self.rust.optional {
                    Some(false) => "try!",
                    _ => "try_any!",
                };
                self.rs_named(node, name, vec![inner]).kind
            }
            "unary_expression" => {
                let inner = self.rs_boxed(*named(node).first()?, out);
                match self.text(node).as_bytes().first() {
                    Some(b'!') => Kind::Not(inner),
                    Some(b'*') => inner.kind,
                    _ => Kind::Other(vec![*inner]),
                }
            }
            "binary_expression" => self.rs_binary(node, out)?,
            _ => return self.rs_more(node, out),
        })
    }

    /// `<T>::a::b`
    fn rs_of_bracketed(&self, node: Node<'_>, left: u32) -> bool {
        let path = field(node, "path").filter(|_| left > 0);
        path.is_some_and(|it| {
            it.kind() == "bracketed_type" || self.rs_of_bracketed(it, left.saturating_sub(1))
        })
    }

    /// Expressions that do something, or hold statements or several values.
    fn rs_more(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Option<Kind> {
        Some(match node.kind() {
            "assignment_expression" => self.rs_assignment(node, out)?,
            "compound_assignment_expr" => {
                let target = self.rs_target(field(node, "left")?, out);
                let value = self.rs(field(node, "right")?, out);
                let grows = field(node, "operator").is_some_and(|it| self.text(it) == "+=");
                let kind = if grows { Do::Grow(target, value) } else { Do::Expr(value) };
                out.push(Stmt { kind, at: self.at(node) });
                Kind::List(Vec::new())
            }
            "type_cast_expression" => {
                let value = self.rs(field(node, "value")?, out);
                let of = self.text(field(node, "type")?).to_owned();
                self.rs_converted(node, &of, value).kind
            }
            "call_expression" => self.rs_call(node, out)?,
            "field_expression" => Kind::Member(
                self.rs_boxed(field(node, "value")?, out),
                self.word(field(node, "field")?),
            ),
            "index_expression" => self.rs_index(node, out)?,
            "array_expression" => {
                let length = field(node, "length").map(|it| it.id());
                let items = named(node).into_iter();
                let items =
                    items.filter(|it| Some(it.id()) != length && it.kind() != "attribute_item");
                Kind::List(
                    items.map(|it| Item { spread: false, value: self.rs(it, out) }).collect(),
                )
            }
            "tuple_expression" => {
                let items = named(node).into_iter().filter(|it| it.kind() != "attribute_item");
                Kind::List(
                    items.map(|it| Item { spread: false, value: self.rs(it, out) }).collect(),
                )
            }
            "struct_expression" => self.rs_record(node, out)?,
            "closure_expression" => self.rs_closure(node)?,
            "async_block" => {
                let block = named(node).into_iter().next_back()?;
                let function =
                    self.rs_body(node, |it, body| it.rs_block(block, &Dest::Return, body));
                self.rs_called_at_once(node, function)
            }
            "if_expression" | "match_expression" | "block" | "unsafe_block" | "const_block"
            | "loop_expression" | "while_expression" | "for_expression" => {
                self.rs_hoisted(node, out).kind
            }
            "return_expression" => {
                let value = named(node).first().map(|it| self.rs(*it, out));
                let value = value.unwrap_or_else(|| self.expr(node, Kind::List(Vec::new())));
                out.push(Stmt { kind: Do::Return(Some(value)), at: self.at(node) });
                Kind::Other(Vec::new())
            }
            "break_expression" | "continue_expression" => {
                self.rs_leave(node, node.kind() == "continue_expression", out);
                Kind::Other(Vec::new())
            }
            "macro_invocation" => {
                let name = field(node, "macro").map(|it| self.rs_plain(it)).unwrap_or_default();
                let name = name.rsplit("::").next().unwrap_or_default().to_owned();
                self.rust.elsewhere |= name == "include";
                let mut parts = vec![self.expr(node, Kind::Text(Rc::from(name)))];
                self.rs_words_in(node, &mut parts);
                self.rs_named(node, "macro!", parts).kind
            }
            _ => {
                let parts = named(node).into_iter().map(|it| self.rs(it, out));
                Kind::Other(parts.collect())
            }
        })
    }

    /// What a macro that is not known was given: any name in it may be what comes of it.
    fn rs_words_in(&mut self, node: Node<'_>, parts: &mut Vec<Expr>) {
        for child in named(node) {
            match child.kind() {
                "token_tree" => {
                    let _read = self.deeper(|it| it.rs_words_in(child, parts));
                }
                "identifier" if parts.len() < 64 => {
                    let name = self.rs_called(self.text(child));
                    parts.push(self.expr(child, Kind::Name(name)));
                }
                _ => {}
            }
        }
    }

    /// A text's own characters.
    pub(super) fn rs_string(&self, node: Node<'_>) -> String {
        let text = self.text(node);
        match node.kind() {
            "raw_string_literal" => {
                let inner = text.trim_start_matches(['b', 'c', 'r', '#']).trim_end_matches('#');
                inner.get(1..inner.len().saturating_sub(1)).unwrap_or_default().to_owned()
            }
            _ => {
                let inner = text.trim_start_matches(['b', 'c']);
                let inner = inner.get(1..inner.len().saturating_sub(1)).unwrap_or_default();
                let joined: String = match inner.contains("\\\n") {
                    true => inner
                        .split("\\\n")
                        .enumerate()
                        .map(|(index, it)| if index > 0 { it.trim_start() } else { it })
                        .collect(),
                    false => inner.to_owned(),
                };
                unescape(&joined)
            }
        }
    }

    /// `a::b::c`, whose first name may be bound here.
    pub(super) fn rs_path<'p>(
        &mut self,
        node: Node<'_>,
        parts: impl Iterator<Item = &'p str>,
    ) -> Expr {
        let mut whole: Option<Expr> = None;
        for part in parts {
            let part = part.split('<').next().unwrap_or_default();
            if part.is_empty() || part.ends_with('>') {
                continue;
            }
            let kind = match (whole.take(), part) {
                (Some(base), _) => Kind::Member(Box::new(base), Rc::from(part)),
                (None, "Self") => {
                    Kind::Name(self.rust.this.clone().unwrap_or_else(|| "Self".into()))
                }
                (None, _) => Kind::Name(self.rs_called(part)),
            };
            whole = Some(self.expr(node, kind));
        }
        whole.unwrap_or_else(|| self.nothing(node))
    }

    pub(super) fn rs_named(&mut self, node: Node<'_>, name: &str, args: Vec<Expr>) -> Expr {
        let callee = self.expr(node, Kind::Name(Rc::from(name)));
        let arg = |value| Arg { name: None, spread: false, value };
        let args = args.into_iter().map(arg).collect();
        self.expr(node, Kind::Call(Box::new(Call { callee, args })))
    }

    /// What is of a type is the same value, unless the type is one of numbers.
    pub(super) fn rs_converted(&mut self, node: Node<'_>, of: &str, value: Expr) -> Expr {
        let of = of.strip_prefix("Option<").unwrap_or(of).trim_end_matches('>');
        let last = of.rsplit("::").next().unwrap_or_default();
        match last {
            _ if NUMBERS.contains(&last) => self.rs_named(node, "int!", vec![value]),
            "PathBuf" | "Path" | "&Path" => self.rs_named(node, "path!", vec![value]),
            _ => value,
        }
    }

    fn rs_binary(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Option<Kind> {
        let own = operator(node);
        let same = |it: Node<'_>| it.kind() == "binary_expression" && operator(it) == own;
        if matches!(own, "+" | "&&" | "||" | "|") {
            let operands = chain(node, same).into_iter().map(|it| self.rs(it, out)).collect();
            return Some(match own {
                "+" => Kind::Parts(operands),
                "&&" => Kind::And(operands),
                "||" => Kind::Or(operands),
                _ => Kind::Other(operands),
            });
        }
        let left = self.rs_boxed(field(node, "left")?, out);
        let right = self.rs_boxed(field(node, "right")?, out);
        Some(match own {
            "==" => Kind::Compare(Cmp::Equal, left, right),
            "!=" => {
                let equal = self.expr(node, Kind::Compare(Cmp::Equal, left, right));
                Kind::Not(Box::new(equal))
            }
            "<" | ">" | "<=" | ">=" => Kind::Compare(Cmp::Order, left, right),
            _ => Kind::Other(vec![*left, *right]),
        })
    }

    fn rs_assignment(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Option<Kind> {
        let value = self.rs(field(node, "right")?, out);
        let target = self.rs_target(field(node, "left")?, out);
        let at = self.at(node);
        let assign = Expr { kind: Kind::Assign(Box::new(target), Box::new(value)), at };
        out.push(Stmt { kind: Do::Expr(assign), at });
        Some(Kind::List(Vec::new()))
    }

    pub(super) fn rs_target(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Pattern {
        match node.kind() {
            "identifier" => match self.text(node) {
                "_" => Pattern::Ignored,
                text => Pattern::Name(self.rs_called(text)),
            },
            "unary_expression" | "parenthesized_expression" => match named(node).first() {
                Some(inner) => self.rs_target(*inner, out),
                None => Pattern::Ignored,
            },
            // `&mut line`
            "reference_expression" => match named(node).into_iter().next_back() {
                Some(inner) => self.rs_target(inner, out),
                None => Pattern::Ignored,
            },
            "tuple_expression" => {
                let targets = pieces(node).into_iter().map(|it| self.rs_target(it, out));
                Pattern::Items(targets.collect(), None)
            }
            // `*kept.lock().unwrap() = value`
            "call_expression" | "try_expression" | "await_expression" => match self.rs_lent(node) {
                Some(inner) => self.rs_target(inner, out),
                None => Pattern::Ignored,
            },
            "field_expression" | "index_expression" => Pattern::Place(self.rs(node, out)),
            _ => Pattern::Ignored,
        }
    }

    /// What a call only reaches through to, such as `kept` of `kept.lock().unwrap()`.
    fn rs_lent<'t>(&self, node: Node<'t>) -> Option<Node<'t>> {
        if node.kind() != "call_expression" {
            return named(node).into_iter().next();
        }
        let function = field(node, "function").filter(|it| it.kind() == "field_expression")?;
        let method = self.text(field(function, "field")?);
        LENDING.contains(&method).then(|| field(function, "value")).flatten()
    }

    fn rs_index(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Option<Kind> {
        let parts = named(node);
        let base = self.rs_boxed(*parts.first()?, out);
        let index = *parts.get(1)?;
        if index.kind() != "range_expression" {
            return Some(Kind::Index(base, self.rs_boxed(index, out)));
        }
        let text = self.text(index).trim();
        let from_first = text.starts_with("..") || text.starts_with("0..");
        Some(Kind::Slice(base, from_first))
    }

    /// `T { a, b: c, ..d }`
    fn rs_record(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Option<Kind> {
        let path = self.rs_plain(field(node, "name")?);
        let callee = self.rs_path(node, path.split("::"));
        let mut args = Vec::new();
        for child in field(node, "body").map(named).unwrap_or_default() {
            let (name, spread, value) = match child.kind() {
                "shorthand_field_initializer" => {
                    let name = named(child).into_iter().next_back()?;
                    (Some(self.word(name)), false, self.rs(name, out))
                }
                "field_initializer" => {
                    let name = self.word(field(child, "field")?);
                    (Some(name), false, self.rs(field(child, "value")?, out))
                }
                "base_field_initializer" => {
                    (Some(Rc::from("**")), true, self.rs(*named(child).first()?, out))
                }
                _ => continue,
            };
            args.push(Arg { name, spread, value });
        }
        Some(Kind::Call(Box::new(Call { callee, args })))
    }

    fn rs_closure(&mut self, node: Node<'_>) -> Option<Kind> {
        let at = self.at(node);
        let body = field(node, "body")?;
        self.rust.scopes.push(BTreeMap::new());
        let optional = self.rust.optional.take();
        let loops = std::mem::take(&mut self.rust.loops);
        let (mut params, mut inside) = (Vec::new(), Vec::new());
        for child in field(node, "parameters").map(pieces).unwrap_or_default() {
            self.rs_param(child, &mut params, &mut inside);
        }
        self.rs_into(body, &Dest::Return, &mut inside);
        self.rust.loops = loops;
        self.rust.optional = optional;
        let _closed = self.rust.scopes.pop();
        let name = Rc::from("<closure>");
        Some(Kind::Function(Rc::new(Function { name, params, body: inside, at })))
    }

    /// Statements as a function of their own.
    fn rs_body(
        &mut self,
        node: Node<'_>,
        go: impl FnOnce(&mut Self, &mut Vec<Stmt>),
    ) -> Rc<Function> {
        let optional = self.rust.optional.take();
        let loops = std::mem::take(&mut self.rust.loops);
        let mut body = Vec::new();
        go(self, &mut body);
        self.rust.loops = loops;
        self.rust.optional = optional;
        Rc::new(Function { name: "<block>".into(), params: Vec::new(), body, at: self.at(node) })
    }

    fn rs_called_at_once(&mut self, node: Node<'_>, function: Rc<Function>) -> Kind {
        let callee = self.expr(node, Kind::Function(function));
        Kind::Call(Box::new(Call { callee, args: Vec::new() }))
    }

    fn rs_given(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Vec<Expr> {
        let args = field(node, "arguments").map(named).unwrap_or_default();
        let args = args.into_iter().filter(|it| it.kind() != "attribute_item");
        let mut given = Vec::new();
        for it in args {
            let value = self.rs(it, out);
            given.push(match is_lent(it) {
                true => self.rs_named(it, "lent!", vec![value]),
                false => value,
            });
        }
        given
    }

    fn rs_call(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Option<Kind> {
        let function = field(node, "function")?;
        let (function, of) = match function.kind() {
            "generic_function" => (field(function, "function")?, field(function, "type_arguments")),
            _ => (function, None),
        };
        let path = match function.kind() {
            "identifier" | "scoped_identifier" => self.rs_plain(function),
            _ => String::new(),
        };
        if let Some(name) = path.strip_suffix('!') {
            let name = name.rsplit("::").next().unwrap_or_default().to_owned();
            return self.rs_macro(node, &name, &path, out);
        }
        if holds(&path)
            && let [only] = field(node, "arguments").map(named).unwrap_or_default().as_slice()
        {
            return Some(self.rs(*only, out).kind);
        }
        let kind = if path == "Err" {
            let given = self.rs_given(node, out);
            self.rs_named(node, "Err!", given).kind
        } else {
            let callee = match function.kind() {
                "field_expression" => {
                    let base = self.rs_boxed(field(function, "value")?, out);
                    let name = format!(".{}", self.text(field(function, "field")?));
                    self.expr(function, Kind::Member(base, Rc::from(name)))
                }
                _ => self.rs(function, out),
            };
            let arg = |value| Arg { name: None, spread: false, value };
            let args = self.rs_given(node, out).into_iter().map(arg).collect();
            Kind::Call(Box::new(Call { callee, args }))
        };
        // `text.parse::<u16>()`
        let of = of.map(|it| self.text(it).trim_matches(['<', '>']).to_owned());
        Some(match of {
            Some(of) => {
                let value = self.expr(node, kind);
                self.rs_converted(node, &of, value).kind
            }
            None => kind,
        })
    }
}

/// `&mut place`
pub(super) fn is_lent(node: Node<'_>) -> bool {
    node.kind() == "reference_expression"
        && named(node).first().is_some_and(|it| it.kind() == "mutable_specifier")
}

fn operator<'t>(node: Node<'t>) -> &'t str {
    field(node, "operator").map(|it| it.kind()).unwrap_or_default()
}

/// Whether a call gives what it is given.
fn holds(path: &str) -> bool {
    let mut parts = path.rsplit("::");
    let last = parts.next().unwrap_or_default();
    let short = match parts.next() {
        Some(of) => format!("{of}::{last}"),
        None => last.to_owned(),
    };
    matches!(last, "Ok" | "Some") || HOLDING.contains(&short.as_str())
}
