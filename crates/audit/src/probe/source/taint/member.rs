//! What is in a value: members, elements, and modules behind names.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::super::ir::{At, Cmp, Word};
use super::value::{Alt, Id, Known, Node, Op};
use super::{LOOKED_AT, World};

impl World<'_> {
    /// `base.name`
    pub(in super::super) fn member(&mut self, base: Id, name: &Word, at: At) -> Id {
        if let Some(kept) = self.field(base, name) {
            return kept;
        }
        if self.is_rust(at)
            && let Some(found) = self.member_in_rust(base, name, at)
        {
            return found;
        }
        match self.values.get(base).clone() {
            // One of several collections answers as a collection.
            Node::Phi(alts)
                if is_method(name) && alts.iter().all(|it| self.is_collection(it.value)) =>
            {
                self.make(Node::Member(base, Rc::clone(name)), at)
            }
            Node::Phi(alts) => {
                let mut found = Vec::new();
                // What no alternative has is asked of all of them at once, as a method is.
                let mut nowhere = true;
                for alt in alts {
                    let value = self.deep(|it| it.member(alt.value, name, at), at);
                    nowhere &= *self.values.get(value) == Node::Member(alt.value, Rc::clone(name));
                    found.push(Alt { value, known: alt.known });
                }
                match nowhere {
                    true => self.make(Node::Member(base, Rc::clone(name)), at),
                    false => self.values.phi(found, at),
                }
            }
            Node::Map(entries) => self.entry(base, &entries, name, at),
            Node::Global(module) if self.is_script(at) => match name.as_ref() {
                "exports" if module.as_ref() == "module" => self.own_exports(at),
                word if super::modules::is_itself(&module, word) => base,
                _ => self.make(Node::Member(base, Rc::clone(name)), at),
            },
            Node::Sent(handler) => {
                if is_method(name) {
                    return self.make(Node::Member(base, Rc::clone(name)), at);
                }
                let name = match self.tags.get(name).filter(|_| self.is_go(at) || self.is_rust(at))
                {
                    Some(tag) => Rc::clone(tag),
                    None => Rc::clone(name),
                };
                self.note_parameter(handler, &name);
                self.make(Node::Param(handler, name), at)
            }
            Node::Module(module) => {
                let found = self.exported(module, name, at);
                found.unwrap_or_else(|| self.make(Node::Member(base, Rc::clone(name)), at))
            }
            Node::Class(class) => {
                let found = self.of_class(class, name, at);
                found.unwrap_or_else(|| self.make(Node::Member(base, Rc::clone(name)), at))
            }
            Node::Instance(class) => {
                let found = self.of_class(class, name, at);
                let hidden = || Node::Global(Rc::from(format!("?self.{name}")));
                found.unwrap_or_else(|| self.make(hidden(), at))
            }
            Node::Caught(_) if matches!(name.as_ref(), "code" | "status" | "name" | "errno") => {
                self.unknown(at)
            }
            // `.value` of an enumeration's member is the text itself.
            Node::Text(_) if name.as_ref() == "value" => base,
            _ => self.other_member(base, name, at),
        }
    }

    /// Something in brackets, or an empty one that was made by its name.
    fn is_collection(&self, id: Id) -> bool {
        match self.values.get(id) {
            Node::List(_) | Node::Each(_) | Node::Unknown(_) => true,
            Node::Call(path, _, _) => {
                matches!(path.as_ref(), "set" | "frozenset" | "list" | "tuple")
            }
            _ => false,
        }
    }

    fn other_member(&mut self, base: Id, name: &Word, at: At) -> Id {
        if !self.values.tainted(base) && !self.values.caught(base) {
            return self.make(Node::Member(base, Rc::clone(name)), at);
        }
        let op = match name.as_ref() {
            "length" => Op::Number,
            // A field that a client fills is of its own making, whatever it is called.
            "size" | "port" | "lineno" if !self.is_sent(base, 8) => Op::Number,
            "hostname" | "host" | "netloc" | "Host" => Op::Host,
            "scheme" | "Scheme" | "protocol" | "suffix" | "suffixes" | "ext" => Op::Sign,
            "name" | "stem" if self.is_path(base) => Op::Name,
            "parents" => Op::Parents,
            "data" | "value" | "href" | "parent" => Op::Same,
            _ => return self.make(Node::Member(base, Rc::clone(name)), at),
        };
        self.through(op, base, at)
    }

    /// Whether a value is an object as a client sent it, or a part of one.
    fn is_sent(&self, id: Id, left: u32) -> bool {
        let Some(left) = left.checked_sub(1) else { return false };
        match self.values.get(id) {
            Node::Sent(_) | Node::Param(..) => true,
            Node::Member(base, _) | Node::Elem(base) | Node::Through(Op::Same, base) => {
                self.is_sent(*base, left)
            }
            _ => false,
        }
    }

    /// Whether a value was made as a path.
    pub(in super::super) fn is_path(&self, id: Id) -> bool {
        match self.values.get(id) {
            Node::Path(..) | Node::Through(Op::Resolved | Op::Absolute, _) => true,
            Node::Through(Op::Same, inner) => self.is_path(*inner),
            // Go and scripts have no type for it; in Rust one of several has the type of all.
            Node::Phi(alts) if self.is_rust(self.values.place(id)) => {
                alts.iter().any(|it| self.is_path(it.value))
            }
            _ if self.is_rust(self.values.place(id)) => self.is_declared_path(id),
            _ => false,
        }
    }

    fn entry(&mut self, base: Id, entries: &[(Option<Id>, Id)], name: &Word, at: At) -> Id {
        let named =
            |it: &&(Option<Id>, Id)| it.0.is_some_and(|key| self.values.text(key) == Some(name));
        if let Some((_, value)) = entries.iter().rev().find(named) {
            return *value;
        }
        if is_method(name) {
            return self.make(Node::Member(base, Rc::clone(name)), at);
        }
        let mut found = Vec::new();
        for (key, value) in entries {
            match key {
                None => found.push(self.deep(|it| it.member(*value, name, at), at)),
                Some(key) if self.values.text(*key).is_none() => found.push(*value),
                Some(_) => {}
            }
        }
        match found.is_empty() {
            // What stands in for a whole module is its own `default`.
            true if name.as_ref() == "default" && self.is_script(at) => base,
            true => self.make(Node::Member(base, Rc::clone(name)), at),
            false => self.values.any(found, at),
        }
    }

    pub(super) fn of_class(&mut self, class: u32, name: &Word, at: At) -> Option<Id> {
        let mut waiting = vec![class];
        let mut seen = 0;
        while let Some(number) = waiting.pop() {
            seen += 1;
            let kept = self.classes.get(number as usize).filter(|_| seen < 16)?;
            let this = Node::Instance(class);
            if let Some(method) = kept.methods.get(name).copied() {
                let computed = kept.computed.contains(name);
                let this = self.make(this, at);
                let bound = self.make(Node::Bound(this, method), at);
                return match computed {
                    true => self.deeper(|it| it.call(bound, Vec::new(), at)),
                    false => Some(bound),
                };
            }
            if let Some(value) = kept.values.get(name).copied() {
                return Some(value);
            }
            let bases = kept.bases.clone();
            for base in bases {
                if let Node::Class(base) = self.values.get(base) {
                    waiting.push(*base);
                }
            }
            let this = self.make(Node::Instance(number), at);
            if let Some(value) = self.field(this, name) {
                return Some(value);
            }
        }
        None
    }

    /// `base[index]`: which element is chosen by a value says nothing of that value.
    pub(in super::super) fn index(&mut self, base: Id, index: Id, at: At) -> Id {
        if self.is_go(at) && self.is_set(base) {
            return self.make(Node::Compare(Cmp::In, index, base), at);
        }
        // One variable is not the environment, whatever its name is.
        if self.is_environment(base) {
            let name = self.values.text(index).cloned().unwrap_or_else(|| "[]".into());
            return self.make(Node::Member(base, name), at);
        }
        let word = self.values.text(index).cloned().filter(|_| self.type_of(base).is_none());
        if let Some(word) = word {
            return match self.values.get(base) {
                Node::Map(_) | Node::Sent(_) | Node::Phi(_) => self.member(base, &word, at),
                _ if self.field(base, &word).is_some() => self.member(base, &word, at),
                _ if self.values.tainted(base) => self.make(Node::Member(base, word), at),
                _ => self.element(base, at),
            };
        }
        if let Some(of) = self.type_of(base) {
            let args = match self.values.get(index).clone() {
                Node::List(items) => items.into_iter().map(|(_, it)| (None, it)).collect(),
                _ => vec![(None, index)],
            };
            return self.make(Node::Call(Rc::from(format!("[].{of}")), None, args), at);
        }
        match (self.values.get(index), self.values.get(base)) {
            (Node::Number(number), _) if number.as_ref() == "0" => self.first(base, at),
            (_, Node::Map(entries)) => {
                let values: Vec<Id> = entries.iter().map(|(_, value)| *value).collect();
                self.values.any(values, at)
            }
            (_, Node::Sent(handler)) => self.make(Node::Param(*handler, Rc::from("*")), at),
            _ => self.element(base, at),
        }
    }

    /// The name of a type that takes others in brackets.
    fn type_of(&self, id: Id) -> Option<&'static str> {
        const TYPES: &[&str] = &[
            "Annotated",
            "Literal",
            "Optional",
            "Union",
            "list",
            "List",
            "set",
            "Sequence",
            "tuple",
            "dict",
            "Dict",
            "Required",
            "NotRequired",
            "Final",
            "Callable",
        ];
        let Node::Global(path) = self.values.get(id) else { return None };
        let last = path.rsplit('.').next().unwrap_or_default();
        TYPES.iter().find(|it| **it == last).copied()
    }

    /// Any element of a collection: of a map, a key.
    pub(in super::super) fn element(&mut self, over: Id, at: At) -> Id {
        if let Some(known) = self.elements.get(&over) {
            return *known;
        }
        let element = match self.inside(over) {
            Some(inside) => {
                let other = self.make(Node::Elem(over), at);
                self.values.any([inside, other], at)
            }
            None => self.element_of(over, at),
        };
        let _new = self.elements.insert(over, element);
        element
    }

    fn element_of(&mut self, over: Id, at: At) -> Id {
        match self.values.get(over).clone() {
            Node::List(mut items) => {
                items.retain(|(spread, id)| !spread || !self.is_empty(*id));
                let of = |(spread, id): (bool, Id)| match spread {
                    true => self.deep(|it| it.element(id, at), at),
                    false => id,
                };
                let items: Vec<Id> = items.into_iter().map(of).collect();
                if items.is_empty() { self.unknown(at) } else { self.values.any(items, at) }
            }
            Node::Map(entries) => {
                let keys = entries.into_iter().map(|(key, value)| match key {
                    Some(key) => key,
                    None => self.deep(|it| it.element(value, at), at),
                });
                let keys: Vec<Id> = keys.collect();
                if keys.is_empty() { self.unknown(at) } else { self.values.any(keys, at) }
            }
            Node::Each(alt) => self.values.phi(vec![alt], at),
            Node::Module(module) => {
                let map = self.module_map(module, at);
                self.deep(|it| it.element(map, at), at)
            }
            Node::Phi(mut alts) => {
                // What is empty has no element.
                if alts.iter().any(|it| !self.is_empty(it.value)) {
                    alts.retain(|it| !self.is_empty(it.value));
                }
                let alts = alts.into_iter().map(|alt| {
                    let value = self.deep(|it| it.element(alt.value, at), at);
                    Alt { value, known: alt.known }
                });
                let alts = alts.collect();
                self.values.phi(alts, at)
            }
            Node::Through(op @ (Op::Same | Op::Part), inner) => {
                let over = self.deep(|it| it.element(inner, at), at);
                self.through(op, over, at)
            }
            Node::Tail(inner) => self.make(Node::Elem(inner), at),
            _ => self.make(Node::Elem(over), at),
        }
    }

    fn is_empty(&self, id: Id) -> bool {
        match self.values.get(id) {
            Node::Nothing => true,
            Node::List(items) => items.iter().all(|(spread, it)| *spread && self.is_empty(*it)),
            _ => false,
        }
    }

    pub(in super::super) fn first(&mut self, over: Id, at: At) -> Id {
        match self.values.get(over).clone() {
            Node::List(items) => match items.first() {
                Some((false, id)) => *id,
                Some((true, id)) => {
                    let id = *id;
                    self.deep(|it| it.first(id, at), at)
                }
                None => self.unknown(at),
            },
            Node::Each(alt) => self.values.phi(vec![alt], at),
            _ => self.make(Node::First(over), at),
        }
    }

    pub(in super::super) fn tail(&mut self, over: Id, at: At) -> Id {
        match self.values.get(over).clone() {
            Node::List(items) => match items.first() {
                Some((false, _)) => {
                    let rest = items.iter().skip(1).copied().collect();
                    self.make(Node::List(rest), at)
                }
                _ => over,
            },
            _ if !self.values.tainted(over) => over,
            _ => self.make(Node::Tail(over), at),
        }
    }

    fn deep(&mut self, go: impl FnOnce(&mut Self) -> Id, at: At) -> Id {
        if self.depth >= super::NESTED || self.tired() {
            return self.unknown(at);
        }
        self.depth = self.depth.saturating_add(1);
        let id = go(self);
        self.depth = self.depth.saturating_sub(1);
        id
    }

    /// Whether a fact about `on` is one about an element of a collection.
    pub(in super::super) fn is_of(&self, on: Id, over: Id, element: Id) -> bool {
        on == element || on == over || self.reaches(on, element)
    }

    /// Whether one value is in the other, as far as is looked.
    fn reaches(&self, from: Id, to: Id) -> bool {
        let mut seen = BTreeSet::from([from]);
        let mut layer = vec![from];
        for _ in 0..12 {
            let tainted = layer.iter().filter(|it| self.values.tainted(**it));
            let below = tainted.flat_map(|it| super::value::parts(self.values.get(*it)));
            let new: Vec<Id> = below.filter(|it| seen.insert(*it)).take(LOOKED_AT).collect();
            if new.contains(&to) {
                return true;
            }
            layer = new;
        }
        false
    }

    pub(in super::super) fn knows(&mut self, known: &[Known]) {
        self.facts.add(known);
    }
}

/// Names that a collection answers itself.
fn is_method(name: &str) -> bool {
    matches!(
        name,
        "get"
            | "items"
            | "keys"
            | "values"
            | "pop"
            | "copy"
            | "update"
            | "setdefault"
            | "has"
            | "entries"
            | "forEach"
            | "includes"
            | "issuperset"
            | "model_dump"
            | "hasOwnProperty"
    )
}
