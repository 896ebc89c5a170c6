//! How Rust's servers register: `rmcp`, the official SDK, by its macros or by hand.

use std::rc::Rc;

use crate::evidence::source::HandlerKind;

use super::super::bounds::Says;
use super::super::ir::{At, Param, Word};
use super::super::taint::World;
use super::super::taint::value::{Args, Id, Node};
use super::Given;

/// Types of parameters that a client has no hand in.
const OURS: &[&str] = &[
    "RequestContext",
    "Peer",
    "Extension",
    "Context",
    "CancellationToken",
    "Meta",
    "McpServer",
    "RoleServer",
    "Runtime",
    "RequestId",
    "ToolCallContext",
    "PromptContext",
    "NotificationContext",
    "Extensions",
];

impl World<'_> {
    /// `#[tool]`, `#[prompt]`, and the methods of `ServerHandler`; lowering wrote each as a call that is given the function.
    pub(super) fn register_rust(
        &mut self,
        path: &str,
        method: &str,
        callee: Id,
        args: &Args,
        at: At,
    ) -> Option<Id> {
        if method == "Tool.new" || path.ends_with("Tool.new") {
            let named: Args =
                args.first().map(|it| (Some(Rc::from("name")), it.1)).into_iter().collect();
            let schema = args.get(2).map(|it| (Some(Rc::from("input_schema")), it.1));
            let named = named.into_iter().chain(schema).collect();
            self.note_offer("Tool", &named, at);
            return None;
        }
        self.note_offer(method, args, at);
        let Node::Call(_, _, stated) = self.values.get(callee).clone() else { return None };
        let (_, function) = args.first().filter(|it| self.is_function(it.1))?;
        let function = *function;
        let named = stated.iter().find(|it| it.0.as_deref() == Some("name")).map(|it| it.1);
        let named = named.and_then(|it| self.values.text(it).map(ToString::to_string));
        let own = || self.original(function, 8).map(|it| it.name.to_string());
        match path {
            "tool!()" | "prompt!()" => {
                let name = named.or_else(own)?;
                let kind = match path {
                    "tool!()" => HandlerKind::Tool,
                    _ => HandlerKind::Prompt,
                };
                let _new = self.add(kind, name, function, Given::Rust, at, &stated, None);
            }
            "handler!()" => {
                let kind = match own()? {
                    name if name.contains("resource") => HandlerKind::Resource,
                    name if name.contains("prompt") => HandlerKind::Prompt,
                    _ => HandlerKind::Tool,
                };
                let _new =
                    self.add(kind, "*".to_owned(), function, Given::Rust, at, &Args::new(), None);
            }
            _ => return None,
        }
        Some(function)
    }

    /// What each parameter of a handler is given, by its type.
    pub(super) fn given_in_rust(&mut self, handler: u32, function: Id, sent: Id, at: At) -> Args {
        let Some(original) = self.original(function, 8) else { return vec![(None, sent)] };
        let by_hand =
            matches!(self.registry.handlers.get(handler as usize), Some(it) if it.name == "*");
        let mut args = Args::new();
        for param in original.params.iter().filter(|it| it.name.as_ref() != "self") {
            let of = param.of.as_ref().map(|it| it.1.as_str()).unwrap_or_default();
            let value = if is_ours(of) {
                self.unknown(at)
            } else if of.contains("Request") && (by_hand || of.contains("RequestParam")) {
                self.rust_request(handler, sent, at)
            } else {
                self.sent_whole(handler, param, of, sent, at)
            };
            args.push((None, value));
        }
        args
    }

    /// All arguments in one type of the server's own, or one of them by its name.
    fn sent_whole(&mut self, handler: u32, param: &Param, of: &str, sent: Id, at: At) -> Id {
        let one = ["String", "&str", "Option<", "Vec<", "bool", "PathBuf"]
            .iter()
            .any(|it| of.starts_with(it))
            || is_number(of);
        match one {
            true => {
                self.note_parameter(handler, &param.name);
                self.make(Node::Param(handler, Rc::clone(&param.name)), at)
            }
            false => sent,
        }
    }

    fn rust_request(&mut self, handler: u32, sent: Id, at: At) -> Id {
        let params = self.request(handler, sent, at);
        let Node::Map(mut entries) = self.values.get(params).clone() else { return params };
        entries.push((Some(self.make(Node::Text("params".into()), at)), params));
        self.make(Node::Map(entries), at)
    }

    /// The fields of the type that a handler takes its arguments as: what reads them holds a client to it.
    pub(super) fn rust_fields(&mut self, function: Id) -> Vec<(Word, Says)> {
        let Some(original) = self.original(function, 8) else { return Vec::new() };
        let mut found = Vec::new();
        for param in original.params.iter().filter(|it| it.name.as_ref() != "self") {
            let of = param.of.as_ref().map(|it| it.1.as_str()).unwrap_or_default();
            if is_ours(of) || of.contains("RequestParam") {
                continue;
            }
            match self.type_of_param(function, param) {
                Some(class) if matches!(self.values.get(class), Node::Class(_)) => {
                    found.extend(self.schema_fields(class));
                }
                _ if !of.starts_with("Parameters<") => {
                    let says = self.says_of_param(function, param);
                    found.push((Rc::clone(&param.name), says));
                }
                _ => {}
            }
        }
        found
    }
}

fn is_ours(of: &str) -> bool {
    let of = of.trim_start_matches('&').trim_start();
    let of = of.strip_prefix("mut ").unwrap_or(of);
    let name = of.split('<').next().unwrap_or_default();
    let last = name.rsplit("::").next().unwrap_or_default().trim();
    let made = of.starts_with("Arc<dyn ") || of.starts_with("std::sync::Arc<dyn ");
    made || OURS.contains(&last) && !of.contains("Parameters<")
}

fn is_number(of: &str) -> bool {
    matches!(of, "f32" | "f64" | "usize" | "isize")
        || of.trim_start_matches(['u', 'i']).parse::<u8>().is_ok()
}
