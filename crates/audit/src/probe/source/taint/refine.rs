//! What a condition says of the values in it, when it holds and when it does not.

mod paths;
mod shape;
mod unclear;

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::evidence::source::GuardKind;

use super::super::ir::{At, Cmp};
use super::value::{self, Alt, Id, Known, Node, Op};
use super::{LOOKED_AT, World};
use shape::{Shape, is_sql_word};
pub(in super::super) use shape::{cleans, is_narrow};

/// What holds; None when the condition cannot be so.
pub(in super::super) type Learned = Option<BTreeSet<Known>>;

/// How deep a condition is looked into, and at how many parts of it.
const DEEP: u32 = 40;
const LOOKS: u32 = 2000;

impl World<'_> {
    /// From here on a condition is so; false when it cannot be.
    pub(in super::super) fn assume(&mut self, condition: Id, so: bool) -> bool {
        self.told.clear();
        self.looks = 0;
        match self.learn(condition, so, DEEP) {
            Some(learned) => {
                let mut learned: Vec<Known> = learned.into_iter().collect();
                learned.extend(self.unclear(condition));
                self.knows(&learned);
                self.ask(condition, so);
                true
            }
            None => false,
        }
    }

    /// The tool that is asked for, when a condition says so.
    fn ask(&mut self, condition: Id, so: bool) {
        let Node::Compare(Cmp::Equal, left, right) = *self.values.get(condition) else { return };
        let handler = |it: Id| match self.values.get(it) {
            Node::Asked(handler) => Some(*handler),
            Node::Through(Op::Same, inner) => match self.values.get(*inner) {
                Node::Asked(handler) => Some(*handler),
                _ => None,
            },
            _ => None,
        };
        let (handler, name) = match (handler(left), handler(right)) {
            (Some(handler), _) => (handler, self.values.text(right).cloned()),
            (_, Some(handler)) => (handler, self.values.text(left).cloned()),
            _ => return,
        };
        if so && let Some(name) = name {
            self.note_tool(handler, &name);
            self.facts.tool = Some(name);
        }
    }

    /// What a condition says, looked at once for each thing that is known meanwhile: the same part
    /// stands in many places of one, and each would be looked at as often as there are ways to it.
    fn learn(&mut self, condition: Id, so: bool, left: u32) -> Learned {
        let none = || Some(BTreeSet::new());
        let Some(left) = left.checked_sub(1) else { return none() };
        if let Some((deep, told)) = self.told.get(&(condition, so))
            && *deep >= left
        {
            return told.clone();
        }
        self.looks = self.looks.saturating_add(1);
        // What is not looked at vouches for nothing.
        if self.looks > LOOKS {
            return none();
        }
        let learned = self.learn_anew(condition, so, left);
        let _less = self.told.insert((condition, so), (left, learned.clone()));
        learned
    }

    fn learn_anew(&mut self, condition: Id, so: bool, left: u32) -> Learned {
        match self.values.get(condition).clone() {
            Node::Bool(is) => (is == so).then(BTreeSet::new),
            Node::Nothing => (!so).then(BTreeSet::new),
            Node::Text(text) => (text.is_empty() != so).then(BTreeSet::new),
            Node::Not(inner) => self.learn(inner, !so, left),
            Node::And(all) if so => self.learn_all(&all, true, left),
            Node::Or(all) if !so => self.learn_all(&all, false, left),
            Node::And(all) => self.learn_one(&all, false, left),
            Node::Or(all) => self.learn_one(&all, true, left),
            Node::Phi(alts) => self.learn_phi(&alts, so, self.place_is_go(condition), left),
            Node::Compare(cmp, one, other) => {
                Some(self.compared(condition, cmp, one, other, so, left))
            }
            Node::Test(name, value, with) => self.test(condition, &name, value, &with, so, left),
            Node::Through(Op::Same, inner) => {
                let mut known = self.learn(inner, so, left)?;
                known.extend(self.empty(condition, so));
                Some(known)
            }
            _ => Some(self.empty(condition, so)),
        }
    }

    /// Something that is nothing: a client that sends it chooses nothing. Of what it was made of,
    /// this says nothing.
    fn empty(&self, value: Id, so: bool) -> BTreeSet<Known> {
        let kind = GuardKind::AllowList;
        let known = Known { on: value, kind, at: self.values.place(value) };
        (!so && self.values.tainted(value)).then_some(known).into_iter().collect()
    }

    fn learn_all(&mut self, all: &[Id], so: bool, left: u32) -> Learned {
        let mut known = BTreeSet::new();
        for one in all {
            known.extend(self.learn(*one, so, left)?);
        }
        Some(known)
    }

    /// At least one is so: what all of them say. Each is looked at under what the ones before
    /// it were not.
    fn learn_one(&mut self, all: &[Id], so: bool, left: u32) -> Learned {
        let mut met: Learned = None;
        let mut before = BTreeSet::new();
        for one in all {
            if let Some(mut known) = self.learn(*one, so, left) {
                known.extend(before.iter().copied());
                met = Some(match met {
                    Some(met) => value::meet(&met, &known),
                    None => known,
                });
            }
            match self.learn(*one, !so, left) {
                Some(more) => before.extend(more),
                None => break,
            }
        }
        met
    }

    /// In Go, what may be an error is one or none, and which of them tells of the value beside it.
    fn learn_phi(&mut self, alts: &[Alt], so: bool, go: bool, left: u32) -> Learned {
        let mut met: Learned = None;
        for alt in alts {
            if go && !so && self.is_error(alt.value) {
                continue;
            }
            // What was known when it became this one is known while it is looked at.
            let outer = self.facts.clone();
            self.facts.add(&alt.known);
            let learned = if Rc::ptr_eq(&outer.set, &self.facts.set) {
                self.learn(alt.value, so, left)
            } else {
                let told = std::mem::take(&mut self.told);
                let learned = self.learn(alt.value, so, left);
                self.told = told;
                learned
            };
            self.facts = outer;
            let Some(mut known) = learned else { continue };
            known.extend(alt.known.iter().copied());
            met = Some(match met {
                Some(met) => value::meet(&met, &known),
                None => known,
            });
        }
        met
    }

    /// A guard on a value is one on what it was made of, as long as it is still the same thing.
    fn vouch(&self, on: Id, kind: GuardKind, at: At, known: &mut BTreeSet<Known>) {
        let mut at_id = on;
        for _ in 0..40 {
            // What was vouched for by another way has vouched for what it is made of.
            if self.values.tainted(at_id) && !known.insert(Known { on: at_id, kind, at }) {
                return;
            }
            match self.values.get(at_id) {
                // What holds for a part of a text need not hold for the rest.
                Node::Through(Op::Part, _) => return,
                Node::Through(
                    Op::Same | Op::Resolved | Op::Absolute | Op::Quoted | Op::Number,
                    inner,
                )
                | Node::Elem(inner)
                | Node::Tail(inner) => at_id = *inner,
                Node::Path(parts, _) | Node::Parts(parts)
                    if kind_of_path(kind) || kind == GuardKind::FirstWord =>
                {
                    let tainted: Vec<Id> =
                        parts.iter().copied().filter(|it| self.values.tainted(*it)).collect();
                    let [one] = tainted.as_slice() else { return };
                    at_id = *one;
                }
                Node::Phi(alts) => {
                    for alt in alts.iter().take(8) {
                        if self.values.tainted(alt.value) && alt.value < at_id {
                            self.vouch(alt.value, kind, at, known);
                        }
                    }
                    return;
                }
                Node::Or(values) => {
                    for value in values.iter().take(8) {
                        if self.values.tainted(*value) {
                            self.vouch(*value, kind, at, known);
                        }
                    }
                    return;
                }
                _ => return,
            }
        }
    }

    fn one(&self, on: Id, kind: GuardKind, at: At) -> BTreeSet<Known> {
        let mut known = BTreeSet::new();
        self.vouch(on, kind, at, &mut known);
        known
    }

    fn compared(
        &mut self,
        whole: Id,
        cmp: Cmp,
        one: Id,
        other: Id,
        so: bool,
        left: u32,
    ) -> BTreeSet<Known> {
        let at = self.values.place(whole);
        match cmp {
            Cmp::In => self.held_in(one, other, so, at),
            Cmp::Equal => self.equal(one, other, so, at, left),
            Cmp::Instance if so => {
                let kind = self.values.path(other).unwrap_or_default();
                match matches!(kind.as_str(), "int" | "float" | "bool") {
                    true => self.one(one, GuardKind::Number, at),
                    false => BTreeSet::new(),
                }
            }
            // `x.indexOf(y) >= 0` and the like are too rare to be told apart.
            _ => BTreeSet::new(),
        }
    }

    fn held_in(&mut self, item: Id, container: Id, so: bool, at: At) -> BTreeSet<Known> {
        let container = self.with_inside(container, at);
        let (item_tainted, container_tainted) =
            (self.values.tainted(item), self.values.tainted(container));
        if container_tainted && let Node::Through(Op::Parents, inner) = *self.values.get(container)
        {
            return if so { self.component(inner, true, at) } else { BTreeSet::new() };
        }
        match (item_tainted, container_tainted) {
            (true, false) if so => self.one_of(item, container, at),
            (true, true) if so && self.is_filled_with_chosen(container) => {
                self.one_of(item, container, at)
            }
            (true, false) => {
                let texts = self.texts(container);
                // A few places, each as a whole: the same one is written in endless ways.
                let places = !texts.is_empty() && texts.iter().all(|it| it.contains('/'));
                if places && matches!(self.values.get(item), Node::Param(..)) {
                    return BTreeSet::new();
                }
                let dots = texts.iter().any(|it| it.contains(".."));
                self.one(item, if dots { GuardKind::Dots } else { GuardKind::DenyList }, at)
            }
            (false, true) if !so => match self.values.text(item).map(|it| it.to_string()) {
                Some(text) if text.contains("..") => self.one(container, GuardKind::Dots, at),
                Some(text) if text == "/" || text == "\\" => {
                    self.one(container, GuardKind::Name, at)
                }
                Some(text) if text == "\0" => BTreeSet::new(),
                None if self.is_separator(item) => self.one(container, GuardKind::Name, at),
                None if matches!(self.values.get(item), Node::Elem(_) | Node::Phi(_)) => {
                    let words = match self.values.get(item) {
                        Node::Elem(list) => self.texts(*list),
                        _ => self.texts(item),
                    };
                    let slash = words.iter().any(|it| it == "/");
                    let dots = words.iter().any(|it| it.contains(".."));
                    let kind = match (slash, dots) {
                        (true, true) => GuardKind::Name,
                        (_, true) => GuardKind::Dots,
                        _ => GuardKind::DenyList,
                    };
                    self.one(container, kind, at)
                }
                _ => self.one(container, GuardKind::DenyList, at),
            },
            _ => BTreeSet::new(),
        }
    }

    /// One of a list that a client has no hand in.
    fn one_of(&mut self, item: Id, container: Id, at: At) -> BTreeSet<Known> {
        // Held against something that was made of a client's: whoever chooses both chooses that they agree.
        if self.is_made_of_clients(container, true) {
            return self.one(item, GuardKind::Unclear, at);
        }
        match self.values.get(item).clone() {
            Node::Through(Op::Host, inner) => self.one(inner, GuardKind::HostList, at),
            Node::First(list) => {
                let sql = self.texts(container).iter().any(|it| is_sql_word(it));
                let kind = if sql { GuardKind::FirstWord } else { GuardKind::ProgramList };
                let mut known = self.one(list, kind, at);
                known.extend(self.one(item, GuardKind::AllowList, at));
                known
            }
            Node::Through(Op::Same, inner) if matches!(self.values.get(inner), Node::First(_)) => {
                let mut known = self.one_of(inner, container, at);
                known.extend(self.one(item, GuardKind::AllowList, at));
                known
            }
            _ => {
                let mut known = self.one(item, GuardKind::AllowList, at);
                if self.is_path(item) {
                    // Whatever leads to one of these directories lies in it.
                    known.extend(self.one(item, GuardKind::Component, at));
                }
                known
            }
        }
    }

    /// Whether somebody else's function made a value of what a client sent. What is read from a file, a database or an
    /// address was not sent: it counts only where the client must have had no hand in it at all (`any_hand`).
    pub(in super::super) fn is_made_of_clients(&self, id: Id, any_hand: bool) -> bool {
        let (mut open, mut seen) = (vec![id], BTreeSet::new());
        while let Some(id) = open.pop() {
            // More than is looked at: nobody can say that nothing of a client's is in it.
            if seen.len() >= LOOKED_AT {
                return true;
            }
            if !seen.insert(id) {
                continue;
            }
            if let Some(asked) = self.call_of(id) {
                if !any_hand && self.comes_from_elsewhere(&asked) {
                    continue;
                }
                let given = asked.recv.into_iter().chain(asked.args.iter().map(|(_, it)| *it));
                let given: Vec<Id> = given.collect();
                if given.iter().any(|it| self.values.tainted(*it)) {
                    return true;
                }
                open.extend(given);
                continue;
            }
            match self.values.get(id) {
                // A number is one, whatever it was made of.
                Node::Through(Op::Number, _) | Node::Compare(..) | Node::Test(..) => {}
                node => open.extend(value::parts(node)),
            }
        }
        false
    }

    fn equal(&mut self, one: Id, other: Id, so: bool, at: At, left: u32) -> BTreeSet<Known> {
        let (value, held) = match (self.values.tainted(one), self.values.tainted(other)) {
            (true, false) => (one, other),
            (false, true) => (other, one),
            _ => return self.equal_to_bool(one, other, so, left),
        };
        if let Node::Through(Op::Find, test) = *self.values.get(value) {
            // `indexOf(x) === -1`
            return self.learn(test, !so, left).unwrap_or_default();
        }
        if matches!(self.values.get(held), Node::Nothing) {
            return self.learn(value, !so, left).unwrap_or_default();
        }
        if let Node::Bool(yes) = *self.values.get(held) {
            return self.learn(value, yes == so, left).unwrap_or_default();
        }
        let text = self.values.text(held).cloned();
        match self.values.get(value).clone() {
            Node::Through(Op::CommonPath, list) if so => {
                self.common(list, GuardKind::Component, at)
            }
            Node::Through(Op::CommonPrefix, list) if so => self.common(list, GuardKind::Prefix, at),
            Node::Through(Op::Host, inner) if so => self.one(inner, GuardKind::HostList, at),
            Node::Through(Op::Host, inner) => self.one(inner, GuardKind::DenyList, at),
            Node::Through(Op::Sign | Op::Find, _) => BTreeSet::new(),
            // `path.basename(x) === x`
            _ if so => self.one_of(value, held, at),
            _ => match text.as_deref() {
                Some("..") => self.one(value, GuardKind::Dots, at),
                Some("") | None => BTreeSet::new(),
                Some(_) => self.one(value, GuardKind::DenyList, at),
            },
        }
    }

    /// `flag == True`, and a value held against itself in another form.
    fn equal_to_bool(&mut self, one: Id, other: Id, so: bool, left: u32) -> BTreeSet<Known> {
        let at = self.values.place(one);
        if so && !self.values.tainted(one) && !self.values.tainted(other) {
            let mut known = self.learned_of_bool(one, other, so, left);
            for (value, held) in [(one, other), (other, one)] {
                if self.is_separator(held) {
                    let both = [value, held].map(|on| Known { on, kind: GuardKind::Component, at });
                    known.extend(both);
                }
            }
            return known;
        }
        if so && self.values.tainted(one) && self.values.tainted(other) {
            for (it, whole) in [(one, other), (other, one)] {
                if *self.values.get(it) == Node::Through(Op::Name, whole) {
                    return self.one(whole, GuardKind::Name, at);
                }
                if let Node::Through(Op::CommonPath, list) = *self.values.get(it) {
                    return self.common(list, GuardKind::Component, at);
                }
            }
        }
        self.learned_of_bool(one, other, so, left)
    }

    fn learned_of_bool(&mut self, one: Id, other: Id, so: bool, left: u32) -> BTreeSet<Known> {
        match (self.values.get(one), self.values.get(other)) {
            (_, Node::Bool(yes)) => self.learn(one, *yes == so, left).unwrap_or_default(),
            (_, Node::Nothing) => self.learn(one, !so, left).unwrap_or_default(),
            (Node::Through(Op::Find, test), _) => self.learn(*test, !so, left).unwrap_or_default(),
            _ => BTreeSet::new(),
        }
    }

    fn test(
        &mut self,
        whole: Id,
        name: &str,
        value: Id,
        with: &[Id],
        so: bool,
        left: u32,
    ) -> Learned {
        let at = self.values.place(whole);
        let first = with.first().copied();
        Some(match (name, so) {
            ("any", false) | ("all", true) => return self.learn(value, so, left),
            // Some element of what a client has no hand in is enough.
            ("any", true) => self.learn(value, true, left).unwrap_or_default(),
            ("all", false) => BTreeSet::new(),
            ("startswith", _) => self.begins(value, first?, so, at),
            ("endswith", true) if !self.values.tainted(value) => {
                let separated = with.iter().any(|it| self.is_separator(*it));
                let known = Known { on: value, kind: GuardKind::Component, at };
                separated.then_some(known).into_iter().collect()
            }
            ("endswith", true) => match self.values.get(value).clone() {
                Node::Through(Op::Host, inner) => self.one(inner, GuardKind::HostList, at),
                _ => BTreeSet::new(),
            },
            ("is_relative_to", true) => self.component(value, true, at),
            ("is_ok" | "is_some", _) => return self.learn_present(value, name == "is_some", so),
            ("is_absolute" | "has_root", false) | ("is_relative", true) => {
                self.one(value, GuardKind::Relative, at)
            }
            ("is_local", true) => self.one(value, GuardKind::Component, at),
            ("isdigit" | "isdecimal" | "isnumeric", true) => self.one(value, GuardKind::Number, at),
            ("isalnum" | "isalpha" | "isidentifier", true) => {
                let kinds = [GuardKind::Pattern, GuardKind::Word, GuardKind::NoOption];
                kinds.into_iter().flat_map(|kind| self.one(value, kind, at)).collect()
            }
            ("subset", true) => self.one(value, GuardKind::AllowList, at),
            ("match" | "fullmatch" | "search", _) => self.matched(name, value, first?, so, at),
            _ => BTreeSet::new(),
        })
    }

    /// The fixed texts that a value may be, or that are in it.
    fn texts(&self, id: Id) -> Vec<String> {
        let (mut open, mut seen, mut texts) = (vec![id], BTreeSet::new(), Vec::new());
        while let Some(id) = open.pop() {
            // What is in it twice says no more than once.
            if seen.len() >= LOOKED_AT || !seen.insert(id) {
                continue;
            }
            match self.values.get(id) {
                Node::Text(text) => texts.push(text.to_string()),
                Node::List(items) => open.extend(items.iter().take(200).map(|(_, it)| *it)),
                Node::Map(entries) => {
                    open.extend(entries.iter().take(200).filter_map(|(key, _)| *key));
                }
                Node::Phi(alts) => open.extend(alts.iter().map(|alt| alt.value)),
                Node::Through(Op::Same, inner) => open.push(*inner),
                Node::Elem(inner) if !self.values.tainted(*inner) => open.push(*inner),
                _ => {}
            }
        }
        texts
    }

    fn matched(&mut self, how: &str, value: Id, pattern: Id, so: bool, at: At) -> BTreeSet<Known> {
        let Some(pattern) = self.pattern(pattern) else { return BTreeSet::new() };
        let inner = pattern.trim_start_matches("(?i)");
        let shape = Shape::of(inner, how);
        if !so {
            let deny = if inner.contains("\\.\\.") { GuardKind::Dots } else { GuardKind::DenyList };
            return self.one(value, deny, at);
        }
        if shape.sql {
            return self.one(value, GuardKind::FirstWord, at);
        }
        let mut known = BTreeSet::new();
        if shape.narrow {
            known.extend(self.one(value, GuardKind::Pattern, at));
        }
        if shape.word {
            known.extend(self.one(value, GuardKind::Word, at));
        }
        if shape.no_dash {
            known.extend(self.one(value, GuardKind::NoOption, at));
        }
        known
    }

    fn pattern(&self, id: Id) -> Option<String> {
        match self.values.get(id) {
            Node::Text(text) | Node::Regex(text) => Some(text.to_string()),
            Node::Call(path, _, args)
                if matches!(
                    path.as_ref(),
                    "re.compile"
                        | "regex.compile"
                        | "RegExp"
                        | "regexp.MustCompile"
                        | "regexp.Compile"
                ) || path.ends_with("Regex.new") =>
            {
                args.first().and_then(|(_, it)| self.pattern(*it))
            }
            _ => None,
        }
    }

    /// Whether a condition only asks if something was configured at all.
    pub(in super::super) fn asks_for_configuration(&self, condition: Id) -> bool {
        let plain = |id: Id| {
            !self.values.tainted(id)
                && matches!(
                    self.values.get(id),
                    Node::Global(_)
                        | Node::Member(..)
                        | Node::Call(..)
                        | Node::Phi(_)
                        | Node::Nothing
                        | Node::Text(_)
                        | Node::Through(..)
                        | Node::List(_)
                        | Node::Each(_)
                )
        };
        match self.values.get(condition) {
            Node::Not(inner) => self.asks_for_configuration(*inner),
            Node::Compare(Cmp::Equal, one, other) => {
                let empty = |id: Id| match self.values.get(id) {
                    Node::Nothing => true,
                    Node::Number(text) => text.as_ref() == "0",
                    _ => false,
                };
                // The parameter of a program's entry: whoever starts it configures it.
                let given = matches!(self.values.get(*one), Node::Unknown(_));
                empty(*other) && (given || plain(*one))
            }
            Node::Bool(_) | Node::Nothing => false,
            _ => plain(condition),
        }
    }

    /// The alternatives that a known condition leaves.
    pub(in super::super) fn known_here(&self, on: Id) -> Vec<(GuardKind, At)> {
        value::about(&self.facts.set, on).map(|it| (it.kind, it.at)).collect()
    }
}

fn kind_of_path(kind: GuardKind) -> bool {
    matches!(
        kind,
        GuardKind::Component
            | GuardKind::Unclear
            | GuardKind::Prefix
            | GuardKind::Dots
            | GuardKind::Resolved
            | GuardKind::Absolute
            | GuardKind::Relative
            | GuardKind::Name
    )
}
