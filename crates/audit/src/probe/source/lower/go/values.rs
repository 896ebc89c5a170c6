//! What stands in Go's statements: expressions, patterns and types.

use std::rc::Rc;

use tree_sitter::Node;

use super::super::super::ir::{Arg, At, Call, Cmp, Entry, Expr, Item, Kind, Pattern, Word};
use super::super::{Lower, chain, field, named, unescape};

/// Functions that fill the variable whose address they are given with what is in their first argument.
const FILLING: &[&str] =
    &["Unmarshal", "UnmarshalStrict", "UnmarshalNoEscape", "Decode", "WeakDecode"];
/// Types whose values hold nothing that a client could choose with.
const NUMBERS: &[&str] = &[
    "int", "int8", "int16", "int32", "int64", "uint", "uint8", "uint16", "uint32", "uint64",
    "float32", "float64", "bool",
];

impl Lower<'_> {
    pub(super) fn go_pattern(&mut self, node: Node<'_>) -> Pattern {
        match node.kind() {
            "identifier" => match self.text(node) {
                "_" => Pattern::Ignored,
                _ => Pattern::Name(self.word(node)),
            },
            "blank_identifier" => Pattern::Ignored,
            "parenthesized_expression" => match named(node).first() {
                Some(inner) => self.go_pattern(*inner),
                None => Pattern::Ignored,
            },
            // `*p = value`
            "unary_expression" => match field(node, "operand") {
                Some(inner) => self.deeper(|it| it.go_pattern(inner)).unwrap_or(Pattern::Ignored),
                None => Pattern::Ignored,
            },
            "selector_expression" | "index_expression" => Pattern::Place(self.go(node)),
            _ => Pattern::Ignored,
        }
    }

    /// An expression.
    pub(super) fn go(&mut self, node: Node<'_>) -> Expr {
        let kind = self.deeper(|it| it.go_kind(node)).flatten();
        kind.map_or_else(|| self.nothing(node), |kind| self.expr(node, kind))
    }

    /// One value, or several as a list.
    pub(super) fn go_list(&mut self, node: Node<'_>) -> Expr {
        if node.kind() != "expression_list" {
            return self.go(node);
        }
        match named(node).as_slice() {
            [one] => self.go(*one),
            several => {
                let at = self.at(node);
                self.go_items(several, at)
            }
        }
    }

    pub(super) fn go_items(&mut self, nodes: &[Node<'_>], at: At) -> Expr {
        let items = nodes.iter().map(|it| Item { spread: false, value: self.go(*it) });
        Expr { kind: Kind::List(items.collect()), at }
    }

    fn go_boxed(&mut self, node: Node<'_>, name: &str) -> Option<Box<Expr>> {
        field(node, name).map(|it| Box::new(self.go(it)))
    }

    fn go_kind(&mut self, node: Node<'_>) -> Option<Kind> {
        Some(match node.kind() {
            "identifier" | "package_identifier" | "type_identifier" => Kind::Name(self.word(node)),
            "interpreted_string_literal" => {
                let text = self.text(node);
                let inner = text.get(1..text.len().saturating_sub(1)).unwrap_or_default();
                Kind::Text(Rc::from(unescape(inner)))
            }
            "raw_string_literal" => Kind::Text(Rc::from(self.text(node).trim_matches('`'))),
            "rune_literal" => Kind::Text(Rc::from(unescape(self.text(node).trim_matches('\'')))),
            "int_literal" | "float_literal" | "imaginary_literal" | "iota" => {
                Kind::Number(self.word(node))
            }
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "nil" => Kind::Nothing,
            "selector_expression" => {
                Kind::Member(self.go_boxed(node, "operand")?, self.word(field(node, "field")?))
            }
            "qualified_type" => {
                let package = field(node, "package")?;
                Kind::Member(Box::new(self.go(package)), self.word(field(node, "name")?))
            }
            "index_expression" => {
                Kind::Index(self.go_boxed(node, "operand")?, self.go_boxed(node, "index")?)
            }
            "slice_expression" => {
                let from_first = field(node, "start").is_none_or(|it| self.text(it) == "0");
                Kind::Slice(self.go_boxed(node, "operand")?, from_first)
            }
            "call_expression" => self.go_call(node)?,
            "type_conversion_expression" => {
                let of = field(node, "type")?;
                let value = self.go(field(node, "operand")?);
                self.go_converted(of, value)
            }
            "type_assertion_expression" => {
                let value = self.go(field(node, "operand")?);
                self.go_converted(field(node, "type")?, value)
            }
            "parenthesized_expression"
            | "type_instantiation_expression"
            | "variadic_argument"
            | "literal_element" => return named(node).first().map(|it| self.go(*it).kind),
            "unary_expression" => self.go_unary(node)?,
            "binary_expression" => self.go_binary(node)?,
            "composite_literal" => self.go_composite(node)?,
            "literal_value" => self.go_literal(node, None),
            "func_literal" => {
                let name = Rc::from("<function>");
                Kind::Function(self.go_function(node, name, None))
            }
            _ => {
                let parts = named(node).into_iter().map(|it| self.go(it));
                Kind::Other(parts.collect())
            }
        })
    }

    /// What is of a type is the same value, unless the type is one of numbers.
    fn go_converted(&mut self, of: Node<'_>, value: Expr) -> Kind {
        match NUMBERS.contains(&self.text(of)) {
            true => {
                let at = value.at;
                let callee = Expr { kind: Kind::Name(Rc::from("int")), at };
                let args = vec![Arg { name: None, spread: false, value }];
                Kind::Call(Box::new(Call { callee, args }))
            }
            false => value.kind,
        }
    }

    /// Two values of one: `x, ok := y.(T)`, `x, ok := m[k]`.
    pub(super) fn go_with_ok(&mut self, node: Node<'_>) -> Expr {
        let at = self.at(node);
        let ok = match node.kind() {
            "type_assertion_expression" => Expr { kind: Kind::Other(Vec::new()), at },
            "index_expression" => {
                let (Some(map), Some(key)) =
                    (self.go_boxed(node, "operand"), self.go_boxed(node, "index"))
                else {
                    return self.go(node);
                };
                Expr { kind: Kind::Compare(Cmp::In, key, map), at }
            }
            "unary_expression" => Expr { kind: Kind::Other(Vec::new()), at },
            _ => return self.go(node),
        };
        let both = [self.go(node), ok].map(|value| Item { spread: false, value });
        Expr { kind: Kind::List(both.into_iter().collect()), at }
    }

    /// The elements of what is ranged over.
    pub(super) fn go_values(&mut self, over: Expr) -> Expr {
        let at = over.at;
        let callee = Expr { kind: Kind::Name(Rc::from("range!")), at };
        let args = vec![Arg { name: None, spread: false, value: over }];
        Expr { kind: Kind::Call(Box::new(Call { callee, args })), at }
    }

    pub(super) fn go_named(&mut self, node: Node<'_>, name: &str, args: Vec<Expr>) -> Expr {
        let callee = self.expr(node, Kind::Name(Rc::from(name)));
        self.go_called(node, callee, args)
    }

    pub(super) fn go_called(&mut self, node: Node<'_>, callee: Expr, args: Vec<Expr>) -> Expr {
        let arg = |value| Arg { name: None, spread: false, value };
        let args = args.into_iter().map(arg).collect();
        self.expr(node, Kind::Call(Box::new(Call { callee, args })))
    }

    fn go_call(&mut self, node: Node<'_>) -> Option<Kind> {
        let function = field(node, "function")?;
        let given = field(node, "arguments").map(named).unwrap_or_default();
        if function.kind() == "identifier" {
            match self.text(function) {
                "append" => return self.go_append(&given),
                "new" => {
                    let callee = self.go_type(*given.first()?);
                    return Some(self.go_called(node, callee, Vec::new()).kind);
                }
                "make" => {
                    let of = given.first()?.kind();
                    return Some(match of {
                        "map_type" => Kind::Map(Vec::new()),
                        "channel_type" => self.go_named(node, "chan!", Vec::new()).kind,
                        _ => Kind::List(Vec::new()),
                    });
                }
                of if NUMBERS.contains(&of) => {
                    let value = self.go(*given.first()?);
                    return Some(self.go_converted(function, value));
                }
                _ => {}
            }
        }
        if let Some(filled) = self.go_filling(node, function, &given) {
            return Some(filled);
        }
        let callee = match function.kind() {
            "slice_type" | "array_type" | "map_type" | "pointer_type" | "function_type"
            | "interface_type" => return given.first().map(|it| self.go(*it).kind),
            // `[]byte(x)` and `(*T)(x)` are conversions.
            _ => self.go(function),
        };
        let mut args = Vec::new();
        for child in given {
            let spread = child.kind() == "variadic_argument";
            args.push(Arg { name: None, spread, value: self.go(child) });
        }
        Some(Kind::Call(Box::new(Call { callee, args })))
    }

    /// `append(list, a, b...)` is a longer list.
    fn go_append(&mut self, given: &[Node<'_>]) -> Option<Kind> {
        let mut items = Vec::new();
        for (index, child) in given.iter().enumerate() {
            let spread = index == 0 || child.kind() == "variadic_argument";
            items.push(Item { spread, value: self.go(*child) });
        }
        (!items.is_empty()).then_some(Kind::List(items))
    }

    /// `json.Unmarshal(data, &x)`: from here on `x` is what was in `data`.
    fn go_filling(
        &mut self,
        node: Node<'_>,
        function: Node<'_>,
        given: &[Node<'_>],
    ) -> Option<Kind> {
        let method = field(function, "field").map(|it| self.text(it))?;
        let (data, target) = match given {
            [data, target] if FILLING.contains(&method) => {
                (self.go(*data), self.go_address(*target)?)
            }
            // `request.BindArguments(&x)`
            [target] if method == "BindArguments" => {
                let target = self.go_address(*target)?;
                let request = self.go(field(function, "operand")?);
                let callee = Kind::Member(Box::new(request), Rc::from("GetArguments"));
                let callee = self.expr(function, callee);
                (self.go_called(node, callee, Vec::new()), target)
            }
            // `json.NewDecoder(data).Decode(&x)`
            [target] if method == "Decode" => {
                let target = self.go_address(*target)?;
                (self.go(field(function, "operand")?), target)
            }
            _ => return None,
        };
        let pattern = self.go_pattern(target);
        let assign = self.expr(node, Kind::Assign(Box::new(pattern), Box::new(data)));
        Some(self.go_named(node, "unmarshal!", vec![assign]).kind)
    }

    /// `&x`
    fn go_address<'t>(&self, node: Node<'t>) -> Option<Node<'t>> {
        field(node, "operand").filter(|_| self.go_operator(node) == "&")
    }

    fn go_operator(&self, node: Node<'_>) -> &str {
        field(node, "operator").map(|it| self.text(it)).unwrap_or_default()
    }

    fn go_unary(&mut self, node: Node<'_>) -> Option<Kind> {
        let operand = self.go_boxed(node, "operand")?;
        Some(match self.go_operator(node) {
            "!" => Kind::Not(operand),
            "&" | "*" => operand.kind,
            "<-" => {
                let callee = self.expr(node, Kind::Member(operand, Rc::from("recv!")));
                self.go_called(node, callee, Vec::new()).kind
            }
            _ => Kind::Other(vec![*operand]),
        })
    }

    fn go_binary(&mut self, node: Node<'_>) -> Option<Kind> {
        let operator = self.go_operator(node).to_owned();
        let same =
            |it: Node<'_>| it.kind() == "binary_expression" && self.go_operator(it) == operator;
        let at = self.at(node);
        if matches!(operator.as_str(), "+" | "&&" | "||") {
            let operands = chain(node, same).into_iter().map(|it| self.go(it)).collect();
            return Some(match operator.as_str() {
                "+" => Kind::Parts(operands),
                "&&" => Kind::And(operands),
                _ => Kind::Or(operands),
            });
        }
        let left = self.go_boxed(node, "left")?;
        let right = self.go_boxed(node, "right")?;
        Some(match operator.as_str() {
            "==" => Kind::Compare(Cmp::Equal, left, right),
            "!=" => {
                let equal = Expr { kind: Kind::Compare(Cmp::Equal, left, right), at };
                Kind::Not(Box::new(equal))
            }
            "<" | ">" | "<=" | ">=" => Kind::Compare(Cmp::Order, left, right),
            _ => Kind::Other(vec![*left, *right]),
        })
    }

    /// `T{...}`: a list, a map, or a record that is made by its type's name.
    fn go_composite(&mut self, node: Node<'_>) -> Option<Kind> {
        let of = field(node, "type")?;
        let body = field(node, "body")?;
        match of.kind() {
            "slice_type" | "array_type" | "implicit_length_array_type" => {
                let element = field(of, "element");
                let items = self.go_elements(body, element);
                Some(Kind::List(items))
            }
            "map_type" => Some(self.go_map(body, field(of, "value"))),
            _ => Some(self.go_literal(body, Some(of))),
        }
    }

    fn go_elements(&mut self, body: Node<'_>, of: Option<Node<'_>>) -> Vec<Item> {
        let mut items = Vec::new();
        for child in named(body) {
            let inner = match child.kind() {
                "keyed_element" => named(child).into_iter().next_back(),
                _ => Some(child),
            };
            let Some(inner) = inner else { continue };
            items.push(Item { spread: false, value: self.go_element(inner, of) });
        }
        items
    }

    /// An element; one without a type of its own has that of the collection.
    fn go_element(&mut self, node: Node<'_>, of: Option<Node<'_>>) -> Expr {
        let inner = match node.kind() {
            "literal_element" => named(node).first().copied().unwrap_or(node),
            _ => node,
        };
        if inner.kind() != "literal_value" {
            return self.go(inner);
        }
        let kind = self.deeper(|it| match of.map(|of| (of, of.kind())) {
            Some((of, "slice_type" | "array_type")) => {
                Kind::List(it.go_elements(inner, field(of, "element")))
            }
            Some((of, "map_type")) => it.go_map(inner, field(of, "value")),
            of => it.go_literal(inner, of.map(|it| it.0)),
        });
        kind.map_or_else(|| self.nothing(node), |kind| self.expr(inner, kind))
    }

    fn go_map(&mut self, body: Node<'_>, of: Option<Node<'_>>) -> Kind {
        let mut entries = Vec::new();
        for child in named(body) {
            let parts = named(child);
            let [key, value] = parts.as_slice() else { continue };
            let key = Some(self.go_element(*key, None));
            entries.push(Entry { key, value: self.go_element(*value, of) });
        }
        Kind::Map(entries)
    }

    /// A record: its fields by name, or in their order.
    fn go_literal(&mut self, body: Node<'_>, of: Option<Node<'_>>) -> Kind {
        let mut args = Vec::new();
        for child in named(body) {
            let (name, value) = match child.kind() {
                "keyed_element" => {
                    let parts = named(child);
                    let [key, value] = parts.as_slice() else { continue };
                    (Some(self.word(*key)), *value)
                }
                _ => (None, child),
            };
            args.push(Arg { name, spread: false, value: self.go_element(value, None) });
        }
        let Some(of) = of else {
            let entry = |arg: Arg| {
                let at = arg.value.at;
                let key = arg.name.map(|it: Word| Expr { kind: Kind::Text(it), at });
                Entry { key, value: arg.value }
            };
            return Kind::Map(args.into_iter().map(entry).collect());
        };
        let callee = self.go_type(of);
        Kind::Call(Box::new(Call { callee, args }))
    }

    /// A type as far as it is looked at: its name, and what it is a pointer to or a list of.
    pub(super) fn go_type(&mut self, node: Node<'_>) -> Expr {
        match node.kind() {
            "type_identifier" | "qualified_type" | "identifier" | "selector_expression" => {
                self.go(node)
            }
            "pointer_type" | "parenthesized_type" => match named(node).first() {
                Some(inner) => {
                    self.deeper(|it| it.go_type(*inner)).unwrap_or_else(|| self.nothing(node))
                }
                None => self.nothing(node),
            },
            "generic_type" => match field(node, "type") {
                Some(inner) => self.go_type(inner),
                None => self.nothing(node),
            },
            "slice_type" | "array_type" => {
                let element = field(node, "element");
                let element = element.and_then(|it| self.deeper(|down| down.go_type(it)));
                let callee = self.expr(node, Kind::Name(Rc::from("list")));
                let index = element.unwrap_or_else(|| self.nothing(node));
                self.expr(node, Kind::Index(Box::new(callee), Box::new(index)))
            }
            _ => self.nothing(node),
        }
    }
}
