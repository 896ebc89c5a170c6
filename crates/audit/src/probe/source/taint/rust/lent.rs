//! What calls change: what a method is called on, and what a function is lent with `&mut`.
//!
//! What a function of somebody else's makes of what it is lent is not known; it may be all that it was given beside it.

use std::rc::Rc;

use super::super::super::ir::{At, Call, Expr, Kind, Pattern};
use super::super::World;
use super::super::kept::{ENTRIES, ITEMS};
use super::super::value::{Args, Id, Node};

/// Methods that reach through to what they are called on.
const THROUGH: &[&str] = &[
    ".lock",
    ".unwrap",
    ".expect",
    ".write",
    ".borrow_mut",
    ".get_mut",
    ".as_mut",
    ".deref_mut",
    ".by_ref",
    ".as_deref_mut",
    ".make_mut",
    ".blocking_lock",
    ".blocking_write",
    ".unwrap_or_else",
    ".or_default",
    ".or_insert_with",
    ".last_mut",
    ".first_mut",
];
/// Methods that put what they are given into what they are called on, wherever.
const PUTS: &[&str] = &[
    "insert_str",
    "replace_range",
    "write_str",
    "write_all",
    "write_char",
    "write",
    "splice",
    "resize",
    "fill",
    "set",
    "get_or_insert",
    "or_insert",
    "replace",
    "swap",
    "store",
    "send",
    "try_send",
    "blocking_send",
    "push_within_capacity",
];

impl World<'_> {
    /// What a method makes of the place that it is called on.
    pub(super) fn change(&mut self, base: &Expr, name: &str, args: &Args, at: At) {
        let (place, entry) = root(base);
        match &place.kind {
            Kind::Name(variable) if self.find(variable).is_some() => {}
            Kind::Member(..) | Kind::Index(..) => {}
            _ => return,
        }
        let recv = self.expr(place);
        let ids: Vec<Id> = args.iter().map(|(_, it)| *it).collect();
        let grown = match (entry, ids.last()) {
            (true, Some(more)) => self.with_entry(recv, *more, at),
            _ => self.grown(recv, name, &ids, args, at),
        };
        if let Some(grown) = grown {
            self.set_place(place, grown, at);
        }
    }

    fn grown(&mut self, recv: Id, name: &str, ids: &[Id], args: &Args, at: At) -> Option<Id> {
        Some(match (name, ids) {
            ("push_str", [more]) => self.concat(&[recv, *more], at),
            ("push", [more]) => self.pushed(recv, *more, at),
            ("push_back" | "push_front", [more]) | ("insert", [more]) => {
                self.longer(recv, *more, false, at)
            }
            ("insert", [_, more]) if matches!(self.values.get(recv), Node::List(_)) => {
                self.longer(recv, *more, false, at)
            }
            ("insert", [key, value]) => {
                let Node::Map(mut entries) = self.values.get(recv).clone() else { return None };
                self.note_full(entries.len() >= ENTRIES, args, at);
                if entries.len() >= ENTRIES {
                    return None;
                }
                entries.push((Some(*key), *value));
                self.make(Node::Map(entries), at)
            }
            ("extend" | "append" | "extend_from_slice", [more]) => {
                self.longer(recv, *more, true, at)
            }
            ("pop", []) if self.is_path(recv) => return None,
            ("clear", []) if matches!(self.values.get(recv), Node::List(_)) => {
                self.make(Node::List(Vec::new()), at)
            }
            ("set_file_name" | "set_extension", [more]) => {
                self.make(Node::Path(vec![recv, *more], false), at)
            }
            (_, all) => match self.grown_command(recv, name, args, at) {
                Some(grown) => grown,
                None if PUTS.contains(&name) => self.filled(recv, all, at)?,
                None => return None,
            },
        })
    }

    /// `map.entry(key).or_insert(value)`
    fn with_entry(&mut self, recv: Id, more: Id, at: At) -> Option<Id> {
        self.values.tainted(more).then(|| match self.values.get(recv).clone() {
            Node::Map(mut entries) if entries.len() < ENTRIES => {
                entries.push((None, more));
                self.make(Node::Map(entries), at)
            }
            _ => self.longer(recv, more, false, at),
        })
    }

    /// What a value is once something of a client's may stand in it. What is no text, no list and no command stays what it is.
    fn filled(&mut self, old: Id, given: &[Id], at: At) -> Option<Id> {
        let given: Vec<Id> = given.iter().copied().filter(|it| self.values.tainted(*it)).collect();
        let first = *given.first()?;
        let one = match self.values.get(old) {
            Node::Phi(alts) => alts.first().map_or(old, |it| it.value),
            _ => old,
        };
        match self.values.get(one) {
            Node::Text(_) | Node::Parts(_) | Node::Nothing => {
                let parts: Vec<Id> = [old].into_iter().chain(given).collect();
                Some(self.concat(&parts, at))
            }
            Node::List(_) | Node::Each(_) => Some(self.longer(old, first, false, at)),
            Node::Map(_) => self.with_entry(old, first, at),
            Node::Call(..) => self.grown_command(old, "arg", &vec![(None, first)], at),
            _ => None,
        }
    }

    /// After a call: what it was lent with `&mut` may hold what else it was given.
    pub(super) fn give_back(&mut self, call: &Call, recv: Option<Id>, args: &Args, at: At) {
        for (index, arg) in call.args.iter().enumerate() {
            let Some(place) = lent(&arg.value) else { continue };
            let others = args.iter().enumerate().filter(|(at, _)| *at != index);
            let others: Vec<Id> = others.map(|(_, it)| it.1).chain(recv).collect();
            // By now it may be another one: both may have been lent.
            let Some((_, old)) = args.get(index) else { continue };
            if let Some(filled) = self.filled(*old, &others, at) {
                self.set_place(place, filled, at);
            }
        }
    }

    fn set_place(&mut self, place: &Expr, value: Id, at: At) {
        match &place.kind {
            Kind::Name(name) => {
                let pattern = Pattern::Name(Rc::clone(name));
                self.assign(&pattern, value, at);
            }
            _ => self.store(place, value, at),
        }
    }

    fn pushed(&mut self, recv: Id, more: Id, at: At) -> Id {
        match self.values.get(recv) {
            Node::List(_) | Node::Each(_) => self.longer(recv, more, false, at),
            Node::Text(_) | Node::Parts(_) if !self.is_path(recv) => self.concat(&[recv, more], at),
            Node::Phi(alts) => match self.values.get(alts.first().map_or(recv, |it| it.value)) {
                Node::List(_) => self.longer(recv, more, false, at),
                Node::Text(_) | Node::Parts(_) => self.concat(&[recv, more], at),
                _ => self.make(Node::Path(vec![recv, more], true), at),
            },
            _ => self.make(Node::Path(vec![recv, more], true), at),
        }
    }

    fn longer(&mut self, recv: Id, more: Id, spread: bool, at: At) -> Id {
        let mut items = match self.values.get(recv).clone() {
            Node::List(items) => items,
            _ => vec![(true, recv)],
        };
        self.note_full(items.len() >= ITEMS, &vec![(None, more)], at);
        if items.len() < ITEMS {
            match (spread, self.values.get(more)) {
                (true, Node::List(all)) => items.extend(all.iter().copied()),
                _ => items.push((spread, more)),
            }
        }
        self.make(Node::List(items), at)
    }
}

/// What is lent: `&mut place`.
fn lent(arg: &Expr) -> Option<&Expr> {
    let Kind::Call(call) = &arg.kind else { return None };
    let (Kind::Name(name), [only]) = (&call.callee.kind, call.args.as_slice()) else { return None };
    let place = root(&only.value).0;
    let fits = matches!(place.kind, Kind::Name(_) | Kind::Member(..) | Kind::Index(..));
    (name.as_ref() == "lent!" && fits).then_some(place)
}

/// The place that a chain of calls reaches through to, and whether an entry of it is meant.
fn root(mut base: &Expr) -> (&Expr, bool) {
    let mut entry = false;
    loop {
        let Kind::Call(call) = &base.kind else { return (base, entry) };
        base = match (&call.callee.kind, call.args.as_slice()) {
            (Kind::Member(of, name), _) if THROUGH.contains(&name.as_ref()) => of,
            (Kind::Member(of, name), _) if name.as_ref() == ".entry" => {
                entry = true;
                of
            }
            (Kind::Name(name), [only])
                if matches!(name.as_ref(), "try!" | "try_any!" | "lent!") =>
            {
                &only.value
            }
            _ => return (base, entry),
        };
    }
}
