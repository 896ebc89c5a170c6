//! What a value may be: a graph whose nodes are never changed and never made twice.
//!
//! Two expressions that compute the same have the same node, so a check of one is a check of
//! the other.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use crate::evidence::source::GuardKind;

use super::super::ir::{At, Cmp, Word};

pub(in super::super) type Id = u32;

/// What is known of a value on this path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in super::super) struct Known {
    pub(in super::super) on: Id,
    pub(in super::super) kind: GuardKind,
    pub(in super::super) at: At,
}

impl Known {
    /// Whether one that was held against a list, or is nothing at all, or a number, needs no other check.
    fn is_harmless(self) -> bool {
        matches!(self.kind, GuardKind::AllowList | GuardKind::Number)
    }
}

/// What is known on both of two paths.
///
/// Where a value is one of a fixed list, or empty, on one of them, whatever the other says of it
/// holds on both: there it is one that a client cannot choose.
pub(in super::super) fn meet(one: &BTreeSet<Known>, other: &BTreeSet<Known>) -> BTreeSet<Known> {
    let mut met: BTreeSet<Known> = one.iter().copied().filter(|it| holds(other, *it)).collect();
    for it in other.iter().copied().filter(|it| holds(one, *it)) {
        if !says(&met, it.on, it.kind) {
            let _new = met.insert(it);
        }
    }
    met
}

/// Whether this much is known, wherever it was learned.
fn holds(known: &BTreeSet<Known>, it: Known) -> bool {
    let weaker_of = |stronger| says(known, it.on, stronger);
    says(known, it.on, it.kind)
        || it.kind == GuardKind::Absolute && weaker_of(GuardKind::Resolved)
        || it.kind == GuardKind::Prefix && weaker_of(GuardKind::Component)
        || about(known, it.on).any(|it| it.is_harmless())
}

/// Whether a check of a kind held for a value.
pub(in super::super) fn says(known: &BTreeSet<Known>, on: Id, kind: GuardKind) -> bool {
    about(known, on).any(|it| it.kind == kind)
}

/// All that is known of a value.
pub(in super::super) fn about(known: &BTreeSet<Known>, on: Id) -> impl Iterator<Item = Known> {
    let from = Known { on, kind: GuardKind::Resolved, at: At::default() };
    known.range(from..).take_while(move |it| it.on == on).copied()
}

/// A value, and what is known whenever it is this one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in super::super) struct Alt {
    pub(in super::super) value: Id,
    pub(in super::super) known: Rc<[Known]>,
}

/// What a known function makes of its argument.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(in super::super) enum Op {
    /// The same, as far as a sink is concerned.
    Same,
    /// A piece of it.
    Part,
    Resolved,
    Absolute,
    /// A path from a directory to it.
    Relative,
    Name,
    Number,
    Quoted,
    /// The host of a URL.
    Host,
    /// The directories above it.
    Parents,
    /// Shared words of paths, by components or by characters.
    CommonPath,
    CommonPrefix,
    /// A part of it that tells of its form only, such as a suffix.
    Sign,
    /// Where something stands in it.
    Find,
}

pub(in super::super) type Args = Vec<(Option<Word>, Id)>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(in super::super) enum Node {
    Unknown(At),
    Text(Word),
    Number(Word),
    Bool(bool),
    Nothing,
    Regex(Word),
    /// Something of another's, by its dotted name; `?x` when only its local name is known.
    Global(Word),
    /// What a client sends: the number of the handler, the name.
    Param(u32, Word),
    /// All of it, by name.
    Sent(u32),
    /// The name of the tool that is called.
    Asked(u32),
    Function(u32),
    Bound(Id, u32),
    Partial(Id, Args),
    Class(u32),
    Instance(u32),
    Module(u32),
    Member(Id, Word),
    Elem(Id),
    First(Id),
    /// All but the first.
    Tail(Id),
    List(Vec<(bool, Id)>),
    Map(Vec<(Option<Id>, Id)>),
    /// A collection of values like this one.
    Each(Alt),
    Parts(Vec<Id>),
    /// Joined as paths; whether an absolute one replaces what stands before.
    Path(Vec<Id>, bool),
    /// The result of a call that is not followed.
    Call(Word, Option<Id>, Args),
    Through(Op, Id),
    Phi(Vec<Alt>),
    Compare(Cmp, Id, Id),
    /// A predicate of a value: its name, whether as a method, and what it is held against.
    Test(Word, Id, Vec<Id>),
    Not(Id),
    And(Vec<Id>),
    Or(Vec<Id>),
    Caught(At),
}

/// Every node, by number.
#[derive(Debug, Default)]
pub(in super::super) struct Values {
    nodes: Vec<Node>,
    places: Vec<At>,
    /// Whether something that a client sends, or an error's text, is in it.
    tainted: Vec<bool>,
    caught: Vec<bool>,
    ids: HashMap<Node, Id>,
    /// What all of them take, in bytes, as far as that can be told.
    pub(in super::super) weight: u64,
}

impl Values {
    pub(in super::super) fn get(&self, id: Id) -> &Node {
        self.nodes.get(id as usize).unwrap_or(&Node::Nothing)
    }

    /// Where it was made first.
    pub(in super::super) fn place(&self, id: Id) -> At {
        self.places.get(id as usize).copied().unwrap_or_default()
    }

    pub(in super::super) fn tainted(&self, id: Id) -> bool {
        self.tainted.get(id as usize).copied().unwrap_or(false)
    }

    /// Whether an error's own text is in it.
    pub(in super::super) fn caught(&self, id: Id) -> bool {
        self.caught.get(id as usize).copied().unwrap_or(false)
    }

    pub(in super::super) fn make(&mut self, node: Node, at: At) -> Id {
        if let Some(id) = self.ids.get(&node) {
            return *id;
        }
        let id = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        let parts = parts(&node);
        let carries = !matches!(node, Node::Call(..));
        let tainted = matches!(node, Node::Param(..) | Node::Sent(_) | Node::Asked(_))
            || carries && parts.iter().any(|it| self.tainted(*it));
        let caught =
            matches!(node, Node::Caught(_)) || carries && parts.iter().any(|it| self.caught(*it));
        self.weight = self.weight.saturating_add(weight(&node, parts.len()));
        self.nodes.push(node.clone());
        self.places.push(at);
        self.tainted.push(tainted);
        self.caught.push(caught);
        let _new = self.ids.insert(node, id);
        id
    }

    pub(in super::super) fn text(&self, id: Id) -> Option<&Word> {
        match self.get(id) {
            Node::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The dotted name of something that is not followed, such as `sqlite3.connect().execute`.
    pub(in super::super) fn path(&self, id: Id) -> Option<String> {
        self.path_within(id, 12)
    }

    fn path_within(&self, id: Id, left: u32) -> Option<String> {
        let left = left.checked_sub(1)?;
        match self.get(id) {
            Node::Global(name) => Some(name.to_string()),
            Node::Member(base, name) => Some(format!("{}.{name}", self.path_within(*base, left)?)),
            Node::Call(name, ..) => Some(format!("{name}()")),
            Node::Phi(alts) => alts.iter().find_map(|alt| self.path_within(alt.value, left)),
            Node::Or(values) => values.iter().find_map(|it| self.path_within(*it, left)),
            _ => None,
        }
    }

    /// One of several, without repetition.
    pub(in super::super) fn phi(&mut self, alts: Vec<Alt>, at: At) -> Id {
        let mut flat: Vec<Alt> = Vec::new();
        for alt in alts {
            match self.get(alt.value).clone() {
                Node::Phi(inner) => {
                    for one in inner {
                        let both: BTreeSet<Known> =
                            alt.known.iter().chain(one.known.iter()).copied().collect();
                        add(&mut flat, Alt { value: one.value, known: both.into_iter().collect() });
                    }
                }
                _ => add(&mut flat, alt),
            }
        }
        // Too many to follow: those that a client has a hand in are kept.
        if flat.len() > MOST {
            flat.sort_by_key(|alt| (!self.is_called(alt.value), !self.tainted(alt.value)));
            let called = flat.iter().take_while(|alt| self.is_called(alt.value)).count();
            flat.truncate(MOST.saturating_add(called.min(CALLED)));
        }
        match flat.as_slice() {
            [] => self.make(Node::Nothing, at),
            [one] if one.known.is_empty() => one.value,
            _ => self.make(Node::Phi(flat), at),
        }
    }

    /// Whether a value is something that is called: each of many may be the one.
    fn is_called(&self, id: Id) -> bool {
        matches!(self.get(id), Node::Function(_) | Node::Bound(..) | Node::Partial(..))
    }

    /// One of these, of which nothing more is known.
    pub(in super::super) fn any(&mut self, values: impl IntoIterator<Item = Id>, at: At) -> Id {
        let alt = |value| Alt { value, known: Rc::from([]) };
        let alts = values.into_iter().map(alt).collect();
        self.phi(alts, at)
    }
}

/// A node is kept twice, once to be found by what it is.
fn weight(node: &Node, parts: usize) -> u64 {
    let text = match node {
        Node::Text(text) | Node::Regex(text) | Node::Global(text) => text.len(),
        _ => 0,
    };
    let each = size_of::<Alt>().max(size_of::<(Option<Word>, Id)>());
    let one = size_of::<Node>().saturating_add(parts.saturating_mul(each));
    one.saturating_mul(2).saturating_add(text).saturating_add(32) as u64
}

/// How many alternatives one value may have.
const MOST: usize = 16;
/// How many functions one may be besides.
const CALLED: usize = 128;

fn add(flat: &mut Vec<Alt>, alt: Alt) {
    match flat.iter_mut().find(|it| it.value == alt.value) {
        Some(same) if same.known != alt.known => {
            let set = |known: &Rc<[Known]>| known.iter().copied().collect();
            same.known = meet(&set(&same.known), &set(&alt.known)).into_iter().collect();
        }
        Some(_) => {}
        None => flat.push(alt),
    }
}

/// What a node is made of.
pub(in super::super) fn parts(node: &Node) -> Vec<Id> {
    match node {
        Node::Bound(it, _)
        | Node::Member(it, _)
        | Node::Elem(it)
        | Node::First(it)
        | Node::Tail(it)
        | Node::Through(_, it)
        | Node::Not(it) => vec![*it],
        Node::Partial(it, args) => {
            [*it].into_iter().chain(args.iter().map(|(_, id)| *id)).collect()
        }
        Node::List(items) => items.iter().map(|(_, id)| *id).collect(),
        Node::Map(entries) => {
            entries.iter().flat_map(|(key, value)| key.iter().copied().chain([*value])).collect()
        }
        Node::Each(alt) => vec![alt.value],
        Node::Parts(parts) | Node::Path(parts, _) | Node::And(parts) | Node::Or(parts) => {
            parts.clone()
        }
        Node::Phi(alts) => alts.iter().map(|alt| alt.value).collect(),
        Node::Compare(_, left, right) => vec![*left, *right],
        Node::Test(_, it, with) => [*it].into_iter().chain(with.iter().copied()).collect(),
        _ => Vec::new(),
    }
}
