//! Addresses that a web server answers beside the protocol (express, fastify): whoever reaches the port calls them, a
//! page in a browser too, so what they are sent is a client's.

use std::rc::Rc;

use super::{Given, HandlerKind};
use crate::probe::source::ir::{At, Do, Expr, Kind, Stmt, Word};
use crate::probe::source::taint::World;
use crate::probe::source::taint::value::{Args, Id, Node};
use crate::probe::source::texts::{each_block, each_expr, parts};

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
/// What is done to an answer before another one gives it.
const PREPARES: &[&str] = &[
    "setHeader",
    "header",
    "set",
    "append",
    "vary",
    "on",
    "once",
    "removeHeader",
    "getHeader",
    "get",
    "cookie",
    "type",
    "flushHeaders",
];
/// How deep middleware nests that is read.
const DEEP: u32 = 60;
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
            let param = |at: usize| function.params.get(at).map(|it| Rc::clone(&it.name));
            // Who is given nothing to go on with does so by ending.
            let on = function.params.len() < 3;
            let mut seen = Passing { answer: param(1), next: param(2), on, away: false };
            seen.block(&function.body, DEEP);
            return seen.on && !seen.away;
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

/// What a middleware does with who calls: whether it goes on for somebody, and whether it turns somebody away.
struct Passing {
    answer: Option<Word>,
    next: Option<Word>,
    on: bool,
    away: bool,
}

impl Passing {
    fn block(&mut self, block: &[Stmt], left: u32) {
        let Some(left) = left.checked_sub(1) else {
            self.away = true;
            return;
        };
        for stmt in block {
            match &stmt.kind {
                Do::Raise(_) => self.away = true,
                Do::Let(_, value) | Do::Grow(_, value) => self.expr(value, left),
                _ => {}
            }
            each_expr(stmt, &mut |it| self.expr(it, left));
            each_block(stmt, &mut |block| self.block(block, left));
        }
    }

    fn expr(&mut self, expr: &Expr, left: u32) {
        let Some(left) = left.checked_sub(1) else {
            self.away = true;
            return;
        };
        match &expr.kind {
            Kind::Function(function) => self.block(&function.body, left),
            Kind::Call(call) => match &call.callee.kind {
                Kind::Name(name) if Some(name) == self.next.as_ref() => {
                    // With an error, whoever calls is told that one.
                    self.on |= call.args.is_empty();
                    self.away |= !call.args.is_empty();
                }
                Kind::Member(of, name) if self.is_answer(of) => {
                    self.away |= !PREPARES.contains(&name.as_ref());
                }
                _ => {
                    // Who else is given the answer may give one.
                    self.away |= call.args.iter().any(|it| self.is_answer(&it.value));
                    self.on |= call.args.iter().any(|it| self.is_next(&it.value));
                }
            },
            _ => {}
        }
        parts(expr, &mut |it| self.expr(it, left));
    }

    fn is_answer(&self, expr: &Expr) -> bool {
        matches!(&expr.kind, Kind::Name(name) if Some(name) == self.answer.as_ref())
    }

    fn is_next(&self, expr: &Expr) -> bool {
        matches!(&expr.kind, Kind::Name(name) if Some(name) == self.next.as_ref())
    }
}
