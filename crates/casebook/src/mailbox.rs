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
    owed: VecDeque<Owed>,
    /// Raw bytes without a newline yet.
    line: Vec<u8>,
    /// Raw lines that are no message; an error for one may have any id or none.
    broken: usize,
    /// Ids of raw requests, line by line.
    raw: Vec<Vec<Value>>,
    /// Cursors and states that it received in results, in order.
    cursors: Vec<Value>,
    states: Vec<Value>,
    /// Tasks that it was told of in results, in order.
    tasks: Vec<Value>,
    calls: VecDeque<Value>,
    answers: VecDeque<Value>,
    /// How many answers came in one line, line by line.
    batches: VecDeque<usize>,
}

/// A request that waits for this peer's answer.
#[derive(Debug)]
struct Owed {
    id: Value,
    method: String,
    /// Its answer says what it is, and how long it may be kept (2026-07-28).
    modern: bool,
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

/// Where a modern request says that it is one.
const MODERN: &str = "/params/_meta/io.modelcontextprotocol~1protocolVersion";

/// Methods whose answers may be kept.
const KEPT: &[&str] = &[
    "server/discover",
    "tools/list",
    "prompts/list",
    "resources/list",
    "resources/templates/list",
    "resources/read",
];

impl Owed {
    /// What every answer of 2026-07-28 must say goes without saying in a case;
    /// `"<absent>"` leaves it out.
    fn complete(&self, result: &mut Value) {
        let Some(members) = result.as_object_mut().filter(|_| self.modern) else { return };
        let kind = members.entry("resultType").or_insert_with(|| "complete".into());
        if *kind == "complete" && KEPT.contains(&self.method.as_str()) {
            members.entry("ttlMs").or_insert_with(|| 0.into());
            members.entry("cacheScope").or_insert_with(|| "private".into());
        }
        members.retain(|_, value| value.as_str() != Some(crate::subset::ABSENT));
    }
}

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
            broken: 0,
            raw: Vec::new(),
            cursors: Vec::new(),
            states: Vec::new(),
            tasks: Vec::new(),
            calls: VecDeque::new(),
            answers: VecDeque::new(),
            batches: VecDeque::new(),
        }
    }

    /// The opening is over: counting begins, and what was not looked at is gone.
    pub fn turn_page(&mut self) {
        self.sent.clear();
        self.got.clear();
        self.cursors.clear();
        self.states.clear();
        self.tasks.clear();
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
                let (owed, mut result) = (self.pay()?, self.named(result)?);
                owed.complete(&mut result);
                json!({"jsonrpc": "2.0", "id": owed.id, "result": result})
            }
            Sent::Error { code, message } => {
                let error = json!({"code": code, "message": message});
                json!({"jsonrpc": "2.0", "id": self.pay()?.id, "error": error})
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

    fn pay(&mut self) -> Result<Owed, Unmet> {
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
            let values = match serde_json::from_slice(&line).unwrap_or_default() {
                Value::Array(batch) if !batch.is_empty() => batch,
                value => vec![value],
            };
            let ids: Vec<Value> = values.iter().filter_map(|value| self.said_raw(value)).collect();
            if !ids.is_empty() {
                self.raw.push(ids);
            }
        }
        Ok(bytes)
    }

    /// Remembers one raw message; its id, when it is a request.
    fn said_raw(&mut self, value: &Value) -> Option<Value> {
        match (value.get("id"), value.get("method")) {
            (Some(id), Some(_)) if !id.is_null() => {
                self.sent.push(id.clone());
                self.waiting.push(id.clone());
                return Some(id.clone());
            }
            (Some(id), None) => self.owed.retain(|owed| owed.id != *id),
            (_, Some(_)) => {}
            (None, None) => self.broken += 1,
        }
        None
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
            "cursor" => self.cursors.get(place).cloned(),
            "state" => self.states.get(place).cloned(),
            "task" => self.tasks.get(place).cloned(),
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
        if let Value::Array(batch) = message {
            self.batches.push_back(batch.len());
            return batch.into_iter().try_for_each(|message| self.arrived(message));
        }
        let id = message.get("id").cloned();
        if let Some(method) = message.get("method").and_then(Value::as_str) {
            if let Some(id) = id {
                let token =
                    message.pointer("/params/_meta/progressToken").cloned().unwrap_or_default();
                self.got.push((id.clone(), token));
                let modern = message.pointer(MODERN).is_some();
                self.owed.push_back(Owed { id, method: method.to_owned(), modern });
            }
            self.calls.push_back(message);
            return Ok(());
        }
        let waits = self.waiting.iter().position(|waits| Some(waits) == id.as_ref());
        match waits {
            Some(at) => drop(self.waiting.remove(at)),
            None if message.get("error").is_some() && self.is_for_raw(id.as_ref()) => {}
            None => {
                return Err(Unmet::Wrong(format!("an answer that nobody waits for: {message}")));
            }
        }
        self.cursors.extend(message.pointer("/result/nextCursor").cloned());
        self.states.extend(message.pointer("/result/requestState").cloned());
        for place in ["/result/taskId", "/result/task/taskId"] {
            let named = message.pointer(place);
            self.tasks.extend(named.filter(|id| !self.tasks.contains(id)).cloned());
        }
        self.answers.push_back(message);
        Ok(())
    }

    /// Whether an error without a known id is for a raw line: one that is no
    /// message, or one whose id nobody was willing to read.
    fn is_for_raw(&mut self, id: Option<&Value>) -> bool {
        if self.broken > 0 {
            self.broken -= 1;
            return true;
        }
        let nameless = id.is_none_or(Value::is_null);
        let last = if nameless { self.raw.pop() } else { None };
        self.waiting.retain(|waits| !last.iter().flatten().any(|id| id == waits));
        last.is_some()
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
            Received::Batch(count) => match self.batches.pop_front() {
                Some(found) if found == *count => Ok(()),
                Some(found) => Err(Unmet::Wrong(format!("a batch of {found}"))),
                None => Err(self.missing("batch")),
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
            Received::Message { .. } | Received::Batch(_) | Received::Nothing => {
                Err("not an answer".to_owned())
            }
        }
    }
}

fn with(mut message: Value, name: &str, value: Option<Value>) -> Value {
    if let (Some(members), Some(value)) = (message.as_object_mut(), value) {
        members.insert(name.to_owned(), value);
    }
    message
}
