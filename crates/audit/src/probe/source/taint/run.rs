//! Runs statements on values that are not known, path by path.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::super::ir::{At, Case, Catch, Do, Expr, Pattern, Stmt, Try, Word};
use super::value::{Alt, Id, Node};
use super::{Ends, Facts, Return, State, Throw, World};

/// What Python and JavaScript say when a value is wrong: no words of the system's.
const PLAIN: &[&str] = &[
    "ValueError",
    "KeyError",
    "TypeError",
    "IndexError",
    "AttributeError",
    "ValidationError",
    "JSONDecodeError",
    "ZodError",
    "ToolError",
    "McpError",
    "StopIteration",
    "ImportError",
    "UnicodeError",
    "UnicodeDecodeError",
    "ZeroDivisionError",
    "OverflowError",
    "SyntaxError",
];
const ALL: &[&str] = &["Exception", "BaseException", "Error"];
/// Names under which a part of a family, or all of it, is caught.
const SAME: &[(&str, &str)] = &[
    ("IOError", "OSError"),
    ("EnvironmentError", "OSError"),
    ("DatabaseError", "SqlError"),
    ("PsycopgError", "SqlError"),
    ("SQLAlchemyError", "SqlError"),
    ("SubprocessError", "CalledProcessError"),
    ("SubprocessError", "TimeoutExpired"),
    ("RequestException", "HttpError"),
    ("HTTPError", "HttpError"),
    ("RequestError", "HttpError"),
    ("ClientError", "HttpError"),
    ("URLError", "HttpError"),
];

impl World<'_> {
    /// Runs statements; whether their end is reached.
    pub(in super::super) fn block(&mut self, body: &[Stmt]) -> bool {
        body.iter().all(|stmt| !self.tired() && self.stmt(stmt))
    }

    fn stmt(&mut self, stmt: &Stmt) -> bool {
        let at = stmt.at;
        match &stmt.kind {
            Do::Expr(value) => {
                let id = self.expr(value);
                !self.never_returns(id)
            }
            Do::Let(pattern, value) => {
                let mut id = self.expr(value);
                if self.is_filled_later(id) {
                    id = self.unknown(at);
                }
                self.bind(pattern, id, at);
                if self.is_rust(at) {
                    self.note_lock(pattern, value);
                }
                true
            }
            Do::Grow(pattern, value) => {
                self.grow(pattern, value, at);
                true
            }
            Do::If(condition, then, otherwise) => self.branch(condition, then, otherwise),
            Do::Switch(subject, cases) => self.switch(subject, cases),
            Do::For(pattern, iter, body, otherwise) => {
                self.for_each(pattern, iter, body, otherwise)
            }
            Do::While(condition, body) => self.repeat(condition, body),
            Do::Try(all) => self.attempt(all),
            Do::With(items, body) => self.with(items, body, at),
            Do::Return(value) => {
                let id = match value {
                    Some(value) => self.expr(value),
                    None => self.make(Node::Nothing, at),
                };
                let facts = self.facts.clone();
                if let Some(frame) = self.frames.last_mut() {
                    frame.returns.push(Return { value: id, facts, unconfigured: false });
                }
                false
            }
            Do::Raise(value) => self.raise(value.as_ref(), at),
            Do::Break => self.leave(|ends| &mut ends.breaks),
            Do::Continue => self.leave(|ends| &mut ends.continues),
            Do::Assert(condition) => {
                let id = self.expr(condition);
                self.assume(id, true);
                true
            }
            Do::Outside(names) => {
                if let Some(frame) = self.frames.last_mut() {
                    frame.outside.extend(names.iter().cloned());
                }
                true
            }
            Do::Block(body) => self.block(body),
            other => self.declare(other, at),
        }
    }

    fn declare(&mut self, what: &Do, at: At) -> bool {
        match what {
            Do::Def(function, decorators) => {
                let value = self.closure(function, None);
                let value = self.decorate(value, decorators);
                self.set(&function.name, value);
            }
            Do::Class(class, decorators) => {
                let value = self.class(class, at);
                let value =
                    if decorators.is_empty() { value } else { self.keep(value, decorators) };
                self.set(&class.name, value);
            }
            Do::Import(imports) if self.is_rust(at) => self.import_in_rust(imports, at),
            Do::Import(imports) => self.import(imports, at),
            Do::Export(exports) => {
                for (name, value) in exports {
                    let id = self.expr(value);
                    let _old = self.exports.insert((at.file, Rc::clone(name)), id);
                }
            }
            _ => {}
        }
        true
    }

    /// A class's decorators are run for what they register, and change nothing.
    fn keep(&mut self, value: Id, decorators: &[Expr]) -> Id {
        for decorator in decorators {
            let _made = self.expr(decorator);
        }
        value
    }

    pub(in super::super) fn decorate(&mut self, value: Id, decorators: &[Expr]) -> Id {
        let mut value = value;
        for decorator in decorators.iter().rev() {
            let callee = self.expr(decorator);
            let made = self.call(callee, vec![(None, value)], decorator.at);
            value = made.filter(|it| self.is_function(*it)).unwrap_or(value);
        }
        value
    }

    fn leave(&mut self, of: impl FnOnce(&mut Ends) -> &mut Vec<State>) -> bool {
        let state = self.state();
        if let Some(ends) = self.frames.last_mut().and_then(|it| it.loops.last_mut()) {
            of(ends).push(state);
        }
        false
    }

    pub(in super::super) fn scope(&self) -> u32 {
        self.frames.last().map(|it| it.scope).unwrap_or_default()
    }

    pub(in super::super) fn state(&self) -> State {
        let vars = self.scopes.get(self.scope() as usize).map(|it| it.vars.clone());
        State { vars: vars.unwrap_or_default(), facts: self.facts.clone() }
    }

    pub(in super::super) fn restore(&mut self, state: State) {
        let scope = self.scope();
        if let Some(it) = self.scopes.get_mut(scope as usize) {
            it.vars = state.vars;
        }
        self.facts = state.facts;
    }

    /// Continues with whichever of two paths are alive; each was followed from the same place.
    pub(in super::super) fn merge(&mut self, one: Option<State>, other: Option<State>) -> bool {
        match (one, other) {
            (None, None) => false,
            (Some(state), None) | (None, Some(state)) => {
                self.restore(state);
                true
            }
            (Some(one), Some(other)) => {
                let facts = one.facts.meet(&other.facts);
                let vars = self.merge_vars(&one, &other, &facts);
                self.restore(State { vars, facts });
                true
            }
        }
    }

    fn merge_vars(&mut self, one: &State, other: &State, both: &Facts) -> BTreeMap<Word, Id> {
        let (more_one, more_other) = (one.facts.beyond(both), other.facts.beyond(both));
        let mut vars = one.vars.clone();
        for (name, right) in &other.vars {
            let Some(left) = one.vars.get(name) else {
                let _new = vars.insert(Rc::clone(name), *right);
                continue;
            };
            if left != right {
                let alts = vec![
                    Alt { value: *left, known: Rc::clone(&more_one) },
                    Alt { value: *right, known: Rc::clone(&more_other) },
                ];
                let at = self.values.place(*left);
                let phi = self.values.phi(alts, at);
                let _old = vars.insert(Rc::clone(name), phi);
            }
        }
        vars
    }

    fn branch(&mut self, condition: &Expr, then: &[Stmt], otherwise: &[Stmt]) -> bool {
        let condition = self.expr(condition);
        let before = self.state();
        let returns = self.frames.last().map_or(0, |it| it.returns.len());
        let one = self.assume(condition, true) && self.block(then);
        let one = one.then(|| self.state());
        if then.len() <= 2 && self.asks_for_configuration(condition) {
            let frame = self.frames.last_mut();
            for it in frame.into_iter().flat_map(|it| it.returns.iter_mut().skip(returns)) {
                it.unconfigured = true;
            }
        }
        self.restore(before);
        let other = self.assume(condition, false) && self.block(otherwise);
        let other = other.then(|| self.state());
        let (one, other) = self.unless_configured(condition, one, other);
        self.merge(one, other)
    }

    /// A check that is made only when something was configured counts as made.
    fn unless_configured(
        &mut self,
        condition: Id,
        one: Option<State>,
        other: Option<State>,
    ) -> (Option<State>, Option<State>) {
        if !self.asks_for_configuration(condition) {
            return (one, other);
        }
        match (one, other) {
            (Some(mut one), Some(mut other)) => {
                let (more, less) = (one.facts.beyond(&other.facts), other.facts.beyond(&one.facts));
                other.facts.add(&more);
                one.facts.add(&less);
                (Some(one), Some(other))
            }
            same => same,
        }
    }

    fn switch(&mut self, subject: &Expr, cases: &[Case]) -> bool {
        let subject = self.expr(subject);
        if let Some(frame) = self.frames.last_mut() {
            frame.loops.push(Ends::default());
        }
        let mut ends: Vec<State> = Vec::new();
        let mut always = false;
        for case in cases {
            let before = self.state();
            let mut tests = Vec::new();
            for value in &case.values {
                let value = self.expr(value);
                let cmp = super::super::ir::Cmp::Equal;
                let at = case.body.first().map_or(self.values.place(subject), |it| it.at);
                tests.push(self.make(Node::Compare(cmp, subject, value), at));
            }
            always |= case.always;
            let fits = match tests.as_slice() {
                [] => None,
                [one] => Some(*one),
                _ => Some(self.make(Node::Or(tests), At::default())),
            };
            let possible = case.always || fits.is_none_or(|it| self.assume(it, true));
            if possible && self.block(&case.body) {
                ends.push(self.state());
            }
            self.restore(before);
            if let Some(fits) = fits.filter(|_| !case.always) {
                let _known = self.assume(fits, false);
            }
        }
        if !always {
            ends.push(self.state());
        }
        let mine = self.frames.last_mut().and_then(|it| it.loops.pop()).unwrap_or_default();
        // A `continue` belongs to the loop around.
        if let Some(outer) = self.frames.last_mut().and_then(|it| it.loops.last_mut()) {
            outer.continues.extend(mine.continues);
        }
        ends.extend(mine.breaks);
        self.join(ends)
    }

    /// What a module begins as empty, a function of it fills: what is in it is not known when a handler runs.
    fn is_filled_later(&self, id: Id) -> bool {
        let in_module = self.frames.last().is_some_and(|it| it.closure.is_none());
        in_module
            && match self.values.get(id) {
                Node::List(items) => items.is_empty(),
                Node::Map(entries) => entries.is_empty(),
                Node::Nothing => true,
                Node::Text(text) => text.is_empty(),
                _ => false,
            }
    }

    /// Continues where several paths come together.
    pub(super) fn join(&mut self, ends: Vec<State>) -> bool {
        let mut ends = ends.into_iter();
        let Some(first) = ends.next() else { return false };
        self.restore(first);
        for end in ends {
            let now = self.state();
            let _alive = self.merge(Some(now), Some(end));
        }
        true
    }

    fn with(&mut self, items: &[(Expr, Option<Pattern>)], body: &[Stmt], at: At) -> bool {
        for (value, pattern) in items {
            let id = self.expr(value);
            let id = self.held(id, at);
            if let Some(pattern) = pattern {
                self.bind(pattern, id, at);
            }
        }
        self.block(body)
    }

    fn raise(&mut self, value: Option<&Expr>, at: At) -> bool {
        let Some(value) = value else {
            let again = self.frames.last().map(|it| it.caught.clone()).unwrap_or_default();
            self.throws.extend(again);
            return false;
        };
        let id = self.expr(value);
        self.throw(id, &[], at);
        false
    }

    pub(in super::super) fn throw(&mut self, value: Id, families: &'static [&'static str], at: At) {
        let throw = Throw { value, families, at, tool: self.facts.tool.clone() };
        if self.throws.len() < 64 && !self.throws.contains(&throw) {
            self.throws.push(throw);
        }
    }

    fn attempt(&mut self, all: &Try) -> bool {
        let outer = std::mem::take(&mut self.throws);
        let before = self.state();
        let body = self.block(&all.body) && self.block(&all.otherwise);
        let body = body.then(|| self.state());
        let mut thrown = std::mem::replace(&mut self.throws, outer);
        let mut ends: Vec<State> = body.iter().cloned().collect();
        for catch in &all.catches {
            let (mine, others) = self.sort_throws(thrown, catch);
            thrown = others;
            let mut entry = before.clone();
            if let Some(after) = &body {
                entry.vars = self.merge_vars(&before, after, &before.facts);
            }
            self.restore(entry);
            if self.catch(catch, mine) {
                ends.push(self.state());
            }
        }
        self.throws.extend(thrown);
        if all.finally.is_empty() {
            return self.join(ends);
        }
        let alive = !ends.is_empty();
        let ends = if alive { ends } else { vec![before] };
        let _joined = self.join(ends);
        self.block(&all.finally) && alive
    }

    fn catch(&mut self, catch: &Catch, mine: Vec<Throw>) -> bool {
        let mut values: Vec<Id> = mine.iter().map(|it| it.value).collect();
        let own = |it: &Throw| it.families.is_empty();
        if self.hears_others(catch) || !mine.iter().all(own) {
            values.retain(|it| !self.values.caught(*it) || !mine.iter().any(|t| t.value == *it));
            values.push(self.make(Node::Caught(catch.at), catch.at));
        }
        let value = match values.is_empty() {
            true => self.unknown(catch.at),
            false => self.values.any(values, catch.at),
        };
        self.bind(&catch.pattern, value, catch.at);
        let again = if mine.is_empty() && self.hears_others(catch) {
            let tool = self.facts.tool.clone();
            vec![Throw { value, families: &["Error"], at: catch.at, tool }]
        } else {
            mine
        };
        let outer = self.frames.last_mut().map(|it| std::mem::replace(&mut it.caught, again));
        let alive = self.block(&catch.body);
        if let (Some(frame), Some(outer)) = (self.frames.last_mut(), outer) {
            frame.caught = outer;
        }
        alive
    }

    /// The last words of the types that a clause names.
    fn caught_names(&mut self, catch: &Catch) -> Vec<(String, Option<Id>)> {
        let types = catch.types.iter();
        types
            .map(|it| {
                let id = self.expr(it);
                let path = self.values.path(id).unwrap_or_default();
                (path.rsplit('.').next().unwrap_or_default().to_owned(), Some(id))
            })
            .collect()
    }

    /// Whether a clause hears errors whose text is the system's.
    fn hears_others(&mut self, catch: &Catch) -> bool {
        let names = self.caught_names(catch);
        let own = |id: &Option<Id>, world: &Self| {
            id.is_some_and(|it| matches!(world.values.get(it), Node::Class(_)))
        };
        names.is_empty()
            || names.iter().any(|(name, id)| !own(id, self) && !PLAIN.contains(&name.as_str()))
    }

    /// Which errors a clause takes, and which go on.
    fn sort_throws(&mut self, thrown: Vec<Throw>, catch: &Catch) -> (Vec<Throw>, Vec<Throw>) {
        let names = self.caught_names(catch);
        thrown.into_iter().partition(|it| self.takes(&names, it))
    }

    fn takes(&self, names: &[(String, Option<Id>)], throw: &Throw) -> bool {
        let all = |name: &String| ALL.contains(&name.as_str());
        if names.is_empty() || names.iter().any(|(name, _)| all(name)) {
            return true;
        }
        if throw.families.is_empty() {
            let thrown = self.kinds_of(throw.value);
            return names.iter().any(|(name, id)| {
                let class = id.and_then(|id| match self.values.get(id) {
                    Node::Class(class) => Some(*class),
                    _ => None,
                });
                let class = class.and_then(|it| self.classes.get(it as usize));
                let word = class.map_or(name.as_str(), |it| &it.class.name);
                thrown.iter().any(|it| it == word)
            });
        }
        let heard = |family: &&str| {
            names.iter().any(|(name, _)| {
                name == family
                    || name == "Error" && *family == "SqlError"
                    || SAME.iter().any(|(as_, of)| as_ == name && of == family)
            })
        };
        throw.families.iter().all(heard)
    }

    /// The names of a thrown value's class and of those it stands on.
    fn kinds_of(&self, value: Id) -> Vec<String> {
        let mut kinds = Vec::new();
        let mut waiting: Vec<Id> = self.alternatives(value).iter().map(|it| it.value).collect();
        while let Some(id) = waiting.pop() {
            if kinds.len() > 16 {
                break;
            }
            match self.values.get(id) {
                Node::Class(class) | Node::Instance(class) => {
                    let Some(known) = self.classes.get(*class as usize) else { continue };
                    kinds.push(known.class.name.to_string());
                    waiting.extend(&known.bases);
                }
                Node::Call(path, ..) => {
                    kinds.push(path.rsplit('.').next().unwrap_or_default().to_owned());
                }
                Node::Global(path) => {
                    kinds.push(path.rsplit('.').next().unwrap_or_default().to_owned());
                }
                Node::Map(entries) => {
                    // An error of our own that carries values: its class stands under no key.
                    waiting.extend(entries.iter().filter_map(|(key, it)| {
                        let class = matches!(self.values.get(*it), Node::Class(_));
                        (class && key.is_none()).then_some(*it)
                    }));
                }
                _ => {}
            }
        }
        kinds
    }
}
