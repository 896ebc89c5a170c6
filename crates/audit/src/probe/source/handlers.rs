//! Which functions a client reaches, under which names, and what it may send them.

mod golang;
mod offered;
mod routes;
mod rust;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::evidence::source::{Annotations, GuardKind, HandlerKind};

use super::ir::{At, Function, Rest, Word};
use super::taint::value::{Args, Id, Node};
use super::taint::{Facts, Frame, World};

/// How often handlers are run at most, while what they keep for each other becomes more.
const ROUNDS: u32 = 3;

/// How a handler is given what a client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Given {
    /// Each value by its own name: Python.
    ByName,
    /// All in one object: TypeScript.
    Together,
    /// A name and arguments: Python's low level.
    NameAndArguments,
    /// A request object that holds both; whether a context stands before it.
    Request { after_context: bool },
    /// The address of a resource.
    Address,
    /// By the types of its parameters.
    Go,
    /// The same in Rust.
    Rust,
    /// A request over HTTP, and what answers it.
    Exchange,
}

#[derive(Debug)]
struct Registered {
    kind: HandlerKind,
    name: String,
    function: Id,
    given: Given,
    at: At,
    /// The schema that its registration states.
    schema: Option<Id>,
    /// The same, read already.
    read: Vec<(Word, super::bounds::Says)>,
    annotations: Option<Annotations>,
    /// The server says nothing of its errors.
    masked: bool,
    /// The names that it asks for, when it answers for several.
    tools: BTreeSet<Word>,
    /// What it takes out of the arguments, under which name of a tool.
    taken: BTreeSet<(Option<Word>, Word)>,
    raw: BTreeSet<(Option<Word>, At)>,
}

/// Every handler, and what lists of tools say.
#[derive(Debug, Default)]
pub(super) struct Registry {
    handlers: Vec<Registered>,
    /// Name, schema, annotations of what a list of tools offers.
    offered: BTreeMap<Word, (Option<Id>, Option<Annotations>, At)>,
    limits: BTreeMap<(u32, Word), super::bounds::Says>,
    /// Something before the routes may turn callers away.
    guarded: bool,
}

impl World<'_> {
    /// A call that registers a handler; what it returns.
    pub(super) fn register(
        &mut self,
        path: &str,
        method: &str,
        callee: Id,
        recv: Option<Id>,
        args: &Args,
        at: At,
    ) -> Option<Id> {
        if self.handling {
            return None;
        }
        if self.is_go(at) {
            return self.register_go(method, args, at);
        }
        if self.is_rust(at) {
            return self.register_rust(path, method, callee, args, at);
        }
        self.note_offer(method, args, at);
        if self.is_python(at) {
            self.register_python(path, method, callee, recv, args, at)
        } else {
            self.register_script(method, recv, args, at)
        }
    }

    fn register_python(
        &mut self,
        path: &str,
        method: &str,
        callee: Id,
        recv: Option<Id>,
        args: &Args,
        at: At,
    ) -> Option<Id> {
        let low = |word: &str| match word {
            "call_tool" => Some((HandlerKind::Tool, Given::NameAndArguments)),
            "get_prompt" => Some((HandlerKind::Prompt, Given::NameAndArguments)),
            "read_resource" => Some((HandlerKind::Resource, Given::Address)),
            _ => None,
        };
        let high = |word: &str| match word {
            "tool" | "add_tool" | "from_function" => Some(HandlerKind::Tool),
            "resource" => Some(HandlerKind::Resource),
            "prompt" => Some(HandlerKind::Prompt),
            _ => None,
        };
        self.register_constructed(args, at);
        let function = args.first().map(|(_, it)| *it).filter(|it| self.is_function(*it))?;
        if let Some(word) = path.rsplit('.').next().and_then(|it| it.strip_suffix("()")) {
            let Node::Call(_, outer, stated) = self.values.get(callee).clone() else { return None };
            let outer = outer?;
            if let Some((kind, given)) = low(word) {
                let _new =
                    self.add(kind, "*".to_owned(), function, given, at, &stated, Some(outer));
                return Some(function);
            }
            let kind = high(word)?;
            let name = self.stated_name(&stated, kind, function);
            let _new = self.add(kind, name, function, Given::ByName, at, &stated, Some(outer));
            return Some(function);
        }
        let kind = high(method)?;
        let _named_by = recv?;
        let stated: Args = args.iter().skip(1).cloned().collect();
        let name = self.stated_name(&stated, kind, function);
        let _new = self.add(kind, name, function, Given::ByName, at, &stated, recv);
        Some(function)
    }

    /// `Server("name", on_call_tool=handler)`
    fn register_constructed(&mut self, args: &Args, at: At) {
        let after_context = true;
        for (name, function) in args.clone() {
            let (kind, given) = match name.as_deref() {
                Some("on_call_tool") => (HandlerKind::Tool, Given::Request { after_context }),
                Some("on_get_prompt") => (HandlerKind::Prompt, Given::Request { after_context }),
                Some("on_read_resource") => {
                    (HandlerKind::Resource, Given::Request { after_context })
                }
                _ => continue,
            };
            if self.is_function(function) {
                let _new = self.add(kind, "*".to_owned(), function, given, at, &Args::new(), None);
            }
        }
    }

    fn stated_name(&self, stated: &Args, kind: HandlerKind, function: Id) -> String {
        let named = stated.iter().find(|(name, _)| matches!(name.as_deref(), Some("name")));
        let uri = stated.iter().find(|(name, _)| matches!(name.as_deref(), Some("uri")));
        let first = stated.first().filter(|(name, _)| name.is_none());
        let stated = match kind {
            HandlerKind::Resource => first.or(uri).or(named),
            _ => named.or(first),
        };
        let text = stated.and_then(|(_, it)| self.values.text(*it)).map(ToString::to_string);
        text.unwrap_or_else(|| {
            self.original(function, 8).map_or_else(|| "*".to_owned(), |it| it.name.to_string())
        })
    }

    fn register_script(
        &mut self,
        method: &str,
        recv: Option<Id>,
        args: &Args,
        at: At,
    ) -> Option<Id> {
        let recv = recv?;
        let kind = match method {
            "tool" | "registerTool" | "addTool" => HandlerKind::Tool,
            "resource" | "registerResource" | "addResource" | "addResourceTemplate" => {
                HandlerKind::Resource
            }
            "prompt" | "registerPrompt" | "addPrompt" => HandlerKind::Prompt,
            "setRequestHandler" => return self.register_request(args, at),
            _ => return self.register_route(method, recv, args, at),
        };
        let ids: Vec<Id> = args.iter().map(|(_, it)| *it).collect();
        let first = *ids.first()?;
        if let Node::Map(_) = self.values.get(first) {
            let word = |it: &str| Rc::<str>::from(it);
            let function = self
                .field_of(first, &word("execute"))
                .or_else(|| self.field_of(first, &word("handler")));
            let function = function.filter(|it| self.is_function(*it))?;
            let name = self
                .field_of(first, &word("name"))
                .and_then(|it| self.values.text(it).map(ToString::to_string));
            let _new = self.add(
                kind,
                name.unwrap_or_else(|| "*".to_owned()),
                function,
                Given::Together,
                at,
                args,
                Some(recv),
            );
            return Some(self.unknown(at));
        }
        let function = *ids.iter().skip(1).rev().find(|it| self.is_function(**it))?;
        let name = self.values.text(first).map(ToString::to_string);
        let given = if kind == HandlerKind::Resource { Given::Address } else { Given::Together };
        let _new = self.add(
            kind,
            name.unwrap_or_else(|| "*".to_owned()),
            function,
            given,
            at,
            args,
            Some(recv),
        );
        Some(self.unknown(at))
    }

    fn register_request(&mut self, args: &Args, at: At) -> Option<Id> {
        let schema = args.first().map(|(_, it)| *it)?;
        let function = args.get(1).map(|(_, it)| *it).filter(|it| self.is_function(*it))?;
        let name = self
            .values
            .path(schema)
            .or_else(|| self.values.text(schema).map(ToString::to_string))?;
        let kind = match name.rsplit('.').next().unwrap_or_default() {
            "CallToolRequestSchema" | "tools/call" => HandlerKind::Tool,
            "ReadResourceRequestSchema" | "resources/read" => HandlerKind::Resource,
            "GetPromptRequestSchema" | "prompts/get" => HandlerKind::Prompt,
            _ => return None,
        };
        let given = Given::Request { after_context: false };
        let _new = self.add(kind, "*".to_owned(), function, given, at, &Args::new(), None);
        Some(self.unknown(at))
    }

    #[expect(clippy::too_many_arguments, reason = "one call to register is one line of a table")]
    fn add(
        &mut self,
        kind: HandlerKind,
        name: String,
        function: Id,
        given: Given,
        at: At,
        stated: &Args,
        server: Option<Id>,
    ) -> Option<&mut Registered> {
        let at = self.original(function, 8).map_or(at, |it| it.at);
        let known = |it: &Registered| it.name == name && it.kind == kind && it.at == at;
        if self.registry.handlers.iter().any(known) || self.registry.handlers.len() >= 2_000 {
            return None;
        }
        let annotations = self.stated_annotations(stated);
        let schema = self.stated_schema(stated);
        let masked = server.is_some_and(|it| self.is_masked(it));
        self.registry.handlers.push(Registered {
            kind,
            name,
            function,
            given,
            at,
            schema,
            read: Vec::new(),
            annotations,
            masked,
            tools: BTreeSet::new(),
            taken: BTreeSet::new(),
            raw: BTreeSet::new(),
        });
        self.registry.handlers.last_mut()
    }

    fn is_masked(&self, server: Id) -> bool {
        self.alternatives(server).iter().any(|alt| match self.values.get(alt.value) {
            Node::Call(_, _, args) => args.iter().any(|(name, it)| {
                name.as_deref() == Some("mask_error_details")
                    && *self.values.get(*it) == Node::Bool(true)
            }),
            _ => false,
        })
    }

    /// What a list of tools says of one: `Tool(name=..., inputSchema=...)`.
    fn note_offer(&mut self, method: &str, args: &Args, at: At) {
        if method != "Tool" {
            return;
        }
        let named = |word: &str| {
            args.iter().find(|(name, _)| name.as_deref() == Some(word)).map(|(_, it)| *it)
        };
        let Some(name) = named("name").and_then(|it| self.values.text(it).cloned()) else { return };
        let schema = named("inputSchema").or_else(|| named("input_schema"));
        let annotations = named("annotations").and_then(|it| self.annotations_of(it));
        let _old = self.registry.offered.insert(name, (schema, annotations, at));
    }

    /// The same as an object: `{ name: ..., inputSchema: ... }`.
    pub(super) fn note_table(&mut self, id: Id) {
        let Node::Map(entries) = self.values.get(id) else { return };
        if self.handling || entries.len() < 2 || entries.len() > 12 {
            return;
        }
        let schema = self.field_of(id, &Rc::from("inputSchema"));
        let Some(schema) = schema.or_else(|| self.field_of(id, &Rc::from("parameters"))) else {
            return;
        };
        let name = self.field_of(id, &Rc::from("name"));
        let Some(name) = name.and_then(|it| self.values.text(it).cloned()) else { return };
        let annotations = self.field_of(id, &Rc::from("annotations"));
        let annotations = annotations.and_then(|it| self.annotations_of(it));
        let at = self.values.place(id);
        let _old = self.registry.offered.insert(name, (Some(schema), annotations, at));
    }

    /// A map's value under a fixed name.
    pub(super) fn field_of(&self, map: Id, name: &Word) -> Option<Id> {
        let Node::Map(entries) = self.values.get(map) else { return None };
        let fits =
            |it: &&(Option<Id>, Id)| it.0.is_some_and(|key| self.values.text(key) == Some(name));
        entries.iter().rev().find(fits).map(|(_, value)| *value)
    }

    fn stated_schema(&self, stated: &Args) -> Option<Id> {
        for (_, it) in stated {
            for word in ["inputSchema", "parameters", "argsSchema"] {
                if let Some(schema) = self.field_of(*it, &Rc::from(word)) {
                    return Some(schema);
                }
            }
        }
        let maps = stated.iter().filter(|(_, it)| {
            matches!(self.values.get(*it), Node::Map(_) | Node::Member(..))
                && self.annotations_of(*it).is_none()
        });
        maps.map(|(_, it)| *it).next()
    }

    /// The function that a wrapper stands around: the first that names its parameters.
    fn original(&self, value: Id, left: u32) -> Option<Rc<Function>> {
        let left = left.checked_sub(1)?;
        match self.values.get(value) {
            Node::Function(number) | Node::Bound(_, number) => {
                let closure = self.closures.get(*number as usize)?;
                let passes = !closure.function.params.is_empty()
                    && closure.function.params.iter().all(|it| it.rest != Rest::One);
                let inner = self.scopes.get(closure.scope as usize).filter(|_| passes);
                let inner = inner.filter(|it| it.parent.is_some());
                let inner = inner.and_then(|it| {
                    it.vars.values().find(|it| self.is_function(**it) && **it != value)
                });
                let inner = inner.and_then(|it| self.original(*it, left));
                inner.or_else(|| Some(Rc::clone(&closure.function)))
            }
            Node::Partial(inner, _) => self.original(*inner, left),
            Node::Phi(alts) => alts.iter().find_map(|alt| self.original(alt.value, left)),
            _ => None,
        }
    }

    pub(super) fn note_parameter(&mut self, handler: u32, name: &Word) {
        let tool = self.facts.tool.clone();
        if let Some(it) = self.registry.handlers.get_mut(handler as usize)
            && it.taken.len() < 500
        {
            let _new = it.taken.insert((tool, Rc::clone(name)));
        }
    }

    pub(super) fn note_tool(&mut self, handler: u32, name: &Word) {
        if let Some(it) = self.registry.handlers.get_mut(handler as usize) {
            let _new = it.tools.insert(Rc::clone(name));
        }
    }

    pub(super) fn handler_name(&self, handler: u32) -> String {
        let known = self.registry.handlers.get(handler as usize);
        let name = known.map(|it| it.name.clone()).unwrap_or_default();
        match &self.facts.tool {
            Some(tool) if name == "*" => tool.to_string(),
            _ => name,
        }
    }

    pub(super) fn handler_place(&self, handler: u32) -> Option<At> {
        self.registry.handlers.get(handler as usize).map(|it| it.at)
    }

    /// What a parameter's type alone rules out.
    pub(super) fn guards_of_type(&self, handler: u32, name: &Word) -> BTreeMap<GuardKind, At> {
        let key = (handler, Rc::clone(name));
        let mut says = self.registry.limits.get(&key);
        if says.is_none()
            && let Some(tool) = &self.facts.tool
        {
            let key = (handler, Rc::from(format!("{tool}.{name}")));
            says = self.registry.limits.get(&key);
        }
        let at = self.handler_place(handler).unwrap_or_default();
        says.and_then(|it| it.guard).map(|kind| (kind, at)).into_iter().collect()
    }

    /// How many handlers are known.
    pub(super) fn registered(&self) -> usize {
        self.registry.handlers.len()
    }

    /// Runs each handler on what a client may send.
    pub(super) fn run_handlers(&mut self) {
        self.handling = true;
        let mut count = u32::try_from(self.registry.handlers.len()).unwrap_or(u32::MAX);
        for handler in 0..count {
            self.limit(handler);
        }
        // What one keeps, those before it may find as well, and once more what they keep of it.
        for _ in 0..ROUNDS {
            let mut kept = 0;
            for handler in 0..count {
                self.open_shelf();
                self.crates.running = Some(handler);
                self.run_handler(handler);
                if self.close_shelf() {
                    kept = handler.saturating_add(1);
                }
            }
            count = kept;
        }
        if let Some(last) =
            count.checked_sub(1).and_then(|it| self.registry.handlers.get(it as usize))
        {
            let why = "its tools keep more for each other than is followed".to_owned();
            let _new = self.unfollowed.insert((last.at.file, why));
        }
        self.crates.running = None;
        self.handling = false;
    }

    /// What the schema rules out, before anything is run.
    fn limit(&mut self, handler: u32) {
        let Some(it) = self.registry.handlers.get(handler as usize) else { return };
        let (function, schema, low) = (it.function, it.schema, it.name == "*");
        let (mut read, given) = (it.read.clone(), it.given);
        if let Some(original) = self.original(function, 8).filter(|_| it.given == Given::ByName) {
            for param in &original.params {
                let says = self.says_of_param(function, param);
                let _old = self.registry.limits.insert((handler, Rc::clone(&param.name)), says);
            }
        }
        for (name, says) in schema.map(|it| self.schema_fields(it)).unwrap_or_default() {
            let _old = self.registry.limits.insert((handler, name), says);
        }
        match given {
            Given::Go => read.extend(self.go_fields(function)),
            Given::Rust => read.extend(self.rust_fields(function)),
            _ => {}
        }
        for (name, says) in read {
            let _old = self.registry.limits.insert((handler, name), says);
        }
        if low {
            let offered: Vec<(Word, Option<Id>)> =
                self.registry.offered.iter().map(|(name, it)| (Rc::clone(name), it.0)).collect();
            for (tool, schema) in offered {
                for (name, says) in schema.map(|it| self.schema_fields(it)).unwrap_or_default() {
                    let key = Rc::from(format!("{tool}.{name}"));
                    let _old = self.registry.limits.insert((handler, key), says);
                }
            }
        }
    }

    fn run_handler(&mut self, handler: u32) {
        let Some(it) = self.registry.handlers.get(handler as usize) else { return };
        let (function, given, at, name) = (it.function, it.given, it.at, it.name.clone());
        self.steps_each = 0;
        self.depth = 0;
        self.facts = Facts::default();
        self.throws.clear();
        self.frames.clear();
        self.done.clear();
        let scope = self.open(None);
        self.frames.push(Frame::new(scope, None, None, At::default()));
        let args = self.given_args(handler, given, function, at, &name);
        let mut value = self.call(function, args, At::default());
        if given == Given::Rust {
            value = value.map(|it| self.told_of(it, at));
        }
        self.frames.clear();
        let throws = std::mem::take(&mut self.throws);
        let mut raw: BTreeSet<(Option<Word>, At)> = throws
            .into_iter()
            .filter(|it| self.values.caught(it.value))
            .map(|it| (it.tool, self.caught_at(it.value)))
            .collect();
        if let Some(value) = value.filter(|it| self.values.caught(*it)) {
            let _new = raw.insert((None, self.caught_at(value)));
        }
        if let Some(it) = self.registry.handlers.get_mut(handler as usize)
            && !it.masked
        {
            it.raw = raw;
        }
    }

    fn caught_at(&self, id: Id) -> At {
        let mut waiting = vec![id];
        for _ in 0..2_000 {
            let Some(id) = waiting.pop() else { break };
            match self.values.get(id) {
                Node::Caught(at) => return *at,
                node => {
                    let parts = super::taint::value::parts(node);
                    waiting.extend(parts.into_iter().filter(|it| self.values.caught(*it)));
                }
            }
        }
        self.values.place(id)
    }

    fn given_args(&mut self, handler: u32, given: Given, function: Id, at: At, name: &str) -> Args {
        let sent = self.make(Node::Sent(handler), at);
        match given {
            Given::ByName => {
                let names: Vec<Word> =
                    self.client_params(function).into_iter().map(|(name, _)| name).collect();
                let param = |it: Word| {
                    let value = self.make(Node::Param(handler, Rc::clone(&it)), at);
                    (Some(it), value)
                };
                names.into_iter().map(param).collect()
            }
            Given::Together => vec![(None, sent)],
            Given::Go => self.given_in_go(handler, function, sent, at),
            Given::Rust => self.given_in_rust(handler, function, sent, at),
            Given::Exchange => self.given_exchange(sent, at),
            Given::NameAndArguments => {
                let asked = self.make(Node::Asked(handler), at);
                vec![(None, asked), (None, sent)]
            }
            Given::Address => {
                let uri = self.make(Node::Param(handler, Rc::from("uri")), at);
                vec![(None, uri), (None, sent)]
            }
            Given::Request { after_context } => {
                let params = self.request(handler, sent, at);
                let key = self.make(Node::Text(Rc::from("params")), at);
                let request = self.make(Node::Map(vec![(Some(key), params)]), at);
                match after_context {
                    true => vec![(None, self.unknown(at)), (None, params)],
                    false => {
                        let _ = name;
                        vec![(None, request)]
                    }
                }
            }
        }
    }

    fn request(&mut self, handler: u32, sent: Id, at: At) -> Id {
        let asked = self.make(Node::Asked(handler), at);
        let uri = self.make(Node::Param(handler, Rc::from("uri")), at);
        let mut entries = Vec::new();
        for (word, value) in [("name", asked), ("arguments", sent), ("uri", uri)] {
            entries.push((Some(self.make(Node::Text(Rc::from(word)), at)), value));
        }
        self.make(Node::Map(entries), at)
    }

    /// The parameters that a client fills: not `self`, not the context.
    fn client_params(&self, function: Id) -> Vec<(Word, Option<String>)> {
        let Some(original) = self.original(function, 8) else { return Vec::new() };
        let sent = original.params.iter().filter(|it| {
            let hidden = matches!(it.name.as_ref(), "self" | "cls");
            // By its type, as the SDKs know it: a client fills what is only called so.
            let context = it.of.as_ref().is_some_and(|(_, text)| is_context(text));
            it.rest == Rest::One && !hidden && !context
        });
        sent.map(|it| (Rc::clone(&it.name), it.of.as_ref().map(|(_, text)| text.clone()))).collect()
    }
}

/// Whether a type is the context that the SDK itself puts in: `Context`, `Context[Any, None]`, `mcp.Context | None`.
fn is_context(written: &str) -> bool {
    let words = written.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    const CONTEXTS: [&str; 4] =
        ["Context", "RequestContext", "ServerRequestContext", "ToolContext"];
    words.into_iter().any(|word| CONTEXTS.contains(&word))
}
