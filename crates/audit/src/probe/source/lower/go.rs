//! Go, lowered: the statements. What they hold is in [`values`].
//!
//! A method becomes a function whose name is `Type.method`; [`super::super::packages`] puts it
//! where it belongs, once all files of a package are read.

mod values;

use std::rc::Rc;

use tree_sitter::Node;

use super::super::ir::{
    Case, Class, Do, Expr, Field, Function, Import, Kind, Param, Pattern, Rest, Stmt, Word,
};
use super::{Lower, field, fields, named};

impl Lower<'_> {
    /// The statements of a file or a block.
    pub(in super::super) fn go_block(&mut self, node: Node<'_>) -> Vec<Stmt> {
        let go = |it: &mut Self| {
            let mut body = Vec::new();
            for child in statements(node) {
                it.go_stmt(child, &mut body);
            }
            body
        };
        self.deeper(go).unwrap_or_default()
    }

    fn go_part(&mut self, node: Node<'_>, name: &str) -> Vec<Stmt> {
        let Some(part) = field(node, name) else { return Vec::new() };
        match part.kind() {
            "block" => self.go_block(part),
            // `else if`
            _ => {
                let one = |it: &mut Self| {
                    let mut body = Vec::new();
                    it.go_stmt(part, &mut body);
                    body
                };
                self.deeper(one).unwrap_or_default()
            }
        }
    }

    /// One statement; some become several, and names that they bind stay known behind them.
    fn go_stmt(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) {
        let at = self.at(node);
        if let Some(kind) = self.go_do(node, out) {
            out.push(Stmt { kind, at });
        }
    }

    fn go_do(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Option<Do> {
        Some(match node.kind() {
            "expression_statement" | "go_statement" | "defer_statement" => {
                Do::Expr(self.go(*named(node).first()?))
            }
            "send_statement" => {
                let channel = self.go(field(node, "channel")?);
                let value = self.go(field(node, "value")?);
                let callee = self.expr(node, Kind::Member(Box::new(channel), Rc::from("send!")));
                Do::Expr(self.go_called(node, callee, vec![value]))
            }
            "short_var_declaration" => self.go_let(node, field(node, "left")?, "right")?,
            "assignment_statement" => self.go_assignment(node)?,
            "var_declaration" | "const_declaration" => {
                self.go_variables(node, out);
                return None;
            }
            "type_declaration" => {
                for spec in named(node) {
                    let class = self.go_type_spec(spec)?;
                    let kind = Do::Class(Rc::new(class), Vec::new());
                    out.push(Stmt { kind, at: self.at(spec) });
                }
                return None;
            }
            "return_statement" => Do::Return(named(node).first().map(|it| self.go_list(*it))),
            "if_statement" => {
                self.go_before(node, out);
                Do::If(
                    self.go(field(node, "condition")?),
                    self.go_part(node, "consequence"),
                    self.go_part(node, "alternative"),
                )
            }
            "for_statement" => self.go_for(node, out)?,
            "expression_switch_statement" => {
                self.go_before(node, out);
                self.go_switch(node)
            }
            "type_switch_statement" => {
                self.go_before(node, out);
                self.go_type_switch(node, out)
            }
            "select_statement" => self.go_select(node),
            "block" => Do::Block(self.go_block(node)),
            "labeled_statement" => {
                let inner = named(node).into_iter().next_back()?;
                self.go_stmt(inner, out);
                return None;
            }
            "break_statement" => Do::Break,
            "continue_statement" => Do::Continue,
            "function_declaration" => {
                let name = self.word(field(node, "name")?);
                Do::Def(self.go_function(node, name, None), Vec::new())
            }
            "method_declaration" => self.go_method(node)?,
            "import_declaration" => Do::Import(self.go_imports(node)),
            _ => return None,
        })
    }

    /// `if x := f(); x > 0`: what stands before the condition.
    fn go_before(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) {
        if let Some(before) = field(node, "initializer") {
            self.go_stmt(before, out);
        }
    }

    fn go_let(&mut self, node: Node<'_>, left: Node<'_>, right: &str) -> Option<Do> {
        let targets = named(left);
        let values = named(field(node, right)?);
        let at = self.at(node);
        let patterns: Vec<Pattern> = targets.iter().map(|it| self.go_pattern(*it)).collect();
        let value = match (patterns.len(), values.as_slice()) {
            (1, [one]) => {
                let value = self.go(*one);
                return Some(Do::Let(patterns.into_iter().next()?, value));
            }
            // A value and whether it was there.
            (2, [one]) => self.go_with_ok(*one),
            (_, [one]) => self.go(*one),
            (_, several) => self.go_items(several, at),
        };
        Some(Do::Let(Pattern::Items(patterns, None), value))
    }

    fn go_assignment(&mut self, node: Node<'_>) -> Option<Do> {
        let left = field(node, "left")?;
        let operator = field(node, "operator").map(|it| self.text(it)).unwrap_or_default();
        if operator == "=" {
            // The nearest variable of that name, which may be one of the package's.
            let at = self.at(node);
            return match self.go_let(node, left, "right")? {
                Do::Let(pattern, value) => {
                    let assign = Kind::Assign(Box::new(pattern), Box::new(value));
                    Some(Do::Expr(Expr { kind: assign, at }))
                }
                other => Some(other),
            };
        }
        let target = self.go_pattern(*named(left).first()?);
        let value = self.go(*named(field(node, "right")?).first()?);
        Some(match operator {
            "+=" => Do::Grow(target, value),
            _ => Do::Expr(value),
        })
    }

    fn go_variables(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) {
        let mut specs = named(node);
        if let [list] = specs.as_slice()
            && list.kind().ends_with("_list")
        {
            specs = named(*list);
        }
        for spec in specs {
            let at = self.at(spec);
            let names = fields(spec, "name").into_iter().filter(|it| it.is_named());
            let mut patterns: Vec<Pattern> = names.map(|it| self.go_pattern(it)).collect();
            let value = match field(spec, "value") {
                Some(list) => match (patterns.len(), named(list).as_slice()) {
                    (2, [one]) => self.go_with_ok(*one),
                    (_, [one]) => self.go(*one),
                    (_, several) => self.go_items(several, at),
                },
                None => self.go_zero(spec),
            };
            let pattern = match patterns.len() {
                1 => patterns.pop().unwrap_or(Pattern::Ignored),
                _ => Pattern::Items(patterns, None),
            };
            out.push(Stmt { kind: Do::Let(pattern, value), at });
        }
    }

    /// `var x T`: an empty record of its type, as far as that is one of ours.
    fn go_zero(&mut self, spec: Node<'_>) -> Expr {
        let of = field(spec, "type");
        match of {
            Some(of) if matches!(of.kind(), "type_identifier" | "qualified_type") => {
                let callee = self.go_type(of);
                self.go_called(spec, callee, Vec::new())
            }
            // A pointer to something of somebody else's is filled elsewhere, and known by its type.
            Some(of) if of.kind() == "pointer_type" && self.text(of).contains('.') => {
                let callee = self.go_type(of);
                self.go_called(spec, callee, Vec::new())
            }
            _ => self.expr(spec, Kind::Nothing),
        }
    }

    fn go_for(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Option<Do> {
        let body = field(node, "body")?;
        let head = named(node).into_iter().find(|it| it.id() != body.id());
        let Some(head) = head else {
            return Some(Do::While(self.expr(node, Kind::Bool(true)), self.go_block(body)));
        };
        match head.kind() {
            "range_clause" => self.go_range(head, body),
            "for_clause" => {
                self.go_before(head, out);
                let condition = match field(head, "condition") {
                    Some(it) => self.go(it),
                    None => self.nothing(head),
                };
                Some(Do::While(condition, self.go_block(body)))
            }
            _ => Some(Do::While(self.go(head), self.go_block(body))),
        }
    }

    fn go_range(&mut self, head: Node<'_>, body: Node<'_>) -> Option<Do> {
        let over = self.go(field(head, "right")?);
        let names = field(head, "left").map(named).unwrap_or_default();
        let patterns: Vec<Pattern> = names.into_iter().map(|it| self.go_pattern(it)).collect();
        let body = self.go_block(body);
        Some(match patterns.len() {
            // Only the elements: then what is known of each of them is known of all.
            2 if matches!(patterns.first(), Some(Pattern::Ignored)) => {
                Do::For(patterns.into_iter().next_back()?, self.go_values(over), body, Vec::new())
            }
            _ => {
                let pairs = self.go_named(head, "Object.entries", vec![over]);
                Do::For(Pattern::Items(patterns, None), pairs, body, Vec::new())
            }
        })
    }

    fn go_switch(&mut self, node: Node<'_>) -> Do {
        let at = self.at(node);
        let Some(value) = field(node, "value") else { return self.go_conditions(node) };
        let subject = self.go(value);
        let mut cases = Vec::new();
        for case in self.go_cases(node) {
            let values = field(case, "value").map(named).unwrap_or_default();
            let values = values.into_iter().map(|it| self.go(it)).collect();
            let body = self.go_case_body(case);
            cases.push(Case { values, always: case.kind() == "default_case", body });
        }
        // What fits no other case is what `default` is about, wherever it stands.
        cases.sort_by_key(|it| it.always);
        let _ = at;
        Do::Switch(subject, cases)
    }

    fn go_cases<'t>(&self, node: Node<'t>) -> Vec<Node<'t>> {
        let mut cases = named(node);
        cases.retain(|it| it.kind().ends_with("_case"));
        cases
    }

    fn go_case_body(&mut self, case: Node<'_>) -> Vec<Stmt> {
        let head: Vec<usize> = ["value", "type", "communication"]
            .iter()
            .flat_map(|it| fields(case, it))
            .map(|it| it.id())
            .collect();
        let mut body = Vec::new();
        for child in statements(case) {
            if !head.contains(&child.id()) {
                self.go_stmt(child, &mut body);
            }
        }
        body
    }

    /// `switch { case x > 0: ... }` is a chain of questions.
    fn go_conditions(&mut self, node: Node<'_>) -> Do {
        let mut cases = self.go_cases(node);
        cases.sort_by_key(|it| it.kind() == "default_case");
        let cases = self.nested(cases);
        let mut otherwise: Vec<Stmt> = Vec::new();
        for case in cases.into_iter().rev() {
            let body = self.go_case_body(case);
            let at = self.at(case);
            let Some(values) = field(case, "value") else {
                otherwise = body;
                continue;
            };
            let mut all: Vec<Expr> = named(values).into_iter().map(|it| self.go(it)).collect();
            let condition = match all.len() {
                1 => all.pop().unwrap_or_else(|| self.nothing(case)),
                _ => Expr { kind: Kind::Or(all), at },
            };
            otherwise = vec![Stmt { kind: Do::If(condition, body, otherwise), at }];
        }
        // A `break` leaves the switch, and no loop around it.
        let always = Case { values: Vec::new(), always: true, body: otherwise };
        Do::Switch(self.nothing(node), vec![always])
    }

    /// Each type may be the one.
    fn go_type_switch(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Do {
        let at = self.at(node);
        if let (Some(alias), Some(value)) = (field(node, "alias"), field(node, "value"))
            && let Some(name) = named(alias).first()
        {
            let value = self.go(value);
            out.push(Stmt { kind: Do::Let(self.go_pattern(*name), value), at });
        }
        self.go_select(node)
    }

    fn go_select(&mut self, node: Node<'_>) -> Do {
        let mut cases = Vec::new();
        for case in self.go_cases(node) {
            let mut body = Vec::new();
            // `case x := <-channel:`
            if let Some(heard) = field(case, "communication") {
                self.go_heard(heard, &mut body);
            }
            body.extend(self.go_case_body(case));
            cases.push(Case { values: Vec::new(), always: false, body });
        }
        Do::Switch(self.nothing(node), cases)
    }

    fn go_heard(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) {
        let at = self.at(node);
        if node.kind() != "receive_statement" {
            return self.go_stmt(node, out);
        }
        let (left, Some(right)) = (field(node, "left"), field(node, "right")) else { return };
        let value = self.go(right);
        let first = left.and_then(|it| named(it).first().copied());
        let pattern = first.map_or(Pattern::Ignored, |it| self.go_pattern(it));
        out.push(Stmt { kind: Do::Let(pattern, value), at });
    }

    fn go_method(&mut self, node: Node<'_>) -> Option<Do> {
        let receiver = *named(field(node, "receiver")?).first()?;
        let of = field(receiver, "type")?;
        let this = field(receiver, "name").map(|it| self.word(it));
        let name = self.word(field(node, "name")?);
        let name = Rc::from(format!("{}.{name}", self.go_type_name(of)));
        Some(Do::Def(self.go_function(node, name, this), Vec::new()))
    }

    /// The bare name of a type, without pointers and parameters.
    fn go_type_name(&self, of: Node<'_>) -> &str {
        let text = self.text(of).trim_start_matches(['*', '(', ' ']);
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        text.get(..end).unwrap_or_default()
    }

    /// A function; a method's receiver is its first parameter, under the name of `self`.
    pub(super) fn go_function(
        &mut self,
        node: Node<'_>,
        name: Word,
        this: Option<Word>,
    ) -> Rc<Function> {
        let at = self.at(node);
        let mut params = Vec::new();
        if node.kind() == "method_declaration" {
            let pattern = this.map_or(Pattern::Ignored, Pattern::Name);
            let name = Rc::from("self");
            params.push(Param { name, pattern, of: None, default: None, rest: Rest::One });
        }
        for child in field(node, "parameters").map(named).unwrap_or_default() {
            self.go_params(child, &mut params);
        }
        let mut body = field(node, "body").map(|it| self.go_block(it)).unwrap_or_default();
        self.go_named_results(node, &mut body);
        Rc::new(Function { name, params, body, at })
    }

    fn go_params(&mut self, node: Node<'_>, params: &mut Vec<Param>) {
        let Some(of) = field(node, "type") else { return };
        let rest = match node.kind() {
            "variadic_parameter_declaration" => Rest::Many,
            _ => Rest::One,
        };
        let written: String = self.text(of).chars().take(200).collect();
        let mut names: Vec<Word> =
            fields(node, "name").into_iter().map(|it| self.word(it)).collect();
        if names.is_empty() {
            names.push(Rc::from("_"));
        }
        for name in names {
            let of = Some((self.go_type(of), written.clone()));
            let pattern = match name.as_ref() {
                "_" => Pattern::Ignored,
                _ => Pattern::Name(Rc::clone(&name)),
            };
            params.push(Param { name, pattern, of, default: None, rest });
        }
    }

    /// Results that have names are what a bare `return` gives back.
    fn go_named_results(&mut self, node: Node<'_>, body: &mut Vec<Stmt>) {
        let Some(result) = field(node, "result").filter(|it| it.kind() == "parameter_list") else {
            return;
        };
        let declared = named(result);
        let names: Vec<Node<'_>> = declared.iter().flat_map(|it| fields(*it, "name")).collect();
        if names.is_empty() {
            return;
        }
        let at = self.at(result);
        let names: Vec<Word> = names.into_iter().map(|it| self.word(it)).collect();
        bare_returns(body, &names);
        let zero = |name: &Word| Stmt {
            kind: Do::Let(Pattern::Name(Rc::clone(name)), Expr { kind: Kind::Nothing, at }),
            at,
        };
        let before: Vec<Stmt> = names.iter().filter(|it| it.as_ref() != "_").map(zero).collect();
        body.splice(0..0, before);
    }

    fn go_type_spec(&mut self, spec: Node<'_>) -> Option<Class> {
        let name = self.word(field(spec, "name")?);
        let of = field(spec, "type")?;
        let mut class_fields = Vec::new();
        let mut bases = Vec::new();
        if of.kind() == "struct_type" {
            let list = named(of).into_iter().find(|it| it.kind() == "field_declaration_list");
            for declared in list.map(named).unwrap_or_default() {
                self.go_field(declared, &mut class_fields, &mut bases);
            }
        } else {
            // A name for another type: what is turned into it stays what it is.
            bases.push(self.expr(spec, Kind::Name(Rc::from("!alias"))));
        }
        Some(Class { name, bases, methods: Vec::new(), fields: class_fields })
    }

    fn go_field(&mut self, node: Node<'_>, all: &mut Vec<Field>, bases: &mut Vec<Expr>) {
        let Some(of) = field(node, "type") else { return };
        let written: String = self.text(of).chars().take(200).collect();
        let names = fields(node, "name");
        if names.is_empty() {
            // Embedded: its methods and fields are this type's as well.
            let base = self.go_type(of);
            bases.push(base);
            return;
        }
        let tag = field(node, "tag").map(|it| self.text(it)).and_then(json_name);
        for name in names {
            let own = self.word(name);
            let name = tag.as_ref().map_or_else(|| Rc::clone(&own), |it| Rc::from(it.as_str()));
            if own != name {
                self.tags.push((own, Rc::clone(&name)));
            }
            // A field of somebody else's type is known by that type.
            let foreign = self.text(of).trim_start_matches('*');
            let foreign = foreign.contains('.') && !foreign.contains(['[', '(', ' ', '{']);
            let value = foreign.then(|| self.go_type(of));
            all.push(Field { name, of: Some((self.go_type(of), written.clone())), value });
        }
    }

    fn go_imports(&mut self, node: Node<'_>) -> Vec<Import> {
        let mut specs = named(node);
        if let [list] = specs.as_slice()
            && list.kind() == "import_spec_list"
        {
            specs = named(*list);
        }
        let import = |spec: Node<'_>| {
            let path = self.text(field(spec, "path")?).trim_matches(['"', '`']).to_owned();
            let local = match field(spec, "name") {
                Some(name) => self.word(name),
                None => Rc::from(package_name(&path)),
            };
            let name = (local.as_ref() == ".").then(|| Rc::from("*"));
            Some(Import { local, module: Rc::from(path), name })
        };
        specs.into_iter().filter_map(import).collect()
    }
}

/// The statements below a node; newer grammars have a list of them between.
fn statements<'t>(node: Node<'t>) -> Vec<Node<'t>> {
    let flat = |it: Node<'t>| match it.kind() {
        "statement_list" => named(it),
        _ => vec![it],
    };
    named(node).into_iter().flat_map(flat).collect()
}

/// The name of a package by its path: what stands last, and is no version.
pub(in super::super) fn package_name(path: &str) -> &str {
    let version = |it: &str| {
        it.strip_prefix('v')
            .is_some_and(|it| !it.is_empty() && it.bytes().all(|c| c.is_ascii_digit()))
    };
    let mut parts = path.rsplit('/');
    let last = parts.next().unwrap_or_default();
    let last = if version(last) { parts.next().unwrap_or(last) } else { last };
    let bare = last.split(".v").next().unwrap_or(last);
    let bare = bare.strip_prefix("go-").unwrap_or(bare);
    bare.strip_suffix("-go").unwrap_or(bare)
}

/// What JSON calls a field: `json:"name,omitempty"`.
fn json_name(tag: &str) -> Option<String> {
    let (_, rest) = tag.split_once("json:\"")?;
    let name = rest.split(['"', ',']).next()?;
    (!name.is_empty() && name != "-").then(|| name.to_owned())
}

fn bare_returns(body: &mut [Stmt], names: &[Word]) {
    for stmt in body {
        let at = stmt.at;
        match &mut stmt.kind {
            Do::Return(value) if value.is_none() => {
                let name = |it: &Word| super::super::ir::Item {
                    spread: false,
                    value: Expr { kind: Kind::Name(Rc::clone(it)), at },
                };
                let mut items: Vec<_> = names.iter().map(name).collect();
                *value = match items.len() {
                    1 => items.pop().map(|it| it.value),
                    _ => Some(Expr { kind: Kind::List(items), at }),
                };
            }
            Do::If(_, then, otherwise) => {
                bare_returns(then, names);
                bare_returns(otherwise, names);
            }
            Do::For(_, _, body, _) | Do::While(_, body) | Do::Block(body) => {
                bare_returns(body, names);
            }
            Do::Switch(_, cases) => {
                for case in cases {
                    bare_returns(&mut case.body, names);
                }
            }
            _ => {}
        }
    }
}
