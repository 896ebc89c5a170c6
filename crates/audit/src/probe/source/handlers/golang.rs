//! How Go's servers register: mark3labs/mcp-go and the official SDK.

use std::rc::Rc;

use crate::evidence::source::{Annotations, HandlerKind};

use super::super::bounds::Says;
use super::super::ir::{At, Word};
use super::super::taint::World;
use super::super::taint::value::{Args, Id, Node, Op};
use super::Given;

impl World<'_> {
    /// A tool, resource or prompt together with the function that answers, in whatever they are handed over.
    pub(super) fn register_go(&mut self, method: &str, args: &Args, at: At) -> Option<Id> {
        let mut flat: Vec<Id> = Vec::new();
        for (_, id) in args {
            match self.values.get(*id) {
                // `server.AddTool(tool(...))`, where it returns both.
                Node::List(items) if args.len() == 1 => flat.extend(items.iter().map(|it| it.1)),
                _ => flat.push(*id),
            }
        }
        let mut found = false;
        let mut last: Option<(HandlerKind, Id)> = None;
        for id in flat {
            if let Some(kind) = self.go_definition(id) {
                last = Some((kind, id));
            } else if let Some((kind, definition)) = last
                && self.is_function(id)
            {
                self.add_go(kind, definition, id, at);
                (found, last) = (true, None);
            }
        }
        // `server.ServerTool{Tool: tool, Handler: handler}`
        if matches!(
            method,
            "ServerTool" | "ServerResource" | "ServerPrompt" | "ServerResourceTemplate"
        ) {
            let of = |words: &[&str]| {
                args.iter().find(|(name, _)| name.as_deref().is_some_and(|it| words.contains(&it)))
            };
            let definition = of(&["Tool", "Resource", "Prompt", "Template"]).map(|it| it.1);
            let handler = of(&["Handler"]).map(|it| it.1);
            if let (Some(definition), Some(handler)) = (definition, handler)
                && let Some(kind) = self.go_definition(definition)
                && self.is_function(handler)
            {
                self.add_go(kind, definition, handler, at);
            }
        }
        found.then(|| self.unknown(at))
    }

    fn go_definition(&self, id: Id) -> Option<HandlerKind> {
        let path = match self.values.get(id) {
            Node::Call(path, ..) => path.as_ref(),
            Node::Phi(alts) => return alts.iter().find_map(|it| self.go_definition(it.value)),
            _ => return None,
        };
        match path {
            "mcp.NewTool" | "mcp.Tool" | "mcp.NewToolWithRawSchema" => Some(HandlerKind::Tool),
            "mcp.NewResource"
            | "mcp.Resource"
            | "mcp.NewResourceTemplate"
            | "mcp.ResourceTemplate" => Some(HandlerKind::Resource),
            "mcp.NewPrompt" | "mcp.Prompt" => Some(HandlerKind::Prompt),
            _ => None,
        }
    }

    fn add_go(&mut self, kind: HandlerKind, definition: Id, function: Id, at: At) {
        let definition = match self.values.get(definition) {
            Node::Phi(alts) => {
                alts.iter().map(|it| it.value).find(|it| self.go_definition(*it).is_some())
            }
            _ => Some(definition),
        };
        let made = definition.map(|it| self.values.get(it).clone());
        let Some(Node::Call(path, _, stated)) = made else { return };
        let named = |word: &str| {
            stated.iter().find(|(name, _)| name.as_deref() == Some(word)).map(|(_, it)| *it)
        };
        let first = stated.first().filter(|(name, _)| name.is_none()).map(|(_, it)| *it);
        let name = match path.starts_with("mcp.New") {
            true => first,
            false => named("Name").or_else(|| named("URI")).or_else(|| named("URITemplate")),
        };
        // `mcp.NewTool(string(ECHO))`
        let name = name.map(|it| match self.values.get(it) {
            Node::Through(Op::Same, inner) => *inner,
            _ => it,
        });
        let name = name.and_then(|it| self.values.text(it).map(ToString::to_string));
        let name = name.unwrap_or_else(|| "*".to_owned());
        let annotations = self.go_annotations(&stated);
        let read = self.go_schema(&stated);
        if let Some(it) = self.add(kind, name, function, Given::Go, at, &Args::new(), None) {
            (it.annotations, it.read) = (annotations, read);
        }
    }

    /// `mcp.WithReadOnlyHintAnnotation(true)`, or `Annotations: &mcp.ToolAnnotations{...}`.
    fn go_annotations(&self, stated: &Args) -> Option<Annotations> {
        let mut found = Annotations::default();
        let mut any = false;
        for (name, it) in stated {
            let Node::Call(path, _, args) = self.values.get(*it) else { continue };
            let inner = args.first().map(|(_, it)| *it);
            if name.as_deref() == Some("Annotations") || path.ends_with("ToolAnnotations") {
                any |= self.go_hints(args, &mut found);
            } else if path.as_ref() == "mcp.WithToolAnnotation" {
                if let Some(Node::Call(_, _, args)) = inner.map(|it| self.values.get(it)) {
                    any |= self.go_hints(args, &mut found);
                }
            } else if let Some(word) = path.strip_prefix("mcp.With")
                && let Some(word) = word.strip_suffix("Annotation")
            {
                let stated: Args = inner.into_iter().map(|it| (Some(Rc::from(word)), it)).collect();
                any |= self.go_hints(&stated, &mut found);
            }
        }
        any.then_some(found)
    }

    fn go_hints(&self, args: &Args, found: &mut Annotations) -> bool {
        let mut any = false;
        for (name, value) in args {
            let slot = match name.as_deref() {
                Some("ReadOnlyHint") => &mut found.read_only,
                Some("DestructiveHint") => &mut found.destructive,
                Some("IdempotentHint") => &mut found.idempotent,
                Some("OpenWorldHint") => &mut found.open_world,
                _ => continue,
            };
            *slot = self.go_bool(*value, 4);
            any = true;
        }
        any
    }

    fn go_bool(&self, id: Id, left: u32) -> Option<bool> {
        let left = left.checked_sub(1)?;
        match self.values.get(id) {
            Node::Bool(yes) => Some(*yes),
            Node::Through(_, inner) => self.go_bool(*inner, left),
            Node::Call(_, _, args) => args.first().and_then(|(_, it)| self.go_bool(*it, left)),
            _ => None,
        }
    }

    /// `mcp.WithString("name", mcp.MaxLength(80))`: what a client is told. The library holds nobody to it.
    fn go_schema(&self, stated: &Args) -> Vec<(Word, Says)> {
        let mut found = Vec::new();
        for (_, it) in stated {
            let Node::Call(path, _, args) = self.values.get(*it) else { continue };
            let Some(kind) = path.strip_prefix("mcp.With") else { continue };
            let Some(name) = args.first().and_then(|(_, it)| self.values.text(*it).cloned()) else {
                continue;
            };
            let options = args.iter().skip(1).filter_map(|(_, it)| match self.values.get(*it) {
                Node::Call(path, ..) => path.strip_prefix("mcp."),
                _ => None,
            });
            let bounded = match kind {
                "Boolean" => true,
                "String" | "Number" | "Integer" => options.into_iter().any(|it| {
                    matches!(it, "Enum" | "MaxLength" | "Pattern" | "Max" | "Min" | "MultipleOf")
                }),
                "Array" | "Object" => false,
                _ => continue,
            };
            found.push((name, Says { bounded, guard: None }));
        }
        found
    }

    /// What each parameter of a handler is given, by its type.
    pub(super) fn given_in_go(&mut self, handler: u32, function: Id, sent: Id, at: At) -> Args {
        let Some(original) = self.original(function, 8) else { return vec![(None, sent)] };
        let mut args = Args::new();
        for param in original.params.iter().filter(|it| it.name.as_ref() != "self") {
            let of = param.of.as_ref().map(|it| it.1.as_str()).unwrap_or_default();
            let value = if of.contains("context.") || of.contains("Session") {
                self.unknown(at)
            } else if ["Request", "Params"].iter().any(|it| of.contains(it)) && of.contains("mcp.")
            {
                self.go_request(handler, sent, of, at)
            } else {
                sent
            };
            args.push((None, value));
        }
        args
    }

    fn go_request(&mut self, handler: u32, sent: Id, of: &str, at: At) -> Id {
        let asked = self.make(Node::Asked(handler), at);
        let uri = self.make(Node::Param(handler, Rc::from("uri")), at);
        let mut entries = Vec::new();
        for (word, value) in [("Name", asked), ("Arguments", sent), ("URI", uri)] {
            entries.push((Some(self.make(Node::Text(Rc::from(word)), at)), value));
        }
        let params = self.make(Node::Map(entries), at);
        if of.contains("Params") && !of.contains("Request") {
            return params;
        }
        let key = self.make(Node::Text(Rc::from("Params")), at);
        self.make(Node::Map(vec![(Some(key), params)]), at)
    }

    /// The fields of the type that a handler takes its arguments as: what decodes them holds them to it.
    pub(super) fn go_fields(&mut self, function: Id) -> Vec<(Word, Says)> {
        let Some(original) = self.original(function, 8) else { return Vec::new() };
        let typed = original.params.iter().filter(|it| it.name.as_ref() != "self").find(|it| {
            it.of.as_ref().is_some_and(|it| !it.1.contains("context.") && !it.1.contains("mcp."))
        });
        let Some(param) = typed else { return Vec::new() };
        let Some(class) = self.type_of_param(function, param) else { return Vec::new() };
        self.schema_fields(class)
    }
}
