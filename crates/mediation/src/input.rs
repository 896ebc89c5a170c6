//! What a server asks of the host's model or of the person, wherever it asks: in a
//! request of its own (until 2025-11-25), in an answer that leaves a call open, or in
//! what a task tells. Each question is judged here, and nowhere else.
//!
//! ```text
//!  inquire ─▶ refused, cut, or as it came ─▶ a person is asked, or it goes on
//!                                              │ waiting.rs
//!  the host's answer ─▶ answered ─▶ a person is asked, or it goes to the server
//! ```

use std::time::Instant;

use portcullis_catalog::control::{
    ELICITATION_JUDGED, METHOD_KNOWN, ROOTS_ANSWERED, SAMPLING_REVIEWED, SHAPE_CHECKED,
};
use portcullis_policy::{Decision, Effect, Obligation, Opening, Review};
use portcullis_wire::view::input_request::{InputRequest, InputRequired, InputResponses};
use portcullis_wire::view::task::RELATED_TASK;
use portcullis_wire::{
    Era, Json, Object, Request, Revision, array, canonical, elements, input_request,
};
use serde_json::Value;

use crate::Session;
use crate::approval::{ApprovalKey, Fingerprint, Matter};
use crate::carries::Carries;
use crate::control::answers_match_questions::Asked;
use crate::control::{
    elicitation_answers_clean, elicitation_judged, elicitation_links_listed,
    input_requests_refused, requests_independent, sampling_bounded, trace_context_checked,
};
use crate::correlate::{InFlight, Purpose};
use crate::without::Layer;

/// The method with which a server asks for the model.
pub(crate) const MODEL: &str = "sampling/createMessage";
/// The method with which a server asks the person.
pub(crate) const PERSON: &str = "elicitation/create";

/// Longest question or answer that anybody can be asked to look through, in bytes.
const LARGEST: usize = 256 << 10;

/// Longest token or name of a task in its metadata, in bytes.
const TOKEN: usize = 256;

/// Metadata of a question that changes nothing about what is asked, so nobody is shown it.
const META: &[&str] = &["progressToken", RELATED_TASK, "traceparent", "tracestate"];

/// One question of a server, as it may go on.
#[derive(Clone, Debug)]
pub(crate) struct Inquiry {
    /// The name under which it is answered, where it stands in an answer.
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) params: Option<Json>,
    pub(crate) decision: Decision,
}

impl Inquiry {
    /// A question of our own for the person.
    pub(crate) fn ours(name: &str, params: Json) -> Self {
        let (name, method) = (name.to_owned(), PERSON.to_owned());
        Self { name, method, params: Some(params), decision: Decision::default() }
    }

    /// What a person would be asked about; nothing when nobody would.
    pub(crate) fn matter(&self) -> Option<Matter> {
        matter(&self.method)
    }

    /// Which question of its server it is: one that is called otherwise is another.
    pub(crate) fn digest(&self) -> Fingerprint {
        let content = content(self.params.as_ref());
        let name = Json::string(&self.name);
        // Canonical text has no newline of its own.
        let parts = [self.method.as_bytes(), b"\n", &canonical(&name), b"\n", &content];
        Fingerprint::of(&parts.concat())
    }
}

/// What a person would be asked about with this method.
pub(crate) fn matter(method: &str) -> Option<Matter> {
    match method {
        MODEL => Some(Matter::Sampling),
        PERSON => Some(Matter::Elicitation),
        _ => None,
    }
}

/// Everything that a question says, in one order.
pub(crate) fn content(params: Option<&Json>) -> Vec<u8> {
    let mut members = params.and_then(Json::object).unwrap_or_default();
    members.remove("_meta");
    canonical(&members.to_json())
}

impl Session {
    /// Judges what a server asks; the question as it may go on.
    pub(crate) fn inquire(&self, method: &str, params: Option<&Json>) -> Inquiry {
        let (params, decision) = match self.judge_inquiry(method, params) {
            Ok((params, decision)) => (params, decision),
            Err(why) => (params.cloned(), why),
        };
        Inquiry { name: String::new(), method: method.to_owned(), params, decision }
    }

    fn judge_inquiry(
        &self,
        method: &str,
        params: Option<&Json>,
    ) -> Result<(Option<Json>, Decision), Decision> {
        let may = &self.settings.may_ask;
        let refused = input_requests_refused::judge(method, may);
        if refused.effect == Effect::Deny {
            return Err(refused);
        }
        let Some(matter) = matter(method) else { return Ok((params.cloned(), refused)) };
        let empty = Object::new().to_json();
        let whole = params.unwrap_or(&empty);
        let server = &self.settings.server;
        let (left, mut decision) = match matter {
            Matter::Sampling => sampling_bounded::bound(whole, &may.sampling)?,
            _ if is_link(whole) => elicitation_links_listed::judge(whole, server, &may.links)?,
            _ => elicitation_judged::judge(whole, server)?,
        };
        let left = match matter {
            Matter::Sampling => {
                let (left, tools) = self.inspect_offered(left)?;
                decision = decision.and(tools);
                left
            }
            _ => left,
        };
        let (left, cut) = without_meta(left);
        let asks = match matter {
            Matter::Sampling => Decision::ask(SAMPLING_REVIEWED, "a server asks for the model"),
            _ if may.elicitation.mode == Opening::Ask => {
                Decision::ask(ELICITATION_JUDGED, "a server asks the person")
            }
            _ => Decision::default(),
        };
        let decision = decision.and(cut).and(asks);
        if content(Some(&left)).len() > LARGEST {
            return Err(decision.and(too_large(matter)));
        }
        Ok((Some(left), decision))
    }

    /// Tools that a server offers the model are looked at as those that it lists.
    fn inspect_offered(&self, params: Json) -> Result<(Json, Decision), Decision> {
        let mut members = params.object().unwrap_or_default();
        let Some(tools) = members.get("tools").and_then(elements) else {
            return Ok((params, Decision::default()));
        };
        let (mut kept, mut decision) = (Vec::new(), Decision::default());
        for tool in &tools {
            let (left, seen) = self.inspect_definition(tool);
            decision = decision.and(seen);
            match left {
                Some(left) => kept.push(left),
                None => {
                    let why = "it offers the model a tool that would be withheld";
                    return Err(decision.and(Decision::deny(SAMPLING_REVIEWED, why)));
                }
            }
        }
        decision.effect = Effect::Allow;
        if kept != tools {
            members.set("tools", array(&kept));
            return Ok((members.to_json(), decision.owing(Obligation::Rewritten)));
        }
        Ok((params, decision))
    }

    /// What a server asks inside of an answer, of whatever kind: inspected, judged, and
    /// in the words in which it may go on.
    pub(crate) fn judge_questions(&self, row: &InFlight, asked: &InputRequired) -> Vec<Inquiry> {
        asked.requests.iter().map(|request| self.judge_question(row, request)).collect()
    }

    fn judge_question(&self, row: &InFlight, request: &InputRequest) -> Inquiry {
        let (method, params) = (&request.method, request.params.as_ref());
        let mut decision = requests_independent::judge(method, &row.carries.declared)
            .and(self.judge_parts_inside(row, method, params));
        match input_request(Revision::V2026_07_28, method) {
            None => {
                let why = "an input request that nobody knows";
                decision = decision.and(Decision::deny(METHOD_KNOWN, why));
            }
            Some(known) if !self.settings.without.is(Layer::Schema) => {
                if let Err(misfit) = known.params.holds_params(params, Revision::V2026_07_28) {
                    let why = format!("`{method}` does not fit: {misfit}");
                    decision = decision.and(Decision::deny(SHAPE_CHECKED, why));
                }
            }
            Some(_) => {}
        }
        if method == "roots/list" && !self.client_declared_roots() {
            decision = decision.and(Decision::deny(ROOTS_ANSWERED, "the client declared no roots"));
        }
        let inquiry = self.inquire(method, params);
        let decision = decision.and(inquiry.decision);
        Inquiry { name: request.key.clone(), decision, ..inquiry }
    }

    fn client_declared_roots(&self) -> bool {
        self.phase.client_capabilities().is_some_and(|declared| declared.get("roots").is_some())
    }

    /// Sorts the questions of an answer: those that a person is asked about come back, the
    /// others are let through. Each is paid for once, however often it is told.
    pub(crate) fn sort_questions(
        &mut self,
        carries: &mut Carries,
        inquiries: &[Inquiry],
        now: Instant,
    ) -> Result<Vec<Inquiry>, Decision> {
        let judged = inquiries.iter().map(|inquiry| inquiry.decision.clone());
        let judged = judged.fold(Decision::default(), Decision::and);
        if judged.effect == Effect::Deny {
            return Err(judged);
        }
        let mut asks = Vec::new();
        for inquiry in inquiries.iter().filter(|inquiry| inquiry.matter().is_some()) {
            if carries.lets(inquiry) {
                continue;
            }
            let spent = self.spend_question(&inquiry.method, carries.people, now);
            if spent.effect == Effect::Deny {
                return Err(judged.and(spent));
            }
            carries.people += u32::from(inquiry.method == PERSON);
            match inquiry.decision.effect {
                Effect::Ask => asks.push(inquiry.clone()),
                _ => carries.let_on(inquiry),
            }
        }
        Ok(asks)
    }

    /// Whether an answer to a question for the person is one (until 2025-11-25).
    pub(crate) fn judge_form(&self, row: &InFlight, answer: &Json) -> Decision {
        let asked = row.carries.asked.as_ref();
        let fits = asked.map(|asked| asked.judge("answer", answer)).unwrap_or_default();
        fits.and(self.judge_answered(PERSON, answer).1)
    }

    /// What a yes to a question would cover, and what the person is shown of it.
    pub(crate) fn inquiry_key(&self, inquiry: &Inquiry, matter: Matter) -> (ApprovalKey, String) {
        let content = content(inquiry.params.as_ref());
        let pin = Fingerprint::of(inquiry.method.as_bytes());
        (self.matter_key(matter, &inquiry.method, pin, &content), crate::call::shown(&content))
    }

    /// What a yes to a model's answer would cover, and what the person is shown of it.
    pub(crate) fn answer_key(&self, asked: &Asked, answer: &Json) -> (ApprovalKey, String) {
        let content = canonical(answer);
        let pin = asked.digest.clone().unwrap_or_else(|| Fingerprint::of(MODEL.as_bytes()));
        let key = self.matter_key(Matter::SamplingAnswer, MODEL, pin, &content);
        (key, crate::call::shown(&content))
    }

    fn matter_key(
        &self,
        matter: Matter,
        method: &str,
        definition_pin: Fingerprint,
        content: &[u8],
    ) -> ApprovalKey {
        ApprovalKey {
            matter,
            principal: self.settings.principal.clone(),
            server: self.settings.server.clone(),
            session: self.settings.session.clone(),
            tool: method.to_owned(),
            definition_pin,
            arguments_digest: Fingerprint::of(content),
            policy: self.settings.policy.clone(),
        }
    }

    /// Whether a person looks at what the model answered.
    pub(crate) fn reviews_answers(&self) -> bool {
        self.settings.may_ask.sampling.review == Review::Both
    }

    /// What the host answered, as it may go to the server. When the decision denies, it
    /// may not.
    pub(crate) fn judge_answered(&self, method: &str, answer: &Json) -> (Json, Decision) {
        match method {
            MODEL => {
                let (left, seen) = self.inspect_model(answer);
                match left.len() > LARGEST {
                    true => (left, seen.and(too_large(Matter::SamplingAnswer))),
                    false => (left, seen),
                }
            }
            PERSON => (answer.clone(), elicitation_answers_clean::judge(answer)),
            _ => (answer.clone(), Decision::default()),
        }
    }

    /// The same for what a request brings back (2026-07-28).
    pub(crate) fn judge_brought(
        &self,
        given: &InputResponses,
        asked: &std::collections::BTreeMap<String, Asked>,
    ) -> Decision {
        given.responses.iter().fold(Decision::default(), |decision, (name, answer)| {
            let method = asked.get(name).map(|asked| asked.method.as_str());
            match method.map(|method| self.judge_answered(method, answer).1) {
                Some(judged) if judged.effect == Effect::Deny => decision.and(judged),
                _ => decision,
            }
        })
    }

    /// Spends what a question costs. `people` is how many questions for the person its
    /// call has had; where nobody knows which call it belongs to, the one that had least.
    pub(crate) fn spend_question(&mut self, method: &str, people: u32, now: Instant) -> Decision {
        self.asking.spend(method, people, now)
    }

    /// How many questions for the person every call that is under way has had. A legacy
    /// server does not say for which of them it asks.
    pub(crate) fn asked_by_calls(&mut self, method: &str) -> u32 {
        let calls = self.to_server.rows_mut().filter(|row| row.purpose == Purpose::ToolCall);
        let mut least = None;
        for row in calls {
            let before = row.carries.people;
            least = Some(least.map_or(before, |least: u32| least.min(before)));
            if method == PERSON {
                row.carries.people += 1;
            }
        }
        least.unwrap_or(0)
    }

    /// The questions that a request answers: what they were is in the state that it
    /// brings back, or belongs to the task that it is about.
    pub(crate) fn asked_before(
        &self,
        request: &Request,
    ) -> std::collections::BTreeMap<String, Asked> {
        if self.phase.era() == Era::Legacy {
            return std::collections::BTreeMap::new();
        }
        match self.task_asked(request) {
            Some(asked) => asked,
            None => self.state_asked(request),
        }
    }
}

/// The questions of an answer, in the words in which they may go on.
pub(crate) fn written(inquiries: &[Inquiry]) -> Json {
    let mut all = Object::new();
    for inquiry in inquiries {
        let mut entry = Object::new();
        entry.set("method", Json::string(&inquiry.method));
        if let Some(params) = &inquiry.params {
            entry.set("params", params.clone());
        }
        all.set(&inquiry.name, entry.to_json());
    }
    all.to_json()
}

fn is_link(params: &Json) -> bool {
    let mode = params.object().and_then(|params| params.get("mode")?.as_text());
    mode.as_deref() == Some("url")
}

fn too_large(matter: Matter) -> Decision {
    let control = match matter {
        Matter::Elicitation => ELICITATION_JUDGED,
        _ => SAMPLING_REVIEWED,
    };
    Decision::deny(control, "it is too large to be shown whole")
}

/// Takes the metadata out that could say more than the person was shown.
/// Whether a member of the metadata is of the type that it has.
fn fits(name: &str, value: &Json) -> bool {
    match value.value() {
        Value::String(text) if name == "progressToken" => text.len() <= TOKEN,
        Value::Number(_) => name == "progressToken",
        Value::Object(task) => {
            let id = task.get("taskId").and_then(Value::as_str);
            name == RELATED_TASK && task.len() == 1 && id.is_some_and(|id| id.len() <= TOKEN)
        }
        Value::String(_) => name.starts_with("trace"),
        _ => false,
    }
}

fn without_meta(params: Json) -> (Json, Decision) {
    let mut members = params.object().unwrap_or_default();
    let Some(meta) = members.get("_meta").and_then(Json::object) else {
        return (params, Decision::default());
    };
    let mut left = Object::new();
    for (name, value) in
        meta.iter().filter(|(name, value)| META.contains(name) && fits(name, value))
    {
        left.set(name, value.clone());
    }
    // What is left says nothing in words: a form that W3C gave it, or nothing.
    let _cut_below = trace_context_checked::clean(&mut left);
    if left.len() == meta.len() {
        return (params, Decision::default());
    }
    members.set("_meta", left.to_json());
    let why = "its metadata, which nobody is shown";
    let cut = Decision::because(Effect::Allow, METHOD_KNOWN, why);
    (members.to_json(), cut.owing(Obligation::Rewritten))
}
