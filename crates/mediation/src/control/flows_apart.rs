//! Private data, content from outside and a way out come together in one session
//! only when a person says yes (MCP-TOOL-12): whoever wrote the content could have
//! written to the model, and the model has something to send and a way to send it.
//!
//! | fact | when |
//! |---|---|
//! | private | a result came of a call that names a place in a root, or of one that reads and that its server calls closed; a file in a root was read |
//! | outside | a result came of an open-world tool that does not write, or of a resource at an address, and the server has a network |
//! | a way out | the call is one of an open-world tool of a server with a network, and it carries text |
//!
//! A call that names places in roots and nothing else stays at home, unless its name
//! says that it sends. What a tool says of itself counts only where it makes it the
//! more dangerous: no hint makes a way out of one, and silence is open world. The
//! step that is judged is the way out, because the other two do no harm by
//! themselves. A yes is about what was gathered until then; what comes after counts anew.

use portcullis_catalog::control::FLOWS_APART;
use portcullis_guard::path::path_arguments;
use portcullis_guard::text::{bounded, visible};
use portcullis_guard::words;
use portcullis_policy::{Decision, Effect, Flow, Tier};
use portcullis_wire::Request;
use portcullis_wire::view::resource;
use portcullis_wire::view::tool::ToolCall;
use serde_json::Value;

use crate::call::Call;
use crate::correlate::InFlight;
use crate::listing::{Lookup, Tool};
use crate::rewrite::arguments_value;
use crate::{Session, Settings};

/// Words of tools that send what they are given.
const SENDING: &[&str] = &[
    "comment", "email", "fetch", "http", "mail", "message", "notify", "post", "publish", "push",
    "reply", "request", "send", "share", "submit", "upload", "webhook",
];

/// What the result of a request brings into the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Brings {
    private: bool,
    outside: bool,
}

/// What was brought in, and by what.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    private: Option<String>,
    outside: Option<String>,
}

/// What a call is, in this respect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Facts {
    brings: Brings,
    way_out: bool,
}

fn facts(settings: &Settings, name: &str, tool: &Tool, arguments: &Value) -> Facts {
    let named = path_arguments(arguments, &tool.input);
    let inside = |path: &str| settings.roots.judge(path, settings.cwd.as_deref()).is_ok();
    let at_home = !settings.roots.is_empty() && named.iter().any(|(_, path)| inside(path));
    let closed = !tool.open_world && tool.tier == Tier::Read && !settings.roots.is_empty();
    let addressed = texts(arguments, &is_address);
    let sends = words(name).iter().any(|word| SENDING.contains(&word.as_str()));
    let open = settings.open_world && tool.open_world;
    // What writes gives back a receipt.
    let gives = !matches!(tool.tier, Tier::Write | Tier::Destructive);
    Facts {
        brings: Brings {
            private: at_home || closed,
            outside: open && gives && (!at_home || addressed),
        },
        way_out: open && (!at_home || addressed || sends) && texts(arguments, &|it| !it.is_empty()),
    }
}

/// Some text in a value is one of these.
fn texts(value: &Value, test: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => test(text),
        Value::Array(items) => items.iter().any(|item| texts(item, test)),
        Value::Object(members) => members.iter().any(|(_, value)| texts(value, test)),
        Value::Number(_) => test("0"),
        Value::Null | Value::Bool(_) => false,
    }
}

/// A place outside of this machine: a URL, or somebody's mailbox.
fn is_address(text: &str) -> bool {
    let mailbox = || {
        let (_, host) = text.split_once('@')?;
        (host.contains('.') && !text.contains(char::is_whitespace)).then_some(())
    };
    let (before, _) = text.split_once("://").unwrap_or(("file", ""));
    !before.eq_ignore_ascii_case("file") || mailbox().is_some()
}

impl Gathered {
    fn judge(&self, mode: Flow, name: &str, way_out: bool) -> Decision {
        let (Some(private), Some(outside)) = (&self.private, &self.outside) else {
            return Decision::default();
        };
        if !way_out {
            return Decision::default();
        }
        let why = format!(
            "`{private}` brought private data and `{outside}` brought content from outside, and \
             `{}` can carry the one to the other",
            shown(name)
        );
        let effect = match mode {
            Flow::Observe => Effect::Allow,
            Flow::Ask => Effect::Ask,
            Flow::Deny => Effect::Deny,
        };
        Decision::because(effect, FLOWS_APART, why)
    }
}

/// Long enough for the address of a file in a deep directory: where a name is
/// cut must not hide which file it was.
fn shown(name: &str) -> String {
    visible(&bounded(name, 256))
}

impl Session {
    /// Whether this call would carry out what must not leave.
    pub(crate) fn judge_flow(&self, name: &str, tool: &Tool, arguments: &Value) -> Decision {
        if !self.settings.open_world {
            return Decision::default();
        }
        let facts = facts(&self.settings, name, tool, arguments);
        self.policy(self.gathered.judge(self.settings.flow, name, facts.way_out))
    }

    /// What the answer to a request will bring.
    pub(crate) fn brings(&self, request: &Request) -> Brings {
        let params = request.params.as_ref();
        if !self.settings.open_world {
            // Without a network nothing leaves, so nothing need be counted.
            return Brings::default();
        }
        match request.method.as_str() {
            "tools/call" => {
                let Ok(call) = ToolCall::read(params) else { return Brings::default() };
                let Lookup::Known(tool) = self.tools.find(&call.name) else {
                    return Brings::default();
                };
                let arguments = arguments_value(call.arguments.as_ref());
                facts(&self.settings, &call.name, tool, &arguments).brings
            }
            "resources/read" => {
                let Ok(uri) = resource::uri(params) else { return Brings::default() };
                let roots = &self.settings.roots;
                let inside = roots.judge(&uri, self.settings.cwd.as_deref()).is_ok();
                Brings { private: !roots.is_empty() && inside, outside: is_address(&uri) }
            }
            _ => Brings::default(),
        }
    }

    /// The answer goes on to the host. A failure tells nothing private.
    pub(crate) fn brought(&mut self, row: &InFlight, failed: bool) {
        let Brings { private, outside } = row.carries.brings;
        let name = || shown(row.subject.as_deref().unwrap_or(&row.method));
        if private && !failed {
            self.gathered.private.get_or_insert_with(name);
        }
        if outside {
            self.gathered.outside.get_or_insert_with(name);
        }
    }

    /// A person who was asked about a call was told of what it could carry out.
    pub(crate) fn gathers_as_shown(&self, call: &Call, shown: &Decision) -> bool {
        let Lookup::Known(tool) = self.tools.find(&call.tool) else { return false };
        let now = self.judge_flow(&call.tool, tool, &call.value);
        now.effect == Effect::Allow || shown.names(FLOWS_APART)
    }

    /// A person let it happen: what was gathered until now is settled.
    pub(crate) fn settle_flow(&mut self, decision: &Decision) {
        if decision.names(FLOWS_APART) {
            self.gathered = Gathered::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_address_leads_out_of_this_machine() {
        for (text, expect) in [
            ("https://example.net/?q=1", true),
            ("wss://example.net", true),
            ("ada@example.net", true),
            ("file:///home/ada/notes", false),
            ("FILE:///home/ada/notes", false),
            ("src/main.rs", false),
            ("user@host", false),
            ("mail ada at a@b.c please", false),
            ("", false),
        ] {
            assert_eq!(is_address(text), expect, "{text}");
        }
    }

    #[test]
    fn all_three_are_needed_and_the_mode_decides() {
        let all = Gathered { private: Some("a".to_owned()), outside: Some("b".to_owned()) };
        let private = Gathered { private: Some("a".to_owned()), outside: None };
        let outside = Gathered { private: None, outside: Some("b".to_owned()) };
        for (gathered, mode, way_out, expect) in [
            (&all, Flow::Ask, true, Effect::Ask),
            (&all, Flow::Deny, true, Effect::Deny),
            (&all, Flow::Observe, true, Effect::Allow),
            (&all, Flow::Ask, false, Effect::Allow),
            (&private, Flow::Deny, true, Effect::Allow),
            (&outside, Flow::Deny, true, Effect::Allow),
        ] {
            let decision = gathered.judge(mode, "send", way_out);
            assert_eq!(decision.effect, expect, "{gathered:?} {mode:?} {way_out}");
        }
        assert!(all.judge(Flow::Observe, "send", true).names(FLOWS_APART));
    }

    #[test]
    fn nothing_is_carried_by_a_call_without_a_text() {
        let carries = |value: Value| texts(&value, &|it| !it.is_empty());
        for (value, expect) in [
            (json!({}), false),
            (json!({"all": true, "of": [null, {"it": ""}]}), false),
            (json!({"deep": [{"er": "x"}]}), true),
            (json!({"n": 4711}), true),
        ] {
            assert_eq!(carries(value.clone()), expect, "{value}");
        }
    }
}
