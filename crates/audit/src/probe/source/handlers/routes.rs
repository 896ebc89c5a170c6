//! Addresses that a web server answers beside the protocol (express, fastify): whoever reaches the port calls them, a
//! page in a browser too, so what they are sent is a client's.

use std::rc::Rc;

use super::{Given, HandlerKind};
use crate::probe::source::ir::At;
use crate::probe::source::taint::World;
use crate::probe::source::taint::value::{Args, Id, Node};

const SERVERS: &[&str] = &["express", "fastify"];
const VERBS: &[&str] = &["get", "post", "put", "patch", "delete", "all"];
/// What stands before routes and turns nobody away.
const HARMLESS: &[&str] = &[
    "cors",
    "express",
    "helmet",
    "morgan",
    "compression",
    "body-parser",
    "cookie-parser",
    "pino-http",
];
/// How a function answers by itself instead of passing on.
const ANSWERS: &[&str] = &["\"status\"", "\"sendStatus\"", "\"writeHead\"", "\"end\"", "\"code\""];

impl World<'_> {
    /// `app.get("/stdio", handler)`. Behind something that may turn callers away a route is not followed, and that is
    /// said: whom it lets through is not known.
    pub(super) fn register_route(
        &mut self,
        method: &str,
        recv: Id,
        args: &Args,
        at: At,
    ) -> Option<Id> {
        let path = self.values.path(recv)?;
        let root = path.split(['.', '(']).next().unwrap_or_default();
        if !SERVERS.contains(&root) {
            return None;
        }
        let ids: Vec<Id> = args.iter().map(|(_, it)| *it).collect();
        if matches!(method, "use" | "addHook" | "register") {
            let first = usize::from(ids.first().is_some_and(|it| self.values.text(*it).is_some()));
            let turns_away = ids.iter().skip(first).any(|it| !self.passes_on(*it));
            self.registry.guarded |= turns_away;
            return None;
        }
        let (first, between) = ids.split_first()?;
        let (last, between) = between.split_last()?;
        let address = self.values.text(*first).filter(|it| it.starts_with('/'))?.to_string();
        let open = !self.registry.guarded && between.iter().all(|it| self.passes_on(*it));
        if !VERBS.contains(&method) || !self.is_function(*last) {
            return None;
        }
        if !open {
            let why = "answers addresses behind something that may turn callers away, and is not followed there";
            let _new = self.unfollowed.insert((at.file, why.to_owned()));
            return None;
        }
        let name = format!("{} {address}", method.to_ascii_uppercase());
        let none = Args::new();
        if let Some(new) =
            self.add(HandlerKind::Route, name, *last, Given::Exchange, at, &none, None)
        {
            // The library answers for what is thrown.
            new.masked = true;
        }
        Some(self.unknown(at))
    }

    /// Whether whoever calls gets past this in any case.
    fn passes_on(&self, id: Id) -> bool {
        if let Some(function) = self.original(id, 8) {
            // As it is written, whatever it is nested in.
            let body = format!("{:?}", function.body);
            return !ANSWERS.iter().any(|word| body.contains(word));
        }
        let path = self.values.path(id).unwrap_or_default();
        let root = path.split(['.', '(']).next().unwrap_or_default();
        HARMLESS.contains(&root)
    }

    /// What a route is given: the request, and what answers it.
    pub(super) fn given_exchange(&mut self, sent: Id, at: At) -> Args {
        let mut entries = Vec::new();
        for word in ["query", "body", "params"] {
            entries.push((Some(self.make(Node::Text(Rc::from(word)), at)), sent));
        }
        let request = self.make(Node::Map(entries), at);
        vec![(None, request), (None, self.unknown(at)), (None, self.unknown(at))]
    }
}
