//! Calls that are made in another way than by a name: by way of another function, of an object, or of a member.

use std::rc::Rc;

use crate::evidence::source::{FactKind, Sink};

use super::super::ir::{At, Word};
use super::super::sinks::Asked;
use super::value::{Alt, Args, Id, Node, Op};
use super::{Return, World};

/// Collections of somebody else's, which are empty when they are made.
#[rustfmt::skip]
const COLLECTIONS: &[&str] = &[
    "queue.Queue", "queue.SimpleQueue", "queue.LifoQueue", "queue.PriorityQueue", "asyncio.Queue", "asyncio.LifoQueue", "asyncio.PriorityQueue",
    "multiprocessing.Queue", "multiprocessing.SimpleQueue", "collections.deque", "collections.defaultdict", "contextvars.ContextVar", "threading.local",
    "cachetools.TTLCache", "cachetools.LRUCache", "WeakMap", "WeakSet", "async_hooks.AsyncLocalStorage", "chan!", "sync.Map", "atomic.Value", "list.New",
];
/// Methods that give back what was put in.
#[rustfmt::skip]
const GETS: &[&str] = &[
    "get", "get_nowait", "pop", "popleft", "popitem", "shift", "take", "dequeue", "poll", "peek", "getItem", "getStore", "next", "at", "recv!", "Load",
    "LoadAndDelete", "Front", "Back",
];
/// Methods that give back all of it.
const GET_ALL: &[&str] = &["values", "copy", "toArray", "keys"];
/// How many members a name that is made may stand for.
const MEMBERS: usize = 80;

impl World<'_> {
    /// A call that is made in another way. None when it is not one.
    pub(super) fn called(&mut self, asked: &Asked<'_>) -> Option<Id> {
        let (recv, at) = (asked.recv, asked.at);
        let first = asked.args.first().map(|(_, it)| *it);
        if COLLECTIONS.contains(&asked.path)
            && (asked.args.is_empty() || asked.path.ends_with("ContextVar"))
        {
            return Some(self.unknown(at));
        }
        if let Some(got) = recv.and_then(|it| self.given_back(it, asked.method, first, at)) {
            return Some(got);
        }
        if self.is_script(at) {
            return self.called_in_script(asked, first);
        }
        match asked.path {
            "str.join" => Some(self.joined(first?, asked.args.get(1).map(|(_, it)| *it), at)),
            "itertools.chain" => {
                let all = asked.args.iter().map(|(_, it)| (true, *it)).collect();
                Some(self.make(Node::List(all), at))
            }
            "operator.concat" | "operator.add" => {
                let parts: Vec<Id> = asked.args.iter().map(|(_, it)| *it).collect();
                Some(self.concat(&parts, at))
            }
            "functools.reduce" => {
                let (function, list) = (first?, asked.args.get(1)?.1);
                let element = self.element(list, at);
                let start = asked.args.get(2).map_or(element, |(_, it)| *it);
                self.call(function, vec![(None, start), (None, element)], at)
            }
            "setattr" => {
                let word = self.values.text(asked.args.get(1)?.1).cloned()?;
                self.store_field(first?, &word, asked.args.get(2)?.1, at);
                None
            }
            "str" | "repr" => self.shown(first?, at),
            _ => self.begun(asked),
        }
    }

    fn called_in_script(&mut self, asked: &Asked<'_>, first: Option<Id>) -> Option<Id> {
        let at = asked.at;
        let rest = |skip: usize| asked.args.iter().skip(skip).cloned().collect::<Args>();
        match (asked.path, asked.method) {
            ("Reflect.apply", _) => {
                let args = self.spread(asked.args.get(2)?.1);
                return self.call(first?, args, at);
            }
            ("Reflect.get", _) | ("lodash.get", _) => {
                return Some(self.index(first?, asked.args.get(1)?.1, at));
            }
            ("Promise", _) => return Some(self.promised(first?, at)),
            ("String", _) => return self.shown(first?, at),
            ("setTimeout" | "setInterval", _) => {
                let _value = self.call(first.filter(|it| self.is_function(*it))?, rest(2), at);
                return None;
            }
            (_, "`") if asked.recv.is_some_and(|it| self.starts_programs(it)) => {
                return self.started_by_template(asked);
            }
            (_, "on" | "once" | "addListener" | "addEventListener") => {
                let name = self.values.text(first?).cloned()?;
                let function = asked.args.get(1)?.1;
                if self.is_function(function) {
                    self.store_field(asked.recv?, &Rc::from(format!("on:{name}")), function, at);
                }
                return None;
            }
            (_, "emit" | "dispatchEvent") => {
                let name = self.values.text(first?).cloned()?;
                let heard = self.field(asked.recv?, &format!("on:{name}"))?;
                return self.call(heard, rest(1), at);
            }
            _ => {}
        }
        let function = asked.recv.filter(|it| self.can_be_called(*it, at))?;
        match asked.method {
            "call" => self.call(function, rest(1), at),
            "apply" => {
                let args = asked.args.get(1).map(|(_, it)| self.spread(*it)).unwrap_or_default();
                self.call(function, args, at)
            }
            "bind" => Some(self.make(Node::Partial(function, rest(1)), at)),
            _ => None,
        }
    }

    /// Whether a tag starts what its template says, each value in it as one word.
    fn starts_programs(&self, tag: Id) -> bool {
        const TAGS: [&str; 8] = [
            "zx.$",
            "execa.$",
            "execa.execa",
            "execa",
            "bun.$",
            "Bun.$",
            "zx.$.sync",
            "execa.$.sync",
        ];
        let path = self.values.path(tag).unwrap_or_default();
        let path = path.trim_end_matches("()");
        // Scripts that zx runs have it without an import.
        TAGS.contains(&path) || path == "$"
    }

    fn started_by_template(&mut self, asked: &Asked<'_>) -> Option<Id> {
        let at = asked.at;
        let parts = match self.values.get(asked.args.first()?.1).clone() {
            Node::Parts(parts) => parts,
            _ => vec![asked.args.first()?.1],
        };
        let mut words: Vec<Vec<Id>> = vec![Vec::new()];
        for part in parts {
            let Some(text) = self.values.text(part).cloned() else {
                words.last_mut()?.push(part);
                continue;
            };
            for (index, piece) in text.split(char::is_whitespace).enumerate() {
                if index > 0 {
                    words.push(Vec::new());
                }
                if !piece.is_empty() {
                    let piece = self.make(Node::Text(Rc::from(piece)), at);
                    words.last_mut()?.push(piece);
                }
            }
        }
        let mut items = Vec::new();
        for word in words.into_iter().filter(|it| !it.is_empty()) {
            items.push((false, self.concat(&word, at)));
        }
        let list = self.make(Node::List(items), at);
        let options = match self.values.get(asked.recv?) {
            Node::Call(_, _, args) => args.clone(),
            _ => Args::new(),
        };
        let args: Args = [(None, list)].into_iter().chain(options).collect();
        let started = Asked { path: "!template", method: "!template", recv: None, args: &args, at };
        let _came = self.sink(&started);
        Some(self.make(Node::Call(Rc::from("!template"), None, args), at))
    }

    /// Whether a value is a function, ours or one that can do harm.
    fn can_be_called(&self, id: Id, at: At) -> bool {
        if self.is_function(id) {
            return true;
        }
        let Some(path) = self.values.path(id) else { return false };
        let (recv, method) = match self.values.get(id) {
            Node::Member(base, name) => (Some(*base), name.to_string()),
            _ => (None, path.rsplit('.').next().unwrap_or_default().to_owned()),
        };
        let args = Args::new();
        self.comes_from_elsewhere(&Asked { path: &path, method: &method, recv, args: &args, at })
    }

    /// The values of a list as those of a call.
    fn spread(&self, list: Id) -> Args {
        match self.values.get(list) {
            Node::List(items) if items.iter().all(|(spread, _)| !spread) => {
                items.iter().map(|(_, it)| (None, *it)).collect()
            }
            _ => vec![(Some(Rc::from("*")), list)],
        }
    }

    /// `new Promise((resolve) => ...)`: what it is resolved with.
    fn promised(&mut self, begins: Id, at: At) -> Id {
        let name = format!("!resolve:{}:{}:{}", at.file, at.line, at.column);
        let resolve = self.make(Node::Global(Rc::from(name)), at);
        let _before = self.fields.remove(&resolve);
        let reject = self.unknown(at);
        let _value = self.call(begins, vec![(None, resolve), (None, reject)], at);
        self.inside(resolve).unwrap_or_else(|| self.unknown(at))
    }

    /// `resolve(value)`
    pub(super) fn resolves(&mut self, asked: &Asked<'_>, callee: Id) -> bool {
        let resolves = asked.path.starts_with("!resolve:");
        if resolves && let Some((_, value)) = asked.args.first() {
            self.store_field(callee, &Rc::from(super::kept::INSIDE), *value, asked.at);
        }
        resolves
    }

    /// Collections, channels and contexts of Go's.
    pub(super) fn kept_in_go(&mut self, asked: &Asked<'_>, first: Option<Id>) -> Option<Id> {
        if COLLECTIONS.contains(&asked.path) {
            return Some(self.unknown(asked.at));
        }
        let recv = asked.recv?;
        if asked.method == "Value"
            && let Node::Call(path, _, args) = self.values.get(recv)
            && path.as_ref() == "context.WithValue"
        {
            return args.get(2).map(|(_, it)| *it);
        }
        if asked.method == "Range"
            && let (Some(function), Some(inside)) = (first, self.inside(recv))
        {
            let key = self.unknown(asked.at);
            return self.call(function, vec![(None, key), (None, inside)], asked.at);
        }
        self.given_back(recv, asked.method, first, asked.at)
    }

    /// Channels of Rust's: what is sent into one end comes out of the other.
    pub(super) fn of_channel(&mut self, recv: Id, method: &str, args: &Args, at: At) -> Option<Id> {
        if !matches!(self.values.get(recv), Node::Unknown(_)) {
            return None;
        }
        match (method, args.as_slice()) {
            (
                "send" | "try_send" | "blocking_send" | "send_async" | "send_timeout",
                [(_, value), ..],
            ) => {
                self.store_field(recv, &Rc::from(super::kept::INSIDE), *value, at);
                Some(self.unknown(at))
            }
            (
                "recv" | "try_recv" | "blocking_recv" | "recv_async" | "recv_timeout" | "next"
                | "unwrap" | "expect" | "unwrap_or_default" | "borrow" | "into_iter" | "iter",
                _,
            ) => self.inside(recv),
            _ => None,
        }
    }

    /// What was put into a collection.
    fn given_back(&mut self, recv: Id, method: &str, key: Option<Id>, at: At) -> Option<Id> {
        let all = GET_ALL.contains(&method);
        if !all && !GETS.contains(&method) {
            return None;
        }
        let inside = self.inside(recv);
        let word = key.and_then(|it| self.values.text(it).cloned());
        let under = word.and_then(|it| self.field(recv, &it));
        if matches!(self.values.get(recv), Node::List(_) | Node::Each(_)) && !all && method != "get"
        {
            return Some(self.element(recv, at));
        }
        let found = under.or(inside)?;
        Some(match all {
            true => self.make(Node::Each(Alt { value: found, known: Rc::from([]) }), at),
            false => found,
        })
    }

    /// A function that somebody else is to run, with what it is to be given: a thread, a timer, a task.
    fn begun(&mut self, asked: &Asked<'_>) -> Option<Id> {
        let named = |word: &str| {
            asked.args.iter().find(|(name, _)| name.as_deref() == Some(word)).map(|(_, it)| *it)
        };
        let at = asked.at;
        if matches!(asked.path, "functools.partial" | "map" | "filter") {
            return None;
        }
        let place =
            asked.args.iter().position(|(name, it)| name.is_none() && self.is_function(*it));
        let function = named("target").or(named("func")).or(named("function"));
        let function = function.filter(|it| self.is_function(*it));
        let function =
            function.or_else(|| place.and_then(|it| asked.args.get(it)).map(|(_, it)| *it))?;
        let listed = matches!(
            asked.path,
            "threading.Thread"
                | "multiprocessing.Process"
                | "threading.Timer"
                | "_thread.start_new_thread"
        ) || matches!(asked.method, "apply_async" | "apply");
        let mut args = match named("args").or(named("fargs")) {
            Some(list) => self.spread(list),
            None => Args::new(),
        };
        let behind = place.map_or(asked.args.len(), |it| it.saturating_add(1));
        for (_, it) in asked.args.iter().skip(behind).filter(|(name, _)| name.is_none()) {
            match listed {
                true => args.extend(self.spread(*it)),
                false => args.push((None, *it)),
            }
        }
        if let Some(entries) = named("kwargs").and_then(|it| self.entries(it)) {
            args.extend(entries);
        }
        if !args.iter().any(|(_, it)| self.values.tainted(*it)) {
            return None;
        }
        let _value = self.call(function, args, at);
        None
    }

    /// A generator gives out a value, and goes on.
    pub(super) fn gives_out(&mut self, value: Id, each: bool, at: At) -> Id {
        let value = if each { self.element(value, at) } else { value };
        let value = self.make(Node::Each(Alt { value, known: Rc::from([]) }), at);
        let facts = self.facts.clone();
        if let Some(frame) = self.frames.last_mut() {
            frame.returns.push(Return { value, facts, unconfigured: false });
        }
        self.unknown(at)
    }

    /// What a context holds: of a generator, what it gives out.
    pub(super) fn held(&mut self, id: Id, at: At) -> Id {
        let given = |it: &Alt| matches!(self.values.get(it.value), Node::Each(_) | Node::Nothing);
        let generated = match self.values.get(id) {
            Node::Each(_) => true,
            Node::Phi(alts) => {
                alts.iter().all(given)
                    && alts.iter().any(|it| matches!(self.values.get(it.value), Node::Each(_)))
            }
            _ => false,
        };
        if generated { self.element(id, at) } else { id }
    }

    /// A function that nobody knows is given what a client sends: what it does with it, nobody can say.
    pub(super) fn note_unknown(&mut self, asked: &Asked<'_>) {
        let sent = asked.args.iter().any(|(_, it)| self.values.tainted(*it));
        if !self.handling || !asked.path.is_empty() || asked.recv.is_some() || !sent {
            return;
        }
        for sink in [Sink::Shell, Sink::FileRead, Sink::Sql] {
            let text = self.call_text(asked.at);
            let _new = self.noted.entry((FactKind::Unclear(sink), asked.at)).or_insert(text);
        }
    }

    /// The entries of a map as named values of a call, what is spread in it included.
    pub(super) fn entries(&self, map: Id) -> Option<Args> {
        let (mut open, mut found) = (vec![map], Args::new());
        while let Some(id) = open.pop() {
            let Node::Map(entries) = self.values.get(id) else { return None };
            if found.len() > 200 {
                return None;
            }
            for (key, value) in entries {
                match key {
                    None => open.push(*value),
                    Some(key) => {
                        let word = self.values.text(*key).cloned();
                        found.push((Some(word.unwrap_or_else(|| Rc::from("**"))), *value));
                    }
                }
            }
        }
        Some(found)
    }

    /// An object that can be called.
    pub(super) fn called_object(&mut self, object: Id, at: At) -> Option<Id> {
        let class = match self.values.get(object) {
            Node::Instance(class) => *class,
            Node::Map(entries) => {
                entries.iter().find_map(|(key, it)| match self.values.get(*it) {
                    Node::Class(class) if key.is_none() => Some(*class),
                    _ => None,
                })?
            }
            _ => return None,
        };
        let found = self.of_class(class, &Rc::from("__call__"), at)?;
        self.is_function(found).then_some(found)
    }

    /// What an object says of itself where a text is wanted.
    pub(super) fn shown(&mut self, object: Id, at: At) -> Option<Id> {
        let Node::Instance(class) = *self.values.get(object) else { return None };
        let names: &[&str] = match self.is_python(at) {
            true => &["__str__", "__repr__", "__format__"],
            false => &["toString", "valueOf"],
        };
        let says = names.iter().find_map(|it| self.of_class(class, &Rc::from(*it), at))?;
        self.is_function(says).then(|| self.call(says, Args::new(), at)).flatten()
    }

    /// `getattr(object, name)` with a name that is made: any member that it may be.
    pub(super) fn any_member(&mut self, of: Id, name: Id, at: At) -> Id {
        let begins = match self.values.get(name) {
            Node::Parts(parts) => parts.first().and_then(|it| self.values.text(*it)).cloned(),
            _ => None,
        };
        let begins = begins.unwrap_or_else(|| Rc::from(""));
        let mut names: Vec<Word> = Vec::new();
        let mut classes = match self.values.get(of) {
            Node::Instance(class) | Node::Class(class) => vec![*class],
            Node::Module(module) => {
                let scope = self.module_scopes.get(*module as usize).copied().flatten();
                let scope = scope.and_then(|it| self.scopes.get(it as usize));
                names.extend(scope.into_iter().flat_map(|it| it.vars.keys().cloned()));
                Vec::new()
            }
            _ => Vec::new(),
        };
        let mut seen = 0;
        while let Some(kept) = classes.pop().and_then(|it| self.classes.get(it as usize)) {
            seen += 1;
            if seen > 16 {
                break;
            }
            names.extend(kept.methods.keys().cloned());
            classes.extend(kept.bases.iter().filter_map(|it| match self.values.get(*it) {
                Node::Class(base) => Some(*base),
                _ => None,
            }));
        }
        names.retain(|it| it.starts_with(begins.as_ref()));
        names.truncate(MEMBERS);
        let mut found = Vec::new();
        for name in names {
            found.push(self.member(of, &name, at));
        }
        // Nobody sees what else it may be.
        if found.is_empty() || self.values.tainted(of) {
            found.push(self.make(Node::Through(Op::Same, of), at));
        }
        self.values.any(found, at)
    }
}
