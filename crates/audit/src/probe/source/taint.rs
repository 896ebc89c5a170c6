//! Follows what a client sends, through assignments, calls and files, to what can do harm.
//!
//! The program is run on values that are not known: [`value`] is what they may be, [`run`] the
//! statements and [`loops`] those that come back, [`expr`] and [`call`] what stands in them, [`called`] calls that are
//! made in another way than by a name, [`known`] what functions of others do, [`kept`] what outlives a call, [`modules`] what files take from each other, [`refine`] what a condition says of a value,
//! and [`trace`] how one got where it is.
//! A guard counts on the paths on which it held, and on no other.

pub(super) mod call;
pub(super) mod called;
pub(super) mod expr;
pub(super) mod golang;
pub(super) mod kept;
pub(super) mod known;
pub(super) mod loops;
pub(super) mod member;
pub(super) mod modules;
pub(super) mod refine;
pub(super) mod run;
pub(super) mod rust;
pub(super) mod trace;
pub(super) mod value;
pub(super) mod words;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use crate::evidence::source::{Flow, Sink};

use super::handlers::Registry;
use super::ir::{At, Class, Function, Module, Tongue, Word};
use super::packages;
use super::wall::Wall;
use value::{Alt, Args, Id, Known, Node, Values};

/// How much of a line is shown, in characters.
pub(super) const SHOWN: usize = 200;

/// The beginning of a text as it may be shown: what is a credential is covered before it is cut, so that a half of one is
/// no text of its own.
pub(super) fn shown(text: &str) -> String {
    let cut = text.char_indices().nth(SHOWN * 8).map_or(text.len(), |it| it.0);
    portcullis_guard::secret::redact(text.get(..cut).unwrap_or_default()).into_owned()
}

/// How many steps all of it may take, and how many one handler.
const STEPS: u64 = 6_000_000;
const STEPS_EACH: u64 = 300_000;
/// The same of functions that nobody calls, which are only run for what they register: handlers come first.
const UNASKED: u64 = STEPS / 3;
const UNASKED_EACH: u64 = 30_000;
/// How deep calls may go, and expressions with them.
const CALLS: u32 = 24;
const NESTED: u32 = 420;
/// How many values one question about a value looks at: what is put together of itself has parts without end.
pub(super) const LOOKED_AT: usize = 2_000;
/// What the values may take, in bytes.
const WEIGHT: u64 = 96 << 20;

/// What is known on this path: the checks that held, and the tool that was asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub(super) struct Facts {
    pub(super) set: Rc<BTreeSet<Known>>,
    pub(super) tool: Option<Word>,
}

impl Facts {
    pub(super) fn add(&mut self, more: &[Known]) {
        if more.iter().any(|it| !self.set.contains(it)) {
            Rc::make_mut(&mut self.set).extend(more.iter().copied());
        }
    }

    /// What holds on both.
    pub(super) fn meet(&self, other: &Self) -> Self {
        let set = if Rc::ptr_eq(&self.set, &other.set) {
            Rc::clone(&self.set)
        } else {
            Rc::new(value::meet(&self.set, &other.set))
        };
        Self { set, tool: self.tool.clone().filter(|it| other.tool.as_ref() == Some(it)) }
    }

    /// What holds here and not there.
    pub(super) fn beyond(&self, other: &Self) -> Rc<[Known]> {
        let new = self.set.iter().filter(|it| !value::says(&other.set, it.on, it.kind));
        new.copied().collect()
    }
}

#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) parent: Option<u32>,
    pub(super) vars: BTreeMap<Word, Id>,
}

/// A function with what it closes over.
#[derive(Debug, Clone)]
pub(super) struct Closure {
    pub(super) function: Rc<Function>,
    pub(super) scope: u32,
    pub(super) this: Option<Id>,
}

#[derive(Debug)]
pub(super) struct Kept {
    pub(super) class: Rc<Class>,
    pub(super) scope: u32,
    pub(super) methods: BTreeMap<Word, u32>,
    pub(super) bases: Vec<Id>,
    pub(super) values: BTreeMap<Word, Id>,
    /// Methods that are members: they are called where they are named.
    pub(super) computed: BTreeSet<Word>,
}

/// An error on its way up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Throw {
    pub(super) value: Id,
    /// The names under which it may be caught; none for what a program throws itself.
    pub(super) families: &'static [&'static str],
    pub(super) at: At,
    pub(super) tool: Option<Word>,
}

#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) vars: BTreeMap<Word, Id>,
    pub(super) facts: Facts,
}

#[derive(Debug, Default)]
pub(super) struct Ends {
    pub(super) breaks: Vec<State>,
    pub(super) continues: Vec<State>,
}

#[derive(Debug, Clone)]
pub(super) struct Return {
    pub(super) value: Id,
    pub(super) facts: Facts,
    /// It was left because nothing was configured: what the other paths check counts here, too.
    pub(super) unconfigured: bool,
}

#[derive(Debug)]
pub(super) struct Frame {
    pub(super) scope: u32,
    pub(super) closure: Option<u32>,
    pub(super) this: Option<Id>,
    pub(super) returns: Vec<Return>,
    pub(super) loops: Vec<Ends>,
    /// Names that it says are not its own.
    pub(super) outside: BTreeSet<Word>,
    /// Names of what is behind a lock, and where that is kept.
    pub(super) locked: BTreeMap<Word, kept::Slot>,
    pub(super) called_from: At,
    /// What was being caught, for a bare `raise`.
    pub(super) caught: Vec<Throw>,
}

/// What a call did the last time with the same arguments and the same knowledge.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) value: Id,
    pub(super) facts: Facts,
    pub(super) throws: Vec<Throw>,
    pub(super) alive: bool,
}

type Asked = (u32, Option<Id>, Args, Facts);

/// A flow under way to becoming evidence.
pub(super) type Flows = BTreeMap<(String, String, Sink, At), Flow>;

/// Everything that the run knows.
#[derive(Debug)]
pub(super) struct World<'m> {
    pub(super) modules: &'m [Module],
    pub(super) lines: &'m [Vec<&'m str>],
    pub(super) wall: &'m Wall,
    pub(super) values: Values,
    pub(super) scopes: Vec<Scope>,
    /// The scope of each module, once it was run.
    pub(super) module_scopes: Vec<Option<u32>>,
    pub(super) exports: BTreeMap<(u32, Word), Id>,
    pub(super) closures: Vec<Closure>,
    pub(super) closure_ids: HashMap<(usize, u32, Option<Id>), u32>,
    pub(super) classes: Vec<Kept>,
    pub(super) class_ids: HashMap<(usize, u32), u32>,
    /// What members of values were set to.
    pub(super) fields: HashMap<Id, BTreeMap<Word, Id>>,
    pub(super) shelf: kept::Shelf,
    /// A tool writes what it is sent into a database.
    pub(super) fills_database: bool,
    /// What was found to be an element of a value, until something is stored.
    pub(super) elements: HashMap<Id, Id>,
    pub(super) ran: BTreeSet<u32>,
    pub(super) frames: Vec<Frame>,
    pub(super) facts: Facts,
    pub(super) throws: Vec<Throw>,
    pub(super) done: HashMap<Asked, Done>,
    /// What functions of the server's own said, and of which values they said it.
    pub(super) looked: HashMap<Id, BTreeSet<Id>>,
    /// What parts of the condition say that is looked at, with how deep they were looked into, and
    /// at how many.
    pub(super) told: HashMap<(Id, bool), (u32, refine::Learned)>,
    pub(super) looks: u32,
    pub(super) depth: u32,
    pub(super) steps: u64,
    pub(super) steps_each: u64,
    pub(super) out_of_time: bool,
    pub(super) out_of_memory: bool,
    /// A module, or a handler, was not followed to its end.
    pub(super) cut: bool,
    /// How many steps what is being run may take.
    each: u64,
    pub(super) flows: Flows,
    pub(super) registry: Registry,
    pub(super) noted: super::facts::Noted,
    pub(super) aside: super::aside::Aside,
    /// What is done for a client with nothing of a client's in it that was seen.
    pub(super) done_for_clients: BTreeSet<Sink>,
    /// What files take and could not be followed, with why.
    pub(super) unfollowed: BTreeSet<(u32, String)>,
    /// Whether any file imports something that speaks SQL.
    pub(super) speaks_sql: bool,
    /// What fields of Go's types are called in JSON.
    pub(super) tags: HashMap<Word, Word>,
    /// The same for Rust's files, and what they take from each other.
    pub(super) crates: rust::Crates<'m>,
    /// Whether what is run now is a handler with what a client sends.
    pub(super) handling: bool,
}

impl<'m> World<'m> {
    pub(super) fn new(
        modules: &'m [Module],
        lines: &'m [Vec<&'m str>],
        wall: &'m Wall,
        speaks_sql: bool,
    ) -> Self {
        Self {
            modules,
            lines,
            wall,
            values: Values::default(),
            scopes: Vec::new(),
            module_scopes: vec![None; modules.len()],
            exports: BTreeMap::new(),
            closures: Vec::new(),
            closure_ids: HashMap::new(),
            classes: Vec::new(),
            class_ids: HashMap::new(),
            fields: HashMap::new(),
            shelf: kept::Shelf::default(),
            fills_database: false,
            elements: HashMap::new(),
            ran: BTreeSet::new(),
            frames: Vec::new(),
            facts: Facts::default(),
            throws: Vec::new(),
            done: HashMap::new(),
            looked: HashMap::new(),
            told: HashMap::new(),
            looks: 0,
            depth: 0,
            steps: 0,
            steps_each: 0,
            out_of_time: false,
            out_of_memory: false,
            cut: false,
            each: STEPS_EACH,
            flows: Flows::new(),
            registry: Registry::default(),
            noted: Default::default(),
            aside: super::aside::Aside::of(modules),
            done_for_clients: BTreeSet::new(),
            unfollowed: BTreeSet::new(),
            speaks_sql,
            tags: modules.iter().flat_map(|it| it.tags.iter().cloned()).collect(),
            crates: rust::Crates::of(modules),
            handling: false,
        }
    }

    /// All modules, then every function that none of them called, then the handlers.
    pub(super) fn run(&mut self) {
        for module in 0..self.modules.len() {
            let _scope = self.run_module(u32::try_from(module).unwrap_or(u32::MAX));
        }
        let (mut next, end) = (0, self.steps.saturating_add(UNASKED));
        self.each = UNASKED_EACH;
        while next < u32::try_from(self.closures.len()).unwrap_or(u32::MAX) && self.steps < end {
            self.steps_each = 0;
            if self.tired() {
                break;
            }
            if !self.ran.contains(&next) {
                let known = self.registered();
                self.run_unasked(next);
                // One that registers is followed to its end, or it is said.
                self.cut |= self.steps_each >= self.each && self.registered() > known;
            }
            next = next.saturating_add(1);
        }
        self.each = STEPS_EACH;
        self.cut |= self.steps >= end;
        self.run_handlers();
    }

    /// Runs a module once; the scope that its names are in.
    pub(super) fn run_module(&mut self, module: u32) -> Option<u32> {
        let modules: &'m [Module] = self.modules;
        let known = modules.get(module as usize)?;
        if let Some(Some(scope)) = self.module_scopes.get(module as usize) {
            return Some(*scope);
        }
        let scope = self.open(None);
        if let Some(slot) = self.module_scopes.get_mut(module as usize) {
            *slot = Some(scope);
        }
        self.steps_each = 0;
        let facts = std::mem::take(&mut self.facts);
        let throws = std::mem::take(&mut self.throws);
        let handling = std::mem::replace(&mut self.handling, false);
        self.frames.push(Frame::new(scope, None, None, At::default()));
        match known.tongue {
            Tongue::Go => self.run_package(packages::folder(&known.name), scope),
            _ => {
                let _alive = self.block(&known.body);
            }
        }
        let _frame = self.frames.pop();
        (self.facts, self.throws, self.handling) = (facts, throws, handling);
        Some(scope)
    }

    /// The files of a Go package have one scope: first what they declare, then what they compute.
    fn run_package(&mut self, folder: &str, scope: u32) {
        let modules: &'m [Module] = self.modules;
        let mut bodies = Vec::new();
        for (number, module) in modules.iter().enumerate() {
            if module.tongue == Tongue::Go && packages::folder(&module.name) == folder {
                if let Some(slot) = self.module_scopes.get_mut(number) {
                    *slot = Some(scope);
                }
                bodies.push(packages::parted(&module.body));
            }
        }
        for (declared, _) in &bodies {
            let _alive = self.block(declared);
        }
        for (_, computed) in &bodies {
            let _alive = self.block(computed);
        }
    }

    pub(super) fn open(&mut self, parent: Option<u32>) -> u32 {
        let scope = u32::try_from(self.scopes.len()).unwrap_or(u32::MAX);
        self.scopes.push(Scope { parent, vars: BTreeMap::new() });
        scope
    }

    /// Whether a step more would be too many.
    pub(super) fn tired(&mut self) -> bool {
        self.steps = self.steps.saturating_add(1);
        self.steps_each = self.steps_each.saturating_add(1);
        if self.steps.is_multiple_of(256) {
            self.out_of_time |= self.wall.is_late();
            self.out_of_memory |= self.wall.is_full();
        }
        self.out_of_time |= self.steps >= STEPS;
        self.out_of_memory |= self.values.weight >= WEIGHT;
        let spent = self.steps_each >= self.each;
        self.cut |= spent && self.each == STEPS_EACH;
        self.out_of_time || self.out_of_memory || spent
    }

    pub(super) fn make(&mut self, node: Node, at: At) -> Id {
        self.values.make(node, at)
    }

    pub(super) fn unknown(&mut self, at: At) -> Id {
        self.values.make(Node::Unknown(at), at)
    }

    pub(super) fn is_python(&self, at: At) -> bool {
        self.is_python_file(at.file)
    }

    pub(super) fn is_python_file(&self, file: u32) -> bool {
        self.tongue(file) == Some(Tongue::Python)
    }

    pub(super) fn is_script(&self, at: At) -> bool {
        self.tongue(at.file) == Some(Tongue::Script)
    }

    pub(super) fn is_go(&self, at: At) -> bool {
        self.tongue(at.file) == Some(Tongue::Go)
    }

    /// Whether what is run now is what a client asked for.
    pub(super) fn is_asked_by_a_client(&self) -> bool {
        self.handling
    }

    pub(super) fn is_rust(&self, at: At) -> bool {
        self.tongue(at.file) == Some(Tongue::Rust)
    }

    fn tongue(&self, file: u32) -> Option<Tongue> {
        self.modules.get(file as usize).map(|it| it.tongue)
    }

    /// A file's line.
    pub(super) fn line(&self, at: At) -> String {
        let lines = self.lines.get(at.file as usize);
        let line = lines.and_then(|it| it.get((at.line as usize).saturating_sub(1)));
        let line = line.map(|it| shown(it.trim())).unwrap_or_default();
        line.chars().take(SHOWN).collect()
    }

    /// Each of what a value may be, with what is then known.
    pub(super) fn alternatives(&self, id: Id) -> Vec<Alt> {
        match self.values.get(id) {
            Node::Phi(alts) => alts.clone(),
            Node::Or(values) => {
                values.iter().map(|it| Alt { value: *it, known: Rc::from([]) }).collect()
            }
            _ => vec![Alt { value: id, known: Rc::from([]) }],
        }
    }
}

impl Frame {
    pub(super) fn new(scope: u32, closure: Option<u32>, this: Option<Id>, from: At) -> Self {
        Self {
            scope,
            closure,
            this,
            returns: Vec::new(),
            loops: Vec::new(),
            outside: BTreeSet::new(),
            locked: BTreeMap::new(),
            called_from: from,
            caught: Vec::new(),
        }
    }
}
