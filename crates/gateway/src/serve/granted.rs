//! What somebody known may do: the scopes that a request takes are written for each tool, and
//! decided before a session hears of it (MCP-AUTH-07, MCP-AUTH-08).

use hyper::http::request::Parts;
use portcullis_mediation::judge_scopes;
use portcullis_policy::{Decision, Effect};
use portcullis_transport::http::Refusal;
use portcullis_wire::Message;
use portcullis_wire::view::tool::ToolCall;

use super::front::{Front, Visit};

/// Why somebody known is turned away.
pub(super) struct Away {
    pub(super) refusal: Refusal,
    /// What a control of the catalog says of it, where one does.
    pub(super) decision: Option<Box<Decision>>,
    pub(super) tool: Option<String>,
}

impl From<Refusal> for Away {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, decision: None, tool: None }
    }
}

impl Front {
    /// Whoever asks may do this, or is told at once all that it takes.
    pub(super) fn may<'m>(
        &self,
        parts: &Parts,
        messages: impl Iterator<Item = &'m Message>,
        visit: &Visit<'_>,
    ) -> Result<(), Away> {
        let mut needed = self.serve.scopes.clone();
        let mut tools = Vec::new();
        if let Some(more) = self.serve.needed.get(visit.name()) {
            needed.extend(more.of(None));
            tools.extend(messages.filter_map(called));
            needed.extend(tools.iter().flat_map(|tool| more.of(Some(tool))));
        }
        let decision = judge_scopes(&needed, visit.guest.scopes());
        if decision.effect == Effect::Allow {
            return Ok(());
        }
        let refusal = self.gatekeeper.lacks(parts, &needed);
        Err(Away { refusal, decision: Some(Box::new(decision)), tool: tools.into_iter().next() })
    }
}

/// The tool that a message calls.
fn called(message: &Message) -> Option<String> {
    let Message::Request(request) = message else { return None };
    if request.method != "tools/call" {
        return None;
    }
    // One that names none is refused by its session; until then it may be any.
    Some(ToolCall::read(request.params.as_ref()).map(|call| call.name).unwrap_or_default())
}
