//! The handlers as evidence: what each is offered as, with which parameters and hints.

use std::collections::BTreeSet;
use std::rc::Rc;

use crate::evidence::Place;
use crate::evidence::source::{Annotations, Handler, HandlerKind, Parameter};

use super::super::ir::{At, Word};
use super::super::taint::World;
use super::super::taint::value::{Args, Id, Node};
use super::{Given, Registered};

impl World<'_> {
    /// Every handler as evidence.
    pub(in super::super) fn handlers(&self) -> Vec<Handler> {
        let mut found = Vec::new();
        for (number, it) in self.registry.handlers.iter().enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            if it.name != "*" || it.kind != HandlerKind::Tool {
                found.push(self.handler(number, it, None));
                continue;
            }
            let mut names: BTreeSet<Word> = it.tools.clone();
            names.extend(self.registry.offered.keys().cloned());
            if names.is_empty() {
                found.push(self.handler(number, it, None));
            }
            found.extend(names.iter().map(|name| self.handler(number, it, Some(name))));
            let loose = self.flows.keys().any(|(name, ..)| name == "*");
            if loose && !names.is_empty() {
                found.push(self.handler(number, it, None));
            }
        }
        found.sort_by(|a, b| (&a.place, &a.name).cmp(&(&b.place, &b.name)));
        found
    }

    pub(super) fn stated_annotations(&self, stated: &Args) -> Option<Annotations> {
        let named = stated.iter().find(|(name, _)| name.as_deref() == Some("annotations"));
        if let Some((_, it)) = named {
            return self.annotations_of(*it);
        }
        stated.iter().find_map(|(_, it)| {
            let inner = self.field_of(*it, &Rc::from("annotations"));
            self.annotations_of(inner.unwrap_or(*it))
        })
    }

    pub(super) fn annotations_of(&self, id: Id) -> Option<Annotations> {
        let mut found = Annotations::default();
        let mut any = false;
        let mut take = |name: &str, value: Id| {
            let yes = match self.values.get(value) {
                Node::Bool(yes) => Some(*yes),
                _ => None,
            };
            let slot = match name {
                "readOnlyHint" | "read_only_hint" => &mut found.read_only,
                "destructiveHint" | "destructive_hint" => &mut found.destructive,
                "idempotentHint" | "idempotent_hint" => &mut found.idempotent,
                "openWorldHint" | "open_world_hint" => &mut found.open_world,
                _ => return,
            };
            *slot = yes;
            any = true;
        };
        match self.values.get(id) {
            Node::Map(entries) => {
                for (key, value) in entries {
                    if let Some(key) = key.and_then(|it| self.values.text(it)) {
                        take(key, *value);
                    }
                }
            }
            Node::Call(_, _, args) => {
                for (name, value) in args {
                    take(name.as_deref().unwrap_or_default(), *value);
                }
            }
            _ => {}
        }
        any.then_some(found)
    }

    fn handler(&self, number: u32, it: &Registered, tool: Option<&Word>) -> Handler {
        let offered = tool.and_then(|tool| self.registry.offered.get(tool));
        let annotations = it.annotations.clone().or_else(|| offered.and_then(|it| it.1.clone()));
        let mine =
            |raw: &&(Option<Word>, At)| tool.is_none() || raw.0.is_none() || raw.0.as_ref() == tool;
        let raw = it.raw.iter().find(mine).map(|(_, at)| self.place_of(*at));
        Handler {
            kind: it.kind,
            name: tool.map_or_else(|| it.name.clone(), ToString::to_string),
            place: self.place(it.at),
            parameters: self.parameters(number, it, tool),
            annotations,
            raw_errors: raw,
        }
    }

    fn place(&self, at: At) -> Place {
        self.place_of(at)
    }

    fn parameters(&self, number: u32, it: &Registered, tool: Option<&Word>) -> Vec<Parameter> {
        let bounded = |name: &Word| {
            let says = self.registry.limits.get(&(number, Rc::clone(name)));
            says.is_some_and(|it| it.bounded)
        };
        if it.given == Given::ByName {
            let params = self.client_params(it.function).into_iter();
            return params
                .map(|(name, written)| Parameter {
                    bounded: bounded(&name),
                    name: name.to_string(),
                    written,
                })
                .collect();
        }
        let mut names: BTreeSet<Word> = BTreeSet::new();
        let prefix = tool.map(|it| format!("{it}."));
        for (handler, key) in self.registry.limits.keys().filter(|it| it.0 == number) {
            let _ = handler;
            match &prefix {
                Some(prefix) => names.extend(key.strip_prefix(prefix.as_str()).map(Rc::from)),
                None if !key.contains('.') => {
                    let _new = names.insert(Rc::clone(key));
                }
                None => {}
            }
        }
        if names.is_empty() {
            let taken = it
                .taken
                .iter()
                .filter(|(of, _)| tool.is_none() || of.as_ref() == tool || of.is_none());
            names.extend(taken.map(|(_, name)| Rc::clone(name)).filter(|it| it.as_ref() != "*"));
        }
        let named = |name: Word| {
            let key = match &prefix {
                Some(prefix) => Rc::from(format!("{prefix}{name}")),
                None => Rc::clone(&name),
            };
            Parameter { name: name.to_string(), written: None, bounded: bounded(&key) }
        };
        names.into_iter().map(named).collect()
    }
}
