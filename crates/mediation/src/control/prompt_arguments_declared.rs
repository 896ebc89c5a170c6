//! A prompt gets the arguments that it declared, bounded texts all of them
//! (MCP-VAL-15). What comes back is looked at like every result.

use std::collections::BTreeMap;

use portcullis_catalog::control::PROMPT_ARGUMENTS_DECLARED;
use portcullis_guard::schema::Bounds;
use portcullis_policy::Decision;
use portcullis_wire::{Json, elements};
use serde_json::Value;

/// More prompts than any real server has.
const PROMPTS: usize = 4096;

/// What the server's listings of this session declared.
#[derive(Debug, Default)]
pub(crate) struct Prompts {
    /// Each prompt's arguments, and which of them are required.
    known: BTreeMap<String, BTreeMap<String, bool>>,
}

impl Prompts {
    /// The server says that its list changed: nothing is certain any more.
    pub(crate) fn doubt(&mut self) {
        self.known.clear();
    }

    /// Remembers a page of a listing.
    pub(crate) fn learn(&mut self, result: &Json) {
        let prompts = result.object().and_then(|members| elements(members.get("prompts")?));
        for prompt in prompts.unwrap_or_default() {
            let prompt = prompt.value();
            let Some(name) = prompt.get("name").and_then(Value::as_str) else { continue };
            let declared = prompt.get("arguments").and_then(Value::as_array);
            let arguments = declared.into_iter().flatten().filter_map(|argument| {
                let required = argument.get("required") == Some(&Value::Bool(true));
                Some((argument.get("name")?.as_str()?.to_owned(), required))
            });
            if self.known.len() < PROMPTS {
                self.known.insert(name.to_owned(), arguments.collect());
            }
        }
    }

    /// Judges the arguments of a `prompts/get`.
    pub(crate) fn judge(&self, name: &str, arguments: &Value) -> Decision {
        let deny = |why: &str| Decision::deny(PROMPT_ARGUMENTS_DECLARED, why);
        if let Err(excess) = Bounds::default().check(arguments) {
            return deny(&excess.to_string());
        }
        let given = arguments.as_object().into_iter().flatten();
        if given.clone().any(|(_, value)| !value.is_string()) {
            return deny("an argument of a prompt is a text");
        }
        let Some(declared) = self.known.get(name) else { return Decision::default() };
        if given.clone().any(|(argument, _)| !declared.contains_key(argument)) {
            return deny("the prompt declares no such argument");
        }
        let missing =
            |(argument, required): (&String, &bool)| *required && arguments.get(argument).is_none();
        if declared.iter().any(missing) {
            deny("an argument that the prompt needs is missing")
        } else {
            Decision::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use portcullis_policy::Effect;
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_declared_and_nothing_else() {
        let mut prompts = Prompts::default();
        prompts.learn(&Json::from_value(&json!({"prompts": [
            {"name": "p", "arguments": [{"name": "a", "required": true}, {"name": "b"}]}, {"name": "q"}]})));
        for (name, arguments, expect) in [
            ("p", json!({"a": "x"}), Effect::Allow),
            ("p", json!({"a": "x", "b": "y"}), Effect::Allow),
            ("p", json!({"b": "y"}), Effect::Deny),
            ("p", json!({"a": "x", "c": "y"}), Effect::Deny),
            ("p", json!({"a": 1}), Effect::Deny),
            ("q", json!({}), Effect::Allow),
            ("q", json!({"a": "x"}), Effect::Deny),
            ("unlisted", json!({"a": "x"}), Effect::Allow),
            ("unlisted", json!({"a": ["x"]}), Effect::Deny),
            ("unlisted", json!({"a": "x".repeat(70_000)}), Effect::Deny),
        ] {
            assert_eq!(prompts.judge(name, &arguments).effect, expect, "{name} {arguments}");
        }
        prompts.doubt();
        assert_eq!(prompts.judge("q", &json!({"a": "x"})).effect, Effect::Allow);
    }
}
