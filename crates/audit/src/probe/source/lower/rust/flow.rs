//! Statements, and expressions that have statements in them: blocks, branches, loops.
//!
//! Each is told where its value goes ([`Dest`]): it is what the function gives, it gets a name, or nobody asks for it.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tree_sitter::Node;

use super::super::super::ir::{Do, Expr, Kind, Pattern, Stmt, Word};
use super::super::{Lower, field, named};

/// Where a value goes.
#[derive(Debug, Clone)]
pub(super) enum Dest {
    Return,
    Name(Word),
    Nowhere,
}

/// A loop, or a block with a label: what a `break` leaves.
#[derive(Debug)]
pub(super) struct Loop {
    label: Option<Word>,
    /// Where its value goes.
    value: Option<Word>,
    /// Whether a `break` or `continue` without a label is about it.
    plain: bool,
    /// What around it is left from inside of it: which one, and whether that goes on.
    leaves: BTreeSet<(usize, bool)>,
}

impl Lower<'_> {
    fn rs_open_loop(&mut self, node: Node<'_>, value: Option<Word>, plain: bool) {
        let label = named(node).into_iter().find(|it| it.kind() == "label");
        let label = label.map(|it| self.word(it));
        self.rust.loops.push(Loop { label, value, plain, leaves: BTreeSet::new() });
    }

    /// Behind a loop, those around it are left that were left from inside. Whether that happens is not known.
    fn rs_close_loop(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) {
        let Some(closed) = self.rust.loops.pop() else { return };
        let last = self.rust.loops.len().saturating_sub(1);
        let at = self.at(node);
        for (target, goes_on) in closed.leaves {
            let here = target == last;
            let kind = if here && goes_on { Do::Continue } else { Do::Break };
            let test = self.nothing(node);
            let leave = vec![Stmt { kind, at }];
            out.push(Stmt { kind: Do::If(test, leave, Vec::new()), at });
            if let Some(around) = self.rust.loops.last_mut().filter(|_| !here) {
                let _new = around.leaves.insert((target, goes_on));
            }
        }
    }

    /// `break` and `continue`, with a label or without.
    pub(super) fn rs_leave(&mut self, node: Node<'_>, goes_on: bool, out: &mut Vec<Stmt>) {
        let at = self.at(node);
        let parts = named(node);
        let label = parts.iter().find(|it| it.kind() == "label").map(|it| self.word(*it));
        let target = self.rust.loops.iter().rposition(|it| match &label {
            Some(label) => it.label.as_ref() == Some(label),
            None => it.plain,
        });
        if let Some(value) = parts.into_iter().find(|it| it.kind() != "label") {
            let value = self.rs(value, out);
            let to = target.and_then(|it| self.rust.loops.get(it)?.value.clone());
            if let Some(name) = to {
                out.push(Stmt { kind: Do::Let(Pattern::Name(name), value), at });
            }
        }
        let last = self.rust.loops.len().saturating_sub(1);
        match target.filter(|it| *it < last) {
            Some(target) => {
                if let Some(inner) = self.rust.loops.last_mut() {
                    let _new = inner.leaves.insert((target, goes_on));
                }
                out.push(Stmt { kind: Do::Break, at });
            }
            None if goes_on => out.push(Stmt { kind: Do::Continue, at }),
            None => out.push(Stmt { kind: Do::Break, at }),
        }
    }

    /// A block that may be left from inside by its label.
    fn rs_labelled(&mut self, block: Node<'_>, dest: &Dest, out: &mut Vec<Stmt>) {
        let at = self.at(block);
        let name = match dest {
            Dest::Nowhere => None,
            _ => Some(self.rs_fresh()),
        };
        self.rs_open_loop(block, name.clone(), false);
        let mut inside = Vec::new();
        let to = name.clone().map_or(Dest::Nowhere, Dest::Name);
        self.rs_block(block, &to, &mut inside);
        inside.push(Stmt { kind: Do::Break, at });
        let once = Expr { kind: Kind::Bool(true), at };
        out.push(Stmt { kind: Do::While(once, inside), at });
        self.rs_close_loop(block, out);
        if let Some(name) = name {
            self.rs_place(Expr { kind: Kind::Name(name), at }, dest, out);
        }
    }

    /// The statements of a block, and its value.
    pub(super) fn rs_block(&mut self, block: Node<'_>, dest: &Dest, out: &mut Vec<Stmt>) {
        self.rust.scopes.push(BTreeMap::new());
        let mut children = named(block);
        children.retain(|it| it.kind() != "label");
        let last = children.len().saturating_sub(1);
        let mut pending = Vec::new();
        let mut given = false;
        for (index, child) in children.into_iter().enumerate() {
            if child.kind() == "attribute_item" {
                pending.push(child);
                continue;
            }
            let attributes = super::Attributes::of(self, &std::mem::take(&mut pending));
            if attributes.is_test() {
                continue;
            }
            let tail = index == last && self.is_tail(child);
            if tail {
                self.rs_into(self.inner(child), dest, out);
                given = true;
            } else {
                self.rs_stmt(child, &attributes, out);
            }
        }
        if !given && !matches!(dest, Dest::Nowhere) {
            let unit = self.expr(block, Kind::List(Vec::new()));
            self.rs_place(unit, dest, out);
        }
        let _closed = self.rust.scopes.pop();
    }

    /// An expression that ends in a block is a statement for the grammar even where it is the value.
    fn is_tail(&self, node: Node<'_>) -> bool {
        match node.kind() {
            "expression_statement" => !self.text(node).ends_with(';'),
            "let_declaration" | "macro_definition" | "empty_statement" => false,
            kind => !kind.ends_with("_item") && !kind.ends_with("_declaration"),
        }
    }

    fn inner<'t>(&self, node: Node<'t>) -> Node<'t> {
        match node.kind() {
            "expression_statement" => named(node).into_iter().next().unwrap_or(node),
            _ => node,
        }
    }

    fn rs_stmt(&mut self, node: Node<'_>, attributes: &super::Attributes, out: &mut Vec<Stmt>) {
        match node.kind() {
            "let_declaration" => self.rs_let_declaration(node, out),
            "expression_statement" => self.rs_into(self.inner(node), &Dest::Nowhere, out),
            _ => {
                let item = self.deeper(|it| it.rs_item(node, attributes, out));
                if item == Some(false) {
                    self.rs_into(node, &Dest::Nowhere, out);
                }
            }
        }
    }

    fn rs_let_declaration(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) {
        let Some(pattern) = field(node, "pattern") else { return };
        let at = self.at(node);
        let Some(value) = field(node, "value") else {
            // What it is comes later.
            if pattern.kind() == "identifier" {
                let _name = self.rs_bind(&self.word(pattern));
            }
            return;
        };
        let of = field(node, "type").map(|it| self.text(it).to_owned());
        // `let line = &mut text`: another name of the same.
        let same = named(value).into_iter().next_back().filter(|_| super::values::is_lent(value));
        if let Some(same) = same.filter(|it| it.kind() == "identifier")
            && pattern.kind() == "identifier"
        {
            let called = self.rs_called(self.text(same));
            let name = self.word(pattern);
            if let Some(scope) = self.rust.scopes.last_mut() {
                let _old = scope.insert(name, called);
            }
            return;
        }
        let mut held = self.rs(value, out);
        if let Some(of) = of {
            held = self.rs_converted(value, &of, held);
        }
        let plain = match pattern.kind() {
            "mut_pattern" => named(pattern).into_iter().next_back().unwrap_or(pattern),
            _ => pattern,
        };
        let alternative = field(node, "alternative");
        if plain.kind() == "identifier" && alternative.is_none() {
            let name = self.rs_bind(&self.word(plain));
            out.push(Stmt { kind: Do::Let(Pattern::Name(name), held), at });
            return;
        }
        let whole = self.rs_part(node, held, out);
        let mut binds = Vec::new();
        let test = self.rs_pattern(pattern, &whole, &mut binds);
        if let (Some(test), Some(alternative)) = (test, alternative) {
            let mut otherwise = Vec::new();
            let _read = self.deeper(|it| it.rs_block(alternative, &Dest::Nowhere, &mut otherwise));
            out.push(Stmt { kind: Do::If(test, Vec::new(), otherwise), at });
        }
        out.extend(binds);
    }

    pub(super) fn rs_place(&mut self, value: Expr, dest: &Dest, out: &mut Vec<Stmt>) {
        let at = value.at;
        let kind = match dest {
            Dest::Return => Do::Return(Some(value)),
            Dest::Name(name) => Do::Let(Pattern::Name(Rc::clone(name)), value),
            Dest::Nowhere => Do::Expr(value),
        };
        out.push(Stmt { kind, at });
    }

    /// An expression whose value goes somewhere.
    pub(super) fn rs_into(&mut self, node: Node<'_>, dest: &Dest, out: &mut Vec<Stmt>) {
        let go = |it: &mut Self| it.rs_into_within(node, dest, out);
        let _read = self.deeper(go);
    }

    fn rs_into_within(&mut self, node: Node<'_>, dest: &Dest, out: &mut Vec<Stmt>) {
        match node.kind() {
            "block" if self.is_select(node) => self.rs_select(node, dest, out),
            "block" if named(node).first().is_some_and(|it| it.kind() == "label") => {
                self.rs_labelled(node, dest, out);
            }
            "block" => self.rs_block(node, dest, out),
            "unsafe_block" | "const_block" => {
                if let Some(block) = named(node).into_iter().next_back() {
                    self.rs_block(block, dest, out);
                }
            }
            "parenthesized_expression" => {
                if let Some(inner) = named(node).first() {
                    self.rs_into(*inner, dest, out);
                }
            }
            "if_expression" => self.rs_if(node, dest, out),
            "match_expression" => self.rs_match(node, dest, out),
            "while_expression" => self.rs_while(node, out),
            "loop_expression" => self.rs_loop(node, dest, out),
            "for_expression" => self.rs_for(node, out),
            _ => {
                let value = self.rs(node, out);
                self.rs_place(value, dest, out);
            }
        }
    }

    /// Whether a block is what `tokio::select!` was given.
    fn is_select(&self, block: Node<'_>) -> bool {
        let before = self.text.get(..block.start_byte()).unwrap_or_default();
        before.trim_end().ends_with("select!")
    }

    /// Everything is waited for; what is done then is done for one of them.
    fn rs_select(&mut self, block: Node<'_>, dest: &Dest, out: &mut Vec<Stmt>) {
        self.rust.scopes.push(BTreeMap::new());
        let mut bodies = Vec::new();
        let pairs = named(block);
        for pair in self.nested(pairs.chunks(2).collect()) {
            let [awaited, done] = pair else { continue };
            let awaited = self.inner(*awaited);
            if let (Some(left), Some(right)) = (field(awaited, "left"), field(awaited, "right")) {
                let held = self.rs(right, out);
                let whole = self.rs_part(right, held, out);
                // `Some(message) = receiver.recv()`
                let inside = field(left, "arguments").and_then(|it| named(it).into_iter().next());
                let name = inside.unwrap_or(left);
                let value = self.expr(left, Kind::Name(whole));
                let value = self.rs_named(left, "some!", vec![value]);
                if name.kind() == "identifier" {
                    let name = Pattern::Name(self.rs_bind(&self.word(name)));
                    out.push(Stmt { kind: Do::Let(name, value), at: self.at(left) });
                }
            }
            let mut body = Vec::new();
            self.rs_into(self.inner(*done), dest, &mut body);
            bodies.push((self.nothing(*done), body));
        }
        let _closed = self.rust.scopes.pop();
        let mut rest = Vec::new();
        for (test, body) in bodies.into_iter().rev() {
            let at = test.at;
            rest = vec![Stmt { kind: Do::If(test, body, rest), at }];
        }
        out.extend(rest);
    }

    /// One that has statements in it where a value is asked for: the statements come first, and it gets a name.
    pub(super) fn rs_hoisted(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Expr {
        let name = self.rs_fresh();
        self.rs_into(node, &Dest::Name(Rc::clone(&name)), out);
        self.expr(node, Kind::Name(name))
    }

    fn rs_if(&mut self, node: Node<'_>, dest: &Dest, out: &mut Vec<Stmt>) {
        let (Some(condition), Some(then)) = (field(node, "condition"), field(node, "consequence"))
        else {
            return;
        };
        let at = self.at(node);
        let otherwise = field(node, "alternative").and_then(|it| named(it).into_iter().next());
        self.rust.scopes.push(BTreeMap::new());
        let parts = self.rs_parts_of(condition);
        let parts = self.nested(parts);
        let later = parts.iter().skip(1).any(|it| it.kind() == "let_condition");
        if later {
            self.rs_chained(&parts, then, otherwise, dest, out);
            let _closed = self.rust.scopes.pop();
            return;
        }
        let test = self.rs_condition(&parts, condition, out);
        let mut yes = Vec::new();
        self.rs_block(then, dest, &mut yes);
        let _closed = self.rust.scopes.pop();
        let mut no = Vec::new();
        match otherwise {
            Some(otherwise) => self.rs_into(otherwise, dest, &mut no),
            None if matches!(dest, Dest::Nowhere) => {}
            None => {
                let unit = self.expr(node, Kind::List(Vec::new()));
                self.rs_place(unit, dest, &mut no);
            }
        }
        out.push(Stmt { kind: Do::If(test, yes, no), at });
    }

    /// The parts of a condition that all have to be so.
    fn rs_parts_of<'t>(&self, condition: Node<'t>) -> Vec<Node<'t>> {
        match condition.kind() {
            "let_chain" => {
                let mut parts = Vec::new();
                for child in named(condition) {
                    parts.extend(self.rs_parts_of(child));
                }
                parts
            }
            _ => vec![condition],
        }
    }

    fn rs_condition(&mut self, parts: &[Node<'_>], whole: Node<'_>, out: &mut Vec<Stmt>) -> Expr {
        let mut tests: Vec<Expr> = Vec::new();
        for part in parts {
            tests.push(self.rs_one_condition(*part, out));
        }
        match tests.len() {
            1 => tests.pop().unwrap_or_else(|| self.nothing(whole)),
            _ => self.expr(whole, Kind::And(tests)),
        }
    }

    /// `let PATTERN = value`, or anything that is so or is not.
    fn rs_one_condition(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) -> Expr {
        if node.kind() != "let_condition" {
            return self.rs(node, out);
        }
        let (Some(pattern), Some(value)) = (field(node, "pattern"), field(node, "value")) else {
            return self.nothing(node);
        };
        let held = self.rs(value, out);
        let whole = self.rs_part(value, held, out);
        let test = self.rs_pattern(pattern, &whole, out);
        test.unwrap_or_else(|| self.expr(node, Kind::Bool(true)))
    }

    /// `if a && let Some(b) = c`: each part is asked under what the parts before it said.
    fn rs_chained(
        &mut self,
        parts: &[Node<'_>],
        then: Node<'_>,
        otherwise: Option<Node<'_>>,
        dest: &Dest,
        out: &mut Vec<Stmt>,
    ) {
        let at = self.at(then);
        let done = self.rs_fresh();
        let set = |yes| Stmt {
            kind: Do::Let(Pattern::Name(Rc::clone(&done)), Expr { kind: Kind::Bool(yes), at }),
            at,
        };
        out.push(set(false));
        let mut around = Vec::new();
        for part in parts {
            let mut before = Vec::new();
            let test = self.rs_one_condition(*part, &mut before);
            around.push((before, test));
        }
        let mut body = Vec::new();
        self.rs_block(then, dest, &mut body);
        body.push(set(true));
        for (mut before, test) in around.into_iter().rev() {
            before.push(Stmt { kind: Do::If(test, body, Vec::new()), at });
            body = before;
        }
        out.extend(body);
        let mut no = Vec::new();
        match otherwise {
            Some(otherwise) => self.rs_into(otherwise, dest, &mut no),
            None if matches!(dest, Dest::Nowhere) => return,
            None => self.rs_place(Expr { kind: Kind::List(Vec::new()), at }, dest, &mut no),
        }
        let name = Box::new(Expr { kind: Kind::Name(done), at });
        let test = Expr { kind: Kind::Not(name), at };
        out.push(Stmt { kind: Do::If(test, no, Vec::new()), at });
    }

    fn rs_match(&mut self, node: Node<'_>, dest: &Dest, out: &mut Vec<Stmt>) {
        let (Some(value), Some(body)) = (field(node, "value"), field(node, "body")) else { return };
        let held = self.rs(value, out);
        let whole = match held.kind {
            Kind::Name(name) => name,
            _ => self.rs_part(value, held, out),
        };
        let mut arms = named(body);
        arms.retain(|it| it.kind() == "match_arm");
        let arms = self.nested(arms);
        self.rs_arms(&arms, &whole, dest, out);
    }

    /// An arm is asked for when the ones before it did not fit.
    fn rs_arms(&mut self, arms: &[Node<'_>], whole: &Word, dest: &Dest, out: &mut Vec<Stmt>) {
        // From the last to the first, so that no arm stands inside of another one's reading.
        let mut read = Vec::new();
        for arm in arms {
            let (Some(pattern), Some(value)) = (field(*arm, "pattern"), field(*arm, "value"))
            else {
                continue;
            };
            self.rust.scopes.push(BTreeMap::new());
            let mut before = Vec::new();
            let mut test = self.rs_pattern(pattern, whole, &mut before);
            if let Some(guard) = field(pattern, "condition") {
                let parts = self.rs_parts_of(guard);
                let guard = self.rs_condition(&parts, guard, &mut before);
                let at = guard.at;
                test = Some(match test {
                    Some(test) => Expr { kind: Kind::And(vec![test, guard]), at },
                    None => guard,
                });
            }
            let mut body = Vec::new();
            self.rs_into(value, dest, &mut body);
            let _closed = self.rust.scopes.pop();
            read.push((self.at(*arm), before, test, body));
        }
        let mut rest: Vec<Stmt> = Vec::new();
        for (at, mut before, test, body) in read.into_iter().rev() {
            match test {
                Some(test) => before.push(Stmt { kind: Do::If(test, body, rest), at }),
                None => before.extend(body),
            }
            rest = before;
        }
        out.extend(rest);
    }

    fn rs_while(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) {
        let (Some(condition), Some(body)) = (field(node, "condition"), field(node, "body")) else {
            return;
        };
        let at = self.at(node);
        self.rust.scopes.push(BTreeMap::new());
        self.rs_open_loop(node, None, true);
        let parts = self.rs_parts_of(condition);
        let mut inside = Vec::new();
        let test = self.rs_condition(&parts, condition, &mut inside);
        let stmt = if inside.is_empty() {
            self.rs_block(body, &Dest::Nowhere, &mut inside);
            Do::While(test, inside)
        } else {
            let mut yes = Vec::new();
            self.rs_block(body, &Dest::Nowhere, &mut yes);
            let leave = vec![Stmt { kind: Do::Break, at }];
            inside.push(Stmt { kind: Do::If(test, yes, leave), at });
            Do::While(Expr { kind: Kind::Bool(true), at }, inside)
        };
        let _closed = self.rust.scopes.pop();
        out.push(Stmt { kind: stmt, at });
        self.rs_close_loop(node, out);
    }

    fn rs_loop(&mut self, node: Node<'_>, dest: &Dest, out: &mut Vec<Stmt>) {
        let Some(body) = field(node, "body") else { return };
        let at = self.at(node);
        let name = match dest {
            Dest::Nowhere => None,
            _ => Some(self.rs_fresh()),
        };
        self.rs_open_loop(node, name.clone(), true);
        let mut inside = Vec::new();
        self.rs_block(body, &Dest::Nowhere, &mut inside);
        out.push(Stmt { kind: Do::While(Expr { kind: Kind::Bool(true), at }, inside), at });
        self.rs_close_loop(node, out);
        if let Some(name) = name {
            self.rs_place(Expr { kind: Kind::Name(name), at }, dest, out);
        }
    }

    fn rs_for(&mut self, node: Node<'_>, out: &mut Vec<Stmt>) {
        let (Some(pattern), Some(value), Some(body)) =
            (field(node, "pattern"), field(node, "value"), field(node, "body"))
        else {
            return;
        };
        let at = self.at(node);
        let mut over = self.rs(value, out);
        if pattern.kind() == "tuple_pattern" {
            over = self.rs_named(value, "pairs!", vec![over]);
        }
        self.rust.scopes.push(BTreeMap::new());
        self.rs_open_loop(node, None, true);
        let mut inside = Vec::new();
        let plain = match pattern.kind() {
            "mut_pattern" | "reference_pattern" => named(pattern).into_iter().next_back(),
            _ => Some(pattern),
        };
        let name = match plain.filter(|it| it.kind() == "identifier") {
            Some(it) => self.rs_bind(&self.word(it)),
            None => {
                let whole = self.rs_fresh();
                let _test = self.rs_pattern(pattern, &whole, &mut inside);
                whole
            }
        };
        self.rs_block(body, &Dest::Nowhere, &mut inside);
        let _closed = self.rust.scopes.pop();
        out.push(Stmt { kind: Do::For(Pattern::Name(name), over, inside, Vec::new()), at });
        self.rs_close_loop(node, out);
    }
}
