//! What a person may change of a question before it goes on: of what a server asks of the
//! model, and of what the model answers.
//!
//! An edit changes words and takes away. What is no text stays as it was or goes; nothing
//! that a server did not send, and nobody was shown, comes in by an edit. Whoever shows a
//! question can try an edit with [`judge`] before it is kept; the session tries it again,
//! with everything else that the content had to hold before.

mod parts;

use std::fmt;

use portcullis_wire::{Json, canonical};
use serde_json::{Map, Value};

pub use parts::{Input, Part, parts, with};

use crate::approval::Matter;

/// Deepest content that is read.
const DEPTH: usize = 64;
/// Longest edit, in bytes: what is longer could not be shown whole either.
pub const LONGEST: usize = 256 << 10;

/// What a person put in the place of what was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edited {
    /// The content, canonical JSON.
    pub content: String,
    /// Who did it, as the store tells it.
    pub by: String,
}

/// Why something is no edit, in words for the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unfit(pub(crate) String);

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unfit {}

type Fit = Result<(), Unfit>;

/// Whether content of this kind can be edited.
#[must_use]
pub fn may_edit(matter: Matter) -> bool {
    matches!(matter, Matter::Sampling | Matter::SamplingAnswer)
}

/// The edited content in its one order, if it may be put in the place of what was asked.
///
/// # Errors
/// When it is none: it says nothing else, more, or what only the server can say.
pub fn judge(matter: Matter, asked: &str, edited: &str) -> Result<String, Unfit> {
    if !may_edit(matter) {
        return Err(unfit("this cannot be edited, only approved or denied"));
    }
    if edited.len() > LONGEST {
        return Err(unfit("it is too large to be shown whole"));
    }
    let asked = read(asked).map_err(|_| unfit("what was asked cannot be read any more"))?;
    let edited = read(edited)?;
    let one_order = canonical(&edited);
    if one_order == canonical(&asked) {
        return Err(unfit("nothing was changed"));
    }
    let (asked, edited) = (asked.value(), edited.value());
    match matter {
        Matter::Sampling => request(members(&asked)?, members(&edited)?)?,
        _ => answer(members(&asked)?, members(&edited)?)?,
    }
    String::from_utf8(one_order).map_err(|_| unfit("it is no text"))
}

fn read(text: &str) -> Result<Json, Unfit> {
    let why = "it is no JSON that can be read in one way only";
    Json::parse(text.trim(), DEPTH).map_err(|_| unfit(why))
}

fn members(value: &Value) -> Result<&Map<String, Value>, Unfit> {
    value.as_object().ok_or_else(|| unfit("it is no object"))
}

/// A request for the model with other words, less of it, or both.
fn request(asked: &Map<String, Value>, edited: &Map<String, Value>) -> Fit {
    for (name, value) in edited {
        let before = asked.get(name);
        match name.as_str() {
            "messages" => messages(before, value)?,
            "systemPrompt" if value.is_string() => {}
            "maxTokens" => fewer(before, value)?,
            "modelPreferences" => wishes(before, value)?,
            "tools" => taken_out(before, value)?,
            "includeContext" if value == "none" => {}
            _ if before == Some(value) => {}
            _ => return Err(unfit(&format!("`{name}` can be taken out, not changed"))),
        }
    }
    // Without a word about tools the model may use them.
    let offers = edited.get("tools").and_then(Value::as_array).is_some_and(|all| !all.is_empty());
    let none = asked.get("toolChoice").and_then(|choice| choice.get("mode"));
    let none = none.and_then(Value::as_str) == Some("none");
    if none && offers && !edited.contains_key("toolChoice") {
        return Err(unfit("`toolChoice` says that no tool is used: take `tools` out with it"));
    }
    let left = |name: &str| edited.contains_key(name) || !asked.contains_key(name);
    match ["messages", "maxTokens"].into_iter().find(|name| !left(name)) {
        Some(name) => Err(unfit(&format!("`{name}` must be there"))),
        None => Ok(()),
    }
}

fn fewer(before: Option<&Value>, value: &Value) -> Fit {
    let (most, now) = (before.and_then(Value::as_f64), value.as_f64());
    match (most, now) {
        (Some(most), Some(now)) if now >= 1.0 && now <= most && value.is_u64() => Ok(()),
        _ => Err(unfit("`maxTokens` is a whole number, and at most what was asked for")),
    }
}

fn taken_out(before: Option<&Value>, value: &Value) -> Fit {
    let before = before.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let left = value.as_array().ok_or_else(|| unfit("`tools` is no list"))?;
    match left.iter().all(|tool| before.contains(tool)) {
        true => Ok(()),
        false => Err(unfit("a tool can be taken out, not changed or added")),
    }
}

/// Other models may be wished for; whether the operator lists them is judged elsewhere.
fn wishes(before: Option<&Value>, value: &Value) -> Fit {
    let empty = Map::new();
    let before = before.and_then(Value::as_object).unwrap_or(&empty);
    for (name, value) in members(value)? {
        let named = |hint: &Value| {
            hint.as_object().is_some_and(|hint| {
                hint.len() == 1 && hint.get("name").is_some_and(Value::is_string)
            })
        };
        let hints = name == "hints" && value.as_array().is_some_and(|all| all.iter().all(named));
        if !hints && before.get(name) != Some(value) {
            return Err(unfit(&format!("`{name}` can be taken out, not changed")));
        }
    }
    Ok(())
}

fn messages(before: Option<&Value>, value: &Value) -> Fit {
    let before = before.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let value = value.as_array().ok_or_else(|| unfit("`messages` is no list"))?;
    let known: Vec<&Value> = before.iter().flat_map(blocks).collect();
    let around: Vec<Value> = before.iter().map(|message| without(message, "content")).collect();
    for message in value {
        let says = without(message, "content");
        let plain =
            ["user", "assistant"].iter().any(|role| says == serde_json::json!({"role": role}));
        if !plain && !around.contains(&says) {
            return Err(unfit("a message has a role and content, and nothing new beside them"));
        }
        if message.get("content").is_none() {
            return Err(unfit("a message has content"));
        }
        blocks(message).iter().try_for_each(|block| said(&known, block))?;
    }
    Ok(())
}

/// The model's answer with other words, or fewer.
fn answer(asked: &Map<String, Value>, edited: &Map<String, Value>) -> Fit {
    let other = asked.iter().filter(|(name, _)| *name != "content");
    if asked.len() != edited.len()
        || other.into_iter().any(|(name, value)| edited.get(name) != Some(value))
    {
        return Err(unfit("of an answer only its content can be edited"));
    }
    let listed = |answer: &Map<String, Value>| answer.get("content").is_some_and(Value::is_array);
    if listed(asked) != listed(edited) {
        return Err(unfit("one block of content stays one, and a list a list"));
    }
    let (asked, edited) = (Value::from(asked.clone()), Value::from(edited.clone()));
    let (known, left): (Vec<&Value>, &[Value]) = (blocks(&asked).iter().collect(), blocks(&edited));
    if left.is_empty() {
        return Err(unfit("an answer without content is none: deny it instead"));
    }
    left.iter().try_for_each(|block| said(&known, block))
}

/// A block of content: text in other words, or one that was there.
fn said(known: &[&Value], block: &Value) -> Fit {
    if known.contains(&block) {
        return Ok(());
    }
    let is_text = block.get("type").is_some_and(|kind| kind == "text")
        && block.get("text").is_some_and(Value::is_string);
    let around = without(block, "text");
    let plain = around == serde_json::json!({"type": "text"});
    if is_text && (plain || known.iter().any(|known| without(known, "text") == around)) {
        return Ok(());
    }
    Err(unfit("what is no text can be taken out, not changed or added"))
}

/// A message's content: one block or several.
fn blocks(message: &Value) -> &[Value] {
    match message.get("content") {
        Some(Value::Array(blocks)) => blocks,
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

fn without(value: &Value, name: &str) -> Value {
    let mut value = value.clone();
    if let Some(members) = value.as_object_mut() {
        members.remove(name);
    }
    value
}

fn unfit(why: &str) -> Unfit {
    Unfit(why.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn asked() -> Value {
        json!({
            "messages": [
                {"role": "user", "content": {"type": "text", "text": "sum up", "annotations": {"priority": 1}}},
                {"role": "user", "content": [{"type": "image", "data": "aaaa", "mimeType": "image/png"}, {"type": "text", "text": "this"}]},
            ],
            "systemPrompt": "Be brief.", "maxTokens": 100, "temperature": 0.5,
            "modelPreferences": {"hints": [{"name": "small"}], "costPriority": 1},
            "tools": [{"name": "a", "inputSchema": {"type": "object"}}, {"name": "b", "inputSchema": {"type": "object"}}],
            "includeContext": "none",
        })
    }

    /// What was asked with another value at a place; null takes it out.
    fn put(pointer: &str, value: Value) -> Result<String, Unfit> {
        let (mut edited, text) = (asked(), asked().to_string());
        let (above, name) = pointer.rsplit_once('/').unwrap();
        let above = edited.pointer_mut(above).unwrap();
        match (above, value) {
            (Value::Object(members), Value::Null) => drop(members.remove(name)),
            (Value::Object(members), value) => drop(members.insert(name.to_owned(), value)),
            (Value::Array(items), Value::Null) => drop(items.remove(name.parse().unwrap())),
            (Value::Array(items), value) => items[name.parse::<usize>().unwrap()] = value,
            _ => unreachable!("a place in an object or a list"),
        }
        judge(Matter::Sampling, &text, &edited.to_string())
    }

    #[test]
    fn words_change_and_things_go() {
        for (place, value) in [
            ("/messages/0/content/text", json!("sum up, in one word")),
            ("/messages/0/content", json!({"type": "text", "text": "x"})),
            ("/messages/1/content/0", Value::Null),
            ("/messages/1", Value::Null),
            ("/messages/0", json!({"role": "assistant", "content": {"type": "text", "text": "x"}})),
            ("/systemPrompt", json!("Be kind.")),
            ("/systemPrompt", Value::Null),
            ("/maxTokens", json!(1)),
            ("/temperature", Value::Null),
            ("/modelPreferences/hints", json!([{"name": "other"}])),
            ("/modelPreferences/costPriority", Value::Null),
            ("/modelPreferences", Value::Null),
            ("/tools/0", Value::Null),
            ("/tools", json!([])),
            ("/includeContext", Value::Null),
        ] {
            let put = put(place, value.clone());
            assert!(put.is_ok(), "{place} {value}: {put:?}");
        }
    }

    #[test]
    fn nothing_new_comes_in() {
        for (place, value) in [
            ("/maxTokens", json!(101)),
            ("/maxTokens", json!(0)),
            ("/maxTokens", json!(1.5)),
            ("/maxTokens", json!("1")),
            ("/maxTokens", Value::Null),
            ("/messages", Value::Null),
            ("/messages", json!("x")),
            ("/messages/1/content/0/data", json!("bbbb")),
            (
                "/messages/1/content/0",
                json!({"type": "tool_use", "id": "1", "name": "a", "input": {}}),
            ),
            ("/messages/0/role", json!("system")),
            ("/messages/0/_meta", json!({"a": 1})),
            ("/messages/0/content", Value::Null),
            ("/messages/0/content/annotations", json!({"priority": 0})),
            ("/systemPrompt", json!(7)),
            ("/temperature", json!(0.9)),
            ("/stopSequences", json!(["x"])),
            ("/modelPreferences/hints", json!([{"name": "x", "more": 1}])),
            ("/modelPreferences/costPriority", json!(0)),
            ("/tools/0/name", json!("c")),
            ("/includeContext", json!("allServers")),
            ("/_meta", json!({"progressToken": 1})),
            ("/task", json!({"ttl": 1})),
        ] {
            assert!(put(place, value.clone()).is_err(), "{place} {value}");
        }
        let (text, none) = (asked().to_string(), Unfit("nothing was changed".to_owned()));
        assert_eq!(judge(Matter::Sampling, &text, &format!(" {text}\n")), Err(none));
        for broken in ["", "{", "[]", r#"{"maxTokens":1,"maxTokens":2}"#] {
            assert!(judge(Matter::Sampling, &text, broken).is_err(), "{broken}");
        }
        for matter in [Matter::Tool, Matter::Elicitation] {
            assert!(judge(matter, "{}", r#"{"a":1}"#).is_err());
        }
        let long = json!({"messages": [], "maxTokens": 1, "systemPrompt": "x".repeat(LONGEST)});
        assert!(judge(Matter::Sampling, &text, &long.to_string()).is_err());
    }

    /// Taking away a restriction would give more than was asked.
    #[test]
    fn a_model_that_was_to_use_no_tool_gets_none_by_an_edit() {
        let with = |choice: Value| {
            let mut asked = asked();
            asked["toolChoice"] = choice;
            asked
        };
        let none = with(json!({"mode": "none"}));
        let edit = |asked: &Value, gone: &[&str]| {
            let mut edited = asked.clone();
            let members = edited.as_object_mut().unwrap();
            gone.iter().for_each(|name| drop(members.remove(*name)));
            judge(Matter::Sampling, &asked.to_string(), &edited.to_string())
        };
        assert!(edit(&none, &["toolChoice"]).is_err());
        assert!(edit(&none, &["toolChoice", "tools"]).is_ok());
        assert!(edit(&none, &["tools"]).is_ok());
        assert!(edit(&none, &["systemPrompt"]).is_ok());
        for mode in ["auto", "required"] {
            assert!(edit(&with(json!({"mode": mode})), &["toolChoice"]).is_ok(), "{mode}");
        }
    }

    #[test]
    fn only_what_a_model_is_asked_and_says_can_be_edited() {
        let says = |text: &str| json!({"role": "assistant", "model": "m", "content": [{"type": "text", "text": text}]});
        let judged = |matter| judge(matter, &says("7").to_string(), &says("8").to_string());
        assert!(judged(Matter::SamplingAnswer).is_ok());
        for matter in Matter::ALL.into_iter().filter(|matter| !may_edit(*matter)) {
            let unfit = judged(matter).unwrap_err();
            assert!(unfit.to_string().contains("cannot be edited"), "{matter:?}: {unfit}");
        }
    }

    #[test]
    fn of_an_answer_only_the_words() {
        let uses = json!({"type": "tool_use", "id": "1", "name": "a", "input": {"path": "x"}});
        let asked = json!({"role": "assistant", "model": "m", "content": [{"type": "text", "text": "7"}, uses]});
        let with = |content: Value| {
            let mut edited = asked.clone();
            edited["content"] = content;
            judge(Matter::SamplingAnswer, &asked.to_string(), &edited.to_string())
        };
        let one = with(json!([{"type": "text", "text": "8"}])).unwrap();
        assert_eq!(
            one,
            r#"{"content":[{"text":"8","type":"text"}],"model":"m","role":"assistant"}"#
        );
        assert!(with(json!([uses])).is_ok());
        let other = json!([{"type": "tool_use", "id": "1", "name": "a", "input": {"path": "/"}}]);
        let single = json!({"type": "text", "text": "8"});
        for bad in [json!([]), json!(null), json!("8"), other, single] {
            assert!(with(bad.clone()).is_err(), "{bad}");
        }
        for (name, value) in [("model", json!("n")), ("role", json!("user")), ("more", json!(1))] {
            let mut edited = asked.clone();
            edited["content"] = json!([{"type": "text", "text": "8"}]);
            edited[name] = value;
            assert!(
                judge(Matter::SamplingAnswer, &asked.to_string(), &edited.to_string()).is_err()
            );
        }
    }
}
