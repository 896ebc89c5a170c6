//! What a server's source says to a model: descriptions, doc strings of handlers, instructions; and where one of them is
//! written again while the server runs.
//!
//! Only files that offer something are asked: a description of a command line's option is nobody's order.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::ir::{At, Call, Do, Expr, Function, Kind, Module, Pattern, Stmt, Word};

/// How much of one text is kept, in characters.
const LONGEST: usize = 16 << 10;
/// How many texts of one file are kept.
const MOST: usize = 4_000;
/// How deep a text is looked for in what it is put together from.
const DEEP: u32 = 6;
/// How many pieces of texts are put together for one file: a name may stand for many, and each for many more.
const PIECES: u32 = 20_000;

/// A text for a model.
#[derive(Debug)]
pub(super) struct Said {
    /// Of which tool, where that is written beside it.
    pub(super) of: Word,
    pub(super) text: String,
    pub(super) at: At,
}

/// What one file says.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) said: Vec<Said>,
    /// Where the description of a handler is written again.
    pub(super) rewritten: Vec<At>,
    /// Whether more is said, or one text is longer, than is kept.
    pub(super) more: bool,
    /// Where something is said that does not stand in this file.
    pub(super) elsewhere: Vec<At>,
}

/// What one file says to a model; nothing, when it offers nothing.
pub(super) fn of(module: &Module) -> Texts {
    let mut reader = Reader {
        found: Texts::default(),
        offers: false,
        handlers: Vec::new(),
        rewrites: Vec::new(),
        values: BTreeMap::new(),
        around: "".into(),
        pieces: Cell::new(0),
    };
    reader.names(&module.body, DEEP * 8);
    reader.block(&module.body, false, DEEP * 20);
    let Reader { mut found, offers, handlers, rewrites, .. } = reader;
    if !offers {
        return Texts::default();
    }
    let again = rewrites.into_iter().filter(|(name, _)| handlers.contains(name));
    found.rewritten = again.map(|(_, at)| at).collect();
    found
}

#[derive(Debug)]
struct Reader<'a> {
    found: Texts,
    /// Whether something is offered here to a client.
    offers: bool,
    /// The functions that answer one.
    handlers: Vec<Word>,
    /// Whose doc string is written again, and where.
    rewrites: Vec<(Word, At)>,
    /// What names stand for, each time that they are given something.
    values: BTreeMap<Word, Vec<&'a Expr>>,
    /// The name of what is being registered around here.
    around: Word,
    /// How many pieces were put together.
    pieces: Cell<u32>,
}

/// What offers a function, or a definition, to clients.
const OFFERS: &[&str] = &["tool", "resource", "prompt", "tool!", "prompt!", "resource_template"];
const REGISTERS: &[&str] = &[
    "tool",
    "prompt",
    "resource",
    "registerTool",
    "registerPrompt",
    "registerResource",
    "addTool",
    "add_tool",
    "NewTool",
    "AddTool",
    "AddPrompt",
    "NewPrompt",
    "setRequestHandler",
    "Tool",
    "doc!",
];
/// What holds a text for a model, as a field or as a named argument.
const HOLDS: &[&str] = &["description", "instructions", "Description", "Instructions"];
/// What is given one, in a call.
const TELLS: &[&str] =
    &["WithDescription", "Description", "describe", "WithInstructions", "with_description"];

impl<'a> Reader<'a> {
    /// What names stand for.
    fn names(&mut self, block: &'a [Stmt], left: u32) {
        let Some(left) = left.checked_sub(1) else { return };
        for stmt in block {
            if let Do::Let(Pattern::Name(name), value) | Do::Grow(Pattern::Name(name), value) =
                &stmt.kind
            {
                self.values.entry(Rc::clone(name)).or_default().push(value);
            }
            if let Do::Expr(Expr { kind: Kind::Assign(to, value), .. }) = &stmt.kind
                && let Pattern::Name(name) = to.as_ref()
            {
                self.values.entry(Rc::clone(name)).or_default().push(value);
            }
            each_block(stmt, &mut |block| self.names(block, left));
        }
    }

    /// `later`: not while the file is loaded from top to bottom, or not each time.
    fn block(&mut self, block: &'a [Stmt], later: bool, left: u32) {
        let Some(left) = left.checked_sub(1) else { return };
        for stmt in block {
            match &stmt.kind {
                Do::Def(function, decorators) => self.function(function, decorators, left),
                Do::Class(class, decorators) => {
                    decorators.iter().for_each(|it| self.expr(it, later, left));
                    for field in class.fields.iter().filter_map(|it| it.value.as_ref()) {
                        self.expr(field, later, left);
                    }
                    for method in &class.methods {
                        self.function(&method.function, &method.decorators, left);
                    }
                }
                Do::Let(to, value) | Do::Grow(to, value) => {
                    self.assigned(to, value, later);
                    self.expr(value, later, left);
                }
                Do::If(..) | Do::Switch(..) | Do::Try(..) | Do::While(..) => {
                    each_expr(stmt, &mut |it| self.expr(it, true, left));
                    each_block(stmt, &mut |block| self.block(block, true, left));
                }
                _ => {
                    each_expr(stmt, &mut |it| self.expr(it, later, left));
                    each_block(stmt, &mut |block| self.block(block, later, left));
                }
            }
        }
    }

    fn function(&mut self, function: &'a Function, decorators: &'a [Expr], left: u32) {
        let offered =
            decorators.iter().any(|it| last_of(it).is_some_and(|it| OFFERS.contains(&it)));
        if offered {
            self.offers = true;
            self.handlers.push(Rc::clone(&function.name));
            let named = decorators.iter().find_map(name_in);
            let name = named.unwrap_or_else(|| Rc::clone(&function.name));
            if let Some(Stmt {
                kind: Do::Expr(Expr { kind: kind @ (Kind::Text(_) | Kind::Parts(_)), at }),
                ..
            }) = function.body.first()
                && let Some(text) = self.text_of(kind, DEEP)
            {
                self.say(name, text, *at);
            }
        }
        let outside = Rc::clone(&self.around);
        if offered {
            let own = function.name.rsplit('.').next().unwrap_or_default();
            self.around = decorators.iter().find_map(name_in).unwrap_or_else(|| own.into());
        }
        decorators.iter().for_each(|it| self.expr(it, false, left));
        self.around = outside;
        self.block(&function.body, true, left);
    }

    fn assigned(&mut self, to: &Pattern, value: &'a Expr, later: bool) {
        let Pattern::Place(Expr { kind: Kind::Member(of, field), at }) = to else { return };
        if !matches!(field.as_ref(), "__doc__" | "description") {
            return;
        }
        let name = match &of.kind {
            Kind::Name(name) => Rc::clone(name),
            _ => "".into(),
        };
        if let Some(text) = self.text_of(&value.kind, DEEP) {
            self.say(Rc::clone(&name), text, value.at);
            if later && field.as_ref() == "__doc__" {
                self.rewrites.push((name, *at));
            }
        }
    }

    fn expr(&mut self, expr: &'a Expr, later: bool, left: u32) {
        let Some(left) = left.checked_sub(1) else { return };
        let outside = Rc::clone(&self.around);
        match &expr.kind {
            Kind::Call(call) => self.call(call),
            Kind::Map(entries) => {
                let fields =
                    entries.iter().filter_map(|it| Some((word_of(it.key.as_ref()?)?, &it.value)));
                self.fields(fields.collect(), false);
            }
            Kind::Assign(to, value) => self.assigned(to, value, later),
            Kind::Function(function) => self.block(&function.body, true, left),
            _ => {}
        }
        parts(expr, &mut |it| self.expr(it, later, left));
        self.around = outside;
    }

    fn call(&mut self, call: &'a Call) {
        let last = last_of(&call.callee).unwrap_or_default();
        let named = call.args.iter().filter_map(|it| Some((it.name.as_ref()?.as_ref(), &it.value)));
        let fields: Vec<(&str, &'a Expr)> = named.collect();
        let plain: Vec<&'a Expr> = call
            .args
            .iter()
            .filter(|it| it.name.is_none() && !it.spread)
            .map(|it| &it.value)
            .collect();
        let first = plain.first().and_then(|it| word_of(it)).unwrap_or_default();
        if REGISTERS.contains(&last) {
            self.offers = true;
            self.around = first.into();
            // `server.tool("name", "what it does", …)`
            if let Some(second) = plain.get(1)
                && let Some(text) = self.text_of(&second.kind, DEEP)
            {
                self.say(first.into(), text, second.at);
            }
        }
        if TELLS.contains(&last) {
            for value in &plain {
                if let Some(text) = self.text_of(&value.kind, DEEP) {
                    self.say(Rc::clone(&self.around), text, value.at);
                }
            }
        }
        self.fields(fields, REGISTERS.contains(&last) || OFFERS.contains(&last));
    }

    /// Descriptions among the fields of one thing; it is a definition when it has a name and a schema too.
    fn fields(&mut self, fields: Vec<(&str, &'a Expr)>, offered: bool) {
        let of =
            |names: &[&str]| fields.iter().find(|(name, _)| names.contains(name)).map(|it| it.1);
        let name = of(&["name", "Name"]).and_then(word_of).unwrap_or_default();
        let schema =
            of(&["inputSchema", "input_schema", "InputSchema", "parameters", "annotations"]);
        if schema.is_some() && of(HOLDS).is_some() {
            self.offers = true;
        }
        for (field, value) in fields.iter().filter(|(name, _)| HOLDS.contains(name)) {
            if let Some(text) = self.text_of(&value.kind, DEEP) {
                let of = if name.is_empty() { Rc::clone(&self.around) } else { name.into() };
                self.say(of, text, value.at);
            } else if (offered || schema.is_some() || field.ends_with("nstructions"))
                && is_made(value)
                && self.found.elsewhere.len() < MOST
            {
                self.found.elsewhere.push(value.at);
            }
        }
    }

    fn say(&mut self, of: Word, text: String, at: At) {
        if is_word(&text) {
            return;
        }
        let fits = self.found.said.len() < MOST;
        self.found.more |= !fits || text.chars().nth(LONGEST).is_some();
        if fits {
            let text = portcullis_guard::bounded(&text, LONGEST);
            self.found.said.push(Said { of, text, at });
        }
    }

    /// What stands in a table of this file under a key; whatever it has, when the key is not known.
    fn entries(&self, of: &Expr, key: Option<&str>, left: u32) -> Option<String> {
        let Kind::Name(name) = &of.kind else { return None };
        let mut all = Vec::new();
        for value in self.values.get(name)? {
            let Kind::Map(entries) = &value.kind else { continue };
            for entry in entries {
                let own = entry.key.as_ref().and_then(word_of);
                if key.is_none() || own.is_none() || own == key {
                    all.extend(self.text_of(&entry.value.kind, left));
                }
            }
        }
        let long: usize = all.iter().map(String::len).sum();
        if long > 8 * LONGEST {
            return None;
        }
        (!all.is_empty()).then(|| all.join("\n"))
    }

    /// A text, as far as it stands in this file.
    fn text_of(&self, kind: &Kind, left: u32) -> Option<String> {
        let left = left.checked_sub(1)?;
        self.pieces.set(self.pieces.get() + 1);
        if self.pieces.get() > PIECES {
            return None;
        }
        let joined = |all: Vec<String>, by: &str| {
            let long: usize = all.iter().map(String::len).sum();
            (!all.is_empty() && long <= 8 * LONGEST).then(|| all.join(by))
        };
        match kind {
            Kind::Text(text) => Some(text.to_string()),
            Kind::Parts(parts) => {
                joined(parts.iter().filter_map(|it| self.text_of(&it.kind, left)).collect(), "")
            }
            Kind::Name(name) => {
                let values = self.values.get(name)?.iter();
                joined(values.filter_map(|it| self.text_of(&it.kind, left)).collect(), "\n")
            }
            Kind::Member(of, key) => self.entries(of, Some(key), left),
            Kind::Index(of, key) => self.entries(of, word_of(key), left),
            Kind::Choice(_, one, other) => {
                let both = [one, other].into_iter();
                joined(both.filter_map(|it| self.text_of(&it.kind, left)).collect(), "\n")
            }
            // `"…".strip()`, `dedent("…")`, `[…].join("\n")`
            Kind::Call(call) => match &call.callee.kind {
                Kind::Member(of, way)
                    if matches!(way.as_ref(), "strip" | "trim" | "join" | "lstrip" | "format") =>
                {
                    let given = call.args.iter().filter(|_| way.as_ref() == "join");
                    let own = self.text_of(&of.kind, left).into_iter();
                    joined(
                        own.chain(given.filter_map(|it| self.text_of(&it.value.kind, left)))
                            .collect(),
                        " ",
                    )
                }
                _ if matches!(last_of(&call.callee), Some("dedent" | "cleandoc")) => {
                    call.args.first().and_then(|it| self.text_of(&it.value.kind, left))
                }
                _ => None,
            },
            Kind::List(items) => joined(
                items.iter().filter_map(|it| self.text_of(&it.value.kind, left)).collect(),
                "\n",
            ),
            _ => None,
        }
    }
}

/// Whether something that is no text here may be one when it runs.
fn is_made(value: &Expr) -> bool {
    match &value.kind {
        Kind::Name(name) => !matches!(name.as_ref(), "None" | "null" | "undefined" | "nil"),
        Kind::Member(..) | Kind::Index(..) | Kind::Call(_) | Kind::Parts(_) => true,
        _ => false,
    }
}

/// A single word of letters that everybody sees tells a model nothing. Other scripts have no spaces, and what nobody sees
/// needs none.
fn is_word(text: &str) -> bool {
    let plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '_' | '-' | '.' | '/');
    text.len() <= 40 && text.chars().all(plain)
}

/// `mcp.tool(…)`, `mcp.tool`, `tool!`: the last name of what is called.
fn last_of(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        Kind::Call(call) => last_of(&call.callee),
        Kind::Member(_, name) | Kind::Name(name) => Some(name),
        _ => None,
    }
}

fn word_of(expr: &Expr) -> Option<&str> {
    match &expr.kind {
        Kind::Text(text) => Some(text),
        Kind::Name(name) => Some(name),
        _ => None,
    }
}

/// The name that a decorator gives.
fn name_in(decorator: &Expr) -> Option<Word> {
    let Kind::Call(call) = &decorator.kind else { return None };
    let named = call.args.iter().find(|it| it.name.as_deref() == Some("name"));
    let first = call.args.first().filter(|it| it.name.is_none() && !it.spread);
    match &named.or(first)?.value.kind {
        Kind::Text(text) => Some(Rc::clone(text)),
        _ => None,
    }
}

/// The blocks of a statement.
pub(super) fn each_block<'a>(stmt: &'a Stmt, tell: &mut dyn FnMut(&'a [Stmt])) {
    match &stmt.kind {
        Do::If(_, one, other) | Do::For(_, _, one, other) => {
            tell(one);
            tell(other);
        }
        Do::While(_, body) | Do::With(_, body) | Do::Block(body) => tell(body),
        Do::Switch(_, cases) => cases.iter().for_each(|it| tell(&it.body)),
        Do::Try(it) => {
            tell(&it.body);
            it.catches.iter().for_each(|it| tell(&it.body));
            tell(&it.otherwise);
            tell(&it.finally);
        }
        Do::Def(function, _) => tell(&function.body),
        Do::Class(class, _) => class.methods.iter().for_each(|it| tell(&it.function.body)),
        _ => {}
    }
}

/// The values of a statement.
pub(super) fn each_expr<'a>(stmt: &'a Stmt, tell: &mut dyn FnMut(&'a Expr)) {
    match &stmt.kind {
        Do::Expr(it)
        | Do::If(it, ..)
        | Do::Switch(it, _)
        | Do::For(_, it, ..)
        | Do::While(it, _)
        | Do::Assert(it) => tell(it),
        Do::Return(it) | Do::Raise(it) => it.iter().for_each(tell),
        Do::With(all, _) => all.iter().for_each(|it| tell(&it.0)),
        Do::Export(all) => all.iter().for_each(|it| tell(&it.1)),
        _ => {}
    }
}

/// The values that a value is made of.
pub(super) fn parts<'a>(expr: &'a Expr, tell: &mut dyn FnMut(&'a Expr)) {
    match &expr.kind {
        Kind::Parts(all) | Kind::And(all) | Kind::Or(all) | Kind::Other(all) => {
            all.iter().for_each(tell)
        }
        Kind::Slash(a, b) | Kind::Compare(_, a, b) | Kind::Index(a, b) => {
            tell(a);
            tell(b);
        }
        Kind::Not(it) | Kind::Member(it, _) | Kind::Slice(it, _) | Kind::Assign(_, it) => tell(it),
        Kind::Choice(a, b, c) => [a, b, c].into_iter().for_each(|it| tell(it)),
        Kind::Call(call) => {
            tell(&call.callee);
            call.args.iter().for_each(|it| tell(&it.value));
        }
        Kind::List(items) => items.iter().for_each(|it| tell(&it.value)),
        Kind::Map(entries) => entries.iter().for_each(|it| tell(&it.value)),
        Kind::Each(each) => tell(&each.element),
        _ => {}
    }
}
