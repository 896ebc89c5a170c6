//! Where `break` and `continue` of JavaScript lead, with a label or without, and loops that are gone through at least once.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::super::ir::{Do, Expr, Kind, Stmt, Word};
use super::{Lower, field, named};

/// What a `break` may leave.
#[derive(Debug)]
pub(super) struct Around {
    pub(super) label: Option<Word>,
    /// Whether a `break` without a label is about it, and a `continue`.
    pub(super) breaks: bool,
    pub(super) goes_on: bool,
    /// What around it is left from inside of it: which one, and whether that goes on.
    pub(super) leaves: BTreeSet<(usize, bool)>,
}

/// What is around a statement, in one function.
#[derive(Debug, Default)]
pub(super) struct Script {
    pub(super) around: Vec<Around>,
    /// The label before what comes next.
    pub(super) label: Option<Word>,
    /// Whether this is read once more, behind a case that goes on with it: then nothing in it is.
    pub(super) again: bool,
}

impl Lower<'_> {
    /// Behind what was left from inside, what is around it is left as well. Whether that happens is not known.
    pub(super) fn js_left(&mut self, node: Node<'_>, made: Option<Stmt>) -> Option<Stmt> {
        let left = self.script.around.pop().map(|it| it.leaves).unwrap_or_default();
        let made = made?;
        if left.is_empty() {
            return Some(made);
        }
        let at = made.at;
        let last = self.script.around.len().saturating_sub(1);
        let mut all = vec![made];
        for (target, goes_on) in left {
            let here = target == last;
            let kind = if here && goes_on { Do::Continue } else { Do::Break };
            let test = self.expr(node, Kind::Other(Vec::new()));
            all.push(Stmt { kind: Do::If(test, vec![Stmt { kind, at }], Vec::new()), at });
            if let Some(around) = self.script.around.last_mut().filter(|_| !here) {
                let _new = around.leaves.insert((target, goes_on));
            }
        }
        Some(Stmt { kind: Do::Block(all), at })
    }

    /// `break`, `continue`
    pub(super) fn js_leave(&mut self, node: Node<'_>, goes_on: bool) -> Do {
        let label = field(node, "label").map(|it| self.word(it));
        let around = &mut self.script.around;
        let target = around.iter().rposition(|it| match &label {
            Some(label) => it.label.as_ref() == Some(label),
            None if goes_on => it.goes_on,
            None => it.breaks,
        });
        // A `continue` in a switch is about the loop around it; there is nothing to be left first.
        let last = around.iter().rposition(|it| !goes_on || it.goes_on || !it.breaks);
        match (target, last) {
            (Some(target), Some(last)) if target < last => {
                if let Some(it) = around.last_mut() {
                    let _new = it.leaves.insert((target, goes_on));
                }
                Do::Break
            }
            _ if goes_on => Do::Continue,
            _ => Do::Break,
        }
    }

    /// `name: statement`
    pub(super) fn js_labelled(&mut self, node: Node<'_>) -> Option<Do> {
        let label = field(node, "label").map(|it| self.word(it));
        let body = field(node, "body").or_else(|| named(node).into_iter().next_back())?;
        let is_loop = ["for_in_statement", "for_statement", "while_statement", "do_statement"];
        if is_loop.contains(&body.kind()) {
            self.script.label = label;
            return self.deeper(|it| it.js_stmt(body)).flatten().map(|it| it.kind);
        }
        let at = self.at(node);
        let leaves = BTreeSet::new();
        self.script.around.push(Around { label, breaks: false, goes_on: false, leaves });
        let mut inside = self.js_body(body);
        inside.push(Stmt { kind: Do::Break, at });
        let once = Expr { kind: Kind::Bool(true), at };
        let made = Stmt { kind: Do::While(once, inside), at };
        self.js_left(node, Some(made)).map(|it| it.kind)
    }

    /// `do { ... } while (condition)`: asked behind each round.
    pub(super) fn js_do(&mut self, node: Node<'_>) -> Option<Do> {
        let at = self.at(node);
        let mut inside = self.js_body(field(node, "body")?);
        let condition = self.js(field(node, "condition")?);
        let test = self.expr(node, Kind::Not(Box::new(condition)));
        let leave = vec![Stmt { kind: Do::Break, at }];
        inside.push(Stmt { kind: Do::If(test, leave, Vec::new()), at });
        Some(Do::While(Expr { kind: Kind::Bool(true), at }, inside))
    }
}

/// Whether nothing behind a statement is reached from it.
pub(super) fn leaves(node: Node<'_>) -> bool {
    let mut last = Some(node);
    while let Some(block) = last.filter(|it| it.kind() == "statement_block") {
        last = named(block).into_iter().next_back();
    }
    let ends = ["break_statement", "return_statement", "throw_statement", "continue_statement"];
    last.is_some_and(|it| ends.contains(&it.kind()))
}
