//! Whatever a server says is inspected on its way to the client: where the
//! controls that look at texts meet the session.
//!
//! An answer meets them in this order: its structure, its trace context, its
//! texts, and, when it is an error, what it tells of the machine.

use portcullis_catalog::ControlId;
use portcullis_catalog::control::{
    DEFINITIONS_INSPECTED, RESULTS_INSPECTED, SAMPLING_REVIEWED, STRUCTURED_RESULTS_MATCH,
};
use portcullis_guard::secret;
use portcullis_policy::{Decision, Effect, Inspect, Tier, Treatment};
use portcullis_wire::leaves::Place;
use portcullis_wire::{
    Era, Json, Notification, Object, Outcome, Peer, Request, Revision, RpcError,
};

use crate::Session;
use crate::answer::is_failure;
use crate::control::results_inspected::{Look, Seen, look};
use crate::control::{
    definitions_inspected, errors_sanitised, open_world_marked, structured_results_match,
    trace_context_checked,
};
use crate::correlate::{InFlight, Purpose};
use crate::listing::Tool;
use crate::output::Output;
use crate::without::Layer;

/// Longest line about an error in the side log, in characters.
const DETAILS: usize = 4096;

impl Session {
    /// The server's answer as it may go on. When the decision denies, it may not.
    pub(crate) fn inspect_answer(
        &mut self,
        row: &InFlight,
        outcome: Outcome,
    ) -> (Outcome, Decision) {
        match outcome {
            Outcome::Error(error) => {
                let (error, decision) = self.inspect_error(row, error);
                (Outcome::Error(error), decision)
            }
            Outcome::Result(result) => {
                let (result, decision) = self.inspect_result(row, result);
                (Outcome::Result(result), decision)
            }
        }
    }

    pub(crate) fn inspect_error(
        &mut self,
        row: &InFlight,
        error: RpcError,
    ) -> (RpcError, Decision) {
        let mut members = Object::new();
        members.set("message", Json::string(&error.message));
        if let Some(data) = &error.data {
            members.set("data", data.clone());
        }
        let (whole, decision) = self.inspect_texts(members.to_json(), |_| false);
        let (whole, leaks) = self.sanitise(row, whole, |_| true);
        let members = whole.object().unwrap_or_default();
        let message = members.get("message").and_then(Json::as_text).unwrap_or_default();
        let data = members.get("data").cloned();
        (RpcError { code: error.code, message, data }, decision.and(leaks))
    }

    pub(crate) fn inspect_result(&mut self, row: &InFlight, result: Json) -> (Json, Decision) {
        let mut decision = self.policy(self.fits(row, &result));
        if decision.effect == Effect::Deny {
            return (result, decision);
        }
        let mut result = result;
        if let Some((clean, cut)) = trace_context_checked::clean_in(&result) {
            (result, decision) = (clean, decision.and(cut));
        }
        let (mut result, found) = self.inspect_by_purpose(row, result);
        let rewritten = !found.because.is_empty();
        decision = decision.and(found);
        if decision.effect == Effect::Deny || row.purpose != Purpose::ToolCall {
            return (result, decision);
        }
        if rewritten {
            // The host judges by the same schema: what no longer fits helps nobody.
            decision = decision.and(self.policy(self.fits(row, &result)));
        }
        if is_failure(&result) && self.tier(row) != Some(Tier::Exec) {
            let (clean, leaks) = self.sanitise(row, result, is_content_text);
            (result, decision) = (clean, decision.and(leaks));
        }
        if self.is_from_outside(row)
            && let Some((marked, mark)) = open_world_marked::mark(&result)
        {
            (result, decision) = (marked, decision.and(mark));
        }
        (result, decision)
    }

    /// Definitions and handshakes are looked at more strictly than results.
    fn inspect_by_purpose(&mut self, row: &InFlight, result: Json) -> (Json, Decision) {
        let seal = self.seal();
        let definitions = self.definitions_look(&seal);
        if let Purpose::Initialize | Purpose::Discover = row.purpose {
            return self
                .unless_observed(&result, definitions_inspected::opening(&result, definitions));
        }
        let member = definitions_inspected::member_of(&row.method);
        let mut first = (result, Decision::default());
        if let Some(member) = member {
            let left = definitions_inspected::listing(&first.0, member, definitions);
            first = self.unless_observed(&first.0, left);
        }
        drop(seal);
        if row.method == "prompts/list" {
            self.prompts.learn(&first.0);
        }
        let listed = if row.purpose == Purpose::ToolsList { Some("tools") } else { member };
        let of_entries =
            |place: &Place<'_>| listed.is_some() && place.member(0).as_deref() == listed;
        let (result, found) = self.inspect_texts(first.0, of_entries);
        (result, first.1.and(found))
    }

    /// One definition of a tool as it may be listed; nothing when it is withheld.
    pub(crate) fn inspect_definition(&self, entry: &Json) -> (Option<Json>, Decision) {
        let seal = self.seal();
        let (usable, unusable) = structured_results_match::without_unusable(entry)
            .unwrap_or_else(|| (entry.clone(), Decision::default()));
        let (kept, decision) = definitions_inspected::entry(&usable, self.definitions_look(&seal));
        let decision = decision.and(unusable);
        if self.settings.observe && !decision.because.is_empty() {
            return (Some(entry.clone()), decision.observed());
        }
        (kept, decision)
    }

    /// A notification as it may go on; nothing when it was dropped.
    pub(crate) fn inspect_said(
        &mut self,
        from: Peer,
        said: Notification,
    ) -> Option<(Notification, Decision)> {
        if said.method == "notifications/prompts/list_changed" {
            self.prompts.doubt();
        }
        let Some(params) = said.params.clone() else { return Some((said, Decision::default())) };
        let (params, mut decision) =
            trace_context_checked::clean_in(&params).unwrap_or((params, Decision::default()));
        let mut params = params;
        if from == Peer::Server {
            if let Some((related, cut)) = self.tasks.related(&params) {
                (params, decision) = (related, decision.and(cut));
            }
            let (clean, found) = self.inspect_texts(params, |_| false);
            (params, decision) = (clean, decision.and(found));
        }
        let said = Notification { method: said.method, params: Some(params) };
        if decision.effect == Effect::Deny {
            self.drop_said(from, &said, decision);
            return None;
        }
        Some((said, decision))
    }

    /// A server's request as it may go on. When the decision denies, it may not.
    pub(crate) fn inspect_asked(&self, request: Request) -> (Request, Decision) {
        let Some(params) = request.params.clone() else { return (request, Decision::default()) };
        let (params, cut) =
            trace_context_checked::clean_in(&params).unwrap_or((params, Decision::default()));
        let (params, of_task) =
            self.tasks.related(&params).unwrap_or((params, Decision::default()));
        let cut = cut.and(of_task);
        let (params, found) = self.inspect_texts(params, |_| false);
        (Request { params: Some(params), ..request }, cut.and(found))
    }

    /// What the host's model answered, as it may go to the server.
    pub(crate) fn inspect_model(&self, answer: &Json) -> (Json, Decision) {
        let seal = self.seal();
        let off = Treatment::Off;
        let secrets = self.settings.inspect.secrets;
        let how = self.how(SAMPLING_REVIEWED, off, off, secrets, &seal);
        let Seen { other, decision } = look(answer, how, |_| false);
        (other.unwrap_or_else(|| answer.clone()), decision)
    }

    pub(crate) fn inspect_texts(
        &self,
        json: Json,
        skip: impl Fn(&Place<'_>) -> bool,
    ) -> (Json, Decision) {
        let Inspect { hidden, instructions, secrets, .. } = self.settings.inspect;
        let seal = self.seal();
        let how = self.how(RESULTS_INSPECTED, hidden, instructions, secrets, &seal);
        let Seen { other, decision } = look(&json, how, skip);
        let seen = other.unwrap_or_else(|| json.clone());
        self.unless_observed(&json, (seen, decision))
    }

    /// `--observe` records what was found, and changes nothing.
    fn unless_observed(&self, before: &Json, after: (Json, Decision)) -> (Json, Decision) {
        if self.settings.observe && !after.1.because.is_empty() {
            return (before.clone(), after.1.observed());
        }
        after
    }

    fn how<'a>(
        &self,
        control: ControlId,
        hidden: Treatment,
        instructions: Treatment,
        secrets: Treatment,
        seal: &'a dyn Fn(&str) -> String,
    ) -> Look<'a> {
        Look { control, hidden, instructions, secrets, places: Treatment::Off, seal }
    }

    fn definitions_look<'a>(&self, seal: &'a dyn Fn(&str) -> String) -> Look<'a> {
        let Inspect { definitions, secrets, .. } = self.settings.inspect;
        let how = self.how(DEFINITIONS_INSPECTED, definitions, definitions, secrets, seal);
        Look { places: definitions, ..how }
    }

    /// Eight digits that only the holder of the journal's key can make.
    fn seal(&self) -> impl Fn(&str) -> String + '_ {
        |text| {
            let digest = self.settings.redactor.digest(text.as_bytes());
            digest.as_str().chars().skip("hmac-sha256:".len()).take(8).collect()
        }
    }

    /// Whether a structured result is what its tool declared.
    fn fits(&self, row: &InFlight, result: &Json) -> Decision {
        if self.settings.without.is(Layer::Schema) {
            return Decision::default();
        }
        // Output schemas exist since 2025-06-18.
        let since = self.phase.revision().is_some_and(|now| now >= Revision::V2025_06_18);
        let tool = self.called(row).filter(|_| since && row.purpose == Purpose::ToolCall);
        let Some(schema) = tool.and_then(Tool::output_schema) else { return Decision::default() };
        match result.object() {
            // A call that is left open has no result yet.
            Some(members) if self.is_left_open(&members) => Decision::default(),
            Some(members) => structured_results_match::judge(schema, &members),
            None => Decision::deny(STRUCTURED_RESULTS_MATCH, "the result is no object"),
        }
    }

    fn is_left_open(&self, members: &Object) -> bool {
        self.phase.era() == Era::Modern && members.get("inputRequests").is_some()
    }

    /// The tool that was called; of a task, as it was then.
    pub(crate) fn called(&self, row: &InFlight) -> Option<&Tool> {
        match &row.carries.late {
            Some(late) => self.tasks.find(&late.task)?.tool.as_ref(),
            None => self.tools.last(row.subject.as_deref()?),
        }
    }

    fn tier(&self, row: &InFlight) -> Option<Tier> {
        self.called(row).map(|tool| tool.tier)
    }

    fn is_from_outside(&self, row: &InFlight) -> bool {
        self.settings.inspect.open_world > Treatment::Off
            && self.settings.open_world
            && self.called(row).is_none_or(|tool| tool.open_world)
    }

    /// An error without what it tells of the machine; the whole is in the side log.
    pub(crate) fn sanitise(
        &mut self,
        row: &InFlight,
        error: Json,
        concerned: impl Fn(&Place<'_>) -> bool,
    ) -> (Json, Decision) {
        if self.settings.inspect.errors == Treatment::Off {
            return (error, Decision::default());
        }
        let reference = format!("{}-{}", self.settings.session, row.call);
        let (roots, cwd) = (&self.settings.roots, self.settings.cwd.as_deref());
        let granted = |place: &str| roots.judge(place, cwd).is_ok();
        let Some((clean, decision)) =
            errors_sanitised::sanitise(&error, &reference, granted, concerned)
        else {
            return (error, Decision::default());
        };
        let details: String = secret::redact(error.text()).chars().take(DETAILS).collect();
        self.outputs.push_back(Output::Log(format!("error {reference}: {details}")));
        (clean, decision)
    }
}

fn is_content_text(place: &Place<'_>) -> bool {
    place.member(0).as_deref() == Some("content") && place.name().as_deref() == Some("text")
}
