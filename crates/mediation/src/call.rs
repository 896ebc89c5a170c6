//! Is this tool call in order? Every control that looks at a call, folded.

use std::time::Instant;

use portcullis_catalog::ControlId;
use portcullis_catalog::control::{
    APPROVE_BY_RISK, ARGUMENTS_BOUNDED, ARGUMENTS_MATCH_SCHEMA, CALLS_PER_MINUTE,
    DEFINITION_PINNED, DEFINITIONS_INSPECTED, FLOWS_APART, POLICY_OBEYED, ROOTS_CONTAINED,
    TOOL_KNOWN, TOOLS_LISTED,
};
use portcullis_journal::Event;
use portcullis_policy::rules::ToolFacts;
use portcullis_policy::{Decision, Effect, Policies, Tier};
use portcullis_wire::view::tool::ToolCall;
use portcullis_wire::{Request, canonical};
use serde_json::Value;

use crate::Session;
use crate::approval::{ApprovalKey, Fingerprint, Matter};
use crate::client::misfit;
use crate::control::{arguments_bounded, arguments_match_schema, policy_obeyed};
use crate::correlate::Purpose;
use crate::fetch::Wanted;
use crate::listing::Lookup;
use crate::pin::Section;
use crate::rewrite::arguments_value;
use crate::settle::Refusal;
use crate::without::Layer;

/// A tool call whose tool is known.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) request: Request,
    pub(crate) tool: String,
    /// Canonical arguments: what a person is shown, and what a yes covers.
    pub(crate) canonical: Vec<u8>,
    pub(crate) value: Value,
    /// The client wrote arguments at all.
    pub(crate) given: bool,
    pub(crate) pin: Fingerprint,
    pub(crate) tier: Tier,
}

/// What the model reads when a person did not say yes.
pub(crate) const NOT_APPROVED: &str =
    "not permitted: this call needs a person's approval and was not approved";

/// What the model reads when nothing may leave any more.
const PARTED: &str =
    "not permitted: private data and content from outside came together here, so nothing is sent";

/// What the model reads of a tool that is not there, whoever withheld it.
const UNAVAILABLE: &str = "not permitted: this tool is not available here";

impl Session {
    /// A `tools/call` whose method is in order.
    pub(crate) fn begin_call(&mut self, request: Request, now: Instant) {
        let asked = match ToolCall::read(request.params.as_ref()) {
            Ok(asked) => asked,
            Err(why) => return self.refuse(&request, misfit(why)),
        };
        let listed = self.tool_listed(&asked.name);
        if listed.effect == Effect::Deny {
            return self.refuse(&request, Refusal::tool(listed, UNAVAILABLE));
        }
        match self.tools.find(&asked.name) {
            Lookup::Unsure => self.fetch_first(Wanted::Tools, request, now),
            Lookup::Absent => {
                let decision = Decision::deny(TOOL_KNOWN, "the server lists no such tool");
                self.refuse(&request, Refusal::error(decision, -32602, "unknown tool"));
            }
            Lookup::Known(tool) => {
                let (pin, tier) = (tool.pin.clone(), tool.tier);
                let canonical = asked.arguments.as_ref().map_or_else(|| b"{}".to_vec(), canonical);
                let value = arguments_value(asked.arguments.as_ref());
                let (tool, given) = (asked.name, asked.arguments.is_some());
                let call = Call { request, tool, canonical, value, given, pin, tier };
                self.judge_call(call, listed, now);
            }
        }
    }

    fn judge_call(&mut self, call: Call, listed: Decision, now: Instant) {
        let decision = listed.and(self.opinions(&call));
        let decision = self.spend_quota(decision, now);
        match decision.effect {
            Effect::Deny => {
                let sentence = sentence(&decision);
                self.refuse(&call.request, Refusal::tool(decision, sentence));
            }
            Effect::Ask => self.consult(call, decision),
            Effect::Allow => {
                self.tools.used(&call.tool);
                let mut record = self.about_call(Event::Intent, &call);
                record.decision = decision;
                self.send_reviewed(&call.request, Purpose::ToolCall, record, None, now);
            }
        }
    }

    /// What every control thinks of the call.
    fn opinions(&self, call: &Call) -> Decision {
        let bounded = arguments_bounded::judge(&call.value);
        if bounded.effect == Effect::Deny {
            // Nothing else looks at what is too large to look at.
            return bounded;
        }
        let Lookup::Known(tool) = self.tools.find(&call.tool) else {
            return Decision::deny(TOOL_KNOWN, "the tool is gone");
        };
        if tool.withheld {
            return Decision::deny(DEFINITIONS_INSPECTED, "the tool's definition is withheld");
        }
        let pinned = self.judge_pin(Section::Tool, &call.tool);
        if pinned.effect == Effect::Deny {
            // By whose schema would the arguments be judged?
            return pinned;
        }
        let settings = &self.settings;
        let schema = arguments_match_schema::judge(tool.schema(), &call.value);
        let schema = settings.opinion(Layer::Schema, schema);
        let roots = settings.contained(&call.value, &tool.input);
        let facts = ToolFacts {
            name: &call.tool,
            tier: tool.tier,
            changed: tool.changed(),
            first_open_world_use: settings.open_world && tool.open_world && !tool.used,
        };
        let judge = |rules: &Policies| policy_obeyed::judge(rules, facts, call, &schema, &roots);
        let risk = settings.observed(judge);
        let flow = settings.opinion(Layer::Policy, self.judge_flow(&call.tool, tool, &call.value));
        let bounded = bounded.and(flow);
        bounded.and(pinned).and(self.policy(schema)).and(self.policy(roots)).and(risk)
    }

    /// Spending quota is owed by what may pass: a denied call costs nothing.
    fn spend_quota(&mut self, decision: Decision, now: Instant) -> Decision {
        if decision.effect == Effect::Deny {
            return decision;
        }
        let decision = self.spend_rates(decision, now);
        match self.spend_call(now) {
            Ok(()) => decision,
            Err(wait) => {
                let why = format!("the next call is due in {} s", wait.as_secs() + 1);
                let denied = self.policy(Decision::deny(CALLS_PER_MINUTE, why));
                decision.and(denied)
            }
        }
    }

    /// Whether the server lists a tool of this name.
    #[must_use]
    pub fn lists_tool(&self, name: &str) -> bool {
        matches!(self.tools.find(name), Lookup::Known(_))
    }

    /// Is this tool there at all?
    pub(crate) fn tool_listed(&self, tool: &str) -> Decision {
        self.settings.observed(|rules| rules.judge_listing(tool))
    }

    /// The opinion of a policy control: `--observe` records instead of acting.
    pub(crate) fn policy(&self, decision: Decision) -> Decision {
        if self.settings.observe { decision.observed() } else { decision }
    }

    /// What a yes to this call would cover.
    pub(crate) fn approval_key(&self, call: &Call) -> ApprovalKey {
        let mut covered = call.canonical.clone();
        if let Some(state) = self.continues(call) {
            // Canonical text has no newline of its own.
            covered.push(b'\n');
            covered.extend_from_slice(state.as_bytes());
        }
        ApprovalKey {
            matter: Matter::Tool,
            principal: self.settings.principal.clone(),
            server: self.settings.server.clone(),
            session: self.settings.session.clone(),
            tool: call.tool.clone(),
            definition_pin: call.pin.clone(),
            arguments_digest: Fingerprint::of(&covered),
            policy: self.settings.policy.clone(),
        }
    }
}

/// One neutral sentence for the model, by the first control that denied.
pub(crate) fn sentence(decision: &Decision) -> String {
    const SENTENCES: &[(ControlId, &str)] = &[
        (TOOLS_LISTED, UNAVAILABLE),
        (DEFINITIONS_INSPECTED, UNAVAILABLE),
        (TOOL_KNOWN, UNAVAILABLE),
        (DEFINITION_PINNED, "not permitted: this tool is not as it was approved"),
        (ARGUMENTS_BOUNDED, "not permitted: the arguments are too large"),
        (ROOTS_CONTAINED, "not permitted: a path lies outside the directories that were granted"),
        (CALLS_PER_MINUTE, "not permitted now: too many calls, try again in a minute"),
        (APPROVE_BY_RISK, NOT_APPROVED),
        (FLOWS_APART, PARTED),
        (POLICY_OBEYED, "not permitted: the policy in force here does not allow this call"),
    ];
    let schema = decision.because.iter().find(|because| because.control == ARGUMENTS_MATCH_SCHEMA);
    if let Some(because) = schema {
        // The violation names members and keywords of the schema, never values.
        return format!("not permitted: {}", because.why);
    }
    let first = SENTENCES.iter().find(|(control, _)| decision.names(*control));
    first.map_or("not permitted", |(_, sentence)| sentence).to_owned()
}

/// Text of canonical bytes; they are JSON, so they are UTF-8.
pub(crate) fn shown(canonical: &[u8]) -> String {
    String::from_utf8_lossy(canonical).into_owned()
}

/// The progress token of a request, for keeping its host awake.
pub(crate) fn progress_token(request: &Request) -> Option<portcullis_wire::Id> {
    portcullis_wire::view::lifecycle::Meta::read(request.params.as_ref()).ok()?.progress_token
}
