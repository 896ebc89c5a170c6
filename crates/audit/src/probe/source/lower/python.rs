//! Python, lowered.

mod matched;
mod names;

use std::rc::Rc;

use tree_sitter::Node;

use super::super::ir::{
    Arg, Call, Catch, Clause, Cmp, Do, Each, Entry, Expr, Function, Item, Kind, Param, Pattern,
    Rest, Stmt, Try,
};
use super::{Lower, chain, field, fields, named, unescape};

impl Lower<'_> {
    /// The statements of a module or a block.
    pub(in super::super) fn py_block(&mut self, node: Node<'_>) -> Vec<Stmt> {
        self.deeper(|it| named(node).into_iter().filter_map(|child| it.py_stmt(child)).collect())
            .unwrap_or_default()
    }

    fn py_body(&mut self, node: Node<'_>, name: &str) -> Vec<Stmt> {
        field(node, name).map(|body| self.py_block(body)).unwrap_or_default()
    }

    fn py_stmt(&mut self, node: Node<'_>) -> Option<Stmt> {
        let at = self.at(node);
        let kind = match node.kind() {
            "expression_statement" => self.py_expression_statement(node)?,
            "return_statement" => Do::Return(named(node).first().map(|it| self.py(*it))),
            "raise_statement" => Do::Raise(named(node).first().map(|it| self.py(*it))),
            "assert_statement" => Do::Assert(self.py(*named(node).first()?)),
            "if_statement" => self.py_if(node)?,
            "for_statement" => Do::For(
                self.py_pattern(field(node, "left")?),
                self.py(field(node, "right")?),
                self.py_body(node, "body"),
                self.py_else(node),
            ),
            "while_statement" => {
                Do::While(self.py(field(node, "condition")?), self.py_body(node, "body"))
            }
            "try_statement" => self.py_try(node),
            "with_statement" => self.py_with(node),
            "match_statement" => self.py_match(node)?,
            "function_definition" => Do::Def(self.py_function(node), Vec::new()),
            "class_definition" => Do::Class(Rc::new(self.py_class(node)), Vec::new()),
            "decorated_definition" => self.py_decorated(node)?,
            "import_statement" => Do::Import(self.py_import(node)),
            "import_from_statement" => Do::Import(self.py_import_from(node)?),
            "break_statement" => Do::Break,
            "continue_statement" => Do::Continue,
            "global_statement" | "nonlocal_statement" => {
                Do::Outside(named(node).into_iter().map(|it| self.word(it)).collect())
            }
            "block" => Do::Block(self.py_block(node)),
            _ => return None,
        };
        Some(Stmt { kind, at })
    }

    fn py_expression_statement(&mut self, node: Node<'_>) -> Option<Do> {
        let child = *named(node).first()?;
        if child.kind() == "augmented_assignment" {
            let target = self.py_pattern(field(child, "left")?);
            return Some(Do::Grow(target, self.py(field(child, "right")?)));
        }
        if child.kind() != "assignment" {
            return Some(Do::Expr(self.py(child)));
        }
        let mut targets = vec![self.py_pattern(field(child, "left")?)];
        let mut value = field(child, "right")?;
        while value.kind() == "assignment" {
            targets.push(self.py_pattern(field(value, "left")?));
            value = field(value, "right")?;
        }
        let mut done = self.py(value);
        let first = targets.pop()?;
        for target in self.nested(targets) {
            let at = done.at;
            done = Expr { kind: Kind::Assign(Box::new(target), Box::new(done)), at };
        }
        Some(Do::Let(first, done))
    }

    fn py_if(&mut self, node: Node<'_>) -> Option<Do> {
        let mut otherwise = self.py_else(node);
        let clauses = fields(node, "alternative").into_iter();
        let clauses = self.nested(clauses.filter(|it| it.kind() == "elif_clause").collect());
        for clause in clauses.into_iter().rev() {
            let condition = self.py(field(clause, "condition")?);
            let body = self.py_body(clause, "consequence");
            let kind = Do::If(condition, body, otherwise);
            otherwise = vec![Stmt { kind, at: self.at(clause) }];
        }
        let condition = self.py(field(node, "condition")?);
        Some(Do::If(condition, self.py_body(node, "consequence"), otherwise))
    }

    fn py_else(&mut self, node: Node<'_>) -> Vec<Stmt> {
        let clause = named(node).into_iter().find(|it| it.kind() == "else_clause");
        clause.map(|it| self.py_body(it, "body")).unwrap_or_default()
    }

    fn py_try(&mut self, node: Node<'_>) -> Do {
        let mut catches = Vec::new();
        let mut finally = Vec::new();
        for child in named(node) {
            match child.kind() {
                "except_clause" | "except_group_clause" => catches.push(self.py_except(child)),
                "finally_clause" => {
                    finally = named(child).last().map(|it| self.py_block(*it)).unwrap_or_default();
                }
                _ => {}
            }
        }
        let body = self.py_body(node, "body");
        Do::Try(Box::new(Try { body, catches, otherwise: self.py_else(node), finally }))
    }

    fn py_except(&mut self, node: Node<'_>) -> Catch {
        let mut types = Vec::new();
        let mut pattern = field(node, "alias").map_or(Pattern::Ignored, |it| self.py_pattern(it));
        for value in fields(node, "value") {
            let mut value = value;
            if value.kind() == "as_pattern" {
                if let Some(alias) = field(value, "alias") {
                    let name = *named(alias).first().unwrap_or(&alias);
                    pattern = self.py_pattern(name);
                }
                value = *named(value).first().unwrap_or(&value);
            }
            match value.kind() {
                "tuple" => types.extend(named(value).into_iter().map(|it| self.py(it))),
                _ => types.push(self.py(value)),
            }
        }
        let body = named(node).into_iter().rfind(|it| it.kind() == "block");
        let body = body.map(|it| self.py_block(it)).unwrap_or_default();
        Catch { types, pattern, body, at: self.at(node) }
    }

    fn py_with(&mut self, node: Node<'_>) -> Do {
        let clause = named(node).into_iter().find(|it| it.kind() == "with_clause");
        let mut items = Vec::new();
        for item in clause.map(named).unwrap_or_default() {
            let Some(value) = field(item, "value") else { continue };
            if value.kind() == "as_pattern" {
                let alias = field(value, "alias").and_then(|it| named(it).first().copied());
                let pattern = alias.map(|it| self.py_pattern(it));
                let value = *named(value).first().unwrap_or(&value);
                items.push((self.py(value), pattern));
            } else {
                items.push((self.py(value), None));
            }
        }
        Do::With(items, self.py_body(node, "body"))
    }

    fn py_dotted(&mut self, node: Node<'_>) -> Expr {
        let at = self.at(node);
        let mut words = self.text(node).split('.');
        let first = Kind::Name(Rc::from(words.next().unwrap_or_default()));
        words.fold(Expr { kind: first, at }, |base, word| Expr {
            kind: Kind::Member(Box::new(base), Rc::from(word)),
            at,
        })
    }

    fn py_decorated(&mut self, node: Node<'_>) -> Option<Do> {
        let decorators = named(node).into_iter().filter(|it| it.kind() == "decorator");
        let decorators = decorators.filter_map(|it| named(it).first().map(|it| self.py(*it)));
        let decorators: Vec<Expr> = decorators.collect();
        let definition = field(node, "definition")?;
        Some(match definition.kind() {
            "class_definition" => Do::Class(Rc::new(self.py_class(definition)), decorators),
            _ => Do::Def(self.py_function(definition), decorators),
        })
    }

    fn py_function(&mut self, node: Node<'_>) -> Rc<Function> {
        let name = field(node, "name").map_or_else(|| Rc::from("<lambda>"), |it| self.word(it));
        let params = field(node, "parameters").map(|it| self.py_params(it)).unwrap_or_default();
        Rc::new(Function { name, params, body: self.py_body(node, "body"), at: self.at(node) })
    }

    fn py_lambda(&mut self, node: Node<'_>) -> Rc<Function> {
        let params = field(node, "parameters").map(|it| self.py_params(it)).unwrap_or_default();
        let value = field(node, "body").map(|it| self.py(it));
        let at = self.at(node);
        let body = vec![Stmt { kind: Do::Return(value), at }];
        Rc::new(Function { name: Rc::from("<lambda>"), params, body, at })
    }

    fn py_params(&mut self, node: Node<'_>) -> Vec<Param> {
        named(node).into_iter().filter_map(|it| self.py_param(it)).collect()
    }

    fn py_param(&mut self, node: Node<'_>) -> Option<Param> {
        let inner = match node.kind() {
            "identifier" | "list_splat_pattern" | "dictionary_splat_pattern" => node,
            "typed_parameter" => *named(node).first()?,
            "default_parameter" | "typed_default_parameter" => field(node, "name")?,
            _ => return None,
        };
        let (rest, named_by) = match inner.kind() {
            "list_splat_pattern" => (Rest::Many, *named(inner).first()?),
            "dictionary_splat_pattern" => (Rest::Named, *named(inner).first()?),
            _ => (Rest::One, inner),
        };
        let name = self.word(named_by);
        let of = field(node, "type").map(|it| self.py_type(it));
        let default = field(node, "value").map(|it| self.py(it));
        Some(Param { pattern: Pattern::Name(Rc::clone(&name)), name, of, default, rest })
    }

    fn py_type(&mut self, node: Node<'_>) -> (Expr, String) {
        let inner = *named(node).first().unwrap_or(&node);
        (self.py(inner), self.text(node).chars().take(200).collect())
    }

    fn py_pattern(&mut self, node: Node<'_>) -> Pattern {
        match node.kind() {
            "identifier" => Pattern::Name(self.word(node)),
            "as_pattern_target" => match named(node).first() {
                Some(inner) => self.py_pattern(*inner),
                None => Pattern::Name(self.word(node)),
            },
            "pattern_list" | "tuple_pattern" | "list_pattern" | "tuple" | "list"
            | "expression_list" => {
                let parts = named(node);
                let splat =
                    |it: &Node<'_>| matches!(it.kind(), "list_splat_pattern" | "list_splat");
                let rest = parts.iter().position(splat);
                let inner = parts.into_iter().map(|it| {
                    let it = if splat(&it) { *named(it).first().unwrap_or(&it) } else { it };
                    self.deeper(|down| down.py_pattern(it)).unwrap_or(Pattern::Ignored)
                });
                Pattern::Items(inner.collect(), rest)
            }
            "attribute" | "subscript" => Pattern::Place(self.py(node)),
            _ => Pattern::Ignored,
        }
    }

    /// An expression.
    fn py(&mut self, node: Node<'_>) -> Expr {
        let kind = self.deeper(|it| it.py_kind(node)).flatten();
        kind.map_or_else(|| self.nothing(node), |kind| self.expr(node, kind))
    }

    fn py_boxed(&mut self, node: Node<'_>, name: &str) -> Option<Box<Expr>> {
        field(node, name).map(|it| Box::new(self.py(it)))
    }

    fn py_all(&mut self, nodes: Vec<Node<'_>>) -> Vec<Expr> {
        nodes.into_iter().map(|it| self.py(it)).collect()
    }

    fn py_kind(&mut self, node: Node<'_>) -> Option<Kind> {
        Some(match node.kind() {
            "identifier" => Kind::Name(self.word(node)),
            "string" | "concatenated_string" => self.py_string(node),
            "integer" | "float" => Kind::Number(self.word(node)),
            "true" => Kind::Bool(true),
            "false" => Kind::Bool(false),
            "none" => Kind::Nothing,
            "attribute" => {
                Kind::Member(self.py_boxed(node, "object")?, self.word(field(node, "attribute")?))
            }
            "subscript" => self.py_subscript(node)?,
            "generic_type" => self.py_generic(node)?,
            "union_type" | "constrained_type" => Kind::Other(self.py_all(named(node))),
            "call" => self.py_call(node)?,
            "yield" => {
                let from = self.text(node).trim_start_matches("yield").trim_start();
                let from = from.starts_with("from ");
                let value = named(node).first().map(|it| self.py(*it));
                self.yielded(node, value, from)
            }
            "await" | "parenthesized_expression" | "type" | "format_expression" => {
                return named(node).first().map(|it| self.py(*it).kind);
            }
            "binary_operator" => self.py_binary(node)?,
            "boolean_operator" => self.py_boolean(node)?,
            "not_operator" => Kind::Not(self.py_boxed(node, "argument")?),
            "comparison_operator" => self.py_comparison(node)?,
            "conditional_expression" => match named(node).as_slice() {
                [then, condition, otherwise] => Kind::Choice(
                    Box::new(self.py(*condition)),
                    Box::new(self.py(*then)),
                    Box::new(self.py(*otherwise)),
                ),
                _ => return None,
            },
            "lambda" => Kind::Function(self.py_lambda(node)),
            "list" | "tuple" | "set" | "expression_list" => Kind::List(self.py_items(node)),
            "dictionary" => Kind::Map(self.py_entries(node)),
            "list_comprehension"
            | "set_comprehension"
            | "generator_expression"
            | "dictionary_comprehension" => self.py_each(node)?,
            "named_expression" => {
                let target = Pattern::Name(self.word(field(node, "name")?));
                Kind::Assign(Box::new(target), self.py_boxed(node, "value")?)
            }
            _ => Kind::Other(self.py_all(named(node))),
        })
    }

    fn py_string(&mut self, node: Node<'_>) -> Kind {
        let mut parts = Vec::new();
        let pieces = if node.kind() == "concatenated_string" { named(node) } else { vec![node] };
        for piece in pieces {
            let raw = self.text(piece).chars().take_while(|c| c.is_ascii_alphabetic());
            let raw = raw.into_iter().any(|c| matches!(c, 'r' | 'R'));
            for child in named(piece) {
                match child.kind() {
                    "string_content" => {
                        let text = self.text(child);
                        let text = if raw { text.to_owned() } else { unescape(text) };
                        parts.push(self.expr(child, Kind::Text(Rc::from(text))));
                    }
                    "interpolation" => {
                        if let Some(inner) = field(child, "expression") {
                            parts.push(self.py(inner));
                        }
                    }
                    _ => {}
                }
            }
        }
        joined(parts)
    }

    fn py_subscript(&mut self, node: Node<'_>) -> Option<Kind> {
        let value = self.py_boxed(node, "value")?;
        let subscripts = fields(node, "subscript");
        match subscripts.as_slice() {
            [one] if one.kind() == "slice" => {
                let text = self.text(*one).trim().to_owned();
                let from_first = text.starts_with(':') || text.starts_with("0:");
                Some(Kind::Slice(value, from_first))
            }
            [one] => Some(Kind::Index(value, Box::new(self.py(*one)))),
            many => {
                let at = self.at(node);
                let items = many.iter().map(|it| Item { spread: false, value: self.py(*it) });
                let kind = Kind::List(items.collect());
                Some(Kind::Index(value, Box::new(Expr { kind, at })))
            }
        }
    }

    /// `Annotated[str, ...]` where a type stands: the grammar has a node of its own for it.
    fn py_generic(&mut self, node: Node<'_>) -> Option<Kind> {
        let children = named(node);
        let (name, parameters) = children.split_first()?;
        let value = Box::new(self.py(*name));
        let many: Vec<Node<'_>> = parameters.iter().flat_map(|it| named(*it)).collect();
        let index = match many.as_slice() {
            [one] => self.py(*one),
            several => {
                let items = several.iter().map(|it| Item { spread: false, value: self.py(*it) });
                Expr { kind: Kind::List(items.collect()), at: self.at(node) }
            }
        };
        Some(Kind::Index(value, Box::new(index)))
    }

    fn py_call(&mut self, node: Node<'_>) -> Option<Kind> {
        let callee = self.py(field(node, "function")?);
        let arguments = field(node, "arguments")?;
        if arguments.kind() == "generator_expression" {
            let value = self.py(arguments);
            let args = vec![Arg { name: None, spread: false, value }];
            return Some(Kind::Call(Box::new(Call { callee, args })));
        }
        let mut args = Vec::new();
        for child in named(arguments) {
            let (name, spread, value) = match child.kind() {
                "keyword_argument" => {
                    let name = field(child, "name").map(|it| self.word(it));
                    (name, false, field(child, "value")?)
                }
                "list_splat" => (None, true, *named(child).first()?),
                "dictionary_splat" => (Some(Rc::from("**")), true, *named(child).first()?),
                _ => (None, false, child),
            };
            args.push(Arg { name, spread, value: self.py(value) });
        }
        Some(Kind::Call(Box::new(Call { callee, args })))
    }

    fn py_operator(&self, node: Node<'_>) -> &str {
        field(node, "operator").map(|it| self.text(it)).unwrap_or_default()
    }

    fn py_binary(&mut self, node: Node<'_>) -> Option<Kind> {
        match self.py_operator(node) {
            "+" => {
                let plus =
                    chain(node, |it| it.kind() == "binary_operator" && self.py_operator(it) == "+");
                Some(Kind::Parts(self.py_all(plus)))
            }
            "/" => Some(Kind::Slash(self.py_boxed(node, "left")?, self.py_boxed(node, "right")?)),
            "%" => {
                let left = self.py(field(node, "left")?);
                let right = self.py(field(node, "right")?);
                Some(Kind::Parts(vec![left, right]))
            }
            _ => Some(Kind::Other(self.py_all(named(node)))),
        }
    }

    fn py_boolean(&mut self, node: Node<'_>) -> Option<Kind> {
        let operator = self.py_operator(node).to_owned();
        let same =
            |it: Node<'_>| it.kind() == "boolean_operator" && self.py_operator(it) == operator;
        let operands = chain(node, same);
        let operands = self.py_all(operands);
        Some(if operator == "and" { Kind::And(operands) } else { Kind::Or(operands) })
    }

    fn py_comparison(&mut self, node: Node<'_>) -> Option<Kind> {
        let operators: Vec<String> =
            fields(node, "operators").into_iter().map(|it| self.text(it).to_owned()).collect();
        let operands = self.py_all(named(node));
        let at = self.at(node);
        let mut left: Option<Expr> = None;
        let mut compared = Vec::new();
        let mut operators = operators.into_iter();
        for operand in operands {
            let Some(before) = left.take() else {
                left = Some(operand);
                continue;
            };
            let operator = operators.next().unwrap_or_default();
            compared.push(Expr { kind: compare(&operator, before, operand), at });
            left = Some(Expr { kind: Kind::Other(Vec::new()), at });
        }
        match compared.len() {
            1 => compared.pop().map(|it| it.kind),
            _ => Some(Kind::And(compared)),
        }
    }

    fn py_items(&mut self, node: Node<'_>) -> Vec<Item> {
        let item = |it: Node<'_>| match it.kind() {
            "list_splat" => Some(Item { spread: true, value: self.py(*named(it).first()?) }),
            _ => Some(Item { spread: false, value: self.py(it) }),
        };
        named(node).into_iter().filter_map(item).collect()
    }

    fn py_entries(&mut self, node: Node<'_>) -> Vec<Entry> {
        let entry = |it: Node<'_>| match it.kind() {
            "pair" => Some(Entry {
                key: field(it, "key").map(|key| self.py(key)),
                value: self.py(field(it, "value")?),
            }),
            _ => Some(Entry { key: None, value: self.py(*named(it).first()?) }),
        };
        named(node).into_iter().filter_map(entry).collect()
    }

    fn py_each(&mut self, node: Node<'_>) -> Option<Kind> {
        let body = field(node, "body")?;
        let (key, element) = match body.kind() {
            "pair" => (field(body, "key").map(|it| self.py(it)), self.py(field(body, "value")?)),
            _ => (None, self.py(body)),
        };
        let mut of: Vec<Clause> = Vec::new();
        for child in named(node) {
            match child.kind() {
                "for_in_clause" => of.push(Clause {
                    pattern: self.py_pattern(field(child, "left")?),
                    iter: self.py(field(child, "right")?),
                    conditions: Vec::new(),
                }),
                "if_clause" => {
                    let condition = self.py(*named(child).first()?);
                    if let Some(clause) = of.last_mut() {
                        clause.conditions.push(condition);
                    }
                }
                _ => {}
            }
        }
        Some(Kind::Each(Box::new(Each { key, element, of })))
    }
}

/// One text, or texts with values between.
pub(super) fn joined(mut parts: Vec<Expr>) -> Kind {
    match parts.as_slice() {
        [] => Kind::Text(Rc::from("")),
        [Expr { kind: Kind::Text(_), .. }] => {
            parts.pop().map_or(Kind::Text(Rc::from("")), |it| it.kind)
        }
        _ => Kind::Parts(parts),
    }
}

fn compare(operator: &str, left: Expr, right: Expr) -> Kind {
    let at = left.at;
    let made = |cmp| Kind::Compare(cmp, Box::new(left), Box::new(right));
    let not = |kind| Kind::Not(Box::new(Expr { kind, at }));
    match operator.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["==" | "is"] => made(Cmp::Equal),
        ["!="] | ["is", "not"] => not(made(Cmp::Equal)),
        ["in"] => made(Cmp::In),
        ["not", "in"] => not(made(Cmp::In)),
        _ => made(Cmp::Order),
    }
}
