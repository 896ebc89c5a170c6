//! JavaScript and TypeScript, lowered: the statements. What they hold is in [`super::script`].

use std::collections::BTreeSet;
use std::rc::Rc;

use tree_sitter::Node;

use super::super::ir::{
    Arg, Call, Case, Catch, Class, Do, Entry, Expr, Field, Function, Import, Kind, Method, Param,
    Pattern, Rest, Stmt, Try, Word,
};
use super::labels::{Around, leaves};
use super::{Lower, field, fields, named};

/// How many cases of a switch go on with each other.
const FALLS: usize = 8;

impl Lower<'_> {
    /// The statements of a program or a block.
    pub(in super::super) fn js_block(&mut self, node: Node<'_>) -> Vec<Stmt> {
        let go = |it: &mut Self| {
            let children = named(node).into_iter();
            let mut body: Vec<Stmt> = children.filter_map(|child| it.js_stmt(child)).collect();
            // Functions may be called above the line that declares them.
            body.sort_by_key(|stmt| u8::from(!is_hoisted(&stmt.kind)));
            body
        };
        self.deeper(go).unwrap_or_default()
    }

    /// One statement, or a block of them.
    pub(super) fn js_body(&mut self, node: Node<'_>) -> Vec<Stmt> {
        match node.kind() {
            "statement_block" => self.js_block(node),
            "else_clause" => named(node).first().map(|it| self.js_body(*it)).unwrap_or_default(),
            _ => {
                let one = |it: &mut Self| it.js_stmt(node).into_iter().collect();
                self.deeper(one).unwrap_or_default()
            }
        }
    }

    fn js_part(&mut self, node: Node<'_>, name: &str) -> Vec<Stmt> {
        field(node, name).map(|it| self.js_body(it)).unwrap_or_default()
    }

    pub(super) fn js_stmt(&mut self, node: Node<'_>) -> Option<Stmt> {
        let (breaks, goes_on) = match node.kind() {
            "for_in_statement" | "for_statement" | "while_statement" | "do_statement" => {
                (true, true)
            }
            "switch_statement" => (true, false),
            _ => return self.js_plain_stmt(node),
        };
        let label = self.script.label.take();
        self.script.around.push(Around { label, breaks, goes_on, leaves: BTreeSet::new() });
        let made = self.js_plain_stmt(node);
        self.js_left(node, made)
    }

    fn js_plain_stmt(&mut self, node: Node<'_>) -> Option<Stmt> {
        let at = self.at(node);
        let kind = match node.kind() {
            "expression_statement" => self.js_expression_statement(node)?,
            "lexical_declaration" | "variable_declaration" => self.js_variables(node),
            "return_statement" => Do::Return(named(node).first().map(|it| self.js(*it))),
            "throw_statement" => Do::Raise(named(node).first().map(|it| self.js(*it))),
            "if_statement" => Do::If(
                self.js(field(node, "condition")?),
                self.js_part(node, "consequence"),
                self.js_part(node, "alternative"),
            ),
            "switch_statement" => self.js_switch(node)?,
            "for_in_statement" => Do::For(
                self.js_pattern(field(node, "left")?),
                self.js(field(node, "right")?),
                self.js_part(node, "body"),
                Vec::new(),
            ),
            "for_statement" => self.js_for(node),
            "while_statement" => {
                Do::While(self.js(field(node, "condition")?), self.js_part(node, "body"))
            }
            "do_statement" => self.js_do(node)?,
            "try_statement" => self.js_try(node),
            "statement_block" => Do::Block(self.js_block(node)),
            "function_declaration" | "generator_function_declaration" => {
                Do::Def(self.js_function(node), Vec::new())
            }
            "class_declaration" | "abstract_class_declaration" => {
                Do::Class(Rc::new(self.js_class(node)), Vec::new())
            }
            "enum_declaration" => self.js_enum(node)?,
            "internal_module" | "module" => self.js_namespace(node)?,
            "import_statement" => self.js_import(node)?,
            "export_statement" => self.js_export(node)?,
            "break_statement" => self.js_leave(node, false),
            "continue_statement" => self.js_leave(node, true),
            "labeled_statement" => self.js_labelled(node)?,
            _ => return None,
        };
        Some(Stmt { kind, at })
    }

    fn js_expression_statement(&mut self, node: Node<'_>) -> Option<Do> {
        let inner = *named(node).first()?;
        Some(match inner.kind() {
            "internal_module" => self.js_namespace(inner)?,
            "augmented_assignment_expression" => {
                Do::Grow(self.js_pattern(field(inner, "left")?), self.js(field(inner, "right")?))
            }
            _ => Do::Expr(self.js(inner)),
        })
    }

    fn js_variables(&mut self, node: Node<'_>) -> Do {
        let mut all = Vec::new();
        for it in named(node).into_iter().filter(|it| it.kind() == "variable_declarator") {
            let (Some(name), value) = (field(it, "name"), field(it, "value")) else { continue };
            let at = self.at(it);
            let pattern = self.js_pattern(name);
            let value = value.map(|value| match value.kind() {
                "arrow_function" | "function_expression" => {
                    let function = self.js_named_function(value, self.word(name));
                    self.expr(value, Kind::Function(function))
                }
                _ => self.js(value),
            });
            let value = value.unwrap_or(Expr { kind: Kind::Nothing, at });
            all.push(Stmt { kind: Do::Let(pattern, value), at });
        }
        match (all.len(), all.pop()) {
            (1, Some(one)) => one.kind,
            (_, last) => {
                all.extend(last);
                Do::Block(all)
            }
        }
    }

    fn js_for(&mut self, node: Node<'_>) -> Do {
        let at = self.at(node);
        let before = field(node, "initializer").and_then(|it| self.js_stmt(it));
        let condition = match field(node, "condition") {
            Some(it) if it.kind() == "expression_statement" => match named(it).first() {
                Some(inner) => self.js(*inner),
                None => self.nothing(it),
            },
            Some(it) => self.js(it),
            None => self.nothing(node),
        };
        let body = self.js_part(node, "body");
        let again = Stmt { kind: Do::While(condition, body), at };
        Do::Block(before.into_iter().chain([again]).collect())
    }

    fn js_switch(&mut self, node: Node<'_>) -> Option<Do> {
        let subject = self.js(field(node, "value")?);
        let mut cases: Vec<Case> = Vec::new();
        let mut waiting: Vec<Expr> = Vec::new();
        let all = named(field(node, "body")?);
        for (index, case) in all.iter().enumerate() {
            let always = case.kind() == "switch_default";
            waiting.extend(field(*case, "value").map(|it| self.js(it)));
            // A case without a body is one more value of the next one.
            if field(*case, "body").is_none() && !always {
                continue;
            }
            let mut body = Vec::new();
            // One that does not leave goes on with the next.
            let before = self.script.again;
            let most = if before { 1 } else { FALLS };
            let mut goes_on = true;
            for (number, next) in all.iter().skip(index).take(most).enumerate() {
                let parts = fields(*next, "body");
                let last = parts.last().copied();
                self.script.again = before || number > 0;
                body.extend(parts.into_iter().flat_map(|it| self.js_body(it)));
                self.script.again = before;
                goes_on = !last.is_some_and(leaves);
                if !goes_on {
                    break;
                }
            }
            // More of them than are read behind each other.
            self.too_deep |= goes_on && all.len() > index.saturating_add(most);
            cases.push(Case { values: std::mem::take(&mut waiting), always, body });
        }
        Some(Do::Switch(subject, cases))
    }

    fn js_try(&mut self, node: Node<'_>) -> Do {
        let catch = field(node, "handler").map(|it| Catch {
            types: Vec::new(),
            pattern: field(it, "parameter").map_or(Pattern::Ignored, |name| self.js_pattern(name)),
            body: self.js_part(it, "body"),
            at: self.at(it),
        });
        let finally = field(node, "finalizer").map(|it| self.js_part(it, "body"));
        Do::Try(Box::new(Try {
            body: self.js_part(node, "body"),
            catches: catch.into_iter().collect(),
            otherwise: Vec::new(),
            finally: finally.unwrap_or_default(),
        }))
    }

    pub(super) fn js_function(&mut self, node: Node<'_>) -> Rc<Function> {
        let name = field(node, "name").map_or_else(|| Rc::from("<function>"), |it| self.word(it));
        self.js_named_function(node, name)
    }

    pub(super) fn js_named_function(&mut self, node: Node<'_>, name: Word) -> Rc<Function> {
        let params = field(node, "parameters").map(|it| self.js_params(it));
        let single = field(node, "parameter").map(|it| self.js_param(it));
        let params = params.unwrap_or_else(|| single.into_iter().flatten().collect());
        let at = self.at(node);
        let around = std::mem::take(&mut self.script);
        let body = match field(node, "body") {
            Some(body) if body.kind() == "statement_block" => self.js_block(body),
            Some(value) => {
                let value = self.js(value);
                vec![Stmt { at: value.at, kind: Do::Return(Some(value)) }]
            }
            None => Vec::new(),
        };
        self.script = around;
        Rc::new(Function { name, params, body, at })
    }

    fn js_params(&mut self, node: Node<'_>) -> Vec<Param> {
        named(node).into_iter().filter_map(|it| self.js_param(it)).collect()
    }

    fn js_param(&mut self, node: Node<'_>) -> Option<Param> {
        let of = field(node, "type").and_then(|it| {
            let inner = *named(it).first()?;
            Some((self.js_type(inner), self.text(inner).chars().take(200).collect()))
        });
        let (inner, default) = match node.kind() {
            "required_parameter" | "optional_parameter" => {
                (field(node, "pattern")?, field(node, "value"))
            }
            "assignment_pattern" => (field(node, "left")?, field(node, "right")),
            _ => (node, None),
        };
        let default = default.map(|it| self.js(it));
        let (inner, rest) = match inner.kind() {
            "rest_pattern" => (*named(inner).first()?, Rest::Many),
            _ => (inner, Rest::One),
        };
        let name = match inner.kind() {
            "identifier" | "this" => self.word(inner),
            _ => Rc::from("{}"),
        };
        Some(Param { name, pattern: self.js_pattern(inner), of, default, rest })
    }

    /// A type as far as it is looked at: a list of literals, a word.
    fn js_type(&mut self, node: Node<'_>) -> Expr {
        match node.kind() {
            "predefined_type" | "type_identifier" => {
                let word = self.word(node);
                self.expr(node, Kind::Name(word))
            }
            _ => self.nothing(node),
        }
    }

    pub(super) fn js_class(&mut self, node: Node<'_>) -> Class {
        let name = field(node, "name").map_or_else(|| Rc::from("?"), |it| self.word(it));
        let heritage = named(node).into_iter().find(|it| it.kind() == "class_heritage");
        let extends = heritage.and_then(|it| named(it).first().copied());
        let extends = extends.map(|it| field(it, "value").unwrap_or(it));
        let bases = extends.map(|it| self.js(it)).into_iter().collect();
        let (mut methods, mut class_fields) = (Vec::new(), Vec::new());
        for member in field(node, "body").map(named).unwrap_or_default() {
            match member.kind() {
                "method_definition" => {
                    let function = self.js_function(member);
                    let written = self.text(member);
                    let is = |word: &str| {
                        let rest = written.trim_start_matches("static ").strip_prefix(word);
                        rest.is_some_and(|it| {
                            it.starts_with(' ') && !it.trim_start().starts_with('(')
                        })
                    };
                    let word = match (is("get"), is("set")) {
                        (true, _) => Some("property"),
                        (_, true) => Some("setter"),
                        _ => None,
                    };
                    let decorators =
                        word.map(|it| self.expr(member, Kind::Name(Rc::from(it)))).into_iter();
                    methods.push(Method { decorators: decorators.collect(), function });
                }
                "field_definition" | "public_field_definition" => {
                    let Some(named_by) = field(member, "property").or(field(member, "name")) else {
                        continue;
                    };
                    let value = field(member, "value").map(|it| self.js(it));
                    class_fields.push(Field { name: self.word(named_by), of: None, value });
                }
                _ => {}
            }
        }
        Class { name, bases, methods, fields: class_fields }
    }

    /// `namespace Name { ... }`: an object of what it declares.
    fn js_namespace(&mut self, node: Node<'_>) -> Option<Do> {
        let at = self.at(node);
        let name = self.word(field(node, "name")?);
        let mut body = self.js_block(field(node, "body")?);
        let mut names = Vec::new();
        declared(&body, &mut names);
        let entry = |word: &Word| Entry {
            key: Some(Expr { kind: Kind::Text(Rc::clone(word)), at }),
            value: Expr { kind: Kind::Name(Rc::clone(word)), at },
        };
        let whole = Expr { kind: Kind::Map(names.iter().map(entry).collect()), at };
        body.push(Stmt { kind: Do::Return(Some(whole)), at });
        let function = Function { name: Rc::clone(&name), params: Vec::new(), body, at };
        let callee = Expr { kind: Kind::Function(Rc::new(function)), at };
        let call = Kind::Call(Box::new(Call { callee, args: Vec::new() }));
        Some(Do::Let(Pattern::Name(name), Expr { kind: call, at }))
    }

    fn js_enum(&mut self, node: Node<'_>) -> Option<Do> {
        let name = self.word(field(node, "name")?);
        let mut class_fields = Vec::new();
        for member in named(field(node, "body")?) {
            let word = field(member, "name").unwrap_or(member);
            let value = field(member, "value").map(|it| self.js(it));
            class_fields.push(Field { name: self.word(word), of: None, value });
        }
        let base = self.expr(node, Kind::Name(Rc::from("Enum")));
        let class = Class { name, bases: vec![base], methods: Vec::new(), fields: class_fields };
        Some(Do::Class(Rc::new(class), Vec::new()))
    }

    fn js_source(&mut self, node: Node<'_>) -> Option<Word> {
        let source = field(node, "source")?;
        Some(Rc::from(self.text(source).trim_matches(['"', '\'', '`'])))
    }

    fn js_import(&mut self, node: Node<'_>) -> Option<Do> {
        let required = named(node).into_iter().find(|it| it.kind() == "import_require_clause");
        if let Some(clause) = required {
            return self.js_import_require(clause);
        }
        // What only a type checker reads is not there when it runs.
        let rest = self.text(node).trim_start_matches("import").trim_start();
        if rest.starts_with("type ") && !rest.starts_with("type from") {
            return None;
        }
        let module = self.js_source(node)?;
        let clause = named(node).into_iter().find(|it| it.kind() == "import_clause")?;
        let mut imports = Vec::new();
        let mut add = |local: Word, name: Option<Word>| {
            imports.push(Import { local, module: Rc::clone(&module), name });
        };
        for part in named(clause) {
            match part.kind() {
                "identifier" => add(self.word(part), Some(Rc::from("default"))),
                "namespace_import" => {
                    if let Some(name) = named(part).first() {
                        add(self.word(*name), None);
                    }
                }
                "named_imports" => {
                    for one in named(part) {
                        let Some(name) = field(one, "name") else { continue };
                        let local = field(one, "alias").unwrap_or(name);
                        add(self.word(local), Some(self.word(name)));
                    }
                }
                _ => {}
            }
        }
        Some(Do::Import(imports))
    }

    /// TypeScript's `import name = require("module")`.
    fn js_import_require(&mut self, clause: Node<'_>) -> Option<Do> {
        let at = self.at(clause);
        let name = named(clause).into_iter().find(|it| it.kind() == "identifier")?;
        let expr = |kind| Expr { kind, at };
        let value = expr(Kind::Text(self.js_source(clause)?));
        let callee = expr(Kind::Name(Rc::from("require")));
        let call = Call { callee, args: vec![Arg { name: None, spread: false, value }] };
        Some(Do::Let(Pattern::Name(self.word(name)), expr(Kind::Call(Box::new(call)))))
    }

    fn js_export(&mut self, node: Node<'_>) -> Option<Do> {
        let at = self.at(node);
        let default = self.text(node).starts_with("export default");
        if let Some(declaration) = field(node, "declaration") {
            let stmt = self.js_stmt(declaration)?;
            let name = match &stmt.kind {
                Do::Def(function, _) => Rc::clone(&function.name),
                Do::Class(class, _) => Rc::clone(&class.name),
                _ => return Some(stmt.kind),
            };
            if !default {
                return Some(stmt.kind);
            }
            let value = Expr { kind: Kind::Name(name), at };
            let export = Stmt { kind: Do::Export(vec![(Rc::from("default"), value)]), at };
            return Some(Do::Block(vec![stmt, export]));
        }
        if let Some(value) = field(node, "value") {
            return Some(Do::Export(vec![(Rc::from("default"), self.js(value))]));
        }
        if self.text(node).trim_start_matches("export").trim_start().starts_with('=') {
            let value = self.js(*named(node).first()?);
            return Some(Do::Export(vec![(Rc::from("module.exports"), value)]));
        }
        let clause = named(node).into_iter().find(|it| it.kind() == "export_clause");
        let specifiers: Vec<(Word, Word)> = clause
            .map(named)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|it| {
                let name = field(it, "name")?;
                Some((self.word(field(it, "alias").unwrap_or(name)), self.word(name)))
            })
            .collect();
        match self.js_source(node) {
            None => {
                let local = |(outer, inner)| (outer, Expr { kind: Kind::Name(inner), at });
                Some(Do::Export(specifiers.into_iter().map(local).collect()))
            }
            Some(module) if clause.is_none() => {
                let name = Some(Rc::from("*"));
                Some(Do::Import(vec![Import { local: Rc::from("*"), module, name }]))
            }
            Some(module) => {
                let taken = specifiers.into_iter().map(|(local, name)| Import {
                    local,
                    module: Rc::clone(&module),
                    name: Some(name),
                });
                Some(Do::Import(taken.collect()))
            }
        }
    }
}

/// The names that statements declare.
fn declared(body: &[Stmt], names: &mut Vec<Word>) {
    for stmt in body {
        match &stmt.kind {
            Do::Def(function, _) => names.push(Rc::clone(&function.name)),
            Do::Class(class, _) => names.push(Rc::clone(&class.name)),
            Do::Let(Pattern::Name(name), _) => names.push(Rc::clone(name)),
            Do::Block(inner) => declared(inner, names),
            _ => {}
        }
    }
}

fn is_hoisted(kind: &Do) -> bool {
    match kind {
        Do::Def(..) | Do::Import(_) => true,
        Do::Block(inner) => inner.first().is_some_and(|it| matches!(it.kind, Do::Def(..))),
        _ => false,
    }
}
