//! Runs expressions, and binds names to what comes of them.

use std::rc::Rc;

use super::super::ir::{At, Class, Each, Expr, Function, Kind, Pattern, Word};
use super::value::{Alt, Args, Id, Node, Op};
use super::{Closure, Kept, NESTED, World};

/// How many parts a text may have, and how long a fixed part is, in bytes.
const PARTS: usize = 256;
const LONGEST: usize = 8 << 10;

impl World<'_> {
    /// What an expression may be.
    pub(in super::super) fn expr(&mut self, expr: &Expr) -> Id {
        if self.depth >= NESTED || self.tired() {
            return self.unknown(expr.at);
        }
        self.depth = self.depth.saturating_add(1);
        let id = self.kind(expr);
        self.depth = self.depth.saturating_sub(1);
        id
    }

    fn kind(&mut self, expr: &Expr) -> Id {
        let at = expr.at;
        let node = match &expr.kind {
            Kind::Name(name) => return self.lookup(name, at),
            Kind::Text(text) => Node::Text(Rc::clone(text)),
            Kind::Number(number) => Node::Number(Rc::clone(number)),
            Kind::Bool(yes) => Node::Bool(*yes),
            Kind::Nothing => Node::Nothing,
            Kind::Regex(pattern) => Node::Regex(Rc::clone(pattern)),
            Kind::Parts(parts) => return self.parts(parts, at),
            Kind::Slash(left, right) => {
                let parts = vec![self.expr(left), self.expr(right)];
                Node::Path(parts, true)
            }
            Kind::Compare(cmp, left, right) => {
                let left = self.expr(left);
                Node::Compare(*cmp, left, self.expr(right))
            }
            Kind::Not(inner) => Node::Not(self.expr(inner)),
            Kind::And(all) => return self.chain(all, true, at),
            Kind::Or(all) => return self.chain(all, false, at),
            Kind::Choice(condition, then, otherwise) => {
                return self.choice(condition, then, otherwise, at);
            }
            Kind::Call(call) => return self.call_expr(call, at),
            Kind::Member(base, name) => {
                let base = self.expr(base);
                return self.member(base, name, at);
            }
            Kind::Index(base, index) => {
                let base = self.expr(base);
                let index = self.expr(index);
                return self.index(base, index, at);
            }
            Kind::Slice(base, from_first) => {
                let base = self.expr(base);
                return match *from_first {
                    true if self.values.tainted(base) => self.through(Op::Part, base, at),
                    true => base,
                    false => self.tail(base, at),
                };
            }
            Kind::List(items) => {
                Node::List(items.iter().map(|it| (it.spread, self.expr(&it.value))).collect())
            }
            Kind::Map(entries) => {
                let entry = |it: &super::super::ir::Entry| {
                    (it.key.as_ref().map(|key| self.expr(key)), self.expr(&it.value))
                };
                Node::Map(entries.iter().map(entry).collect())
            }
            Kind::Function(function) => {
                let this = self.frames.last().and_then(|it| it.this);
                return self.closure(function, this);
            }
            Kind::Class(class) => return self.class(class, at),
            Kind::Each(each) => return self.each(each, at),
            Kind::Assign(pattern, value) => {
                let id = self.expr(value);
                self.assign(pattern, id, at);
                return id;
            }
            Kind::Other(parts) => return self.other(parts, at),
        };
        let id = self.make(node, at);
        self.note_table(id);
        id
    }

    /// Something that is not understood carries what goes into it.
    fn other(&mut self, parts: &[Expr], at: At) -> Id {
        let ids: Vec<Id> = parts.iter().map(|it| self.expr(it)).collect();
        // Names that are put together, as in `A | B`, are kept: types and flags.
        let named = |it: &Id| {
            matches!(
                self.values.get(*it),
                Node::Global(_)
                    | Node::Class(_)
                    | Node::Call(..)
                    | Node::Nothing
                    | Node::Member(..)
                    | Node::Parts(_)
            )
        };
        if !ids.is_empty() && ids.len() <= 8 && ids.iter().all(named) {
            return self.make(Node::Parts(ids), at);
        }
        let ids: Vec<Id> = ids.into_iter().filter(|it| self.values.tainted(*it)).collect();
        if ids.is_empty() { self.unknown(at) } else { self.make(Node::Parts(ids), at) }
    }

    fn parts(&mut self, parts: &[Expr], at: At) -> Id {
        let mut ids: Vec<Id> = parts.iter().map(|it| self.expr(it)).collect();
        for id in &mut ids {
            *id = self.shown(*id, at).unwrap_or(*id);
        }
        let lists = |it: &Id| matches!(self.values.get(*it), Node::List(_) | Node::Each(_));
        if ids.iter().any(lists) {
            let items = ids.into_iter().map(|it| (true, it)).collect();
            return self.make(Node::List(items), at);
        }
        self.concat(&ids, at)
    }

    /// One text of several; fixed ones next to each other become one.
    pub(in super::super) fn concat(&mut self, ids: &[Id], at: At) -> Id {
        let mut out: Vec<Id> = Vec::new();
        let mut fixed: Option<String> = None;
        for id in ids {
            let inner = match self.values.get(*id) {
                Node::Parts(inner) => inner.clone(),
                _ => vec![*id],
            };
            for one in inner {
                let Some(text) = self.values.text(one).cloned() else {
                    out.extend(fixed.take().map(|it| self.make(Node::Text(Rc::from(it)), at)));
                    self.part(&mut out, one, at);
                    continue;
                };
                let mut before = fixed.take().unwrap_or_default();
                if before.len() + text.len() > LONGEST && !before.is_empty() {
                    let before = self.make(Node::Text(Rc::from(std::mem::take(&mut before))), at);
                    self.part(&mut out, before, at);
                }
                before.push_str(&text);
                fixed = Some(before);
            }
        }
        out.extend(fixed.map(|it| self.make(Node::Text(Rc::from(it)), at)));
        match out.as_slice() {
            [one] if self.values.text(*one).is_some() => *one,
            _ => self.make(Node::Parts(out), at),
        }
    }

    /// One part more, as long as they are few; then only what a client sends, once. A program that doubles a text in
    /// every line is not to double what is kept of it.
    fn part(&mut self, out: &mut Vec<Id>, one: Id, at: At) {
        let wanted = self.values.tainted(one) && !out.contains(&one);
        if out.len() < PARTS || wanted && out.len() < 2 * PARTS {
            return out.push(one);
        }
        if wanted {
            let why = "puts a text together of more parts than are followed".to_owned();
            let _new = self.unfollowed.insert((at.file, why));
        }
    }

    /// `and`, `or`: what stands to the right is run under what the left says.
    fn chain(&mut self, all: &[Expr], and: bool, at: At) -> Id {
        let before = self.facts.clone();
        let mut ids = Vec::new();
        for one in all {
            let id = self.expr(one);
            ids.push(id);
            let _possible = self.assume(id, and);
        }
        self.facts = before;
        self.make(if and { Node::And(ids) } else { Node::Or(ids) }, at)
    }

    fn choice(&mut self, condition: &Expr, then: &Expr, otherwise: &Expr, at: At) -> Id {
        let condition = self.expr(condition);
        let before = self.facts.clone();
        let mut alts = Vec::new();
        for (arm, yes) in [(then, true), (otherwise, false)] {
            if self.assume(condition, yes) {
                let value = self.expr(arm);
                alts.push(Alt { value, known: self.facts.beyond(&before) });
            }
            self.facts = before.clone();
        }
        self.values.phi(alts, at)
    }

    fn each(&mut self, each: &Each, at: At) -> Id {
        let before = self.state();
        for clause in &each.of {
            let over = self.expr(&clause.iter);
            let element = self.element(over, clause.iter.at);
            self.bind(&clause.pattern, element, clause.iter.at);
            for condition in &clause.conditions {
                let condition = self.expr(condition);
                let _possible = self.assume(condition, true);
            }
        }
        let value = self.expr(&each.element);
        let key = each.key.as_ref().map(|it| self.expr(it));
        let known = self.facts.beyond(&before.facts);
        self.restore(before);
        match key {
            Some(key) => self.make(Node::Map(vec![(Some(key), value)]), at),
            None => self.make(Node::Each(Alt { value, known }), at),
        }
    }

    pub(in super::super) fn closure(&mut self, function: &Rc<Function>, this: Option<Id>) -> Id {
        let scope = self.scope();
        let key = (Rc::as_ptr(function) as usize, scope, this);
        let number = match self.closure_ids.get(&key) {
            Some(number) => *number,
            None => {
                let number = u32::try_from(self.closures.len()).unwrap_or(u32::MAX);
                self.closures.push(Closure { function: Rc::clone(function), scope, this });
                let _new = self.closure_ids.insert(key, number);
                number
            }
        };
        self.make(Node::Function(number), function.at)
    }

    pub(in super::super) fn class(&mut self, class: &Rc<Class>, at: At) -> Id {
        let scope = self.scope();
        let key = (Rc::as_ptr(class) as usize, scope);
        if let Some(number) = self.class_ids.get(&key) {
            return self.make(Node::Class(*number), at);
        }
        let number = u32::try_from(self.classes.len()).unwrap_or(u32::MAX);
        let bases = class.bases.iter().map(|it| self.expr(it)).collect();
        self.classes.push(Kept {
            class: Rc::clone(class),
            scope,
            methods: Default::default(),
            bases,
            values: Default::default(),
            computed: Default::default(),
        });
        let _new = self.class_ids.insert(key, number);
        let id = self.make(Node::Class(number), at);
        self.fill_class(class, number, at);
        if self.is_rust(at) {
            self.note_methods(number);
        }
        id
    }

    /// A class's methods, and the values of its fields.
    fn fill_class(&mut self, class: &Class, number: u32, at: At) {
        let this = self.make(Node::Instance(number), at);
        for method in &class.methods {
            let written = |word: &str| method.decorators.iter().any(|it| is_named(it, word));
            // What is done when a member is set.
            if written("setter") || written("deleter") {
                continue;
            }
            let computed = ["property", "cached_property", "abstractproperty"];
            if computed.iter().any(|it| written(it))
                && let Some(kept) = self.classes.get_mut(number as usize)
            {
                let _new = kept.computed.insert(Rc::clone(&method.function.name));
            }
            let value = self.closure(&method.function, Some(this));
            if let Node::Function(closure) = *self.values.get(value)
                && let Some(kept) = self.classes.get_mut(number as usize)
            {
                let _old = kept.methods.insert(Rc::clone(&method.function.name), closure);
            }
            let _decorated = self.decorate(value, &method.decorators);
        }
        for field in &class.fields {
            if let Some(value) = &field.value {
                let value = self.expr(value);
                if let Some(kept) = self.classes.get_mut(number as usize) {
                    let _old = kept.values.insert(Rc::clone(&field.name), value);
                }
            }
        }
    }

    pub(in super::super) fn bind(&mut self, pattern: &Pattern, value: Id, at: At) {
        match pattern {
            // `exports = module.exports = ...`: it stays what it is.
            Pattern::Name(name) if name.as_ref() == "exports" && self.is_script(at) => {}
            Pattern::Name(name) => self.set(name, value),
            Pattern::Items(patterns, rest) => self.bind_items(patterns, *rest, value, at),
            Pattern::Fields(fields) => {
                for (name, pattern) in fields {
                    let part = match name.as_ref() {
                        "..." => value,
                        _ => self.member(value, name, at),
                    };
                    self.bind(pattern, part, at);
                }
            }
            Pattern::Place(place) => self.store(place, value, at),
            Pattern::Ignored => {}
        }
    }

    fn bind_items(&mut self, patterns: &[Pattern], rest: Option<usize>, value: Id, at: At) {
        if self.is_go(at) {
            let values = self.several(value, patterns.len(), at);
            for (pattern, value) in patterns.iter().zip(values) {
                self.bind(pattern, value, at);
            }
            return;
        }
        let items = match self.values.get(value) {
            Node::List(items) if items.iter().all(|(spread, _)| !spread) => Some(items.clone()),
            _ => None,
        };
        let exact = items.filter(|it| rest.is_none() && it.len() >= patterns.len());
        if let Some(items) = exact {
            for (pattern, (_, item)) in patterns.iter().zip(items) {
                self.bind(pattern, item, at);
            }
            return;
        }
        for (index, pattern) in patterns.iter().enumerate() {
            let part = match (index, rest) {
                (_, Some(rest)) if rest == index && index > 0 => self.tail(value, at),
                (_, Some(rest)) if rest == index => value,
                (0, _) => self.first(value, at),
                _ => self.element(value, at),
            };
            self.bind(pattern, part, at);
        }
    }

    pub(in super::super) fn lookup(&mut self, name: &Word, at: At) -> Id {
        if matches!(name.as_ref(), "self" | "cls" | "this") {
            let bound = self.find(name);
            let this = self.frames.last().and_then(|it| it.this);
            return bound.or(this).unwrap_or_else(|| self.global(name, at));
        }
        self.find(name).unwrap_or_else(|| self.global(name, at))
    }

    fn global(&mut self, name: &Word, at: At) -> Id {
        let known = match name.as_ref() {
            "undefined" => Node::Nothing,
            "exports" if self.is_script(at) => Node::Module(at.file),
            _ if self.is_rust(at) => return self.name_in_rust(name, at),
            _ => Node::Global(Rc::clone(name)),
        };
        self.make(known, at)
    }

    pub(super) fn find(&self, name: &str) -> Option<Id> {
        let mut scope = Some(self.scope());
        while let Some(kept) = scope.and_then(|it| self.scopes.get(it as usize)) {
            if let Some(id) = kept.vars.get(name) {
                return Some(*id);
            }
            scope = kept.parent;
        }
        None
    }

    /// The state of a call's arguments: positional ones first.
    pub(in super::super) fn call_expr(&mut self, call: &super::super::ir::Call, at: At) -> Id {
        if self.is_rust(at) {
            return self.call_in_rust(call, at);
        }
        if let Kind::Name(word) = &call.callee.kind
            && let Some(given) = call.args.first()
            && matches!(word.as_ref(), "yield!" | "yield_each!")
        {
            let value = self.expr(&given.value);
            return self.gives_out(value, word.as_ref() == "yield_each!", at);
        }
        let callee = self.expr(&call.callee);
        let mut args: Args = Vec::new();
        for arg in &call.args {
            let value = self.expr(&arg.value);
            if !arg.spread {
                args.push((arg.name.clone(), value));
                continue;
            }
            let named = arg.name.is_some();
            match self.values.get(value).clone() {
                Node::List(items) if !named && items.iter().all(|(spread, _)| !spread) => {
                    args.extend(items.into_iter().map(|(_, it)| (None, it)));
                }
                Node::Map(_) if named && let Some(entries) = self.entries(value) => {
                    args.extend(entries);
                }
                _ if named => args.push((Some(Rc::from("**")), value)),
                _ => args.push((Some(Rc::from("*")), value)),
            }
        }
        if let Some(result) = self.compiled(call, &args, at) {
            return result;
        }
        let result = self.call(callee, args.clone(), at);
        self.grow_receiver(call, callee, &args, at);
        result.unwrap_or_else(|| self.unknown(at))
    }

    pub(in super::super) fn never_returns(&self, id: Id) -> bool {
        let Node::Call(path, ..) = self.values.get(id) else { return false };
        matches!(path.as_ref(), "sys.exit" | "process.exit" | "exit" | "os._exit" | "!never")
    }

    pub(in super::super) fn through(&mut self, op: Op, id: Id, at: At) -> Id {
        self.make(Node::Through(op, id), at)
    }
}

/// Whether an expression is a name, or a member of this name.
fn is_named(expr: &Expr, word: &str) -> bool {
    match &expr.kind {
        Kind::Name(name) | Kind::Member(_, name) => name.as_ref() == word,
        _ => false,
    }
}
