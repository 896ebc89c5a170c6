//! What somebody known may do: the scopes that a request takes are written for each tool, and
//! decided before a session hears of it (MCP-AUTH-07, MCP-AUTH-08).

use hyper::http::request::Parts;
use portcullis_mediation::judge_scopes;
use portcullis_policy::{Decision, Effect};
use portcullis_transport::http::Refusal;
use portcullis_wire::Message;

use super::front::Front;
use super::visit::{Target, Visit};

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
        let more = |name| self.serve.needed.get(name);
        match &visit.target {
            Target::One(plan) => {
                needed.extend(more(&plan.server.name).into_iter().flat_map(|more| more.of(None)));
            }
            // Where nothing may be done with any of them, whoever asks is told what that would take.
            Target::All(all) if visit.seats(&self.serve).is_empty() => {
                let all = all.iter().filter_map(|(plan, _)| more(&plan.server.name));
                needed.extend(all.flat_map(|more| more.of(None)));
            }
            Target::All(_) => {}
        }
        for message in messages {
            let Message::Request(request) = message else { continue };
            let Some((server, tool)) = visit.asks_whom(request) else { continue };
            let of = more(server).into_iter().flat_map(|more| more.of(tool.as_deref()));
            needed.extend(of);
            tools.extend(tool);
        }
        let decision = judge_scopes(&needed, visit.guest.scopes());
        if decision.effect == Effect::Allow {
            return Ok(());
        }
        let refusal = self.gatekeeper.lacks(parts, &needed);
        Err(Away { refusal, decision: Some(Box::new(decision)), tool: tools.into_iter().next() })
    }
}
