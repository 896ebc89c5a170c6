//! What outlives the function that stores it: names outside of it, members, and what is put into a collection.
//!
//! One tool may keep what another finds. While a handler runs, what it stores is there at once; when it has ended,
//! each of these values is kept with what was known of it then, since what that handler looked at, another did not.
//! An object that a handler makes for itself, and that nothing else keeps, ends with it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::super::ir::{At, Call, Expr, Kind, Pattern, Word};
use super::World;
use super::value::{self, Alt, Args, Id, Node};

/// How many values of one place are told apart.
const APART: usize = 24;
/// How much of one list, and of one table, is kept.
pub(super) const ITEMS: usize = 2_000;
pub(super) const ENTRIES: usize = 4_000;
/// Methods that put their last argument into what they are called on.
#[rustfmt::skip]
const PUTS: &[&str] = &[
    "append", "appendleft", "push", "unshift", "extend", "add", "insert", "update", "set", "write", "put", "put_nowait", "setdefault", "store", "Store",
    "send!", "enqueue", "setItem", "LoadOrStore", "Swap", "PushBack", "PushFront", "offer",
];
/// The name under which a collection keeps what was put in without one.
pub(super) const INSIDE: &str = "[]";

/// Where something is kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(in super::super) enum Slot {
    /// A name of a scope.
    Name(u32, Word),
    /// A member of a value.
    Field(Id, Word),
}

/// What was there before a handler stored something, and what it stored.
#[derive(Debug, Default)]
struct Stored {
    before: Option<Id>,
    after: Vec<Alt>,
}

/// What the handler that runs has stored so far.
#[derive(Debug, Default)]
pub(in super::super) struct Shelf {
    stored: BTreeMap<Slot, Stored>,
    /// Objects that it made, and what such an object held before.
    fresh: BTreeMap<Id, BTreeMap<Word, Id>>,
    /// The scopes from this one on are its own.
    scopes: u32,
    /// Something else than a value is known now that was not.
    pub(in super::super) news: bool,
}

impl World<'_> {
    fn kept(&self, slot: &Slot) -> Option<Id> {
        match slot {
            Slot::Name(scope, name) => self.scopes.get(*scope as usize)?.vars.get(name).copied(),
            Slot::Field(base, word) => self.field(*base, word),
        }
    }

    /// What a member of a value was set to.
    pub(in super::super) fn field(&self, base: Id, word: &str) -> Option<Id> {
        self.fields.get(&base)?.get(word).copied()
    }

    fn put(&mut self, slot: Slot, value: Id) {
        self.elements.clear();
        let _old = match slot {
            Slot::Name(scope, name) => {
                self.scopes.get_mut(scope as usize).and_then(|it| it.vars.insert(name, value))
            }
            Slot::Field(base, word) => self.fields.entry(base).or_default().insert(word, value),
        };
    }

    /// A place holds this from now on, or what it held before.
    fn keep_at(&mut self, slot: Slot, value: Id, at: At) {
        let old = self.kept(&slot);
        let both = match old.filter(|it| self.grew_from(value, *it)) {
            Some(_) => value,
            None => self.values.any(old.into_iter().chain([value]), at),
        };
        if self.handling {
            let tainted = self.values.tainted(value);
            let known = self.facts.set.iter().filter(|it| tainted && self.values.tainted(it.on));
            let alt = Alt { value, known: known.copied().collect() };
            let stored = self
                .shelf
                .stored
                .entry(slot.clone())
                .or_insert(Stored { before: old, after: Vec::new() });
            if !stored.after.contains(&alt) {
                match stored.after.len() < APART {
                    true => stored.after.push(alt),
                    // What can no longer be told apart is known less of.
                    false => stored.after.push(Alt { value: both, known: Rc::from([]) }),
                }
            }
        }
        self.put(slot, both);
    }

    /// Whether a list is another one with more behind it.
    fn grew_from(&self, list: Id, other: Id) -> bool {
        match (self.values.get(list), self.values.get(other)) {
            (Node::List(more), Node::List(less)) => more.starts_with(less),
            (Node::Map(more), Node::Map(less)) => more.starts_with(less),
            _ => false,
        }
    }

    /// A list that became longer, of which each new part is known what was known when it was put in.
    fn longer_by(&mut self, before: Id, alt: &Alt, at: At) -> Option<Id> {
        if !self.grew_from(alt.value, before) {
            return None;
        }
        let known = |world: &mut Self, value: Id| {
            world.values.phi(vec![Alt { value, known: Rc::clone(&alt.known) }], at)
        };
        let node = match (self.values.get(before).clone(), self.values.get(alt.value).clone()) {
            (Node::List(mut items), Node::List(more)) => {
                let mut apart = self.told_apart(items.iter().map(|(_, it)| *it));
                for (spread, it) in more.into_iter().skip(items.len()) {
                    let it = (spread, known(self, it));
                    if !items.contains(&it) && self.is_one_more(it.1, &mut apart, at) {
                        items.push(it);
                    }
                }
                Node::List(items)
            }
            (Node::Map(mut entries), Node::Map(more)) => {
                let mut apart = self.told_apart(entries.iter().map(|(_, it)| *it));
                for (key, it) in more.into_iter().skip(entries.len()) {
                    let it = (key, known(self, it));
                    if !entries.contains(&it) && self.is_one_more(it.1, &mut apart, at) {
                        entries.push(it);
                    }
                }
                Node::Map(entries)
            }
            _ => return None,
        };
        Some(self.make(node, at))
    }

    fn told_apart(&self, values: impl Iterator<Item = Id>) -> usize {
        values.filter(|it| self.values.tainted(*it)).count()
    }

    /// Whether one value more of a client's is told apart from the others in its place; when they are too many, that is
    /// said.
    fn is_one_more(&mut self, value: Id, apart: &mut usize, at: At) -> bool {
        if !self.values.tainted(value) {
            return true;
        }
        *apart = apart.saturating_add(1);
        if *apart > APART {
            let why = "keeps more of what clients send in one place than is told apart".to_owned();
            let _new = self.unfollowed.insert((at.file, why));
        }
        *apart <= APART
    }

    pub(super) fn store_field(&mut self, base: Id, word: &Word, value: Id, at: At) {
        // What a class is given, its objects have; a function of it is called on them.
        if let Node::Class(class) = *self.values.get(base) {
            let this = self.make(Node::Instance(class), at);
            let value = match self.values.get(value) {
                Node::Function(closure) => {
                    let closure = *closure;
                    self.make(Node::Bound(this, closure), at)
                }
                _ => value,
            };
            self.keep_at(Slot::Field(this, Rc::clone(word)), value, at);
        }
        self.keep_at(Slot::Field(base, Rc::clone(word)), value, at);
    }

    /// A handler begins.
    pub(in super::super) fn open_shelf(&mut self) {
        let scopes = u32::try_from(self.scopes.len()).unwrap_or(u32::MAX);
        self.shelf = Shelf { scopes, ..Shelf::default() };
    }

    /// A handler makes an object: what is in it is what it is made with.
    pub(super) fn begin_object(&mut self, this: Id) {
        let in_use = self.frames.iter().any(|it| it.this == Some(this));
        if self.handling && !in_use && !self.shelf.fresh.contains_key(&this) {
            let held = self.fields.remove(&this).unwrap_or_default();
            let _new = self.shelf.fresh.insert(this, held);
        }
    }

    /// A handler has ended: what it stored stays, with what was known of it. Whether anything of a client's is new.
    pub(in super::super) fn close_shelf(&mut self) -> bool {
        let shelf = std::mem::take(&mut self.shelf);
        let escaped = self.escaped(&shelf);
        let mut grown = shelf.news;
        for (this, held) in &shelf.fresh {
            let _own = self.fields.insert(*this, held.clone());
        }
        for (slot, stored) in shelf.stored {
            let mut before = stored.before;
            match &slot {
                Slot::Name(scope, _) if *scope >= shelf.scopes => continue,
                Slot::Field(base, word) if shelf.fresh.contains_key(base) => {
                    if !escaped.contains(base) {
                        continue;
                    }
                    before = shelf.fresh.get(base).and_then(|it| it.get(word)).copied();
                }
                _ => {}
            }
            let at =
                stored.after.first().map_or_else(At::default, |it| self.values.place(it.value));
            let mut first = before;
            let mut others = Vec::new();
            for alt in stored.after {
                match first.and_then(|it| self.longer_by(it, &alt, at)) {
                    Some(longer) => first = Some(longer),
                    None => others.push(alt),
                }
            }
            let first = first.map(|value| Alt { value, known: Rc::from([]) });
            let now = self.values.phi(first.into_iter().chain(others).collect(), at);
            grown |= before != Some(now) && self.values.tainted(now);
            self.put(slot, now);
        }
        grown
    }

    /// The objects of a handler's own that something keeps which outlives it.
    fn escaped(&self, shelf: &Shelf) -> BTreeSet<Id> {
        let mut escaped = BTreeSet::new();
        // One that is kept keeps others.
        for _ in 0..8 {
            let known = escaped.len();
            let mut open: Vec<Id> = Vec::new();
            for (slot, stored) in &shelf.stored {
                let outlives = match slot {
                    Slot::Name(scope, _) => *scope < shelf.scopes,
                    Slot::Field(base, _) => {
                        !shelf.fresh.contains_key(base) || escaped.contains(base)
                    }
                };
                if outlives {
                    open.extend(stored.after.iter().map(|it| it.value));
                }
            }
            let mut seen = BTreeSet::new();
            while let Some(id) = open.pop() {
                if seen.len() >= super::LOOKED_AT || !seen.insert(id) {
                    continue;
                }
                if shelf.fresh.contains_key(&id) {
                    let _new = escaped.insert(id);
                }
                open.extend(value::parts(self.values.get(id)));
            }
            if escaped.len() == known {
                break;
            }
        }
        escaped
    }

    pub(in super::super) fn set(&mut self, name: &Word, value: Id) {
        let outside = self.frames.last().is_some_and(|it| it.outside.contains(name));
        if outside {
            return self.set_outside(name, value, self.values.place(value));
        }
        let scope = self.scope();
        if let Some(scope) = self.scopes.get_mut(scope as usize) {
            let _old = scope.vars.insert(Rc::clone(name), value);
        }
    }

    /// Where a name is known beyond the function that runs; the module, when it is known nowhere.
    fn set_outside(&mut self, name: &Word, value: Id, at: At) {
        let mut scope = self.scope();
        while let Some(parent) = self.scopes.get(scope as usize).and_then(|it| it.parent) {
            scope = parent;
            if self.scopes.get(scope as usize).is_some_and(|it| it.vars.contains_key(name)) {
                break;
            }
        }
        self.keep_at(Slot::Name(scope, Rc::clone(name)), value, at);
    }

    /// Changes a variable where it is.
    fn set_where_it_is(&mut self, name: &Word, value: Id, at: At) {
        let scope = self.scope();
        let here = self.scopes.get(scope as usize).is_some_and(|it| it.vars.contains_key(name));
        match here || self.find(name).is_none() {
            true => self.set(name, value),
            false => self.set_outside(name, value, at),
        }
    }

    /// `let held = state.lock()`: what is done to the one is done to the other.
    pub(super) fn note_lock(&mut self, pattern: &Pattern, value: &Expr) {
        let Pattern::Name(name) = pattern else { return };
        let (mut at, mut locked) = (value, false);
        for _ in 0..8 {
            let Kind::Call(call) = &at.kind else { break };
            at = match (&call.callee.kind, call.args.first()) {
                (Kind::Member(base, method), _) => {
                    locked |= matches!(
                        method.as_ref(),
                        ".lock"
                            | ".write"
                            | ".borrow_mut"
                            | ".get_mut"
                            | ".blocking_lock"
                            | ".try_lock"
                    );
                    base
                }
                (Kind::Name(word), Some(first)) if word.ends_with('!') => &first.value,
                _ => return,
            };
        }
        let slot = match &at.kind {
            Kind::Name(place) if locked => self.slot_of(place),
            Kind::Member(base, place) if locked && is_place(base) => {
                let base = self.expr(base);
                Some(Slot::Field(base, Rc::from(place.trim_start_matches('.'))))
            }
            _ => None,
        };
        if let (Some(slot), Some(frame)) = (slot, self.frames.last_mut()) {
            let _old = frame.locked.insert(Rc::clone(name), slot);
        }
    }

    fn slot_of(&self, name: &Word) -> Option<Slot> {
        let mut scope = Some(self.scope());
        while let Some(number) = scope {
            let known = self.scopes.get(number as usize)?;
            if known.vars.contains_key(name) {
                return Some(Slot::Name(number, Rc::clone(name)));
            }
            scope = known.parent;
        }
        None
    }

    /// An assignment inside an expression: in JavaScript to the nearest name there is.
    pub(super) fn assign(&mut self, pattern: &Pattern, value: Id, at: At) {
        match pattern {
            Pattern::Name(name) if self.is_python(at) => self.set(name, value),
            Pattern::Name(name) => {
                let locked = self.frames.last().and_then(|it| it.locked.get(name)).cloned();
                if let Some(slot) = locked {
                    self.keep_at(slot, value, at);
                }
                self.set_where_it_is(name, value, at);
            }
            Pattern::Items(patterns, _) if self.is_go(at) => {
                let values = self.several(value, patterns.len(), at);
                for (pattern, value) in patterns.iter().zip(values) {
                    self.assign(pattern, value, at);
                }
            }
            _ => self.bind(pattern, value, at),
        }
    }

    /// `x.y = value`, `x[y] = value`.
    pub(super) fn store(&mut self, place: &Expr, value: Id, at: At) {
        if self.store_export(place, value, at) {
            return;
        }
        let (base_expr, key) = match &place.kind {
            Kind::Member(base, name) => (base, Ok(Rc::clone(name))),
            Kind::Index(base, index) => (base, Err(self.expr(index))),
            _ => return,
        };
        let base = self.expr(base_expr);
        let holds = matches!(self.values.get(base), Node::Map(_) | Node::List(_) | Node::Each(_));
        if holds && is_place(base_expr) {
            let key = match key {
                Ok(word) => self.make(Node::Text(word), at),
                Err(index) => index,
            };
            let grown = match self.values.get(base).clone() {
                Node::Map(mut entries) if entries.len() < ENTRIES => {
                    entries.push((Some(key), value));
                    self.make(Node::Map(entries), at)
                }
                _ => self.values.any([base, value], at),
            };
            return self.put_back(base_expr, grown, at);
        }
        match key {
            Ok(word) => self.store_field(base, &word, value, at),
            Err(index) => {
                if let Some(word) = self.values.text(index).cloned() {
                    self.store_field(base, &word, value, at);
                }
                self.store_field(base, &Rc::from(INSIDE), value, at);
            }
        }
    }

    /// What a place holds has become more.
    fn put_back(&mut self, place: &Expr, grown: Id, at: At) {
        match &place.kind {
            Kind::Name(name) => self.set_where_it_is(name, grown, at),
            Kind::Member(..) | Kind::Index(..) => self.store(place, grown, at),
            _ => {}
        }
    }

    pub(in super::super) fn grow(&mut self, pattern: &Pattern, value: &Expr, at: At) {
        let more = self.expr(value);
        let old = match pattern {
            Pattern::Name(name) => self.lookup(name, at),
            Pattern::Place(place) => self.expr(place),
            _ => return,
        };
        let lists = |it: Id| matches!(self.values.get(it), Node::List(_) | Node::Each(_));
        let grown = if lists(old) || lists(more) {
            self.make(Node::List(vec![(true, old), (true, more)]), at)
        } else {
            self.concat(&[old, more], at)
        };
        match pattern {
            Pattern::Name(_) => self.assign(pattern, grown, at),
            _ => self.bind(pattern, grown, at),
        }
    }

    /// `list.append(x)` and its like change what they are called on.
    pub(super) fn grow_receiver(&mut self, call: &Call, callee: Id, args: &Args, at: At) {
        let Kind::Member(base, method) = &call.callee.kind else { return };
        if !PUTS.contains(&method.as_ref()) {
            return;
        }
        let Node::Member(recv, _) = *self.values.get(callee) else { return };
        // A function that nobody called puts nothing anywhere: what it is given is not there.
        if args.iter().any(|(_, it)| self.is_given_by_nobody(*it, 6)) {
            return;
        }
        let spread = matches!(method.as_ref(), "extend" | "update");
        let mut grown = match self.values.get(recv).clone() {
            Node::List(items) => items,
            Node::Map(mut entries) => {
                match (method.as_ref(), args.as_slice()) {
                    ("update", _) => entries.extend(args.iter().map(|(_, it)| (None, *it))),
                    ("set" | "setdefault", [(_, key), (_, value)]) if entries.len() < ENTRIES => {
                        entries.push((Some(*key), *value));
                    }
                    _ => return self.note_full(entries.len() >= ENTRIES, args, at),
                }
                let grown = self.make(Node::Map(entries), at);
                return self.put_back(base, grown, at);
            }
            Node::Each(_) | Node::Phi(_) => vec![(true, recv)],
            Node::Call(..) if args.iter().any(|(_, it)| self.values.tainted(*it)) => {
                match method.as_ref() {
                    "add" | "append" | "push" => vec![(true, recv)],
                    _ => return self.put_inside(recv, method, args, at),
                }
            }
            _ => return self.put_inside(recv, method, args, at),
        };
        self.note_full(grown.len() >= ITEMS, args, at);
        if grown.len() < ITEMS {
            grown.extend(args.iter().map(|(name, it)| (spread || name.is_some(), *it)));
        }
        let grown = self.make(Node::List(grown), at);
        self.put_back(base, grown, at);
    }

    /// Says that what a client sends is put where no more is kept.
    pub(super) fn note_full(&mut self, is_full: bool, args: &Args, at: At) {
        if is_full && self.handling && args.iter().any(|(_, it)| self.values.tainted(*it)) {
            let why = "puts what a client sends behind more in one list than is kept".to_owned();
            let _new = self.unfollowed.insert((at.file, why));
        }
    }

    /// Whether a value is a parameter that nobody gave.
    fn is_given_by_nobody(&self, id: Id, left: u32) -> bool {
        let Some(left) = left.checked_sub(1) else { return false };
        match self.values.get(id) {
            Node::Global(name) => name.starts_with('?') && !name.starts_with("?self."),
            Node::Member(base, _) | Node::Elem(base) | Node::Through(_, base) => {
                self.is_given_by_nobody(*base, left)
            }
            _ => false,
        }
    }

    /// What is put into a collection whose making is not seen, or that is somebody else's.
    fn put_inside(&mut self, recv: Id, method: &str, args: &Args, at: At) {
        let ours = matches!(self.values.get(recv), Node::Unknown(_));
        let Some((_, last)) = args.last().filter(|_| !self.values.tainted(recv)) else { return };
        let matters = self.values.tainted(*last) || self.is_function(*last);
        if !matters || !ours && method == "write" {
            return;
        }
        let value = match method {
            "extend" | "update" => self.element(*last, at),
            _ => *last,
        };
        // What somebody else's code keeps, it may give back, and nobody sees how.
        let value = match ours {
            true => value,
            false => self.make(Node::Call(Rc::from("!kept"), None, vec![(None, value)]), at),
        };
        if let ([(_, key), _], true) = (args.as_slice(), ours)
            && let Some(word) = self.values.text(*key).cloned()
        {
            self.store_field(recv, &word, value, at);
        }
        self.store_field(recv, &Rc::from(INSIDE), value, at);
    }

    /// What was put into a collection that is only known by what it is called.
    pub(super) fn inside(&self, of: Id) -> Option<Id> {
        self.field(of, INSIDE)
    }

    /// A collection with what was put in, where that is known.
    pub(super) fn with_inside(&mut self, of: Id, at: At) -> Id {
        match self.inside(of) {
            Some(inside) => {
                let list = self.make(Node::List(vec![(false, inside)]), at);
                self.values.any([of, list], at)
            }
            None => of,
        }
    }
}

/// Whether an expression names a place, and does nothing.
fn is_place(expr: &Expr) -> bool {
    match &expr.kind {
        Kind::Name(_) => true,
        Kind::Member(base, _) => is_place(base),
        Kind::Index(base, index) => {
            is_place(base)
                && (is_place(index) || matches!(index.kind, Kind::Text(_) | Kind::Number(_)))
        }
        _ => false,
    }
}
