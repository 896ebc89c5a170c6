//! What a server may want of the host's model is cut to the operator's limits: how
//! long an answer, which models, no context of others, and a use of tools in which
//! every use is answered (MCP-SAMP-03, -05, -06, -07).

use portcullis_catalog::control::SAMPLING_BOUNDED;
use portcullis_guard::text::visible;
use portcullis_policy::{Decision, Effect, Names, Obligation, Sampling};
use portcullis_wire::{Json, Object, array, elements};
use serde_json::Value;

/// What a request may have beside `_meta`; all of it is shown to the person.
const KNOWN: &[&str] = &[
    "messages",
    "systemPrompt",
    "maxTokens",
    "modelPreferences",
    "temperature",
    "stopSequences",
    "metadata",
    "tools",
    "toolChoice",
    "includeContext",
    "_meta",
];

/// Messages in one request: more than a person looks through.
const MESSAGES: usize = 128;
/// Tools that a model is offered in one request.
const TOOLS: usize = 64;
/// Rounds of tool use in one conversation; the server's own loop has an end.
const ROUNDS: usize = 16;

/// The request as it may be shown and go on, and what it lost.
pub(crate) fn bound(params: &Json, may: &Sampling) -> Result<(Json, Decision), Decision> {
    let mut members = params.object().ok_or_else(|| no("it has no parameters"))?;
    let mut cut = Cut::default();
    cut.unknown(&mut members);
    cut.tokens(&mut members, may.max_tokens)?;
    cut.context(&mut members);
    cut.models(&mut members, &may.models)?;
    let messages = members.get("messages").map(Json::value);
    well_formed(messages.as_ref().and_then(Value::as_array).ok_or_else(|| no("no messages"))?)?;
    let tools = members.get("tools").map(Json::value);
    if tools.and_then(|tools| tools.as_array().map(Vec::len)).unwrap_or(0) > TOOLS {
        return Err(no("it offers the model too many tools"));
    }
    Ok((members.to_json(), cut.0))
}

/// What a request lost, as a decision.
#[derive(Default)]
struct Cut(Decision);

impl Cut {
    fn say(&mut self, why: String) {
        let cut = Decision::because(Effect::Allow, SAMPLING_BOUNDED, why);
        self.0 = std::mem::take(&mut self.0).and(cut.owing(Obligation::Rewritten));
    }

    fn unknown(&mut self, members: &mut Object) {
        let names = members.iter().map(|(name, _)| name.to_owned());
        let unknown: Vec<String> = names.filter(|name| !KNOWN.contains(&name.as_str())).collect();
        if unknown.is_empty() {
            return;
        }
        for name in &unknown {
            members.remove(name);
        }
        let names: String = unknown.join(", ").chars().take(200).collect();
        self.say(format!("it carries {}, which is not passed on", visible(&names)));
    }

    fn tokens(&mut self, members: &mut Object, most: u32) -> Result<(), Decision> {
        let wanted = members.get("maxTokens").map(Json::value);
        let wanted = wanted.and_then(|wanted| wanted.as_f64()).filter(|wanted| *wanted >= 1.0);
        let wanted = wanted.ok_or_else(|| no("`maxTokens` is no number of tokens"))?;
        if wanted > f64::from(most) {
            members.set("maxTokens", Json::from_value(&most.into()));
            self.say(format!("it wants more than {most} tokens"));
        }
        Ok(())
    }

    /// What the host or other servers said is nothing for this one.
    fn context(&mut self, members: &mut Object) {
        let Some(context) = members.get("includeContext") else { return };
        if context.as_text().as_deref() != Some("none") {
            members.set("includeContext", Json::string("none"));
            self.say("it wants the context of others".to_owned());
        }
    }

    /// Wishes for models that the operator did not list are no wishes.
    fn models(&mut self, members: &mut Object, models: &Names) -> Result<(), Decision> {
        let Some(preferences) = members.get("modelPreferences") else { return Ok(()) };
        let mut preferences =
            preferences.object().ok_or_else(|| no("`modelPreferences` is no object"))?;
        let Some(hints) = preferences.get("hints") else { return Ok(()) };
        let hints = elements(hints).ok_or_else(|| no("`hints` is no list"))?;
        if models.is_empty() {
            return Ok(());
        }
        let listed = |hint: &&Json| {
            let name = hint.object().and_then(|hint| hint.get("name")?.as_text());
            name.is_some_and(|name| models.judge(&name).is_ok())
        };
        let kept: Vec<Json> = hints.iter().filter(listed).cloned().collect();
        if kept.len() == hints.len() {
            return Ok(());
        }
        self.say(format!("{} of the models that it wishes for", hints.len() - kept.len()));
        if kept.is_empty() {
            preferences.remove("hints");
        } else {
            preferences.set("hints", array(&kept));
        }
        members.set("modelPreferences", preferences.to_json());
        Ok(())
    }
}

/// Every use of a tool is answered in the next message, which holds nothing else
/// (2025-11-25, client/sampling, Message Content Constraints).
fn well_formed(messages: &[Value]) -> Result<(), Decision> {
    if messages.len() > MESSAGES {
        return Err(no("it has too many messages"));
    }
    let mut open: Vec<&str> = Vec::new();
    let mut rounds = 0;
    for message in messages {
        let role = message.get("role").and_then(Value::as_str).unwrap_or_default();
        let results = ids(message, "tool_result", "toolUseId")?;
        let uses = ids(message, "tool_use", "id")?;
        if !results.is_empty() || !open.is_empty() {
            let mut answered = results.clone();
            answered.sort_unstable();
            open.sort_unstable();
            if role != "user" || blocks(message).len() != results.len() || answered != open {
                return Err(no("a use of a tool is not answered, alone and in the next message"));
            }
        }
        if !uses.is_empty() {
            rounds += 1;
            if role != "assistant" {
                return Err(no("only the model uses tools"));
            }
        }
        open = uses;
    }
    if !open.is_empty() {
        return Err(no("the last use of a tool has no answer"));
    }
    if rounds > ROUNDS {
        return Err(no("its use of tools has no end"));
    }
    Ok(())
}

/// A message's content: one block or several.
fn blocks(message: &Value) -> &[Value] {
    match message.get("content") {
        Some(Value::Array(blocks)) => blocks,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

fn ids<'a>(message: &'a Value, kind: &str, name: &str) -> Result<Vec<&'a str>, Decision> {
    let of_kind = blocks(message)
        .iter()
        .filter(|block| block.get("type").and_then(Value::as_str) == Some(kind));
    let ids = of_kind.map(|block| block.get(name).and_then(Value::as_str));
    let ids: Option<Vec<&str>> = ids.collect();
    ids.ok_or_else(|| no("a use of a tool has no id"))
}

fn no(why: &str) -> Decision {
    Decision::deny(SAMPLING_BOUNDED, why)
}

#[cfg(test)]
mod tests {
    use portcullis_policy::Pattern;
    use serde_json::json;

    use super::*;

    fn may() -> Sampling {
        let models = Names { allow: Some(vec![Pattern::new("small*")]), ..Names::default() };
        Sampling { max_tokens: 100, models, ..Sampling::default() }
    }

    fn bounded(params: &Value) -> Result<Value, String> {
        let bounded = bound(&Json::from_value(params), &may());
        bounded
            .map(|(json, _)| json.value())
            .map_err(|why| why.because.iter().map(|because| because.why.clone()).collect())
    }

    #[test]
    fn more_than_the_operator_gives_is_cut() {
        let asked = json!({
            "messages": [], "maxTokens": 5000, "includeContext": "allServers", "task": {"ttl": 1},
            "modelPreferences": {"hints": [{"name": "huge"}, {"name": "small-1"}, {}], "speedPriority": 1},
        });
        let left = json!({
            "messages": [], "maxTokens": 100, "includeContext": "none",
            "modelPreferences": {"hints": [{"name": "small-1"}], "speedPriority": 1},
        });
        assert_eq!(bounded(&asked), Ok(left.clone()));
        let (same, decision) = bound(&Json::from_value(&left), &may()).expect("it fits");
        assert_eq!((same.value(), decision), (left, Decision::default()));
        let only = json!({"messages": [], "maxTokens": 1, "modelPreferences": {"hints": [{"name": "huge"}]}});
        assert_eq!(bounded(&only).expect("cut")["modelPreferences"], json!({}));
        for tokens in [json!(0), json!(-1), json!("9"), json!(null)] {
            assert!(bounded(&json!({"messages": [], "maxTokens": tokens})).is_err(), "{tokens}");
        }
    }

    #[test]
    fn every_use_of_a_tool_is_answered_alone_and_at_once() {
        let says = |role: &str, content: Value| json!({"role": role, "content": content});
        let uses = |id: &str| json!({"type": "tool_use", "id": id, "name": "t", "input": {}});
        let result = |id: &str| json!({"type": "tool_result", "toolUseId": id, "content": []});
        let text = || json!({"type": "text", "text": "x"});
        for (messages, fits) in [
            (json!([says("user", text())]), true),
            (json!([says("assistant", uses("1")), says("user", result("1"))]), true),
            (
                json!([
                    says("assistant", json!([uses("1"), uses("2")])),
                    says("user", json!([result("2"), result("1")])),
                ]),
                true,
            ),
            (json!([says("assistant", uses("1"))]), false),
            (json!([says("assistant", uses("1")), says("user", text())]), false),
            (json!([says("assistant", uses("1")), says("user", result("2"))]), false),
            (
                json!([says("assistant", uses("1")), says("user", json!([result("1"), text()]))]),
                false,
            ),
            (json!([says("user", result("1"))]), false),
            (json!([says("user", uses("1")), says("user", result("1"))]), false),
            (json!([says("assistant", uses("1")), says("assistant", result("1"))]), false),
            (json!([says("assistant", json!({"type": "tool_use"}))]), false),
        ] {
            let asked = json!({"messages": messages, "maxTokens": 1});
            assert_eq!(bounded(&asked).is_ok(), fits, "{messages}");
        }
        let round = [says("assistant", uses("1")), says("user", result("1"))];
        let rounds = |count: usize| json!({"maxTokens": 1, "messages": round.iter().cycle().take(2 * count).collect::<Vec<_>>()});
        assert!(bounded(&rounds(ROUNDS)).is_ok() && bounded(&rounds(ROUNDS + 1)).is_err());
    }
}
