//! A peer of a case: it chooses ids, remembers who waits for what, and checks
//! each answer on arrival. Only values here; bytes and pipes are the driver's.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;

use serde_json::{Map, Value, json};

use crate::step::{Received, Sent, Side};
use crate::subset::subset;

/// One peer's books.
#[derive(Debug)]
pub struct Mailbox {
    side: Side,
    /// What every request of a modern client carries.
    meta: Map<String, Value>,
    next: u64,
    /// Ids of requests that it sent, in order.
    sent: Vec<Value>,
    /// Those that were not answered yet.
    waiting: Vec<Value>,
    /// Requests that it received, in order: id and progress token.
    got: Vec<(Value, Value)>,
    /// Those that it has not answered yet.
    owed: VecDeque<Value>,
    /// Raw bytes without a newline yet.
    line: Vec<u8>,
    /// Malformed lines may be answered without an id, once each.
    nameless: usize,
    calls: VecDeque<Value>,
    answers: VecDeque<Value>,
}

/// Why an expectation is not met.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unmet {
    /// Nothing is there; it may still come.
    Missing(String),
    /// Something else is there.
    Wrong(String),
}

impl fmt::Display for Unmet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(what) | Self::Wrong(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Unmet {}

impl Mailbox {
    /// A peer that has said nothing; `meta` goes into each of its requests.
    #[must_use]
    pub fn new(side: Side, meta: Map<String, Value>) -> Self {
        Self {
            side,
            meta,
            next: 0,
            sent: Vec::new(),
            waiting: Vec::new(),
            got: Vec::new(),
            owed: VecDeque::new(),
            line: Vec::new(),
            nameless: 0,
            calls: VecDeque::new(),
            answers: VecDeque::new(),
        }
    }

    /// The opening is over: counting begins, and what was not looked at is gone.
    pub fn turn_page(&mut self) {
        self.sent.clear();
        self.got.clear();
        self.calls.clear();
        self.answers.clear();
    }

    /// The bytes of what this peer says; `None` when it ends.
    ///
    /// # Errors
    /// When it would answer and owes no answer, or names a message that is not there.
    pub fn say(&mut self, sent: &Sent) -> Result<Option<Vec<u8>>, Unmet> {
        let message = match sent {
            Sent::Ends => return Ok(None),
            Sent::Raw(bytes) => return self.say_raw(bytes).map(Some),
            Sent::Request { method, params } => {
                let id = self.next_id();
                self.sent.push(id.clone());
                self.waiting.push(id.clone());
                let params = self.with_meta(params.clone())?;
                with(json!({"jsonrpc": "2.0", "id": id, "method": method}), "params", params)
            }
            Sent::Notification { method, params } => {
                let params = params.as_ref().map(|params| self.named(params)).transpose()?;
                self.takes_back(method, params.as_ref());
                with(json!({"jsonrpc": "2.0", "method": method}), "params", params)
            }
            Sent::Result(result) => {
                let (id, result) = (self.pay()?, self.named(result)?);
                json!({"jsonrpc": "2.0", "id": id, "result": result})
            }
            Sent::Error { code, message } => {
                let error = json!({"code": code, "message": message});
                json!({"jsonrpc": "2.0", "id": self.pay()?, "error": error})
            }
        };
        Ok(Some(format!("{message}\n").into_bytes()))
    }

    /// A number from the client, a text from the server: both are ids.
    fn next_id(&mut self) -> Value {
        self.next += 1;
        match self.side {
            Side::Client => Value::from(1000 + self.next),
            Side::Server => Value::from(format!("s-{}", self.next)),
        }
    }

    fn pay(&mut self) -> Result<Value, Unmet> {
        self.owed.pop_front().ok_or_else(|| Unmet::Missing("no request waits for an answer".into()))
    }

    fn with_meta(&self, params: Option<Value>) -> Result<Option<Value>, Unmet> {
        let params = params.as_ref().map(|params| self.named(params)).transpose()?;
        if self.meta.is_empty() {
            return Ok(params);
        }
        let mut params = params.unwrap_or_else(|| json!({}));
        if let Some(members) = params.as_object_mut() {
            let meta = members.entry("_meta").or_insert_with(|| json!({}));
            if let Some(meta) = meta.as_object_mut() {
                for (name, value) in &self.meta {
                    meta.entry(name.clone()).or_insert_with(|| value.clone());
                }
                meta.retain(|_, value| value.as_str() != Some(crate::subset::ABSENT));
            }
        }
        Ok(Some(params))
    }

    /// A request that is taken back is not waited for any more.
    fn takes_back(&mut self, method: &str, params: Option<&Value>) {
        if method == "notifications/cancelled" {
            let id = params.and_then(|params| params.get("requestId"));
            self.waiting.retain(|waits| Some(waits) != id);
        }
    }

    /// Raw lines that are messages are remembered like any other.
    fn say_raw(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Unmet> {
        let bytes = self.named_raw(bytes)?;
        self.line.extend_from_slice(&bytes);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            let value: Value = serde_json::from_slice(&line).unwrap_or_default();
            self.nameless += 1;
            match (value.get("id"), value.get("method")) {
                (Some(id), Some(_)) if !id.is_null() => {
                    self.sent.push(id.clone());
                    self.waiting.push(id.clone());
                }
                (Some(id), None) => self.owed.retain(|owed| owed != id),
                _ => {}
            }
        }
        Ok(bytes)
    }

    /// The value with its `<sent N>` and the like replaced.
    fn named(&self, value: &Value) -> Result<Value, Unmet> {
        Ok(match value {
            Value::String(text) => self.find(text)?.unwrap_or_else(|| value.clone()),
            Value::Array(items) => {
                items.iter().map(|item| self.named(item)).collect::<Result<_, _>>()?
            }
            Value::Object(members) => {
                let named =
                    members.iter().map(|(name, member)| Ok((name.clone(), self.named(member)?)));
                Value::Object(named.collect::<Result<_, Unmet>>()?)
            }
            other => other.clone(),
        })
    }

    fn named_raw(&self, bytes: &[u8]) -> Result<Vec<u8>, Unmet> {
        let Ok(text) = std::str::from_utf8(bytes) else { return Ok(bytes.to_vec()) };
        let (mut out, mut rest) = (String::with_capacity(text.len()), text);
        while let Some((before, after)) = rest.split_once("\"<") {
            out.push_str(before);
            let inside = after.split_once(">\"");
            let found = inside.map(|(name, _)| self.find(&format!("<{name}>"))).transpose()?;
            match (found.flatten(), inside) {
                (Some(found), Some((_, tail))) => {
                    out.push_str(&found.to_string());
                    rest = tail;
                }
                _ => {
                    out.push_str("\"<");
                    rest = after;
                }
            }
        }
        out.push_str(rest);
        Ok(out.into_bytes())
    }

    fn find(&self, text: &str) -> Result<Option<Value>, Unmet> {
        let Some((word, count)) =
            text.strip_prefix('<').and_then(|text| text.strip_suffix('>')?.split_once(' '))
        else {
            return Ok(None);
        };
        let Some(place) = count.parse::<usize>().ok().and_then(|count| count.checked_sub(1)) else {
            return Ok(None);
        };
        let found = match word {
            "sent" => self.sent.get(place).cloned(),
            "got" => self.got.get(place).map(|(id, _)| id.clone()),
            "token" => self.got.get(place).map(|(_, token)| token.clone()),
            _ => return Ok(None),
        };
        found.map(Some).ok_or_else(|| Unmet::Missing(format!("there is no {text} yet")))
    }

    /// A message came in.
    ///
    /// # Errors
    /// When it is an answer that this peer does not wait for.
    pub fn arrived(&mut self, message: Value) -> Result<(), Unmet> {
        let id = message.get("id").cloned();
        if message.get("method").is_some() {
            if let Some(id) = id {
                let token =
                    message.pointer("/params/_meta/progressToken").cloned().unwrap_or_default();
                self.got.push((id.clone(), token));
                self.owed.push_back(id);
            }
            self.calls.push_back(message);
            return Ok(());
        }
        match id {
            Some(Value::Null) | None if self.nameless > 0 => self.nameless -= 1,
            id => {
                let at = self.waiting.iter().position(|waits| Some(waits) == id.as_ref());
                let Some(at) = at else {
                    return Err(Unmet::Wrong(format!(
                        "an answer that nobody waits for: {message}"
                    )));
                };
                self.waiting.remove(at);
            }
        }
        self.answers.push_back(message);
        Ok(())
    }

    /// Ids of its requests that were not answered.
    #[must_use]
    pub fn unanswered(&self) -> BTreeSet<String> {
        self.waiting.iter().map(Value::to_string).collect()
    }

    /// Holds what arrived to one expectation, and takes it.
    ///
    /// # Errors
    /// [`Unmet`].
    pub fn expect(&mut self, received: &Received) -> Result<(), Unmet> {
        match received {
            Received::Nothing => match self.calls.front().or(self.answers.front()) {
                None => Ok(()),
                Some(message) => Err(Unmet::Wrong(format!("received {message}"))),
            },
            Received::Message { method, params } => {
                let first = self.calls.front().ok_or_else(|| self.missing("message"))?;
                let params = self.named(params.as_ref().unwrap_or(&json!({})))?;
                let wrong = |why: String| Unmet::Wrong(format!("{why}; received {first}"));
                if first.get("method").and_then(Value::as_str) != Some(method) {
                    return Err(wrong("another method".to_owned()));
                }
                let empty = json!({});
                let found = first.get("params").unwrap_or(&empty);
                subset(&params, found).map_err(|mismatch| wrong(mismatch.to_string()))?;
                self.calls.pop_front();
                Ok(())
            }
            _ => {
                let first = self.answers.front().ok_or_else(|| self.missing("answer"))?;
                self.answer_fits(received, first)
                    .map_err(|why| Unmet::Wrong(format!("{why}; received {first}")))?;
                self.answers.pop_front();
                Ok(())
            }
        }
    }

    fn missing(&self, what: &str) -> Unmet {
        let others: Vec<_> = self.calls.iter().chain(&self.answers).map(Value::to_string).collect();
        Unmet::Missing(format!("no {what} arrived; beside it: [{}]", others.join(", ")))
    }

    fn answer_fits(&self, received: &Received, answer: &Value) -> Result<(), String> {
        match received {
            Received::Result(expected) => {
                let expected = self.named(expected).map_err(|unmet| unmet.to_string())?;
                let result = answer.get("result").ok_or("not a result")?;
                subset(&expected, result).map_err(|mismatch| mismatch.to_string())
            }
            Received::Error { code, text } => {
                let error = answer.get("error").ok_or("not an error")?;
                let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
                let part = text.as_deref().unwrap_or_default();
                let fits = error.get("code") == Some(&json!(code)) && message.contains(part);
                if fits { Ok(()) } else { Err("another error".to_owned()) }
            }
            Received::Refused(part) => {
                let failed = answer.pointer("/result/isError") == Some(&Value::Bool(true));
                let content = answer.pointer("/result/content").and_then(Value::as_array);
                let mut texts =
                    content.into_iter().flatten().filter_map(|block| block.get("text")?.as_str());
                let says = failed && texts.any(|text| text.contains(part.as_str()));
                if says { Ok(()) } else { Err("not such a refusal".to_owned()) }
            }
            Received::Message { .. } | Received::Nothing => Err("not an answer".to_owned()),
        }
    }
}

fn with(mut message: Value, name: &str, value: Option<Value>) -> Value {
    if let (Some(members), Some(value)) = (message.as_object_mut(), value) {
        members.insert(name.to_owned(), value);
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(mailbox: &mut Mailbox, sent: &Sent) -> Value {
        let bytes = mailbox.say(sent).expect("it may say so").expect("it says something");
        serde_json::from_slice(&bytes).expect("JSON")
    }

    fn request(method: &str, params: Value) -> Sent {
        Sent::Request { method: method.to_owned(), params: Some(params) }
    }

    #[test]
    fn an_answer_is_waited_for_once() {
        let mut client = Mailbox::new(Side::Client, Map::new());
        let asked = said(&mut client, &request("ping", json!({})));
        let answer = json!({"jsonrpc": "2.0", "id": asked["id"], "result": {}});
        assert_eq!(client.unanswered().len(), 1);
        assert_eq!(client.arrived(answer.clone()), Ok(()));
        assert!(matches!(client.arrived(answer), Err(Unmet::Wrong(_))));
        assert_eq!(client.expect(&Received::Result(json!({}))), Ok(()));
        assert_eq!(client.expect(&Received::Nothing), Ok(()));
        assert!(client.arrived(json!({"id": null, "error": {"code": -32700}})).is_err());
        client.say(&Sent::Raw(b"nonsense\n".into())).expect("raw");
        assert_eq!(client.arrived(json!({"id": null, "error": {"code": -32700}})), Ok(()));
    }

    #[test]
    fn what_is_taken_back_is_not_waited_for() {
        let mut client = Mailbox::new(Side::Client, Map::new());
        let id = said(&mut client, &request("ping", json!({})))["id"].clone();
        let params = Some(json!({"requestId": "<sent 1>"}));
        let cancel = Sent::Notification { method: "notifications/cancelled".into(), params };
        assert_eq!(said(&mut client, &cancel)["params"]["requestId"], id);
        assert!(client.arrived(json!({"id": id, "result": {}})).is_err());
    }

    #[test]
    fn names_stand_for_ids_and_tokens() {
        let mut server = Mailbox::new(Side::Server, Map::new());
        let meta = json!({"progressToken": 9});
        let call = json!({"id": 7, "method": "tools/call", "params": {"_meta": meta}});
        server.arrived(call).expect("a request");
        let raw = br#"{"jsonrpc":"2.0","id":"<got 1>","result":{"a":"<b","t":"<token 1>"}}"#;
        let bytes = server.say(&Sent::Raw(raw.to_vec())).expect("raw").expect("bytes");
        let text = String::from_utf8(bytes).expect("text");
        assert_eq!(text, r#"{"jsonrpc":"2.0","id":7,"result":{"a":"<b","t":9}}"#);
        assert!(server.say(&Sent::Raw(br#""<got 2>""#.to_vec())).is_err());
    }

    #[test]
    fn a_modern_client_declares_itself() {
        let meta = Map::from_iter([("v".to_owned(), json!(1)), ("w".to_owned(), json!(2))]);
        let mut client = Mailbox::new(Side::Client, meta);
        let own = json!({"_meta": {"v": 5, "w": "<absent>"}});
        assert_eq!(said(&mut client, &request("x/y", own))["params"]["_meta"], json!({"v": 5}));
        let bare = Sent::Request { method: "x/y".into(), params: None };
        assert_eq!(said(&mut client, &bare)["params"]["_meta"], json!({"v": 1, "w": 2}));
    }
}
