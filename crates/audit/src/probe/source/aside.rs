//! What is done in passing: calls whose answer nobody looks at, and calls whose errors nobody hears.
//!
//! That is read off the source as it is written, before anything is followed: each alone is everyday, and what a caller
//! sends that leaves by both, for an address or a file that no description names, is meant not to be seen.

use std::collections::HashSet;

use super::ir::{At, Call, Catch, Do, Expr, Kind, Module, Pattern, Stmt};
use super::texts::{each_block, each_expr, parts};

/// How deep programs nest that are read for this.
const DEEP: u32 = 120;
/// What starts something, and lets it go: its first argument is what nobody waits for.
const LETS_GO: &[&str] = &["create_task", "ensure_future", "run_coroutine_threadsafe"];
/// What a promise is given, and its answer is still nobody's.
const GOES_ON: &[&str] = &["catch", "finally"];
/// What asks for something, whatever it is asked of: `Client().post(..)`.
const ASKS: &[&str] = &["get", "post", "put", "patch", "delete", "request", "send"];

/// Calls by where they stand.
#[derive(Debug, Default)]
pub(super) struct Aside {
    unused: HashSet<At>,
    unheard: HashSet<At>,
}

impl Aside {
    pub(super) fn of(modules: &[Module]) -> Self {
        let mut aside = Self::default();
        for module in modules {
            aside.block(&module.body, false, DEEP);
        }
        aside
    }

    /// Whether nobody looks at what a call gives back.
    pub(super) fn is_unused(&self, call: At) -> bool {
        self.unused.contains(&call)
    }

    /// Whether its errors end where they are caught, and nothing is said of them.
    pub(super) fn is_unheard(&self, call: At) -> bool {
        self.unheard.contains(&call)
    }

    fn block(&mut self, block: &[Stmt], unheard: bool, left: u32) {
        let Some(left) = left.checked_sub(1) else { return };
        for stmt in block {
            match &stmt.kind {
                Do::Expr(value) => self.drop_answer(value, left),
                Do::Let(to, value) => {
                    if is_nobody(to) {
                        self.drop_answer(value, left);
                    }
                    self.expr(value, unheard, left);
                }
                Do::Grow(_, value) => self.expr(value, unheard, left),
                _ => {}
            }
            each_expr(stmt, &mut |it| self.expr(it, unheard, left));
            match &stmt.kind {
                Do::Try(it) => {
                    let silent = it.catches.iter().any(says_nothing);
                    self.block(&it.body, unheard || silent, left);
                    for body in
                        it.catches.iter().map(|it| &it.body).chain([&it.otherwise, &it.finally])
                    {
                        self.block(body, unheard, left);
                    }
                }
                Do::With(items, body) => {
                    let silent = items.iter().any(|(it, _)| last_of(it) == Some("suppress"));
                    self.block(body, unheard || silent, left);
                }
                _ => each_block(stmt, &mut |block| self.block(block, unheard, left)),
            }
        }
    }

    fn expr(&mut self, expr: &Expr, unheard: bool, left: u32) {
        let Some(left) = left.checked_sub(1) else { return };
        let mut inside = unheard;
        if let Kind::Call(call) = &expr.kind {
            if unheard {
                let _new = self.unheard.insert(expr.at);
            }
            inside |= last_of(expr) == Some("catch") && does_nothing(call);
        }
        if let Kind::Function(function) = &expr.kind {
            self.block(&function.body, unheard, left);
        }
        parts(expr, &mut |it| self.expr(it, inside, left));
    }

    fn drop_answer(&mut self, expr: &Expr, left: u32) {
        let Some(left) = left.checked_sub(1) else { return };
        match &expr.kind {
            Kind::Call(call) => {
                let last = last_of(expr).unwrap_or_default();
                // `post(..).raise_for_status()` looks at the answer, and begins where `post(..)` does.
                let goes_on = GOES_ON.contains(&last) || ASKS.contains(&last);
                let of_answer = matches!(&call.callee.kind, Kind::Member(of, _) if matches!(of.kind, Kind::Call(_)));
                if of_answer && !goes_on {
                    return;
                }
                let _new = self.unused.insert(expr.at);
                if let (Kind::Member(of, _), true) = (&call.callee.kind, GOES_ON.contains(&last)) {
                    self.drop_answer(of, left);
                }
                if let (Some(first), true) = (call.args.first(), LETS_GO.contains(&last)) {
                    self.drop_answer(&first.value, left);
                }
            }
            // `void fetch(...)`
            Kind::Other(all) => {
                if let [one] = all.as_slice() {
                    self.drop_answer(one, left);
                }
            }
            _ => {}
        }
    }
}

/// The last word of what is called.
fn last_of(expr: &Expr) -> Option<&str> {
    let Kind::Call(call) = &expr.kind else { return None };
    match &call.callee.kind {
        Kind::Name(name) | Kind::Member(_, name) => Some(name),
        _ => None,
    }
}

fn is_nobody(to: &Pattern) -> bool {
    match to {
        Pattern::Ignored => true,
        Pattern::Name(name) => name.as_ref() == "_",
        Pattern::Items(all, _) => all.iter().all(is_nobody),
        _ => false,
    }
}

/// A clause that takes whatever was thrown, or many kinds of it, and does nothing about it.
fn says_nothing(catch: &Catch) -> bool {
    let plain = |it: &Stmt| match &it.kind {
        Do::Continue | Do::Return(None) => true,
        Do::Return(Some(it)) => matches!(it.kind, Kind::Nothing | Kind::Bool(_)),
        Do::Block(body) => body.is_empty(),
        _ => false,
    };
    catch.body.iter().all(plain)
}

/// `.catch(() => {})`
fn does_nothing(call: &Call) -> bool {
    call.args.first().is_some_and(|it| match &it.value.kind {
        Kind::Function(function) => function.body.is_empty(),
        _ => false,
    })
}
