//! The parts of content that a person may change one by one, for a form without a script.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Unfit, unfit};
use crate::approval::Matter;

/// One field of a form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name in the form.
    pub name: String,
    /// What it is, for the person. A name in it is the server's.
    pub label: String,
    /// What is in it now.
    pub input: Input,
}

/// What may be put into a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A text of any length.
    Text(String),
    /// A number, this one at most.
    Number(u64),
    /// Texts, one on a line.
    Lines(Vec<String>),
    /// Something that stays as it is or is taken out.
    Keep,
}

/// Every part, in the order in which it is read.
#[must_use]
pub fn parts(matter: Matter, content: &str) -> Vec<Part> {
    let content: Value = serde_json::from_str(content).unwrap_or_default();
    placed(matter, &content).into_iter().map(|(_, part)| part).collect()
}

/// The content with what a form says of its parts. A part to keep that the form does not
/// name is taken out.
///
/// # Errors
/// When a part is missing, or is no number.
pub fn with(
    matter: Matter,
    content: &str,
    form: &BTreeMap<String, String>,
) -> Result<String, Unfit> {
    let before: Value = serde_json::from_str(content)
        .map_err(|_| unfit("what was asked cannot be read any more"))?;
    let mut content = before.clone();
    let mut out: Vec<usize> = Vec::new();
    for (place, part) in placed(matter, &before) {
        let given = form.get(&part.name);
        let missing = || unfit("the form is not whole");
        match part.input {
            Input::Text(was) => {
                let text = lines_as_written(given.ok_or_else(missing)?, &was);
                set(&mut content, &place, Value::from(text));
            }
            Input::Number(_) => {
                let number: Result<u64, _> = given.ok_or_else(missing)?.trim().parse();
                let number = number.map_err(|_| unfit("`maxTokens` is a whole number"))?;
                set(&mut content, &place, Value::from(number));
            }
            Input::Lines(_) => {
                let names = given.ok_or_else(missing)?.lines().map(str::trim);
                let names = names.filter(|name| !name.is_empty());
                let hints: Vec<Value> = names.map(|name| json!({ "name": name })).collect();
                set(&mut content, &place, Value::from(hints));
            }
            Input::Keep if given.is_none() => {
                out.extend(place.rsplit('/').next().and_then(|at| at.parse::<usize>().ok()));
            }
            Input::Keep => {}
        }
    }
    if let Some(tools) = content.get_mut("tools").and_then(Value::as_array_mut) {
        let mut at = 0;
        tools.retain(|_| {
            at += 1;
            !out.contains(&(at - 1))
        });
    }
    let none = content.get("tools").and_then(Value::as_array).is_some_and(Vec::is_empty);
    if let Some(members) = content.as_object_mut().filter(|_| none && !out.is_empty()) {
        // Without tools there is none to choose.
        members.remove("tools");
        members.remove("toolChoice");
    }
    Ok(content.to_string())
}

fn set(content: &mut Value, place: &str, value: Value) {
    if let Some(slot) = content.pointer_mut(place) {
        *slot = value;
    }
}

/// Browsers send every end of a line as two characters; what was not touched stays.
fn lines_as_written(given: &str, was: &str) -> String {
    let given = given.replace("\r\n", "\n");
    if was.replace("\r\n", "\n").replace('\r', "\n") == given { was.to_owned() } else { given }
}

/// Every part with its place in the content.
fn placed(matter: Matter, content: &Value) -> Vec<(String, Part)> {
    let mut all = Vec::new();
    let mut add = |place: String, label: String, input: Input| {
        let name = format!("part{}", all.len());
        all.push((place, Part { name, label, input }));
    };
    let text = |place: &str| content.pointer(place).and_then(Value::as_str).map(str::to_owned);
    if matter == Matter::SamplingAnswer {
        for (place, words) in texts(content, "") {
            add(place, "The answer".to_owned(), Input::Text(words));
        }
        return all;
    }
    if let Some(words) = text("/systemPrompt") {
        add("/systemPrompt".to_owned(), "System prompt".to_owned(), Input::Text(words));
    }
    let messages = content.get("messages").and_then(Value::as_array).map(Vec::len).unwrap_or(0);
    for at in 0..messages {
        let above = format!("/messages/{at}");
        let role = text(&format!("{above}/role")).unwrap_or_default();
        let whole = content.pointer(&above).cloned().unwrap_or_default();
        for (place, words) in texts(&whole, &above) {
            add(place, format!("Message {}, {role}", at + 1), Input::Text(words));
        }
    }
    if let Some(most) = content.get("maxTokens").and_then(Value::as_u64) {
        add("/maxTokens".to_owned(), "Most tokens of the answer".to_owned(), Input::Number(most));
    }
    let hints = "/modelPreferences/hints";
    if let Some(models) = content.pointer(hints).and_then(Value::as_array) {
        let names = models.iter().map(|hint| hint.get("name").and_then(Value::as_str));
        let names = names.map(|name| name.unwrap_or_default().to_owned()).collect();
        let label = "Models that are wished for, one on a line".to_owned();
        add(hints.to_owned(), label, Input::Lines(names));
    }
    let tools = content.get("tools").and_then(Value::as_array).map(Vec::as_slice);
    for (at, tool) in tools.unwrap_or_default().iter().enumerate() {
        let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
        add(format!("/tools/{at}"), format!("Offer the tool {name}"), Input::Keep);
    }
    all
}

/// The texts of a message or an answer that stands at a place.
fn texts(whole: &Value, above: &str) -> Vec<(String, String)> {
    let words = |block: &Value| block.get("text").and_then(Value::as_str).map(str::to_owned);
    match whole.get("content") {
        Some(Value::Array(blocks)) => {
            let each = blocks.iter().enumerate();
            let each = each.filter_map(|(at, block)| Some((at, words(block)?)));
            each.map(|(at, words)| (format!("{above}/content/{at}/text"), words)).collect()
        }
        Some(block) => {
            words(block).map(|words| (format!("{above}/content/text"), words)).into_iter().collect()
        }
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::judge;
    use super::*;

    const ASKED: &str = r#"{"maxTokens":100,"messages":[{"content":{"text":"a\r\nb","type":"text"},"role":"user"},{"content":[{"data":"","mimeType":"x","type":"image"},{"text":"c","type":"text"}],"role":"user"}],"modelPreferences":{"hints":[{"name":"m"}]},"systemPrompt":"s","tools":[{"name":"x"},{"name":"y"}]}"#;

    fn form(of: &[Part]) -> BTreeMap<String, String> {
        let text = |part: &Part| match &part.input {
            Input::Text(words) => words.replace("\r\n", "\n").replace('\n', "\r\n"),
            Input::Number(number) => number.to_string(),
            Input::Lines(lines) => lines.join("\r\n"),
            Input::Keep => "on".to_owned(),
        };
        of.iter().map(|part| (part.name.clone(), text(part))).collect()
    }

    #[test]
    fn a_form_that_nobody_touched_changes_nothing() {
        let all = parts(Matter::Sampling, ASKED);
        let labels: Vec<&str> = all.iter().map(|part| part.label.as_str()).collect();
        assert_eq!(labels[..3], ["System prompt", "Message 1, user", "Message 2, user"]);
        assert_eq!(labels.len(), 7, "{labels:?}");
        assert_eq!(with(Matter::Sampling, ASKED, &form(&all)).unwrap(), ASKED);
    }

    #[test]
    fn each_part_lands_in_its_place() {
        let all = parts(Matter::Sampling, ASKED);
        let mut says = form(&all);
        says.insert("part1".to_owned(), "new\r\nlines".to_owned());
        says.insert("part3".to_owned(), "7".to_owned());
        says.insert("part4".to_owned(), "n\r\n\r\no".to_owned());
        says.remove("part5");
        let edited = with(Matter::Sampling, ASKED, &says).unwrap();
        let value: Value = serde_json::from_str(&edited).unwrap();
        assert_eq!(value["messages"][0]["content"]["text"], "new\nlines");
        assert_eq!(value["maxTokens"], 7);
        assert_eq!(value["modelPreferences"]["hints"], json!([{"name": "n"}, {"name": "o"}]));
        assert_eq!(value["tools"], json!([{"name": "y"}]));
        judge(Matter::Sampling, ASKED, &edited).unwrap();
        says.insert("part3".to_owned(), "many".to_owned());
        assert!(with(Matter::Sampling, ASKED, &says).is_err());
        says.remove("part0");
        assert!(with(Matter::Sampling, ASKED, &says).is_err());
    }

    #[test]
    fn an_answer_has_its_words() {
        let answer = r#"{"content":{"text":"7","type":"text"},"model":"m","role":"assistant"}"#;
        let all = parts(Matter::SamplingAnswer, answer);
        let says = BTreeMap::from([(all[0].name.clone(), "8".to_owned())]);
        let edited = with(Matter::SamplingAnswer, answer, &says).unwrap();
        assert_eq!(edited, answer.replace('7', "8"));
        assert_eq!(parts(Matter::Tool, "[]"), []);
    }
}
