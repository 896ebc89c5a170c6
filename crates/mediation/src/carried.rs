//! What a tool call carries beside its name and its arguments.
//!
//! Nobody judges it and nobody is shown it, so little of it passes: what the
//! revision knows, and under a person's yes only the metadata that changes
//! nothing about what is done.

use portcullis_catalog::ControlId;
use portcullis_catalog::control::{APPROVAL_EXACT, METHOD_KNOWN};
use portcullis_guard::text::visible;
use portcullis_policy::{Decision, Effect, Obligation};
use portcullis_wire::view::input_request::InputResponses;
use portcullis_wire::{Era, Object};

use crate::Session;
use crate::call::Call;
use crate::control::tasks_bounded;

const LEGACY: &[&str] = &["name", "arguments", "_meta"];
/// Of a call that may go on as a task (2025-11-25).
const TASK: &[&str] = &["name", "arguments", "_meta", "task"];
const MODERN: &[&str] = &["name", "arguments", "_meta", "inputResponses", "requestState"];

/// Metadata that the specification gives a meaning of its own, and of tracing.
const META: &[&str] = &[
    "progressToken",
    "io.modelcontextprotocol/protocolVersion",
    "io.modelcontextprotocol/clientCapabilities",
    "io.modelcontextprotocol/clientInfo",
    "io.modelcontextprotocol/logLevel",
    "traceparent",
    "tracestate",
    "baggage",
];

impl Session {
    /// Takes the members out of a call's parameters that its revision does not know.
    pub(crate) fn cut_call(&self, params: &mut Object, may_task: bool) -> Decision {
        let known = match self.phase.era() {
            Era::Modern => MODERN,
            Era::Legacy if may_task => TASK,
            Era::Legacy => LEGACY,
        };
        cut(params, known, METHOD_KNOWN, "the call").and(tasks_bounded::clamp_wish(params))
    }

    /// What the server wants back with the call that continues an earlier one
    /// (2026-07-28). It decides what is done as much as the arguments do.
    pub(crate) fn continues(&self, call: &Call) -> Option<String> {
        let given = InputResponses::read(call.request.params.as_ref()).ok()?;
        given.state.filter(|_| self.phase.era() == Era::Modern)
    }
}

/// Takes the metadata out that could say more than the person was shown.
pub(crate) fn cut_meta(meta: &mut Object) -> Decision {
    cut(meta, META, APPROVAL_EXACT, "the metadata of an approved call")
}

fn cut(object: &mut Object, known: &[&str], control: ControlId, whose: &str) -> Decision {
    let unknown = object.iter().map(|(name, _)| name).filter(|name| !known.contains(name));
    let unknown: Vec<String> = unknown.map(str::to_owned).collect();
    if unknown.is_empty() {
        return Decision::default();
    }
    for name in &unknown {
        object.remove(name);
    }
    let names: String = unknown.join(", ").chars().take(200).collect();
    let why = format!("{whose} carries {}, which is not passed on", visible(&names));
    Decision::because(Effect::Allow, control, why).owing(Obligation::Rewritten)
}
