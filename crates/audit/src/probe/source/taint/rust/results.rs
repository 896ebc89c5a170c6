//! What may have failed, or may be missing: which of several values is the good one, and what is known when it is.
//!
//! An error is `Err!(what)`, which carries nothing of it until somebody takes it out; what is there is itself.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::super::super::ir::{At, Word};
use super::super::value::{self, Alt, Args, Id, Known, Node};
use super::super::{Return, World};

impl World<'_> {
    fn is_absent(&self, id: Id, nothing: bool) -> bool {
        match self.values.get(id) {
            Node::Call(path, ..) => path.as_ref() == "Err!",
            Node::Nothing => nothing,
            _ => false,
        }
    }

    fn ways(&self, id: Id) -> Vec<Alt> {
        match self.values.get(id) {
            Node::Phi(alts) => alts.clone(),
            _ => vec![Alt { value: id, known: Rc::from([]) }],
        }
    }

    /// What is there when it is there.
    pub(super) fn present(&mut self, whole: Id, nothing: bool, at: At) -> Id {
        if !matches!(self.values.get(whole), Node::Phi(_)) {
            return whole;
        }
        let mut ways = self.ways(whole);
        ways.retain(|it| !self.is_absent(it.value, nothing));
        match ways.is_empty() {
            true => self.unknown(at),
            false => self.values.phi(ways, at),
        }
    }

    /// What is in an error.
    pub(super) fn error_in(&mut self, whole: Id, at: At) -> Id {
        let mut found = Vec::new();
        for way in self.ways(whole) {
            if let Node::Call(path, _, args) = self.values.get(way.value)
                && path.as_ref() == "Err!"
                && let Some((_, inner)) = args.first()
            {
                found.push(Alt { value: *inner, known: way.known });
            }
        }
        match found.is_empty() {
            true => self.unknown(at),
            false => self.values.phi(found, at),
        }
    }

    pub(in super::super) fn error(&mut self, inner: Id, at: At) -> Id {
        self.make(Node::Call(Rc::from("Err!"), None, vec![(None, inner)]), at)
    }

    /// What somebody else's function gives, or an error in the system's words.
    pub(in super::super) fn or_system_error(&mut self, value: Id, at: At) -> Id {
        let caught = self.make(Node::Caught(at), at);
        let error = self.error(caught, at);
        self.values.any([value, error], at)
    }

    /// `value?`: the bad ways leave the function, the good ones go on.
    pub(super) fn tried(&mut self, whole: Id, nothing: bool, at: At) -> Id {
        let (bad, good): (Vec<Alt>, Vec<Alt>) =
            self.ways(whole).into_iter().partition(|it| self.is_absent(it.value, nothing));
        for way in bad {
            let mut facts = self.facts.clone();
            facts.add(&way.known);
            if let Some(frame) = self.frames.last_mut().filter(|it| it.returns.len() < 200) {
                frame.returns.push(Return { value: way.value, facts, unconfigured: false });
            }
        }
        let known = good.iter().map(|it| it.known.iter().copied().collect::<BTreeSet<Known>>());
        let Some(met) = known.reduce(|a, b| value::meet(&a, &b)) else {
            return self.make(Node::Call(Rc::from("!never"), None, Vec::new()), at);
        };
        let met: Vec<Known> = met.into_iter().collect();
        self.knows(&met);
        self.values.phi(good, at)
    }

    /// What is known when a value is there, or is not; none when that cannot be.
    pub(in super::super) fn learn_present(
        &self,
        whole: Id,
        nothing: bool,
        so: bool,
    ) -> Option<BTreeSet<Known>> {
        let ways = self.ways(whole);
        let sure = ways.iter().any(|it| self.is_absent(it.value, nothing));
        if !sure {
            return Some(BTreeSet::new());
        }
        let fits = ways.into_iter().filter(|it| self.is_absent(it.value, nothing) != so);
        fits.map(|it| it.known.iter().copied().collect())
            .reduce(|a: BTreeSet<Known>, b| value::meet(&a, &b))
    }

    /// Values without their errors around them, as a client is told of them.
    pub(in super::super::super) fn told_of(&mut self, whole: Id, at: At) -> Id {
        let ways = self.ways(whole).into_iter().map(|way| match self.values.get(way.value) {
            Node::Call(path, _, args) if path.as_ref() == "Err!" => {
                Alt { value: args.first().map_or(way.value, |it| it.1), known: way.known }
            }
            _ => way,
        });
        let ways = ways.collect();
        self.values.phi(ways, at)
    }

    fn called_with(&mut self, function: Id, args: Vec<Id>, at: At) -> Id {
        let args = args.into_iter().map(|it| (None, it)).collect();
        self.call(function, args, at).unwrap_or_else(|| self.unknown(at))
    }

    /// A function that is called in some cases only: what it learns on its way holds in those.
    fn called_perhaps(&mut self, function: Id, args: Vec<Id>, at: At) -> Id {
        let before = self.facts.clone();
        let given = self.called_with(function, args, at);
        self.facts = before;
        given
    }

    /// Methods of results and options.
    pub(super) fn of_result(&mut self, recv: Id, name: &Word, args: &Args, at: At) -> Option<Id> {
        let first = args.first().map(|(_, it)| *it);
        let function = first.filter(|it| self.is_function(*it) || self.is_named(*it));
        Some(match (name.as_ref(), args.len()) {
            ("unwrap" | "expect" | "unwrap_or_default" | "unwrap_unchecked" | "ok", 0 | 1) => {
                self.present(recv, name.as_ref() != "ok", at)
            }
            ("err" | "unwrap_err" | "expect_err", _) => self.error_in(recv, at),
            ("unwrap_or", 1) => {
                let good = self.present(recv, true, at);
                self.values.any([good, first?], at)
            }
            ("unwrap_or_else" | "or_else", 1) => {
                let error = self.error_in(recv, at);
                let other = self.called_perhaps(first?, vec![error], at);
                let good = self.present(recv, true, at);
                let other = if self.never_returns(other) { good } else { other };
                self.values.any([good, other], at)
            }
            ("map_or" | "map_or_else", 2) => {
                let good = self.present(recv, true, at);
                let mapped = self.called_perhaps(args.get(1)?.1, vec![good], at);
                let other = match function {
                    Some(function) => self.called_perhaps(function, Vec::new(), at),
                    None => first?,
                };
                self.values.any([mapped, other], at)
            }
            ("map_err", 1) => {
                let function = first?;
                self.each_error(recv, |it, inner| it.called_perhaps(function, vec![inner], at), at)
            }
            ("context" | "wrap_err", 1) => {
                self.each_error(recv, |_, _| first.unwrap_or_default(), at)
            }
            ("with_context" | "wrap_err_with", 1) => {
                let told = self.called_perhaps(first?, Vec::new(), at);
                self.each_error(recv, |_, _| told, at)
            }
            ("ok_or", 1) => self.instead_of_nothing(recv, first?, at),
            ("ok_or_else", 1) => {
                let error = self.called_perhaps(first?, Vec::new(), at);
                self.instead_of_nothing(recv, error, at)
            }
            ("and_then" | "map" | "inspect", 1) if !self.is_collection_here(recv) => {
                let good = self.present(recv, true, at);
                let given = self.called_perhaps(first?, vec![good], at);
                let good = if name.as_ref() == "inspect" { good } else { given };
                let bad = self.ways(recv).into_iter().filter(|it| self.is_absent(it.value, true));
                let bad = bad.collect::<Vec<_>>();
                let known = Rc::from([]);
                self.values.phi([Alt { value: good, known }].into_iter().chain(bad).collect(), at)
            }
            _ => return self.of_condition(recv, name, args, at),
        })
    }

    /// Those that ask something.
    fn of_condition(&mut self, recv: Id, name: &Word, args: &Args, at: At) -> Option<Id> {
        let first = args.first().map(|(_, it)| *it);
        let function = first.filter(|it| self.is_function(*it) || self.is_named(*it));
        Some(match (name.as_ref(), args.len()) {
            ("is_some_and" | "is_ok_and", 1) => {
                let good = self.present(recv, true, at);
                let is = self.make(Node::Test("is_some".into(), recv, Vec::new()), at);
                let so = self.called_with(first?, vec![good], at);
                self.make(Node::And(vec![is, so]), at)
            }
            ("is_ok" | "is_some", 0) => {
                self.make(Node::Test(Rc::clone(name), recv, Vec::new()), at)
            }
            ("is_err" | "is_none", 0) => {
                let word = if name.as_ref() == "is_err" { "is_ok" } else { "is_some" };
                let is = self.make(Node::Test(word.into(), recv, Vec::new()), at);
                self.make(Node::Not(is), at)
            }
            ("filter", 1) if !self.is_collection_here(recv) => {
                let before = self.facts.clone();
                let condition = self.called_with(first?, vec![recv], at);
                let possible = self.assume(condition, true);
                let known = self.facts.beyond(&before);
                self.facts = before;
                let none = Alt { value: self.make(Node::Nothing, at), known: Rc::from([]) };
                let good = possible.then_some(Alt { value: recv, known });
                self.values.phi(good.into_iter().chain([none]).collect(), at)
            }
            ("then" | "then_some", 1) if self.is_condition(recv) => {
                let before = self.facts.clone();
                let possible = self.assume(recv, true);
                let value = match function {
                    Some(function) if name.as_ref() == "then" => {
                        self.called_with(function, Vec::new(), at)
                    }
                    _ => first?,
                };
                let known = self.facts.beyond(&before);
                self.facts = before;
                let none = Alt { value: self.make(Node::Nothing, at), known: Rc::from([]) };
                let good = possible.then_some(Alt { value, known });
                self.values.phi(good.into_iter().chain([none]).collect(), at)
            }
            _ => return None,
        })
    }

    fn is_condition(&self, id: Id) -> bool {
        matches!(
            self.values.get(id),
            Node::Compare(..)
                | Node::Test(..)
                | Node::Not(_)
                | Node::And(_)
                | Node::Or(_)
                | Node::Phi(_)
                | Node::Bool(_)
        )
    }

    fn is_named(&self, id: Id) -> bool {
        matches!(self.values.get(id), Node::Global(_) | Node::Member(..) | Node::Class(_))
    }

    fn each_error(&mut self, recv: Id, make: impl Fn(&mut Self, Id) -> Id, at: At) -> Id {
        let mut ways = Vec::new();
        for way in self.ways(recv) {
            let inner = match self.values.get(way.value) {
                Node::Call(path, _, args) if path.as_ref() == "Err!" => args.first().map(|it| it.1),
                _ => None,
            };
            let value = match inner {
                Some(inner) => {
                    let made = make(self, inner);
                    self.error(made, at)
                }
                None => way.value,
            };
            ways.push(Alt { value, known: way.known });
        }
        self.values.phi(ways, at)
    }

    fn instead_of_nothing(&mut self, recv: Id, error: Id, at: At) -> Id {
        let error = self.error(error, at);
        let ways = self.ways(recv).into_iter();
        let ways = ways.map(|way| match self.values.get(way.value) {
            Node::Nothing => Alt { value: error, known: way.known },
            _ => way,
        });
        let ways = ways.collect();
        self.values.phi(ways, at)
    }
}
