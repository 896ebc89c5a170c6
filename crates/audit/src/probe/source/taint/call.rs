//! Calls: what is ours is run with what it is given, what is not is known or left alone.

use std::rc::Rc;

use crate::evidence::source::GuardKind;

use super::super::ir::{At, Function, Param, Rest, Word};
use super::value::{Alt, Args, Id, Node};
use super::{CALLS, Closure, Done, Facts, Frame, Return, World};

impl World<'_> {
    /// Calls a value. None when nothing is known of what comes back.
    pub(in super::super) fn call(&mut self, callee: Id, args: Args, at: At) -> Option<Id> {
        if self.depth >= super::NESTED {
            self.note_too_deep(at);
            return None;
        }
        if self.tired() {
            return None;
        }
        match self.values.get(callee).clone() {
            Node::Function(closure) => {
                let this = self.closures.get(closure as usize).and_then(|it| it.this);
                self.invoke(closure, this, args, at)
            }
            Node::Bound(this, closure) => self.invoke(closure, Some(this), args, at),
            Node::Partial(inner, mut before) => {
                before.extend(args);
                self.deeper(|it| it.call(inner, before, at))
            }
            Node::Class(class) => Some(self.instantiate(callee, class, args, at)),
            Node::Instance(_) | Node::Map(_)
                if let Some(called) = self.called_object(callee, at) =>
            {
                self.deeper(|it| it.call(called, args, at))
            }
            Node::Phi(alts) if alts.iter().any(|alt| self.is_function(alt.value)) => {
                self.call_each(&alts, &args, at)
            }
            Node::Or(values) if values.iter().any(|it| self.is_function(*it)) => {
                let alts = self.alternatives(callee);
                self.call_each(&alts, &args, at)
            }
            _ => self.external(callee, args, at),
        }
    }

    pub(super) fn deeper<T>(&mut self, go: impl FnOnce(&mut Self) -> T) -> T {
        self.depth = self.depth.saturating_add(1);
        let done = go(self);
        self.depth = self.depth.saturating_sub(1);
        done
    }

    pub(in super::super) fn is_function(&self, id: Id) -> bool {
        match self.values.get(id) {
            Node::Function(_) | Node::Bound(..) | Node::Partial(..) => true,
            Node::Phi(alts) => alts
                .iter()
                .any(|it| matches!(self.values.get(it.value), Node::Function(_) | Node::Bound(..))),
            _ => false,
        }
    }

    fn call_each(&mut self, alts: &[Alt], args: &Args, at: At) -> Option<Id> {
        let before = self.facts.clone();
        let mut results = Vec::new();
        let mut after: Option<Facts> = None;
        for alt in alts.iter().take(160) {
            self.facts = before.clone();
            self.facts.add(&alt.known);
            let value = self.deeper(|it| it.call(alt.value, args.clone(), at));
            let ends = value.is_none_or(|it| !self.never_returns(it));
            if ends {
                results.extend(value);
                after = Some(match after {
                    Some(facts) => facts.meet(&self.facts),
                    None => self.facts.clone(),
                });
            }
        }
        self.facts = after.unwrap_or(before);
        (!results.is_empty()).then(|| self.values.any(results, at))
    }

    /// Also where nothing is handed over: a function may have what a client sends in what it closes over, or in its object.
    fn note_too_deep(&mut self, at: At) {
        if self.handling {
            let why = "calls more functions in each other than are followed";
            let _new = self.unfollowed.insert((at.file, why.to_owned()));
        }
    }

    /// Runs a function of ours, or takes what it did before under the same circumstances.
    pub(in super::super) fn invoke(
        &mut self,
        number: u32,
        this: Option<Id>,
        args: Args,
        at: At,
    ) -> Option<Id> {
        let closure = self.closures.get(number as usize)?.clone();
        let args = self.spread_in_go(&closure.function, args, at);
        let again = self.frames.iter().filter(|it| it.closure == Some(number)).count();
        if self.frames.len() >= CALLS as usize {
            self.note_too_deep(at);
            return None;
        }
        if again > 1 {
            return None;
        }
        let free = self.scopes.get(closure.scope as usize).is_none_or(|it| it.parent.is_none());
        let tainted = args.iter().any(|(_, it)| self.values.tainted(*it));
        let facts = if tainted { self.facts.clone() } else { Facts::default() };
        let key = (number, this, args.clone(), facts);
        if free && let Some(done) = self.done.get(&key).cloned() {
            self.note_look(done.value, &key.2);
            return self.take(done, tainted, at);
        }
        let outer_throws = std::mem::take(&mut self.throws);
        let before = self.facts.clone();
        let value = self.perform(&closure, number, this, args, at);
        let throws = std::mem::replace(&mut self.throws, outer_throws);
        let done = Done {
            value: value.unwrap_or_default(),
            facts: self.facts.clone(),
            throws,
            alive: value.is_some(),
        };
        if value.is_none() {
            self.facts = before;
        }
        self.note_look(done.value, &key.2);
        if free && self.steps_each < super::STEPS_EACH {
            let _old = self.done.insert(key, done.clone());
        }
        self.take(done, true, at)
    }

    /// A function that was given a value and says something that is none of it may have judged it.
    fn note_look(&mut self, said: Id, args: &Args) {
        if self.is_judgement(said, 6) {
            let of = args.iter().map(|(_, it)| *it).filter(|it| self.values.tainted(*it));
            self.looked.entry(said).or_default().extend(of);
        }
    }

    fn is_judgement(&self, id: Id, left: u32) -> bool {
        let Some(left) = left.checked_sub(1) else { return false };
        match self.values.get(id) {
            Node::Compare(..) | Node::Test(..) | Node::Not(_) => true,
            Node::Unknown(_) => true,
            Node::And(all) | Node::Or(all) => all.iter().all(|it| self.is_judgement(*it, left)),
            Node::Phi(alts) => alts.iter().all(|it| {
                matches!(self.values.get(it.value), Node::Bool(_) | Node::Nothing)
                    || self.is_judgement(it.value, left)
            }),
            _ => false,
        }
    }

    fn take(&mut self, done: Done, with_facts: bool, at: At) -> Option<Id> {
        for throw in done.throws {
            if self.throws.len() < 64 && !self.throws.contains(&throw) {
                self.throws.push(throw);
            }
        }
        if !done.alive {
            return Some(self.make(Node::Call(Rc::from("!never"), None, Vec::new()), at));
        }
        if with_facts {
            let tool = self.facts.tool.clone();
            self.facts = done.facts;
            self.facts.tool = tool;
        }
        Some(done.value)
    }

    /// None when it never comes back.
    fn perform(
        &mut self,
        closure: &Closure,
        number: u32,
        this: Option<Id>,
        args: Args,
        at: At,
    ) -> Option<Id> {
        let _first = self.ran.insert(number);
        let scope = self.open(Some(closure.scope));
        let inherited = this.or(closure.this);
        self.frames.push(Frame::new(scope, Some(number), inherited, at));
        self.depth = self.depth.saturating_add(4);
        let function = Rc::clone(&closure.function);
        self.bind_params(&function, inherited, args);
        let alive = self.block(&function.body);
        self.depth = self.depth.saturating_sub(4);
        let facts = self.facts.clone();
        let mut returns = self.frames.pop().map(|it| it.returns).unwrap_or_default();
        if alive {
            let value = self.make(Node::Nothing, function.at);
            returns.push(Return { value, facts, unconfigured: false });
        }
        self.come_back(returns, at)
    }

    fn come_back(&mut self, mut returns: Vec<Return>, at: At) -> Option<Id> {
        let strict = returns.iter().filter(|it| !it.unconfigured);
        let met = strict.map(|it| it.facts.clone()).reduce(|a, b| a.meet(&b));
        if let Some(met) = met {
            let all: Vec<_> = met.set.iter().copied().collect();
            for it in returns.iter_mut().filter(|it| it.unconfigured) {
                it.facts.add(&all);
            }
        }
        let facts = returns.iter().map(|it| it.facts.clone()).reduce(|a, b| a.meet(&b))?;
        let alts = returns
            .iter()
            .map(|it| Alt { value: it.value, known: it.facts.beyond(&facts) })
            .collect();
        self.facts = facts;
        Some(self.values.phi(alts, at))
    }

    fn bind_params(&mut self, function: &Function, this: Option<Id>, args: Args) {
        let mut named: Vec<(Word, Id)> = Vec::new();
        let mut listed: Vec<Id> = Vec::new();
        let mut spread: Option<Id> = None;
        let mut spread_named: Option<Id> = None;
        for (name, value) in args {
            match name.as_deref() {
                None => listed.push(value),
                Some("*") => spread = Some(value),
                Some("**") => spread_named = Some(value),
                Some(_) => named.extend(name.map(|name| (name, value))),
            }
        }
        let mut listed = listed.into_iter();
        for (index, param) in function.params.iter().enumerate() {
            let is_self = index == 0 && matches!(param.name.as_ref(), "self" | "cls");
            let value = match param.rest {
                Rest::Many => {
                    let items = listed.by_ref().map(|it| (false, it));
                    let items: Vec<_> = items.chain(spread.map(|it| (true, it))).collect();
                    self.make(Node::List(items), function.at)
                }
                Rest::Named => self.rest_named(function, &mut named, spread_named),
                Rest::One if is_self && this.is_some() => {
                    this.unwrap_or_else(|| self.unknown(function.at))
                }
                Rest::One => {
                    let at = named.iter().position(|(name, _)| *name == param.name);
                    let by_name = at.map(|at| named.swap_remove(at).1);
                    let given = by_name.or_else(|| listed.next());
                    let given = given.or_else(|| spread.map(|it| self.element(it, function.at)));
                    let given = given.or_else(|| {
                        spread_named.map(|it| self.member(it, &param.name, function.at))
                    });
                    self.given(param, given, function.at)
                }
            };
            self.bind(&param.pattern, value, function.at);
        }
    }

    fn rest_named(
        &mut self,
        function: &Function,
        named: &mut Vec<(Word, Id)>,
        spread: Option<Id>,
    ) -> Id {
        let mut entries = Vec::new();
        for (name, value) in named.drain(..) {
            let key = self.make(Node::Text(name), function.at);
            entries.push((Some(key), value));
        }
        entries.extend(spread.map(|it| (None, it)));
        self.make(Node::Map(entries), function.at)
    }

    fn given(&mut self, param: &Param, given: Option<Id>, at: At) -> Id {
        match (given, &param.default) {
            (Some(value), _) => value,
            (None, Some(default)) => self.expr(default),
            (None, None) if self.is_go(at) || self.is_rust(at) => self.of_type_in_go(param, at),
            (None, None) => self.make(Node::Global(Rc::from(format!("?{}", param.name))), at),
        }
    }

    fn instantiate(&mut self, callee: Id, class: u32, args: Args, at: At) -> Id {
        let this = self.make(Node::Instance(class), at);
        if !args.is_empty() || self.constructor(class).is_some() {
            self.begin_object(this);
        }
        if self.is_go(at) || self.is_rust(at) {
            self.fill_instance(this, class, &args, at);
        }
        let constructor = self.constructor(class);
        if let Some(constructor) = constructor {
            let _nothing = self.deeper(|it| it.invoke(constructor, Some(this), args, at));
            return this;
        }
        if args.is_empty() {
            return this;
        }
        // A record: what it was made of is what is in it.
        if let [(None, only)] = args.as_slice()
            && self.is_enumeration(class)
        {
            return *only;
        }
        let fields: Vec<Word> = self.classes.get(class as usize).map_or_else(Vec::new, |it| {
            it.class.fields.iter().map(|it| Rc::clone(&it.name)).collect()
        });
        let mut entries = vec![(None, callee)];
        for (index, (name, value)) in args.into_iter().enumerate() {
            match name.as_deref() {
                Some("*" | "**") => entries.push((None, value)),
                _ => {
                    let by_place = || fields.get(index).cloned();
                    let word =
                        name.or_else(by_place).unwrap_or_else(|| Rc::from(index.to_string()));
                    // Its own methods find it there.
                    self.store_field(this, &word, value, at);
                    let key = self.make(Node::Text(word), at);
                    entries.push((Some(key), value));
                }
            }
        }
        self.make(Node::Map(entries), at)
    }

    fn is_enumeration(&self, class: u32) -> bool {
        let bases = self.classes.get(class as usize).map(|it| it.bases.clone()).unwrap_or_default();
        bases.iter().any(|it| {
            self.values.path(*it).is_some_and(|it| it.ends_with("Enum") || it == "!alias")
        })
    }

    fn constructor(&self, class: u32) -> Option<u32> {
        let mut at = Some(class);
        for _ in 0..8 {
            let kept = self.classes.get(at? as usize)?;
            let own = kept.methods.get("__init__").or_else(|| kept.methods.get("constructor"));
            if let Some(own) = own {
                return Some(*own);
            }
            at = kept.bases.iter().find_map(|it| match self.values.get(*it) {
                Node::Class(class) => Some(*class),
                _ => None,
            });
        }
        None
    }

    /// Runs a function that nobody called, for what it registers and defines.
    pub(in super::super) fn run_unasked(&mut self, number: u32) {
        self.facts = Facts::default();
        self.throws.clear();
        self.depth = 0;
        let this = self.closures.get(number as usize).and_then(|it| it.this);
        let scope = self.open(None);
        self.frames.push(Frame::new(scope, None, None, At::default()));
        let _value = self.invoke(number, this, Vec::new(), At::default());
        self.frames.clear();
        self.throws.clear();
    }

    /// A function of somebody else's.
    fn external(&mut self, callee: Id, args: Args, at: At) -> Option<Id> {
        let mut path = self.values.path(callee).unwrap_or_default();
        let rust = self.is_rust(at);
        if rust {
            path = super::rust::known::plain(&path).to_owned();
        }
        let (recv, method) = match self.values.get(callee).clone() {
            Node::Member(base, name) => (Some(base), name),
            _ => {
                let last = path.rsplit('.').next().unwrap_or_default();
                (None, Rc::from(last))
            }
        };
        if let Some(value) = self.register(&path, &method, callee, recv, &args, at) {
            return Some(value);
        }
        let asked =
            super::super::sinks::Asked { path: &path, method: &method, recv, args: &args, at };
        self.note_facts(&asked);
        self.note_read_only(&asked);
        if self.resolves(&asked, callee) {
            return None;
        }
        self.note_fed(&asked);
        if self.is_go(at) {
            self.note_started_in_go(&asked);
        }
        self.note_unknown(&asked);
        self.note_document_query(&asked);
        let came = self.sink(&asked);
        let known = match (self.is_go(at), rust) {
            (true, _) => self.known_in_go(&asked),
            (_, true) => self.known_in_rust(&asked),
            _ => self.called(&asked).or_else(|| self.known(&asked)),
        };
        if known.is_some() {
            return known;
        }
        self.call_back(&asked);
        if came == super::super::sinks::Came::Elsewhere {
            // A command is a new one each time, whatever was done to the last that was made so.
            let new =
                self.is_go(at) && matches!(path.as_str(), "exec.Command" | "exec.CommandContext");
            let given = self.make(Node::Call(Rc::from(path), recv, args), at);
            if new {
                let _before = self.fields.remove(&given);
            }
            return Some(if rust { self.or_system_error(given, at) } else { given });
        }
        self.carried(&asked).or_else(|| Some(self.make(Node::Call(Rc::from(path), recv, args), at)))
    }

    /// Functions that are handed over are called, with nothing known, or an error first.
    fn call_back(&mut self, asked: &super::super::sinks::Asked<'_>) {
        let functions: Vec<Id> =
            asked.args.iter().map(|(_, it)| *it).filter(|it| self.is_function(*it)).collect();
        let system = ["fs.", "child_process."].iter().any(|it| asked.path.starts_with(it));
        for function in functions {
            let first = match system {
                true => self.make(Node::Caught(asked.at), asked.at),
                false => self.unknown(asked.at),
            };
            let _value = self.deeper(|it| it.call(function, vec![(None, first)], asked.at));
        }
    }
}

impl World<'_> {
    /// A connection that is told to refuse writing: by an authorizer, or only in the language of its callers.
    fn note_read_only(&mut self, asked: &super::super::sinks::Asked<'_>) {
        let Some(recv) = asked.recv else { return };
        let says = |world: &Self| {
            let text = asked.args.first().and_then(|(_, it)| world.values.text(*it));
            text.is_some_and(|it| {
                let it = it.to_ascii_lowercase();
                it.contains("query_only")
                    || it.contains("transaction_read_only")
                    || it.contains("transaction read only")
            })
        };
        let kind = match asked.method {
            "set_authorizer" => Some(GuardKind::ReadOnly),
            _ => says(self).then_some(GuardKind::ReadOnlySaid),
        };
        if let Some(kind) = kind {
            self.knows(&[super::value::Known { on: recv, kind, at: asked.at }]);
        }
    }
}
