//! What a check of a path says: that it lies below a directory, or only that its text begins alike.

use std::collections::BTreeSet;

use crate::evidence::source::GuardKind;

use super::super::super::ir::At;
use super::super::value::{self, Alt, Id, Known, Node, Op};
use super::super::{LOOKED_AT, World};
use super::is_sql_word;

impl World<'_> {
    pub(super) fn common(&self, list: Id, kind: GuardKind, at: At) -> BTreeSet<Known> {
        let mut known = BTreeSet::new();
        for item in value::parts(self.values.get(list)) {
            if self.values.tainted(item) {
                let firm = self.is_firm(item);
                self.vouch(item, if firm { kind } else { GuardKind::Prefix }, at, &mut known);
            }
        }
        known
    }

    /// Whether a path has no `..` left in it when it is looked at.
    fn is_firm(&self, id: Id) -> bool {
        self.is_firm_within(id, &mut { LOOKED_AT })
    }

    fn is_firm_within(&self, id: Id, left: &mut usize) -> bool {
        // Looked at for too long is not known to be so.
        let Some(less) = left.checked_sub(1) else { return false };
        *left = less;
        let known = |kind| value::says(&self.facts.set, id, kind);
        let mut firm = |it: Id| !self.values.tainted(it) || self.is_firm_within(it, left);
        match self.values.get(id) {
            Node::Through(Op::Resolved | Op::Absolute | Op::Relative, _) => true,
            // Rust has no such name of a path that ends in `..`.
            Node::Through(Op::Name, _) if self.is_rust(self.values.place(id)) => true,
            Node::Through(Op::Same | Op::Part, inner) => self.is_firm_within(*inner, left),
            Node::Phi(alts) => alts.iter().all(|it| firm(it.value)),
            Node::Path(parts, _) | Node::Parts(parts) => {
                known(GuardKind::Dots) || parts.iter().all(|it| firm(*it))
            }
            _ => known(GuardKind::Dots) || known(GuardKind::Resolved) || known(GuardKind::Absolute),
        }
    }

    pub(super) fn component(&self, value: Id, separated: bool, at: At) -> BTreeSet<Known> {
        let kind = match separated && self.is_firm(value) {
            true => GuardKind::Component,
            false => GuardKind::Prefix,
        };
        let mut known = self.one(value, kind, at);
        // What was resolved on the way to the check is checked as such.
        let mut inner = value;
        for _ in 0..12 {
            match self.values.get(inner) {
                Node::Through(Op::Resolved, below) => {
                    known.extend(self.one(*below, GuardKind::Resolved, at));
                    break;
                }
                Node::Through(Op::Absolute, below) => {
                    known.extend(self.one(*below, GuardKind::Absolute, at));
                    inner = *below;
                }
                Node::Through(_, below) => inner = *below,
                _ => break,
            }
        }
        known
    }

    pub(super) fn begins(&mut self, value: Id, with: Id, so: bool, at: At) -> BTreeSet<Known> {
        if let Node::Through(Op::Relative, inner) = *self.values.get(value) {
            let up = self.texts(with).iter().any(|it| it.starts_with(".."));
            return if up && !so { self.component_of_relative(inner, at) } else { BTreeSet::new() };
        }
        let texts = self.texts(with);
        let fixed = !texts.is_empty();
        if !so {
            return match texts.iter().any(|it| it == "-" || it == "--") {
                true => self.one(value, GuardKind::NoOption, at),
                false if texts.iter().any(|it| it.starts_with("..")) => {
                    self.one(value, GuardKind::Dots, at)
                }
                false if texts.iter().any(|it| it == "/") => {
                    self.one(value, GuardKind::Relative, at)
                }
                false => BTreeSet::new(),
            };
        }
        if self.values.tainted(with) {
            return BTreeSet::new();
        }
        if texts.iter().any(|it| is_sql_word(it)) {
            return self.one(value, GuardKind::FirstWord, at);
        }
        if fixed && texts.iter().all(|it| it.contains("://")) {
            let host = texts.iter().all(|it| {
                it.split_once("://").is_some_and(|(_, rest)| {
                    rest.trim_end_matches('/').len() > 1 && rest.contains('/')
                })
            });
            return if host { self.one(value, GuardKind::HostList, at) } else { BTreeSet::new() };
        }
        if fixed && !texts.iter().any(|it| it.starts_with('/') || it.contains(":\\")) {
            return BTreeSet::new();
        }
        // That a path is absolute holds it nowhere, unless the root is the directory.
        let root = value::says(&self.facts.set, with, GuardKind::Component);
        if self.is_bare_separator(with) && !root {
            return BTreeSet::new();
        }
        let separated = self.ends_separated(with);
        self.component(value, separated, at)
    }

    /// `path.relative` makes both of its paths absolute itself.
    fn component_of_relative(&self, inner: Id, at: At) -> BTreeSet<Known> {
        let mut known = self.one(inner, GuardKind::Component, at);
        known.extend(self.one(inner, GuardKind::Absolute, at));
        known
    }

    /// Whether a value is a separator and nothing else.
    fn is_bare_separator(&self, id: Id) -> bool {
        match self.values.text(id) {
            Some(text) => text.trim_matches(['/', '\\']).is_empty(),
            None => self.is_separator(id),
        }
    }

    /// Whether what a path has to begin with ends in a separator.
    fn ends_separated(&self, with: Id) -> bool {
        self.ends_separated_within(with, &mut { LOOKED_AT })
    }

    fn ends_separated_within(&self, with: Id, left: &mut usize) -> bool {
        let Some(less) = left.checked_sub(1) else { return false };
        *left = less;
        let untainted = !self.values.tainted(with);
        if untainted && value::says(&self.facts.set, with, GuardKind::Component) {
            return true;
        }
        let mut separated = |alt: &Alt| {
            let kind = GuardKind::Component;
            alt.known.iter().any(|it| (it.on, it.kind) == (alt.value, kind))
                || self.ends_separated_within(alt.value, left)
        };
        match self.values.get(with) {
            Node::Text(text) => text.ends_with(['/', '\\']),
            Node::Parts(parts) => parts
                .last()
                .is_some_and(|it| self.ends_separated_within(*it, left) || self.is_separator(*it)),
            Node::Path(parts, _) => {
                parts.last().is_some_and(|it| self.values.text(*it).is_some_and(|it| it.is_empty()))
            }
            Node::Through(Op::Same, inner) => self.ends_separated_within(*inner, left),
            Node::List(items) => items.iter().all(|(_, it)| self.ends_separated_within(*it, left)),
            Node::Phi(alts) => alts.iter().all(separated),
            Node::Each(alt) => separated(alt),
            Node::Elem(inner) => self.ends_separated_within(*inner, left),
            _ => false,
        }
    }

    pub(super) fn is_separator(&self, id: Id) -> bool {
        if let Node::Through(Op::Same, inner) = *self.values.get(id) {
            return self.is_separator(inner);
        }
        self.values.path(id).is_some_and(|it| {
            matches!(
                it.as_str(),
                "os.sep"
                    | "path.sep"
                    | "os.path.sep"
                    | "path.delimiter"
                    | "filepath.Separator"
                    | "os.PathSeparator"
            )
        }) || self.values.text(id).is_some_and(|it| it.ends_with(['/', '\\']))
    }
}
