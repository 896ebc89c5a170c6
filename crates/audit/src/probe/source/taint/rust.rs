//! Calls in Rust: methods found by what they are called on, values that hold others, variables that methods change.
//!
//! What may fail or be missing is one of several values: [`results`] tells the good ones from the others. What calls change is told by [`lent`]. What functions of
//! others make of their arguments stands in [`known`], and which file a path names in [`names`].

pub(super) mod known;
mod lent;
pub(super) mod names;
mod results;
mod strings;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::super::ir::{At, Call, Cmp, Expr, Import, Kind, Word};
use super::World;
use super::value::{Alt, Args, Id, Node, Op};

/// How many methods of one name are looked at when nobody knows which is meant.
const CANDIDATES: usize = 64;

/// What is known of the Rust in a tree.
#[derive(Debug, Default)]
pub(in super::super) struct Crates<'m> {
    /// What names in a file stand for.
    imports: HashMap<(u32, Word), &'m Import>,
    /// Where a file takes all names from.
    globs: HashMap<u32, Vec<&'m Import>>,
    /// Names that are being looked up.
    asking: BTreeSet<(u32, Word)>,
    /// Methods by their names, with the functions that they are.
    methods: HashMap<Word, Vec<u32>>,
    /// Fields and parameters that are paths.
    pub(super) paths: HashSet<Word>,
    /// Macros that are written somewhere in the tree.
    pub(super) macros: HashSet<Word>,
    /// Which handler is run.
    pub(in super::super) running: Option<u32>,
    /// Where something is waited for without an end, and in which handler.
    pub(in super::super) endless: BTreeSet<(At, Option<u32>)>,
    /// How many timeouts are around what is run.
    pub(in super::super) timed: u32,
}

impl World<'_> {
    /// A call in Rust.
    pub(super) fn call_in_rust(&mut self, call: &Call, at: At) -> Id {
        match &call.callee.kind {
            Kind::Name(name) if name.ends_with('!') || name.starts_with('!') => {
                let args = self.given_to(call);
                let name = Rc::clone(name);
                self.of_ours(&name, args, at)
            }
            Kind::Member(base, name) if name.starts_with('.') => {
                let name = Rc::from(name.trim_start_matches('.'));
                self.method_call(base, &name, call, at)
            }
            callee => {
                let timed = match callee {
                    Kind::Name(name) | Kind::Member(_, name) => name.as_ref() == "timeout",
                    _ => false,
                };
                self.crates.timed += u32::from(timed);
                let callee = self.expr(&call.callee);
                let args = self.given_to(call);
                let result = match self.as_method(callee, &args) {
                    Some((name, rest)) => self.of_first(call, &name, &args, &rest, at),
                    None => self.path_call(callee, args.clone(), at),
                };
                self.crates.timed -= u32::from(timed);
                self.give_back(call, None, &args, at);
                result
            }
        }
    }

    /// `Type::method(&mut it, x)` is `it.method(x)`: the name, and what is given beside the first.
    fn as_method(&self, callee: Id, args: &Args) -> Option<(Word, Args)> {
        let (_, first) = args.first()?;
        let name = match self.values.get(callee) {
            Node::Function(closure) | Node::Bound(_, closure) => {
                let function = &self.closures.get(*closure as usize)?.function;
                let own = function.params.first().is_some_and(|it| it.name.as_ref() == "self");
                let fits = own && function.params.len() == args.len();
                fits.then(|| Rc::from(function.name.rsplit('.').next().unwrap_or_default()))?
            }
            Node::Member(base, name) => {
                // Of a trait's, whoever has it.
                let of_ours = matches!(self.values.get(*base), Node::Class(_))
                    && self.crates.methods.contains_key(name);
                let of_command = !self.commands(*first).is_empty();
                (of_ours || of_command).then(|| Rc::clone(name))?
            }
            _ => {
                let path = self.values.path(callee)?;
                let name = path.rsplit('.').next().unwrap_or_default();
                (!self.commands(*first).is_empty() && path.contains('.')).then(|| Rc::from(name))?
            }
        };
        Some((name, args.iter().skip(1).cloned().collect()))
    }

    fn of_first(&mut self, call: &Call, name: &Word, args: &Args, rest: &Args, at: At) -> Id {
        let Some((_, recv)) = args.first() else { return self.unknown(at) };
        let result = self.method(*recv, name, rest, at);
        if let Some(place) = call.args.first() {
            self.change(&place.value, name, rest, at);
        }
        result
    }

    fn given_to(&mut self, call: &Call) -> Args {
        let mut args = Args::new();
        for arg in &call.args {
            let value = self.expr(&arg.value);
            args.push((arg.name.clone(), value));
        }
        args
    }

    fn path_call(&mut self, callee: Id, args: Args, at: At) -> Id {
        if let Node::Member(base, name) = self.values.get(callee).clone()
            && let Node::Class(class) = *self.values.get(base)
        {
            return self.of_own_type(class, callee, &name, args, at);
        }
        self.call(callee, args, at).unwrap_or_else(|| self.unknown(at))
    }

    /// A variant of an enumeration of ours, or what a derive wrote.
    fn of_own_type(&mut self, class: u32, callee: Id, name: &str, args: Args, at: At) -> Id {
        if matches!(name, "from" | "try_from" | "deserialize" | "from_value" | "new" | "from_str") {
            match args.as_slice() {
                [] => {}
                [(_, only)] => return *only,
                // What a derive wrote takes the fields in their order.
                _ => return self.of_fields(class, callee, &args, at),
            }
        }
        if name.starts_with(|it: char| it.is_ascii_lowercase()) {
            return self.make(Node::Instance(class), at);
        }
        let mut entries = vec![(Some(self.make(Node::Text("variant!".into()), at)), callee)];
        for (index, (name, value)) in args.into_iter().enumerate() {
            let word = name.unwrap_or_else(|| Rc::from(index.to_string()));
            let key = (word.as_ref() != "**").then(|| self.make(Node::Text(word), at));
            entries.push((key, value));
        }
        self.make(Node::Map(entries), at)
    }

    fn of_fields(&mut self, class: u32, callee: Id, args: &Args, at: At) -> Id {
        let fields = self.classes.get(class as usize).map(|it| &it.class.fields);
        let names: Vec<Word> = fields.into_iter().flatten().map(|it| Rc::clone(&it.name)).collect();
        let values: Vec<Id> = args.iter().map(|(_, it)| *it).collect();
        if names.len() != values.len() {
            let all: Vec<(bool, Id)> = values.into_iter().map(|it| (false, it)).collect();
            return self.make(Node::List(all), at);
        }
        let of = match self.values.get(callee) {
            Node::Member(base, _) => *base,
            _ => callee,
        };
        let named = names.into_iter().zip(values).map(|(name, value)| (Some(name), value));
        let named = named.collect();
        self.call(of, named, at).unwrap_or_else(|| self.unknown(at))
    }

    fn method_call(&mut self, base: &Expr, name: &Word, call: &Call, at: At) -> Id {
        let recv = self.expr(base);
        let args = self.given_to(call);
        let result = self.method(recv, name, &args, at);
        self.change(base, name, &args, at);
        self.give_back(call, Some(recv), &args, at);
        result
    }

    /// `recv.name(args)`
    fn method(&mut self, recv: Id, name: &Word, args: &Args, at: At) -> Id {
        if let Some(own) = self.own_method(recv, name, at) {
            return self.call(own, args.clone(), at).unwrap_or_else(|| self.unknown(at));
        }
        if let Some(heard) = self.of_channel(recv, name, args, at) {
            return heard;
        }
        if let Some(known) = self.of_result(recv, name, args, at) {
            return known;
        }
        if let Some(known) = self.of_value(recv, name, args, at) {
            return known;
        }
        if let Some(started) = self.of_command(recv, name, args, at) {
            return started;
        }
        if let Some(found) = self.by_name(recv, name, args, at) {
            return found;
        }
        // `asked.path()`, which a derive wrote.
        if matches!(self.values.get(recv), Node::Sent(_)) && args.is_empty() {
            return self.member(recv, name, at);
        }
        let callee = self.make(Node::Member(recv, Rc::clone(name)), at);
        self.call(callee, args.clone(), at).unwrap_or_else(|| self.unknown(at))
    }

    /// A method of ours, where it is known what it is called on.
    fn own_method(&mut self, recv: Id, name: &Word, at: At) -> Option<Id> {
        match self.values.get(recv).clone() {
            Node::Instance(class) => self.method_of(class, recv, name, at),
            Node::Map(entries) => {
                let class = entries.iter().find_map(|(key, value)| match self.values.get(*value) {
                    Node::Class(class) if key.is_none() => Some(*class),
                    _ => None,
                });
                self.method_of(class?, recv, name, at)
            }
            Node::Phi(alts) => {
                let found: Vec<Id> =
                    alts.iter().filter_map(|it| self.own_method(it.value, name, at)).collect();
                (!found.is_empty()).then(|| self.values.any(found, at))
            }
            _ => None,
        }
    }

    fn method_of(&mut self, class: u32, this: Id, name: &Word, at: At) -> Option<Id> {
        let mut waiting = vec![class];
        let mut seen = 0;
        while let Some(number) = waiting.pop() {
            seen += 1;
            let kept = self.classes.get(number as usize).filter(|_| seen < 16)?;
            if let Some(method) = kept.methods.get(name).copied() {
                return Some(self.make(Node::Bound(this, method), at));
            }
            let bases = kept.bases.iter();
            waiting.extend(bases.filter_map(|it| match self.values.get(*it) {
                Node::Class(base) => Some(*base),
                _ => None,
            }));
        }
        None
    }

    /// A method of ours of which nobody else has the name, or few have.
    fn by_name(&mut self, recv: Id, name: &Word, args: &Args, at: At) -> Option<Id> {
        let all = self.crates.methods.get(name)?.clone();
        let fits = |it: &&u32| {
            self.closures.get(**it as usize).is_some_and(|it| {
                let own = it.function.params.first().is_some_and(|it| it.name.as_ref() == "self");
                own && it.function.params.len() == args.len() + 1
            })
        };
        let all: Vec<u32> = all.iter().filter(fits).copied().collect();
        let foreign = matches!(self.values.get(recv), Node::Call(path, ..) if path.contains('.'));
        if all.is_empty() || all.len() > CANDIDATES || foreign {
            return None;
        }
        let before = self.facts.clone();
        let (mut results, mut after) = (Vec::new(), None::<super::Facts>);
        for it in all {
            let bound = {
                // What a client sent is asked itself; anything else is whatever such a thing is.
                let own = matches!(self.values.get(recv), Node::Instance(_) | Node::Map(_));
                let this = match self.values.tainted(recv) || own {
                    true => recv,
                    false => self.closures.get(it as usize).and_then(|it| it.this).unwrap_or(recv),
                };
                self.make(Node::Bound(this, it), at)
            };
            self.facts = before.clone();
            let Some(result) = self.call(bound, args.clone(), at) else { continue };
            if !self.never_returns(result) {
                results.push(result);
                after = Some(after.map_or(self.facts.clone(), |it| it.meet(&self.facts)));
            }
        }
        self.facts = after.unwrap_or(before);
        Some(self.values.any(results, at))
    }

    /// Notes the methods of a type, by name.
    pub(super) fn note_methods(&mut self, class: u32) {
        let Some(kept) = self.classes.get(class as usize) else { return };
        for (name, method) in &kept.methods {
            self.crates.methods.entry(Rc::clone(name)).or_default().push(*method);
        }
    }

    /// Calls of ours: what lowering wrote where Rust has no call.
    fn of_ours(&mut self, name: &str, args: Args, at: At) -> Id {
        let first = args.first().map(|(_, it)| *it);
        let whole = first.unwrap_or_else(|| self.unknown(at));
        let node = match name {
            "ok!" => return self.present(whole, false, at),
            "some!" => return self.present(whole, true, at),
            "err!" => return self.error_in(whole, at),
            "try!" => return self.tried(whole, false, at),
            "try_any!" => return self.tried(whole, true, at),
            "is_ok!" | "is_some!" => {
                Node::Test(Rc::from(name.trim_end_matches('!')), whole, Vec::new())
            }
            "is_normal!" => Node::Test(Rc::from("is_local"), whole, Vec::new()),
            "is_variant!" => match args.get(1) {
                Some((_, variant)) => return self.is_variant(whole, *variant, at),
                None => Node::Unknown(at),
            },
            "item!" => match args.get(1).and_then(|it| self.number(it.1)) {
                Some(index) => return self.item(whole, index, at),
                None => Node::Unknown(at),
            },
            "lent!" => return whole,
            "any!" => return self.any_of(whole, at),
            "pairs!" => return self.each_pair(whole, at),
            "int!" => match self.values.tainted(whole) {
                true => Node::Through(Op::Number, whole),
                false => return whole,
            },
            "path!" => return self.as_path(whole, at),
            "shown!" => return self.as_text(whole, at),
            "of!" => return self.of_type(whole, at),
            "macro!" => return self.of_own_macro(&args, at),
            "!never" => Node::Call(Rc::from("!never"), None, Vec::new()),
            _ => Node::Call(Rc::from(name), None, args),
        };
        self.make(node, at)
    }

    /// What a macro that nobody here knows makes of what it is given.
    fn of_own_macro(&mut self, args: &Args, at: At) -> Id {
        let sent: Vec<Id> =
            args.iter().skip(1).map(|it| it.1).filter(|it| self.values.tainted(*it)).collect();
        if sent.is_empty() {
            return self.unknown(at);
        }
        let name = args.first().and_then(|it| self.values.text(it.1)).cloned();
        if let Some(name) = name.filter(|it| self.handling && !self.is_harmless_macro(it)) {
            let why =
                format!("gives what a client sends to the macro `{name}!`, which is not followed");
            let _new = self.unfollowed.insert((at.file, why));
        }
        self.make(Node::Parts(sent), at)
    }

    fn is_harmless_macro(&self, name: &Word) -> bool {
        known::HARMLESS.contains(&name.as_ref()) && !self.crates.macros.contains(name)
    }

    fn number(&self, id: Id) -> Option<usize> {
        match self.values.get(id) {
            Node::Number(number) => number.parse().ok(),
            _ => None,
        }
    }

    /// What is of a type of ours, or somebody else's thing by its name.
    fn of_type(&mut self, of: Id, at: At) -> Id {
        match *self.values.get(of) {
            Node::Class(class) => self.make(Node::Instance(class), at),
            _ => of,
        }
    }

    /// One of a tuple.
    fn item(&mut self, of: Id, index: usize, at: At) -> Id {
        match self.values.get(of).clone() {
            Node::List(items) if items.iter().all(|it| !it.0) => {
                items.get(index).map_or_else(|| self.unknown(at), |it| it.1)
            }
            Node::Phi(alts) => {
                let alts = alts.into_iter().map(|alt| {
                    let value = self.item(alt.value, index, at);
                    Alt { value, known: alt.known }
                });
                let alts = alts.collect();
                self.values.phi(alts, at)
            }
            Node::Elem(_) | Node::Through(..) | Node::First(_) => of,
            _ => self.make(Node::Member(of, Rc::from(index.to_string())), at),
        }
    }

    /// One of what is in a tuple or a variant, whichever.
    fn any_of(&mut self, of: Id, at: At) -> Id {
        let parts: Vec<Id> = match self.values.get(of) {
            Node::List(items) => items.iter().map(|it| it.1).collect(),
            Node::Map(entries) => entries.iter().map(|it| it.1).collect(),
            _ => vec![of],
        };
        self.values.any(parts, at)
    }

    /// What is gone through two at a time: the entries of a map; anything else is what it is.
    fn each_pair(&mut self, of: Id, at: At) -> Id {
        match self.values.get(of) {
            Node::Map(_) => self.pairs(of, at),
            _ => of,
        }
    }

    /// Whether a value is a variant: one that a client sends is held against it.
    fn is_variant(&mut self, whole: Id, variant: Id, at: At) -> Id {
        let known = |it: Id, world: &Self| world.field_of(it, &Rc::from("variant!"));
        match self.values.get(whole).clone() {
            Node::Map(_) => match known(whole, self) {
                Some(is) => self.make(Node::Bool(is == variant), at),
                None => self.unknown(at),
            },
            Node::Phi(alts) => {
                let alts = alts.into_iter().map(|alt| {
                    let value = self.is_variant(alt.value, variant, at);
                    Alt { value, known: alt.known }
                });
                let alts = alts.collect();
                self.values.phi(alts, at)
            }
            // Which of them it is says nothing of what is in it.
            _ => self.unknown(at),
        }
    }

    /// A path, whatever it was before.
    pub(super) fn as_path(&mut self, value: Id, at: At) -> Id {
        match self.is_path(value) || matches!(self.values.get(value), Node::Phi(_)) {
            true => value,
            false => self.make(Node::Path(vec![value], true), at),
        }
    }

    /// A text, where a value was a path.
    pub(super) fn as_text(&mut self, value: Id, at: At) -> Id {
        match self.is_path(value) {
            true => self.make(Node::Parts(vec![value]), at),
            false => value,
        }
    }

    /// A name of Rust's that no scope has.
    pub(super) fn name_in_rust(&mut self, name: &Word, at: At) -> Id {
        if let Some(found) = self.imported(name, at) {
            return found;
        }
        self.make(Node::Global(Rc::clone(name)), at)
    }

    /// `base.name` of somebody else's, and of what a client sends.
    pub(super) fn member_in_rust(&mut self, base: Id, name: &str, at: At) -> Option<Id> {
        match self.values.get(base) {
            Node::Sent(_) if name == "0" => Some(base),
            Node::Module(module) => self.exported(*module, name, at),
            Node::Global(of) if of.ends_with("Component") => match name {
                "ParentDir" => Some(self.make(Node::Text("..".into()), at)),
                _ => None,
            },
            // What is in a tuple of one, such as a type around a text.
            _ if name == "0" && self.values.tainted(base) => match self.values.get(base) {
                Node::Param(..) | Node::Elem(_) | Node::Member(..) => Some(base),
                _ => None,
            },
            _ => None,
        }
    }

    /// Whether a value is a path because of what it was declared as.
    pub(super) fn is_declared_path(&self, id: Id) -> bool {
        let declared = |name: &str| self.crates.paths.contains(name);
        match self.values.get(id) {
            Node::Param(_, name) => declared(name),
            Node::Global(name) => {
                name.strip_prefix("?self.").or(name.strip_prefix('?')).is_some_and(declared)
            }
            Node::Member(_, name) => declared(name),
            Node::Call(path, ..) => {
                matches!(path.as_ref(), "env.current_dir" | "env.temp_dir" | "dirs.home_dir")
            }
            _ => false,
        }
    }

    /// `a.starts_with(b)`: by components when either is a path.
    pub(super) fn starts_with(&mut self, value: Id, with: Id, at: At) -> Id {
        let name = match self.is_path(value) || self.is_path(with) {
            true => "is_relative_to",
            false => "startswith",
        };
        self.make(Node::Test(Rc::from(name), value, vec![with]), at)
    }

    /// Whether something is in a text or a list.
    pub(super) fn contains(&mut self, recv: Id, what: Id, at: At) -> Id {
        if let Node::List(items) = self.values.get(what).clone()
            && self.values.tainted(recv)
        {
            let each =
                items.into_iter().map(|(_, it)| self.make(Node::Compare(Cmp::In, it, recv), at));
            let each = each.collect();
            return self.make(Node::Or(each), at);
        }
        if self.is_function(what) {
            return self.judged(recv, what, "any", at);
        }
        self.make(Node::Compare(Cmp::In, what, recv), at)
    }
}
