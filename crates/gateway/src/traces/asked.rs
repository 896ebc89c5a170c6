//! A request, from its head to its answer: what records say of it becomes two spans.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use hyper::StatusCode;
use portcullis_journal::{Event, Outcome as Ended, Record};
use portcullis_policy::Decision;
use portcullis_wire::{Id, Outcome, Response};

use super::Opening;
use super::span::{Kind, Span, Value, at};

/// One request. Its spans leave when it is dropped.
#[derive(Debug)]
pub(crate) struct Asked {
    opening: Opening,
    /// By what outcomes name its way to the server.
    call: Option<u64>,
    /// When it went there, and came back.
    went: Option<(Instant, Option<Instant>)>,
    /// To a process of ours, or elsewhere.
    is_piped: bool,
    tool: Option<String>,
    decision: Option<&'static str>,
    controls: BTreeSet<String>,
    outcome: Option<&'static str>,
    error: Option<String>,
    code: Option<i64>,
    status: Option<StatusCode>,
    is_over: bool,
}

/// The requests of one session that wait for an answer, by their client's own ids.
#[derive(Debug, Default)]
pub(crate) struct UnderWay(BTreeMap<String, Vec<Asked>>);

impl UnderWay {
    /// The session hears of a request.
    pub(crate) fn begins(&mut self, id: &Id, opening: Opening) {
        let asked = Asked::new(opening);
        // The same id twice: whoever came last is refused, and first.
        self.0.entry(id.to_string()).or_default().push(asked);
    }

    /// Something was recorded; `tool` says what a tool may be called here.
    pub(crate) fn saw(
        &mut self,
        record: &Record,
        is_piped: bool,
        tool: impl FnOnce(&str) -> Option<String>,
    ) {
        let found = match (&record.request, record.call) {
            (Some(request), _) => self.0.get_mut(request).and_then(|all| all.last_mut()),
            (None, Some(call)) => self.0.values_mut().flatten().find(|it| it.call == Some(call)),
            (None, None) => None,
        };
        let Some(asked) = found else { return };
        asked.saw(record, is_piped, tool);
        if asked.is_over {
            self.0.values_mut().for_each(|all| all.retain(|asked| !asked.is_over));
            self.0.retain(|_, all| !all.is_empty());
        }
    }

    /// The session answers.
    pub(crate) fn answered(&mut self, response: &Response) {
        let Some(id) = response.id.as_ref().filter(|_| !self.0.is_empty()) else { return };
        let id = id.to_string();
        let Some(all) = self.0.get_mut(&id) else { return };
        if let Some(mut asked) = all.pop() {
            asked.answered(&response.outcome);
        }
        if all.is_empty() {
            self.0.remove(&id);
        }
    }
}

impl Asked {
    fn new(opening: Opening) -> Self {
        Self {
            opening,
            call: None,
            went: None,
            is_piped: false,
            tool: None,
            decision: None,
            controls: BTreeSet::new(),
            outcome: None,
            error: Some("unanswered".to_owned()),
            code: None,
            status: None,
            is_over: false,
        }
    }

    /// One that no session heard of.
    pub(crate) fn turned_away(opening: Opening, status: StatusCode, decision: Option<&Decision>) {
        let mut asked = Self::new(opening);
        asked.status = Some(status);
        asked.decision = Some("deny");
        asked.error = Some(status.as_str().to_owned());
        asked.controls.extend(decision.into_iter().flat_map(controls));
    }

    /// One whose server could not be started.
    pub(crate) fn not_started(opening: Opening) {
        Self::new(opening).error = Some("not_started".to_owned());
    }

    fn saw(&mut self, record: &Record, is_piped: bool, tool: impl FnOnce(&str) -> Option<String>) {
        self.controls.extend(controls(&record.decision));
        if self.tool.is_none() && self.opening.method == "tools/call" {
            self.tool = record.tool.as_deref().and_then(tool);
        }
        match record.event {
            Event::Asked => self.decision = Some("ask"),
            Event::Denied => {
                self.decision = Some("deny");
                self.error = Some("denied".to_owned());
            }
            Event::Intent => {
                self.decision = Some(record.decision.effect.as_str());
                self.call = record.call;
                self.is_piped = is_piped;
                let (_, back) = self.went.get_or_insert_with(|| (Instant::now(), None));
                *back = None;
            }
            Event::Outcome => {
                if let Some((_, back)) = &mut self.went {
                    back.get_or_insert_with(Instant::now);
                }
                self.ended(record.outcome);
            }
            _ => {}
        }
    }

    fn ended(&mut self, outcome: Option<Ended>) {
        let (word, error) = match outcome {
            None => return,
            Some(Ended::Ok) => ("ok", None),
            Some(Ended::ToolError) => ("tool_error", Some("tool_error")),
            Some(Ended::Error) => ("error", Some("error")),
            Some(Ended::Cancelled) => ("cancelled", Some("cancelled")),
            Some(Ended::TimedOut) => ("timed_out", Some("timeout")),
            Some(Ended::ServerGone) => ("server_gone", Some("server_gone")),
            Some(Ended::Refused) => ("refused", Some("refused")),
        };
        self.outcome = Some(word);
        self.error = error.map(str::to_owned);
        // Nobody waits for its answer.
        self.is_over = outcome == Some(Ended::Cancelled);
    }

    fn answered(&mut self, outcome: &Outcome) {
        let is_unsaid = |error: &str| matches!(error, "unanswered" | "error");
        match outcome {
            Outcome::Result(_) => self.error = self.error.take().filter(|it| !is_unsaid(it)),
            Outcome::Error(error) => {
                self.code = Some(error.code);
                if self.error.as_deref().is_none_or(is_unsaid) {
                    self.error = Some(error.code.to_string());
                }
            }
        }
    }

    /// What both spans say.
    fn shared(&self) -> Vec<(&'static str, Value)> {
        let mut all = Vec::new();
        if let Some(tool) = &self.tool {
            all.push(("gen_ai.operation.name", Value::Word("execute_tool")));
            all.push(("gen_ai.tool.name", Value::Text(tool.clone())));
        }
        if let Some(outcome) = self.outcome {
            all.push(("portcullis.outcome", Value::Word(outcome)));
        }
        if let Some(error) = &self.error {
            all.push(("error.type", Value::Text(error.clone())));
        }
        if let Some(code) = self.code {
            all.push(("rpc.response.status_code", Value::Text(code.to_string())));
        }
        all
    }

    fn door(&self, name: String) -> Span {
        let mut attributes = self.opening.attributes.clone();
        attributes.extend(self.shared());
        if let Some(decision) = self.decision {
            attributes.push(("portcullis.decision", Value::Word(decision)));
        }
        if !self.controls.is_empty() {
            let controls = self.controls.iter().cloned().collect();
            attributes.push(("portcullis.controls", Value::Words(controls)));
        }
        if let Some(status) = self.status {
            let status = i64::from(status.as_u16());
            attributes.push(("http.response.status_code", Value::Number(status)));
        }
        Span {
            trace: self.opening.trace,
            id: self.opening.door,
            parent: self.opening.parent,
            parent_is_remote: true,
            kind: Kind::Server,
            name,
            began: at(self.opening.began),
            ended: at(Instant::now()),
            attributes,
            failed: self.error.is_some(),
        }
    }

    fn way(&self, name: String) -> Option<Span> {
        let (went, back) = self.went?;
        let transport = if self.is_piped { "pipe" } else { "tcp" };
        let mut attributes = vec![
            ("mcp.method.name", Value::Word(self.opening.method)),
            ("portcullis.server", Value::Text(self.opening.server.to_string())),
            ("network.transport", Value::Word(transport)),
        ];
        attributes.extend(self.shared());
        Some(Span {
            trace: self.opening.trace,
            id: self.opening.way,
            parent: Some(self.opening.door),
            parent_is_remote: false,
            kind: Kind::Client,
            name,
            began: at(went),
            ended: at(back.unwrap_or_else(Instant::now)),
            attributes,
            failed: self.error.is_some(),
        })
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        let method = self.opening.method;
        let name =
            self.tool.as_ref().map_or_else(|| method.to_owned(), |it| format!("{method} {it}"));
        if let Some(way) = self.way(name.clone()) {
            self.opening.traces.over(way);
        }
        self.opening.traces.over(self.door(name));
    }
}

fn controls(decision: &Decision) -> impl Iterator<Item = String> {
    decision.because.iter().map(|because| because.control.to_string())
}
