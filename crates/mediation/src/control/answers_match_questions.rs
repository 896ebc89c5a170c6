//! What a host brings back to a call that was left open answers what was asked:
//! under the question's key, in its kind, and by its schema (MCP-VAL-18).
//!
//! The questions travel in the sealed state, so they are compared with what the
//! server really asked, not with what the host says that it asked. A question
//! without an answer goes on without one: the server asks again.

use std::collections::BTreeMap;

use portcullis_catalog::control::ANSWERS_MATCH_QUESTIONS;
use portcullis_guard::schema::Schema;
use portcullis_guard::text::{bounded, visible};
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::view::input_request::{InputRequest, InputRequired, InputResponses};
use portcullis_wire::{Json, Object, Revision, input_request};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::approval::Fingerprint;
use crate::input::{Inquiry, MODEL, content};

/// Longest schema of a form, in bytes: it travels with the state.
const SCHEMA: usize = 64 << 10;

/// A question, as far as its answer is judged by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Asked {
    pub(crate) method: String,
    /// What an accepted form must fit; nothing where no form was shown.
    schema: Option<Value>,
    /// What the model was asked: its answer is reviewed as one to this.
    pub(crate) digest: Option<Fingerprint>,
}

impl Asked {
    pub(crate) fn of(key: &str, method: &str, params: Option<&Json>) -> Result<Self, Decision> {
        let members = params.and_then(Json::object).unwrap_or_default();
        let schema = members.get("requestedSchema");
        if schema.is_some_and(|schema| schema.len() > SCHEMA) {
            return Err(no(key, "asks with a form that is too long"));
        }
        let digest = (method == MODEL).then(|| Fingerprint::of(&content(params)));
        Ok(Self { method: method.to_owned(), schema: schema.map(Json::value), digest })
    }

    /// Whether an answer is one to this question.
    pub(crate) fn judge(&self, key: &str, answer: &Json) -> Decision {
        let Some(row) = input_request(Revision::V2026_07_28, &self.method) else {
            return no(key, "answers a question that nobody knows");
        };
        if let Err(misfit) = row.result.holds(answer, "answer", Revision::V2026_07_28) {
            return no(key, &format!("is no answer to `{}`: {misfit}", self.method));
        }
        if self.method == "elicitation/create" { self.form(key, answer) } else { yes() }
    }

    /// A form that was accepted fits its schema; one that was not has no content.
    fn form(&self, key: &str, answer: &Json) -> Decision {
        let answer = answer.object().unwrap_or_default();
        let accepted = answer.get("action").and_then(Json::as_text).as_deref() == Some("accept");
        let content = answer.get("content").map(Json::value);
        match (self.schema.as_ref().filter(|_| accepted), content) {
            (Some(schema), content) => {
                let content = content.unwrap_or_else(|| Value::Object(serde_json::Map::new()));
                if let Some(name) = unasked(schema, &content) {
                    let name = visible(&bounded(name, 64));
                    return no(key, &format!("fills in `{name}`, which its form does not have"));
                }
                let fits = Schema::compile(schema)
                    .map_err(|why| why.to_string())
                    .and_then(|schema| schema.validate(&content).map_err(|why| why.to_string()));
                fits.map_or_else(
                    |why| no(key, &format!("does not fit its form: {why}")),
                    |()| yes(),
                )
            }
            (None, Some(content)) if content.as_object().is_none_or(|it| !it.is_empty()) => {
                no(key, "has content, and no form was accepted")
            }
            (None, _) => yes(),
        }
    }
}

/// A member of an answer that the form has no field for.
fn unasked<'a>(schema: &Value, content: &'a Value) -> Option<&'a str> {
    let fields = schema.get("properties").and_then(Value::as_object)?;
    let mut names = content.as_object()?.keys();
    names.find(|name| !fields.contains_key(*name)).map(String::as_str)
}

/// What a call that is left open asks, by key.
pub(crate) fn asked(required: &InputRequired) -> Result<BTreeMap<String, Asked>, Decision> {
    let each = required.requests.iter();
    let of =
        |request: &InputRequest| Asked::of(&request.key, &request.method, request.params.as_ref());
    each.map(|request| Ok((request.key.clone(), of(request)?))).collect()
}

/// The same of questions that were judged one by one.
pub(crate) fn asked_by(inquiries: &[Inquiry]) -> Result<BTreeMap<String, Asked>, Decision> {
    let of = |inquiry: &Inquiry| Asked::of(&inquiry.name, &inquiry.method, inquiry.params.as_ref());
    inquiries.iter().map(|inquiry| Ok((inquiry.name.clone(), of(inquiry)?))).collect()
}

/// Judges every answer by its question. Answers to no question are cut later.
pub(crate) fn judge(given: &InputResponses, asked: &BTreeMap<String, Asked>) -> Decision {
    given.responses.iter().fold(yes(), |decision, (key, answer)| match asked.get(key) {
        Some(asked) => decision.and(asked.judge(key, answer)),
        None => decision,
    })
}

/// Answers to questions that the server did not ask do not go on.
pub(crate) fn cut(params: &mut Object, asked: &BTreeMap<String, Asked>) -> Decision {
    let Some(mut answers) = params.get("inputResponses").and_then(Json::object) else {
        return yes();
    };
    let unasked = answers.iter().map(|(key, _)| key).filter(|key| !asked.contains_key(*key));
    let unasked: Vec<String> = unasked.map(str::to_owned).collect();
    if unasked.is_empty() {
        return yes();
    }
    for key in &unasked {
        answers.remove(key);
    }
    params.set("inputResponses", answers.to_json());
    let why = format!("{} answers to questions that were not asked", unasked.len());
    let cut = Decision::because(Effect::Allow, ANSWERS_MATCH_QUESTIONS, why);
    cut.owing(Obligation::Rewritten)
}

fn yes() -> Decision {
    Decision::default()
}

fn no(key: &str, why: &str) -> Decision {
    let why = format!("`{}` {why}", visible(&bounded(key, 64)));
    Decision::deny(ANSWERS_MATCH_QUESTIONS, why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn question(method: &str, params: &Value) -> BTreeMap<String, Asked> {
        let result = json!({"inputRequests": {"q": {"method": method, "params": params}}});
        let required = InputRequired::read(&Json::from_value(&result)).expect("a question");
        asked(&required).expect("short enough")
    }

    fn effect(asked: &BTreeMap<String, Asked>, answer: &Value) -> Effect {
        let params = Json::from_value(&json!({"inputResponses": {"q": answer}}));
        judge(&InputResponses::read(Some(&params)).expect("answers"), asked).effect
    }

    #[test]
    fn an_answer_is_of_the_kind_that_was_asked_for() {
        let roots = json!({"roots": [{"uri": "file:///home/ada/project"}]});
        let person = json!({"action": "decline"});
        let model = json!({
            "role": "assistant", "model": "m", "content": {"type": "text", "text": "hello"},
        });
        let text = json!({"role": "user", "content": {"type": "text", "text": "hello"}});
        let asks = [
            ("roots/list", json!({}), &roots),
            ("elicitation/create", json!({"message": "?", "requestedSchema": {}}), &person),
            ("sampling/createMessage", json!({"messages": [text], "maxTokens": 1}), &model),
        ];
        for (place, (method, params, _)) in asks.iter().enumerate() {
            for (other, (_, _, answer)) in asks.iter().enumerate() {
                let expect = if place == other { Effect::Allow } else { Effect::Deny };
                let asked = question(method, params);
                assert_eq!(effect(&asked, answer), expect, "{method} answered with {answer}");
            }
        }
    }

    #[test]
    fn a_form_fits_the_schema_that_was_shown() {
        let schema = json!({
            "type": "object", "required": ["age"],
            "properties": {"age": {"type": "integer", "minimum": 18}},
        });
        let form = json!({"message": "how old?", "requestedSchema": schema});
        let link = json!({"mode": "url", "message": "go", "url": "https://example.net/"});
        for (params, answer, expect) in [
            (&form, json!({"action": "accept", "content": {"age": 20}}), Effect::Allow),
            (&form, json!({"action": "accept", "content": {"age": 7}}), Effect::Deny),
            (&form, json!({"action": "accept", "content": {"age": "20"}}), Effect::Deny),
            (&form, json!({"action": "accept", "content": {"age": 20, "name": "x"}}), Effect::Deny),
            (&form, json!({"action": "accept"}), Effect::Deny),
            (&form, json!({"action": "decline"}), Effect::Allow),
            (&form, json!({"action": "decline", "content": {}}), Effect::Allow),
            (&form, json!({"action": "decline", "content": {"age": 20}}), Effect::Deny),
            (&form, json!({"action": "cancel", "content": {"age": 20}}), Effect::Deny),
            (&link, json!({"action": "accept"}), Effect::Allow),
            (&link, json!({"action": "accept", "content": {"age": 20}}), Effect::Deny),
        ] {
            let asked = question("elicitation/create", params);
            assert_eq!(effect(&asked, &answer), expect, "{params} answered with {answer}");
        }
    }

    #[test]
    fn a_schema_that_cannot_be_used_accepts_nothing_and_a_long_one_is_not_kept() {
        let remote = json!({"message": "?", "requestedSchema": {"$ref": "https://example.net/"}});
        let asked_remote = question("elicitation/create", &remote);
        let accepted = json!({"action": "accept", "content": {}});
        assert_eq!(effect(&asked_remote, &accepted), Effect::Deny);
        let long = json!({"requestedSchema": {"description": "x".repeat(SCHEMA)}});
        let long = Json::from_value(&long);
        let why = Asked::of("q", "elicitation/create", Some(&long)).expect_err("too long");
        assert!(why.names(ANSWERS_MATCH_QUESTIONS));
    }

    #[test]
    fn the_reason_repeats_no_value() {
        let schema = json!({"properties": {"pin": {"type": "integer"}}});
        let params = json!({"message": "?", "requestedSchema": schema});
        let asked = question("elicitation/create", &params);
        let answer = json!({"q": {"action": "accept", "content": {"pin": "hunter2"}}});
        let given =
            InputResponses::read(Some(&Json::from_value(&json!({"inputResponses": answer}))));
        let decision = judge(&given.expect("answers"), &asked);
        assert!(decision.because.iter().all(|because| !because.why.contains("hunter2")));
        assert_eq!(decision.effect, Effect::Deny);
    }
}
